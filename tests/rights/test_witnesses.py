"""Who says it: a claim that names no witness is independent of nothing."""

from datetime import UTC, date, datetime

import pytest

from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use
from phonotheque.rights import Policy, decide, facts_of
from phonotheque.rights.facts import witness_of
from phonotheque.rights.years import SOME_YEAR, Span, combine

AT = datetime(2026, 11, 22, tzinfo=UTC)


def said(
    claim: Claim, value: str, witness: str | None, kind: EvidenceKind = EvidenceKind.CATALOGUE
) -> Evidence:
    return Evidence(claim, value, value, kind, "rows.csv", AT, witness=witness)


def test_a_claim_without_a_witness_is_nobody_s_and_discographies_are_one() -> None:
    assert witness_of(said(Claim.FIXED, "1920", None)) == ""
    assert witness_of(said(Claim.FIXED, "1920", "discography:x")) == "discography"


def test_unnamed_witnesses_sharpen_and_bear_nobody_out() -> None:
    known = combine([("loc", Span(1900, 1925)), ("", Span(1920, 1930))], SOME_YEAR)
    assert known.sharp == Span(1920, 1925)
    assert known.attested == SOME_YEAR
    named = [("loc", Span(1900, 1925)), ("scan", Span(1900, 1925))]
    assert combine([*named, ("", Span(1920, 1920))], SOME_YEAR).attested == Span(1900, 1925)
    against = combine([*named, ("", Span(1930, 1930))], SOME_YEAR)
    assert against.attested == Span(1900, 1930), "a contradiction is heard, whoever it comes from"


@pytest.mark.parametrize(
    ("second", "level"),
    [
        (said(Claim.STATEMENT, "NoC-US", "library:x"), Level.ALLOW),
        (said(Claim.STATEMENT, "NoC-US", None), Level.REVIEW),
        (said(Claim.STATEMENT, "NoC-US", "tag", EvidenceKind.TAG), Level.REVIEW),
    ],
    ids=["another institution", "nobody named", "a tag"],
)
def test_a_statement_needs_a_second_institution(second: Evidence, level: Level) -> None:
    facts = facts_of([said(Claim.STATEMENT, "NoC-US", "loc"), second])
    verdict = decide(facts, ["US"], date(2026, 11, 22), Use.STREAM, Policy(noncommercial=True))
    assert verdict.level is level
