"""What is remembered of fixity rounds: tables of `state.sqlite` (docs/formats/vault.md).

A round goes once through the digest space, from 0 to `END`; its cursor is the last digest that it
has passed. A stretch is what one transaction took over: objects up to `last`, checked from `at` on.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from phonotheque.vault.state import State

END = b"\xff" * 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = 2_000
_COUNTS = "objects, bytes, damaged, missing, not_checked"


class Outcome(StrEnum):
    """What a look at one object showed."""

    SOUND = "sound"
    DAMAGED = "damaged"
    MISSING = "missing"
    NOT_CHECKED = "not checked"


class Checked(msgspec.Struct, frozen=True):
    """One object that was looked at; `note` says why it is not sound. `found`: the digest that
    damaged bytes have. `unreadable`: its disk fails, which no permission mends."""

    sha256: bytes
    bytes: int
    outcome: Outcome
    note: str = ""
    found: str = ""
    unreadable: bool = False


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A round as it stands. `days` 0: all of it is due at once."""

    number: int
    started: datetime
    days: float
    cursor: bytes
    objects: int = 0
    bytes: int = 0
    damaged: int = 0
    missing: int = 0
    not_checked: int = 0

    @property
    def complete(self) -> bool:
        """Whether it has passed every digest."""
        return self.cursor == END


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Digests up to `last`, from where the stretch before it ended, looked at from `at` on."""

    round: int
    last: bytes
    at: datetime


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What was wrong with an object when it was looked at last."""

    outcome: Outcome
    at: datetime


def share_of(position: bytes) -> float:
    """How much of the digest space lies up to `position`: 0 to 1."""
    if not position:
        return 0.0
    return 1.0 if position == END else int.from_bytes(position[:8], "big") / 2**64


def position_at(share: float) -> bytes:
    """The digest up to which `share` of the digest space lies."""
    if share >= 1:
        return END
    return int(max(share, 0.0) * 2**64).to_bytes(8, "big") + bytes(24)


class FixityState:
    """Rounds, stretches and faults in `state`; the caller makes the transactions."""

    def __init__(self, state: State) -> None:
        self._state = state

    def newest(self) -> Round | None:
        """The round that runs, or ran last."""
        row = self._state.execute(
            f"SELECT round, started_us, days, cursor, {_COUNTS} FROM fixity_rounds "
            "ORDER BY round DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        return Round(
            number=row[0], started=_at(row[1]), days=row[2], cursor=row[3], objects=row[4],
            bytes=row[5], damaged=row[6], missing=row[7], not_checked=row[8],
        )  # fmt: skip

    def begin(self, started: datetime, days: float, now: datetime) -> None:
        """Begin the next round; one that has not come to its end is given up."""
        self._state.execute(
            "UPDATE fixity_rounds SET ended_us = ? WHERE ended_us IS NULL", [_us(now)]
        )
        self._state.execute(
            "INSERT INTO fixity_rounds (round, started_us, days, cursor) "
            "SELECT coalesce(max(round), 0) + 1, ?, ?, x'' FROM fixity_rounds",
            [_us(started), days],
        )

    def set_days(self, number: int, days: float) -> None:
        """Let the round take so many days from now on."""
        self._state.execute("UPDATE fixity_rounds SET days = ? WHERE round = ?", [days, number])

    def advance(self, at: Round, upto: bytes, checked: Sequence[Checked], since: datetime) -> None:
        """The round has passed all up to `upto`, having looked at `checked` from `since` on."""
        kinds = [item.outcome for item in checked]
        self._state.execute(
            "UPDATE fixity_rounds SET cursor = ?, objects = objects + ?, bytes = bytes + ?, "
            "damaged = damaged + ?, missing = missing + ?, not_checked = not_checked + ? "
            "WHERE round = ?",
            [
                upto, len(checked),
                sum(item.bytes for item in checked if item.outcome is Outcome.SOUND),
                *(kinds.count(o) for o in (Outcome.DAMAGED, Outcome.MISSING, Outcome.NOT_CHECKED)),
                at.number,
            ],
        )  # fmt: skip
        self._state.execute(
            "INSERT OR REPLACE INTO fixity_stretches VALUES (?,?,?)",
            [at.number, upto, _us(since)],
        )
        if upto == END:
            self._state.execute(
                "UPDATE fixity_rounds SET ended_us = ? WHERE round = ?", [_us(since), at.number]
            )
            self._state.execute("DELETE FROM fixity_stretches WHERE round < ?", [at.number])

    def iter_coverage(self) -> Iterator[Stretch]:
        """By digest: which stretch looked at it last. Ends where nothing was looked at yet."""
        covered = b""
        rounds = self._state.execute("SELECT round, cursor FROM fixity_rounds ORDER BY round DESC")
        for number, cursor in rounds.fetchall():
            if cursor <= covered:
                continue
            after = covered
            while rows := self._state.execute(
                "SELECT last, at_us FROM fixity_stretches WHERE round = ? AND last > ? "
                "ORDER BY last LIMIT ?",
                [number, after, _PAGE],
            ).fetchall():
                for last, at_us in rows:
                    yield Stretch(round=number, last=last, at=_at(at_us))
                after = rows[-1][0]
            covered = cursor

    def objects(self, after: bytes, upto: bytes) -> Iterator[tuple[bytes, int]]:
        """(digest, bytes) of the objects in (`after`, `upto`], in order; memory is one page."""
        while rows := self._state.execute(
            "SELECT sha256, bytes FROM objects WHERE sha256 > ? AND sha256 <= ? "
            "ORDER BY sha256 LIMIT ?",
            [after, upto, _PAGE],
        ).fetchall():
            yield from rows
            after = rows[-1][0]

    def pictures(self, after: bytes, upto: bytes) -> Iterator[tuple[bytes, int]]:
        """(digest, bytes) of the pictures in (`after`, `upto`], in order; memory is one page."""
        while rows := self._state.execute(
            "SELECT sha256, bytes FROM pictures WHERE sha256 > ? AND sha256 <= ? AND uses > 0 "
            "ORDER BY sha256 LIMIT ?",
            [after, upto, _PAGE],
        ).fetchall():
            yield from rows
            after = rows[-1][0]

    def faults(self, after: bytes = b"") -> Iterator[tuple[bytes, int, Outcome, str]]:
        """(digest, bytes, outcome, note) of what was not sound when it was looked at last, as far
        as the vault still knows it."""
        while rows := self._state.execute(
            "SELECT sha256, bytes, outcome, note FROM fixity_faults JOIN objects USING (sha256) "
            "WHERE sha256 > ? ORDER BY sha256 LIMIT ?",
            [after, _PAGE],
        ).fetchall():
            for digest, size, outcome, note in rows:
                yield digest, size, Outcome(outcome), note
            after = rows[-1][0]

    def looked_at(self, sha256: bytes) -> datetime | None:
        """When the stretch of the newest round that passed this digest began; None: none did."""
        row = self._state.execute(
            "SELECT at_us FROM fixity_stretches JOIN fixity_rounds USING (round) "
            "WHERE cursor >= ? AND last >= ? ORDER BY round DESC, last LIMIT 1",
            [sha256, sha256],
        ).fetchone()
        return None if row is None else _at(row[0])

    def fault(self, sha256: bytes) -> Fault | None:
        """What is wrong with an object, as far as is known."""
        row = self._state.execute(
            "SELECT outcome, at_us FROM fixity_faults WHERE sha256 = ?", [sha256]
        ).fetchone()
        return None if row is None else Fault(outcome=Outcome(row[0]), at=_at(row[1]))

    def count_faults(self) -> dict[Outcome, int]:
        """How many objects of each kind of fault are known."""
        rows = self._state.execute(
            "SELECT outcome, count(*) FROM fixity_faults JOIN objects USING (sha256) "
            "GROUP BY outcome"
        )
        found = {Outcome(outcome): count for outcome, count in rows.fetchall()}
        return {o: found.get(o, 0) for o in Outcome if o is not Outcome.SOUND}

    def set_fault(self, item: Checked, at: datetime) -> None:
        """Remember what is wrong with an object, or that nothing is any more."""
        if item.outcome is Outcome.SOUND:
            self._state.execute("DELETE FROM fixity_faults WHERE sha256 = ?", [item.sha256])
            return
        self._state.execute(
            "INSERT OR REPLACE INTO fixity_faults VALUES (?,?,?,?)",
            [item.sha256, item.outcome.value, _us(at), item.note],
        )

    def first_pending(self) -> datetime | None:
        """The time of the oldest event that is in no batch yet."""
        row = self._state.execute("SELECT min(at_us) FROM pending_events").fetchone()
        return None if row[0] is None else _at(row[0])

    def drop_idle_faults(self) -> None:
        """Forget faults of objects that the vault knows no more."""
        self._state.execute(
            "DELETE FROM fixity_faults WHERE NOT EXISTS "
            "(SELECT 1 FROM objects WHERE objects.sha256 = fixity_faults.sha256)"
        )


def _us(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _at(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
