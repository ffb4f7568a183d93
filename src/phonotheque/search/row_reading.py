"""What the row store says of artists, releases and recordings, read and packed in columns.

One query reads one table; lists are put together by where their owners end, not by the engine's
aggregates: that is several times as fast, and the memory is what the columns take.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.numbers import Kind
from phonotheque.search.arrays import Array
from phonotheque.search.packing import pack_column, pack_lists, pack_tuples
from phonotheque.search.reading import EditionTables

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
_TRACKS = """
SELECT t.recording, t.release, d.title AS release_title, t.disc, t.position, t.title,
    t.position_text
FROM (SELECT * FROM tracks WHERE recording >= {first} AND recording < {last}) t
LEFT JOIN releases d ON d.number = t.release
ORDER BY t.recording, t.release NULLS LAST, t.disc NULLS FIRST, t.position NULLS FIRST, t.number
"""
_FILES = """
SELECT recording, volume, path, media_type, codec, bytes, duration_ms, sha256, licence,
    licence_url, attribution, stream, distribute
FROM files
WHERE recording >= {first} AND recording < {last}
    AND recording NOT IN (SELECT recording FROM tombstones)
QUALIFY row_number() OVER (PARTITION BY recording ORDER BY volume || '/' || path) = 1
ORDER BY recording
"""


def iter_packed_rows(
    tables: EditionTables, kind: Kind, first: int, last: int
) -> Iterator[tuple[Array, pa.Array]]:
    """Numbers, and MessagePack rows, of what has first ≤ number < last, in order of number.

    Recordings need the tracks of the whole span in memory: some 200 bytes each.
    """
    span = {"first": first, "last": last}
    if kind is not Kind.RECORDING:
        for batch in tables.stream(_PLAIN[kind].format(**span)):
            number, *columns = batch.columns
            yield number.to_numpy(), pack_tuples([pack_column(column) for column in columns])
        return
    tracks = _Parts(tables, _TRACKS.format(**span))
    files = _Parts(tables, _FILES.format(**span))
    for batch in tables.stream(_PLAIN[kind].format(**span)):
        number, *columns = batch.columns
        numbers = number.to_numpy()
        packed = [pack_column(column) for column in columns]
        yield numbers, pack_tuples([*packed, tracks.lists(numbers), files.singles(numbers)])


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
