"""Groups of accounts that divide the work: people share tastes, and who shares work shares none.

A group is given by what its accounts have in common (a network, an hour of signing up, a client).
Two tests, both on each account's distinct items:

*Collision deficit*: any two people meet on the same well-known items. In each bucket of rank,
n requests of a group expect C(n, 2) times the bucket's rate of collision; work-splitting accounts
do not collide at all. People collide more often than independent draws, so the test errs for them.

*Tail pressure*: openings in the long tail are rare in any group of people.

Levels are, as for accounts, from groups of held-out people; see docs/guard.md.
"""

from math import exp, lgamma, log
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.symbols import BUCKETS, TAIL_BUCKET

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_LN10: Final = log(10.0)


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
    sizes = np.bincount(own, minlength=BUCKETS).astype(np.float64)
    _, first, times = np.unique(things, return_index=True, return_counts=True)
    met = np.bincount(own[first], weights=times * (times - 1) / 2, minlength=BUCKETS)
    pairs = sizes * (sizes - 1) / 2
    return np.asarray(np.divide(met, pairs, out=np.zeros(BUCKETS), where=pairs > 0))


def weigh_group(
    accounts: Ints, items: Ints, buckets: Ints, rates: Floats, tail_share: float
) -> GroupEvidence:
    """The evidence of a group's media requests (arrays of equal length; accounts are numbers below
    2**23, items below 2**40). `tail_share` is what
    share of distinct items people open in the tail, at the most."""
    pairs = np.unique((accounts << 40) | items, return_index=True)[1]
    kept, own = items[pairs], buckets[pairs]
    sizes = np.bincount(own, minlength=BUCKETS).astype(np.float64)
    expected = float((sizes * (sizes - 1) / 2 * rates).sum())
    times = np.unique(kept, return_counts=True)[1].astype(np.int64)
    collisions = int((times * (times - 1) // 2).sum())
    tail = int(sizes[TAIL_BUCKET:].sum())
    likely = max(len(pairs) * tail_share, 0.5)
    return GroupEvidence(
        len(pairs), len(np.unique(accounts)), collisions, expected,
        poisson_at_most(collisions, expected), tail, likely, poisson_at_least(tail, likely),
    )  # fmt: skip


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
