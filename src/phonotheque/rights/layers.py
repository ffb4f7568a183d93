"""The layers of rights on one recording: which there are, which a licence reaches, their years."""

from functools import lru_cache

from phonotheque.model.rights import Layer
from phonotheque.rights.facts import WRITTEN, Facts, Years
from phonotheque.rights.term_rules import LayerYears
from phonotheque.rights.years import Backing, Known, Span

ALWAYS = (Layer.PHONOGRAM, Layer.PERFORMERS, Layer.WORK, Layer.LYRICS)
"""Layers that every recording is taken to have unless somebody says that it does not."""
REMEMBERED = 1 << 15
REBUTS = {
    "cover": frozenset({Layer.WORK, Layer.LYRICS}),
    "arrangement": frozenset({Layer.WORK, Layer.ARRANGEMENT}),
    "sample": frozenset({Layer.PHONOGRAM, Layer.PERFORMERS}),
    "third-party-art": frozenset({Layer.ARTWORK}),
    "lyrics": frozenset({Layer.LYRICS}),
}
"""Which layers a sign of other people's rights takes out of the presumption (layers.presumed)."""


def layers_of(facts: Facts) -> tuple[Layer, ...]:
    """The layers to decide, in the order of `Layer`."""
    arranged = facts.years is not None and facts.years.authors[2].died.witnesses
    if not facts.rebutted and not arranged:
        return ALWAYS
    there = {*ALWAYS, *rebutted_layers(facts)}
    if arranged:
        there.add(Layer.ARRANGEMENT)
    return tuple(layer for layer in Layer if layer in there)


def rebutted_layers(facts: Facts) -> frozenset[Layer]:
    """The layers that a licence for the whole does not reach; a sign of no known kind: all."""
    found: frozenset[Layer] = frozenset()
    for sign in facts.rebutted:
        found |= REBUTS.get(sign, frozenset(Layer))
    return found


@lru_cache(maxsize=REMEMBERED)
def layer_years(years: Years, layer: Layer) -> tuple[LayerYears, LayerYears, Backing]:
    """The years that the terms of `layer` count from: as stated, as borne out by two witnesses; and
    who says that nobody knows its authors.
    """
    if layer not in WRITTEN:
        recording = (years.fixed, years.published, years.communicated)
        return (
            LayerYears(*(known.sharp for known in recording)),
            LayerYears(*(known.attested for known in recording)),
            Backing.NOBODY,
        )
    authors = years.authors[WRITTEN.index(layer)]
    stated = _together(years, layer, years.absent)
    borne_out = _together(years, layer, years.surely_absent)
    published = years.work_published if layer is not Layer.ARRANGEMENT else None
    sharp = LayerYears(died=authors.died.sharp, together=_latest([one.sharp for one in stated]))
    attested = LayerYears(
        died=authors.died.attested, together=_latest([one.attested for one in borne_out])
    )
    if published:
        sharp = sharp._replace(work_published=published.sharp)
        attested = attested._replace(work_published=published.attested)
    return sharp, attested, authors.anonymous


def _together(years: Years, layer: Layer, absent: frozenset[Layer]) -> list[Known]:
    """Deaths that count together: of a song, those of lyricists and composers."""
    if layer is Layer.ARRANGEMENT:
        return [years.authors[2].died]
    parts = (Layer.WORK, Layer.LYRICS)
    there = [part for part in parts if part not in absent or part is layer]
    return [years.authors[WRITTEN.index(part)].died for part in there]


def _latest(spans: list[Span]) -> Span:
    return Span(max(s.first for s in spans), max(s.last for s in spans))
