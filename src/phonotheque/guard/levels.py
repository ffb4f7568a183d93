"""Levels: how high a sum must stand for an alarm, from what held-out people reached.

A budget of false positives is shared by all columns so that their union keeps it: over all people
(each stratum weighed) and, five times as wide, in each stratum by itself.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WORST: Final = 5.0
"""How many times the budget the worst stratum may have."""
MARGIN: Final = 0.7
"""Part of the budget that held-out people may use, so that others keep to all of it."""
_LEAST_ABOVE: Final = 3.0
_TAIL: Final = 30.0


def find_levels(
    most: Floats, strata: Sequence[str], weights: Floats, budgets: Sequence[float]
) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
    """Levels (budgets x columns) from `most` (accounts x columns), and the budgets for which there
    were too few accounts, so that an exponential tail was continued beyond what was seen."""
    names = np.array(strata)
    shares = weights / weights.sum()
    seen = 1.0 / float((shares**2).sum())  # accounts that weigh as much, were all alike
    found: list[Floats] = []
    part = 1.0
    for whole in budgets:
        budget = MARGIN * whole
        if budget * seen >= _LEAST_ABOVE:
            part = _share_out(most, names, shares, budget)
        levels = _levels_at(most, names, shares, budget, part)
        found.append(np.maximum(levels, found[-1]) if found else levels)
    extrapolated = tuple(b for b in budgets if MARGIN * b * seen < _LEAST_ABOVE)
    return tuple(tuple(float(v) for v in row) for row in found), extrapolated


def _share_out(most: Floats, names: NDArray[np.str_], shares: Floats, budget: float) -> float:
    """The largest part of the budget that each column may have so that all keep it together."""
    low, high = 0.01, 1.0
    for _ in range(12):
        middle = float(np.sqrt(low * high))
        above = np.asarray(most > _levels_at(most, names, shares, budget, middle)).any(axis=1)
        above = np.atleast_1d(above)
        kept = shares[above].sum() <= budget and all(
            above[names == name].mean() <= max(WORST * budget, 1.0 / (names == name).sum())
            for name in set(names.tolist())
        )
        low, high = (middle, high) if kept else (low, middle)
    return low


def _levels_at(
    most: Floats, names: NDArray[np.str_], shares: Floats, budget: float, part: float
) -> Floats:
    """Levels of all columns, each having `part` of the budget, overall and in every stratum."""
    groups = [(np.ones(len(names), np.bool_), shares, budget * part)]
    for name in sorted(set(names.tolist())):
        inside = names == name
        alike = np.full(int(inside.sum()), 1.0 / inside.sum())
        groups.append((inside, alike, min(1.0, WORST * budget * part)))
    return np.array(
        [
            max(_level(most[inside, c], weights, share) for inside, weights, share in groups)
            for c in range(most.shape[1])
        ]
    )


def _level(values: Floats, shares: Floats, share: float) -> float:
    """What at most `share` of the values exceed. Where that is less than about three accounts, the
    mean excess of the upper thirty continues the tail."""
    order = np.argsort(-values, kind="stable")
    ranked, above = values[order], np.cumsum(shares[order])
    seen = 1.0 / float((shares**2).sum())
    if share * seen >= _LEAST_ABOVE or share >= 1.0:
        return float(ranked[min(int(np.searchsorted(above, share, side="right")), len(ranked) - 1)])
    start = min(0.5, _TAIL / seen)
    place = min(int(np.searchsorted(above, start)), len(ranked) - 1)
    excess = ranked[:place] - ranked[place]
    if not place:
        return float(ranked[0])
    scale = float(np.average(excess, weights=shares[order][:place]))
    return max(float(ranked[place]) + scale * float(np.log(start / share)), float(ranked[place]))
