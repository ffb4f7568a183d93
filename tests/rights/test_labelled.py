"""Sixty real items, labelled by hand before anything decided on them: no wrong ALLOW."""

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use
from phonotheque.rights import parse_licence
from phonotheque.rights.decide import decide
from phonotheque.rights.facts import Facts, facts_of
from phonotheque.rights.policy import Policy
from phonotheque.sources.statements import title_signs

AT = datetime(2026, 11, 23, tzinfo=UTC)
ON = date(2026, 11, 23)
ITEMS: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("labelled.toml").read_text("utf-8")
)["item"]
KINDS = {"tags": EvidenceKind.TAG, "catalogue": EvidenceKind.CATALOGUE}


def facts(item: dict[str, Any], by: str) -> Facts:
    """What the archive would know of the item."""
    evidence = []
    if item["stated"]:
        licence = parse_licence(item["stated"])
        value = licence.id if licence else None
        source = "tag:license" if by == "tags" else item["source"]
        evidence.append(Evidence(Claim.LICENCE, value, item["stated"], KINDS[by], source, AT))
    if by == "tags":
        evidence += title_signs(item["title"], "tag:title", AT)
    return facts_of(evidence)


def levels(item: dict[str, Any], by: str) -> list[str]:
    """HOLD, STREAM in the US and in Germany, DISTRIBUTE in the whole world set, AI_TRAIN."""
    policy = Policy(noncommercial=item.get("noncommercial", True))
    known = facts(item, by)
    world = policy.territories
    asked = [
        (Use.HOLD, world), (Use.STREAM, ["US"]), (Use.STREAM, ["DE"]), (Use.DISTRIBUTE, world),
        (Use.AI_TRAIN, world),
    ]  # fmt: skip
    return [decide(known, where, ON, use, policy).level.name for use, where in asked]


def test_there_are_sixty_and_of_all_kinds() -> None:
    assert len(ITEMS) == 60
    assert len({(item["source"], item["id"]) for item in ITEMS}) == 60
    assert {level for item in ITEMS for level in item["label"]} == {level.name for level in Level}


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["id"])
def test_an_item_is_decided_as_it_was_labelled(item: dict[str, Any]) -> None:
    decided = levels(item, item["by"])
    if "stricter" in item:
        pairs = zip(decided, item["label"], strict=True)
        assert all(Level[level] <= Level[label] for level, label in pairs), item["stricter"]
    else:
        assert decided == item["label"], item["why"]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["id"])
def test_what_a_catalogue_says_of_a_licence_alone_allows_nothing(item: dict[str, Any]) -> None:
    assert not any(Level[level] >= Level.ALLOW_IF for level in levels(item, "catalogue"))
