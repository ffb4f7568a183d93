"""Campaigns D1 to D4 against groups of people: what is lost before the group is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.guard_harvesters import make_campaign
from bench.guard_people import History
from bench.guard_world import Floats, Ints, World
from phonotheque.guard import GroupEvidence, collision_rates, find_levels, people_share, weigh_group

GROUP_SIZES = (50, 100, 200, 300, 400, 500, 600, 800, 1000, 1400, 2000, 3000, 5000, 9000)
"""Requests after which a group is looked at."""
MOST_TOGETHER = GROUP_SIZES[-1]
LEAST_LEVEL = 20.0
"""Held groups ask for about 6; groups of other people got to 17 (docs/guard.md)."""
GROUP_BUDGET = 1e-5
"""Share of groups of people that may be told: the exponential tail of the highest is continued."""
HEADROOM = 1.2
KNOWN = 600


@dataclass(frozen=True)
class Usual:
    """What is known of people: rates of collision by bucket, and the largest share of the tail."""

    world: World
    rates: Floats
    tail: float

    def path(self, members: Sequence[History]) -> list[GroupEvidence]:
        """A group's evidence after each of `GROUP_SIZES` requests, in order of time."""
        who, items = _together(members)
        return [
            weigh_group(who[:n], items[:n], self.world.bucket[items[:n]], self.rates, self.tail)
            for n in GROUP_SIZES if n <= len(items)
        ]  # fmt: skip

    def most(self, members: Sequence[History]) -> float:
        """The highest surprise at any time."""
        return max((e.surprise for e in self.path(members)), default=0.0)


def _together(members: Sequence[History]) -> tuple[Ints, Ints]:
    """The first requests of a group: accounts and items, in order of time. Of each account no more
    than eight times its part is looked at."""
    most = max(100, 8 * MOST_TOGETHER // len(members))
    who = np.concatenate([np.full(min(most, len(h.items)), i) for i, h in enumerate(members)])
    items = np.concatenate([h.items[:most] for h in members])
    times = np.concatenate([h.times[:most] for h in members])
    order = np.argsort(times, kind="stable")[:MOST_TOGETHER]
    return who[order], items[order]


def campaign_figures(
    rng: np.random.Generator, world: World, held: Sequence[History], test: Sequence[History],
    weights: tuple[Floats, Floats], groups: int,
) -> dict[str, Any]:  # fmt: skip
    """Loss of campaigns of 1,000 accounts before the group is told, with rates and the level from
    groups of held people, and how many of `groups` of other people were told."""
    usual, level = _learn(rng, world, held, weights[0], max(100, groups // 4))
    found = [usual.most(_draw(rng, test, weights[1])) for _ in range(groups)]
    figures: dict[str, Any] = {
        "group_level_log10": level, "group_tail_share": usual.tail, "groups_of_people": groups,
        "groups_of_people_told": sum(one > level for one in found),
        "groups_of_people_most_log10": max(found),
    }  # fmt: skip
    for name in ("d1", "d2", "d3", "d4"):
        for accounts in (10, 100, 1000):
            each = max(9, MOST_TOGETHER // accounts)
            paths = [usual.path(make_campaign(rng, world, name, accounts, each)) for _ in range(5)]
            told = [next((e.requests for e in path if e.surprise > level), None) for path in paths]
            lost = None if None in told else float(np.median(told)) / world.size
            figures[f"campaign_loss_{name}" + ("" if accounts == 1000 else f"_{accounts}")] = lost
    return figures


def _learn(
    rng: np.random.Generator, world: World, held: Sequence[History], weights: Floats, groups: int
) -> tuple[Usual, float]:
    some = rng.choice(len(held), min(KNOWN, len(held)), p=weights / weights.sum())
    known = [held[i] for i in np.unique(some)]
    who = np.repeat(np.arange(len(known)), [len(h.items) for h in known])
    asked = np.concatenate([h.items for h in known])
    plain = Usual(world, collision_rates(who, asked, world.bucket[asked]), 0.05)
    drawn = [_draw(rng, held, weights) for _ in range(groups)]
    paths = [plain.path(members) for members in drawn]
    tail = HEADROOM * max(path[-1].tail / path[-1].requests for path in paths if path)
    share = people_share([e for path in paths for e in path])
    usual = Usual(world, plain.rates * share, tail)
    others = [_draw(rng, held, weights) for _ in range(groups)]  # those above made the shares
    most = np.array([[usual.most(members)] for members in others])
    level = find_levels(most, ["all"] * groups, np.ones(groups), [GROUP_BUDGET])[0][0][0]
    return usual, max(LEAST_LEVEL, level)


def _draw(rng: np.random.Generator, people: Sequence[History], weights: Floats) -> list[History]:
    """Some 20 to 1,000 people of one network."""
    count = int(np.exp(rng.uniform(np.log(20), np.log(1000))))
    chosen = rng.choice(len(people), count, p=weights / weights.sum())
    return [people[i] for i in np.unique(chosen)]
