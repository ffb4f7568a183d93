"""Years as intervals, and what several witnesses together say of one. Pure.

A year that is not known exactly is a `Span` of the years it may have been. That something never
happened is the year `NEVER`, later than all others, so that an event that may or may not have
happened is one span too.
"""

import re
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

EARLIEST = 1
FOREVER = 9_998
"""The last year of a span that is open at its end."""
NEVER = 9_999

_YEARS = re.compile(r"(?:(\d{1,4})?\.\.(\d{1,4})?|(\d{1,4}))")


class Span(NamedTuple):
    """The years from `first` to `last`, both included; EARLIEST and FOREVER where it is open."""

    first: int
    last: int

    def overlap(self, other: "Span") -> "Span | None":
        """The years in both, or None where there are none."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Span(first, last) if first <= last else None

    def hull(self, other: "Span") -> "Span":
        """The shortest span with both in it."""
        return Span(min(self.first, other.first), max(self.last, other.last))

    def __str__(self) -> str:
        if self.first == NEVER:
            return "never"
        if self.first == self.last:
            return str(self.first)
        first = "" if self.first <= EARLIEST else str(self.first)
        last = "" if self.last >= FOREVER else str(self.last)
        return f"{first}..{last}" + (" or never" if self.last == NEVER else "")


SOME_YEAR = Span(EARLIEST, FOREVER)
PERHAPS = Span(EARLIEST, NEVER)  # of an event: any year, or never
SURELY_NEVER = Span(NEVER, NEVER)


class Known(NamedTuple):
    """What the witnesses say of one year.

    `sharp` is what follows if all of them are right; `attested` what two independent witnesses
    bear out, so that one may be wrong. `witnesses` are those who say anything of it.
    """

    sharp: Span
    attested: Span
    witnesses: tuple[str, ...] = ()


class Backing(IntEnum):
    """Who stands behind a statement that is no year, such as "there are no lyrics"."""

    NOBODY = 0
    SOMEBODY = 1  # one witness, or some that nobody named
    TWO = 2  # witnesses that do not depend on each other


def backing(witnesses: Iterable[str]) -> Backing:
    """What these witnesses together are; one without a name ("") bears nobody out."""
    said = set(witnesses)
    if len(said - {""}) >= 2:
        return Backing.TWO
    return Backing.SOMEBODY if said else Backing.NOBODY


def parse_years(text: str) -> Span | None:
    """``1921``, ``1920..1922``, ``..1922`` or ``1920..``; None where it is neither or is empty."""
    match = _YEARS.fullmatch(text.strip())
    if match is None:
        return None
    first, last = (match[3], match[3]) if match[3] else (match[1], match[2])
    span = Span(int(first) if first else EARLIEST, int(last) if last else FOREVER)
    return span if EARLIEST <= span.first <= span.last <= FOREVER else None


def parse_event(text: str) -> Span | None:
    """Years as `parse_years`, or ``never``."""
    return SURELY_NEVER if text.strip() == "never" else parse_years(text)


def combine(claims: Iterable[tuple[str, Span]], unknown: Span) -> Known:
    """What claims by (witness, span) come to; `unknown` where nobody says anything.

    A witness without a name ("") sharpens what the others say, and bears nobody out.
    Spans that agree sharpen each other. Where they contradict each other nobody is preferred: the
    answer is the span that holds them all. The order of claims does not matter.
    """
    by_witness: dict[str, list[Span]] = {}
    for witness, span in claims:
        by_witness.setdefault(witness, []).append(span)
    if not by_witness:
        return Known(unknown, unknown)
    by_span = {witness: _agreed(said)[0] for witness, said in by_witness.items()}
    names = tuple(sorted(by_witness))
    sharp, agree = _agreed(list(by_span.values()))
    named = [witness for witness in names if witness]
    if len(named) < 2:
        return Known(sharp, unknown, names)
    if not agree:
        return Known(sharp, sharp, names)
    spans = [by_span[witness] for witness in named]
    first = sorted((span.first for span in spans), reverse=True)[1]
    last = sorted(span.last for span in spans)[1]
    return Known(sharp, Span(first, last), names)


def _agreed(spans: list[Span]) -> tuple[Span, bool]:
    """The years in all of `spans` and True, or the hull of them and False where there are none."""
    common: Span | None = spans[0]
    whole = spans[0]
    for span in spans[1:]:
        common = common.overlap(span) if common else None
        whole = whole.hull(span)
    return (common, True) if common else (whole, False)
