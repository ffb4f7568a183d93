"""Campaigns D1 to D4 against groups of people: what is lost before the group is told."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.guard_harvesters import make_campaign
from bench.guard_histories import symbols
from bench.guard_people import History
from bench.guard_world import Floats, World
from phonotheque.guard import GROUP_SIZES, Openings, Tables, Usual, follow_many, learn_usual
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
    weights: tuple[Floats, Floats], groups: int, tables: Tables,
) -> dict[str, Any]:  # fmt: skip
    """Loss of campaigns of 1,000 accounts before the group is told, by what is usual among held
    people; how many of `groups` of other people were told, of few people, and of people of one
    kind; and how many accounts of a campaign are by themselves unlike nine in ten people."""
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
    few = [_most(usual, world, _some(rng, test, weights[1], 5, 50)) for _ in range(groups)]
    figures["groups_of_few_most_log10"] = max(few)
    figures |= _of_one_kind(rng, world, usual, test, max(3, groups // 300))
    for name in ("d1", "d2", "d3"):
        when = follow_many(
            symbols(world, make_campaign(rng, world, name, 100, 400)), tables,
            np.array(tables.levels),
        ).when[:, 0]  # fmt: skip
        for after in (10, 40, 100, 400):
            share = float(((when > 0) & (when <= after)).mean())
            figures[f"campaign_{name}_accounts_unlike_people_after_{after}"] = share
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


def _of_one_kind(
    rng: np.random.Generator, world: World, usual: Usual, people: Sequence[History], each: int
) -> dict[str, Any]:
    """The highest surprise of groups of 5, 20 and 100 people of one stratum, and whose it is."""
    strata = np.array([h.stratum for h in people])
    most = dict.fromkeys(strata.tolist(), 0.0)
    for name in most:
        alike = np.flatnonzero(strata == name)
        for size in (5, 20, 100):
            for _ in range(each):
                chosen = rng.choice(alike, min(size, len(alike)), replace=False)
                found = _most(usual, world, [people[i] for i in chosen])
                most[name] = max(most[name], found)
    worst = max(most, key=most.__getitem__)
    return {"groups_of_one_kind_most_log10": most[worst], "groups_of_one_kind_most_is": worst}


def _draw(rng: np.random.Generator, people: Sequence[History], weights: Floats) -> list[History]:
    """Some 20 to 1,000 people of one network."""
    return _some(rng, people, weights, 20, 1000)


def _some(
    rng: np.random.Generator, people: Sequence[History], weights: Floats, least: int, most: int
) -> list[History]:
    count = int(np.exp(rng.uniform(np.log(least), np.log(most))))
    chosen = rng.choice(len(people), count, p=weights / weights.sum())
    return [people[i] for i in np.unique(chosen)]
