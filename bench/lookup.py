"""Look-up by code: one at a time, 100,000 in one call, warm and cold, beside SQLite.

On the catalogue of `bench search` (100,000 recordings small, 5 million large, or ``documents=N``;
``keep=DIR`` to use what is there, ``edition=DIR`` and ``index=DIR`` of an archive). Of each kind of
identifier (isrc, upc, mbid, source, number, public_id) 2,000 are drawn evenly: milliseconds to the
numbers (``isrc_p50_ms``), and with whole rows (``isrc_rows_p50_ms``). Cold: each kind by a new
process, after the files were dropped from the page cache. A batch is 100,000 of a kind in one call,
its rows as they are fetched after it. SQLite: a table of codes, its primary key, in one file; asked
for one in one statement, for a batch by a join with a table of what is wanted.
"""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bench.engines import OURS, Workshop, evict, size_of, watch
from bench.peer_texts import open_tables
from bench.planting import DATA_VARIABLE, counts, ensure_planted
from phonotheque.model.edition import EditionManifest
from phonotheque.model.numbers import IdKey, Kind, format_public_ids
from phonotheque.search import SearchIndex
from phonotheque.storage.documents import read_document

DOCUMENTS = {"small": 100_000, "large": 5_000_000}
SINGLE = 2_000
COLD = 200
BATCH = 100_000
LIMITS = {"isrc_p99_ms": 1.0, "batch_per_s": 100_000.0}

_DRAWN = {
    "isrc": "SELECT isrcs[1] AS code FROM recordings WHERE len(isrcs) > 0",
    "upc": "SELECT barcode AS code FROM releases WHERE barcode IS NOT NULL",
    "mbid": "SELECT recording_mbid AS code FROM recordings WHERE recording_mbid IS NOT NULL",
    "source": "SELECT 'source:' || source || ':' || source_key AS code FROM tracks",
    "number": "SELECT number::VARCHAR AS code FROM recordings",
}


def run(
    scale: str,
    *,
    documents: str = "",
    data: str = "",
    keep: str = "",
    edition: str = "",
    index: str = "",
    cold: str = "yes",
) -> dict[str, Any]:
    """Draw codes, look them up."""
    with ExitStack() as stack:
        folder = keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-lookup-"))
        Path(folder).mkdir(parents=True, exist_ok=True)
        workshop = Workshop.at(Path(folder), edition, index)
        if not edition:
            where = data or os.environ.get(DATA_VARIABLE, "")
            ensure_planted(workshop, int(documents or DOCUMENTS[scale]), where)
        workshop.ensure(OURS)
        codes = draw_codes(workshop)
        ours: dict[str, Any] = {"documents": counts(workshop)[0]}
        for name, drawn in codes.items() if cold == "yes" else ():
            evict([workshop.index])
            ms, _ = watch(_cold, workshop.index, drawn[:COLD])
            ours |= _percentiles(ms, f"{name}_cold_")
        warm, taken = watch(_warm, workshop.index, codes)
        ours |= warm | {"serving_peak_bytes": taken["peak_bytes"]}
        peers = _sqlite(workshop, codes["isrc"])
    ratios = {name: peers[f"sqlite_{name}"] / ours[name] for name in ("isrc_p50_ms", "isrc_p99_ms")}
    ratios["batch_per_s"] = ours["batch_per_s"] / peers["sqlite_batch_per_s"]
    return {"ours": ours, "peers": peers, "limits": dict(LIMITS), "ratios": ratios}


def draw_codes(workshop: Workshop) -> dict[str, list[str]]:
    """Up to `BATCH` codes of each kind, drawn evenly, in no order."""
    out: dict[str, list[str]] = {}
    rng = np.random.default_rng(3)
    with open_tables(workshop.edition) as connection:
        for name, query in _DRAWN.items():
            found = connection.execute(
                f"SELECT code FROM ({query}) USING SAMPLE reservoir({BATCH} ROWS) REPEATABLE (3)"
            ).fetchall()
            out[name] = [found[i][0] for i in rng.permutation(len(found)).tolist()]
    key = IdKey(bytes.fromhex(read_document(
        workshop.edition / "edition.json", EditionManifest).id_key))  # fmt: skip
    out["public_id"] = format_public_ids(
        np.array(out["number"], dtype=np.int64), key, Kind.RECORDING
    )
    return {name: drawn for name, drawn in out.items() if drawn}


def _cold(index: Path, codes: Sequence[str]) -> list[float]:
    opened = SearchIndex.open(index)
    return _each(codes, opened.lookup)


def _warm(index: Path, codes: dict[str, list[str]]) -> dict[str, float]:
    started = time.perf_counter()
    opened = SearchIndex.open(index)
    figures = {"open_ms": (time.perf_counter() - started) * 1e3}
    for name, drawn in codes.items():
        some = drawn[:SINGLE]
        _each(some, opened.lookup)
        figures |= _percentiles(_each(some, opened.lookup), f"{name}_")
        if name != "upc":  # a barcode is of a release
            both: Callable[[str], Any] = lambda text: opened.rows(opened.lookup(text).numbers)  # noqa: E731
            _each(some, both)
            figures |= _percentiles(_each(some, both), f"{name}_rows_")
        prefix = "" if name == "isrc" else f"{name}_"
        figures[f"{prefix}batch_per_s"] = _batch(opened, drawn)
    found = opened.lookup_many(codes["isrc"])
    numbers = [number for result in found for number in result.numbers[:1]]
    started = time.perf_counter()
    rows = len(opened.rows(numbers))
    figures["rows_per_s"] = rows / (time.perf_counter() - started)
    figures["isrc_found"] = len(numbers) / len(found)
    opened.close()
    return figures


def _batch(opened: SearchIndex, drawn: list[str]) -> float:
    """Codes a second, the second time."""
    seconds = 0.0
    for _ in range(2):
        started = time.perf_counter()
        opened.lookup_many(drawn)
        seconds = time.perf_counter() - started
    return len(drawn) / seconds


def _each(codes: Sequence[str], look_up: Callable[[str], Any]) -> list[float]:
    ms = []
    for code in codes:
        started = time.perf_counter()
        look_up(code)
        ms.append((time.perf_counter() - started) * 1e3)
    return ms


def _percentiles(ms: Sequence[float], prefix: str) -> dict[str, float]:
    return {f"{prefix}p{p}_ms": float(np.percentile(ms, p)) for p in (50, 95, 99)}


def _sqlite(workshop: Workshop, codes: list[str]) -> dict[str, float]:
    """ISRC to number by the primary key of a table without rowids."""
    path = workshop.folder / "codes.db"
    if not path.exists():
        _write_sqlite(workshop, path)
    connection = sqlite3.connect(path)
    one: Callable[[str], Any] = lambda code: connection.execute(  # noqa: E731
        "SELECT number FROM codes WHERE code = ?", (code,)
    ).fetchall()
    _each(codes[:SINGLE], one)
    figures = _percentiles(_each(codes[:SINGLE], one), "sqlite_isrc_")
    started = time.perf_counter()
    connection.execute("CREATE TEMP TABLE wanted(code TEXT)")
    connection.executemany("INSERT INTO wanted VALUES (?)", ((code,) for code in codes))
    connection.execute("SELECT w.code, c.number FROM wanted w JOIN codes c USING (code)").fetchall()
    figures["sqlite_batch_per_s"] = len(codes) / (time.perf_counter() - started)
    connection.close()
    figures["sqlite_bytes_per_recording"] = size_of(path) / counts(workshop)[0]
    return figures


def _write_sqlite(workshop: Workshop, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = off")
    connection.execute("CREATE TABLE codes(code TEXT, number INTEGER, PRIMARY KEY (code, number)) "
                       "WITHOUT ROWID")  # fmt: skip
    with open_tables(workshop.edition) as tables:
        found = tables.execute("SELECT unnest(isrcs) AS code, number FROM recordings ORDER BY ALL")
        rows = (row for part in iter(lambda: found.fetchmany(100_000), []) for row in part)
        while part := list(islice(rows, 100_000)):
            connection.executemany("INSERT OR IGNORE INTO codes VALUES (?, ?)", part)
    connection.commit()
    connection.close()
