"""The catalogue: raw lines to a finished build, against reading them and against SQLite.

The limit: DuckDB merely reads the same JSON Lines. The peer: the same rows loaded into one SQLite
table with the indexes that the reference archive has (id, ISRC, artist). Ratios are of CPU-seconds,
which other work on the machine disturbs less. Identity is scored on a made-up open dump whose truth
the build never sees: as it is, and by each path alone (only codes left, only MBIDs, neither).
"""

import json
import resource
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from bench.columns import catalogue_columns
from bench.pairs import score
from bench.stages import Taken, phonotheque, run_stage

SIZES = {"small": (100_000, 400_000), "large": (4_000_000, 64_000_000)}
OPEN_TRACKS = {"small": 40_000, "large": 1_000_000}
PIECE = 4_000_000  # tracks that are made up, ingested and deleted at a time
MEMORY = {"small": "2GB", "large": "6GB"}
COLUMNS = {
    **dict.fromkeys(
        ("source_key", "title", "artist_credit", "release_title", "release_artist"), "VARCHAR"
    ),
    "release_key": "VARCHAR",
    "release_year": "SMALLINT",
    "label": "VARCHAR",
    "disc": "SMALLINT",
    "position": "INTEGER",
    "duration_ms": "INTEGER",
    "isrcs": "VARCHAR",
}
_SHOWN = 0.05  # bytes a track from which a column is named
_PATHS = {  # what is left of the rows, and which of them
    "isrc": ("* REPLACE (NULL::VARCHAR AS recording_mbid)", "isrcs IS NOT NULL"),
    "mbid": ("* REPLACE (NULL::VARCHAR AS isrcs)", "recording_mbid IS NOT NULL"),
    "no_codes": (
        "* REPLACE (NULL::VARCHAR AS isrcs, NULL::VARCHAR AS recording_mbid)",
        "true",
    ),
}


class Archive:
    """An archive of the bench's own, and what its commands took."""

    def __init__(self, root: Path, memory: str) -> None:
        self.root = root
        self.memory = memory
        self.taken: list[Taken] = []
        phonotheque(
            *("init", root, "--name", "Bench", "--publisher", "bench", "--seat", "NL"),
            *("--keys", root.with_name(root.name + "-keys")),
            watch=root,
        )

    def run(self, *arguments: object) -> Taken:
        """One command, with its cost kept."""
        taken = phonotheque(*arguments, watch=self.root)
        self.taken.append(taken)
        return taken

    def ingest(self, file: Path, source: str) -> Taken:
        """One more import of `source`."""
        return self.run("ingest", self.root, file, "--source", source)

    def build(self) -> Taken:
        """The catalogue of what was ingested."""
        return self.run("build", self.root, "--memory", self.memory)

    @property
    def cpu_seconds(self) -> float:
        """Of everything so far."""
        return sum(t.cpu_seconds for t in self.taken)


def make_dump(out: Path, profile: str, tracks: int, *more: object) -> None:
    """A dump in `out`."""
    command = ("synth", out, "--profile", profile, "--tracks", tracks, "--seed", 1, *more)
    phonotheque(*command, watch=out)


def limit_reading(lines: Path) -> float:
    """CPU-seconds for DuckDB to read every column of the lines once."""
    used = ", ".join(f"max({name})" for name in COLUMNS)
    return _cpu_of(
        lambda: (
            duckdb.connect(config={"threads": 2})
            .execute(f"SELECT {used} FROM {_read(lines)}")
            .fetchall()
        )
    )


def peer_sqlite(lines: Path, target: Path) -> float:
    """CPU-seconds to load the lines into SQLite, its three indexes included."""

    def load() -> None:
        with sqlite3.connect(target) as db:
            db.execute(f"CREATE TABLE tracks ({', '.join(COLUMNS)})")
            marks = ", ".join("?" * len(COLUMNS))
            for rows in _rows(lines):
                db.executemany(f"INSERT INTO tracks VALUES ({marks})", rows)
            for column in ("source_key", "isrcs", "artist_credit"):
                db.execute(f"CREATE INDEX by_{column} ON tracks ({column})")
        db.close()

    return _cpu_of(load)


def _rows(lines: Path) -> Iterator[list[tuple[Any, ...]]]:
    reader = duckdb.connect(config={"threads": 2}).execute(f"SELECT * FROM {_read(lines)}")
    while rows := reader.fetchmany(50_000):
        yield rows


def _read(lines: Path) -> str:
    columns = ", ".join(f"{name}: '{type_}'" for name, type_ in COLUMNS.items())
    return f"read_json('{lines}', format='newline_delimited', columns={{{columns}}})"


def _cpu_of(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def measure_other(what: str, lines: Path, target: Path) -> dict[str, float]:
    """The limit or the peer in a process of its own."""
    command = [sys.executable, "-m", "bench.catalogue", what, str(lines), str(target)]
    taken = run_stage(command, watch=target.parent, cwd=Path(__file__).parents[1])
    return dict(taken.said) | {"wall_seconds": taken.wall_seconds}


def build_whole(root: Path, tracks: int, memory: str) -> Archive:
    """An archive with a coded dump of `tracks`, made up and ingested piece by piece."""
    archive, pieces = Archive(root, memory), -(-tracks // PIECE)
    dump = root.with_name(root.name + "-dump")
    for piece in range(pieces):
        more = ("--pieces", pieces, "--piece", piece, "--format", "jsonl", "--no-truth")
        make_dump(dump, "coded", tracks, *more)
        archive.ingest(dump / f"synth-{piece:05d}.jsonl", f"synth-{piece:02d}")
        for file in dump.iterdir():
            file.unlink()
    archive.build()
    return archive


def touch(lines: Path, target: Path) -> None:
    """The dump of a month later: in one release of a hundred the tracks are 300 ms longer."""
    longer = "duration_ms + if(release_key::BIGINT % 100 = 7, 300, 0) AS duration_ms"
    kept = f"SELECT * REPLACE ({longer}) FROM {_read(lines)}"
    duckdb.execute(f"COPY ({kept}) TO '{target}' (FORMAT parquet)")


def score_identity(root: Path, tracks: int, memory: str) -> dict[str, float]:
    """Precision and recall by pairs: of the open dump as it is, and by each path alone."""
    dump = root / "open"
    found: dict[str, float] = {}
    make_dump(dump, "open", tracks)
    truth = dump / "truth-00000.parquet"
    sources = [p for p in sorted(dump.glob("*.parquet")) if "-listens-" not in p.name]
    sources = [p for p in sources if p != truth]
    for path in ("", *_PATHS):
        archive = Archive(root / f"identity-{path}", memory)
        for file in sources:
            left = file
            if path:
                columns, which = _PATHS[path]
                left = root / file.name
                kept = f"SELECT {columns} FROM '{file}' WHERE {which}"
                duckdb.execute(f"COPY ({kept}) TO '{left}' (FORMAT parquet)")
                if not duckdb.execute(f"SELECT count(*) FROM '{left}'").fetchall()[0][0]:
                    continue
            archive.ingest(left, file.name.partition("-")[0])
        archive.build()
        result, name = score(archive.root, truth), f"_{path}" if path else ""
        found |= {
            f"identity_precision{name}": result.precision,
            f"identity_recall{name}": result.recall,
            f"identity_rows{name}": result.rows,
        }
    return found


def run(
    scale: str, *, tracks: str | None = None, grown: str | None = None, opened: str | None = None
) -> dict[str, Any]:
    """The figures in the common form. `tracks` and `grown`: other sizes than those of the scale;
    `opened`: tracks of the open dump that identity is scored on."""
    small, large = int(tracks or SIZES[scale][0]), int(grown or SIZES[scale][1])
    memory = MEMORY[scale]
    with TemporaryDirectory(prefix="phonotheque-bench-") as folder:
        root = Path(folder)
        make_dump(root, "coded", small, "--format", "jsonl", "--no-truth")
        lines = root / "synth-00000.jsonl"
        archive = Archive(root / "archive", memory)
        ingested, built = archive.ingest(lines, "synth"), archive.build()
        columns = catalogue_columns(archive.root)
        limit = measure_other("limit", lines, root / "nothing")
        peer = measure_other("peer", lines, root / "peer.sqlite")
        touch(lines, root / "touched.parquet")
        later = archive.ingest(root / "touched.parquet", "synth")
        updated = archive.build()
        larger = build_whole(root / "grown", large, memory)
        grown_columns = catalogue_columns(larger.root)
        identity = score_identity(root, int(opened or OPEN_TRACKS[scale]), memory)
    cost = ingested.cpu_seconds + built.cpu_seconds
    more = [*archive.taken, *larger.taken]
    per_row = {small: cost / small, large: larger.cpu_seconds / large}
    build_per_row = built.cpu_seconds / small, larger.taken[-1].cpu_seconds / large
    ours = {
        "rows": small,
        "rows_per_s": small / (ingested.wall_seconds + built.wall_seconds),
        "rows_per_s_large": large / sum(t.wall_seconds for t in larger.taken),
        "ingest_cpu_seconds": ingested.cpu_seconds,
        "build_cpu_seconds": built.cpu_seconds,
        "update_ingest_cpu_seconds": later.cpu_seconds,
        "update_cpu_seconds": updated.cpu_seconds,
        **{f"cpu_seconds_per_million_at_{n}": c * 1e6 for n, c in per_row.items()},
        "bytes_per_track": sum(columns.values()) / small,
        "bytes_per_track_large": sum(grown_columns.values()) / large,
        "peak_memory_gb": max(t.peak_memory_gb for t in more),
        "peak_disk_bytes_per_track": max(t.peak_disk_bytes for t in larger.taken) / large,
        **identity,
        **{
            f"bytes_per_track_{name.replace('.', '_')}": size / large
            for name, size in grown_columns.items()
            if size / large >= _SHOWN
        },
    }
    return {
        "ours": ours,
        "peers": {
            "sqlite_cpu_seconds": peer["cpu_seconds"],
            "sqlite_wall_seconds": peer["wall_seconds"],
            "sqlite_bytes_per_track": peer["bytes"] / small,
        },
        "limits": {
            "read_cpu_seconds": limit["cpu_seconds"],
            "read_wall_seconds": limit["wall_seconds"],
            "memory_gb": 8,
            "bytes_per_track": 60,
        },
        "ratios": {
            "build_vs_read_limit": cost / limit["cpu_seconds"],
            "build_vs_sqlite": cost / peer["cpu_seconds"],
            "update_vs_build": updated.cpu_seconds / built.cpu_seconds,
            "growth_of_cost_per_row": per_row[large] / per_row[small],
            "growth_of_build_cost_per_row": build_per_row[1] / build_per_row[0],
        },
    }


def _main(what: str, lines: Path, target: Path) -> None:
    if what == "limit":
        seconds, size = limit_reading(lines), 0
    else:
        seconds = peer_sqlite(lines, target)
        size = target.stat().st_size
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    json.dump({"cpu_seconds": seconds, "bytes": size, "peak_memory_gb": used / 1e9}, sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
