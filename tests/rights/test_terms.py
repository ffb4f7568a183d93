"""Terms of protection: closed forms against every single year, boundaries, and what may not be."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.errors import FormatError
from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use
from phonotheque.rights import Policy, decide, facts_of
from phonotheque.rights.steps import level_on, merge
from phonotheque.rights.term_rules import (
    LayerYears,
    bounds_of,
    check_terms,
    parse_terms,
    term_rules,
)
from phonotheque.rights.terms import OPEN, KeptFree, RecordingTerm, free_from, recording_bounds
from phonotheque.rights.years import NEVER, Span, combine, parse_event, parse_years

AT = datetime(2026, 11, 22, tzinfo=UTC)
TERMS = [
    (RecordingTerm(50, 70, 70, 50), KeptFree(1962, 50)),
    (RecordingTerm(50, 70, None, 50, 100), KeptFree(1964, 50)),
    (RecordingTerm(70, 70, None, 70), KeptFree(1967, 50)),
    (RecordingTerm(70, 70, None, 50), KeptFree(1954, 50, by_fixation=True)),
    (RecordingTerm(75), None),
    (RecordingTerm(100, 100), None),
    (RecordingTerm(None, 60), None),
]


def end_of(term: RecordingTerm, kept: KeptFree | None, f: int, p: int, c: int) -> int:
    """The last protected year of one recording, as the rule says it in words."""
    window = 99_999 if term.window is None else term.window
    for event, years in ((p, term.published), (c, term.communicated)):
        if years is not None and event != NEVER and event - f <= window:
            start = f if kept and kept.by_fixation else event
            if kept and start <= kept.last:
                return start + kept.years
            return min(event + years, f + term.cap) if term.cap else event + years
    if kept and f <= kept.last:
        return f + kept.years
    return NEVER if term.fixed is None else f + term.fixed


def spans(least: int, most: int) -> st.SearchStrategy[Span]:
    years = st.integers(least, most)
    return st.builds(lambda a, b: Span(min(a, b), max(a, b)), years, years)


def events(least: int, most: int) -> st.SearchStrategy[Span]:
    never = st.just(Span(NEVER, NEVER))
    maybe = st.builds(lambda s: Span(s.first, NEVER), spans(least, most))
    return st.one_of(spans(least, most), never, maybe)


def each_year(event: Span, until: int) -> list[int]:
    found = list(range(event.first, min(event.last, until) + 1))
    return [*found, NEVER] if event.last == NEVER else found


@pytest.mark.parametrize(("term", "kept"), TERMS)
@given(data=st.data())
def test_the_closed_form_is_what_trying_every_year_gives(term, kept, data) -> None:
    base = data.draw(st.sampled_from([1890, 1910, 1948, 1960]))
    fixed = data.draw(spans(base, base + 12))
    published = data.draw(events(base, base + 76))
    communicated = data.draw(events(base, base + 76)) if term.communicated else Span(NEVER, NEVER)
    until = base + 190
    ends = [
        end_of(term, kept, f, p, c)
        for f in range(fixed.first, fixed.last + 1)
        for p in each_year(published, until)
        if p >= f
        for c in each_year(communicated, until)
        if c >= f
    ]
    found = recording_bounds(term, kept, fixed, published, communicated)
    if not ends:
        assert found is None
    elif term.window is not None or published.last != NEVER or published.first == NEVER:
        assert found == (free_from(min(ends)), free_from(max(ends)))
    else:
        assert found is not None
        assert found.best <= free_from(min(ends))
        assert found.worst >= free_from(max(ends))


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(one, marks=[] if place % 5 == 0 else pytest.mark.full)
        for place, one in enumerate(term_rules().values())
    ],
    ids=lambda one: one.rule.id,
)
@given(data=st.data())
def test_sharper_years_never_leave_the_bounds_of_a_rule(one, data) -> None:
    wide, sharp = {}, {}
    for name in LayerYears._fields:
        low, high = (1880, 2020) if name not in ("died", "together") else (1850, 2020)
        span = data.draw(
            events(low, high) if "publ" in name or "comm" in name else spans(low, high)
        )
        if span.last == NEVER and span.first != NEVER:
            inner = data.draw(st.sampled_from([Span(span.first, span.first), Span(NEVER, NEVER)]))
        else:
            year = data.draw(st.integers(span.first, span.last))
            inner = Span(year, year)
        wide[name], sharp[name] = span, inner
    wide["together"], sharp["together"] = wide["died"], sharp["died"]
    outer, inner_bounds = bounds_of(one, LayerYears(**wide)), bounds_of(one, LayerYears(**sharp))
    if inner_bounds is not None:
        assert outer is not None
        assert outer.best <= inner_bounds.best
        assert inner_bounds.worst <= outer.worst


@pytest.mark.parametrize("one", term_rules().values(), ids=lambda one: one.rule.id)
def test_the_day_before_a_term_ends_is_protected_and_the_day_after_is_free(one) -> None:
    """Both sides of every boundary that the vectors name, seen as a verdict would see them."""
    from phonotheque.rights.layer_terms import TermAnswer
    from phonotheque.rights.term_rules import as_day

    for vector in one.rule.vectors:
        if vector.free is None:
            continue
        day = as_day(vector.free)
        steps = TermAnswer(day, day, day, day, (one.rule.id,), ()).steps
        before = date.fromordinal(vector.free.toordinal() - 1)
        assert level_on(steps, as_day(before)) is Level.DENY
        assert level_on(steps, day) is Level.ALLOW
        assert (before.month == 12 and before.day == 31) or day == 20670216


def said(claim: Claim, value: str, witness: str) -> Evidence:
    return Evidence(claim, value, value, EvidenceKind.CATALOGUE, "x", AT, witness=witness)


def whole(fixed: str, published: str, died: str, *witnesses: str) -> list[Evidence]:
    return [
        item
        for w in witnesses
        for item in (
            said(Claim.FIXED, fixed, w),
            said(Claim.PUBLISHED, published, w),
            said(Claim.AUTHOR, f"work:{died}", w),
            said(Claim.AUTHORS, "work", w),
            said(Claim.ABSENT, "lyrics", w),
            said(Claim.WORK_PUBLISHED, published, w),
        )
    ]


years = st.integers(1880, 2000).map(str)
evidence = st.builds(
    lambda f, p, d, n: whole(f, p, d, *("abc"[:n])),
    st.one_of(years, st.just("1900..1950")),
    st.one_of(years, st.just("never"), st.just("1905..1931"), st.just("..1960")),
    st.one_of(years, st.just("?"), st.just("living")),
    st.integers(1, 3),
)
places = st.lists(
    st.sampled_from(["US", "DE", "GB", "CA", "JP", "AU", "MX", "IN", "CN", "ZZ"]), min_size=1
)
days = st.dates(date(2026, 1, 1), date(2120, 12, 31))


@given(evidence, places, days, days, st.sampled_from(list(Use)))
def test_a_later_day_never_turns_public_domain_into_a_denial(items, where, a, b, use) -> None:
    facts, first, then = facts_of(items), min(a, b), max(a, b)
    before = decide(facts, where, first, use, Policy()).level
    assert decide(facts, where, then, use, Policy()).level >= before


@given(evidence, places, places, days)
def test_more_territories_never_raise_distribution(items, where, more, on) -> None:
    facts = facts_of(items)
    few = decide(facts, where, on, Use.DISTRIBUTE, Policy()).level
    assert decide(facts, [*where, *more], on, Use.DISTRIBUTE, Policy()).level <= few


@given(evidence, places, days, st.sampled_from(list(Use)))
def test_a_verdict_holds_to_the_day_it_says_and_not_longer(items, where, on, use) -> None:
    facts = facts_of(items)
    verdict = decide(facts, where, on, use, Policy())
    until = verdict.valid_until
    if until is not None:
        assert decide(facts, where, until, use, Policy()).level is verdict.level
        after = date.fromordinal(until.toordinal() + 1)
        assert decide(facts, where, after, use, Policy()).level is not verdict.level


@given(evidence, places, days)
def test_accepting_rules_never_lowers_a_verdict(items, where, on) -> None:
    every = frozenset(term_rules()) | {
        one.rule.kept_free.id for one in term_rules().values() if one.rule.kept_free
    }
    facts = facts_of(items)
    strict = decide(facts, where, on, Use.STREAM, Policy()).level
    assert decide(facts, where, on, Use.STREAM, Policy(accepted_rules=every)).level >= strict


@given(st.lists(st.tuples(st.sampled_from("abc"), spans(1900, 1960)), max_size=5))
def test_witnesses_are_heard_in_any_order_and_one_alone_attests_nothing(claims) -> None:
    unknown = Span(1, NEVER)
    known = combine(claims, unknown)
    assert known == combine(reversed(claims), unknown)
    assert known.attested.first <= known.sharp.first <= known.sharp.last <= known.attested.last
    if len({witness for witness, _ in claims}) < 2:
        assert known.attested == unknown


def test_nothing_is_allowed_by_unknown_years_or_by_one_discography() -> None:
    for use in Use:
        assert decide(facts_of(()), ["US"], AT.date(), use, Policy()).level <= Level.REVIEW
    twins = whole("1910", "1910", "1880", "discography:a", "discography:b")
    for where in ("US", "DE"):
        verdict = decide(facts_of(twins), [where], AT.date(), Use.STREAM, Policy())
        assert verdict.level is Level.REVIEW
        assert "evidence.one-witness" in verdict.rule_ids


def test_a_song_is_free_in_the_union_when_its_last_author_is() -> None:
    words = [said(Claim.AUTHOR, "lyrics:1960", w) for w in "ab"]
    music = [e for e in whole("1910", "1910", "1910", "a", "b") if e.claim is not Claim.ABSENT]
    items = [*music, *words, *(said(Claim.AUTHORS, "lyrics", w) for w in "ab")]
    on = {year: decide(facts_of(items), ["DE"], date(year, 1, 1), Use.STREAM, Policy())
          for year in (2030, 2031)}  # fmt: skip
    assert [on[year].level for year in (2030, 2031)] == [Level.DENY, Level.ALLOW]
    assert on[2030].valid_until == date(2030, 12, 31)


def test_years_are_read_as_they_are_written() -> None:
    assert parse_years("1921") == Span(1921, 1921)
    assert parse_years("..1922") == Span(1, 1922)
    assert parse_event("never") == Span(NEVER, NEVER)
    for text in ("", "1922..1920", "19x", "never", "99999"):
        assert parse_years(text) is None


def test_a_rule_that_does_not_answer_its_vector_is_named() -> None:
    content = """[[term]]
id = "xx.recording"
territory = "XX"
layers = ["phonogram"]
text = "t"
source = "s"
mark = "R"
valid_from = 2026-01-01
kind = "recording"
fixed = 50
vectors = [{ fixed = "1970", free = 2020-01-01 }]
"""
    with pytest.raises(FormatError, match=r"xx\.recording, vector 1: free from 20210101"):
        check_terms(parse_terms(content.encode()))
    with pytest.raises(FormatError, match="no vector"):
        check_terms(
            parse_terms(
                content.replace(content[content.index("vectors") :], "vectors = []\n").encode()
            )
        )
    with pytest.raises(FormatError, match="is no year"):
        check_terms(parse_terms(content.replace("1970", "19x0").encode()))


def test_steps_merge_day_by_day() -> None:
    a = ((0, Level.DENY), (10, Level.ALLOW))
    b = ((0, Level.REVIEW), (20, Level.DENY))
    assert merge([a, b], min) == ((0, Level.DENY), (10, Level.REVIEW), (20, Level.DENY))
    assert merge([a, b], max) == ((0, Level.REVIEW), (10, Level.ALLOW))
    assert OPEN > 2067_02_16
