"""That something is not there has to be said by two: no lyrics, no more authors, nobody known."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use
from phonotheque.rights import Policy, decide, explain_verdict, facts_of, lines_of, term_rules
from phonotheque.rights.years import Backing, backing

AT = datetime(2026, 11, 22, tzinfo=UTC)
ON = AT.date()
EVERY_RULE = Policy(accepted_rules=frozenset(term_rules()))
BORNE_OUT = {
    "fixed": "1920", "published": "1920", "work-published": "1878", "author": "work:1880",
}  # fmt: skip


def said(
    claim: str, value: str, witnesses: Sequence[str | None], kind: EvidenceKind
) -> list[Evidence]:
    return [
        Evidence(Claim(claim), value, value, kind, "rows.csv", AT, witness=w) for w in witnesses
    ]


def evidence(
    absent: Sequence[str | None],
    complete: Sequence[str | None],
    *more: tuple[str, str, Sequence[str | None]],
    kind: EvidenceKind = EvidenceKind.CATALOGUE,
) -> list[Evidence]:
    """All years by two witnesses; no lyrics and no more authors as those named say."""
    stated = [(claim, value, ("loc", "bnf")) for claim, value in BORNE_OUT.items()]
    stated += [("absent", "lyrics", absent), ("authors", "work", complete), *more]
    return [e for claim, value, who in stated for e in said(claim, value, who, kind)]


def level(items: Sequence[Evidence], where: str = "DE", use: Use = Use.STREAM) -> Level:
    return decide(facts_of(items), [where], ON, use, EVERY_RULE).level


def missing(items: Sequence[Evidence], where: str = "DE") -> list[str]:
    view = explain_verdict(facts_of(items), [where], ON, Use.STREAM, EVERY_RULE)
    return [lack for layer in view.layers for lack in layer.missing]


TWO = ("loc", "bnf")


def test_two_witnesses_are_two_names() -> None:
    assert backing([]) is Backing.NOBODY
    assert backing(["loc", "loc"]) is backing(["loc", ""]) is backing([""]) is Backing.SOMEBODY
    assert backing(["loc", "bnf", ""]) is Backing.TWO


@pytest.mark.parametrize("where", ["US", "DE", "ZZ"])
def test_with_two_witnesses_of_everything_it_is_free(where: str) -> None:
    on = date(2026, 11, 22)
    verdict = decide(facts_of(evidence(TWO, TWO)), [where], on, Use.STREAM, EVERY_RULE)
    assert verdict.level is Level.ALLOW


DISCOGRAPHIES = ("discography:a", "discography:b")


@pytest.mark.parametrize("one", [("loc",), ("loc", "loc"), ("loc", None), (None,), DISCOGRAPHIES])
@pytest.mark.parametrize("use", [Use.HOLD, Use.STREAM, Use.DISTRIBUTE, Use.AI_TRAIN])
@pytest.mark.parametrize("where", ["DE", "ZZ"])
def test_by_one_witness_there_are_perhaps_lyrics(one, use, where) -> None:
    assert level(evidence(one, TWO), where, use) is Level.REVIEW
    assert level(evidence(one, TWO), "US", use) is Level.ALLOW, "words are as old as the work"


@pytest.mark.parametrize("one", [(), ("loc",), (None,)])
def test_by_one_witness_there_are_perhaps_more_authors(one) -> None:
    assert level(evidence(TWO, one)) is Level.REVIEW
    assert level(evidence(TWO, one), "US") is Level.ALLOW, "there the publication decides"


def test_tags_and_guesses_are_no_witnesses_of_absence() -> None:
    tags = said("absent", "lyrics", ["bnf"], EvidenceKind.TAG)
    assert level([*evidence(("loc",), TWO), *tags]) is Level.REVIEW


def test_the_artwork_too_is_not_there_only_by_two() -> None:
    def whole(*who: str) -> list[Evidence]:
        items = evidence(TWO, TWO, ("absent", "artwork", who))
        signs = [("rebuttal", "third-party-art"), ("rebuttal", "cover"), ("licence", "CC0-1.0")]
        kind = EvidenceKind.SIDECAR
        return [*items, *(e for one in signs for e in said(*one, [None], kind))]

    assert level(whole("loc")) is Level.REVIEW
    assert level(whole("loc", "bnf")) is Level.ALLOW


def test_nobody_known_is_said_by_two_or_the_author_may_have_lived_long() -> None:
    def nameless(*who: str) -> list[Evidence]:
        items = evidence(TWO, (), ("author", "work:anonymous", who))
        return [e for e in items if e.value != "work:1880"]

    accepted = Policy(accepted_rules=frozenset(["eu.work.anonymous"]))
    for who, expected in ((("loc",), Level.REVIEW), (TWO, Level.ALLOW)):
        facts = facts_of(nameless(*who))
        assert decide(facts, ["DE"], ON, Use.STREAM, accepted).level is expected
    assert missing(nameless("loc")) == [
        "a second witness that nobody knows who wrote the work (so says loc)"
    ]


def test_what_is_missing_is_named_with_who_says_it() -> None:
    lyrics = "a second witness that the recording has no lyrics (so says loc)"
    assert missing(evidence(("loc",), TWO)) == [lyrics, lyrics], "for the work and for the lyrics"
    assert missing(evidence(TWO, ("bnf",))) == [
        "a second witness that nobody wrote the work but those named (so says bnf)"
    ]
    assert "two witnesses that nobody wrote the work but those named (nobody says)" in missing(
        evidence(TWO, ())
    )
    assert not missing(evidence(TWO, TWO))


@pytest.mark.parametrize("who", [("loc",), (None,), TWO])
def test_a_work_that_came_out_late_says_that_somebody_has_to_compute_its_term(who) -> None:
    on_time = [e for e in evidence(TWO, TWO) if e.claim is not Claim.WORK_PUBLISHED]
    late = [*on_time, *said("work-published", "1881", who, EvidenceKind.CATALOGUE)]
    view = explain_verdict(facts_of(late), ["DE"], ON, Use.STREAM, EVERY_RULE)
    (work,) = [layer for layer in view.layers if layer.layer == "work"]
    assert (view.level, work.level) == ("REVIEW", "REVIEW")
    assert work.why[-1].startswith("EU, work: may be free or protected; work.posthumous: the work")
    assert work.missing == [
        "the term of a work first published after its author's death, or not at all, which "
        "somebody has to compute (work.posthumous)"
    ]
    assert "work.posthumous" in {rule.id for rule in view.rules}
    lines = list(lines_of(view))
    assert any("somebody has to compute (work.posthumous) (EU: work" in line for line in lines)
    assert "posthumous" not in "".join(missing(on_time)), "nothing is said of its publication"
    assert "posthumous" not in "".join(missing(late, "US")), "whose rules take in such works"


@pytest.mark.parametrize("who", [("loc",), (None,), ("loc", "bnf")])
def test_made_before_1972_has_to_be_said_by_two(who) -> None:
    kept = [e for e in evidence(TWO, TWO) if e.claim not in (Claim.FIXED, Claim.PUBLISHED)]
    items = [*kept, *said("fixed", "1940", who, EvidenceKind.CATALOGUE)]
    library = Policy(us_108_library=True)
    view = explain_verdict(facts_of(items), ["US"], ON, Use.STREAM, library)
    if len(who) == 2:
        assert view.level == "ALLOW_IF"
        return
    (performed,) = [layer for layer in view.layers if layer.layer == "performers"]
    assert view.level == performed.level == "REVIEW"
    assert {"us.library-pre-1972", "evidence.one-witness"} <= set(performed.rules)
    assert performed.missing == [
        "a second witness that it was made or published before 1972 "
        f"(made 1940 says {who[0] or 'somebody not named'})"
    ]
    assert any("before 1972" in change for change in view.changes)


witnesses = st.lists(st.sampled_from(["loc", "bnf", "discography:a", None]), max_size=3)
places = st.sampled_from(["US", "DE", "GB", "CA", "JP", "MX", "ZZ"])
days = st.dates(date(1950, 1, 1), date(2120, 1, 1))


@given(witnesses, witnesses, places, days)
def test_a_witness_more_of_what_is_not_there_never_takes_an_allowance_away(
    absent, complete, where, on
) -> None:
    def decided(*items: Evidence) -> Level:
        return decide(facts_of(items), [where], on, Use.STREAM, EVERY_RULE).level

    fewer = decided(*evidence(absent, complete))
    more = decided(*evidence([*absent, "dnb"], [*complete, "dnb"]))
    assert more is Level.ALLOW if fewer is Level.ALLOW else more in (fewer, Level.ALLOW, Level.DENY)
