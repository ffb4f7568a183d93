"""How well rows were joined into recordings, by pairs of rows, against a truth kept apart."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from phonotheque.catalogue import current_build, open_build
from phonotheque.storage.layout import Tree

_PAIRS = "coalesce(sum(n * (n - 1) // 2), 0)"


@dataclass(frozen=True, slots=True)
class Score:
    """Pairs of rows of one recording: truly so, joined, and both."""

    true_pairs: int
    joined_pairs: int
    right_pairs: int
    rows: int

    @property
    def precision(self) -> float:
        """Share of the joined pairs that are right; 1 when none was joined."""
        return self.right_pairs / self.joined_pairs if self.joined_pairs else 1.0

    @property
    def recall(self) -> float:
        """Share of the true pairs that were joined; 1 when there are none."""
        return self.right_pairs / self.true_pairs if self.true_pairs else 1.0


def score(archive: Path, truth: Path) -> Score:
    """Score of the archive's current build against the table `truth` (source, source_key,
    recording); rows that are not in the catalogue do not count."""
    found = current_build(Tree(archive))
    if found is None:
        raise ValueError(f"{archive}: no build there")
    reader = open_build(found[1], found[0])
    db = reader.cursor()
    try:
        db.execute(
            "CREATE TEMP TABLE told AS SELECT k.recording AS joined, t.recording AS truly "
            f"FROM tracks k JOIN read_parquet('{truth}') t USING (source, source_key)"
        )
        return Score(
            _pairs(db, "truly"),
            _pairs(db, "joined"),
            _pairs(db, "joined, truly"),
            _number(db, "SELECT count(*) FROM told"),
        )
    finally:
        reader.close()


def _pairs(db: duckdb.DuckDBPyConnection, by: str) -> int:
    groups = f"SELECT count(*) AS n FROM told GROUP BY {by}"
    return _number(db, f"SELECT {_PAIRS} FROM ({groups})")


def _number(db: duckdb.DuckDBPyConnection, query: str) -> int:
    row = db.execute(query).fetchone()
    return int(row[0]) if row else 0
