"""The questions a page asks of an edition's tables, each one named query.

All take a DuckDB cursor over the views of `phonotheque.catalogue` and give plain dicts.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import duckdb

from phonotheque.model.errors import FormatError

Row: TypeAlias = dict[str, Any]
Cursor: TypeAlias = duckdb.DuckDBPyConnection

MAX_TRACKS = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_tracks_of_release(
    cursor: Cursor, number: int, *, offset: int = 0, limit: int = MAX_TRACKS
) -> list[Row]:
    """Tracks of a release in order, the first 1,000; null titles are the recordings'."""
    return _all(
        cursor,
        "SELECT number, recording, disc, position, position_text, title, artist_credit, "
        "duration_ms FROM tracks WHERE release = ? "
        "ORDER BY disc NULLS FIRST, position NULLS LAST, number LIMIT ? OFFSET ?",
        [number, limit, offset],
    )


def find_volume(cursor: Cursor, volume: str) -> Row | None:
    """A volume of the edition, superseded or not."""
    return _one(cursor, "SELECT * FROM all_volumes WHERE volume = ?", [volume])


def read_volume(cursor: Cursor, volume: str) -> Row:
    """A volume that is known to exist."""
    row = find_volume(cursor, volume)
    if row is None:
        raise FormatError(f"volumes.parquet: no row for {volume!r}; fetch the edition again")
    return row


def read_tombstone(cursor: Cursor, number: int) -> tuple[datetime, str] | None:
    """(since, reason) of the tombstone of a recording."""
    # as microseconds: DuckDB gives a moment with its zone only where pytz is installed
    found = cursor.execute(
        "SELECT epoch_us(since), reason FROM tombstones WHERE recording = ? LIMIT 1", [number]
    ).fetchone()
    if found is None:
        return None
    since, reason = found
    return _EPOCH + timedelta(microseconds=since), str(reason)


def read_tombstoned(cursor: Cursor) -> frozenset[str]:
    """sha256 of every file that was published and withdrawn."""
    found = cursor.execute("SELECT sha256 FROM tombstones WHERE sha256 IS NOT NULL").fetchall()
    return frozenset(digest for (digest,) in found)


def read_volumes(cursor: Cursor, after: str, limit: int) -> list[Row]:
    """Volumes by name, after the name `after`."""
    return _all(
        cursor, "SELECT * FROM volumes WHERE volume > ? ORDER BY volume LIMIT ?", [after, limit]
    )


def read_file_row(cursor: Cursor, table: Path, column: str, value: int | str) -> Row | None:
    """The first row of a table of files with `value` in `column`: one of its own, or
    ``file_row_number``, counted from 0.

    Reads little but what belongs to the row: 7 ms by number and 23 ms by another column, of 30,000
    rows on a busy machine, where a whole row group takes 90.
    """
    quoted = str(table).replace("'", "''")
    found = cursor.sql(
        f"SELECT * EXCLUDE (file_row_number) FROM read_parquet('{quoted}', file_row_number = true) "
        f"WHERE {column} = $1 LIMIT 1",
        params=[value],
    ).to_arrow_table()
    return next(iter(found.to_pylist()), None)


def read_tiers(cursor: Cursor) -> list[Row]:
    """The volumes of each tier, added up."""
    return _all(
        cursor,
        "SELECT tier, count(*) AS volumes, sum(files)::BIGINT AS files, "
        "sum(audio_bytes)::BIGINT AS audio_bytes, sum(listens)::BIGINT AS listens "
        "FROM volumes GROUP BY tier ORDER BY tier",
        [],
    )


def _all(cursor: Cursor, sql: str, values: list[Any]) -> list[Row]:
    result = cursor.execute(sql, values)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _one(cursor: Cursor, sql: str, values: list[Any]) -> Row | None:
    rows = _all(cursor, sql, values)
    return rows[0] if rows else None
