"""The demo does what the README says of it."""

from pathlib import Path
from typing import Any

import pytest

from phonotheque.cli.demo import STEPS
from phonotheque.cli.demo.tunes import compose
from tests.whole.program import phonotheque, tree_digests

Shown = tuple[Path, dict[str, Any]]

KEYS = {
    "music", "steps", "recordings", "files", "bytes", "volumes", "tiers", "planned",
    "fetched_http", "fetched_swarm", "findings_damaged", "findings_after_repair",
    "repaired_bytes", "refused", "info_hashes", "search_hit",
}  # fmt: skip


def test_the_demo_prints_one_json_object_with_every_figure(demo: Shown) -> None:
    _, result = demo
    assert set(result) == KEYS
    assert all(set(step) == {"name", "seconds"} for step in result["steps"])
    assert [step["name"] for step in result["steps"]] == STEPS


def test_a_dry_demo_names_its_steps_and_makes_nothing(tmp_path: Path) -> None:
    would = phonotheque("demo", "--dry-run", "--json", "--dir", tmp_path / "work").json
    assert would == {"folder": str(tmp_path / "work"), "steps": STEPS}
    assert not (tmp_path / "work").exists()


def test_a_dry_sync_of_a_complete_mirror_has_nothing_to_fetch(demo: Shown) -> None:
    folder, result = demo
    before = tree_digests(folder / "mirror")
    due = phonotheque("sync", folder / "mirror", "--dry-run", "--json").json
    assert [volume["volume"] for volume in due["volumes"]] == result["planned"]
    assert due["missing_bytes"] == 0
    assert tree_digests(folder / "mirror") == before


def test_the_demo_publishes_tiers_and_volumes_and_mirrors_less_than_all(demo: Shown) -> None:
    folder, result = demo
    assert result["tiers"] >= 2
    assert result["volumes"] >= 3
    assert len(result["info_hashes"]) == result["volumes"]
    held = {p.name for p in (folder / "mirror" / "volumes").iterdir() if p.is_dir()}
    assert held == set(result["planned"])
    assert 2 <= len(held) < result["volumes"]


def test_the_demo_fetches_over_http_and_from_the_swarm(demo: Shown) -> None:
    _, result = demo
    assert result["fetched_http"] > 0
    assert result["fetched_swarm"] > 0


def test_the_demo_refuses_protected_and_broken_files(demo: Shown) -> None:
    _, result = demo
    assert result["refused"] >= 2


def test_the_demo_finds_its_damage_and_mends_it(demo: Shown) -> None:
    folder, result = demo
    assert result["findings_damaged"] == {"copy.damaged": 1, "copy.missing": 1}
    assert result["findings_after_repair"] == 0
    origin, mirror = folder / "archive" / "volumes", folder / "mirror" / "volumes"
    for volume in result["planned"]:
        assert tree_digests(mirror / volume) == tree_digests(origin / volume)
    assert phonotheque("verify", folder / "mirror", "--json").json["clean"]


def test_the_mirror_finds_what_it_is_asked_for(demo: Shown) -> None:
    folder, result = demo
    assert result["search_hit"]
    artist, title = result["search_hit"].split(" – ", 1)
    page = phonotheque("search", folder / "mirror", title, "--json").json
    assert (page["hits"][0]["row"]["artist"], page["hits"][0]["row"]["title"]) == (artist, title)


@pytest.mark.full
def test_a_folder_of_ones_own_will_do_for_the_demo(tmp_path: Path) -> None:
    music = tmp_path / "own"
    compose(music)
    result = phonotheque(
        "demo", "--music", music, "--headless", "--json", "--dir", tmp_path / "work"
    ).json
    assert result["files"] == 9
    assert result["findings_after_repair"] == 0
    assert result["volumes"] >= 3


def test_the_demo_keeps_its_hands_off_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").write_text("three years of work")
    ran = phonotheque("demo", "--headless", "--dir", tmp_path, expect=2)
    assert "holds something else" in ran.err
    assert (tmp_path / "thesis.odt").exists()
