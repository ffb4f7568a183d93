"""`score` for many accounts at once: the same answers, with NumPy over accounts.

For logs, for learning and for measuring. Accounts are rows, requests in order are columns; a step
costs about as much for one account as for a hundred, so many accounts at once are worth it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.features import SLOW_EVERY, slow_scores
from phonotheque.guard.novelty import ARTISTS, ITEMS, Memories
from phonotheque.guard.scoring import RETRY_S
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
    STEPPED,
    SYMBOLS,
    UNKNOWN,
)
from phonotheque.guard.tables import LEAST_STEP, MOST_SAYS, Tables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
CHUNK: Final = 4096
"""Accounts at once: their memories are 50 MB."""
NOTHING: Final = -1
"""No symbol: after the end, or a retry."""
NO_SCORE: Final = -1e9
"""Slow features have not been looked at."""


@dataclass(frozen=True)
class Requests:
    """The media requests of one account, in order; arrays of equal length. Times in seconds;
    without `ranks`, nothing is known of the list of what was played most."""

    items: Ints
    times: Floats
    artists: Ints
    releases: Ints
    buckets: Ints
    ranks: Ints | None = None


def symbols_of(accounts: Sequence[Requests]) -> NDArray[np.int8]:
    """The symbol of each request (accounts x requests; `NOTHING` where there is none)."""
    longest = max((len(a.items) for a in accounts), default=0)
    found = np.full((len(accounts), longest), NOTHING, np.int8)
    order = np.argsort([-len(a.items) for a in accounts], kind="stable")
    for start in range(0, len(accounts), CHUNK):
        rows = order[start : start + CHUNK]
        found[rows] = _symbols([accounts[row] for row in rows], longest)
    return found


def _symbols(accounts: Sequence[Requests], longest: int) -> NDArray[np.int8]:
    """As `symbols_of`, of accounts that come longest first."""
    lengths = np.array([len(a.items) for a in accounts])
    columns = _Columns(accounts, int(lengths[0]))
    items, artists = Memories(len(accounts), ITEMS), Memories(len(accounts), ARTISTS)
    found = np.full((len(accounts), longest), NOTHING, np.int8)
    for t in range(columns.longest):
        rows = np.arange(np.searchsorted(-lengths, -t, side="left"))
        rows = rows[~columns.retry[rows, t]]
        before = items.meet(rows, columns.items[rows, t])
        known = artists.meet(rows, columns.artists[rows, t]) | columns.same_release[rows, t]
        step = np.where(
            columns.follows[rows, t], columns.step[rows, t], np.where(known, KNOWN, UNKNOWN)
        )
        number = np.where(
            step == 0, NEXT_SYMBOL, STEPPED + (step - 1) * BUCKETS + columns.buckets[rows, t]
        )
        ranked = columns.ranked[rows, t]
        number = np.where(ranked > 0, ranked, number)
        found[rows, t] = np.where(before, REPEAT, number)
    return found


class _Columns:
    """Requests as rectangles."""

    def __init__(self, accounts: Sequence[Requests], longest: int) -> None:
        shape = (len(accounts), longest)
        self.longest = longest
        self.items, self.artists, self.buckets, self.step = (
            np.zeros(shape, np.int64) for _ in range(4)
        )
        self.retry, self.follows, self.same_release = (np.zeros(shape, np.bool_) for _ in range(3))
        self.ranked = np.zeros(shape, np.int8)
        for row, one in enumerate(accounts):
            n = len(one.items)
            self.items[row, :n], self.artists[row, :n] = one.items, one.artists
            self.buckets[row, :n] = one.buckets
            step = np.diff(one.items)
            self.retry[row, 1:n] = (step == 0) & (np.diff(one.times) < RETRY_S)
            self.follows[row, 1:n] = step == 1
            self.follows[row, :1] = one.items[:1] == 0  # as the state does, whose last item is -1
            self.same_release[row, 1:n] = np.diff(one.releases) == 0
            beyond = np.where(np.diff(one.artists) == 0, ACROSS, AWAY)
            self.step[row, 1:n] = np.where(np.diff(one.releases) == 0, 0, beyond)
            self.step[row, :1] = AWAY
            if one.ranks is not None:
                next_on = (np.diff(one.ranks) == 1) & ~self.follows[row, 1:n]
                by_rank = np.where(one.ranks[1:] < LISTED, LISTED_SYMBOL, BEYOND_SYMBOL)
                self.ranked[row, 1:n] = np.where(next_on, by_rank, 0)


@dataclass(frozen=True)
class Heights:
    """What sums reached, by account: `most` over all requests (the alternatives, then the slow
    score), and for each of the asked rows of levels, after how many requests (from 1, retries
    counted; 0: never) any of the levels was first passed, and by which column."""

    most: Floats
    when: Ints  # accounts x rows of levels
    which: Ints


def follow_many(
    symbols: NDArray[np.int8],
    tables: Tables,
    levels: Floats | None = None,
    since: Ints | None = None,
) -> Heights:
    """Run the sums over `symbols`. `levels` are rows of levels (rows x columns); alarms before
    the request `since` of an account do not count."""
    lengths = symbols.shape[1] - np.argmax(symbols[:, ::-1] != NOTHING, axis=1)
    lengths[(symbols == NOTHING).all(axis=1)] = 0
    order = np.argsort(-lengths, kind="stable")
    runner = _Runner(tables, len(symbols), levels)
    begin = np.zeros(len(symbols), np.int64) if since is None else since[order]
    ordered, sorted_lengths = symbols[order], lengths[order]
    for t in range(int(sorted_lengths[0]) if len(order) else 0):
        rows = np.arange(np.searchsorted(-sorted_lengths, -t, side="left"))
        numbers = ordered[rows, t]
        met = numbers != NOTHING
        runner.step(rows[met], numbers[met].astype(np.int64), t, begin)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return Heights(runner.most[back], runner.when[back], runner.which[back])


class _Runner:
    """Sums, moods and totals of accounts."""

    def __init__(self, tables: Tables, accounts: int, levels: Floats | None) -> None:
        self.chances = tables.chances
        self.logs = np.array(tables.logs)
        self.moves = tables.moving
        self.ceilings = np.array(tables.ceilings)
        self.slow = tables.slow
        self.most_says = np.array(MOST_SAYS)
        columns = len(tables.alternatives) + 1
        self.levels = np.zeros((0, columns)) if levels is None else levels
        self.sums = np.zeros((accounts, columns - 1))
        self.mood = np.tile(np.array(tables.weights, np.float32), (accounts, 1))
        self.media = np.zeros(accounts, np.int64)
        self.counts = np.zeros((accounts, SYMBOLS))
        self.most = np.zeros((accounts, columns))
        self.most[:, -1] = NO_SCORE
        self.when = np.zeros((accounts, len(self.levels)), np.int64)
        self.which = np.full((accounts, len(self.levels)), -1, np.int64)

    def step(self, rows: Ints, numbers: Ints, t: int, begin: Ints) -> None:
        """The request `t` of `rows`."""
        weighed = self.mood[rows] * self.chances[numbers]
        chance = weighed.sum(axis=1)
        self.mood[rows] = (weighed / chance[:, None]) @ self.moves
        media = self.media[rows]
        gains = self.logs[
            (media >= STAGE_ENDS[0]).astype(np.int64) + (media >= STAGE_ENDS[1]), numbers
        ]
        gains = np.clip(
            gains - np.log(chance)[:, None], LEAST_STEP, self.most_says[numbers][:, None]
        )
        sums = np.clip(self.sums[rows] + gains, 0.0, self.ceilings)
        self.sums[rows], self.media[rows] = sums, media + 1
        self.most[rows, :-1] = np.maximum(self.most[rows, :-1], sums)
        self.counts[rows, numbers] += 1
        scores = np.full((len(rows), 1), NO_SCORE)
        due = (media + 1) % SLOW_EVERY == 0
        if due.any():
            scores[due, 0] = slow_scores(self.counts[rows[due]], self.slow)
            self.most[rows, -1] = np.maximum(self.most[rows, -1], scores[:, 0])
        reached = np.concatenate([sums, scores], axis=1)
        for row in range(len(self.levels)):
            above = reached > self.levels[row]
            hit = above.any(axis=1) & (self.when[rows, row] == 0) & (begin[rows] <= t)
            self.when[rows[hit], row] = t + 1
            self.which[rows[hit], row] = np.argmax(above[hit], axis=1)
