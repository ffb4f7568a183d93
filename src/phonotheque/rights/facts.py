"""From evidence to facts: what is claimed, by whom, and which years follow. Pure.

Order and repetition of evidence do not matter. What is not understood is no fact; that something
was not understood is one where it matters (`unreadable`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from phonotheque.model.errors import FormatError
from phonotheque.model.rights import LEAST_CONFIDENCE, Claim, Evidence, EvidenceKind, Layer, Use
from phonotheque.rights.deals import Deal, parse_deal
from phonotheque.rights.expressions import Expression, expression_by_id
from phonotheque.rights.witnesses import witness_called
from phonotheque.rights.years import (
    FOREVER,
    PERHAPS,
    SOME_YEAR,
    Backing,
    Known,
    Span,
    backing,
    combine,
    parse_event,
    parse_years,
)

ADMISSIBLE = (
    EvidenceKind.RIGHTS_HOLDER,
    EvidenceKind.SIDECAR,
    EvidenceKind.PACKAGE_COPYRIGHT,
    EvidenceKind.TAG,
)
"""Where a licence must be stated to count as the rights holder's word, strongest first."""
DECLARING = (EvidenceKind.RIGHTS_HOLDER, EvidenceKind.SIDECAR)
"""Where the operator may declare a basis; a tag cannot say that a recording is the operator's."""
NO_WITNESS = (EvidenceKind.INFERENCE, EvidenceKind.TAG)
"""Kinds that bear nothing out: a tag is anybody's word, an inference is our own."""
LIVING = Span(2_020, FOREVER)
"""Years of death of somebody whom a source of our time calls living."""
WRITTEN = (Layer.WORK, Layer.LYRICS, Layer.ARRANGEMENT)
_YEAR_CLAIMS = frozenset(
    [Claim.FIXED, Claim.PUBLISHED, Claim.COMMUNICATED, Claim.WORK_PUBLISHED, Claim.AUTHOR]
)


class Authors(NamedTuple):
    """Those who wrote one layer: when the last of them died, who says that nobody knows them, and
    who that those named are all there are.
    """

    died: Known
    anonymous: Backing = Backing.NOBODY
    complete: Backing = Backing.NOBODY


class Years(NamedTuple):
    """The years that terms of protection are counted from, as far as they are known."""

    fixed: Known
    published: Known
    communicated: Known
    work_published: Known
    authors: tuple[Authors, Authors, Authors]  # in the order of WRITTEN
    absent: frozenset[Layer]  # as somebody says
    surely_absent: frozenset[Layer]  # as two witnesses say


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one recording; made by `facts_of`."""

    evidence: tuple[Evidence, ...]
    withdrawn: bool
    drm: bool
    licences: tuple[Expression, ...]  # stated by anybody, in the order of their texts
    granted: bool  # one of them by somebody who may say it
    unreadable: bool  # a statement on the licence that was not understood
    own: bool
    public_domain: bool  # said to be, by a label without proof
    rebutted: frozenset[str]
    reserved: bool
    layer_licences: tuple[tuple[Layer, Expression], ...]
    deals: tuple[Deal, ...]
    statements: tuple[tuple[str, str], ...]  # (id, witness, or "" where that bears nothing out)
    forbidden: frozenset[tuple[Claim, Use]]  # by a contract or a donor
    sensitive: frozenset[str]
    streaming: bool  # taken from a streaming service
    filed: date | None  # of the notice under 17 USC 1401(c)
    years: Years | None  # None where nothing is said of any year


def facts_of(evidence: Iterable[Evidence], *, withdrawn: bool = False, drm: bool = False) -> Facts:
    """The facts that a recording's evidence comes to."""
    items = tuple(evidence)
    by_claim = _by_claim(items)
    empty: list[Evidence] = []
    licences = by_claim.get(Claim.LICENCE, empty)
    basis = by_claim.get(Claim.BASIS, empty)
    known = [(e, one) for e in licences if e.value and (one := expression_by_id(e.value))]
    parsed = [_deal(text) for text in _values(by_claim, Claim.DEAL, _declared)]
    return Facts(
        evidence=items,
        withdrawn=withdrawn,
        drm=drm,
        licences=tuple(sorted({one for _, one in known}, key=str)),
        granted=any(e.kind in ADMISSIBLE for e, _ in known),
        unreadable=len(known) < len(licences) or None in parsed,
        own=any(e.value == "own" and e.kind in DECLARING for e in basis),
        public_domain=any(e.value != "own" for e in basis),
        rebutted=frozenset(e.value or "" for e in by_claim.get(Claim.REBUTTAL, empty)),
        reserved=Claim.RESERVATION in by_claim,
        layer_licences=tuple(sorted(set(_layer_licences(by_claim)), key=str)),
        deals=tuple(deal for deal in parsed if deal),
        statements=tuple(
            sorted(
                {
                    (e.value, witness_of(e) if bears_out(e) else "")
                    for e in by_claim.get(Claim.STATEMENT, empty)
                    if e.value
                }
            )
        ),
        forbidden=frozenset(_forbidden(by_claim)),
        sensitive=frozenset(_values(by_claim, Claim.SENSITIVITY)),
        streaming="streaming-service" in _values(by_claim, Claim.PROVENANCE),
        filed=_filed(_values(by_claim, Claim.NOTICE_1401C, _declared)),
        years=_years(by_claim) if tells_years(items) else None,
    )


def tells_years(evidence: Iterable[Evidence]) -> bool:
    """Whether anything is said of any year; without that, what is said of authors tells nothing."""
    return any(item.claim in _YEAR_CLAIMS for item in evidence)


def years_of(evidence: Iterable[Evidence]) -> Years:
    """The years that evidence tells, whether or not it tells any."""
    return _years(_by_claim(evidence))


def _by_claim(evidence: Iterable[Evidence]) -> dict[Claim, list[Evidence]]:
    found: dict[Claim, list[Evidence]] = {}
    for item in evidence:
        found.setdefault(item.claim, []).append(item)
    return found


def witness_of(evidence: Evidence) -> str:
    """Who says it; "" where nobody is named, and such a claim is independent of none.

    All discographies count as one, for they copy from each other.
    """
    return witness_called(evidence.witness or "")


def _values(
    by_claim: dict[Claim, list[Evidence]],
    claim: Claim,
    counts: Callable[[Evidence], bool] = lambda _: True,
) -> tuple[str, ...]:
    return tuple(sorted({e.value for e in by_claim.get(claim, []) if e.value and counts(e)}))


def _declared(evidence: Evidence) -> bool:
    return evidence.kind in DECLARING


def _deal(text: str) -> Deal | None:
    try:
        return parse_deal(text)
    except FormatError:
        return None  # somebody has to read it


def _layer_licences(by_claim: dict[Claim, list[Evidence]]) -> Iterator[tuple[Layer, Expression]]:
    for e in by_claim.get(Claim.LAYER_LICENCE, []):
        layer, _, identifier = (e.value or "").partition("=")
        licence = expression_by_id(identifier)
        if e.kind in ADMISSIBLE and layer in set(Layer) and licence:
            yield Layer(layer), licence


def _forbidden(by_claim: dict[Claim, list[Evidence]]) -> Iterator[tuple[Claim, Use]]:
    """Uses that a contract or a donor forbids; what is not understood forbids all of them."""
    for claim in (Claim.CONTRACT, Claim.DONOR):
        for e in by_claim.get(claim, []):
            uses = [Use(e.value)] if e.value in set(Use) else [u for u in Use if u is not Use.HOLD]
            yield from ((claim, use) for use in uses)


def _filed(values: tuple[str, ...]) -> date | None:
    """When the last notice was filed; None without one, or when the right holder opted out."""
    try:
        return max((date.fromisoformat(value) for value in values), default=None)
    except ValueError:
        return None  # "opt-out", or nothing that is a date


def _years(by_claim: dict[Claim, list[Evidence]]) -> Years:
    def event(claim: Claim, unknown: Span, parse: Callable[[str], Span | None]) -> Known:
        found = (
            (witness_of(e), span)
            for e in by_claim.get(claim, [])
            if bears_out(e) and e.value and (span := parse(e.value))
        )
        return combine(found, unknown)

    complete = _backed(by_claim.get(Claim.AUTHORS, []))
    absent = _backed(by_claim.get(Claim.ABSENT, []))
    work, lyrics, arrangement = (
        _authors(by_claim.get(Claim.AUTHOR, []), layer, complete[layer]) for layer in WRITTEN
    )
    return Years(
        fixed=event(Claim.FIXED, SOME_YEAR, parse_years),
        published=event(Claim.PUBLISHED, PERHAPS, parse_event),
        communicated=event(Claim.COMMUNICATED, PERHAPS, parse_event),
        work_published=event(Claim.WORK_PUBLISHED, PERHAPS, parse_event),
        authors=(work, lyrics, arrangement),
        absent=frozenset(layer for layer in Layer if absent[layer]),
        surely_absent=frozenset(layer for layer in Layer if absent[layer] is Backing.TWO),
    )


def bears_out(evidence: Evidence) -> bool:
    """Whether a claim counts where two witnesses are needed: no tag, guess or long shot."""
    sure = evidence.confidence is None or evidence.confidence >= LEAST_CONFIDENCE
    return sure and evidence.kind not in NO_WITNESS


def _backed(claims: list[Evidence]) -> dict[Layer, Backing]:
    """For each layer, who states it in `claims`, whose values are layers."""
    said = [e for e in claims if bears_out(e)]
    return {layer: backing(witness_of(e) for e in said if e.value == layer) for layer in Layer}


def _authors(claims: list[Evidence], layer: Layer, complete: Backing) -> Authors:
    """When the last author of `layer` died. Unless somebody says that those named are all there
    are, there may be one who died later; unless two say so, that is not borne out.
    """
    by_witness: dict[str, list[Span]] = {}
    nobody: set[str] = set()
    for e in claims:
        name, _, text = (e.value or "").partition(":")
        if name != layer.value or not bears_out(e):
            continue
        if text == "anonymous":
            nobody.add(witness_of(e))
            continue
        span = LIVING if text == "living" else parse_years(text)
        by_witness.setdefault(witness_of(e), []).append(span or SOME_YEAR)
    found = [
        (
            witness,
            Span(max(s.first for s in spans), max(s.last for s in spans) if complete else FOREVER),
        )
        for witness, spans in by_witness.items()
    ]
    died = combine(found, SOME_YEAR)
    if complete is not Backing.TWO:
        died = died._replace(attested=Span(died.attested.first, FOREVER))
    return Authors(died, backing(() if by_witness else nobody), complete)
