"""Terms of protection: from the years of a recording or a work to the day from which it is free.

Every formula gives the earliest and the latest such day over all years that are possible, in closed
form. A day is a number, ``20260101``: years that are open give `OPEN`. A term that ends with the
year E leaves the thing free from 1 January of E + 1.

A term need not grow with the year of publication (in the EU a recording published 50 years after
its making is protected 70 more years, one published after 51 is free at once), so the possible
years are cut into pieces in which it does grow; there the first and the last day stand in corners.
"""

from collections.abc import Iterator
from typing import NamedTuple

from phonotheque.rights.years import FOREVER, NEVER, Span

OPEN = 9999_12_31
"""The day from which something is free that is not free on any day known."""
_NO_WINDOW = 20_000


class Bounds(NamedTuple):
    """The earliest and the latest day from which something is free."""

    best: int
    worst: int


class KeptFree(NamedTuple):
    """What was free before a term was made longer stays free.

    Where the year from which the term counts (`by_fixation`: the year of making, whatever the term
    counts from) is not after `last`, the old term of `years` holds.
    """

    last: int
    years: int
    by_fixation: bool = False


class RecordingTerm(NamedTuple):
    """Years after publication if published within `window` years of making (None: whenever), else
    after communication likewise, else after making. None: no such term (for `fixed`: no end).

    `cap` is the longest term, counted from making. `earlier`: the first of publication and
    communication may count, so the earliest day takes both into account.
    """

    fixed: int | None = None
    published: int | None = None
    communicated: int | None = None
    window: int | None = None
    cap: int | None = None
    earlier: bool = False


class Cohort(NamedTuple):
    """Recordings first published up to the year `to`: free from `day`, or `years` after."""

    to: int
    years: int = 0
    day: int = 0


def free_from(year: int) -> int:
    """The day after a term that ends with `year`."""
    return (year + 1) * 10_000 + 101 if year + 1 < 9_000 else OPEN


def recording_bounds(
    term: RecordingTerm, kept: KeptFree | None, fixed: Span, published: Span, communicated: Span
) -> Bounds | None:
    """When a recording is free by `term`, or None where the years contradict each other."""
    made = fixed.overlap(Span(0, min(published.last, communicated.last)))
    ends = list(_pieces(term, kept, made, published, communicated)) if made else []
    if made is None or not ends:
        return None
    best, worst = min(e[0] for e in ends), max(e[1] for e in ends)
    if term.earlier and term.published is not None and (years := _years(communicated)):
        found = _strip(years, made, 0, _NO_WINDOW if term.window is None else term.window)
        if found:
            best = min(best, *(e[0] for e in _counted(term.published, term, kept, *found)))
    return Bounds(free_from(best), free_from(worst))


def _pieces(
    term: RecordingTerm, kept: KeptFree | None, fixed: Span, published: Span, communicated: Span
) -> Iterator[tuple[int, int]]:
    """First and last year in which the term ends, for each piece of the possible years."""
    window = _NO_WINDOW if term.window is None else term.window
    left: Span | None = fixed  # years of making with which it was not published in time
    if term.published is not None:
        if (years := _years(published)) and (found := _strip(years, fixed, 0, window)):
            yield from _counted(term.published, term, kept, *found)
        left = _too_late(fixed, published, window)
    if left and term.communicated is not None:
        if (years := _years(communicated)) and (found := _strip(years, left, 0, window)):
            yield from _counted(term.communicated, term, kept, *found)
        left = _too_late(left, communicated, window)
    if left:
        yield from _unpublished(term.fixed, kept, left)


def _years(event: Span) -> Span | None:
    """The years of an event, without that it never happened."""
    return Span(event.first, min(event.last, FOREVER)) if event.first <= FOREVER else None


def _too_late(fixed: Span, event: Span, window: int) -> Span | None:
    """Years of making for which the event may have come after the window, or never."""
    return fixed if event.last == NEVER else fixed.overlap(Span(0, event.last - window - 1))


def _strip(event: Span, fixed: Span, least: int, most: int) -> tuple[Span, Span] | None:
    """The years of event and making that can go together with `least` to `most` years between."""
    years = event.overlap(Span(fixed.first + least, fixed.last + most))
    made = fixed.overlap(Span(event.first - most, event.last - least))
    return (years, made) if years and made else None


def _counted(
    years: int, term: RecordingTerm, kept: KeptFree | None, event: Span, fixed: Span
) -> Iterator[tuple[int, int]]:
    """Ends of a term counted from an event within the window, with what was kept free apart."""
    window = _NO_WINDOW if term.window is None else term.window
    if kept is None:
        yield _capped(years, term, event, fixed)
        return
    before, after = Span(0, kept.last), Span(kept.last + 1, FOREVER)
    for side in (before, after):
        e, f = (event, fixed.overlap(side)) if kept.by_fixation else (event.overlap(side), fixed)
        found = _strip(e, f, 0, window) if e and f else None
        if found and side is before:
            start = found[1] if kept.by_fixation else found[0]
            yield start.first + kept.years, start.last + kept.years
        elif found:
            yield _capped(years, term, *found)


def _capped(years: int, term: RecordingTerm, event: Span, fixed: Span) -> tuple[int, int]:
    if term.cap is None:
        return event.first + years, event.last + years
    return (
        min(event.first + years, fixed.first + term.cap),
        min(event.last + years, fixed.last + term.cap),
    )


def _unpublished(
    years: int | None, kept: KeptFree | None, fixed: Span
) -> Iterator[tuple[int, int]]:
    """Ends of a term counted from making."""
    if kept is not None and (old := fixed.overlap(Span(0, kept.last))):
        yield old.first + kept.years, old.last + kept.years
    rest = fixed if kept is None else fixed.overlap(Span(kept.last + 1, FOREVER))
    if rest:
        yield (NEVER, NEVER) if years is None else (rest.first + years, rest.last + years)


def cohort_bounds(
    cohorts: tuple[Cohort, ...], latest: int, fixed: Span, published: Span
) -> Bounds | None:
    """When a recording is free by a table of years of publication that grows with them.

    `latest` is the day for what no cohort takes in, and for what was never published.
    """
    start = max(published.first, fixed.first)
    if published.last < start:
        return None
    return Bounds(_cohort(cohorts, latest, start), _cohort(cohorts, latest, published.last))


def _cohort(cohorts: tuple[Cohort, ...], latest: int, published: int) -> int:
    for cohort in cohorts:
        if published <= cohort.to:
            return cohort.day or free_from(published + cohort.years)
    return latest


def life_bounds(years: int, kept: KeptFree | None, died: Span, together: Span) -> Bounds:
    """When a work is free, `years` after the death of its last author.

    `died`: the last of this layer's authors; `together`: the last of those who may count as well,
    because words and music were written together.
    """
    return Bounds(_after_death(years, kept, died.first), _after_death(years, kept, together.last))


def _after_death(years: int, kept: KeptFree | None, died: int) -> int:
    return free_from(died + (kept.years if kept and died <= kept.last else years))


def publication_bounds(years: int, last: int, published: Span) -> Bounds | None:
    """When a work is free that was published by the end of `last`; None where it was not."""
    years_of = published.overlap(Span(0, last))
    if years_of is None:
        return None
    return Bounds(free_from(years_of.first + years), free_from(years_of.last + years))
