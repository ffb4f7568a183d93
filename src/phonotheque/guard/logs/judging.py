"""What accounts of a log reached, against people: those of the tables and those of the log itself.

Tables come from other people and, where ranks are estimated from the log, from a nearer tail. So
levels are looked for among the log's own accounts as well (the uppermost 1 % and declared robots
left out), and an account has to pass the higher of both.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from phonotheque.guard.levels import find_levels
from phonotheque.guard.logs.following import Reached
from phonotheque.guard.tables import BUDGETS, Tables

Floats = NDArray[np.float64]
TRIMMED: Final = 0.01
FEWEST_PEOPLE: Final = 300
MOST_PEOPLE: Final = 50_000
CAP: Final = 3.0


@dataclass(frozen=True)
class Judged:
    """`evidence` by row of `Reached`: the layers of items and slow features added up, as `decide`
    adds them. `people` is how many accounts levels were found among, 0 if too few."""

    tables: Tables
    evidence: Floats
    people: int


def judge(reached: Reached, tables: Tables, usable: NDArray[np.bool_], *, own: bool) -> Judged:
    """Levels and evidence. `usable` says which rows may be people: enough requests, no robot."""
    people = reached.most[usable]
    people = people[:: -(-len(people) // MOST_PEOPLE) or 1]
    count = 0
    if own and len(people) >= FEWEST_PEOPLE:
        kept = people[_height(people, tables) <= _cut(_height(people, tables))]
        found, _ = find_levels(kept, ["all"] * len(kept), np.ones(len(kept)), BUDGETS)
        tables, count = with_levels(tables, found), len(kept)
    return Judged(tables, _evidence(reached.most, tables), count)


def with_levels(tables: Tables, levels: tuple[tuple[float, ...], ...]) -> Tables:
    """`tables` with the higher of its levels and these."""
    higher = tuple(
        tuple(map(max, own, other)) for own, other in zip(tables.levels, levels, strict=True)
    )
    return msgspec.structs.replace(tables, levels=higher)


def _height(most: Floats, tables: Tables) -> Floats:
    """How near each account got to a level of the tables, by its best column."""
    shares: Floats = most[:, :-1] / np.maximum(tables.levels[2][:-1], 1e-9)
    return np.asarray(shares.max(axis=1))


def _cut(heights: Floats) -> float:
    return float(np.quantile(heights, 1 - TRIMMED))


def _evidence(most: Floats, tables: Tables) -> Floats:
    levels = np.array(tables.levels)
    rare = np.stack([surprises(most[:, c], levels[:, c]) for c in range(most.shape[1])], axis=1)
    items, slow = rare[:, :-1].max(axis=1, initial=0.0), rare[:, -1]
    return np.asarray(np.minimum(CAP, items) + np.minimum(CAP, np.maximum(0.0, slow - 1.0)))


def surprises(values: Floats, levels: Floats) -> Floats:
    """-log10 of the share of people that get to these values (0 to 4), as `scoring` has it."""
    steps = np.maximum(np.diff(levels), 1e-9)
    found = np.where(values > levels[0], 1.0, 0.0)
    for place, step in enumerate(steps):
        low = levels[place]
        within = np.clip((values - low) / step, 0.0, 1.0)
        found = np.where(values > low, place + 1.0 + within, found)
    return np.asarray(found)
