"""Files that are kept back until they fill a volume: over editions, reruns, kills, withdrawals."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phonotheque.archive import execute_withdraw, plan_publish, plan_withdraw, publish
from phonotheque.model.edition import EditionManifest
from phonotheque.model.progress import Silent
from phonotheque.model.tables import WAITING
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import check_schema
from tests.archive.test_publish import KILLED, content, made_up_vault, release, rows
from tests.archive.workshop import Song, Workshop, cut_off_at
from tests.support.clock import NOW

__all__ = ["made_up_vault"]  # a fixture

pytestmark = pytest.mark.usefixtures("tuf_clock")

HITS = [Song(f"Hit {n}", "Zaz", listens=900 - n, tier=1) for n in range(4)]
DEEP = [Song(f"Deep {n}", "Ödland", listens=9 - n, tier=2) for n in range(2)]
MORE = Song("More", "Ödland", listens=5, tier=2)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    held = {"max_files": 3, "min_fill_percent": 80.0, "hold_editions": 2}
    return Workshop(tmp_path / "archive", volumes=held)


def waiting(tree: Tree, edition: str) -> list[tuple[Any, ...]]:
    """Recording, tier, since, sequence of what `edition` keeps back."""
    path = tree.edition(edition) / "waiting.parquet"
    check_schema(path, WAITING)
    columns = ["recording", "tier", "since", "sequence"]
    return [tuple(row.values()) for row in pq.read_table(path, columns=columns).to_pylist()]


def manifest(tree: Tree, edition: str) -> EditionManifest:
    return read_document(tree.edition(edition) / "edition.json", EditionManifest)


def test_what_fills_no_volume_waits_and_is_listed(workshop: Workshop) -> None:
    workshop.build([*HITS, *DEEP])
    plan = plan_publish(workshop.tree, NOW, name="one")
    report = release(workshop.tree)
    assert [v.volume for v in report.new_volumes] == ["work-tier1-00001"]
    assert waiting(workshop.tree, "one") == [(4, 1, "one", 1), (5, 2, "one", 1), (6, 2, "one", 1)]
    listed = pq.read_table(workshop.tree.edition("one") / "waiting.parquet").to_pylist()
    assert [row["sha256"] for row in listed] == [s.digest for s in (HITS[3], *DEEP)]
    assert {row["bytes"] for row in listed} == {40_000}
    counts = manifest(workshop.tree, "one").counts
    assert (counts.files, counts.waiting) == (3, 3)
    assert [(w.tier, w.files, w.new_files) for w in plan.waiting] == [(1, 1, 1), (2, 2, 2)]
    assert plan.files == report.new_files == 3


def test_it_goes_out_when_its_volume_fills(workshop: Workshop) -> None:
    workshop.build([*HITS, *DEEP])
    release(workshop.tree)
    workshop.build([*HITS, *DEEP, MORE])
    report = release(workshop.tree, "two", days=30)
    assert [(v.volume, v.files) for v in report.new_volumes] == [("work-tier2-00002", 3)]
    assert waiting(workshop.tree, "two") == [(4, 1, "one", 1)]
    assert manifest(workshop.tree, "two").counts.waiting == 1


@pytest.mark.full
def test_it_goes_out_when_it_has_waited_for_long_enough(workshop: Workshop) -> None:
    for month, name in enumerate(("one", "two", "three")):
        new = [Song(f"New {n}", "Zoe", listens=1, tier=3) for n in range(3 * month)]
        workshop.build([*HITS[:1], *new])
        report = release(workshop.tree, name, days=30 * month)
        if name != "three":
            assert waiting(workshop.tree, name) == [(1, 1, "one", 1)]
    assert {v.volume: v.files for v in report.new_volumes} == {
        "work-tier1-00002": 1,
        "work-tier3-00003": 3,
    }
    edition = workshop.tree.edition("three")
    assert not (edition / "waiting.parquet").exists()
    assert "waiting" not in (edition / "edition.json").read_text()


def test_a_file_that_waits_follows_its_rank_into_another_tier(workshop: Workshop) -> None:
    workshop.build([*HITS[:1], *DEEP])
    release(workshop.tree)
    risen = [Song(s.title, s.artist, listens=500, tier=1) for s in DEEP]
    workshop.build([*HITS[:1], *risen])
    report = release(workshop.tree, "two", days=30)
    assert [(v.tier, v.files) for v in report.new_volumes] == [(1, 3)]


@pytest.mark.full
def test_a_withdrawn_file_waits_no_more_and_comes_in_no_volume(workshop: Workshop) -> None:
    tree = workshop.tree
    workshop.build([*HITS[:1], *DEEP])
    release(tree)
    execute_withdraw(tree, plan_withdraw(tree, ["2"], "take-down"), NOW, Silent())
    workshop.build([*HITS[:1], *DEEP])
    report = release(tree, "two", days=30)
    assert report.new_volumes == []
    assert [row[0] for row in waiting(tree, "two")] == [1, 3]
    [stone] = pq.read_table(tree.edition("two") / "tombstones.parquet").to_pylist()
    assert stone["recording"] == 2 and stone["volume"] is None
    workshop.build([*HITS[:1], *DEEP, MORE])
    release(tree, "three", days=60)
    assert [row[0] for row in rows(tree.edition("three"), "SELECT recording FROM files")] == [
        1,
        3,
        4,
    ]


def test_nothing_new_while_the_same_files_wait(workshop: Workshop) -> None:
    workshop.build([*HITS[:1], *DEEP])
    release(workshop.tree)
    assert release(workshop.tree, name=None, days=30).nothing_new
    assert release(workshop.tree, name="one", days=30).nothing_new


def test_an_older_edition_without_the_table_is_built_upon(workshop: Workshop) -> None:
    workshop.build(HITS[:3])
    release(workshop.tree)
    assert not (workshop.tree.edition("one") / "waiting.parquet").exists()
    workshop.build(HITS)
    release(workshop.tree, "two", days=30)
    assert waiting(workshop.tree, "two") == [(4, 1, "two", 2)]


def test_volumes_that_follow_what_waits_have_their_own_files(workshop: Workshop) -> None:
    workshop.build([*DEEP, *HITS, *[Song(f"Low {n}", "Zoe", tier=3) for n in range(4)]])
    release(workshop.tree)
    found = rows(workshop.tree.edition("one"), "SELECT volume, recording FROM files ORDER BY ALL")
    assert found == [
        *(("work-tier1-00001", n) for n in (3, 4, 5)),
        *(("work-tier3-00002", n) for n in (7, 8, 9)),
    ]


@pytest.mark.parametrize(
    "syncs", [pytest.param(n, marks=pytest.mark.full) for n in (60, *range(0, 100, 9))]
)
def test_killed_anywhere_the_next_publish_keeps_the_same_back(
    workshop: Workshop, tmp_path: Path, syncs: int
) -> None:
    tree, twin = workshop.tree, Tree(tmp_path / "twin")
    workshop.build([*HITS, *DEEP])
    subprocess.run(["cp", "-a", tree.root, twin.root], check=True)
    subprocess.run(["cp", "-a", tree.offline_keys, twin.offline_keys], check=True)
    release(twin)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tree.root), str(syncs)], check=False, cwd=Path.cwd()
    )
    assert done.returncode == -9
    release(tree)
    assert content(tree.root) == content(twin.root)
    assert len(waiting(tree, "one")) == 3


def test_other_settings_after_a_kill_begin_anew(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = workshop.tree
    workshop.build([*HITS, *DEEP])
    with cut_off_at(monkeypatch, publish, "assemble_edition"):
        release(tree)
    toml = tree.archive_toml.read_text()
    assert "min_fill_percent = 80.0" in toml
    tree.archive_toml.chmod(0o644)
    tree.archive_toml.write_text(toml.replace("min_fill_percent = 80.0", "min_fill_percent = 0.0"))
    assert len(release(tree).new_volumes) == 3
