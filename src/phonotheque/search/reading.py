"""The queries by which an index is made from an edition's catalogue. One query, one function."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from phonotheque.catalogue import CatalogueReader

BATCH_ROWS = 65_536

_PLACED = """
SELECT t.recording,
    list(row(t.release, d.title, t.disc, t.position, t.title) ORDER BY {order}) AS tracks,
    list(DISTINCT d.title) FILTER (d.title IS NOT NULL) AS release_titles,
    list(DISTINCT t.title) FILTER (t.title IS NOT NULL) AS other_titles,
    list(DISTINCT t.artist_credit) FILTER (t.artist_credit IS NOT NULL) AS other_artists
FROM tracks t LEFT JOIN releases d ON d.number = t.release
WHERE t.recording >= {first} AND t.recording < {last}
GROUP BY t.recording
"""
_ORDER = "t.release NULLS LAST, t.disc NULLS FIRST, t.position NULLS FIRST, t.number"
_FILES = """
SELECT recording, arg_min(row(volume, path, media_type, codec, bytes, duration_ms, sha256,
    licence, licence_url, attribution, stream, distribute), volume || '/' || path) AS file
FROM files
WHERE recording >= {first} AND recording < {last}
    AND recording NOT IN (SELECT recording FROM tombstones)
GROUP BY recording
"""
_RECORDINGS = """
SELECT r.number, r.title, r.artist_credit, r.artist_numbers, r.first_release_year, r.duration_ms,
    r.isrcs, r.recording_mbid, r.collections, r.licence, r.stream, r.distribute, r.flags,
    coalesce(s.listens, 0) AS listens, coalesce(s.rank, 0) AS rank, coalesce(s.tier, 0) AS tier,
    p.* EXCLUDE (recording), f.file
FROM (SELECT * FROM recordings WHERE number >= {first} AND number < {last}) r
LEFT JOIN (SELECT * FROM standing WHERE number >= {first} AND number < {last}) s
    ON s.number = r.number
LEFT JOIN ({placed}) p ON p.recording = r.number
LEFT JOIN ({files}) f ON f.recording = r.number
ORDER BY r.number
"""


class EditionTables:
    """The catalogue of an edition, read in streams of Arrow batches within `memory_bytes`."""

    def __init__(self, reader: CatalogueReader, memory_bytes: int, spill: Path) -> None:
        self._connection: duckdb.DuckDBPyConnection = reader.cursor()
        self._connection.execute(f"SET memory_limit = '{memory_bytes // 1_000_000}MB'")
        where = str(spill).replace("'", "''")
        self._connection.execute(f"SET temp_directory = '{where}'")

    def count(self, table: str) -> tuple[int, int]:
        """Rows of a numbered table, and its greatest number (0 when it is empty)."""
        query = f"SELECT count(*), coalesce(max(number), 0) FROM {table}"
        rows, greatest = self._connection.execute(query).fetchall()[0]
        return int(rows), int(greatest)

    def value(self, query: str) -> int:
        """The single integer a query gives."""
        return int(self._connection.execute(query).fetchall()[0][0])

    def licences(self) -> list[str]:
        """Every licence that a recording has, sorted."""
        query = "SELECT DISTINCT licence FROM recordings WHERE licence IS NOT NULL ORDER BY 1"
        return [row[0] for row in self._connection.execute(query).fetchall()]

    def iter_by_rank(self) -> Iterator[pa.RecordBatch]:
        """number, licence, year, listens, tier of all recordings, most listened first."""
        return self.stream(
            "SELECT r.number, r.licence, coalesce(r.first_release_year, 0)::SMALLINT AS year, "
            "coalesce(s.listens, 0) AS listens, coalesce(s.tier, 0)::UTINYINT AS tier "
            "FROM recordings r LEFT JOIN standing s ON s.number = r.number "
            "ORDER BY s.rank NULLS LAST, r.number"
        )

    def iter_recordings(self, first: int, last: int) -> Iterator[pa.RecordBatch]:
        """All there is to show and to find of the recordings first ≤ number < last, in order."""
        span = {"first": first, "last": last}
        placed = _PLACED.format(order=_ORDER, **span)
        files = _FILES.format(**span)
        return self.stream(_RECORDINGS.format(placed=placed, files=files, **span))

    def stream(self, query: str) -> Iterator[pa.RecordBatch]:
        """What a query gives, in batches of at most `BATCH_ROWS`."""
        yield from self._connection.sql(query).to_arrow_reader(BATCH_ROWS)

    def table(self, query: str) -> pa.Table:
        """All that a query gives."""
        return self._connection.sql(query).to_arrow_table()
