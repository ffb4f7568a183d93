"""The guard's audit log: appended in the transaction of what it tells, chained by digests."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from phonotheque.guard.records import Entry, What
from phonotheque.storage.database import Database, from_us, to_us

_COLUMNS = "event, at_us, actor, what, by, reasons, evidence, tables, previous, sha256"
_FIRST = "0" * 64
_PAGE = 1000


def append(
    writer: sqlite3.Connection,
    now: datetime,
    what: What,
    by: str,
    *,
    actor: str = "",
    reasons: Sequence[str] = (),
    evidence: Mapping[str, Any] | None = None,
    tables: str = "",
) -> int:
    """Append one line inside the caller's transaction; its number."""
    last = writer.execute("SELECT event, sha256 FROM audit ORDER BY event DESC LIMIT 1").fetchone()
    number, previous = (1, _FIRST) if last is None else (last[0] + 1, last[1])
    values = (number, to_us(now), actor, what.value, by, _text(list(reasons)),
              _text(dict(evidence or {})), tables, previous)  # fmt: skip
    writer.execute(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)", [*values, _digest(values)]
    )
    return int(number)


def iter_entries(
    database: Database, after: int = 0, actor: str | None = None, page: int = _PAGE
) -> Iterator[Entry]:
    """The lines behind number `after`, in order, of one `actor` or of all; memory is one page."""
    condition, values = ("", []) if actor is None else ("AND actor = ? ", [actor])
    sql = f"SELECT {_COLUMNS} FROM audit WHERE event > ? {condition}ORDER BY event LIMIT ?"
    while rows := database.rows(sql, [after, *values, page]):
        yield from map(_entry, rows)
        after = rows[-1][0]


def check_chain(database: Database) -> int | None:
    """The number of the first line that is not as it was written, or before which one is missing;
    None where all are sound."""
    previous, due, after = _FIRST, 1, 0
    while rows := database.rows(
        f"SELECT {_COLUMNS} FROM audit WHERE event > ? ORDER BY event LIMIT ?", [after, _PAGE]
    ):
        for row in rows:
            if row[0] != due or row[8] != previous or row[9] != _digest(row[:9]):
                return int(row[0])
            previous, due = row[9], due + 1
        after = rows[-1][0]
    return None


def _digest(values: Sequence[Any]) -> str:
    return sha256(msgspec.json.encode(list(values))).hexdigest()


def _text(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _entry(row: Sequence[Any]) -> Entry:
    return Entry(
        event=row[0], at=from_us(row[1]), actor=row[2], what=What(row[3]), by=row[4],
        reasons=tuple(msgspec.json.decode(row[5])), evidence=msgspec.json.decode(row[6]),
        tables=row[7], previous=row[8], sha256=row[9],
    )  # fmt: skip
