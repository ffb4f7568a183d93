"""One SQLite file at hand: its version, its transactions, one connection to read and one to write.

For what changes row by row and belongs to one server (accounts, the guard's states); whatever is
published is in other formats.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from phonotheque.model.errors import FormatError, NoSpaceError, NotFoundError
from phonotheque.storage.durable import ensure_directory

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WAIT_SECONDS = 30


class Form(NamedTuple):
    """What a file holds. `steps[n]` makes version n + 1 of version n; `holds` and `page` are named
    in errors; `synchronous` is SQLite's: FULL, or NORMAL, with which a power cut may take the last
    transactions (whole ones, never half of one)."""

    steps: Sequence[str]
    holds: str
    page: str
    synchronous: str = "FULL"


class Database:
    """For any number of threads and processes: readers never wait for a writer.

    Raises:
        NotFoundError: there is none at `path`, and it is not to be made.
        FormatError: it was written by a newer program, or is no database.
    """

    def __init__(self, path: Path, form: Form, *, create: bool) -> None:
        if not path.exists():
            if not create:
                raise NotFoundError(f"{path}: there are no {form.holds} here")
            ensure_directory(path.parent)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._path, self._form = path, form
        self._reading, self._writing = threading.RLock(), threading.RLock()
        self._writer = self._connect()
        try:
            self._writer.execute("PRAGMA journal_mode=WAL")
            self._writer.execute("PRAGMA secure_delete=1")
            self._writer.execute(f"PRAGMA synchronous={form.synchronous}")
            self._bring_up_to_date()
            self._reader = self._connect()
            self._reader.execute("PRAGMA query_only=1")
        except sqlite3.DatabaseError as error:
            self._writer.close()
            raise FormatError(f"{path}: {error}; put back a copy of it ({form.page})") from error
        except BaseException:
            self._writer.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        with self._reading, self._writing:
            self._reader.close()
            self._writer.close()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query, as of the last transaction that ended."""
        with self._reading:
            return self._reader.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> Any | None:
        """The first row of a query, or None."""
        with self._reading:
            return self._reader.execute(sql, values).fetchone()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection that writes: all or nothing, durable at the end. Not to be nested.

        Raises:
            NoSpaceError: the disk is full; nothing of it was done.
        """
        with self._writing:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException as error:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
                    text = f"{self._path}: the disk is full; free some room and try again"
                    raise NoSpaceError(text) from error
                raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, timeout=_WAIT_SECONDS, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys=1")
        return connection

    def _bring_up_to_date(self) -> None:
        steps = self._form.steps
        if self._version() == len(steps):
            return
        with self.transaction() as writer:
            version = self._version()  # another process may have been first
            if version > len(steps):
                raise FormatError(
                    f"{self._path}: {self._form.holds} version {version}, "
                    f"this program reads up to {len(steps)}"
                )
            for step in steps[version:]:
                for statement in split_statements(step):
                    writer.execute(statement)
            writer.execute(f"PRAGMA user_version={len(steps)}")

    def _version(self) -> int:
        return int(self._writer.execute("PRAGMA user_version").fetchone()[0])


def split_statements(script: str) -> Iterator[str]:
    """The statements of a script, in order; triggers are whole."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def to_us(at: datetime) -> int:
    """Microseconds since 1970; `at` is aware."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def from_us(value: int) -> datetime:
    """The time that `to_us` wrote."""
    return _EPOCH + timedelta(microseconds=value)


def maybe_from_us(value: int | None) -> datetime | None:
    """The same, where there may be none."""
    return None if value is None else from_us(value)
