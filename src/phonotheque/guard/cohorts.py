"""Groups of accounts that divide the work: people share tastes, and who shares work shares none.

A group is given by what its accounts have in common (a network, an hour of signing up, a client).
Two tests, both on each account's distinct items:

*Collision deficit*: any two people meet on the same well-known items. In each bucket of rank, a
group expects its pairs of requests of different accounts times the rate of collision; accounts that
split the work do not collide at all. Groups of people differ, so the rate is the least that groups
of people have (`people_share`).

*Tail pressure*: openings in the long tail are rare in any group of people.

Levels are, as for accounts, from groups of held-out people; see docs/guard.md.
"""

from collections.abc import Sequence
from math import exp, lgamma, log
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.symbols import BUCKETS, TAIL_BUCKET

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_LN10: Final = log(10.0)
FEW: Final = 50.0
"""Expected collisions below which the share of those met says little."""


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
    """The evidence of a group's media requests (arrays of equal length; accounts are numbers below
    2**23, items below 2**40). `tail_share` is what
    share of distinct items people open in the tail, at the most."""
    pairs = np.unique((accounts << 40) | items, return_index=True)[1]
    kept, own = items[pairs], buckets[pairs]
    sizes = np.bincount(own, minlength=BUCKETS).astype(np.float64)
    expected = float((_pairs(accounts[pairs], own) * rates).sum())
    times = np.unique(kept, return_counts=True)[1].astype(np.int64)
    collisions = int((times * (times - 1) // 2).sum())
    tail = int(sizes[TAIL_BUCKET:].sum())
    likely = max(len(pairs) * tail_share, 0.5)
    return GroupEvidence(
        len(pairs), len(np.unique(accounts)), collisions, expected,
        poisson_at_most(collisions, expected), tail, likely, poisson_at_least(tail, likely),
    )  # fmt: skip


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
    return min(0.0, (_series(count, mean, -1)) / _LN10)


def poisson_at_least(count: int, mean: float) -> float:
    """log10 P(X >= count) for a Poisson X, 0 where that is usual."""
    if count <= mean:
        return 0.0
    return min(0.0, _series(count, mean, 1) / _LN10)


def _series(count: int, mean: float, direction: int) -> float:
    """ln of the sum of Poisson chances from `count` outwards; terms fall geometrically."""
    top = count * log(mean) - mean - lgamma(count + 1)
    total, term, k = 1.0, 1.0, count
    while term > 1e-12 * total and (direction > 0 or k > 0):
        term *= mean / (k + 1) if direction > 0 else k / mean
        total += term
        k += direction
    return top + log(total)


def keep_false_discoveries(surprises: Floats, share: float = 0.01) -> NDArray[np.bool_]:
    """Which groups to report, so that at most `share` of those are false (Benjamini-Hochberg)."""
    order = np.argsort(-surprises, kind="stable")
    chances = np.array([exp(-_LN10 * min(s, 300.0)) for s in surprises[order]])
    passed = np.flatnonzero(chances <= share * np.arange(1, len(order) + 1) / max(len(order), 1))
    found = np.zeros(len(order), np.bool_)
    if len(passed):
        found[order[: passed[-1] + 1]] = True
    return found
