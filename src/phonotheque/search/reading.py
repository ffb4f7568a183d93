"""The queries by which an index is made from an edition's catalogue. One query, one function."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from phonotheque.catalogue import CatalogueReader
from phonotheque.model.numbers import Kind

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
        return self._stream(
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
        return self._stream(_RECORDINGS.format(placed=placed, files=files, **span))

    def iter_releases(self) -> Iterator[pa.RecordBatch]:
        """number and the columns of a release row, by number."""
        return self._stream(
            "SELECT number, title, artist_credit, year, label, barcode, release_mbid "
            "FROM releases ORDER BY number"
        )

    def iter_artists(self) -> Iterator[pa.RecordBatch]:
        """number and name, by number."""
        return self._stream("SELECT number, name FROM artists ORDER BY number")

    def iter_release_tracks(self) -> Iterator[pa.RecordBatch]:
        """owner (release) and recording, by release, disc, position and track number."""
        return self._stream(
            "SELECT release AS owner, recording FROM tracks WHERE release IS NOT NULL "
            "ORDER BY release, disc NULLS FIRST, position NULLS FIRST, number"
        )

    def iter_artist_recordings(self) -> Iterator[pa.RecordBatch]:
        """owner (artist) and recording, by artist and rank."""
        return self._stream(
            "SELECT a.owner, a.number AS recording FROM (SELECT DISTINCT unnest(artist_numbers) "
            "AS owner, number FROM recordings) a LEFT JOIN standing s ON s.number = a.number "
            "ORDER BY a.owner, s.rank NULLS LAST, a.number"
        )

    def iter_redirects(self, kind: Kind) -> Iterator[pa.RecordBatch]:
        """old and new number of a kind, by old number."""
        return self._stream(
            f"SELECT old, new FROM redirects WHERE kind = '{kind.value}' ORDER BY old"
        )

    def iter_isrcs(self) -> Iterator[pa.RecordBatch]:
        """key (ISRC) and number, sorted."""
        return self._stream(
            "SELECT * FROM (SELECT DISTINCT unnest(isrcs) AS key, number FROM recordings) "
            "WHERE regexp_full_match(key, '[A-Z]{2}[A-Z0-9]{3}[0-9]{7}') ORDER BY key, number"
        )

    def iter_mbids(self) -> Iterator[pa.RecordBatch]:
        """key (MBID) and number, sorted."""
        return self._stream(
            "SELECT recording_mbid AS key, number FROM recordings WHERE "
            "regexp_full_match(recording_mbid, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}') "
            "ORDER BY key, number"
        )

    def iter_source_keys(self) -> Iterator[pa.RecordBatch]:
        """key (hash of source and source key) and number of the recording, sorted."""
        return self._stream(
            "SELECT md5_number_lower(source || ':' || source_key) AS key, recording AS number "
            "FROM tracks ORDER BY key, number"
        )

    def _stream(self, query: str) -> Iterator[pa.RecordBatch]:
        yield from self._connection.sql(query).to_arrow_reader(BATCH_ROWS)
