"""Verdicts set by set are those of the core one by one."""

from collections.abc import Iterator
from datetime import date
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from phonotheque.archive.verdict_tables import Asked
from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use
from phonotheque.rights import Policy, decide, facts_of, level_in, term_rules
from tests.support.rights_cases import AT, random_absence, random_evidence
from tests.support.set_verdicts import masks, stated_sets

POLICIES = [
    Policy(),
    Policy(
        noncommercial=True, eu_chi=True, us_108_library=True, research_org=True,
        accepted_rules=frozenset(term_rules()), keep_withdrawn=False,
    ),
]  # fmt: skip
ASKED = [("DE",), ("US",), ("GB", "CA", "DE", "FR"), ("ZZ", "JP", "AU", "MX", "IN", "NZ")]


def disagreements(
    evidences: list[tuple[Evidence, ...]], policy: Policy, asked: tuple[str, ...], on: date
) -> list[str]:
    """Where the set-wise verdict is another than that of the core."""
    wrong = []
    with stated_sets(evidences, policy) as sets:
        for withdrawn in (False, True):
            found = masks(sets, Asked(asked, on), withdrawn=withdrawn)
            assert len(found) == len(evidences)
            for number, mask in found:
                facts = facts_of(evidences[number], withdrawn=withdrawn)
                for use in Use:
                    level = decide(facts, asked, on, use, policy).level
                    if level is not level_in(mask, use):
                        told = [
                            (e.claim.value, e.value, e.kind.value, e.witness)
                            for e in facts.evidence
                        ]
                        wrong.append(
                            f"{use}: {level.name}, set-wise {level_in(mask, use).name}: {told}"
                        )
    return wrong


@pytest.mark.parametrize(
    "asked",
    [ASKED[0], *(pytest.param(a, marks=pytest.mark.full) for a in ASKED[1:])],
)
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32), year=st.sampled_from([2013, 2026, 2027, 2047, 2068]))
def test_set_wise_verdicts_are_those_of_the_core(
    asked: tuple[str, ...], seed: int, year: int
) -> None:
    random = Random(seed)
    evidences = [random_evidence(random) for _ in range(60)]
    for policy in POLICIES:
        assert not disagreements(evidences, policy, asked, date(year, 1, 1))


def test_what_is_not_there_is_heard_set_wise_by_as_many_witnesses() -> None:
    evidences = [tuple(random_absence(Random(seed))) for seed in range(60)]
    for policy in POLICIES:
        assert not disagreements(evidences, policy, ("DE", "US", "ZZ"), date(2026, 11, 23))


@pytest.mark.parametrize(
    "came_out",
    [["loc", "bnf"], *(pytest.param(who, marks=pytest.mark.full) for who in (["loc"], [None]))],
)
def test_a_work_that_came_out_late_is_held_set_wise_too(came_out: list[str | None]) -> None:
    two: list[str | None] = ["loc", "bnf"]
    stated: list[tuple[Claim, str, list[str | None]]] = [
        (Claim.FIXED, "1920", two), (Claim.PUBLISHED, "1920", two), (Claim.AUTHORS, "work", two),
        (Claim.ABSENT, "lyrics", two), (Claim.AUTHOR, "work:1880", two),
    ]  # fmt: skip
    evidences = [
        tuple(
            Evidence(claim, value, value, EvidenceKind.CATALOGUE, "x", AT, witness=witness)
            for claim, value, witnesses in (*stated, (Claim.WORK_PUBLISHED, year, came_out))
            for witness in witnesses
        )
        for year in ("1880", "1881", "1879..1882", "1881..", "never")
    ]
    on, policy = date(2026, 11, 23), POLICIES[1]
    for where in ("DE", "US", "ZZ"):
        assert not disagreements(evidences, policy, (where,), on)
    with stated_sets(evidences, policy) as sets:
        found = sorted(masks(sets, Asked(("DE",), on)))
    levels = [level_in(mask, Use.STREAM).name for _, mask in found]
    assert levels == ["ALLOW", "REVIEW", "ALLOW", "REVIEW", "REVIEW"]


@pytest.mark.parametrize("notice", ["2026-01-15", "opt-out"])
def test_made_before_1972_is_heard_set_wise_by_as_many_witnesses(notice: str) -> None:
    filed = Evidence(
        Claim.NOTICE_1401C, notice, notice, EvidenceKind.SIDECAR, "x", AT, witness="archive"
    )

    def old(*stated: tuple[Claim, str, str | None]) -> tuple[Evidence, ...]:
        said = (Evidence(c, y, y, EvidenceKind.CATALOGUE, "x", AT, witness=w) for c, y, w in stated)
        return (filed, *said, *_free_work())

    made, out = Claim.FIXED, Claim.PUBLISHED
    evidences = [
        old((made, "1940", "loc"), (made, "1940", "bnf")),
        old((out, "1940", "loc"), (out, "1939..1971", "bnf")),
        old((made, "1940", "loc")),
        old((made, "1940", "loc"), (made, "1940", None)),
        old((made, "1940", "loc"), (made, "1940..", "bnf")),
        old((made, "1940", "discogs"), (made, "1940", "musicbrainz")),
        old((made, "1971..1972", "loc"), (made, "1971..1972", "bnf")),
        old((made, "1975", "loc"), (out, "1940", "loc"), (out, "1940", "bnf")),
        old((out, "1940", None)),
    ]
    on = date(2026, 11, 23)
    for policy in POLICIES:
        assert not disagreements(evidences, policy, ("US",), on)
    with stated_sets(evidences, POLICIES[1]) as sets:
        found = sorted(masks(sets, Asked(("US",), on)))
    allowed = [n for n, mask in found if level_in(mask, Use.STREAM) >= Level.ALLOW_IF]
    given_out = [n for n, mask in found if level_in(mask, Use.DISTRIBUTE) >= Level.ALLOW_IF]
    assert allowed == [0, 1] and given_out == ([0, 1] if notice != "opt-out" else [])


def _free_work() -> Iterator[Evidence]:
    for witness in ("loc", "bnf"):
        for claim, value in ((Claim.WORK_PUBLISHED, "1878"), (Claim.ABSENT, "lyrics")):
            yield Evidence(claim, value, value, EvidenceKind.CATALOGUE, "x", AT, witness=witness)


def test_no_evidence_at_all_is_decided_too() -> None:
    assert not disagreements([()], Policy(), ("US", "ZZ"), date(2026, 11, 23))
