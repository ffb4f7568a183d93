"""Campaigns D1 to D4 against groups of people: what is lost before the group is told."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.guard_harvesters import make_campaign
from bench.guard_people import History
from bench.guard_world import Floats, World
from phonotheque.guard import GROUP_SIZES, Openings, Usual, learn_usual
from phonotheque.guard.usual import highest

KNOWN = 2000
"""People whose first requests are known, as in a server ..."""
EACH = 300
"""... and how many of each."""
DRAWS = 100


def together(world: World, members: Sequence[History], most: int | None = None) -> Openings:
    """The requests of a group in order of time, `most` of each account."""
    most = most or max(100, 8 * GROUP_SIZES[-1] // len(members))
    who = np.concatenate([np.full(min(most, len(h.items)), i) for i, h in enumerate(members)])
    items = np.concatenate([h.items[:most] for h in members])
    times = np.concatenate([h.times[:most] for h in members])
    order = np.argsort(times, kind="stable")
    return Openings(who[order], items[order], world.bucket[items[order]])


def campaign_figures(
    rng: np.random.Generator, world: World, held: Sequence[History], test: Sequence[History],
    weights: tuple[Floats, Floats], groups: int,
) -> dict[str, Any]:  # fmt: skip
    """Loss of campaigns of 1,000 accounts before the group is told, by what is usual among held
    people, and how many of `groups` of other people were told."""
    some = rng.choice(len(held), min(KNOWN, len(held)), replace=False,
        p=weights[0] / weights[0].sum())  # fmt: skip
    usual = learn_usual(together(world, [held[i] for i in some], EACH), rng, min(DRAWS, groups))
    if usual is None:  # too few people to say what groups of them do
        return {"groups_of_people": 0} | dict.fromkeys(
            f"campaign_loss_{name}" for name in ("d1", "d2", "d3", "d4")
        )
    found = np.array([_most(usual, world, _draw(rng, test, weights[1])) for _ in range(groups)])
    figures: dict[str, Any] = {
        "group_level_log10": usual.level, "group_tail_share": usual.tail,
        "groups_of_people": groups, "groups_of_people_told": int((found > usual.level).sum()),
        "groups_of_people_most_log10": float(found.max()),
    }  # fmt: skip
    for name in ("d1", "d2", "d3", "d4"):
        for accounts in (10, 100, 1000):
            lost = _lost(rng, world, usual, name, accounts)
            figures[f"campaign_loss_{name}" + ("" if accounts == 1000 else f"_{accounts}")] = lost
        for others in (1, 3):
            hidden = _lost(rng, world, usual, name, 100, (test, weights[1], others * 100))
            figures[f"campaign_loss_{name}_100_among_{others * 100}"] = hidden
    return figures


def _lost(
    rng: np.random.Generator, world: World, usual: Usual, name: str, accounts: int,
    hidden: tuple[Sequence[History], Floats, int] | None = None,
) -> float | None:  # fmt: skip
    """The share of the catalogue that the group has asked for when it is told, the median of five
    campaigns; None: one was not told. `hidden`: people that share what the group is told by."""
    lost = []
    for _ in range(5):
        members = make_campaign(rng, world, name, accounts, max(9, GROUP_SIZES[-1] // accounts))
        if hidden is not None:
            people, weights, count = hidden
            chosen = rng.choice(len(people), count, p=weights / weights.sum())
            members = members + [_at_once(people[i], rng) for i in chosen]
        asked = together(world, members)
        told = next((e.requests for e in usual.path(asked) if e.surprise > usual.level), None)
        if told is None:
            return None
        lost.append(int((asked.first(told).accounts < accounts).sum()) / world.size)
    return float(np.median(lost))


def _at_once(person: History, rng: np.random.Generator) -> History:
    """Who listens at the campaign's pace: 20 requests a day, from the first day on."""
    times = rng.uniform(0, 86_400.0) + np.arange(len(person.items)) * (86_400.0 / 20)
    return History(person.stratum, person.items, times)


def _most(usual: Usual, world: World, members: Sequence[History]) -> float:
    """The highest surprise at any time."""
    asked = together(world, members).first(GROUP_SIZES[-1])
    return highest(usual.path(asked))


def _draw(rng: np.random.Generator, people: Sequence[History], weights: Floats) -> list[History]:
    """Some 20 to 1,000 people of one network."""
    count = int(np.exp(rng.uniform(np.log(20), np.log(1000))))
    chosen = rng.choice(len(people), count, p=weights / weights.sum())
    return [people[i] for i in np.unique(chosen)]
