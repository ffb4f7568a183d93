"""What is usual of groups of people, learned from the people of a site: rates of collision, the
share of the tail, and the level above which a group is told.

Groups are drawn by chance from people: first some whose shares are taken, then others whose highest
surprise sets the level. What a campaign does among those learned from makes both tests milder, and
never tells people.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.cohorts import (
    GroupEvidence,
    collision_rates,
    people_share,
    weigh_group,
)
from phonotheque.guard.levels import find_levels
from phonotheque.guard.symbols import BUCKETS, TAIL_BUCKET

Ints = NDArray[np.int64]
GROUP_SIZES: Final = (50, 100, 200, 300, 400, 500, 600, 800, 1000, 1400, 2000, 3000, 5000, 9000)
"""Media requests after which a group is looked at; it begins anew after the last."""
LEAST_LEVEL: Final = 10.0
"""-log10: groups drawn from one sample of people know less than there is (docs/guard.md)."""
GROUP_BUDGET: Final = 1e-5
"""Share of groups of people that may be told: the exponential tail of the highest is continued."""
FEWEST_PEOPLE: Final = 200
FEWEST_ACCOUNTS: Final = 5
"""Of fewer accounts no group is told: they are judged one by one."""
DEEPEST: Final = 0.02
"""So many of the people, those who open the tail most, are the group that others are held against
..."""
FEW_OPENINGS: Final = 20
"""... of those with so many openings."""
_LEAST_GROUP, _MOST_GROUP = 20, 1000


class Openings(msgspec.Struct, frozen=True):
    """Media requests for what was new to their account, in order of time: arrays of equal length.
    Accounts are numbers below 2**23, items below 2**40, buckets those of `rank_bucket`."""

    accounts: Ints
    items: Ints
    buckets: Ints

    def __len__(self) -> int:
        return len(self.items)

    def first(self, count: int) -> "Openings":
        """The first so many."""
        return Openings(self.accounts[:count], self.items[:count], self.buckets[:count])

    def of(self, accounts: Ints) -> "Openings":
        """Those of some accounts."""
        some = np.isin(self.accounts, accounts)
        return Openings(self.accounts[some], self.items[some], self.buckets[some])


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    """What groups of people do at the most. `rates`: by bucket, in what share of pairs two requests
    meet; `tail`: share of items of the long tail among what those open who open it most; a group
    with more surprise than `level` (-log10) is told. `people` is how many were learned from."""

    rates: tuple[float, ...]
    tail: float
    level: float
    people: int

    def weigh(self, group: Openings) -> GroupEvidence:
        """The evidence of a group."""
        return weigh_group(
            group.accounts, group.items, group.buckets, np.array(self.rates), self.tail
        )

    def path(self, group: Openings) -> list[GroupEvidence]:
        """The evidence of a group after each of `GROUP_SIZES` requests that it has."""
        return [self.weigh(group.first(size)) for size in GROUP_SIZES if size <= len(group)]


def learn_usual(
    people: Openings, rng: np.random.Generator, draws: int, level: float = LEAST_LEVEL
) -> Usual | None:
    """What is usual among `people`, from twice `draws` groups; None: they are too few. The level is
    `level` at least."""
    who = np.unique(people.accounts)
    if len(who) < FEWEST_PEOPLE:
        return None
    rates = collision_rates(people.accounts, people.items, people.buckets)
    tail = _deepest_tail(people)
    plain = Usual(rates=tuple(rates.tolist()), tail=tail, level=level, people=len(who))
    paths = [plain.path(_draw(people, who, rng)) for _ in range(draws)]
    share = people_share([evidence for path in paths for evidence in path])
    usual = msgspec.structs.replace(plain, rates=tuple((rates * share).tolist()))
    most = np.array([[highest(usual.path(_draw(people, who, rng)))] for _ in range(draws)])
    found = find_levels(most, ["all"] * draws, np.ones(draws), [GROUP_BUDGET])[0][0][0]
    return msgspec.structs.replace(usual, level=max(level, found))


def silent_usual() -> Usual:
    """By this no group is told: nothing is known of people yet."""
    return Usual(rates=(0.0,) * BUCKETS, tail=1.0, level=1e9, people=0)


def _deepest_tail(people: Openings) -> float:
    """What share of the tail a group of those people has who open it most."""
    _, who, times = np.unique(people.accounts, return_inverse=True, return_counts=True)
    deep = np.bincount(who, weights=people.buckets >= TAIL_BUCKET) / times
    shares = np.sort(deep[times >= FEW_OPENINGS])
    if not len(shares):
        return 1.0
    return float(shares[-max(1, int(DEEPEST * len(shares))) :].mean())


def highest(path: Sequence[GroupEvidence]) -> float:
    """The highest surprise of a group at any time; 0 for one of too few accounts."""
    return max((e.surprise for e in path if e.accounts >= FEWEST_ACCOUNTS), default=0.0)


def _draw(people: Openings, who: Ints, rng: np.random.Generator) -> Openings:
    """What some 20 to 1,000 of them asked for, no more than a third of all."""
    most = max(_LEAST_GROUP + 1, min(_MOST_GROUP, len(who) // 3))
    count = int(np.exp(rng.uniform(np.log(_LEAST_GROUP), np.log(most))))
    return people.of(rng.choice(who, count, replace=False)).first(GROUP_SIZES[-1])
