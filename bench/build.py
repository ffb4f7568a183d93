"""Building the catalogue from synthetic rows: speed, memory, bytes, and what an update costs.

Ours: a first build, then one after an import that touches 1 % of the rows. Limit: DuckDB merely
reading the same files. Peer: the same rows loaded into SQLite with an index on code and title.
CPU seconds count all threads; the build runs in a process of its own, so that its peak is its own.
"""

import json
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from phonotheque.catalogue import (
    BuildInputs,
    ImportFiles,
    Summary,
    build_catalogue,
    work_directory,
)
from phonotheque.engine import LocalEngine
from phonotheque.model.progress import Silent
from phonotheque.model.tables import LISTENS, ROWS
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table

ROWS_AT = {"small": 50_000, "large": 2_000_000}
BATCH = 100_000
MEMORY = "2GB"
CUTS = (50.0, 80.0, 95.0, 99.0, 99.6, 100.0)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    wall_seconds: float
    cpu_seconds: float


def synthetic_rows(start: int, count: int) -> pa.Table:
    """Rows `start`… of a made-up source: three in four have a code, one in twelve shares it."""
    i = np.arange(start, start + count)
    code = np.where(i % 4 == 3, -1, np.where(i % 3 == 0, i - i % 6, i))
    artist = (i // 30) % 400_000
    columns: dict[str, Any] = {name: pa.nulls(count, ROWS.field(name).type) for name in ROWS.names}
    album = [f"album {k // 10:x}" for k in i]
    name = [f"name {k * 2654435761 % 2**32:x}" for k in artist]
    title = [f"title {(k if c < 0 else c) * 40503 % 2**31:x}" for k, c in zip(i, code, strict=True)]
    codes = [[f"USABC{c:07d}"] if c >= 0 else [] for c in code]
    text = {
        "source_key": [f"{k:09x}" for k in i],
        "title": title,
        "title_norm": title,
        "artist_credit": name,
        "artist_norm": name,
        "release_title": album,
        "release_norm": album,
        "isrcs": codes,
        "isrcs_raw": codes,
        "release_key": [f"r{k // 10:x}" for k in i],
        "origin": ["rows.csv"] * count,
    }
    columns |= {k: pa.array(v, ROWS.field(k).type) for k, v in text.items()}
    columns |= {
        "evidence": pa.array([[]] * count, ROWS.field("evidence").type),
        "origin_row": pa.array(i + 1),
        "duration_ms": pa.array((120_000 + np.maximum(code, i % 7) % 200_000).astype(np.int32)),
        "release_year": pa.array((1950 + i // 10 % 75).astype(np.int16)),
        "disc": pa.array(np.ones(count, np.int16)),
        "position": pa.array((i % 10 + 1).astype(np.int32)),
    }
    return pa.table([columns[name] for name in ROWS.names], schema=ROWS)


def write_imports(root: Path, rows: int) -> tuple[list[ImportFiles], ImportFiles]:
    """A first import and its listens below `root`."""
    path = root / "rows-00000.parquet"
    starts = range(0, rows, BATCH)
    write_table(path, ROWS, (synthetic_rows(s, min(BATCH, rows - s)) for s in starts))
    listens = root / "listens-00000.parquet"
    write_table(listens, LISTENS, _listens(rows))
    return [ImportFiles("synth", "0001", 1, (path,))], ImportFiles("l", "0001", 1, (listens,))


def write_update(root: Path, rows: int) -> ImportFiles:
    """A second import: the first 1 % of the rows again, with a year of their own."""
    path = root / "rows-update.parquet"
    table = synthetic_rows(0, max(rows // 100, 1))
    years = pa.array(np.full(table.num_rows, 1949, np.int16))
    at = ROWS.names.index("year")
    write_table(path, ROWS, [table.set_column(at, ROWS.field("year"), years)])
    return ImportFiles("synth", "0002", 2, (path,))


def _listens(rows: int) -> Iterator[pa.Table]:
    for start in range(0, rows, BATCH):
        i = np.arange(start, min(start + BATCH, rows))
        yield pa.table(
            [
                pa.array(["source"] * len(i)),
                pa.array([f"synth:{k:09x}" for k in i]),
                pa.array((1e6 / (1 + i * 7919 % rows)).astype(np.int64)),
                pa.nulls(len(i), pa.int64()),
            ],
            schema=LISTENS,
        )


def build_once(root: Path, rows: list[ImportFiles], listens: ImportFiles) -> dict[str, Any]:
    """One build in `root`; figures of this process."""
    tree = Tree(root)
    inputs = BuildInputs(rows, [listens], CUTS, 4_194_304)
    engine = LocalEngine(work_directory(tree), memory=MEMORY)
    wall, cpu = time.perf_counter(), time.process_time()
    made = build_catalogue(tree, inputs, engine, lambda _: Summary(None, "DENY", "DENY"), Silent())
    cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    work = sum(p.stat().st_size for p in work_directory(tree).rglob("*") if p.is_file())
    engine.close()
    return cost | {
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "work_bytes": work,
        "recordings": made.recordings,
        "bytes": {s.path: s.bytes for s in made.shards},
    }


def _in_process(root: Path, rows: int, *, update: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.build", str(root), str(rows), str(int(update))]
    done = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[1])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def read_limit(path: Path) -> Cost:
    """DuckDB reads every column of the rows once."""
    columns = ", ".join(f"max({name})" for name in ROWS.names)
    wall, cpu = time.perf_counter(), time.process_time()
    duckdb.connect(config={"threads": 2}).execute(f"SELECT {columns} FROM '{path}'").fetchall()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def sqlite_peer(source: Path, target: Path) -> Cost:
    """The rows as one SQLite table with the indexes that look-ups need."""
    reader = duckdb.connect().execute(
        "SELECT source_key, title, artist_credit, release_title, release_year, position, "
        f"duration_ms, isrcs[1] FROM '{source}'"
    )
    wall, cpu = time.perf_counter(), time.process_time()
    with sqlite3.connect(target) as db:
        db.execute("CREATE TABLE t (id, title, artist, album, year, position, ms, isrc)")
        while rows := reader.fetchmany(50_000):
            db.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        for column in ("id", "isrc", "artist"):
            db.execute(f"CREATE INDEX by_{column} ON t ({column})")
    db.close()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def run(scale: str) -> dict[str, Any]:
    """The figures in the common form."""
    rows = ROWS_AT[scale]
    with TemporaryDirectory() as folder:
        root = Path(folder)
        write_imports(root, rows)
        write_update(root, rows)
        first = _in_process(root, rows, update=False)
        second = _in_process(root, rows, update=True)
        source = root / "rows-00000.parquet"
        limit = read_limit(source)
        peer = sqlite_peer(source, root / "peer.sqlite")
        peer_bytes = (root / "peer.sqlite").stat().st_size
    total = sum(first["bytes"].values())
    new = sum(size for path, size in second["bytes"].items() if path not in first["bytes"])
    return {
        "ours": {
            "rows": rows,
            "recordings": first["recordings"],
            "build_seconds": first["wall"],
            "build_cpu_seconds": first["cpu"],
            "rows_per_s": rows / first["wall"],
            "peak_memory_gb": first["peak_memory_bytes"] / 1e9,
            "work_bytes_per_track": first["work_bytes"] / rows,
            "bytes_per_track": total / rows,
            "update_seconds": second["wall"],
            "update_cpu_seconds": second["cpu"],
            "update_new_bytes_per_track": new / rows,
        },
        "peers": {
            "sqlite_seconds": peer.wall_seconds,
            "sqlite_cpu_seconds": peer.cpu_seconds,
            "sqlite_bytes_per_track": peer_bytes / rows,
        },
        "limits": {
            "read_seconds": limit.wall_seconds,
            "read_cpu_seconds": limit.cpu_seconds,
            "memory_bytes": 8_000_000_000,
        },
        "ratios": {
            "build_vs_read_limit": first["cpu"] / limit.cpu_seconds,
            "build_vs_sqlite": first["cpu"] / peer.cpu_seconds,
            "update_vs_build": second["cpu"] / first["cpu"],
        },
    }


def _main(root: Path, rows: int, update: bool) -> None:
    imports = [ImportFiles("synth", "0001", 1, (root / "rows-00000.parquet",))]
    listens = ImportFiles("l", "0001", 1, (root / "listens-00000.parquet",))
    if update:
        imports.append(ImportFiles("synth", "0002", 2, (root / "rows-update.parquet",)))
    json.dump(build_once(root, imports, listens), sys.stdout)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1")
