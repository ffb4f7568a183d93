"""The queries by which an index is made from an edition's catalogue. One query, one function."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from phonotheque.catalogue import CatalogueReader

BATCH_ROWS = 65_536

_TEXTS = """
SELECT number, title, artist_credit, collections FROM recordings
WHERE number >= {first} AND number < {last}
"""
_OTHER_TEXTS = """
SELECT recording, title, artist_credit FROM tracks
WHERE recording >= {first} AND recording < {last}
    AND (title IS NOT NULL OR artist_credit IS NOT NULL)
"""


class EditionTables:
    """The catalogue of an edition, read in streams of Arrow batches within `memory_bytes`."""

    def __init__(
        self, reader: CatalogueReader, memory_bytes: int, spill: Path, *, threads: int = 2
    ) -> None:
        self._connection: duckdb.DuckDBPyConnection = reader.cursor()
        self._connection.execute(f"SET memory_limit = '{memory_bytes // 1_000_000}MB'")
        self._connection.execute(f"SET threads = {threads}")
        if self._setting("temp_directory") != str(spill):  # what has spilled cannot change it
            self._connection.execute("SET temp_directory = ?", [str(spill)])

    def _setting(self, name: str) -> str:
        return str(self._connection.execute("SELECT current_setting(?)", [name]).fetchall()[0][0])

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

    def years(self) -> list[int]:
        """Every year of first release that a recording has, rising."""
        query = (
            "SELECT DISTINCT first_release_year FROM recordings "
            "WHERE first_release_year IS NOT NULL ORDER BY 1"
        )
        return [row[0] for row in self._connection.execute(query).fetchall()]

    def iter_by_rank(self) -> Iterator[pa.RecordBatch]:
        """number, licence, year, listens, tier of all recordings, most listened first."""
        return self.stream(
            "SELECT r.number, r.licence, r.first_release_year::SMALLINT AS year, "
            "coalesce(s.listens, 0) AS listens, coalesce(s.tier, 0)::UTINYINT AS tier "
            "FROM recordings r LEFT JOIN standing s ON s.number = r.number "
            "ORDER BY s.rank NULLS LAST, r.number"
        )

    def iter_owners_of_files(self) -> Iterator[pa.RecordBatch]:
        """recording of every file, unless it is withdrawn."""
        return self.stream(
            "SELECT recording FROM files WHERE recording NOT IN (SELECT recording FROM tombstones)"
        )

    def iter_texts(self, first: int, last: int) -> Iterator[pa.RecordBatch]:
        """number, title, artist_credit, collections of the recordings first ≤ number < last."""
        return self.stream(_TEXTS.format(first=first, last=last))

    def iter_other_texts(self, first: int, last: int) -> Iterator[pa.RecordBatch]:
        """recording, title, artist_credit where a track of these recordings has its own."""
        return self.stream(_OTHER_TEXTS.format(first=first, last=last))

    def iter_release_texts(self, first: int, last: int) -> Iterator[pa.RecordBatch]:
        """number, title, label of the releases first ≤ number < last."""
        return self.stream(
            f"SELECT number, title, label FROM releases WHERE number >= {first} AND number < {last}"
        )

    def iter_artist_texts(self, first: int, last: int) -> Iterator[pa.RecordBatch]:
        """number, name, sort_name, aliases of the artists first ≤ number < last."""
        return self.stream(
            "SELECT number, name, sort_name, aliases FROM artists "
            f"WHERE number >= {first} AND number < {last}"
        )

    def stream(self, query: str) -> Iterator[pa.RecordBatch]:
        """What a query gives, in batches of at most `BATCH_ROWS`."""
        yield from self._connection.sql(query).to_arrow_reader(BATCH_ROWS)

    def table(self, query: str) -> pa.Table:
        """All that a query gives."""
        return self._connection.sql(query).to_arrow_table()

    def execute(self, statement: str) -> None:
        """Do what gives no rows."""
        self._connection.execute(statement)
