"""Verdicts for many recordings at once: what a signature of evidence comes to. Pure.

Distinct sets of evidence are cut in two. The years that terms count from become keys, few of them
distinct, for which SQL computes the terms (`term_sql`). Everything else is the head; together
with the state of each term it makes a `Situation`, and the core decides each situation once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Layer, Level, Use
from phonotheque.rights.channels import PRE_1972
from phonotheque.rights.decide import layer_levels
from phonotheque.rights.facts import Authors, Facts, Years, facts_of
from phonotheque.rights.layer_terms import TermAnswer
from phonotheque.rights.layers import layer_years
from phonotheque.rights.policy import Policy
from phonotheque.rights.terms import OPEN
from phonotheque.rights.years import PERHAPS, SOME_YEAR, Known, Span

TIMED = tuple(layer for layer in Layer if layer is not Layer.ARTWORK)
"""The layers with a term, in the order of their bits in `Situation.terms`."""
YEAR_CLAIMS = frozenset(
    [
        Claim.FIXED,
        Claim.PUBLISHED,
        Claim.COMMUNICATED,
        Claim.WORK_PUBLISHED,
        Claim.AUTHOR,
        Claim.AUTHORS,
        Claim.ABSENT,
    ]
)
POSSIBLE, ATTESTED, SURE = 1, 2, 4
"""Bits of one layer: its term may be over; is, if one witness is enough; is."""
BITS = 3
ALL = POSSIBLE | ATTESTED | SURE
_UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
_TIMED_YEARS, _PRE_1972, _ARRANGED = 1, 2, 4
_ABSENT = 3  # the bit of the first layer that somebody says is not there
_SURELY_ABSENT = _ABSENT + len(Layer)  # the same, as two witnesses say


class Cut(NamedTuple):
    """A set of evidence cut in two: the head as JSON, flags of the years that are no terms, and for
    each of TIMED the key of its years, empty where no year is known.
    """

    head: str
    flags: int
    keys: tuple[str, ...]


class Situation(NamedTuple):
    """All that a verdict depends on, on one day: `terms` holds BITS bits for each of TIMED."""

    head: str
    flags: int
    terms: int
    withdrawn: bool = False


def cut(evidence: Iterable[Evidence]) -> Cut:
    """Cut a set of evidence in head and years; order does not matter."""
    items = tuple(evidence)
    years = facts_of(items).years
    head = sorted(
        {(e.claim.value, e.value, e.kind.value, e.witness, e.confidence)
         for e in items if e.claim not in YEAR_CLAIMS},
        key=str,
    )  # fmt: skip
    text = msgspec.json.encode(head).decode()
    if years is None:
        return Cut(text, 0, ("",) * len(TIMED))
    early = min(years.fixed.sharp.last, years.published.sharp.last) <= PRE_1972
    flags = _TIMED_YEARS | _PRE_1972 * early | _ARRANGED * bool(years.authors[2].died.witnesses)
    for bit, layer in enumerate(Layer):
        flags |= (layer in years.absent) << (_ABSENT + bit)
        flags |= (layer in years.surely_absent) << (_SURELY_ABSENT + bit)
    return Cut(text, flags, tuple(_key(years, layer) for layer in TIMED))


def _key(years: Years, layer: Layer) -> str:
    sharp, attested, anonymous = layer_years(years, layer)
    ends = [str(year) for span in (*sharp, *attested) for year in span]
    return ",".join([*ends, str(int(anonymous))])


def levels_of(
    situation: Situation, territories: Sequence[str], on: date, policy: Policy
) -> tuple[Level, ...]:
    """The level of every use, in the order of `Use`, in all of `territories` on the day `on`."""
    asked = _Asked(tuple(territories), on, policy)
    known = _Known(situation.head, situation.flags, situation.withdrawn)
    states = [situation.terms >> BITS * n & ALL for n in range(len(TIMED))]
    layers = [_uniform(known, asked, state) for state in states]
    return tuple(min(layer[n][use] for n, layer in enumerate(layers)) for use in range(len(Use)))


class _Asked(NamedTuple):
    territories: tuple[str, ...]
    on: date
    policy: Policy


class _Known(NamedTuple):
    head: str
    flags: int
    withdrawn: bool


@lru_cache(maxsize=1 << 15)
def _uniform(known: _Known, asked: _Asked, state: int) -> tuple[tuple[Level, ...], ...]:
    """For each of TIMED the level of every use, if the term of every layer is in `state`.

    A layer's level depends on no other layer's term, so a few of these make up every situation.
    """
    facts, answer = _facts(known), _answer(state)

    def term(years: Years, layer: Layer, territory: str, policy: Policy) -> TermAnswer:
        return answer

    where, on, policy = asked
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
def _head(text: str, withdrawn: bool) -> Facts:
    evidence = [
        Evidence(
            Claim(claim), value, value or "", EvidenceKind(kind), "catalogue",
            _UNDATED, witness=witness, confidence=confidence,
        )
        for claim, value, kind, witness, confidence in msgspec.json.decode(text)
    ]  # fmt: skip
    return facts_of(evidence, withdrawn=withdrawn)


def _facts(known: _Known) -> Facts:
    """The facts of a head, with years of which nothing but the flags is true."""
    facts, flags = _head(known.head, known.withdrawn), known.flags
    if not flags & _TIMED_YEARS:
        return facts
    unknown = Known(SOME_YEAR, SOME_YEAR)
    event = Known(PERHAPS, PERHAPS)
    early = Span(1, PRE_1972)
    nobody = Authors(unknown)
    named = Authors(Known(SOME_YEAR, SOME_YEAR, ("somebody",)))
    years = Years(
        fixed=Known(early, early) if flags & _PRE_1972 else unknown,
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
