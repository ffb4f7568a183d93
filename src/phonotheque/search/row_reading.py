"""What the row store says of artists, releases and recordings, read and packed in columns.

One query reads one table; lists are put together by where their owners end, not by the engine's
aggregates: that is several times as fast, and the memory is what the columns take.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.numbers import Kind
from phonotheque.search.packing import pack_column, pack_lists, pack_tuples
from phonotheque.search.reading import EditionTables
from phonotheque.storage.arrays import Array

PACKED_ROWS = 65_536
_SPAN = "WHERE number >= {first} AND number < {last}"
_PLAIN = {
    Kind.ARTIST: f"""
SELECT number, name, sort_name, aliases,
    if(starts_with(key, 'mbid:'), substr(key, 6), NULL) AS mbid
FROM artists {_SPAN} ORDER BY number
""",
    Kind.RELEASE: f"""
SELECT number, title, artist_credit, year, label, barcode, release_mbid, country, genres
FROM releases {_SPAN} ORDER BY number
""",
    Kind.RECORDING: f"""
SELECT r.number, r.title, r.artist_credit, r.artist_numbers, r.first_release_year, r.duration_ms,
    r.isrcs, r.recording_mbid, r.collections, r.licence, r.stream, r.distribute, r.flags,
    coalesce(s.listens, 0) AS listens, coalesce(s.rank, 0) AS rank, coalesce(s.tier, 0) AS tier
FROM (SELECT * FROM recordings {_SPAN}) r
LEFT JOIN (SELECT * FROM standing {_SPAN}) s ON s.number = r.number
ORDER BY r.number
""",
}
_OWNED = {
    "tracks": (
        """
SELECT t.recording, t.release, d.title AS release_title, t.disc, t.position, t.title,
    t.position_text, t.number
FROM (SELECT * FROM tracks {span}) t LEFT JOIN releases d ON d.number = t.release
""",
        "release NULLS LAST, disc NULLS FIRST, position NULLS FIRST, number",
    ),
    "files": (
        """
SELECT recording, volume, path, media_type, codec, bytes, duration_ms, sha256, licence,
    licence_url, attribution, stream, distribute, volume || '/' || path AS place
FROM (SELECT * FROM files {span}) WHERE recording NOT IN (SELECT recording FROM tombstones)
""",
        "place",
    ),
}
_OWNED_SPAN = "WHERE recording >= {first} AND recording < {last}"
_PIECE_ROWS = 1 << 24
_OWNED_IN_PIECES = {
    "tracks": """
WITH piece AS (SELECT * FROM tracks WHERE number >= {first} AND number < {last})
SELECT t.recording, t.release, d.title AS release_title, t.disc, t.position, t.title,
    t.position_text, t.number
FROM piece t LEFT JOIN (
    SELECT number, title FROM releases
    WHERE number BETWEEN (SELECT min(release) FROM piece) AND (SELECT max(release) FROM piece)
) d ON d.number = t.release
""",
    "files": _OWNED["files"][0].format(span=""),
}
"""As `_OWNED`, of some tracks at a time: these name few of the releases."""


def scatter_owned(tables: EditionTables, step: int, folder: Path) -> None:
    """Write tracks (with titles of releases) and files into ``<folder>/<table>/part=<i>/``, by
    (recording - 1) // step, in one pass: a part then reads what is its own and nothing else.

    Killed, it begins anew; done, it is not done again.
    """
    if folder.exists():
        return
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for table, query in _OWNED_IN_PIECES.items():
        (partial / table).mkdir(parents=True)
        where = str(partial / table).replace("'", "''")
        greatest = tables.count("tracks")[1] if table == "tracks" else 0
        for piece, first in enumerate(range(0, greatest + 1, _PIECE_ROWS)):
            rows = query.format(first=first, last=first + _PIECE_ROWS)
            tables.execute(
                f"COPY (SELECT *, (recording - 1) // {step} AS part FROM ({rows})) TO '{where}' "
                "(FORMAT parquet, PARTITION_BY (part), OVERWRITE_OR_IGNORE, "
                f"FILENAME_PATTERN 'piece-{piece:05d}-{{i}}')"
            )
    partial.rename(folder)


def iter_packed_rows(
    tables: EditionTables, kind: Kind, first: int, last: int, own: Path | None = None
) -> Iterator[tuple[Array, pa.Array]]:
    """Numbers, and MessagePack rows, of what has first ≤ number < last, in order of number.

    Recordings need the tracks of the whole span in memory: some 200 bytes each. `own` is where
    `scatter_owned` wrote what is theirs (``part=<i>`` in its folder); without it all tracks and
    files of the edition are read.
    """
    span = {"first": first, "last": last}
    owned = []
    if kind is Kind.RECORDING:
        owned = [_Parts(tables, _owned(name, span, own)) for name in _OWNED]
    for batch in tables.stream(_PLAIN[kind].format(**span)):
        number, *columns = batch.columns
        numbers = number.to_numpy()
        packed = [pack_column(column) for column in columns]
        if owned:
            tracks, files = owned
            packed += [tracks.lists(numbers), files.singles(numbers)]
        yield numbers, pack_tuples(packed)


def _owned(table: str, span: dict[str, int], own: Path | None) -> str:
    query, order = _OWNED[table]
    if own is None:
        query = query.format(span=_OWNED_SPAN.format(**span))
    elif any((files := own.parent / table / own.name).glob("*.parquet")):
        where = str(files / "*.parquet").replace("'", "''")
        query = f"SELECT * FROM read_parquet('{where}', hive_partitioning = false)"
    else:
        query = query.format(span="WHERE false")
    last = order.rpartition(" ")[2]  # needed for the order alone
    return f"SELECT * EXCLUDE ({last}) FROM ({query}) ORDER BY recording, {order}"


class _Parts:
    """Rows of another table, owned by recordings: owner first, sorted by it."""

    def __init__(self, tables: EditionTables, query: str) -> None:
        table = tables.table(query)
        self._owners = table.column(0).to_numpy()
        self._columns = table.columns[1:]

    def lists(self, numbers: Array) -> pa.Array:
        """Of each of `numbers` (rising), an array of its rows, packed."""
        begins = np.searchsorted(self._owners, numbers)
        ends = np.searchsorted(self._owners, numbers, side="right")
        low, high = (int(begins[0]), int(ends[-1])) if len(numbers) else (0, 0)
        offsets = np.append(begins - low, high - low)
        return pack_lists(offsets, self._packed(low, high))

    def singles(self, numbers: Array) -> pa.Array:
        """Of each of `numbers` (rising), its row, packed; nil where there is none."""
        begins = np.searchsorted(self._owners, numbers)
        ends = np.searchsorted(self._owners, numbers, side="right")
        low, high = (int(begins[0]), int(ends[-1])) if len(numbers) else (0, 0)
        place = pa.array(begins - low, mask=begins == ends)
        return pc.fill_null(self._packed(low, high).take(place), b"\xc0")

    def _packed(self, low: int, high: int) -> pa.Array:
        parts = (column.slice(low, high - low).combine_chunks() for column in self._columns)
        return pack_tuples([pack_column(part) for part in parts])
