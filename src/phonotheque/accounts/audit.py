"""The audit log: appended in the transaction of what it tells, chained by digests."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

import msgspec

from phonotheque.accounts.database import Database, from_us, to_us
from phonotheque.accounts.values import AuditEvent

_COLUMNS = "event, at_us, actor, action, account, detail, sha256"
_FIRST = bytes(32)


def add_event(
    writer: sqlite3.Connection,
    now: datetime,
    actor: str,
    action: str,
    account: str,
    *,
    detail: str = "",
) -> None:
    """Append one event, inside the caller's transaction."""
    last = writer.execute("SELECT event, sha256 FROM audit ORDER BY event DESC LIMIT 1").fetchone()
    number, previous = (1, _FIRST) if last is None else (last[0] + 1, last[1])
    values = (number, to_us(now), actor, action, account, detail)
    writer.execute(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?,?,?,?,?,?,?)",
        [*values, _digest(previous, values)],
    )


def iter_events(database: Database, after: int = 0, page: int = 1000) -> Iterator[AuditEvent]:
    """The events behind number `after`, in order; memory is one page."""
    while rows := database.rows(
        f"SELECT {_COLUMNS} FROM audit WHERE event > ? ORDER BY event LIMIT ?", [after, page]
    ):
        yield from map(_event, rows)
        after = rows[-1][0]


def check_chain(database: Database) -> int | None:
    """The number of the first event that is not as it was written, or that is missing before it;
    None where all are sound."""
    previous, due = _FIRST, 1
    after = 0
    while rows := database.rows(
        f"SELECT {_COLUMNS} FROM audit WHERE event > ? ORDER BY event LIMIT 1000", [after]
    ):
        for row in rows:
            if row[0] != due or row[6] != _digest(previous, row[:6]):
                return int(row[0])
            previous, due = row[6], due + 1
        after = rows[-1][0]
    return None


def _digest(previous: bytes, values: tuple[int, int, str, str, str, str]) -> bytes:
    return sha256(previous + msgspec.json.encode(list(values))).digest()


def _event(row: tuple[int, int, str, str, str, str, bytes]) -> AuditEvent:
    return AuditEvent(
        number=row[0], at=from_us(row[1]), actor=row[2], action=row[3], account=row[4],
        detail=row[5], sha256=row[6].hex(),
    )  # fmt: skip
