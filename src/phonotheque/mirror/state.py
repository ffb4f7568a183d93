"""`state.sqlite`: which files of a mirror were proved, and when (docs/formats/mirror.md).

It saves reading, nothing else: a file that is not in it, or whose size or time of change differ,
is read again. Deleting it costs one full read.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
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
CREATE TABLE IF NOT EXISTS withdrawn (
  path TEXT PRIMARY KEY, bytes INTEGER NOT NULL   -- planned, and not to be held
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS suspects (
  path TEXT PRIMARY KEY,            -- read or looked for by a verify, and not sound since
  found_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rounds (
  id INTEGER PRIMARY KEY, wishes TEXT NOT NULL, seed INTEGER NOT NULL,
  started_at TEXT NOT NULL, finished_at TEXT
);
CREATE TABLE IF NOT EXISTS round_places (
  round INTEGER NOT NULL, place TEXT NOT NULL, PRIMARY KEY (round, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS round_files (
  round INTEGER NOT NULL, path TEXT NOT NULL, PRIMARY KEY (round, path)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Proved:
    """One file as it was when it was last proved sound."""

    sha256: str
    size_bytes: int
    mtime_ns: int
    verified_at: datetime

    def is_of(self, stat: stat_result, sha256: str | None) -> bool:
        """Whether the file on disk is untouched since, and is the one wanted."""
        same = (stat.st_size, stat.st_mtime_ns) == (self.size_bytes, self.mtime_ns)
        return same and sha256 in (None, self.sha256)


class State:
    """The open state. One thread writes; each change is its own transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def connection(self) -> sqlite3.Connection:
        """The database itself."""
        return self._connection

    def proved_below(self, folder: str) -> dict[str, Proved]:
        """What is proved below ``folder/``, by path relative to the mirror."""
        rows = self._connection.execute(
            "SELECT path, sha256, bytes, mtime_ns, verified_at FROM files "
            "WHERE path >= ? AND path < ?",
            (f"{folder}/", f"{folder}0"),  # "0" follows "/"
        )
        return {
            path: Proved(sha256, size, mtime, datetime.fromisoformat(at))
            for path, sha256, size, mtime, at in rows
        }

    def prove(self, path: str, sha256: str, stat: stat_result, now: datetime) -> None:
        """Note that `path` was read and is sound."""
        with self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                (path, sha256, stat.st_size, stat.st_mtime_ns, now.isoformat()),
            )
            self._connection.execute("DELETE FROM suspects WHERE path = ?", (path,))

    def prove_all(
        self, proved: Sequence[tuple[str, str, stat_result]], now: datetime, round_id: int | None
    ) -> None:
        """`prove` for many (path, sha256, stat) at once, and note that this round read them."""
        at, run = now.isoformat(), self._connection.executemany
        with self._connection:
            run(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                [(p, sha256, s.st_size, s.st_mtime_ns, at) for p, sha256, s in proved],
            )
            run("DELETE FROM suspects WHERE path = ?", [(p,) for p, _, _ in proved])
            if round_id is not None:
                run(
                    "INSERT OR IGNORE INTO round_files VALUES (?, ?)",
                    [(round_id, p) for p, _, _ in proved],
                )

    def sync(self) -> None:
        """Have what was written survive a power cut; a kill it survives anyway."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def open_round(self, wishes: str) -> tuple[int, int, datetime] | None:
        """Number, seed and begin of the round with these wishes that was not finished."""
        row = self._connection.execute(
            "SELECT id, seed, started_at FROM rounds WHERE wishes = ? AND finished_at IS NULL",
            (wishes,),
        ).fetchone()
        return None if row is None else (row[0], row[1], datetime.fromisoformat(row[2]))

    def begin_round(self, wishes: str, seed: int, now: datetime) -> int:
        """A new round, in the place of any before it with these wishes; its number."""
        with self._connection:
            old = self._connection.execute(
                "SELECT id FROM rounds WHERE wishes = ?", (wishes,)
            ).fetchall()
            for table, key in (("round_files", "round"), ("round_places", "round"),
                               ("rounds", "id")):  # fmt: skip
                self._connection.executemany(
                    f"DELETE FROM {table} WHERE {key} = ?",
                    old,
                )
            made = self._connection.execute(
                "INSERT INTO rounds VALUES (NULL, ?, ?, ?, NULL)", (wishes, seed, now.isoformat())
            )
        return int(made.lastrowid or 0)

    def read_in_round(self, round_id: int, place: str) -> frozenset[str] | None:
        """Paths below `place` that the round has read; None when it went through all of it."""
        done = self._connection.execute(
            "SELECT 1 FROM round_places WHERE round = ? AND place = ?", (round_id, place)
        ).fetchone()
        if done is not None:
            return None
        rows = self._connection.execute(
            "SELECT path FROM round_files WHERE round = ? AND path >= ? AND path < ?",
            (round_id, f"{place}/", f"{place}0"),
        )
        return frozenset(path for (path,) in rows)

    def leave_place(
        self, round_id: int | None, place: str, bad: Sequence[str], now: datetime
    ) -> None:
        """Note that `place` was gone through, and that the paths in `bad` are not sound."""
        run = self._connection.executemany
        with self._connection:
            run("DELETE FROM files WHERE path = ?", [(path,) for path in bad])
            run(
                "INSERT OR REPLACE INTO suspects VALUES (?, ?)",
                [(path, now.isoformat()) for path in bad],
            )
            if round_id is not None:
                self._connection.execute(
                    "INSERT OR IGNORE INTO round_places VALUES (?, ?)", (round_id, place)
                )
                self._connection.execute(
                    "DELETE FROM round_files WHERE round = ? AND path >= ? AND path < ?",
                    (round_id, f"{place}/", f"{place}0"),
                )

    def end_round(self, round_id: int, now: datetime) -> None:
        """Note that the round went through everything; its journal is not needed any more."""
        with self._connection:
            self._connection.execute("DELETE FROM round_places WHERE round = ?", (round_id,))
            self._connection.execute("DELETE FROM round_files WHERE round = ?", (round_id,))
            self._connection.execute(
                "UPDATE rounds SET finished_at = ? WHERE id = ?", (now.isoformat(), round_id)
            )

    def suspects_below(self, place: str) -> frozenset[str]:
        """Paths in `place` that a verify found not to be sound, and nothing has proved since."""
        rows = self._connection.execute(
            "SELECT path FROM suspects WHERE path >= ? AND path < ?", (f"{place}/", f"{place}0")
        )
        return frozenset(path for (path,) in rows)

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

    def note_deletion(
        self, path: str, revoked: RevokedFile, now: datetime, size_bytes: int
    ) -> None:
        """Log that a withdrawn file was deleted, and forget it."""
        with self._connection:
            self._connection.execute(
                "INSERT INTO deletions VALUES (?, ?, ?, ?, ?)",
                (path, revoked.recording, revoked.reason, revoked.since.isoformat(),
                 now.isoformat()),
            )  # fmt: skip
            for table in ("files", "suspects"):
                self._connection.execute(f"DELETE FROM {table} WHERE path = ?", (path,))
            self._connection.execute(
                "INSERT OR REPLACE INTO withdrawn VALUES (?, ?)", (path, size_bytes)
            )

    def note_withdrawn(self, folder: str, sizes: Mapping[str, int]) -> None:
        """Note which planned files below ``folder/`` are withdrawn, with their bytes, and that no
        others are."""
        bounds = (f"{folder}/", f"{folder}0")
        known = self._connection.execute(
            "SELECT path, bytes FROM withdrawn WHERE path >= ? AND path < ?", bounds
        ).fetchall()
        if dict(known) == sizes:
            return
        with self._connection:
            self._connection.execute("DELETE FROM withdrawn WHERE path >= ? AND path < ?", bounds)
            self._connection.executemany("INSERT INTO withdrawn VALUES (?, ?)", sizes.items())

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


def read_sums(tree: Tree, query: str, values: Sequence[str] = ()) -> tuple[int, int]:
    """The two numbers that `query` gives, of the mirror's state; nought where there is none yet, or
    one from before its tables. Writes nothing."""
    if not state_path(tree).is_file():
        return 0, 0
    try:
        with closing(sqlite3.connect(f"file:{state_path(tree)}?mode=ro", uri=True)) as state:
            first, second = state.execute(query, values).fetchone()
            return int(first), int(second)
    except sqlite3.DatabaseError:
        return 0, 0


def withdrawn_bytes(tree: Tree, volume: str) -> int:
    """Bytes of the planned files of a volume that are withdrawn, as far as syncs saw."""
    return read_sums(
        tree,
        "SELECT 0, coalesce(sum(bytes), 0) FROM withdrawn WHERE path >= ? AND path < ?",
        (f"volumes/{volume}/", f"volumes/{volume}0"),
    )[1]


def read_proved(tree: Tree, path: str) -> Proved | None:
    """How the file at `path` (relative to the mirror at `tree`) was when it was last proved; None
    where it never was, or the state cannot be read now. Writes nothing."""
    place = state_path(tree)
    if not place.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro", uri=True)) as found:
            row = found.execute(
                "SELECT sha256, bytes, mtime_ns, verified_at FROM files WHERE path = ?", (path,)
            ).fetchone()
    except sqlite3.Error:
        return None
    if row is None:
        return None
    sha256, size, mtime, at = row
    return Proved(sha256, size, mtime, datetime.fromisoformat(at))
