"""The peer SQLite FTS5, set up as well as we know.

Title, artist and other texts are columns of a contentless table with positions, documents in order
of rank, accents removed, each Han or kana character a word, so that a substring is a phrase. The
first 20,000 documents with all words are ordered by bm25 (title 4, artist 2, other 1), then rank.
Where fewer than asked for are found and the query may go on, the last word is taken for a
beginning. Where nothing is found, words within one slip (FTS5 trigrams over its own vocabulary,
then their edit distance; a word that is there may be a slip too) are tried beside each; then all
words but one; then any of the four rarest words, by bm25.
"""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.peer_texts import apart, iter_rows, split_query
from phonotheque.model.text import fold

_MOST_MATCHES = 20_000
_NEIGHBOURS = 8
_TRIED = 60
_RAREST = 4
_FIND = (
    "SELECT rowid FROM (SELECT rowid, bm25(t, 4.0, 2.0, 1.0) AS score FROM t WHERE t MATCH ? "
    f"LIMIT {_MOST_MATCHES}) ORDER BY score, rowid LIMIT ?"
)


def build_fts5(edition: Path, path: Path) -> None:
    """Make the database at `path`."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = off")
    connection.execute("PRAGMA cache_size = -262144")
    connection.execute(
        "CREATE VIRTUAL TABLE t USING fts5(title, artist, other, content='', "
        "tokenize='unicode61 remove_diacritics 2')"
    )
    rows = (
        (rank, apart(title), apart(artist), apart(other))
        for rank, _, _, title, artist, other in iter_rows(edition)
    )
    while part := list(islice(rows, 100_000)):
        connection.executemany("INSERT INTO t(rowid, title, artist, other) VALUES (?,?,?,?)", part)
    connection.execute("INSERT INTO t(t) VALUES ('optimize')")
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, row)")
    connection.execute("CREATE TABLE vocabulary(id INTEGER PRIMARY KEY, term TEXT, docs INTEGER)")
    connection.execute("INSERT INTO vocabulary(term, docs) SELECT term, doc FROM v "
                       "WHERE length(term) BETWEEN 3 AND 24")  # fmt: skip
    connection.execute("CREATE VIRTUAL TABLE near USING fts5(term, content='', "
                       "tokenize='trigram')")  # fmt: skip
    connection.execute("INSERT INTO near(rowid, term) SELECT id, '##' || term || '##' "
                       "FROM vocabulary")  # fmt: skip
    connection.execute("INSERT INTO near(near) VALUES ('optimize')")
    connection.commit()
    connection.close()


class Fts5:
    """The database asked."""

    def __init__(self, path: Path, numbers: npt.NDArray[np.int64]) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self._connection.execute("PRAGMA cache_size = -65536")
        self._connection.execute("PRAGMA mmap_size = 68719476736")
        self._numbers = numbers

    def search(self, query: str, limit: int) -> list[int]:
        """Recording numbers, best first."""
        phrases = [" ".join(words) for words in split_query(query)]
        if not phrases:
            return []
        found = self._match(_all([[p] for p in phrases]), limit)
        if len(found) < limit and not query.endswith(" "):
            begun = _all([[p] for p in phrases[:-1]] + [[phrases[-1]]], prefix=True)
            found += [rank for rank in self._match(begun, limit) if rank not in found]
        if not found:
            near = [[p, *self._near(p)] for p in phrases]
            for attempt in _attempts(near):
                if found := self._match(attempt, limit):
                    break
            else:
                found = self._match(self._rarest(phrases), limit)
        return [int(self._numbers[rank - 1]) for rank in found[:limit]]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _match(self, expression: str, limit: int) -> list[int]:
        return [row[0] for row in self._connection.execute(_FIND, (expression, limit))]

    def _rarest(self, phrases: list[str]) -> str:
        docs = {}
        for phrase in phrases:
            row = self._connection.execute("SELECT doc FROM v WHERE term = ?", (fold(phrase),))
            docs[phrase] = (row.fetchone() or (0,))[0]
        known = sorted((n, phrase) for phrase, n in docs.items() if n)[:_RAREST]
        return _all([[phrase for _, phrase in known]]) if known else '""'

    def _near(self, word: str) -> list[str]:
        folded = fold(word)
        if len(folded) < 4 or " " in folded:
            return []
        marked = f"##{folded}##"
        grams = {marked[i : i + 3] for i in range(len(marked) - 2)} - {"##" + folded[0]}
        match = " OR ".join('"' + gram.replace('"', "") + '"' for gram in sorted(grams))
        rows = self._connection.execute(
            "SELECT term, docs FROM vocabulary WHERE id IN (SELECT rowid FROM near "
            f"WHERE near MATCH ? ORDER BY rank LIMIT {_TRIED})", (match,),
        )  # fmt: skip
        alike = [(docs, term) for term, docs in rows if within_one(folded, term)]
        return [term for _, term in sorted(alike, reverse=True)[:_NEIGHBOURS] if term != folded]


def _attempts(near: list[list[str]]) -> Iterator[str]:
    """All words with their neighbours; then all but one of them, the shortest left out first."""
    yield _all(near)
    if len(near) > 1:
        for at in sorted(range(len(near)), key=lambda i: len(near[i][0])):
            yield _all(near[:at] + near[at + 1 :])


def _all(words: list[list[str]], *, prefix: bool = False) -> str:
    parts = ["(" + " OR ".join(f'"{w}"' for w in ways) + ")" for ways in words]
    if prefix:
        parts[-1] = f'"{words[-1][0]}" *'
    return " AND ".join(parts)


def within_one(a: str, b: str) -> bool:
    """Equal but for one letter more, less or other, or two neighbours swapped."""
    if abs(len(a) - len(b)) > 1:
        return False
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    rest_a, rest_b = a[start:], b[start:]
    return (
        rest_a[1:] == rest_b[1:]
        or rest_a == rest_b[1:]
        or rest_a[1:] == rest_b
        or (rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:])
    )
