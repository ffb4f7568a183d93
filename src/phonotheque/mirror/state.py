"""`state.sqlite`: which files of a mirror were proved, and when (docs/formats/mirror.md).

It saves reading, nothing else: a file that is not in it, or whose size or time of change differ,
is read again. Deleting it costs one full read.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from os import stat_result
from pathlib import Path

from phonotheque.model.edition import RevokedFile
from phonotheque.model.errors import FormatError, NoSpaceError, PhonothequeError
from phonotheque.storage.layout import Tree

STATE_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
  path TEXT PRIMARY KEY,            -- relative to the mirror: volumes/<volume>/…, editions/…
  sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  verified_at TEXT NOT NULL         -- RFC 3339, UTC
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deletions (
  path TEXT NOT NULL, recording TEXT NOT NULL, reason TEXT NOT NULL, since TEXT NOT NULL,
  deleted_at TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Proved:
    """One file as it was when it was last proved sound."""

    sha256: str
    size_bytes: int
    mtime_ns: int

    def is_of(self, stat: stat_result, sha256: str | None) -> bool:
        """Whether the file on disk is untouched since, and is the one wanted."""
        same = (stat.st_size, stat.st_mtime_ns) == (self.size_bytes, self.mtime_ns)
        return same and sha256 in (None, self.sha256)


class State:
    """The open state. One thread writes; each change is its own transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def proved_below(self, folder: str) -> dict[str, Proved]:
        """What is proved below ``folder/``, by path relative to the mirror."""
        rows = self._connection.execute(
            "SELECT path, sha256, bytes, mtime_ns FROM files WHERE path >= ? AND path < ?",
            (f"{folder}/", f"{folder}0"),  # "0" follows "/"
        )
        return {path: Proved(sha256, size, mtime) for path, sha256, size, mtime in rows}

    def prove(self, path: str, sha256: str, stat: stat_result, now: datetime) -> None:
        """Note that `path` was read and is sound."""
        with self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                (path, sha256, stat.st_size, stat.st_mtime_ns, now.isoformat()),
            )

    def forget(self, path: str) -> None:
        """Note that `path` is not known to be sound any more."""
        with self._connection:
            self._connection.execute("DELETE FROM files WHERE path = ?", (path,))

    def forget_below(self, folder: str) -> None:
        """Forget everything below ``folder/``."""
        with self._connection:
            self._connection.execute(
                "DELETE FROM files WHERE path >= ? AND path < ?", (f"{folder}/", f"{folder}0")
            )

    def note_deletion(self, path: str, revoked: RevokedFile, now: datetime) -> None:
        """Log that a withdrawn file was deleted, and forget it."""
        with self._connection:
            self._connection.execute(
                "INSERT INTO deletions VALUES (?, ?, ?, ?, ?)",
                (path, revoked.recording, revoked.reason, revoked.since.isoformat(),
                 now.isoformat()),
            )  # fmt: skip
            self._connection.execute("DELETE FROM files WHERE path = ?", (path,))

    def deletions(self) -> list[tuple[str, str, str]]:
        """(path, recording, reason) of every withdrawn file that was deleted here."""
        rows = self._connection.execute(
            "SELECT path, recording, reason FROM deletions ORDER BY rowid"
        )
        return [(path, recording, reason) for path, recording, reason in rows]


@dataclass(frozen=True, slots=True)
class Placing:
    """Where proved files go, and where that is written down (an archive writes nothing down)."""

    tree: Tree
    state: State | None
    now: datetime

    def note(self, path: Path, sha256: str) -> None:
        """Write down that the file at `path` is in place and sound."""
        if self.state is not None:
            relative = path.relative_to(self.tree.root).as_posix()
            self.state.prove(relative, sha256, path.stat(), self.now)

    def proved_below(self, folder: str) -> dict[str, Proved]:
        """See `State.proved_below`."""
        return {} if self.state is None else self.state.proved_below(folder)


def state_path(tree: Tree) -> Path:
    """Where a mirror keeps its state."""
    return tree.root / "state.sqlite"


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path)
    except sqlite3.OperationalError as error:
        raise _disk_error(path, error) from error


def _disk_error(path: Path, error: sqlite3.OperationalError) -> PhonothequeError:
    """What SQLite says of the disk or its permissions: the file itself is not broken."""
    if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return NoSpaceError(f"{path}: the disk is full; make room and run this again")
    return PhonothequeError(f"{path}: {error}; look at the disk and its permissions")


@contextmanager
def open_state(tree: Tree) -> Iterator[State]:
    """The state of the mirror at `tree`, made when there is none.

    Raises:
        FormatError: of another version, or no database.
        NoSpaceError: the disk is full.
    """
    path = state_path(tree)
    connection = _connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, STATE_VERSION):
            raise FormatError(f"{path}: format {version}, this program reads {STATE_VERSION}")
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {STATE_VERSION}")
        connection.commit()
        yield State(connection)
    except sqlite3.OperationalError as error:
        raise _disk_error(path, error) from error
    except sqlite3.DatabaseError as error:
        raise FormatError(f"{path}: {error}; delete it, and the next sync reads all again") from (
            error
        )
    finally:
        connection.close()
