"""`guard.sqlite`, beside the accounts: states, days, measures, keys, and the audit log.

For any number of threads and processes. Nothing here is on the path of a request but the look at an
actor that a server meets for the first time since its start.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from phonotheque.guard.migrations import STEPS
from phonotheque.guard.pardon import pardon
from phonotheque.guard.records import (
    ALLOW,
    ActorRow,
    Decision,
    Entry,
    Kept,
    Seen,
    Update,
    What,
)
from phonotheque.guard.state import State, format_state, parse_state
from phonotheque.guard.trail import append, check_chain, iter_entries
from phonotheque.storage.database import Database, Form, from_us, maybe_from_us, to_us

FILE_NAME: Final = "guard.sqlite"
EVENT_DAYS: Final = 30
STATE_DAYS: Final = 90
KEY_DAYS: Final = 30
"""A network has another pseudonym after so many days."""
_FORM = Form(STEPS, "records of a guard", "docs/operations/guard.md", synchronous="NORMAL")
_ACTOR = "actor, kind, first_us, last_us, state, measure, measure_until_us, reasons"
_BUCKETS = "b0, b1, b2, b3, b4, b5, b6, b7"
_SEEN = (
    "actor, day, requests, media, metadata, distinct_items, repeats, bytes, refused, "
    f"{_BUCKETS}, score"
)
_ADDED = ", ".join(
    f"{name} = {name} + excluded.{name}" for name in _SEEN.split(", ")[2:] if name != "score"
)
_EPOCH = from_us(0)


def day_of(now: datetime) -> int:
    """Days since 1970, UTC."""
    return (now - _EPOCH) // timedelta(days=1)


class GuardStore:
    """The records kept at `path`.

    Raises:
        NotFoundError: there is no such file, and `create` is not set.
        FormatError: a newer program wrote it, or it is damaged.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.database = Database(path, _FORM, create=create)

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def __enter__(self) -> "GuardStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------ actors

    def actor(self, actor: str) -> ActorRow | None:
        """One actor."""
        row = self.database.row(f"SELECT {_ACTOR} FROM actor WHERE actor = ?", [actor])
        return None if row is None else _actor(row)

    def actors(self, *, since: datetime = _EPOCH, limit: int = 1000) -> list[ActorRow]:
        """The actors met since, the last met first."""
        rows = self.database.rows(
            f"SELECT {_ACTOR} FROM actor WHERE last_us >= ? ORDER BY last_us DESC LIMIT ?",
            [to_us(since), limit],
        )
        return [_actor(row) for row in rows]

    def in_force(self, now: datetime) -> list[ActorRow]:
        """The actors under a measure."""
        rows = self.database.rows(
            f"SELECT {_ACTOR} FROM actor WHERE measure <> 'allow' "
            "AND (measure_until_us IS NULL OR measure_until_us > ?)",
            [to_us(now)],
        )
        return [_actor(row) for row in rows]

    def seen(self, actor: str, since_day: int = 0) -> list[Seen]:
        """The days of an actor, the first first."""
        rows = self.database.rows(
            f"SELECT {_SEEN} FROM seen_day WHERE actor = ? AND day >= ? ORDER BY day",
            [actor, since_day],
        )
        return [_seen(row) for row in rows]

    def highest(self, since_day: int, limit: int = 50) -> list[tuple[str, float]]:
        """(actor, highest sum of evidence) since a day, the highest first."""
        rows = self.database.rows(
            "SELECT actor, max(score) AS most FROM seen_day WHERE day >= ? "
            "GROUP BY actor ORDER BY most DESC, actor LIMIT ?",
            [since_day, limit],
        )
        return [(actor, score) for actor, score in rows]

    def events(self, actor: str, limit: int = 1000) -> list[Kept]:
        """The last raw events of an actor, where they are kept, the last first."""
        rows = self.database.rows(
            "SELECT actor, network, at_us, kind, item, bucket, status, bytes FROM event "
            "WHERE actor = ? ORDER BY at_us DESC LIMIT ?",
            [actor, limit],
        )
        return [
            Kept(actor=r[0], network=r[1], at=from_us(r[2]), kind=r[3], item=r[4], bucket=r[5],
                 status=r[6], bytes=r[7])
            for r in rows
        ]  # fmt: skip

    def save(
        self, updates: Sequence[Update], days: Sequence[Seen], events: Sequence[Kept] = ()
    ) -> None:
        """Write what a server has seen since the last time, all or nothing: states as they are,
        days added to what is there."""
        with self.database.transaction() as writer:
            writer.executemany(
                "INSERT INTO actor (actor, kind, first_us, last_us, state) VALUES (?1,?2,?3,?3,?4) "
                "ON CONFLICT (actor) DO UPDATE SET last_us = max(last_us, excluded.last_us), "
                "state = excluded.state",
                [(u.actor, u.kind, to_us(u.at), u.state) for u in updates],
            )
            writer.executemany(
                f"INSERT INTO seen_day ({_SEEN}) VALUES ({','.join('?' * 18)}) "
                f"ON CONFLICT (actor, day) DO UPDATE SET {_ADDED}, "
                "score = max(score, excluded.score)",
                [_seen_values(seen) for seen in days],
            )
            writer.executemany(
                "INSERT INTO event (actor, network, at_us, kind, item, bucket, status, bytes) "
                "VALUES (?,?,?,?,?,?,?,?)",
                [(e.actor, e.network, to_us(e.at), e.kind, e.item, e.bucket, e.status, e.bytes)
                 for e in events],
            )  # fmt: skip

    # ------------------------------------------------------------------------ measures

    def decide(self, decision: Decision, now: datetime) -> int:
        """Put a measure in force, or observe (which puts none in force), with its line in the audit
        log; the line's number."""
        with self.database.transaction() as writer:
            if decision.what is not What.OBSERVED:
                set_measure(writer, decision, now)
            until = None if decision.until is None else decision.until.isoformat()
            return append(
                writer, now, decision.what, decision.by, actor=decision.actor,
                reasons=decision.reasons, tables=decision.tables,
                evidence={"measure": decision.measure, "until": until, **decision.evidence},
            )  # fmt: skip

    def extend(self, actor: str, until: datetime) -> None:
        """Let the measure in force last longer; that it goes on needs no line of its own."""
        with self.database.transaction() as writer:
            writer.execute(
                "UPDATE actor SET measure_until_us = max(measure_until_us, ?) "
                "WHERE actor = ? AND measure <> 'allow' AND measure_until_us IS NOT NULL",
                [to_us(until), actor],
            )

    def lift(self, actor: str, by: str, why: str, now: datetime) -> bool:
        """Take a measure back before its time; whether there was one. The actor begins anew."""
        with self.database.transaction() as writer:
            return lift_measure(writer, now, actor, What.MEASURE_LIFTED, by=by, reasons=(why,))

    def end_due(self, now: datetime) -> list[str]:
        """End the measures whose time is over; whose they were."""
        due = self.database.rows(
            "SELECT actor FROM actor WHERE measure <> 'allow' AND measure_until_us <= ?",
            [to_us(now)],
        )
        ended = []
        for (actor,) in due:
            with self.database.transaction() as writer:
                found = writer.execute(  # another process may have been first
                    "SELECT 1 FROM actor WHERE actor = ? AND measure_until_us <= ?",
                    [actor, to_us(now)],
                ).fetchone()
                if found and lift_measure(
                    writer,
                    now,
                    actor,
                    What.MEASURE_ENDED,
                    by="guard",
                    reasons=("its time is over",),
                ):
                    ended.append(actor)
        return ended

    # ------------------------------------------------------------------------ audit

    def note(
        self,
        what: What,
        by: str,
        now: datetime,
        *,
        actor: str = "",
        reasons: Sequence[str] = (),
        evidence: dict[str, Any] | None = None,
    ) -> int:
        """Append a line that changes nothing else; its number."""
        with self.database.transaction() as writer:
            return append(writer, now, what, by, actor=actor, reasons=reasons, evidence=evidence)

    def iter_audit(self, after: int = 0, actor: str | None = None) -> Iterator[Entry]:
        """The audit log behind line `after`, the oldest first."""
        return iter_entries(self.database, after, actor)

    def last_line(self) -> int:
        """The number of the newest line; 0: there is none."""
        row = self.database.row("SELECT max(event) FROM audit")
        return int(row[0] or 0) if row else 0

    def check_audit(self) -> int | None:
        """The first line that is not as it was written; None: all are."""
        return check_chain(self.database)

    def counts(self, now: datetime) -> dict[str, int]:
        """How many actors are under each measure, and proposals and appeals are open."""
        rows = self.database.rows(
            "SELECT measure, count(*) FROM actor WHERE measure <> 'allow' "
            "AND (measure_until_us IS NULL OR measure_until_us > ?) GROUP BY measure",
            [to_us(now)],
        )
        open_ones = self.database.row(
            "SELECT (SELECT count(*) FROM proposal WHERE state = 'open'), "
            "(SELECT count(*) FROM appeal WHERE outcome = 'open')"
        )
        assert open_ones is not None
        return {**dict(rows), "proposals": open_ones[0], "appeals": open_ones[1]}

    # ------------------------------------------------------------------------ secrets, retention

    def network_key(self, now: datetime) -> bytes:
        """The secret that networks have their pseudonyms by at `now`; another every `KEY_DAYS`."""
        today = day_of(now)
        newest = "SELECT secret FROM key WHERE day_from > ? ORDER BY day_from DESC LIMIT 1"
        found = self.database.row(newest, [today - KEY_DAYS])
        if found is None:
            with self.database.transaction() as writer:
                found = writer.execute(newest, [today - KEY_DAYS]).fetchone()
                if found is None:
                    found = (secrets.token_bytes(32),)
                    writer.execute("INSERT OR REPLACE INTO key VALUES (?,?)", [today, found[0]])
        return bytes(found[0])

    def adopt_network_key(self, now: datetime, secret: bytes) -> None:
        """Have `secret` be the one from today on: several servers name networks alike by it."""
        with self.database.transaction() as writer:
            writer.execute("INSERT OR REPLACE INTO key VALUES (?,?)", [day_of(now), secret])

    def setting(self, name: str, otherwise: bytes) -> bytes:
        """What is kept under `name`; kept from now on where it was not."""
        with self.database.transaction() as writer:
            writer.execute("INSERT OR IGNORE INTO setting VALUES (?,?)", [name, otherwise])
            row = writer.execute("SELECT value FROM setting WHERE name = ?", [name]).fetchone()
        return bytes(row[0])

    def change_setting(self, name: str, value: bytes) -> bool:
        """Keep `value` under `name`; whether it is another than before."""
        with self.database.transaction() as writer:
            row = writer.execute("SELECT value FROM setting WHERE name = ?", [name]).fetchone()
            writer.execute("INSERT OR REPLACE INTO setting VALUES (?,?)", [name, value])
        return row is None or bytes(row[0]) != value

    def drop_old(self, now: datetime) -> dict[str, int]:
        """Delete raw events and groups after `EVENT_DAYS`, states and days after `STATE_DAYS`, and
        the keys of pseudonyms that nothing kept is under; how many of each. Who is disabled is
        kept."""
        with self.database.transaction() as writer:
            dropped = {
                name: writer.execute(f"DELETE FROM {rows}", [value]).rowcount
                for name, (rows, value) in _old(now).items()
            }
            if any(dropped.values()):
                append(writer, now, What.DATA_DROPPED, "guard", evidence=dropped)
        return dropped

    def count_old(self, now: datetime) -> dict[str, int]:
        """How many of each `drop_old` would delete."""
        return {
            name: int(self.database.rows(f"SELECT count(*) FROM {rows}", [value])[0][0])
            for name, (rows, value) in _old(now).items()
        }


def _old(now: datetime) -> dict[str, tuple[str, int]]:
    """What is past its time, by name: table and condition, and the value for it."""
    today = day_of(now)
    return {
        "events": ("event WHERE at_us < ?", to_us(now - timedelta(days=EVENT_DAYS))),
        "days": ("seen_day WHERE day < ?", today - STATE_DAYS),
        "actors": (
            "actor WHERE last_us < ? AND (measure = 'allow' OR measure_until_us IS NOT NULL)",
            to_us(now - timedelta(days=STATE_DAYS)),
        ),
        "groups": ("cohort WHERE last_us < ?", to_us(now - timedelta(days=EVENT_DAYS))),
        "keys": ("key WHERE day_from < ?", today - STATE_DAYS - KEY_DAYS),
    }


def set_measure(writer: sqlite3.Connection, decision: Decision, now: datetime) -> None:
    """Put a measure in force, inside the caller's transaction."""
    until = None if decision.until is None else to_us(decision.until)
    reasons = msgspec.json.encode(decision.reasons).decode()
    writer.execute(
        "INSERT INTO actor (actor, kind, first_us, last_us, state, measure, measure_until_us, "
        "reasons) VALUES (?1,?2,?3,?3,?4,?5,?6,?7) ON CONFLICT (actor) DO UPDATE SET "
        "measure = excluded.measure, measure_until_us = excluded.measure_until_us, "
        "reasons = excluded.reasons",
        [decision.actor, decision.kind, to_us(now), format_state(State()), decision.measure, until,
         reasons],
    )  # fmt: skip


def lift_measure(
    writer: sqlite3.Connection,
    now: datetime,
    actor: str,
    what: What,
    *,
    by: str,
    reasons: Sequence[str],
) -> bool:
    """End the measure of `actor` inside the caller's transaction; whether there was one. With a new
    start, unless a lighter measure than suspension ends with its time: whoever harvests slowly
    would begin anew at each request."""
    row = writer.execute("SELECT measure, state FROM actor WHERE actor = ?", [actor]).fetchone()
    if row is None or row[0] == ALLOW:
        return False
    state = row[1]
    if what is not What.MEASURE_ENDED or row[0] == "suspend":
        state = format_state(pardon(parse_state(state)))
    writer.execute(
        "UPDATE actor SET measure = 'allow', measure_until_us = NULL, reasons = '[]', state = ? "
        "WHERE actor = ?",
        [state, actor],
    )
    append(writer, now, what, by, actor=actor, reasons=reasons, evidence={"measure": row[0]})
    return True


def _actor(row: Sequence[Any]) -> ActorRow:
    return ActorRow(
        actor=row[0], kind=row[1], first_at=from_us(row[2]), last_at=from_us(row[3]), state=row[4],
        measure=row[5], measure_until=maybe_from_us(row[6]),
        reasons=tuple(msgspec.json.decode(row[7])),
    )  # fmt: skip


def _seen(row: Sequence[Any]) -> Seen:
    return Seen(
        actor=row[0], day=row[1], requests=row[2], media=row[3], metadata=row[4],
        distinct_items=row[5], repeats=row[6], bytes=row[7], refused=row[8],
        buckets=tuple(row[9:17]), score=row[17],
    )  # fmt: skip


def _seen_values(seen: Seen) -> tuple[Any, ...]:
    return (
        seen.actor, seen.day, seen.requests, seen.media, seen.metadata, seen.distinct_items,
        seen.repeats, seen.bytes, seen.refused, *seen.buckets, seen.score,
    )  # fmt: skip
