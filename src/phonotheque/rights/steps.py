"""Verdicts over time: a level that holds from a day on, until the next one does. Pure.

Days are numbers, ``20260101``. A list of steps begins with day 0 and rises in days; neighbours have
different levels.
"""

from collections.abc import Callable, Iterable

from phonotheque.model.rights import Level

Steps = tuple[tuple[int, Level], ...]
Pick = Callable[[Iterable[Level]], Level]


def constant(level: Level) -> Steps:
    """One level for all time."""
    return ((0, level),)


def rising(*changes: tuple[int, Level]) -> Steps:
    """DENY, then each level from its day on, in the order of days."""
    steps: list[tuple[int, Level]] = [(0, Level.DENY)]
    for day, level in changes:
        if steps[-1][0] >= day:
            steps[-1] = (steps[-1][0], level)
        elif steps[-1][1] is not level:
            steps.append((day, level))
    return tuple(steps)


def level_on(steps: Steps, day: int) -> Level:
    """The level that holds on `day`."""
    found = steps[0][1]
    for since, level in steps:
        if since > day:
            break
        found = level
    return found


def change_after(steps: Steps, day: int) -> int | None:
    """The first day after `day` with another level, or None."""
    return next((since for since, _ in steps if since > day), None)


def merge(several: Iterable[Steps], pick: Pick) -> Steps:
    """Day by day what `pick` (min or max) chooses among them."""
    distinct = set(several)
    if len(distinct) == 1:
        return next(iter(distinct))
    days = sorted({since for steps in distinct for since, _ in steps})
    merged: list[tuple[int, Level]] = []
    for day in days:
        level = pick(level_on(steps, day) for steps in distinct)
        if not merged or merged[-1][1] is not level:
            merged.append((day, level))
    return tuple(merged)
