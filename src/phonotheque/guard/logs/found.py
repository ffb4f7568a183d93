"""What an analysis found: values, as `--json` prints them."""

from datetime import datetime

import msgspec


class ReadFile(msgspec.Struct, frozen=True):
    """One file of the log. `broken` says why it could not be read to its end."""

    path: str
    lines: int
    requests: int
    bad_rows: int
    broken: str = ""


class BadRow(msgspec.Struct, frozen=True):
    """A line that is no request, the start of it as it stands there."""

    file: str
    line: int
    reason: str
    text: str


class Shown(msgspec.Struct, frozen=True):
    """One request that speaks against an account: where it stands, and what it says in words and
    nats of evidence for `leading`."""

    file: str
    line: int
    at: datetime
    item: str
    says: str
    nats: float


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """An account, or an address that requests without one came from. `evidence` is the sum that the
    guard's policy goes by (docs/guard.md), `measure` what it would have done. Media counts parts of
    one thing once; `alarm_after` is how many media requests, of how many distinct items, were made
    in the stretch before a level of one in a thousand was passed."""

    who: str
    is_account: bool
    evidence: float
    measure: str
    reasons: tuple[str, ...]
    requests: int
    media: int
    distinct_items: int
    repeat_share: float
    bytes: int
    refused: int
    busiest_minute: int
    first: datetime
    last: datetime
    networks: int
    agent: str
    robot: str  # the pattern of a declared robot that its agent fits
    alarm_after: int | None
    alarm_items: int | None
    alarm_at: datetime | None
    shown: tuple[Shown, ...]


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A /24 or /48 whose accounts, those told by themselves left out, were looked at as a group.
    `surprise` is -log10 of the chance among people; `told` says it stands out of the networks of
    this log at a share of false discoveries of 1 %."""

    network: str
    surprise: float
    told: bool
    accounts: int
    media: int
    collisions: int
    expected_collisions: float
    tail: int
    expected_tail: float
    reasons: tuple[str, ...]
    suspects: int
    requests: int
    bytes: int


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `levels` says in words what evidence is measured against."""

    files: tuple[ReadFile, ...]
    lines: int
    requests: int
    media: int
    followed: int
    accounts: int
    addresses: int
    items: int
    catalogue: int
    first: datetime | None
    last: datetime | None
    bad_rows: int
    bad_by_reason: dict[str, int]
    bad: tuple[BadRow, ...]
    levels: str
    people: int
    tables: str
    suspects: tuple[Suspect, ...]
    by_measure: dict[str, int]
    networks: tuple[Network, ...]
    notes: tuple[str, ...]
