"""What a guard has seen and done, read from its records for people: who stands out, one actor in
full, and a report over some days. Reads only."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from phonotheque.guard.kept_groups import GroupRow, list_groups
from phonotheque.guard.proceedings import Proceedings
from phonotheque.guard.records import ActorRow, Appeal, Entry, Proposal, Seen, What
from phonotheque.guard.state import parse_state
from phonotheque.guard.store import GuardStore, day_of
from phonotheque.guard.tables import Tables
from phonotheque.model.errors import FormatError, NotFoundError, UsageError
from phonotheque.storage.database import to_us

ALARMS = (What.OBSERVED, What.MEASURE_TAKEN, What.DISABLING_PROPOSED, What.GROUP_TOLD)
_SUMS = (
    "sum(requests), sum(media), sum(metadata), sum(distinct_items), sum(repeats), sum(bytes), "
    "sum(refused), sum(b0), sum(b1), sum(b2), sum(b3), sum(b4), sum(b5), sum(b6), sum(b7), "
    "max(score)"
)


class TopRow(msgspec.Struct, frozen=True, kw_only=True):
    """An actor over some days. `evidence`: the highest sum of a day; `measure`: in force now;
    `distinct_items` adds up days: an item of two days counts twice."""

    actor: str
    evidence: float
    measure: str
    measure_until: datetime | None
    requests: int
    media: int
    distinct_items: int
    repeat_share: float
    bytes: int
    refused: int
    last_at: datetime | None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One actor in full. `popularity` and `of_people` are shares of first openings by bucket of
    rank; `state_version` says whether what is kept of it could be read."""

    actor: str
    kind: str
    first_at: datetime
    last_at: datetime
    measure: str
    measure_until: datetime | None
    reasons: tuple[str, ...]
    media: int
    metadata: int
    canaries: int
    leading: tuple[tuple[str, float], ...]  # alternatives and their sums in nats, highest first
    days: tuple[Seen, ...]
    popularity: tuple[float, ...]
    of_people: tuple[float, ...]
    audit: tuple[Entry, ...]
    proposals: tuple[Proposal, ...]
    appeals: tuple[Appeal, ...]


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    """One day of all actors."""

    day: int
    actors: int
    seen: Seen
    alarms: int


class GuardReport(msgspec.Struct, frozen=True, kw_only=True):
    """What went on since some day. `events` counts lines of the audit log by what they tell;
    `damaged_line` is the first that is not as it was written."""

    since: datetime
    until: datetime
    actors: int
    totals: Seen
    days: tuple[DayRow, ...]
    events: dict[str, int]
    in_force: dict[str, int]
    top: tuple[TopRow, ...]
    groups: tuple[GroupRow, ...]  # those told now
    proposals: tuple[Proposal, ...]
    appeals: tuple[Appeal, ...]
    answered_appeals: int
    audit_lines: int
    damaged_line: int | None
    tokens: int


def parse_actor(text: str) -> str:
    """`account:7`, `network:…`, or a plain number for an account.

    Raises:
        UsageError: it is none of these.
    """
    if text.isdigit():
        return f"account:{text}"
    kind, _, name = text.partition(":")
    if kind not in ("account", "network") or not name:
        raise UsageError(f"{text!r} is no actor; write account:7 or network:0123456789abcdef")
    return text


def read_top(
    store: GuardStore, now: datetime, *, since: timedelta = timedelta(days=7), limit: int = 20
) -> list[TopRow]:
    """Those with the most evidence since then, and after them those with the most media."""
    rows = store.database.rows(
        f"SELECT actor, {_SUMS} FROM seen_day WHERE day >= ? GROUP BY actor "
        "ORDER BY max(score) DESC, sum(media) DESC, actor LIMIT ?",
        [day_of(now - since), limit],
    )
    return [_top_row(store, now, row) for row in rows]


def _top_row(store: GuardStore, now: datetime, row: Any) -> TopRow:
    actor, requests, media, _, distinct, repeats, size, refused = row[:8]
    kept = store.actor(actor)
    measure = kept.in_force(now) if kept else "allow"
    return TopRow(
        actor=actor, evidence=round(row[16], 2), measure=measure,
        measure_until=kept.measure_until if kept and measure != "allow" else None,
        requests=requests, media=media, distinct_items=distinct,
        repeat_share=round(repeats / media, 4) if media else 0.0, bytes=size, refused=refused,
        last_at=kept.last_at if kept else None,
    )  # fmt: skip


def read_profile(store: GuardStore, actor: str, tables: Tables, now: datetime) -> Profile:
    """All of one actor.

    Raises:
        NotFoundError: nothing is kept of it.
    """
    row = store.actor(actor)
    if row is None:
        raise NotFoundError(
            f"{actor}: the guard keeps nothing of it; `guard top` lists whom it met"
        )
    people, days = Proceedings(store), store.seen(actor)
    opened = [sum(seen.buckets[b] for seen in days) for b in range(8)]
    whole = sum(opened)
    media, metadata, canaries, leading = _state(row, tables)
    measure = row.in_force(now)
    return Profile(
        actor=actor, kind=row.kind, first_at=row.first_at, last_at=row.last_at,
        measure=measure, measure_until=row.measure_until if measure != "allow" else None,
        reasons=row.reasons if measure != "allow" else (), media=media, metadata=metadata,
        canaries=canaries, leading=leading, days=tuple(days),
        popularity=tuple(n / whole if whole else 0.0 for n in opened),
        of_people=tables.slow.population, audit=tuple(store.iter_audit(actor=actor)),
        proposals=tuple(p for p in people.proposals(only_open=False) if p.actor == actor),
        appeals=tuple(people.appeals(actor)),
    )  # fmt: skip


def _state(row: ActorRow, tables: Tables) -> tuple[int, int, int, tuple[tuple[str, float], ...]]:
    try:
        state = parse_state(row.state)
    except FormatError:  # of another version of the program; it is learned anew
        return 0, 0, 0, ()
    totals = state.totals
    sums = sorted(zip(tables.alternatives, state.sums, strict=False), key=lambda p: -p[1])
    told = tuple((name, round(total, 1)) for name, total in sums if total > 0)
    return totals.media, totals.metadata, totals.canaries, told


def read_report(
    store: GuardStore, now: datetime, *, since: timedelta = timedelta(days=7), limit: int = 10
) -> GuardReport:
    """What went on since then. Reads the whole audit log once, to check its chain."""
    start = now - since
    first = day_of(start)
    alarms = _alarms_by_day(store, start)
    rows = store.database.rows(
        f"SELECT day, count(*), {_SUMS} FROM seen_day WHERE day >= ? GROUP BY day ORDER BY day",
        [first],
    )
    days = tuple(
        DayRow(day=row[0], actors=row[1], seen=_seen("", row[0], row[2:]),
               alarms=alarms.get(row[0], 0))
        for row in rows
    )  # fmt: skip
    whole = store.database.row(
        f"SELECT count(DISTINCT actor), {_SUMS} FROM seen_day WHERE day >= ?", [first]
    )
    assert whole is not None
    events = store.database.rows(
        "SELECT what, count(*) FROM audit WHERE at_us >= ? GROUP BY what ORDER BY what",
        [to_us(start)],
    )
    people = Proceedings(store)
    appeals = people.appeals()
    return GuardReport(
        since=start, until=now, actors=whole[0], totals=_seen("", first, whole[1:]), days=days,
        events=dict(events), in_force=store.counts(now),
        top=tuple(t for t in read_top(store, now, since=since, limit=limit) if t.evidence > 0),
        groups=tuple(list_groups(store, now, limit=limit, only_told=True)),
        proposals=tuple(people.proposals()),
        appeals=tuple(a for a in appeals if a.outcome == "open"),
        answered_appeals=sum(1 for a in appeals if a.decided_at and a.decided_at >= start),
        audit_lines=store.last_line(), damaged_line=store.check_audit(),
        tokens=sum(1 for token in people.tokens() if token.opens(now)),
    )  # fmt: skip


def _alarms_by_day(store: GuardStore, start: datetime) -> dict[int, int]:
    rows = store.database.rows(
        "SELECT at_us / 86400000000 AS day, count(*) FROM audit "
        "WHERE at_us >= ? AND what IN (?,?,?,?) GROUP BY day",
        [to_us(start), *(what.value for what in ALARMS)],
    )
    return dict(rows)


def _seen(actor: str, day: int, sums: Any) -> Seen:
    values = [value or 0 for value in sums]
    return Seen(
        actor=actor, day=day, requests=values[0], media=values[1], metadata=values[2],
        distinct_items=values[3], repeats=values[4], bytes=values[5], refused=values[6],
        buckets=tuple(values[7:15]), score=float(values[15]),
    )  # fmt: skip
