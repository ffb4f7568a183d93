"""`score`: one request, and what it says about the account. Pure: no clock, no chance, no I/O.

Each media request becomes a symbol (symbols.py). For each alternative (a way of harvesting) a sum
runs over log(chance under it / chance for people), never below 0: Page's CUSUM. People are a
hidden Markov chain of kinds of listening that follows the account, so the comparison is with the
people that it is most like, not with the mean of all (measured: docs/guard.md). A sum means
nothing by itself: levels are quantiles of its maximum over thirty days of held-out people.
"""

from math import log
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.events import Event, Kind
from phonotheque.guard.features import SLOW_EVERY, describe_slow, slow_scores
from phonotheque.guard.novelty import ARTISTS, ITEMS, meet
from phonotheque.guard.state import State, Totals, by_other_tables
from phonotheque.guard.symbols import (
    ACROSS,
    AWAY,
    BEYOND_SYMBOL,
    BUCKETS,
    KNOWN,
    LISTED,
    LISTED_SYMBOL,
    NEXT_SYMBOL,
    REPEAT,
    STAGE_ENDS,
    UNKNOWN,
    symbol,
)
from phonotheque.guard.tables import BUDGETS, LEAST_STEP, MOST_SAYS, Tables

RETRY_S: Final = 60.0
"""A second request for one item within this time is a retry or a prefetch, and says nothing."""
HASTE: Final = 0.2
KIN_SHIFT: Final = 4
LAST_BUCKET: Final = BUCKETS - 1
UNRANKED: Final = -2


class Evidence(msgspec.Struct, frozen=True):
    """What is known of an account after one request. `sums` are in nats, in the order of the
    tables' alternatives; `items` and `slow` are surprise: how rare this is among people, as
    -log10 of the share that ever gets there in thirty days (0 to 4; 3 = one in a thousand)."""

    account: str
    t: float
    kind: Kind
    symbol: int | None  # None: not a media request, or a retry
    media: int
    sums: tuple[float, ...]
    items: float
    leading: str  # the alternative that says so, empty for none
    leading_sum: float
    slow: float
    slow_facts: str
    canaries: int
    since_alarm: int  # media requests since a level of 1e-3 was first passed, without a break
    model_version: str


def score(state: State, event: Event, tables: Tables) -> tuple[State, Evidence]:
    """`state` after `event`, and the evidence. What was reckoned by other tables begins anew."""
    if state.learned != tables.mark:
        state = by_other_tables(state, tables.mark)
    if event.rank is None:
        tables = tables.unranked
    if event.kind is not Kind.MEDIA or event.item is None:
        return _count(state, event, tables)
    again = event.item == state.last_item and event.t - state.last_t < RETRY_S
    if again and not event.canary:
        after = msgspec.structs.replace(state, last_t=event.t)
        return after, evidence_of(after, event, tables, None)
    return _step(state, event, tables)


def _count(state: State, event: Event, tables: Tables) -> tuple[State, Evidence]:
    """Requests that are no media: counted and not judged by items."""
    old = state.totals
    totals = msgspec.structs.replace(
        old,
        metadata=old.metadata + (event.kind is Kind.METADATA),
        refused=old.refused + (event.status >= 400),
        canaries=old.canaries + event.canary,
        bytes=old.bytes + event.bytes,
    )
    first = state.first_t or event.t
    after = msgspec.structs.replace(state, totals=totals, first_t=first)
    return after, evidence_of(after, event, tables, None)


def _step(state: State, event: Event, tables: Tables) -> tuple[State, Evidence]:
    """One media request."""
    item = event.item or 0
    kin = item >> KIN_SHIFT
    release = kin if event.release is None else event.release
    before, items = meet(state.items, item, ITEMS)
    artist = kin if event.artist is None else event.artist
    known, artists = meet(state.artists, artist, ARTISTS)
    number = REPEAT if before else _new(state, event, release, artist, known)
    totals = _total(state, event, number)
    sums, mood = follow(state.sums, state.mood, number, totals.media - 1, tables)
    alarmed = state.alarmed_at
    if any(map(float.__gt__, sums, tables.levels[2])):
        alarmed = totals.media if alarmed < 0 else alarmed
    else:
        alarmed = -1
    slow = state.slow
    if totals.media % SLOW_EVERY == 0:
        slow = float(slow_scores(np.array([totals.symbols], np.float64), tables.slow)[0])
    after = State(
        items, artists, sums, mood, totals, state.first_t or event.t, event.t, item,
        UNRANKED if event.rank is None else event.rank, artist, release,
        event.duration_s or 0.0, alarmed, slow, tables.mark,
    )  # fmt: skip
    return after, evidence_of(after, event, tables, number)


def _new(state: State, event: Event, release: int, artist: int, known: bool) -> int:
    """The symbol of an item that was not met before."""
    if event.item == state.last_item + 1:
        if release == state.last_release:
            return NEXT_SYMBOL
        step = ACROSS if artist == state.last_artist else AWAY
    elif event.rank is not None and event.rank == state.last_rank + 1:
        return LISTED_SYMBOL if event.rank < LISTED else BEYOND_SYMBOL
    else:
        step = KNOWN if known or release == state.last_release else UNKNOWN
    return symbol(step, LAST_BUCKET if event.rank_bucket is None else event.rank_bucket)


def follow(
    sums: tuple[float, ...], mood: tuple[float, ...], number: int, media: int, tables: Tables
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Sums and mood after the symbol `number` of an account that had made `media` requests."""
    weighed = np.array(mood or tables.weights) * tables.chances[number]
    chance = float(weighed.sum())
    people, mood = log(chance), _single(weighed / chance @ tables.moving)
    most = MOST_SAYS[number]
    logs = tables.logs[(media >= STAGE_ENDS[0]) + (media >= STAGE_ENDS[1])][number]
    grown = []
    for total, alternative, ceiling in zip(
        sums or (0.0,) * len(logs), logs, tables.ceilings, strict=True
    ):
        gain = alternative - people
        gain = LEAST_STEP if gain < LEAST_STEP else most if gain > most else gain
        reached = total + gain
        grown.append(0.0 if reached < 0.0 else ceiling if reached > ceiling else reached)
    return tuple(grown), mood


def _single(mood: NDArray[np.float64]) -> tuple[float, ...]:
    """In single precision, as states are written: half the bytes, and nothing lost by writing."""
    return tuple(mood.astype(np.float32).tolist())


def _total(state: State, event: Event, number: int) -> Totals:
    old = state.totals
    counts = old.symbols
    hasty = event.t - state.last_t < HASTE * state.last_duration_s
    return Totals(
        old.media + 1, old.metadata, old.refused + (event.status >= 400),
        old.canaries + event.canary, old.bytes + event.bytes,
        (*counts[:number], counts[number] + 1, *counts[number + 1 :]), old.hasty + hasty,
    )  # fmt: skip


def evidence_of(state: State, event: Event, tables: Tables, number: int | None) -> Evidence:
    """What `state` says; `number` is the symbol of the request just met."""
    items, leading = surprise(state.sums, tables)
    totals = state.totals
    slow = _interpolate(state.slow, -1, tables) if totals.media >= SLOW_EVERY else 0.0
    since = totals.media - state.alarmed_at if state.alarmed_at >= 0 else 0
    return Evidence(
        event.account, event.t, event.kind, number, totals.media, state.sums, items,
        tables.alternatives[leading] if leading >= 0 else "",
        state.sums[leading] if leading >= 0 else 0.0, slow,
        describe_slow(totals.symbols, tables.slow) if slow > 1 else "", totals.canaries, since,
        tables.version,
    )  # fmt: skip


def surprise(sums: tuple[float, ...], tables: Tables) -> tuple[float, int]:
    """How rare the sums are among people (0 to 4), and the alternative that says so; of several
    that are beyond all levels, the one furthest beyond."""
    most, leading, beyond = 0.0, -1, 0.0
    for place, (total, level) in enumerate(zip(sums, tables.levels[0], strict=False)):
        if total > level:
            found = _interpolate(total, place, tables)
            times = total / tables.levels[-1][place]
            if (found, times) > (most, beyond):
                most, leading, beyond = found, place, times
    return most, leading


def _interpolate(value: float, column: int, tables: Tables) -> float:
    """-log10 of the share of people that ever reach `value`, from the levels; linear between."""
    levels = [row[column] for row in tables.levels]
    if value <= levels[0]:
        return 0.0
    found = 1.0
    for place in range(1, len(BUDGETS)):
        low, high = levels[place - 1], levels[place]
        if value > high:
            found = place + 1.0
        else:
            return place + (value - low) / max(high - low, 1e-9)
    return found


__all__ = ["HASTE", "RETRY_S", "Evidence", "follow", "score", "surprise"]
