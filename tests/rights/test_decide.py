"""The verdicts: every rule by its vectors, and the invariants no evidence may break."""

from datetime import UTC, date, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.errors import FormatError
from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use
from phonotheque.rights import (
    Facts,
    Policy,
    decide,
    facts_of,
)
from phonotheque.rights.checking import (
    VerdictVector,
    check_rules,
    check_vector,
    verdict_vectors,
)
from phonotheque.rights.facts import ADMISSIBLE

AT = datetime(2026, 11, 22, tzinfo=UTC)
DAY = date(2026, 11, 22)
IDS = [
    "CC0-1.0", "CC-PDM-1.0", "CC-PDDC", "CC-BY-4.0", "CC-BY-3.0", "CC-BY-SA-3.0", "CC-BY-SA-2.1-JP",
    "CC-BY-NC-3.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0", "GPL-3.0-or-later", "MIT", "LAL-1.3",
    "OGL-UK-3.0", "LicenseRef-CC-Sampling-1.0", "LicenseRef-CC-DevNations-2.0",
    "LicenseRef-All-Rights-Reserved",
]  # fmt: skip


def said(claim: Claim, value: str | None, kind: EvidenceKind = EvidenceKind.SIDECAR) -> Evidence:
    return Evidence(claim, value, value or "?", kind, "rights.toml", AT)


def level(facts: Facts, use: Use, *, noncommercial: bool = True, territories=("ZZ",)) -> Level:
    return decide(facts, territories, DAY, use, Policy(noncommercial)).level


@pytest.mark.parametrize("vector", verdict_vectors(), ids=lambda v: v.name)
def test_each_vector_gets_the_verdict_it_names(vector: VerdictVector) -> None:
    check_vector(vector)


def test_the_rule_book_answers_its_vectors_and_every_rule_stands_in_one() -> None:
    assert check_rules() > 180


def test_a_vector_that_does_not_come_out_is_named() -> None:
    wrong = VerdictVector(name="wrong", levels="ALLOW ALLOW ALLOW ALLOW", decided_by=[])
    with pytest.raises(FormatError, match="wrong: the rules say REVIEW DENY DENY DENY"):
        check_vector(wrong)
    wrong = VerdictVector("odd", "REVIEW DENY DENY DENY", ["cc.grant"])
    with pytest.raises(FormatError, match=r"odd: not decided by cc\.grant"):
        check_vector(wrong)


evidence_items = st.one_of(
    st.builds(
        said,
        st.just(Claim.LICENCE),
        st.one_of(st.none(), st.sampled_from(IDS)),
        st.sampled_from(EvidenceKind),
    ),
    st.builds(
        said,
        st.just(Claim.BASIS),
        st.sampled_from(["own", "public-domain"]),
        st.sampled_from(EvidenceKind),
    ),
    st.builds(said, st.just(Claim.REBUTTAL), st.sampled_from(["cover", "sample", "lyrics"])),
    st.builds(said, st.just(Claim.RESERVATION), st.sampled_from(["ai", "tdm"])),
    st.builds(said, st.just(Claim.HOLDER), st.just("Somebody")),
)
evidence_lists = st.lists(evidence_items, max_size=4)


@given(evidence_lists, st.sampled_from(list(Use)), st.booleans())
def test_order_and_repetition_of_evidence_never_matter(items, use, noncommercial) -> None:
    verdicts = {
        decide(facts_of(order), ["ZZ"], DAY, use, Policy(noncommercial))
        for order in [*permutations(items), tuple(items + items)]
    }
    assert len(verdicts) == 1


@given(evidence_lists, st.sampled_from(list(Use)), st.sampled_from(IDS), st.booleans())
def test_a_further_licence_claim_never_raises_what_already_allows(
    items, use, further, noncommercial
) -> None:
    before = level(facts_of(items), use, noncommercial=noncommercial)
    more = facts_of((*items, said(Claim.LICENCE, further)))
    after = level(more, use, noncommercial=noncommercial)
    states_one = any(e.claim is Claim.LICENCE and e.value and e.kind in ADMISSIBLE for e in items)
    if states_one or before >= Level.ALLOW_IF:
        assert after <= before


@given(
    evidence_lists,
    st.sampled_from(list(Use)),
    st.sampled_from(
        [said(Claim.REBUTTAL, "cover"), said(Claim.RESERVATION, "ai"), said(Claim.LICENCE, None)]
    ),
)
def test_more_restrictive_evidence_never_raises_a_verdict(items, use, restriction) -> None:
    assert level(facts_of((*items, restriction)), use) <= level(facts_of(items), use)


@given(evidence_lists, st.sampled_from(list(Use)), st.booleans(), st.booleans())
def test_withdrawal_and_protection_deny_whatever_the_evidence(items, use, withdrawn, drm) -> None:
    if drm or (withdrawn and use is not Use.HOLD):
        assert level(facts_of(items, withdrawn=withdrawn, drm=drm), use) is Level.DENY


@given(evidence_lists, st.sampled_from(list(Use)))
def test_without_a_stated_licence_or_declaration_nothing_is_allowed(items, use) -> None:
    silent = [e for e in items if e.claim not in (Claim.LICENCE, Claim.BASIS)]
    assert level(facts_of(silent), use) <= Level.REVIEW


@given(evidence_lists, st.lists(st.sampled_from(["US", "DE", "JP", "KE"])))
def test_more_territories_never_raise_distribution(items, territories) -> None:
    facts = facts_of(items)
    assert level(facts, Use.DISTRIBUTE, territories=["US", *territories]) <= level(
        facts, Use.DISTRIBUTE, territories=["US"]
    )


@given(evidence_lists, st.sampled_from(list(Use)))
def test_declaring_noncommercial_never_lowers_a_verdict(items, use) -> None:
    facts = facts_of(items)
    assert level(facts, use, noncommercial=False) <= level(facts, use, noncommercial=True)


def test_a_refused_noncommercial_licence_names_the_way_out() -> None:
    facts = facts_of((said(Claim.LICENCE, "CC-BY-NC-4.0"),))
    verdict = decide(facts, ["ZZ"], DAY, Use.DISTRIBUTE, Policy())
    assert "rights.noncommercial" in verdict.reasons[0]
    verdict = decide(facts, ["ZZ"], DAY, Use.DISTRIBUTE, Policy(noncommercial=True))
    assert verdict.conditions == ("attribution", "noncommercial, also for mirrors")
