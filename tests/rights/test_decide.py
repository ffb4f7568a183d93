"""The verdicts: every rule by its vectors, and the invariants no evidence may break."""

import tomllib
from datetime import UTC, date, datetime
from importlib.resources import files
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use
from phonotheque.rights import (
    Facts,
    Profile,
    agreed_licence,
    attribution,
    decide,
    licence_by_id,
    rule_book,
)

AT = datetime(2026, 11, 22, tzinfo=UTC)
DAY = date(2026, 11, 22)
USES = (Use.HOLD, Use.STREAM, Use.DISTRIBUTE, Use.AI_TRAIN)
VECTORS = tomllib.loads(files("phonotheque.rights").joinpath("vectors.toml").read_text())["vector"]
IDS = [
    "CC0-1.0", "CC-PDM-1.0", "CC-PDDC", "CC-BY-4.0", "CC-BY-3.0", "CC-BY-SA-3.0", "CC-BY-SA-2.1-JP",
    "CC-BY-NC-3.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0", "GPL-3.0-or-later", "MIT", "LAL-1.3",
    "OGL-UK-3.0", "LicenseRef-CC-Sampling-1.0", "LicenseRef-CC-DevNations-2.0",
    "LicenseRef-All-Rights-Reserved",
]  # fmt: skip


def said(claim: Claim, value: str | None, kind: EvidenceKind = EvidenceKind.SIDECAR) -> Evidence:
    return Evidence(claim, value, value or "?", kind, "rights.toml", AT)


def facts_of(vector: dict) -> Facts:
    kind = EvidenceKind(vector.get("kind", "sidecar"))
    items = [
        said(Claim.LICENCE, None if one == "?" else one, kind) for one in vector.get("licences", [])
    ]
    for claim in (Claim.REBUTTAL, Claim.RESERVATION, Claim.BASIS):
        if claim.value in vector:
            items.append(said(claim, vector[claim.value], kind))
    return Facts(tuple(items), vector.get("withdrawn", False), vector.get("drm", False))


def level(facts: Facts, use: Use, *, noncommercial: bool = True, territories=("ZZ",)) -> Level:
    return decide(facts, territories, DAY, use, Profile(noncommercial)).level


@pytest.mark.parametrize("vector", VECTORS, ids=[v["name"] for v in VECTORS])
def test_each_vector_gets_the_verdict_it_names(vector: dict) -> None:
    profile = Profile(vector.get("noncommercial", False))
    verdicts = [decide(facts_of(vector), ["ZZ"], DAY, use, profile) for use in USES]
    assert " ".join(v.level.name for v in verdicts) == vector["levels"]
    for verdict in verdicts:
        assert set(vector["decided_by"]) <= set(verdict.rule_ids)
        assert verdict.reasons
        assert bool(verdict.conditions) == (verdict.level is Level.ALLOW_IF)


def test_every_rule_stands_in_a_vector() -> None:
    assert {rule for v in VECTORS for rule in v["decided_by"]} == set(rule_book())


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
        decide(Facts(tuple(order)), ["ZZ"], DAY, use, Profile(noncommercial))
        for order in [*permutations(items), tuple(items + items)]
    }
    assert len(verdicts) == 1


@given(evidence_lists, st.sampled_from(list(Use)), st.sampled_from(IDS), st.booleans())
def test_a_further_licence_claim_never_raises_what_already_allows(
    items, use, further, noncommercial
) -> None:
    before = level(Facts(tuple(items)), use, noncommercial=noncommercial)
    more = Facts((*items, said(Claim.LICENCE, further)))
    after = level(more, use, noncommercial=noncommercial)
    states_one = any(
        e.claim is Claim.LICENCE and e.value and e.kind is not EvidenceKind.CATALOGUE
        and e.kind is not EvidenceKind.INFERENCE
        for e in items
    )  # fmt: skip
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
    assert level(Facts((*items, restriction)), use) <= level(Facts(tuple(items)), use)


@given(evidence_lists, st.sampled_from(list(Use)), st.booleans(), st.booleans())
def test_withdrawal_and_protection_deny_whatever_the_evidence(items, use, withdrawn, drm) -> None:
    if withdrawn or drm:
        assert level(Facts(tuple(items), withdrawn, drm), use) is Level.DENY


@given(evidence_lists, st.sampled_from(list(Use)))
def test_without_a_stated_licence_or_declaration_nothing_is_allowed(items, use) -> None:
    silent = [e for e in items if e.claim not in (Claim.LICENCE, Claim.BASIS)]
    assert level(Facts(tuple(silent)), use) <= Level.REVIEW


@given(evidence_lists, st.lists(st.sampled_from(["US", "DE", "JP", "XX"])))
def test_more_territories_never_raise_distribution(items, territories) -> None:
    facts = Facts(tuple(items))
    assert level(facts, Use.DISTRIBUTE, territories=["US", *territories]) <= level(
        facts, Use.DISTRIBUTE, territories=["US"]
    )


@given(evidence_lists, st.sampled_from(list(Use)))
def test_declaring_noncommercial_never_lowers_a_verdict(items, use) -> None:
    facts = Facts(tuple(items))
    assert level(facts, use, noncommercial=False) <= level(facts, use, noncommercial=True)


def test_a_refused_noncommercial_licence_names_the_way_out() -> None:
    facts = Facts((said(Claim.LICENCE, "CC-BY-NC-4.0"),))
    verdict = decide(facts, ["ZZ"], DAY, Use.DISTRIBUTE, Profile())
    assert "rights.noncommercial" in verdict.reasons[0]
    verdict = decide(facts, ["ZZ"], DAY, Use.DISTRIBUTE, Profile(noncommercial=True))
    assert verdict.conditions == ("attribution", "noncommercial, also for mirrors")


def test_agreed_licence_takes_the_strongest_witness_among_versions() -> None:
    tag = said(Claim.LICENCE, "LicenseRef-CC-BY-SA-2.0-DE", EvidenceKind.TAG)
    package = said(Claim.LICENCE, "CC-BY-SA-3.0", EvidenceKind.PACKAGE_COPYRIGHT)
    assert agreed_licence([tag, package]) == licence_by_id("CC-BY-SA-3.0")
    assert agreed_licence([tag]) == licence_by_id("LicenseRef-CC-BY-SA-2.0-DE")


def test_agreed_licence_is_none_where_terms_differ_or_nobody_may_say() -> None:
    by = said(Claim.LICENCE, "CC-BY-4.0")
    assert agreed_licence([by, said(Claim.LICENCE, "CC-BY-SA-4.0")]) is None
    assert agreed_licence([by, said(Claim.LICENCE, None)]) is None
    assert agreed_licence([said(Claim.LICENCE, "CC-BY-4.0", EvidenceKind.CATALOGUE)]) is None
    assert agreed_licence([]) is None


def test_attribution_names_creator_title_and_licence() -> None:
    licence = licence_by_id("CC-BY-SA-3.0")
    assert attribution("Nebula", "Maxstack", "Max McCracken", licence) == (
        "“Nebula” by Maxstack, © Max McCracken, licensed under Creative Commons BY-SA 3.0 "
        "(https://creativecommons.org/licenses/by-sa/3.0/)"
    )
    assert attribution("A", "B", "B", None) == "“A” by B"
