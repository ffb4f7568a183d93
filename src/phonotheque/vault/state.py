"""`state.sqlite`: what the vault holds now, what it has seen, and the events not yet in a batch.

Events stand here in the same transaction as the object they are about, and move to a batch
afterwards, so a crash loses none. All of it but `seen` can be rebuilt from the batches.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from phonotheque.model.errors import FormatError
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
    """One connection to the state of a vault. For one thread."""

    def __init__(self, path: Path) -> None:
        ensure_directory(path.parent)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=60)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        try:
            self._bring_up_to_date(path)
        except BaseException:
            self._db.close()
            raise

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

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement on the connection, for those who keep tables of their own in it."""
        return self._db.execute(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable at the end; inside another one, part of that."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

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

    def insert_object(self, item: VaultObject) -> bool:
        """Record an object; False when it is recorded already."""
        values = msgspec.structs.astuple(item)
        cursor = self._db.execute(
            f"INSERT OR IGNORE INTO objects ({_OBJECT_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            [bytes.fromhex(item.sha256), item.bytes, bytes.fromhex(item.pieces_root), *values[3:]],
        )
        return cursor.rowcount == 1

    def remove_object(self, sha256: str) -> None:
        """Forget an object; nothing happens where it is not known."""
        self._db.execute("DELETE FROM objects WHERE sha256 = ?", [bytes.fromhex(sha256)])

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

    def pending_events(self, limit: int) -> list[Event]:
        """The first `limit` events that are in no batch yet."""
        rows = self._db.execute(
            "SELECT event, type, at_us, outcome, detail, agent, sha256 FROM pending_events "
            "ORDER BY event LIMIT ?",
            [limit],
        )
        return [
            Event(
                event=row[0], type=row[1], at=_EPOCH + timedelta(microseconds=row[2]),
                outcome=row[3], detail=row[4], agent=row[5],
                sha256=None if row[6] is None else row[6].hex(),
            )
            for row in rows
        ]  # fmt: skip

    def count_pending(self) -> int:
        """Events that are in no batch yet."""
        return int(self._db.execute("SELECT count(*) FROM pending_events").fetchone()[0])

    def last_batch(self) -> Batch | None:
        """The newest batch that this state knows."""
        row = self._db.execute(
            "SELECT sequence, sha256, first, last FROM batches ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        return Batch(sequence=row[0], sha256=row[1].hex(), first=row[2], last=row[3])

    def adopt_batch(
        self, batch: Batch, objects: Sequence[VaultObject] = (), deleted: Sequence[str] = ()
    ) -> None:
        """Take `batch` for written: its events are pending no more, its objects are known, those
        `deleted` no longer.

        Idempotent: a reader that opens the vault may have done it just before its writer.
        """
        with self.transaction():
            for item in objects:
                self.insert_object(item)
            for digest in deleted:
                self.remove_object(digest)
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
