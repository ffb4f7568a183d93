"""Groups of accounts that divide the work: people share tastes, and who shares work shares none.

A group is given by what its accounts have in common (a network, an hour of signing up, a client).
Two tests, both on each account's distinct items:

*Collision deficit*: any two people meet on the same well-known items. In each bucket of rank, a
group expects its pairs of requests of different accounts times the rate of collision; accounts that
split the work do not collide at all. Groups of people differ, so the rate is the least that groups
of people have (`people_share`).

*Tail pressure*: openings in the long tail are rare in any group of people, and not all there is
even among those who like it best.

Both take requests for independent witnesses, and those of one account are not: one digger among
twenty people opens as much of the tail as a campaign. So no account has more to say than half as
much again as the one in the middle (`trim`).

Levels are, as for accounts, from groups of held-out people; see docs/guard.md.
"""

from collections.abc import Sequence
from math import exp, inf, lgamma, log, log1p
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.symbols import BUCKETS, TAIL_BUCKET

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_LN10: Final = log(10.0)
_NOTHING: Final = 1e-12
FEW: Final = 50.0
"""Expected collisions below which the share of those met says little."""
MOST_OF_ONE: Final = 1.5
"""An account's distinct items count up to so many times the median of its group's accounts ..."""
LEAST_OF_ONE: Final = 20
"""... and up to so many in any case."""


class GroupEvidence(msgspec.Struct, frozen=True):
    """What a group's requests say: log10 of the chance of so few collisions and of so many tail
    openings among people (0 is usual, -6 one in a million)."""

    requests: int
    accounts: int
    collisions: int
    expected_collisions: float
    deficit: float
    tail: int
    expected_tail: float
    pressure: float

    @property
    def surprise(self) -> float:
        """-log10 of the rarer of both, both having been tried."""
        return max(0.0, -min(self.deficit, self.pressure) - log(2) / _LN10)


def collision_rates(accounts: Ints, items: Ints, buckets: Ints) -> Floats:
    """By bucket: in what share of pairs two requests of people (each account's distinct items) are
    for the same item. Measured on people and not worked out from plays: plays count repeats, and
    people who listen through albums meet in lumps."""
    kept = np.unique((accounts << 40) | items, return_index=True)[1]
    own, things = buckets[kept], items[kept]
    _, first, times = np.unique(things, return_index=True, return_counts=True)
    met = np.bincount(own[first], weights=times * (times - 1) / 2, minlength=BUCKETS)
    pairs = _pairs(accounts[kept], own)
    return np.asarray(np.divide(met, pairs, out=np.zeros(BUCKETS), where=pairs > 0))


def _pairs(accounts: Ints, buckets: Ints) -> Floats:
    """By bucket: pairs of distinct items of different accounts; one account never meets itself."""
    _, who = np.unique(accounts, return_inverse=True)
    each = np.bincount(who * BUCKETS + buckets, minlength=(int(who.max(initial=0)) + 1) * BUCKETS)
    each = each.reshape(-1, BUCKETS).astype(np.float64)
    return np.asarray((each.sum(axis=0) ** 2 - (each**2).sum(axis=0)) / 2)


def weigh_group(
    accounts: Ints, items: Ints, buckets: Ints, rates: Floats, tail_share: float
) -> GroupEvidence:
    """The evidence of a group's media requests, in order of time (arrays of equal length; accounts
    are numbers below 2**23, items below 2**40). `tail_share` is what share of distinct items people
    open in the tail, at the most."""
    pairs = trim(accounts, items)
    kept, own = items[pairs], buckets[pairs]
    sizes = np.bincount(own, minlength=BUCKETS).astype(np.float64)
    expected = float((_pairs(accounts[pairs], own) * rates).sum())
    times = np.unique(kept, return_counts=True)[1].astype(np.int64)
    collisions = int((times * (times - 1) // 2).sum())
    tail = int(sizes[TAIL_BUCKET:].sum())
    return GroupEvidence(
        len(pairs), len(np.unique(accounts)), collisions, expected,
        poisson_at_most(collisions, expected), tail, len(pairs) * tail_share,
        tail_pressure(tail, len(pairs), tail_share),
    )  # fmt: skip


def trim(accounts: Ints, items: Ints) -> Ints:
    """Places of the requests that count: the first of each account for each item, and of an account
    no more than `MOST_OF_ONE` allows."""
    first = np.sort(np.unique((accounts << 40) | items, return_index=True)[1])
    _, who, times = np.unique(accounts[first], return_inverse=True, return_counts=True)
    if not len(first):
        return first
    most = max(LEAST_OF_ONE, int(MOST_OF_ONE * np.median(times)))
    order = np.argsort(who, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order)) - np.repeat(np.cumsum(times) - times, times)
    return np.asarray(first[place < most])


def people_share(groups: Sequence[GroupEvidence]) -> float:
    """What share of the collisions expected at `collision_rates` groups of people have at least,
    less a fifth (0 to 1). Multiplied with it, those rates are for `weigh_group`: people of a group
    are unlike other groups of people, and a Poisson count of mean rates would call that a deficit.
    """
    shares = [g.collisions / g.expected_collisions for g in groups if g.expected_collisions >= FEW]
    return 0.8 * min(1.0, *shares) if shares else 0.0


def poisson_at_most(count: int, mean: float) -> float:
    """log10 P(X <= count) for a Poisson X, 0 where that is usual."""
    if mean <= 0 or count >= mean:
        return 0.0
    top = count * log(mean) - mean - lgamma(count + 1)
    total, term, k = 1.0, 1.0, count  # terms fall geometrically from `count` down
    while term > _NOTHING * total and k > 0:
        term *= k / mean
        total += term
        k -= 1
    return min(0.0, (top + log(total)) / _LN10)


def tail_pressure(tail: int, openings: int, share: float) -> float:
    """log10 of the chance that so many of `openings` are of the tail, of which people open `share`
    at the most; where they open none, half of one opening."""
    return binomial_at_least(tail, openings, max(share, 0.5 / max(openings, 1)))


def binomial_at_least(count: int, of: int, share: float) -> float:
    """log10 P(X >= count) for a binomial X of `of` trials, 0 where that is usual."""
    if count <= of * share or share >= 1.0:
        return 0.0
    if share <= 0.0:
        return -inf
    odds = share / (1.0 - share)
    top = lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)
    top += count * log(share) + (of - count) * log1p(-share)
    total, term, k = 1.0, 1.0, count  # and from `count` up
    while term > _NOTHING * total and k < of:
        term *= odds * (of - k) / (k + 1)
        total += term
        k += 1
    return min(0.0, (top + log(total)) / _LN10)


def keep_false_discoveries(surprises: Floats, share: float = 0.01) -> NDArray[np.bool_]:
    """Which groups to report, so that at most `share` of those are false (Benjamini-Hochberg)."""
    order = np.argsort(-surprises, kind="stable")
    chances = np.array([exp(-_LN10 * min(s, 300.0)) for s in surprises[order]])
    passed = np.flatnonzero(chances <= share * np.arange(1, len(order) + 1) / max(len(order), 1))
    found = np.zeros(len(order), np.bool_)
    if len(passed):
        found[order[: passed[-1] + 1]] = True
    return found
