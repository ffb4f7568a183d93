"""Verdicts for many recordings at once: what a set of evidence comes to. Pure.

Distinct sets of evidence are cut in three: what is said of the years of making, of those of
writing, and the head, which is everything else. The years become keys, few of them distinct, for
which SQL computes the terms (`term_sql`). The head and the state of each term make a `Situation`,
and the core decides each situation once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from phonotheque.model.rights import Claim, Evidence, Layer, Level, Use
from phonotheque.rights.decide import layer_levels
from phonotheque.rights.early import PRE_1972, made_early
from phonotheque.rights.facts import WRITTEN, Authors, Facts, Years, facts_of, tells_years, years_of
from phonotheque.rights.layer_terms import TermAnswer
from phonotheque.rights.layers import layer_years
from phonotheque.rights.policy import Policy
from phonotheque.rights.terms import OPEN
from phonotheque.rights.years import PERHAPS, SOME_YEAR, Backing, Known, Span

TIMED = tuple(layer for layer in Layer if layer is not Layer.ARTWORK)
"""The layers with a term, in the order of their bits in `Situation.terms`."""
YEAR_PARTS = {
    "recorded": (
        (Layer.PHONOGRAM, Layer.PERFORMERS),
        frozenset([Claim.FIXED, Claim.PUBLISHED, Claim.COMMUNICATED]),
    ),
    "written": (
        WRITTEN,
        frozenset([Claim.WORK_PUBLISHED, Claim.AUTHOR, Claim.AUTHORS, Claim.ABSENT]),
    ),
}
"""The layers of TIMED and the claims that alone tell their years; a part knows nothing of another.

Together they have all claims on years. What is left of a set of evidence is its head.
"""
POSSIBLE, ATTESTED, SURE = 1, 2, 4
"""Bits of one layer: its term may be over; is, if one witness is enough; is."""
BITS = 3
ALL = POSSIBLE | ATTESTED | SURE
Parse = Callable[[str], tuple[Evidence, ...]]
_DATED, _PRE_1972, _ARRANGED = 1, 2, 4
_ABSENT = 3  # the bit of the first layer that somebody says is not there
_SURELY_ABSENT = _ABSENT + len(Layer)  # the same, as two witnesses say
_SURELY_PRE_1972 = 1 << _SURELY_ABSENT + len(Layer)


class Situation(NamedTuple):
    """All that a verdict depends on, on one day: `terms` holds BITS bits for each of TIMED.

    `head` is the evidence less what is said of years, in writing.
    """

    head: str
    flags: int
    terms: int
    withdrawn: bool = False


def dated(flags: str) -> str:
    """SQL that tells whether any year is known, of the flags of all parts together; where none is,
    neither flags nor terms count.
    """
    return f"({flags}) & {_DATED} <> 0"


def cut_years(evidence: Iterable[Evidence], layers: Sequence[Layer]) -> tuple[int, tuple[str, ...]]:
    """What one of YEAR_PARTS says: flags, and for each of its `layers` the key of its years, which
    has the columns of `year_columns` with commas between.
    """
    items = tuple(evidence)
    years = years_of(items)
    early = made_early(years)
    flags = _DATED * tells_years(items) | _PRE_1972 * (early is not Backing.NOBODY)
    flags |= _SURELY_PRE_1972 * (early is Backing.TWO)
    flags |= _ARRANGED * bool(years.authors[2].died.witnesses)
    for bit, layer in enumerate(Layer):
        flags |= (layer in years.absent) << (_ABSENT + bit)
        flags |= (layer in years.surely_absent) << (_SURELY_ABSENT + bit)
    return flags, tuple(_key(years, layer) for layer in layers)


def _key(years: Years, layer: Layer) -> str:
    sharp, attested, anonymous = layer_years(years, layer)
    ends = [str(year) for span in (*sharp, *attested) for year in span]
    return ",".join([*ends, str(int(anonymous))])


def levels_of(
    situation: Situation, territories: Sequence[str], on: date, policy: Policy, *, parse: Parse
) -> tuple[Level, ...]:
    """The level of every use, in the order of `Use`, in all of `territories` on the day `on`.

    `parse` reads the head; one function that does not change, for what it read is remembered.
    """
    asked = _Asked(tuple(territories), on, policy, parse)
    known = _Known(situation.head, situation.flags, situation.withdrawn)
    states = [situation.terms >> BITS * n & ALL for n in range(len(TIMED))]
    layers = [_uniform(known, asked, state) for state in states]
    return tuple(min(layer[n][use] for n, layer in enumerate(layers)) for use in range(len(Use)))


class _Asked(NamedTuple):
    territories: tuple[str, ...]
    on: date
    policy: Policy
    parse: Parse


class _Known(NamedTuple):
    head: str
    flags: int
    withdrawn: bool


@lru_cache(maxsize=1 << 15)
def _uniform(known: _Known, asked: _Asked, state: int) -> tuple[tuple[Level, ...], ...]:
    """For each of TIMED the level of every use, if the term of every layer is in `state`.

    A layer's level depends on no other layer's term, so a few of these make up every situation.
    """
    facts, answer = _facts(known, asked.parse), _answer(state)

    def term(years: Years, layer: Layer, territory: str, policy: Policy) -> TermAnswer:
        return answer

    where, on, policy, _ = asked
    by_use = [layer_levels(facts, where, on, use, policy, terms=term) for use in Use]
    most = [min(found.get(None, Level.ALLOW), found.get(Layer.ARTWORK, Level.ALLOW))
            for found in by_use]  # fmt: skip
    return tuple(
        tuple(min(most[n], found.get(layer, Level.ALLOW)) for n, found in enumerate(by_use))
        for layer in TIMED
    )


def mask_of(levels: Sequence[Level]) -> int:
    """Levels as a number of which the bits of two can be joined by AND to give the lower levels.

    Three bits for each use in the order of `Use`, from the lowest: as many set as the level says.
    """
    return sum(((1 << level) - 1) << 3 * n for n, level in enumerate(levels))


def level_in(mask: int, use: Use) -> Level:
    """The level of `use` in a mask."""
    return Level(((mask >> 3 * tuple(Use).index(use)) & 7).bit_count())


def _answer(bits: int) -> TermAnswer:
    """A term of which the days have come that the bits name, and no others."""
    days = [0 if bits & bit else OPEN for bit in (POSSIBLE, SURE, ATTESTED)]
    best, worst, one = days
    return TermAnswer(best, worst, one, one, (), ())


@lru_cache(maxsize=1 << 12)
def _head(text: str, withdrawn: bool, parse: Parse) -> Facts:
    return facts_of(parse(text), withdrawn=withdrawn)


def _facts(known: _Known, parse: Parse) -> Facts:
    """The facts of a head, with years of which nothing but the flags is true."""
    facts, flags = _head(known.head, known.withdrawn, parse), known.flags
    if not flags & _DATED:
        return facts
    unknown = Known(SOME_YEAR, SOME_YEAR)
    event = Known(PERHAPS, PERHAPS)
    early = Span(1, PRE_1972)
    nobody = Authors(unknown)
    named = Authors(Known(SOME_YEAR, SOME_YEAR, ("somebody",)))
    years = Years(
        fixed=Known(
            early if flags & _PRE_1972 else SOME_YEAR,
            early if flags & _SURELY_PRE_1972 else SOME_YEAR,
        ),
        published=event,
        communicated=event,
        work_published=event,
        authors=(nobody, nobody, named if flags & _ARRANGED else nobody),
        absent=_flagged(flags >> _ABSENT),
        surely_absent=_flagged(flags >> _SURELY_ABSENT),
    )
    return replace(facts, years=years)


def _flagged(bits: int) -> frozenset[Layer]:
    """The layers whose bits are set, from the lowest."""
    return frozenset(layer for bit, layer in enumerate(Layer) if bits >> bit & 1)
