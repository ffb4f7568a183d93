"""`state.sqlite`: what the vault holds now, what it has seen, and the events not yet in a batch.

Events stand here in the same transaction as the object they are about, and move to a batch
afterwards, so a crash loses none. All of it but `seen` can be rebuilt from the batches.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from phonotheque.model.errors import FormatError, NoSpaceError
from phonotheque.storage.durable import ensure_directory
from phonotheque.vault.events import Batch, Event
from phonotheque.vault.objects import VaultObject
from phonotheque.vault.state_tables import FROM_1_TO_2, STATE_VERSION, VERSION_1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OBJECT_COLUMNS = (
    "sha256, bytes, pieces_root, puid, media_type, extension, codec, duration_ms, "
    "sample_rate_hz, channels, bits, lossless"
)


class State:
    """One connection to the state of a vault. For one thread, but for `is_known`."""

    def __init__(self, path: Path) -> None:
        ensure_directory(path.parent)
        self._path = path
        self._reader: sqlite3.Connection | None = None
        self._asking = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, timeout=60)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        try:
            self._bring_up_to_date(path)
        except BaseException:
            self._db.close()
            raise

    @classmethod
    def reading(cls, path: Path) -> "State":
        """The state at `path` for reading alone; nothing is made or brought up to date.

        Raises:
            sqlite3.Error: it cannot be opened.
            FormatError: it is of another version.
        """
        state = cls.__new__(cls)
        state._path, state._reader, state._asking = path, None, threading.Lock()
        address = f"{path.absolute().as_uri()}?mode=ro"
        state._db = sqlite3.connect(address, uri=True, isolation_level=None, timeout=5)
        if state._version() != STATE_VERSION:
            state._db.close()
            raise FormatError(f"{path}: not of version {STATE_VERSION}, which this program reads")
        return state

    def _bring_up_to_date(self, path: Path) -> None:
        """Make the tables, or add what this version has and the one that wrote them had not."""
        if self._version() == STATE_VERSION:
            return
        with self.transaction():
            version = self._version()  # another process may have been first
            if version not in (0, 1, STATE_VERSION):
                raise FormatError(
                    f"{path}: state version {version}, this program reads up to {STATE_VERSION}"
                )
            steps = (VERSION_1, FROM_1_TO_2)[version:]
            for statement in ";".join(steps).split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={STATE_VERSION}")

    def is_known(self, sha256: str) -> bool:
        """Whether the object is recorded, by the last transaction that ended. In any thread."""
        with self._asking:
            if self._reader is None:
                self._reader = sqlite3.connect(self._path, timeout=60, check_same_thread=False)
            found = self._reader.execute(
                "SELECT 1 FROM objects WHERE sha256 = ?", [bytes.fromhex(sha256)]
            )
            return found.fetchone() is not None

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        with self._asking:
            if self._reader is not None:
                self._reader.close()
        self._db.close()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement on the connection, for those who keep tables of their own in it."""
        return self._db.execute(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable at the end; inside another one, part of that.

        Raises:
            NoSpaceError: the disk is full; nothing of it was done.
        """
        if self._is_open():
            yield
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._is_open():
                self._db.execute("ROLLBACK")
            if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
                text = f"{self._path}: the disk is full; free some room and run this again"
                raise NoSpaceError(text) from error
            raise

    def _is_open(self) -> bool:
        return self._db.in_transaction

    def object(self, sha256: str) -> VaultObject | None:
        """The object with this digest."""
        row = self._db.execute(
            f"SELECT {_OBJECT_COLUMNS} FROM objects WHERE sha256 = ?", [bytes.fromhex(sha256)]
        ).fetchone()
        return None if row is None else _object(row)

    def iter_objects(self, after: str = "", page: int = 1000) -> Iterator[VaultObject]:
        """All objects by digest, from the one behind `after`; memory is one page."""
        position = bytes.fromhex(after)
        while rows := self._db.execute(
            f"SELECT {_OBJECT_COLUMNS} FROM objects WHERE sha256 > ? ORDER BY sha256 LIMIT ?",
            [position, page],
        ).fetchall():
            yield from map(_object, rows)
            position = rows[-1][0]

    def count_objects(self) -> tuple[int, int]:
        """(objects, their bytes)."""
        row = self._db.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM objects").fetchone()
        return int(row[0]), int(row[1])

    def insert_object(self, item: VaultObject, event: int) -> bool:
        """Record an object that was brought in by `event`; False when it is recorded already."""
        values = msgspec.structs.astuple(item)
        cursor = self._db.execute(
            f"INSERT OR IGNORE INTO objects ({_OBJECT_COLUMNS}, event) "
            "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [
                bytes.fromhex(item.sha256),
                item.bytes,
                bytes.fromhex(item.pieces_root),
                *values[3:],
                event,
            ],
        )
        return cursor.rowcount == 1

    def event_of(self, sha256: str) -> int:
        """The number of the event that brought the object in; 0 where nobody wrote it down."""
        row = self._db.execute(
            "SELECT event FROM objects WHERE sha256 = ?", [bytes.fromhex(sha256)]
        ).fetchone()
        return 0 if row is None else int(row[0])

    def batch_of(self, event: int) -> int | None:
        """The batch in which an event stands; None while it is pending."""
        row = self._db.execute(
            "SELECT sequence FROM batches WHERE first <= ? AND last >= ? "
            "ORDER BY sequence DESC LIMIT 1",
            [event, event],
        ).fetchone()
        return None if row is None else int(row[0])

    def remove_object(self, sha256: str) -> bool:
        """Forget an object; False where it is not known."""
        cursor = self._db.execute("DELETE FROM objects WHERE sha256 = ?", [bytes.fromhex(sha256)])
        return cursor.rowcount == 1

    def seen(self, source: str, path: str, size_bytes: int, mtime_ns: int) -> str | None:
        """The digest of this file as it was last seen, if it has not changed since."""
        row = self._db.execute(
            "SELECT sha256 FROM seen JOIN objects USING (sha256) WHERE source = ? AND path = ? "
            "AND seen.bytes = ? AND mtime_ns = ?",
            [source, path, size_bytes, mtime_ns],
        ).fetchone()
        return None if row is None else row[0].hex()

    def remembered(self, source: str, path: str, size_bytes: int, mtime_ns: int) -> str | None:
        """The same, whether the vault holds what the file was or refused it."""
        row = self._db.execute(
            "SELECT sha256 FROM seen WHERE source = ? AND path = ? AND bytes = ? AND mtime_ns = ?",
            [source, path, size_bytes, mtime_ns],
        ).fetchone()
        return None if row is None else row[0].hex()

    def remember_seen(
        self, source: str, path: str, size_bytes: int, mtime_ns: int, sha256: str
    ) -> None:
        """Take the place of what was remembered of (source, path)."""
        self._db.execute(
            "INSERT OR REPLACE INTO seen VALUES (?,?,?,?,?)",
            [source, path, size_bytes, mtime_ns, bytes.fromhex(sha256)],
        )

    def add_event(
        self,
        kind: str,
        at: datetime,
        detail: str,
        *,
        outcome: str,
        agent: str,
        sha256: str | None,
    ) -> int:
        """Record an event; returns its number. `at` is aware."""
        cursor = self._db.execute(
            "INSERT INTO pending_events (type, at_us, outcome, detail, agent, sha256) "
            "VALUES (?,?,?,?,?,?)",
            [kind, _microseconds(at), outcome, detail, agent, sha256 and bytes.fromhex(sha256)],
        )
        return int(cursor.lastrowid or 0)

    def pending_range(self) -> tuple[int, int] | None:
        """Numbers of the first and the last event that is in no batch yet; they have no gaps."""
        first, last = self._db.execute(
            "SELECT (SELECT min(event) FROM pending_events), "
            "(SELECT max(event) FROM pending_events)"
        ).fetchone()
        return None if first is None else (first, last)

    def iter_pending(self, first: int, last: int, page: int = 10_000) -> Iterator[list[Event]]:
        """Events `first` to `last` that are in no batch yet, page by page."""
        while rows := self._db.execute(
            "SELECT event, type, at_us, outcome, detail, agent, sha256 FROM pending_events "
            "WHERE event BETWEEN ? AND ? ORDER BY event LIMIT ?",
            [first, last, page],
        ).fetchall():
            yield [_event(row) for row in rows]
            first = rows[-1][0] + 1

    def deleted_after(self, event: int) -> set[str]:
        """Objects deleted by events behind `event` that are in no batch yet."""
        rows = self._db.execute(
            "SELECT DISTINCT sha256 FROM pending_events WHERE type = 'del' AND event > ?", [event]
        )
        return {digest.hex() for (digest,) in rows if digest is not None}

    def last_batch(self) -> Batch | None:
        """The newest batch that this state knows."""
        row = self._db.execute(
            "SELECT sequence, sha256, first, last FROM batches ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        return Batch(sequence=row[0], sha256=row[1].hex(), first=row[2], last=row[3])

    def adopt_batch(self, batch: Batch) -> None:
        """Take `batch` for written: its events are pending no more.

        Idempotent: a reader that opens the vault may have done it just before its writer.
        """
        with self.transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO batches VALUES (?,?,?,?)",
                [batch.sequence, bytes.fromhex(batch.sha256), batch.first, batch.last],
            )
            self._db.execute("DELETE FROM pending_events WHERE event <= ?", [batch.last])
            self._continue_after(batch.last)

    def _continue_after(self, event: int) -> None:
        """Event numbers go on behind `event`, also in a state that was rebuilt."""
        changed = self._db.execute(
            "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'pending_events'", [event]
        )
        if changed.rowcount == 0:
            self._db.execute("INSERT INTO sqlite_sequence VALUES ('pending_events', ?)", [event])


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _event(row: tuple[int, str, int, str, str, str, bytes | None]) -> Event:
    return Event(
        event=row[0],
        type=row[1],
        at=_EPOCH + timedelta(microseconds=row[2]),
        outcome=row[3],
        detail=row[4],
        agent=row[5],
        sha256=None if row[6] is None else row[6].hex(),
    )


def _object(
    row: tuple[bytes, int, bytes, str, str, str, str, int, int, int, int, int],
) -> VaultObject:
    return VaultObject(
        sha256=row[0].hex(),
        bytes=row[1],
        pieces_root=row[2].hex(),
        puid=row[3],
        media_type=row[4],
        extension=row[5],
        codec=row[6],
        duration_ms=row[7],
        sample_rate_hz=row[8],
        channels=row[9],
        bits=row[10],
        lossless=bool(row[11]),
    )
