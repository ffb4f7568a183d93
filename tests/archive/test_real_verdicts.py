"""Verdicts on the whole of two real collections, set by set; the counts stand in docs/rights.md."""

import csv
import re
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from phonotheque.archive.verdict_tables import Asked
from phonotheque.model.rights import Claim, Evidence, EvidenceKind, Level, Use
from phonotheque.rights import Policy, level_in, parse_licence
from phonotheque.sources.statements import title_signs
from tests.support.set_verdicts import masks, stated_sets

AT = datetime(1970, 1, 1, tzinfo=UTC)
FREEMUSI = {
    "STREAM": {"ALLOW": 52, "ALLOW_IF": 18_516, "DENY": 2_290, "REVIEW": 644},
    "DISTRIBUTE": {"ALLOW": 52, "ALLOW_IF": 18_516, "DENY": 2_290, "REVIEW": 644},
    "AI_TRAIN": {"ALLOW": 52, "ALLOW_IF": 632, "DENY": 14_523, "REVIEW": 6_295},
}
"""Of 21,502 tracks, their licences taken for the labels' own tags; an archive without commerce."""
BY_LICENCE = {
    "CC-BY-NC-ND": {"ALLOW_IF": 11_335, "REVIEW": 316},
    "CC-BY-NC-SA": {"ALLOW_IF": 4_597, "REVIEW": 189},
    "": {"DENY": 2_290},  # 2,238 state none
    "CC-BY-NC": {"ALLOW_IF": 783, "REVIEW": 26},
    "CC-BY": {"ALLOW_IF": 632, "REVIEW": 8},
    "CC-BY-SA": {"ALLOW_IF": 605, "REVIEW": 21},
    "CC-BY-ND": {"ALLOW_IF": 564, "REVIEW": 18},
    "CC0": {"ALLOW": 52, "REVIEW": 1},
    "CC-PDDC": {"REVIEW": 39},
    "CC-NC-Sampling-Plus": {"REVIEW": 25},
    "CC-PDM": {"REVIEW": 1},
}
"""The same tracks by licence, whatever its version and port: STREAM and DISTRIBUTE."""
USES = (Use.STREAM, Use.DISTRIBUTE, Use.AI_TRAIN)


def netlabel_sets(folder: Path, kind: EvidenceKind) -> Counter[tuple[Evidence, ...]]:
    """How many tracks state the same: the release's licence, and signs in titles."""
    licences = {}
    with (folder / "releases.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found = parse_licence(row["licenseurl"])
            licences[row["id"]] = Evidence(
                Claim.LICENCE, found.id if found else None, row["licenseurl"], kind, "tag", AT
            )
    sets: Counter[tuple[Evidence, ...]] = Counter()
    with (folder / "tracks.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            signs = title_signs(row["title"] or "", "tag:title", AT)
            told = {(sign.claim, sign.value): sign for sign in signs}
            some = [Evidence(c, v, "", s.kind, "tag", AT) for (c, v), s in sorted(told.items())]
            licence = licences.get(row["id"])
            sets[(*([licence] if licence else []), *some)] += 1
    return sets


def counts(
    sets: Counter[tuple[Evidence, ...]], territories: tuple[str, ...]
) -> dict[str, dict[str, int]]:
    """Tracks by use and level."""
    every = list(sets)
    found: dict[str, Counter[str]] = {use.value: Counter() for use in USES}
    with stated_sets(every, Policy(noncommercial=True)) as stated:
        for number, mask in masks(stated, Asked(territories, date(2026, 11, 23))):
            for use in USES:
                found[use.value][level_in(mask, use).name] += sets[every[number]]
    return {use: dict(sorted(levels.items())) for use, levels in found.items()}


def test_netlabel_music_is_decided_whole_and_the_same_everywhere(shared_data: Path) -> None:
    sets = netlabel_sets(shared_data / "freemusi", EvidenceKind.TAG)
    world = counts(sets, Policy().territories)
    assert all(sum(levels.values()) == sum(sets.values()) for levels in world.values())
    assert world == counts(sets, ("US",)) == counts(sets, ("DE",)), "licences know no borders"
    assert world == FREEMUSI


@pytest.mark.full
def test_each_licence_is_decided_alike_in_every_place(shared_data: Path) -> None:
    parts: dict[str, Counter[tuple[Evidence, ...]]] = {}
    for told, tracks in netlabel_sets(shared_data / "freemusi", EvidenceKind.TAG).items():
        value = next((e.value or "" for e in told if e.claim is Claim.LICENCE), "")
        name = re.sub(r"-\d.*", "", value.removeprefix("LicenseRef-"))
        parts.setdefault(name, Counter())[told] += tracks
    for places in (Policy().territories, ("US",), ("DE",)):
        found = {name: counts(sets, places) for name, sets in parts.items()}
        assert {name: by_use["STREAM"] for name, by_use in found.items()} == BY_LICENCE
        assert all(by_use["STREAM"] == by_use["DISTRIBUTE"] for by_use in found.values())


def test_what_a_list_says_of_licences_allows_nothing(shared_data: Path) -> None:
    sets = netlabel_sets(shared_data / "freemusi", EvidenceKind.CATALOGUE)
    for levels in counts(sets, ("US", "DE")).values():
        assert not {Level.ALLOW.name, Level.ALLOW_IF.name} & set(levels)
