"""A slice as one SQLite file, ready for use: four tables, their indexes, full text on titles.

docs/formats/export.md has the schema. Rows enter through the driver one by one (SQLite has no
other way in): measured, 115,000 a CPU-second, indexes and full text included.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.catalogue.slice_columns import CATALOGUED, Column, Of, choose_columns
from phonotheque.catalogue.slicing import Slice
from phonotheque.model import tables
from phonotheque.model.progress import Progress
from phonotheque.storage.durable import partial_file

_CACHE_KIB = 131_072
_STANDS = ["listens", "listeners", "rank", "tier"]
_AFTER = """
CREATE INDEX recordings_by_rank ON recordings(rank);
CREATE INDEX recordings_by_mbid ON recordings(recording_mbid) WHERE recording_mbid IS NOT NULL;
CREATE INDEX recordings_by_isrc ON recording_isrcs(isrc);
CREATE INDEX recordings_by_artist ON recording_artists(artist);
CREATE INDEX tracks_by_recording ON tracks(recording);
CREATE INDEX tracks_by_release ON tracks("release", disc, position);
CREATE INDEX tracks_by_source ON tracks(source, source_key);
CREATE INDEX releases_by_title ON releases(title);
CREATE INDEX artists_by_name ON artists(name);
INSERT INTO search(search) VALUES ('rebuild');
ANALYZE;
"""
_BEFORE = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE recording_isrcs (recording INTEGER NOT NULL, isrc TEXT NOT NULL);
CREATE TABLE recording_artists (recording INTEGER NOT NULL, artist INTEGER NOT NULL);
CREATE VIRTUAL TABLE search USING fts5(
    title, artist_credit, content='recordings', content_rowid='number',
    tokenize='unicode61 remove_diacritics 2'
);
"""
_ASIDE = {
    "isrcs": ("recording_isrcs", "isrc"),
    "artist_numbers": ("recording_artists", "artist"),
}


def columns_of(of: Of) -> list[str]:
    """The columns that a table of the file has."""
    own: dict[Of, list[str]] = {
        Of.RECORDINGS: [*tables.RECORDINGS.names, *_STANDS],
        Of.TRACKS: tables.TRACKS.names,
        Of.RELEASES: tables.RELEASES.names,
        Of.ARTISTS: tables.ARTISTS.names,
    }
    return own[of]


def write_sqlite(
    target: Path, rows: Slice, provenance: dict[str, Any], progress: Progress
) -> dict[str, int]:
    """Write the slice to `target`; returns rows by table. Memory: SQLite's cache and one batch."""
    with partial_file(target) as temporary:
        with closing(sqlite3.connect(temporary)) as database:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            database.executescript(_BEFORE)
            written = {of.value: _write_table(database, rows, of, progress) for of in CATALOGUED}
            progress.start("index", None, "tables")
            database.executescript(_AFTER)
            told = [(k, json.dumps(v, ensure_ascii=False)) for k, v in provenance.items()]
            told.append(("rows", json.dumps(written)))
            database.executemany("INSERT INTO meta VALUES (?, ?)", sorted(told))
            database.commit()
        return written


def _write_table(database: sqlite3.Connection, rows: Slice, of: Of, progress: Progress) -> int:
    columns = choose_columns(of, columns_of(of))
    kept = [c for c in columns if c.name not in _ASIDE]
    database.execute(f"CREATE TABLE {of.value} ({', '.join(map(_declared, kept))})")
    insert = f"INSERT INTO {of.value} VALUES ({', '.join('?' * len(kept))})"
    count = 0
    progress.start(f"write {of.value}", rows.count(of), "rows")
    for low in rows.iter_ranges(of):
        for batch in rows.iter_rows(of, columns, low):
            database.executemany(insert, _tuples(batch, [c.name for c in kept]))
            _write_aside(database, batch)
            count += batch.num_rows
            progress.advance(batch.num_rows)
    database.commit()
    return count


def _tuples(batch: pa.RecordBatch, names: list[str]) -> Iterator[tuple[Any, ...]]:
    lists = [_plain(batch.column(name)).to_pylist() for name in names]
    return zip(*lists, strict=True)


def _plain(column: pa.Array) -> pa.Array:
    if not pa.types.is_list(column.type):
        return column
    return pa.array([None if v is None else json.dumps(v, ensure_ascii=False)
                     for v in column.to_pylist()], pa.string())  # fmt: skip


def _write_aside(database: sqlite3.Connection, batch: pa.RecordBatch) -> None:
    for name, (table, _) in _ASIDE.items():
        if name in batch.schema.names:
            lists = batch.column(name)
            owners = batch.column("number").take(pc.list_parent_indices(lists))
            pairs = zip(owners.to_pylist(), lists.flatten().to_pylist(), strict=True)
            database.executemany(f"INSERT INTO {table} VALUES (?, ?)", pairs)


def _declared(column: Column) -> str:
    if column.name == "number":
        return "number INTEGER PRIMARY KEY"
    return f'"{column.name}" {"INTEGER" if pa.types.is_integer(column.type) else "TEXT"}'
