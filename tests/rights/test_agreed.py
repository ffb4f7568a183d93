"""The licence a recording is given out under: that all agree on, or the best of a choice."""

from datetime import UTC, datetime

import pytest

from phonotheque.archive.row_worker import understand
from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use
from phonotheque.rights import (
    Policy,
    agreed_licences,
    attribution,
    decide,
    facts_of,
    licence_by_id,
    licence_text,
    licences_in,
)

AT = datetime(2026, 11, 22, tzinfo=UTC)
BOTH = "CC-BY-NC-4.0 OR CC-BY-ND-4.0"


def said(value: str | None, kind: EvidenceKind = EvidenceKind.SIDECAR, claim=Claim.LICENCE):
    return Evidence(claim, value, value or "?", kind, "rights.toml", AT)


def agreed(*items: Evidence, noncommercial: bool = False) -> str | None:
    return licence_text(agreed_licences(items, Policy(noncommercial)))


def level(*items: Evidence, use: Use = Use.DISTRIBUTE, noncommercial: bool = False) -> Level:
    return decide(facts_of(items), ["ZZ"], AT.date(), use, Policy(noncommercial)).level


def test_the_strongest_witness_decides_among_versions() -> None:
    tag = said("LicenseRef-CC-BY-SA-2.0-DE", EvidenceKind.TAG)
    package = said("CC-BY-SA-3.0", EvidenceKind.PACKAGE_COPYRIGHT)
    assert agreed(tag, package) == "CC-BY-SA-3.0"
    assert agreed(tag) == "LicenseRef-CC-BY-SA-2.0-DE"


def test_there_is_none_where_terms_differ_or_nobody_may_say() -> None:
    by = said("CC-BY-4.0")
    assert agreed(by, said("CC-BY-SA-4.0")) is None
    assert agreed(by, said("CC-BY-4.0 OR MIT")) is None
    assert agreed(by, said(None)) is None
    assert agreed(said("CC-BY-4.0", EvidenceKind.CATALOGUE)) is None
    assert agreed() is None


@pytest.mark.parametrize(
    ("raw", "distribute", "train", "shown"),
    [
        ("CC-BY-4.0 OR GPL-2+", Level.ALLOW_IF, Level.ALLOW_IF, "CC-BY-4.0"),
        ("GPL-2+ or CC-BY-SA-3.0", Level.ALLOW_IF, Level.REVIEW, "CC-BY-SA-3.0"),
        ("CC0-1.0 AND GPL-3.0-only", Level.REVIEW, Level.REVIEW, "CC0-1.0 AND GPL-3.0-only"),
        ("CC-BY-4.0 and MIT", Level.ALLOW_IF, Level.REVIEW, "CC-BY-4.0 AND MIT"),
        ("(MIT AND GPL-3.0-only) OR CC0-1.0", Level.ALLOW, Level.ALLOW, "CC0-1.0"),
        ("CC-BY-4.0 OR CC-PDM-1.0", Level.ALLOW_IF, Level.ALLOW_IF, "CC-BY-4.0"),
        ("CC-BY-4.0 AND CC-PDM-1.0", Level.REVIEW, Level.REVIEW, "CC-BY-4.0 AND CC-PDM-1.0"),
        ("https://creativecommons.org/licenses/by/4.0/ OR MIT", Level.ALLOW_IF, Level.ALLOW_IF,
         "CC-BY-4.0"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", Level.REVIEW, Level.REVIEW, "GPL-2.0-only"),
    ],
)  # fmt: skip
def test_a_choice_is_the_better_of_two_and_both_together_the_minimum(
    raw, distribute, train, shown
) -> None:
    item = said(understand(raw))
    assert level(item) is distribute
    assert level(item, use=Use.AI_TRAIN) is train
    assert agreed(item) == shown


@pytest.mark.parametrize(
    "raw",
    ["CC BY 4.0, or CC BY-NC 4.0 for the rest", "tracks 1-3 CC BY 4.0 or CC BY-NC 4.0",
     "CC-BY-4.0 OR all rights reserved", "CC-BY-4.0 OR Unknown-1.0", "CC-BY-4.0 AND Unknown-1.0",
     "CC BY 4.0 and the artwork CC BY-NC 4.0"],
)  # fmt: skip
def test_what_prose_says_of_parts_or_nobody_knows_is_no_choice(raw: str) -> None:
    assert understand(raw) is None
    assert level(said(understand(raw))) <= Level.REVIEW


def test_what_the_archive_may_not_use_is_not_chosen() -> None:
    item = said(understand(BOTH))
    assert (level(item), agreed(item)) == (Level.ALLOW_IF, "CC-BY-ND-4.0")
    declared = agreed(item, noncommercial=True)
    assert declared == "CC-BY-NC-4.0", "equal for files, better for training"


def test_the_conditions_are_those_of_the_licence_that_is_named() -> None:
    item = said(understand("CC-BY-NC-4.0 OR LAL-1.3"))
    verdict = decide(facts_of([item]), ["ZZ"], AT.date(), Use.DISTRIBUTE, Policy(True))
    assert agreed(item, noncommercial=True) == "LAL-1.3"
    assert "share-alike for adaptations" in verdict.conditions
    assert not any("noncommercial" in one for one in verdict.conditions)


def test_a_choice_beside_one_of_it_is_a_conflict_for_a_person() -> None:
    items = said("CC-BY-4.0 OR MIT"), said("CC-BY-4.0", EvidenceKind.TAG)
    verdict = decide(facts_of(items), ["ZZ"], AT.date(), Use.STREAM, Policy())
    assert verdict.level is Level.REVIEW
    assert "licence.conflict" in verdict.rule_ids
    twice = said("CC-BY-4.0 OR MIT"), said("CC-BY-3.0 OR MIT", EvidenceKind.TAG)
    assert level(*twice) is Level.ALLOW_IF


def test_a_layer_may_have_a_choice_of_licences_too() -> None:
    items = [
        said("CC-BY-4.0"), said("cover", claim=Claim.REBUTTAL),
        said("work=CC-BY-4.0 OR GPL-3.0-only", claim=Claim.LAYER_LICENCE),
        said("lyrics=CC0-1.0", claim=Claim.LAYER_LICENCE),
    ]  # fmt: skip
    assert level(*items) is Level.ALLOW_IF
    items[2] = said("work=CC-BY-4.0 AND GPL-3.0-only", claim=Claim.LAYER_LICENCE)
    assert level(*items) is Level.REVIEW


def test_the_line_names_creator_title_and_every_licence_to_be_kept() -> None:
    licence = licence_by_id("CC-BY-SA-3.0")
    assert licence is not None
    url = "https://creativecommons.org/licenses/by-sa/3.0/"
    assert attribution("Nebula", "Maxstack", "Max McCracken", [licence]) == (
        f"“Nebula” by Maxstack, © Max McCracken, licensed under Creative Commons BY-SA 3.0 ({url})"
    )
    assert attribution("A", "B", "B", ()) == "“A” by B"
    both = attribution("A", "B", None, licences_in("CC-BY-SA-3.0 AND MIT"))
    assert f"BY-SA 3.0 ({url}) and MIT License (https://spdx.org/licenses/MIT" in both
    assert licences_in("CC-BY-SA-3.0 AND Unknown") == licences_in("LicenseRef-none") == ()
