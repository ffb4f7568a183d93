"""What the guard keeps, as values: actors, days, proposals, appeals, tokens, audit."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from phonotheque.guard.deciding import Measure

ALLOW = "allow"
DISABLE = "disable"
"""The measure that two people have decided; it has no end of its own."""


class What(StrEnum):
    """What a line of the guard's audit log tells."""

    OBSERVED = "observed"
    MEASURE_TAKEN = "measure.taken"
    MEASURE_ENDED = "measure.ended"
    MEASURE_LIFTED = "measure.lifted"
    DISABLING_PROPOSED = "disabling.proposed"
    DISABLING_CONFIRMED = "disabling.confirmed"
    DISABLING_REJECTED = "disabling.rejected"
    APPEAL_MADE = "appeal.made"
    APPEAL_GRANTED = "appeal.granted"
    APPEAL_REFUSED = "appeal.refused"
    BULK_ISSUED = "token.issued"
    BULK_USED = "token.used"
    BULK_REVOKED = "token.revoked"
    POLICY_CHANGED = "policy.changed"
    GROUP_TOLD = "group.told"
    GROUP_CLEARED = "group.cleared"
    GROUP_HELD = "group.held"
    STORE_LOST = "store.lost"
    DATA_DROPPED = "data.dropped"


class ActorRow(msgspec.Struct, frozen=True, kw_only=True):
    """One account (``account:7``) or network (``network:`` and a pseudonym), what is kept of it,
    and the measure in force: a name of `Measure` in small letters, or `DISABLE`. `state` is of
    `format_state`."""

    actor: str
    kind: str
    first_at: datetime
    last_at: datetime
    state: bytes
    measure: str
    measure_until: datetime | None
    reasons: tuple[str, ...]

    def in_force(self, now: datetime) -> str:
        """The measure at `now`."""
        over = self.measure_until is not None and self.measure_until <= now
        return ALLOW if over else self.measure


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one actor did on one day (days since 1970, UTC). `buckets`: media by bucket of rank;
    `score`: the highest sum of evidence of that day; `refused`: requests that the guard refused."""

    actor: str
    day: int
    requests: int = 0
    media: int = 0
    metadata: int = 0
    distinct_items: int = 0
    repeats: int = 0
    bytes: int = 0
    refused: int = 0
    buckets: tuple[int, ...] = (0,) * 8
    score: float = 0.0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One raw event as it is kept for up to thirty days, where the operator wants that."""

    actor: str
    network: str
    at: datetime
    kind: str
    item: int | None
    bucket: int | None
    status: int
    bytes: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit log. `by`: ``guard``, or a person; `tables`: the version decided with.
    `sha256` covers the line and `previous`, that of the line before."""

    event: int
    at: datetime
    actor: str
    what: What
    by: str
    reasons: tuple[str, ...]
    evidence: dict[str, Any]
    tables: str
    previous: str
    sha256: str


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """That an account be disabled. `state`: open, confirmed or rejected."""

    proposal: int
    actor: str
    at: datetime
    reasons: tuple[str, ...]
    evidence: dict[str, Any]
    first_person: str | None
    second_person: str | None
    decided_at: datetime | None
    state: str


class Appeal(msgspec.Struct, frozen=True, kw_only=True):
    """An objection to a measure. `outcome`: open, granted or refused, with the `answer`."""

    appeal: int
    actor: str
    at: datetime
    text: str
    decided_by: str | None
    decided_at: datetime | None
    outcome: str
    answer: str


class BulkToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token for taking in bulk; of itself only the SHA-256 is kept."""

    token: int
    sha256: bytes
    name: str
    contact: str
    made_at: datetime
    expires_at: datetime | None
    used_at: datetime | None  # to the hour
    revoked_at: datetime | None

    def opens(self, now: datetime) -> bool:
        """Whether it is good at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What a server has newly to say of an actor's state."""

    actor: str
    kind: str
    at: datetime
    state: bytes


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A measure to be written: taken by `by` until `until` (None: no end of its own)."""

    actor: str
    kind: str
    measure: str
    until: datetime | None
    reasons: tuple[str, ...] = ()
    evidence: dict[str, Any] = {}
    tables: str = ""
    by: str = "guard"
    what: What = What.MEASURE_TAKEN


def word_of(measure: Measure) -> str:
    """The measure as it is kept. A proposal suspends meanwhile."""
    return "suspend" if measure is Measure.DISABLE_PROPOSED else measure.name.lower()


ORDER = {word_of(m): int(m) for m in Measure if m is not Measure.DISABLE_PROPOSED} | {
    DISABLE: int(Measure.DISABLE_PROPOSED)
}
"""Place of each kept measure on the ladder."""
