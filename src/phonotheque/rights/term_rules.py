"""The rules on terms of protection: data in `terms.toml`, checked against their own vectors.

A rule holds in one territory for some layers; several may hold for one layer, each for other years
of making or publication. `term_of` asks all of them for the earliest and the latest day from which
a layer is free.
"""

from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from phonotheque.model.errors import FormatError
from phonotheque.model.rights import Layer
from phonotheque.rights.rules import Mark
from phonotheque.rights.terms import (
    OPEN,
    Bounds,
    Cohort,
    KeptFree,
    RecordingTerm,
    cohort_bounds,
    free_from,
    life_bounds,
    publication_bounds,
    recording_bounds,
)
from phonotheque.rights.years import (
    FOREVER,
    NEVER,
    PERHAPS,
    SOME_YEAR,
    Span,
    parse_event,
    parse_years,
)

FILE = "terms.toml"


class TermKind(StrEnum):
    """The formulas there are; each has its own parameters (docs/rights.md)."""

    RECORDING = "recording"  # after publication, communication or making
    COHORTS = "cohorts"  # a table of years of publication
    OPEN_ENDED = "open-ended"  # not before `years` after making; how long is not known
    LIFE = "life"  # after the last author's death
    PUBLICATION = "publication"  # after the publication of the work
    ANONYMOUS = "anonymous"  # the same, where nobody knows the author


class Bound(StrEnum):
    """Which end a rule gives: of a country that is not listed we know only the limits."""

    BOTH = "both"
    LONGEST = "longest"
    SHORTEST = "shortest"


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    text: str
    source: str
    mark: Mark
    last: int
    years: int
    by_fixation: bool = False


class _Cohort(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    to: int
    years: int = 0
    day: date | None = None


class _Floor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    published_to: int
    end: int


class TermVector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Years, and the day from which the rule says that the thing is free; none: not known.

    `at_best` is the earliest such day, where it is another.
    """

    free: date | None = None
    at_best: date | None = None
    fixed: str = ""
    published: str = ""
    communicated: str = ""
    died: str = ""
    together: str = ""
    work_published: str = ""


class TermRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule on a term. Years of making outside `fixed_from` … `fixed_to` are not its matter,
    nor are works first published before `published_from`. `posthumous`: the term of works first
    published after their authors' deaths is this one, too.
    """

    id: str
    territory: str
    layers: list[Layer]
    text: str
    source: str
    mark: Mark
    valid_from: date
    kind: TermKind
    bound: Bound = Bound.BOTH
    years: int = 0
    last: int = FOREVER
    fixed: int | None = None
    published: int | None = None
    communicated: int | None = None
    window: int | None = None
    cap: int | None = None
    earlier: bool = False
    together: bool = False
    posthumous: bool = False
    cohorts: list[_Cohort] = []
    latest: date | None = None
    floors: list[_Floor] = []
    fixed_from: int = 0
    fixed_to: int = FOREVER
    published_from: int = 0
    kept_free: _Kept | None = None
    vectors: list[TermVector]


class Compiled(msgspec.Struct, frozen=True):
    """A rule with its parameters in the form that the formulas take."""

    rule: TermRule
    term: RecordingTerm
    kept: KeptFree | None
    cohorts: tuple[Cohort, ...]
    latest: int


class LayerYears(NamedTuple):
    """The years that terms are counted from. `together` is the death of the last of all authors of
    a song, `died` that of the last author of the layer.
    """

    fixed: Span = SOME_YEAR
    published: Span = PERHAPS
    communicated: Span = PERHAPS
    died: Span = SOME_YEAR
    together: Span = SOME_YEAR
    work_published: Span = PERHAPS


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    term: list[TermRule]


def is_posthumous(years: LayerYears) -> bool:
    """Whether, as is stated, the work was not published while its last author lived."""
    return years.died.last < FOREVER and years.work_published.first > years.died.last


def adds_for_posthumous(rule: TermRule) -> bool:
    """Whether the law may protect a posthumous work longer than this rule computes."""
    return rule.kind is TermKind.LIFE and not rule.posthumous


def as_day(day: date) -> int:
    """The number that stands for a day: 20261122."""
    return day.year * 10_000 + day.month * 100 + day.day


@cache
def term_rules() -> dict[str, Compiled]:
    """Every rule on terms, by id.

    Raises:
        FormatError: a rule is incomplete, an id stands twice, or a vector does not come out.
    """
    content = files(__package__).joinpath(FILE).read_bytes()
    return check_terms(parse_terms(content))


def parse_terms(content: bytes) -> list[TermRule]:
    """The rules of a file of terms.

    Raises:
        FormatError: it is not of that form.
    """
    try:
        return msgspec.toml.decode(content, type=_File).term
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise FormatError(f"{FILE}: {error}") from error


def check_terms(rules: list[TermRule]) -> dict[str, Compiled]:
    """The rules ready for use, each held against its own vectors.

    Raises:
        FormatError: naming the rule and the vector that does not come out.
    """
    book: dict[str, Compiled] = {}
    for rule in rules:
        if rule.id in book:
            raise FormatError(f"{FILE}: {rule.id} stands twice; give one of them another id")
        if not rule.vectors:
            raise FormatError(f"{FILE}: {rule.id} has no vector; add one with years and a day")
        book[rule.id] = compiled = _compile(rule)
        for number, vector in enumerate(rule.vectors, 1):
            _check_vector(compiled, vector, number)
    return book


def _compile(rule: TermRule) -> Compiled:
    kept = rule.kept_free
    return Compiled(
        rule,
        RecordingTerm(
            rule.fixed, rule.published, rule.communicated, rule.window, rule.cap, rule.earlier
        ),
        KeptFree(kept.last, kept.years, kept.by_fixation) if kept else None,
        tuple(Cohort(c.to, c.years, as_day(c.day) if c.day else 0) for c in rule.cohorts),
        as_day(rule.latest) if rule.latest else OPEN,
    )


def bounds_of(compiled: Compiled, years: LayerYears, *, kept: bool = True) -> Bounds | None:
    """First and last day from which `years` are free by this rule alone; None: not its matter.

    With `kept` false, what an older law had set free counts as protected again.
    """
    rule, cut = compiled.rule, compiled.kept if kept else None
    if rule.kind is TermKind.LIFE:
        return _life(compiled, cut, years)
    if rule.kind in (TermKind.PUBLICATION, TermKind.ANONYMOUS):
        return _by_work(rule, years.work_published)
    fixed = years.fixed.overlap(Span(rule.fixed_from, rule.fixed_to))
    if fixed is None:
        return None
    if rule.kind is TermKind.COHORTS:
        return cohort_bounds(compiled.cohorts, compiled.latest, fixed, years.published)
    if rule.kind is TermKind.OPEN_ENDED:
        return _open_ended(rule, fixed, years.published)
    return recording_bounds(compiled.term, cut, fixed, years.published, years.communicated)


def _by_work(rule: TermRule, published: Span) -> Bounds | None:
    """After the publication of the work; an anonymous one never published is not free for sure."""
    found = publication_bounds(rule.years, rule.last, published)
    if rule.kind is TermKind.PUBLICATION:
        return found
    best = found.best if found else OPEN
    return Bounds(best, OPEN) if found is None or published.last == NEVER else found


def _life(compiled: Compiled, cut: KeptFree | None, years: LayerYears) -> Bounds | None:
    rule, published = compiled.rule, years.work_published
    if published.last < rule.published_from:
        return None
    together = years.together if rule.together else years.died
    best, worst = life_bounds(rule.years, cut, years.died, together)
    start = max(published.first, rule.published_from)
    for floor in rule.floors:
        if start <= floor.published_to:
            worst = max(worst, free_from(floor.end))
    return Bounds(best, worst)


def _open_ended(rule: TermRule, fixed: Span, published: Span) -> Bounds | None:
    """What counts from a publication up to `last` is known; all else is so at best."""
    if published.last < fixed.first:
        return None
    first = max(published.first, fixed.first)
    ends = []
    if rule.published is not None and first <= rule.last:
        until = min(published.last, rule.last)
        ends.append(Bounds(free_from(first + rule.published), free_from(until + rule.published)))
    if published.last > rule.last:
        ends.append(Bounds(free_from(fixed.first + rule.years), OPEN))
    return Bounds(min(e.best for e in ends), max(e.worst for e in ends))


def _check_vector(compiled: Compiled, vector: TermVector, number: int) -> None:
    where = f"{FILE}: {compiled.rule.id}, vector {number}"
    years = vector_years(vector, where)
    expected = as_day(vector.free) if vector.free else OPEN
    found = bounds_of(compiled, years)
    if found is None:
        raise FormatError(f"{where}: the rule does not apply to these years")
    if found.worst != expected:
        raise FormatError(f"{where}: free from {found.worst}, not from {expected}")
    if vector.at_best and found.best != as_day(vector.at_best):
        raise FormatError(f"{where}: at best free from {found.best}, not {as_day(vector.at_best)}")


def vector_years(vector: TermVector, where: str) -> LayerYears:
    """The years of a vector; what it leaves out is unknown.

    Raises:
        FormatError: something in it is no year.
    """
    unknown = LayerYears()
    found = {}
    for name in ("fixed", "published", "communicated", "died", "together", "work_published"):
        text = getattr(vector, name)
        span = parse_event(text) if text else getattr(unknown, name)
        if span is None or (span.first == NEVER and parse_years(text) is None and name == "died"):
            raise FormatError(f"{where}: {name} = {text!r} is no year; write 1921 or 1920..1922")
        found[name] = span
    if vector.died and not vector.together:
        found["together"] = found["died"]
    return LayerYears(**found)
