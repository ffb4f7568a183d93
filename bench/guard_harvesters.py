"""Made-up harvesters S1 to S10, D1 to D4 and an adaptive one, at five speeds. S3X is S3
that knows
our own ranks: it begins as people do who play the list of what was played most."""

import numpy as np

from bench.guard_people import DAY_S, History
from bench.guard_world import Floats, Ints, World

SPEEDS_S = (10.0, 60.0, 288.0, 1440.0, 4320.0)
"""Seconds between requests: one in ten seconds … 20 a day."""
MOST = 2000
SCENARIOS = ("s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s3x")


def make_harvester(
    rng: np.random.Generator,
    world: World,
    scenario: str,
    speed_s: float,
    person: History | None = None,
    most: int = MOST,
) -> History:
    """One account that harvests; `person` is whose account S10 rents."""
    if scenario == "s10":
        assert person is not None
        return _rented(rng, world, person)
    items = _ITEMS[scenario](rng, world, most)
    return History(scenario, items, _times(rng, len(items), speed_s))


def _times(rng: np.random.Generator, count: int, speed_s: float) -> Floats:
    return np.cumsum(speed_s * rng.gamma(4.0, 0.25, count))


def _sequential(rng: np.random.Generator, world: World, most: int) -> Ints:
    start = int(rng.integers(0, max(1, world.size - most)))
    return np.arange(start, min(start + most, world.size))


def _uniform(rng: np.random.Generator, world: World, most: int) -> Ints:
    return _distinct(rng.integers(0, world.size, 2 * most))[:most]


def _head_first(rng: np.random.Generator, world: World, most: int) -> Ints:
    """By a rank that is nearly ours: somebody else's charts, ranks off by half."""
    noisy = np.log(np.arange(1, 4 * most + 1)) + rng.normal(0, 0.5, 4 * most)
    return world.by_rank[np.argsort(noisy)[:most]]


def _popular(rng: np.random.Generator, world: World, most: int) -> Ints:
    return _distinct(world.choose(rng, 12 * most))[:most]


def _with_repeats(rng: np.random.Generator, items: Ints, share: float = 0.6) -> Ints:
    """`items` in order, with `share` of requests for what was asked for before."""
    new = rng.random(len(items)) >= share
    new[0] = True
    count = np.cumsum(new)
    back = (rng.random(len(items)) * count).astype(np.int64)
    return items[np.where(new, count - 1, back)]


def _albums(rng: np.random.Generator, world: World, most: int) -> Ints:
    albums = rng.permutation(len(world.album_start) - 1)[:most]
    runs = [np.arange(*world.album_start[a : a + 2]) for a in albums]
    return np.concatenate(runs)[:most]


def _searches(rng: np.random.Generator, world: World, most: int) -> Ints:
    """Words of a dictionary, the first page of each answer: the best of 2,000 items with it."""
    pages = []
    for _ in range(most // 5):
        hits = rng.integers(0, world.size, 2000)
        pages.append(hits[np.argsort(world.rank[hits])[:20]])
    return _distinct(np.concatenate(pages))[:most]


def _graph(rng: np.random.Generator, world: World, most: int) -> Ints:
    """From playlist to playlist."""
    lists = rng.permutation(len(world.playlists))
    return _distinct(np.concatenate([world.playlists[i] for i in lists[: most // 10]]))[:most]


_ITEMS = {
    "s1": _sequential, "s2": _uniform, "s3": _head_first, "s4": _popular,
    "s5": lambda rng, world, most: _with_repeats(rng, _uniform(rng, world, most)),
    "s6": lambda rng, world, most: _with_repeats(rng, _popular(rng, world, most)),
    "s3x": lambda rng, world, most: world.by_rank[:most],
    "s7": _albums, "s8": _searches, "s9": _graph,
}  # fmt: skip


def _rented(rng: np.random.Generator, world: World, person: History) -> History:
    """A real account of which one request in ten harvests (uniformly), from its middle on."""
    start = min(len(person.items) // 4, 200)
    marks = (rng.random(len(person.items)) < 0.1) & (np.arange(len(person.items)) >= start)
    items = np.where(marks, rng.integers(0, world.size, len(marks)), person.items)
    first = int(np.argmax(marks)) if marks.any() else start
    return History("s10", items, person.times, first, marks.astype(np.int64))


def _distinct(items: Ints) -> Ints:
    """Each once, in order."""
    return items[np.sort(np.unique(items, return_index=True)[1])]


def make_campaign(
    rng: np.random.Generator, world: World, scenario: str, accounts: int, per_account: int
) -> list[History]:
    """D1 to D4: `accounts` accounts of 20 requests a day each, for `per_account` requests."""
    total = accounts * per_account
    if scenario == "d1":
        items = _split(rng.permutation(world.size)[:total], accounts)
    elif scenario == "d2":
        items = _split(world.by_rank[:total], accounts)
    elif scenario == "d3":
        items = _split(_distinct(world.choose(rng, min(40 * total, 6_000_000)))[:total], accounts)
    else:
        items = [_popular(rng, world, per_account) for _ in range(accounts)]
    return [
        History(scenario, part, rng.uniform(0, DAY_S) + _times(rng, len(part), DAY_S / 20))
        for part in items
    ]


def _split(items: Ints, accounts: int) -> list[Ints]:
    """Dealt round: every account gets its part, in the common order."""
    return [items[i::accounts] for i in range(accounts)]
