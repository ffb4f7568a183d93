"""A verdict as text: what a person reads first has to say who, why and what now."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from phonotheque.model.errors import InputError
from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Use
from phonotheque.rights import (
    Policy,
    VerdictView,
    explain_verdict,
    facts_of,
    lines_of,
    lines_of_evidence,
    lines_of_rules,
)
from phonotheque.rights.witnesses import witness_called

AT = datetime(2026, 11, 22, tzinfo=UTC)
ON = date(2026, 11, 23)


def said(
    claim: Claim,
    value: str,
    witness: str | None = None,
    kind: EvidenceKind = EvidenceKind.CATALOGUE,
    *,
    confidence: float | None = None,
) -> Evidence:
    return Evidence(claim, value, value, kind, "a", AT, witness=witness, confidence=confidence)


def told(
    evidence: Sequence[Evidence], use: Use, *territories: str, withdrawn: bool = False
) -> VerdictView:
    facts = facts_of(evidence, withdrawn=withdrawn)
    return explain_verdict(facts, territories, ON, use, Policy())


def granted(licence: str) -> Evidence:
    return said(Claim.LICENCE, licence, kind=EvidenceKind.RIGHTS_HOLDER)


def test_a_reason_that_allows_nothing_says_so() -> None:
    lines = list(lines_of(told([granted("CC-BY-SA-4.0")], Use.AI_TRAIN, "DE")))
    (held,) = [line for line in lines if line.endswith("(REVIEW for AI_TRAIN)")]
    assert "same licence" in held
    assert not any("REVIEW for" in line for line in lines_of(told([granted("CC0-1.0")], Use.HOLD)))


def test_a_gate_is_told_in_words() -> None:
    lines = list(lines_of(told([granted("CC0-1.0")], Use.STREAM, "US", withdrawn=True)))
    (gate,) = [line for line in lines if line.startswith("  before all else: ")]
    assert "withdrawn" in gate and gate.endswith("(state.dark-copy)")


def test_layers_of_which_the_same_holds_are_told_once() -> None:
    cover = said(Claim.REBUTTAL, "cover", kind=EvidenceKind.INFERENCE)
    view = told([granted("CC-BY-4.0"), cover], Use.DISTRIBUTE, "US", "DE", "JP")
    heads = [line for line in lines_of(view) if line.endswith((": REVIEW", ": ALLOW_IF"))]
    assert len(heads) == 3, "the verdict, what is licensed, and what is not"
    (change,) = view.changes
    assert change.endswith("(US: work, lyrics; EU: work, lyrics; JP: work, lyrics)")


def test_what_a_licence_leaves_open_a_term_may_yet_free() -> None:
    years = [said(Claim.PUBLISHED, "1921", name) for name in ("loc", "bnf")]
    view = told([granted("GPL-3.0-or-later"), *years], Use.STREAM, "GB")
    assert any("gb.recording" in change and "GB: phonogram" in change for change in view.changes)


def test_rules_are_cited_once_for_all_verdicts() -> None:
    views = [told([granted("CC0-1.0")], use, "US") for use in (Use.HOLD, Use.STREAM)]
    lines = list(lines_of_rules(views))
    assert len(lines) == len(set(lines)) == len(views[0].rules)


def test_evidence_stands_together_by_who_says_it() -> None:
    evidence = [
        said(Claim.PUBLISHED, "1921", "Discogs", confidence=0.4),
        said(Claim.FIXED, "1920", "Discogs", confidence=0.4),
        said(Claim.PUBLISHED, "1921"),
    ]
    lines = list(lines_of_evidence(told(evidence, Use.STREAM, "US").evidence))
    assert len(lines) == 5
    assert "witness Discogs (counts as discography)" in lines[0] and "confidence 0.4" in lines[0]
    assert "no witness named" in lines[3]


@pytest.mark.parametrize(
    ("name", "witness"),
    [
        ("LoC", "loc"),
        (" Label-Scan:18722 ", "label-scan:18722"),
        ("discogs", "discography"),
        ("MusicBrainz:1234", "discography"),
        ("discography:dahr", "discography"),
        ("discogsfan", "discogsfan"),
        ("", ""),
    ],
)
def test_a_name_written_otherwise_is_no_second_witness(name: str, witness: str) -> None:
    assert witness_called(name) == witness


def test_a_country_with_the_rules_of_another_code_says_which() -> None:
    head = next(lines_of(told([granted("CC0-1.0")], Use.STREAM, "DE", "US", "BR")))
    assert head.startswith("STREAM in DE (as EU), US, BR")


def test_a_country_without_rules_is_judged_by_zz_and_says_so() -> None:
    head = next(lines_of(told([granted("CC0-1.0")], Use.STREAM, "KE", "zz")))
    assert head.startswith("STREAM in KE (as ZZ, having no rules of its own here), ZZ on")


@pytest.mark.parametrize("code", ["XX", "QQ", "D", "DEU", "", "D1", "Germany"])
def test_what_is_no_country_is_refused_with_how_to_write_one(code: str) -> None:
    with pytest.raises(InputError, match=r"is no territory; write a country's code of two letters"):
        told([granted("CC0-1.0")], Use.STREAM, "US", code)
