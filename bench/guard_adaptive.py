"""A harvester that knows the design and has people of its own, but not our tables.

It learns tables as we do, from other people, and looks by random search for the way of asking that
takes most before those raise an alarm: share of repeats, whole releases, artists it keeps to,
taste. Then it is judged by ours.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.guard_harvesters import MOST
from bench.guard_histories import symbols
from bench.guard_people import History
from bench.guard_world import TASTES, World
from phonotheque.guard import BUDGETS, Tables, follow_many

ROW = BUDGETS.index(1e-3)


@dataclass(frozen=True)
class Way:
    """A way of asking."""

    repeats: float
    release: float  # chance to take the whole release
    kept: float  # chance that the next release is by an artist had before
    taste: float


def random_way(rng: np.random.Generator, most_repeats: float = 0.95) -> Way:
    """A way drawn at random. Those with few repeats are also learned from, as "kin"."""
    return Way(*rng.uniform(0, (most_repeats, 1.0, 0.95)).tolist(), float(rng.choice(TASTES)))


def walk(rng: np.random.Generator, world: World, way: Way, most: int) -> History:
    """An account that asks so."""
    had: list[int] = []
    asked: list[int] = []
    while len(asked) < most:
        if had and rng.random() < way.repeats:
            length = 1 + int(rng.geometric(0.12))
            asked.extend(had[i] for i in rng.integers(0, len(had), length))
            continue
        if had and rng.random() < way.kept:
            beside = world.album[had[int(rng.integers(0, len(had)))]] + int(rng.integers(-3, 4))
            album = int(np.clip(beside, 0, len(world.album_start) - 2))
            item = int(rng.integers(*world.album_start[album : album + 2]))
        else:
            item = int(world.choose(rng, 1, way.taste)[0])
        first, after = world.album_start[world.album[item] :][:2]
        new = list(range(first, after)) if rng.random() < way.release else [item]
        had.extend(new)
        asked.extend(new)
    items = np.array(asked[:most])
    return History("adaptive", items, np.cumsum(rng.gamma(4.0, 50.0, most)))


def adaptive_figures(
    rng: np.random.Generator, world: World, theirs: Tables, ours: Tables, trials: int
) -> dict[str, Any]:
    """The best of `trials` ways by its own tables, and what ours make of it."""
    ways = [random_way(rng) for _ in range(trials)]
    tried = [walk(rng, world, way, 600) for way in ways for _ in range(2)]
    gains = _taken(world, tried, theirs).reshape(trials, 2).mean(axis=1)
    best = ways[int(np.argmax(gains))]
    judged = [walk(rng, world, best, MOST) for _ in range(20)]
    when = follow_many(symbols(world, judged), ours, np.array(ours.levels)).when[:, ROW]
    taken = _taken(world, judged, ours)
    return {
        "adaptive_caught_share": float((when > 0).mean()),
        "adaptive_items_lost_median": float(np.median(taken)),
        "adaptive_tail_items_lost_median": float(np.median(_taken(world, judged, ours, tail=True))),
        "adaptive_way": f"repeats {best.repeats:.2f}, whole releases {best.release:.2f}, "
        f"artists kept {best.kept:.2f}, taste {best.taste:g}",
    }


def _taken(
    world: World, histories: list[History], tables: Tables, tail: bool = False
) -> np.ndarray:
    """Distinct items (of the long tail alone) before the alarm."""
    when = follow_many(symbols(world, histories), tables, np.array(tables.levels)).when[:, ROW]
    found = []
    for history, alarm in zip(histories, when, strict=True):
        items = np.unique(history.items[:alarm] if alarm else history.items)
        found.append(int((world.bucket[items] >= 6).sum()) if tail else len(items))
    return np.array(found)
