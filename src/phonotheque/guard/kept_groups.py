"""What is kept of groups of accounts, in `guard.sqlite`: what they opened, under pseudonyms that
are good for one group alone, and what was thought of it.

A group is named by what its accounts have in common: ``network:`` and ``prefix:`` with a pseudonym
(one address; its /24 or /48), ``signup:`` and the hour, ``client:`` and the name of a program.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from phonotheque.guard.cohorts import GroupEvidence
from phonotheque.guard.records import What
from phonotheque.guard.store import GuardStore
from phonotheque.guard.trail import append
from phonotheque.guard.usual import Usual
from phonotheque.model.errors import NotFoundError, UsageError
from phonotheque.storage.database import from_us, maybe_from_us, to_us

GROUP_DAYS: Final = 30
"""A group is dropped when nobody of it asked for anything in so long; what it opened is, at the
latest, when it began so long ago."""
CLEARED_DAYS: Final = 30
"""A group of which a person said that it is one of people is not told for so long."""
KINDS: Final = ("network", "prefix", "signup", "client", "both")
_USUAL: Final = "groups.usual"
_COLUMNS: Final = (
    "name, secret, began_us, last_us, accounts, items, buckets, looked, surprise, told_until_us, "
    "cleared_until_us, held_until_us, evidence"
)
_OF_PEOPLE: Final = ("name", "cleared_until_us", "held_until_us")


class KeptGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One group. `accounts` (4 bytes each), `items` (8) and `buckets` (1) are what it opened, in
    order, little endian, digested under `secret`; `looked` after how many of these it was looked at
    last; `surprise` (-log10) what was found then, or when it was told, while that lasts."""

    name: str
    secret: bytes
    began_at: datetime
    last_at: datetime
    accounts: bytes = b""
    items: bytes = b""
    buckets: bytes = b""
    looked: int = 0
    surprise: float = 0.0
    told_until: datetime | None = None
    cleared_until: datetime | None = None
    held_until: datetime | None = None
    evidence: GroupEvidence | None = None


class GroupRow(msgspec.Struct, frozen=True, kw_only=True):
    """A group as people are shown it. `told`: it is above the level of groups of people now;
    `held`: people decided that its accounts be redirected; `evidence` is of the last look, null
    before the first."""

    name: str
    openings: int
    surprise: float
    told: bool
    told_until: datetime | None
    cleared_until: datetime | None
    held: bool
    held_until: datetime | None
    last_at: datetime
    reason: str
    evidence: GroupEvidence | None


def describe_group(evidence: GroupEvidence) -> str:
    """What stands out about a group, in words."""
    if evidence.deficit <= evidence.pressure:
        return (
            f"{evidence.accounts} accounts hardly ever meet: {evidence.collisions} times on an "
            f"item, where people would {evidence.expected_collisions:.0f} times at the least"
        )
    return (
        f"{evidence.accounts} accounts opened {evidence.tail} items of the long tail of "
        f"{evidence.requests}, where people would {evidence.expected_tail:.0f} at the most"
    )


def save_groups(store: GuardStore, groups: Sequence[KeptGroup]) -> None:
    """Write some groups, each as it is now; what people have decided meanwhile stays."""
    marks = ",".join("?" * len(_COLUMNS.split(", ")))
    with store.database.transaction() as writer:
        writer.executemany(
            f"INSERT INTO cohort ({_COLUMNS}) VALUES ({marks}) ON CONFLICT (name) DO UPDATE SET "
            + ", ".join(
                f"{column} = excluded.{column}"
                for column in _COLUMNS.split(", ")
                if column not in _OF_PEOPLE
            ),
            [_values(group) for group in groups],
        )


def forget_groups(store: GuardStore, names: Sequence[str]) -> None:
    """Delete some groups; those of which people have decided something stay."""
    with store.database.transaction() as writer:
        writer.executemany(
            "DELETE FROM cohort WHERE name = ? "
            "AND coalesce(cleared_until_us, held_until_us) IS NULL",
            [(name,) for name in names],
        )


def read_groups(store: GuardStore, limit: int, openings: int) -> Iterator[KeptGroup]:
    """The groups met last, the last first, `limit` at the most, with all that they opened,
    `openings` at the most in all."""
    names = store.database.rows(
        "SELECT name, length(buckets) FROM cohort ORDER BY last_us DESC LIMIT ?", [limit]
    )
    for name, size in names:
        openings -= size
        row = store.database.row(f"SELECT {_COLUMNS} FROM cohort WHERE name = ?", [name])
        if openings < 0 or row is None:
            return
        yield KeptGroup(
            name=row[0], secret=row[1], began_at=from_us(row[2]), last_at=from_us(row[3]),
            accounts=row[4], items=row[5], buckets=row[6], looked=row[7], surprise=row[8],
            told_until=maybe_from_us(row[9]), cleared_until=maybe_from_us(row[10]),
            held_until=maybe_from_us(row[11]), evidence=_evidence(row[12]),
        )  # fmt: skip


def list_groups(
    store: GuardStore, now: datetime, *, limit: int = 20, only_told: bool = False
) -> list[GroupRow]:
    """Those that stand out most: those told, then by surprise."""
    held = "coalesce(held_until_us, 0) > ?1"
    told = "(coalesce(told_until_us, 0) > ?1 AND coalesce(cleared_until_us, 0) <= ?1)"
    rows = store.database.rows(
        f"SELECT name, length(buckets), surprise, {told}, told_until_us, cleared_until_us, {held}, "
        f"held_until_us, last_us, evidence FROM cohort WHERE {told} OR {held} OR NOT ?2 "
        f"ORDER BY {held} DESC, {told} DESC, surprise DESC, length(buckets) DESC, name LIMIT ?3",
        [to_us(now), only_told, limit],
    )
    return [_row(row) for row in rows]


def _row(row: Any) -> GroupRow:
    name, openings, surprise, told, until, cleared, held, held_until, last, evidence = row
    found = _evidence(evidence)
    return GroupRow(
        name=name, openings=openings, surprise=round(surprise, 1), told=bool(told),
        told_until=maybe_from_us(until), cleared_until=maybe_from_us(cleared), held=bool(held),
        held_until=maybe_from_us(held_until), last_at=from_us(last),
        reason=describe_group(found) if found else "", evidence=found,
    )  # fmt: skip


def clear_group(store: GuardStore, name: str, by: str, why: str, now: datetime) -> None:
    """Say that a group is one of people: it is not told for `CLEARED_DAYS`, nor held.

    Raises:
        NotFoundError: there is no such group.
        UsageError: no name of a person, or no reasons.
    """
    until = now + timedelta(days=CLEARED_DAYS)
    change = "cleared_until_us = ?1, held_until_us = NULL, told_until_us = NULL"
    _decide(store, (name, by, why), change, (What.GROUP_CLEARED, until), now)


def hold_group(
    store: GuardStore, said: tuple[str, str, str], until: datetime, now: datetime
) -> None:
    """Say that a group is a campaign: all its accounts are redirected until then. `said` is its
    name, who decides, and why.

    Raises:
        NotFoundError: there is no such group.
        UsageError: no name of a person, or no reasons.
    """
    change = "held_until_us = ?1, cleared_until_us = NULL"
    _decide(store, said, change, (What.GROUP_HELD, until), now)


def _decide(
    store: GuardStore, said: tuple[str, str, str], change: str, what: tuple[What, datetime],
    now: datetime,
) -> None:  # fmt: skip
    name, by, why = said
    if not by.strip() or not why.strip():
        raise UsageError("give the name of the person who decides, and the reasons")
    with store.database.transaction() as writer:
        changed = writer.execute(
            f"UPDATE cohort SET {change} WHERE name = ?2", [to_us(what[1]), name]
        ).rowcount
        if not changed:
            raise NotFoundError(f"{name}: the guard keeps no such group; `guard groups` lists them")
        append(writer, now, what[0], by.strip(), reasons=(why,),
               evidence={"group": name, "until": what[1].isoformat()})  # fmt: skip


def note_told(store: GuardStore, group: KeptGroup, now: datetime) -> None:
    """Write a group that is told, with its line in the audit log."""
    save_groups(store, [group])
    evidence = group.evidence
    assert evidence is not None
    with store.database.transaction() as writer:
        append(writer, now, What.GROUP_TOLD, "guard", reasons=(describe_group(evidence),),
               evidence={"group": group.name, **msgspec.to_builtins(evidence)})  # fmt: skip


def save_usual(store: GuardStore, usual: Usual, now: datetime) -> None:
    """Keep what is usual of groups of people here, learned at `now`."""
    store.change_setting(_USUAL, msgspec.json.encode((now, usual)))


def read_usual(store: GuardStore) -> tuple[datetime, Usual] | None:
    """What was kept last, and of when; None: nothing yet, or of another program."""
    row = store.database.row("SELECT value FROM setting WHERE name = ?", [_USUAL])
    if row is None:
        return None
    try:
        return msgspec.json.decode(row[0], type=tuple[datetime, Usual])
    except msgspec.DecodeError:
        return None


def _values(group: KeptGroup) -> list[object]:
    untils = (group.told_until, group.cleared_until, group.held_until)
    return [
        group.name, group.secret, to_us(group.began_at), to_us(group.last_at), group.accounts,
        group.items, group.buckets, group.looked, group.surprise,
        *(None if until is None else to_us(until) for until in untils),
        "" if group.evidence is None else msgspec.json.encode(group.evidence).decode(),
    ]  # fmt: skip


def _evidence(text: str) -> GroupEvidence | None:
    return msgspec.json.decode(text, type=GroupEvidence) if text else None
