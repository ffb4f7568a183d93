"""Volumes that lost much are superseded in batches, by volumes made without reading audio."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phonotheque.archive import execute_withdraw, plan_publish, plan_withdraw, publish
from phonotheque.archive import heirs as heirs_module
from phonotheque.edition import hashing, read_torrent
from phonotheque.model.edition import EditionManifest, Revocations
from phonotheque.model.progress import Silent
from phonotheque.statistics import read_history, read_lineage
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from tests.archive.test_publish import content, made_up_vault, release, rows
from tests.archive.workshop import Song, Workshop, cut_off_at
from tests.edition.test_torrent import peer_hashes
from tests.support.clock import NOW

__all__ = ["made_up_vault"]  # a fixture

pytestmark = pytest.mark.usefixtures("tuf_clock")
SONGS = [Song(f"Song {n}", "Zaz", listens=900 - n, tier=1, size=40_000 + n) for n in range(9)]
ONE, TWO, THREE, FOUR, FIVE = (f"work-tier1-0000{n}" for n in range(1, 6))
SETTINGS = {"max_files": 3, "supersede_batch_bytes": 70_000, "keep_superseded_editions": 2}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Three full volumes of three songs each."""
    made = Workshop(tmp_path / "archive", volumes=SETTINGS)
    made.build(SONGS)
    release(made.tree)
    return made


def withdraw(workshop: Workshop, *numbers: int) -> None:
    ids = [str(number) for number in numbers]
    tree = workshop.tree
    execute_withdraw(tree, plan_withdraw(tree, ids, "rights"), NOW, Silent())
    workshop.build(SONGS)


def volume_rows(tree: Tree, edition: str) -> dict[str, dict[str, Any]]:
    found = pq.read_table(tree.edition(edition) / "volumes.parquet").to_pylist()
    return {row["volume"]: row for row in found}


def test_a_withdrawal_alone_remakes_nothing(workshop: Workshop) -> None:
    withdraw(workshop, 1)
    plan = plan_publish(workshop.tree, NOW, name="two")
    assert [d.volume for d in plan.due] == [ONE] and plan.heirs == []
    report = release(workshop.tree, "two", days=30)
    assert report.new_volumes == []
    assert (
        "superseded_by"
        not in pq.read_schema(workshop.tree.edition("two") / "volumes.parquet").names
    )
    assert "superseded" not in (workshop.tree.edition("two") / "edition.json").read_text()


def test_a_batch_is_made_of_the_living_files_without_reading_them(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = workshop.tree
    withdraw(workshop, 1, 4)
    plan = plan_publish(tree, NOW, name="two")
    assert [(h.volume, h.files, h.supersedes) for h in plan.heirs] == [
        (FOUR, 3, [ONE, TWO]), (FIVE, 1, [TWO])
    ]  # fmt: skip
    read = list[str]()
    real = hashing.hash_file
    monkeypatch.setattr(
        hashing, "hash_file", lambda path, *a, **k: read.append(str(path)) or real(path, *a, **k)
    )
    report = release(tree, "two", days=30)
    assert (report.new_files, [v.volume for v in report.new_volumes]) == (0, [FOUR, FIVE])
    assert not [path for path in read if "/data/" in path]
    found = volume_rows(tree, "two")
    assert {n: r["superseded_by"] for n, r in found.items()} == {
        ONE: [FOUR], TWO: [FOUR, FIVE], THREE: None, FOUR: None, FIVE: None
    }  # fmt: skip
    assert (found[FOUR]["supersedes"], found[ONE]["superseded_since"]) == ([ONE, TWO], 2)
    assert (found[ONE]["listens"], found[ONE]["withdrawn_files"]) == (0, 1)
    for name in (FOUR, FIVE):
        torrent = read_torrent((tree.edition("two") / f"torrents/{name}.torrent").read_bytes())
        hashes = peer_hashes(tree.volume(name), torrent.piece_length)
        assert (torrent.info_hash_v1, torrent.info_hash_v2) == hashes
    inodes = {p.stat().st_ino for v in (ONE, TWO) for p in tree.volume(v).rglob("data/*/*")}
    assert {p.stat().st_ino for p in tree.volume(FOUR).rglob("data/*/*")} <= inodes


@pytest.mark.full
def test_everything_that_can_be_had_stands_once_and_the_old_is_still_told(
    workshop: Workshop,
) -> None:
    tree = workshop.tree
    withdraw(workshop, 1, 4)
    release(tree, "two", days=30)
    manifest = read_document(tree.edition("two") / "edition.json", EditionManifest)
    assert (manifest.counts.files, manifest.counts.volumes, manifest.counts.superseded) == (7, 3, 2)
    assert rows(tree.edition("two"), "SELECT count(DISTINCT recording), count(*) FROM files") == [
        (7, 7)
    ]
    assert rows(tree.edition("two"), "SELECT count(*) FROM all_files") == [(13,)]
    stones = pq.read_table(tree.edition("two") / "tombstones.parquet").to_pylist()
    assert [(s["recording"], s["volume"]) for s in stones] == [(1, ONE), (4, TWO)]
    _, two = read_lineage(tree)
    assert (two.files_added, two.files_withdrawn, two.volumes_superseded) == (0, 2, [ONE, TWO])
    assert [e.change for e in read_history(tree, ONE).events][-1] == "superseded"
    withdraw(workshop, 2)  # in the heir, and in the volume that it took the place of
    revoked = read_document(tree.revocations_json, Revocations).files
    assert {(f.volume, f.path) for f in revoked if f.sha256 == SONGS[1].digest} == {
        (v, f"data/Zaz/02 - Song 1 [{SONGS[1].digest[:8]}].ogg") for v in (ONE, FOUR)
    }


@pytest.mark.full
def test_superseded_volumes_leave_after_some_editions_and_their_tombstones_stay(
    workshop: Workshop,
) -> None:
    tree = workshop.tree
    withdraw(workshop, 1, 4)
    release(tree, "two", days=30)
    for month, name in enumerate(("three", "four"), 2):
        assert tree.volume(ONE).is_dir()
        workshop.build([*SONGS, *(Song(f"New {n}", "Zoe", tier=1) for n in range(month))])
        release(tree, name, days=30 * month)
    listed = {e.path for e in read_document(
        tree.edition("four") / "edition.json", EditionManifest).contents}  # fmt: skip
    assert f"files/{ONE}.parquet" not in listed and f"files/{FOUR}.parquet" in listed
    assert (tree.volume(ONE).exists(), tree.volume(FOUR).exists()) == (False, True)
    assert volume_rows(tree, "four")[ONE]["superseded_by"] == [FOUR]
    stones = pq.read_table(tree.edition("four") / "tombstones.parquet").to_pylist()
    assert [(s["recording"], s["volume"]) for s in stones] == [(1, ONE), (4, TWO)]
    withdraw(workshop, 9)
    assert {f.volume for f in read_document(tree.revocations_json, Revocations).files} == {
        ONE, TWO, THREE
    }  # fmt: skip
    workshop.build([*SONGS, Song("Last", "Zoe", tier=1)])
    release(tree, "five", days=150)
    assert len(pq.read_table(tree.edition("five") / "tombstones.parquet")) == 3


def test_a_volume_of_which_nothing_is_left_has_no_heir(workshop: Workshop) -> None:
    withdraw(workshop, 1, 2, 3)
    report = release(workshop.tree, "two", days=30)
    assert report.new_volumes == []
    assert volume_rows(workshop.tree, "two")[ONE]["superseded_by"] == []


def test_a_file_that_the_old_volume_lost_comes_from_the_vault(workshop: Workshop) -> None:
    tree = workshop.tree
    withdraw(workshop, 1, 4)
    lost = next(p for p in tree.volume(ONE).rglob("data/*/*") if "Song 1" in p.name)
    lost.unlink()
    release(tree, "two", days=30)
    [there] = [p for p in tree.volume(FOUR).rglob("data/*/*") if "Song 1" in p.name]
    assert there.read_bytes() == SONGS[1].content


@pytest.mark.parametrize(
    ("module", "function"),
    [
        pytest.param(heirs_module, "make_volume", marks=pytest.mark.full),
        pytest.param(publish, "assemble_edition", marks=pytest.mark.full),
    ],
)
def test_cut_off_while_it_is_superseded_the_next_publish_ends_alike(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, module: Any, function: str
) -> None:
    tree = workshop.tree
    withdraw(workshop, 1, 4)
    with cut_off_at(monkeypatch, module, function):
        release(tree, "two", days=30)
    assert not tree.edition("two").exists()
    release(tree, "two", days=30)
    assert volume_rows(tree, "two")[TWO]["superseded_by"] == [FOUR, FIVE]
    assert not [p for p in tree.volumes.iterdir() if p.name.startswith(".")]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.archive.test_publish import publish, release, FolderVault, SimpleNamespace, Tree
publish.open_vault = FolderVault.of
publish.plan_build = lambda *_: SimpleNamespace(nothing_new=True)
left = int(sys.argv[2])
def fsync(handle):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = fsync
release(Tree(Path(sys.argv[1])), "two", days=30)
"""


@pytest.mark.full
@pytest.mark.parametrize("syncs", range(0, 130, 6))
def test_killed_anywhere_the_next_publish_supersedes_alike(
    workshop: Workshop, tmp_path: Path, syncs: int
) -> None:
    tree, twin = workshop.tree, Tree(tmp_path / "twin")
    withdraw(workshop, 1, 4)
    subprocess.run(["cp", "-a", tree.root, twin.root], check=True)
    subprocess.run(["cp", "-a", tree.offline_keys, twin.offline_keys], check=True)
    release(twin, "two", days=30)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tree.root), str(syncs)], check=False, cwd=Path.cwd()
    )
    assert done.returncode == -9
    release(tree, "two", days=30)
    assert content(tree.root) == content(twin.root)
