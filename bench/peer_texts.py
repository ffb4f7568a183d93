"""What the peers are given: the same texts as our index, by rank; and the words of a query."""

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

_PART_ROWS = 50_000
_CJK = re.compile("([\u3041-\u30ff\u4e00-\u9fff])")
_WORD = re.compile(r"[^\W_]+")

# what its releases and tracks say beside what a recording says itself, and its artist's aliases
_TEXTS = """
WITH placed AS (
    SELECT t.recording, string_agg(DISTINCT d.title, ' ') AS releases,
        string_agg(DISTINCT t.title, ' ') AS others
    FROM tracks t LEFT JOIN releases d ON d.number = t.release
    WHERE t.recording >= {first} AND t.recording < {last} GROUP BY t.recording
), aliased AS (
    SELECT number, array_to_string(aliases, ' ') AS names FROM artists WHERE len(aliases) > 0
)
SELECT s.rank, r.number, s.listens, r.title, r.artist_credit,
    concat_ws(' ', p.releases, p.others, a.names) AS other
FROM (SELECT * FROM recordings WHERE number >= {first} AND number < {last}) r
JOIN standing s ON s.number = r.number
LEFT JOIN placed p ON p.recording = r.number
LEFT JOIN aliased a ON a.number = r.artist_numbers[1]
"""
_RANGE = 2_000_000
_COLUMNS = "rank, number, listens, title, artist_credit, other"


def open_tables(edition: Path, memory: str = "2GB") -> duckdb.DuckDBPyConnection:
    """The tables of an edition as views; made up (editions.py) or of an archive, whose standing is
    beside its catalogue. Its overlays are not laid over."""
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET memory_limit = '{memory}'")
    connection.execute(f"SET temp_directory = '{edition.parent / 'spill'}'")
    for name in ("recordings", "tracks", "releases", "artists", "standing"):
        published = edition / "catalogue" / name
        where = (published if published.exists() else edition / name) / "*.parquet"
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{where}')")
    return connection


def iter_rows(edition: Path) -> Iterator[tuple[Any, ...]]:
    """(rank, number, listens, title, artist credit, other texts) by rank; a rank counts from 1."""
    with (
        TemporaryDirectory(prefix=".texts-", dir=edition.parent) as parts,
        open_tables(edition) as connection,
    ):
        greatest = connection.execute("SELECT max(number) FROM recordings").fetchall()[0][0]
        for at, first in enumerate(range(1, greatest + 1, _RANGE)):
            texts = _TEXTS.format(first=first, last=first + _RANGE)
            connection.execute(f"COPY ({texts}) TO '{parts}/{at:05d}.parquet'")
        ranked = f"SELECT {_COLUMNS} FROM read_parquet('{parts}/*.parquet') ORDER BY rank"
        for batch in connection.sql(ranked).to_arrow_reader(_PART_ROWS):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def numbers_by_rank(edition: Path) -> npt.NDArray[np.int64]:
    """The recording of each rank - 1."""
    with open_tables(edition) as connection:
        found = connection.sql("SELECT number FROM standing ORDER BY rank").fetchnumpy()
    return np.asarray(found["number"], dtype=np.int64)


def apart(text: str) -> str:
    """`text` with each Chinese or Japanese character as a word of its own, for engines that take a
    run of them for one word."""
    return _CJK.sub(r" \1 ", text) if not text.isascii() else text


def split_query(query: str) -> list[list[str]]:
    """The words of a query; a run of Chinese or Japanese characters is a phrase of several."""
    phrases = []
    for word in _WORD.findall(query):
        parts = [part for part in apart(word).split(" ") if part]
        phrases.append(parts)
    return phrases
