"""Which events of the ledger belong to which case: `rights/ledger.sqlite`, derived from the ledger.

Writers bring it up to date; readers open it as it is and read the few events behind it themselves,
so it may be stale or missing, and is never wrong: it names the newest event it knows by digest, and
is made again where the ledger has another one. The events themselves are always read from the
ledger.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from phonotheque.archive.ledger import (
    LIFTING,
    LedgerEvent,
    event_path,
    last_event,
    read_event,
    rights_directory,
)
from phonotheque.storage.digests import digest_file
from phonotheque.storage.durable import ensure_directory
from phonotheque.storage.layout import Tree

VERSION = 1
RECEIVED = "takedown/received"
NUMBERS_PER_QUERY = 500
_TABLES = """
CREATE TABLE {0}.steps (number INTEGER, event INTEGER, name TEXT, type TEXT,
                        PRIMARY KEY (number, event)) WITHOUT ROWID;
CREATE TABLE {0}.forms (sha256 TEXT, event INTEGER, name TEXT,
                        PRIMARY KEY (sha256, event)) WITHOUT ROWID;
CREATE TABLE {0}.touched (name TEXT, recording INTEGER, lifted INTEGER,
                          PRIMARY KEY (name, recording)) WITHOUT ROWID;
"""
_UPHELD = """
SELECT name FROM main.steps s WHERE type = 'takedown/upheld' AND event = (
  SELECT max(event) FROM main.steps t WHERE t.number = s.number AND t.name = s.name
  AND t.type <> 'takedown/counter-incomplete') ORDER BY number"""
_NEWEST = "CREATE TABLE main.newest (event INTEGER, sha256 TEXT)"


class LedgerIndex:
    """An index that knows every event of the ledger as it was when it was opened."""

    def __init__(self, db: sqlite3.Connection, *, tail: bool) -> None:
        self._db = db
        self._layers = ("main", "tail") if tail else ("main",)

    def events_of(self, case: str) -> list[int]:
        """The numbers of the events of a case, oldest first; empty where there is no such case."""
        number = case.partition("-")[2]
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            return []
        sql = "SELECT event FROM {0}.steps WHERE number = ? AND name = ?"
        return sorted(event for (event,) in self._ask(sql, (int(number), case)))

    def cases_of_form(self, digest: str) -> list[str]:
        """The cases that a form with this SHA-256 (hex) was received for, oldest first."""
        rows = self._ask("SELECT event, name FROM {0}.forms WHERE sha256 = ?", (digest,))
        return list(dict.fromkeys(name for _, name in sorted(rows)))

    def greatest(self) -> int:
        """The greatest number of a case; 0 before the first."""
        rows = self._ask("SELECT coalesce(max(number), 0) FROM {0}.steps", ())
        return max(int(number) for (number,) in rows)

    def iter_cases(self) -> Iterator[str]:
        """Every case, oldest first."""
        parts = [f"SELECT number, name FROM {layer}.steps" for layer in self._layers]
        sql = f"SELECT DISTINCT number, name FROM ({' UNION ALL '.join(parts)}) ORDER BY number"
        for _, name in self._db.execute(sql):
            yield name

    def lifted(self, case: str | None, numbers: Sequence[int]) -> dict[int, bool]:
        """Of these recordings, those that events of `case` touched: whether they came back."""
        found: dict[int, bool] = {}
        for start in range(0, len(numbers), NUMBERS_PER_QUERY):
            part = list(numbers[start : start + NUMBERS_PER_QUERY])
            marks = ", ".join("?" * len(part))
            sql = (f"SELECT recording, lifted FROM {{0}}.touched WHERE name = ? AND "
                   f"recording IN ({marks})")  # fmt: skip
            found |= {n: bool(lifted) for n, lifted in self._ask(sql, (case or "", *part))}
        return found

    def iter_upheld(self) -> Iterator[str]:
        """Every case whose newest step is that it was upheld; of an index that is current."""
        yield from (name for (name,) in self._db.execute(_UPHELD).fetchall())

    def _ask(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        return [row for layer in self._layers
                for row in self._db.execute(sql.format(layer), values)]  # fmt: skip


@contextmanager
def open_index(tree: Tree) -> Iterator[LedgerIndex]:
    """The index for reading; writes nothing. Events it does not know are read from the ledger.

    Raises:
        FormatError: an event cannot be read.
    """
    path = index_path(tree)
    db, known = _connect_known(tree, path)
    try:
        db.execute("ATTACH '' AS tail")  # a temporary file, where it does not fit into memory
        db.executescript(_TABLES.format("tail"))
        _add(db, "tail", tree, known)
        yield LedgerIndex(db, tail=True)
    finally:
        db.close()


@contextmanager
def current_index(tree: Tree) -> Iterator[LedgerIndex]:
    """The index, first brought up to date; the caller has the archive's lock.

    Raises:
        FormatError: an event cannot be read.
    """
    path = index_path(tree)
    ensure_directory(path.parent)
    db, known = _connect_known(tree, path)
    if not last_event(tree):  # an empty ledger has no newest event to know an index by
        try:
            yield LedgerIndex(db, tail=False)
        finally:
            db.close()
        return
    db.close()
    if not known:
        for leftover in (path, path.with_name(f"{path.name}-journal")):
            leftover.unlink(missing_ok=True)
    db = sqlite3.connect(path, isolation_level=None, timeout=60)
    try:
        if not known or known < last_event(tree):
            _bring_up(db, tree, known)
        yield LedgerIndex(db, tail=False)
    finally:
        db.close()


def renew_index(tree: Tree) -> None:
    """Bring the index up to date; the caller has the archive's lock."""
    with current_index(tree):
        pass


def index_path(tree: Tree) -> Path:
    """Where the index stands; it may be deleted at any time."""
    return rights_directory(tree) / "ledger.sqlite"


def _bring_up(db: sqlite3.Connection, tree: Tree, known: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    if not known:
        _create(db)
    if newest := _add(db, "main", tree, known):
        digest = digest_file(event_path(tree, newest)).sha256.hex()
        db.execute("DELETE FROM newest")
        db.execute("INSERT INTO newest VALUES (?, ?)", (newest, digest))
    db.execute("COMMIT")


def _create(db: sqlite3.Connection) -> None:
    for statement in [*_TABLES.format("main").split(";"), _NEWEST]:
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")


def _connect_known(tree: Tree, path: Path) -> tuple[sqlite3.Connection, int]:
    """The index as it is and the newest event it knows; an empty one and 0 where it is no use."""
    if path.exists():
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60)
        try:
            [(version,)] = db.execute("PRAGMA user_version").fetchall()
            [(newest, digest)] = db.execute("SELECT event, sha256 FROM newest").fetchall()
            event = event_path(tree, newest)
            if version == VERSION and digest_file(event).sha256.hex() == digest:
                return db, newest
        except (sqlite3.DatabaseError, ValueError, OSError):
            pass  # of another version, damaged, or not of this ledger: made again
        db.close()
    db = sqlite3.connect(":memory:", isolation_level=None)
    _create(db)
    return db, 0


def _add(db: sqlite3.Connection, layer: str, tree: Tree, known: int) -> int:
    """Take in the events behind `known`; the newest one."""
    newest = last_event(tree)
    for number in range(known + 1, newest + 1):
        _add_event(db, layer, read_event(tree, number))
    return newest


def _add_event(db: sqlite3.Connection, layer: str, event: LedgerEvent) -> None:
    name = event.case or ""
    if event.case and event.type.startswith("takedown/"):
        number = int(event.case.partition("-")[2])
        db.execute(f"INSERT INTO {layer}.steps VALUES (?, ?, ?, ?)",
                   (number, event.event, name, event.type))  # fmt: skip
        if event.type == RECEIVED:
            db.execute(f"INSERT INTO {layer}.forms VALUES (?, ?, ?)",
                       (event.documents[0], event.event, name))  # fmt: skip
    lifts = event.type in LIFTING
    if lifts or event.premis == "dea":
        db.executemany(f"INSERT OR REPLACE INTO {layer}.touched VALUES (?, ?, ?)",
                       ((name, item.recording, lifts) for item in event.items))  # fmt: skip
