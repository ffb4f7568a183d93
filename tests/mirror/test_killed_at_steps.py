"""Killed at each step that reaches the disk, be it Python's, SQLite's or libtorrent's; over HTTP
and from the swarm; of every command. After each kill nothing that stands in its place is unsound,
the state claims nothing that is not so, and the same command brings the rest.

What is dear (the swarm, disks that fail) is done at every n-th step alone, begun with another one
each day; `PHONOTHEQUE_KILL_AT` names the day (a number), or all steps (`all`).
"""

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest

from phonotheque.mirror import Seeder, read_mirror, read_plan
from phonotheque.model.edition import EditionManifest
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from tests.mirror.conftest import LOOPBACK, Follower, files_below, flip
from tests.mirror.deeds import QUICK
from tests.mirror.test_getting import public_id
from tests.support.hurry import hurried_session
from tests.support.killing import COMPILER, KILLED, Attempt, Killer, Manner, killer, steps
from tests.support.origin import noise

pytestmark = [
    pytest.mark.full,
    pytest.mark.timeout(900),
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler (cc)"),
]
VOLUME = "tiny-tier1-00001"
BAG = f"volumes/{VOLUME}"
SONG, OTHER = f"{BAG}/data/artist 1/song-1.ogg", f"{BAG}/data/artist 2/song-2.ogg"
GONE = "tiny-tier2-00003/data/artist 6/song-6.ogg"
DEEDS = "tests.mirror.deeds"
PATIENT = replace(QUICK, connections=4)
OF_THE_SWARM = 3  # every third
OF_BAD_DISKS = {"sync": 16, "repair": 4, "verify": 2}
EDITION = ("editions/", "incoming/http/editions/")
DAY = os.environ.get("PHONOTHEQUE_KILL_AT", str(datetime.now(UTC).toordinal()))


@pytest.fixture(scope="package")  # not of the module: its tests may run in several workers
def slayer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    with killer(tmp_path_factory.mktemp("interposer")) as process:
        yield process


@pytest.fixture(autouse=True)
def quick_swarms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lt, "session", hurried_session)


def some(numbers: list[int], every: int, begin: int = 0) -> list[int]:
    """Every so-manieth of them, begun with that of the day."""
    return numbers if DAY == "all" else numbers[(int(DAY) + begin) % every :: every]


def attempts(
    slayer: Killer, folder: Path, prepare: Callable[[], None], deed: str, **arguments: Any
) -> Iterator[Attempt]:
    """Let `deed` die at its steps, whole and torn; and once not at all, to know them.

    With a `peer`, at some of those alone that are not of the edition, which comes over HTTP.
    """
    action = f"{DEEDS}:{deed}"
    prepare()
    counted = slayer.attempt(action, arguments, folder)
    assert counted.code == 0, counted.said
    yield counted
    chosen = steps(counted.calls)
    if arguments.get("peer"):
        own = [n for n in chosen if not counted.calls[n - 1][1].startswith(EDITION)]
        chosen = some(own if DAY != "all" else chosen, OF_THE_SWARM)
    kills = 0
    for number in chosen:
        name, path = counted.calls[number - 1]
        manners = [Manner.KILL, Manner.TEAR] if name in ("write", "pwrite") else [Manner.KILL]
        for manner in manners:
            prepare()
            print(f"{manner.name} at {number}, {name} {path} (PHONOTHEQUE_KILL_AT={DAY})")
            ended = slayer.attempt(action, arguments, folder, number, manner)
            assert ended.code in (0, KILLED), ended.said
            kills += ended.code == KILLED
            yield ended
    assert kills > len(chosen) / 2, "most attempts were to die"


def saved(tree: Tree, aside: Path) -> Callable[[], None]:
    """Something that brings `tree` back as it is now."""
    shutil.copytree(tree.root, aside, symlinks=True)

    def restore() -> None:
        shutil.rmtree(tree.root, ignore_errors=True)
        shutil.copytree(aside, tree.root, symlinks=True)

    return restore


def is_sound(tree: Tree, sound: dict[str, bytes], before: dict[str, bytes] | None = None) -> None:
    """What stands in `volumes/` and in whole editions is what was published (or what was bad
    before), and what the state calls proved is so."""
    bad = before or {}
    for name, content in files_below(tree.volumes).items():
        if not Path(name).name.startswith("."):
            assert content in (sound[name], bad.get(name)), f"{name} is unsound"
    for path in tree.editions.glob("*/edition.json"):
        for entry in read_document(path, EditionManifest).contents:
            found = (path.parent / entry.path).read_bytes()
            assert sha256(found).hexdigest() == entry.sha256, f"{entry.path} is unsound"
    if (tree.root / "state.sqlite").is_file():
        _state_is_true(tree)


def _state_is_true(tree: Tree) -> None:
    connection = sqlite3.connect(tree.root / "state.sqlite")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        has = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'files'").fetchone()
        rows = connection.execute("SELECT path, sha256, bytes, mtime_ns FROM files") if has else ()
        for path, digest, size, mtime in rows:
            full = tree.root / path
            if full.is_file() and (full.stat().st_size, full.stat().st_mtime_ns) == (size, mtime):
                assert sha256(full.read_bytes()).hexdigest() == digest, f"{path} is not proved"
    finally:
        connection.close()


def lose(follower: Follower) -> None:
    """The mirror lacks its edition and a volume, and holds what was withdrawn since."""
    shutil.rmtree(follower.tree.volume(VOLUME))
    shutil.rmtree(follower.tree.editions)
    follower.origin.revoke(6, "2026-11")


@pytest.mark.parametrize("swarm", [False, True], ids=["http", "swarm"])
def test_a_sync_is_completed(
    synced: Follower, slayer: Killer, tmp_path: Path, *, swarm: bool
) -> None:
    lose(synced)
    sound = files_below(synced.origin.tree.volumes)
    restore = saved(synced.tree, tmp_path / "aside")
    with Seeder(synced.origin.tree, listen=LOOPBACK) as seeder:
        if swarm:
            synced.server.bend = lambda path, _: 500 if path.startswith("volumes/") else None
        arguments = {"mirror": str(synced.tree.root), "peer": seeder.port if swarm else None}
        for _ in attempts(slayer, synced.tree.root, restore, "sync", **arguments):
            is_sound(synced.tree, sound)
            peers = [("127.0.0.1", seeder.port)] if swarm else []
            assert synced.sync(peers=peers, limits=PATIENT).findings == []
            held = {n: c for n, c in files_below(synced.tree.volumes).items() if "/." not in n}
            assert held == {name: c for name, c in sound.items() if name != GONE}
    assert synced.verify().clean


def damage(follower: Follower) -> dict[str, bytes]:
    """Two bad pieces, a file and a table that are not there; the bad bytes by path."""
    flip(follower.tree.root / SONG, 70_000, 199_999)
    (follower.tree.root / OTHER).unlink()
    (follower.tree.edition("2026-11") / f"torrents/{VOLUME}.torrent").chmod(0o644)
    return {SONG.removeprefix("volumes/"): (follower.tree.root / SONG).read_bytes()}


@pytest.mark.parametrize("swarm", [False, True], ids=["http", "swarm"])
def test_a_repair_never_makes_things_worse_and_is_completed(
    synced: Follower, slayer: Killer, tmp_path: Path, *, swarm: bool
) -> None:
    sound = files_below(synced.tree.volumes)
    bad = damage(synced)
    restore = saved(synced.tree, tmp_path / "aside")
    with Seeder(synced.origin.tree, listen=LOOPBACK) as seeder:
        if swarm:
            synced.server.bend = lambda path, _: 500 if path.startswith("volumes/") else None
        arguments = {"mirror": str(synced.tree.root), "peer": seeder.port if swarm else None}
        for ended in attempts(slayer, synced.tree.root, restore, "repair", **arguments):
            is_sound(synced.tree, sound, bad)
            peers = [("127.0.0.1", seeder.port)] if swarm else []
            report = synced.repair(peers=peers, limits=PATIENT)
            assert report.findings == [], (ended, report.findings)
            assert files_below(synced.tree.volumes) == sound
    assert synced.verify().clean


def test_a_verification_changes_nothing_and_is_completed(
    synced: Follower, slayer: Killer, tmp_path: Path
) -> None:
    sound = files_below(synced.tree.volumes)
    bad = damage(synced)
    before = files_below(synced.tree.volumes)
    restore = saved(synced.tree, tmp_path / "aside")
    expected = {("copy.damaged", SONG), ("copy.missing", OTHER)}
    for _ in attempts(slayer, synced.tree.root, restore, "verify", mirror=str(synced.tree.root)):
        assert files_below(synced.tree.volumes) == before
        is_sound(synced.tree, sound, bad)
        report = synced.verify()
        assert {(f.code, f.where) for f in report.findings} == expected
        assert report.complete
        logged = (synced.tree.root / "findings.jsonl").read_text().count("\n")
        assert logged == len(report.findings)


@pytest.mark.parametrize("swarm", [False, True], ids=["http", "swarm"])
def test_a_recording_is_got_whole_or_not_at_all(
    follower: Follower, slayer: Killer, tmp_path: Path, *, swarm: bool
) -> None:
    folder = tmp_path / "got"
    target = folder / "song.ogg"

    def prepare() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

    with Seeder(follower.origin.tree, listen=LOOPBACK) as seeder:
        arguments = {
            "source": follower.server.url, "recording": public_id(1), "target": str(target),
            "peer": seeder.port if swarm else None,
        }  # fmt: skip
        again = Attempt(0, "", [])
        for _ in attempts(slayer, folder, prepare, "get", **arguments):
            assert not target.exists() or target.read_bytes() == noise(1, 200_000)
            assert all(p.name.startswith(".") or p == target for p in folder.iterdir())
            again = slayer.attempt(f"{DEEDS}:get", arguments, folder)
            assert again.code == 0, again.said
            assert target.read_bytes() == noise(1, 200_000)
    assert again.calls


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_a_plan_is_made_or_not(
    synced: Follower, slayer: Killer, tmp_path: Path, *, known: bool
) -> None:
    tree = synced.tree if known else Tree(tmp_path / "new")
    restore = saved(tree, tmp_path / "aside") if known else lambda: _away(tree.root)
    wishes = {"exclude": [VOLUME]}
    arguments = {"mirror": str(tree.root), "origin": synced.server.url, **wishes}
    for ended in attempts(slayer, tree.root, restore, "plan", **arguments):
        if tree.mirror_toml.is_file():
            assert read_mirror(tree).root_sha256 == synced.origin.fingerprint
        if (tree.root / "plan.json").is_file():
            chosen = {v.volume for v in read_plan(tree).volumes}
            assert len(chosen) == 2 or (known and len(chosen) == 3 and ended.code == KILLED)
        planner = replace_tree(synced, tree)
        planner.plan(**wishes)
        assert len(read_plan(tree).volumes) == 2
    planner = replace_tree(synced, tree)
    assert planner.sync(limits=PATIENT).findings == []


def replace_tree(follower: Follower, tree: Tree) -> Follower:
    return Follower(follower.origin, follower.server, tree)


def _away(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)


DISK_ERRORS = [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT]


@pytest.mark.parametrize("error", DISK_ERRORS)
@pytest.mark.parametrize("deed", ["sync", "repair", "verify"])
def test_a_disk_that_fails_is_named_and_costs_nothing_else(
    synced: Follower, slayer: Killer, tmp_path: Path, deed: str, error: int
) -> None:
    sound = files_below(synced.origin.tree.volumes)
    bad: dict[str, bytes] = {}
    if deed == "sync":
        lose(synced)
    else:
        bad = damage(synced)
    restore = saved(synced.tree, tmp_path / "aside")
    arguments = {"mirror": str(synced.tree.root)}
    action = f"{DEEDS}:{deed}"
    restore()
    counted = slayer.attempt(action, arguments, synced.tree.root)
    full = error in (errno.ENOSPC, errno.EDQUOT)
    manner = Manner.FAIL_ON if full else Manner.FAIL
    every = OF_BAD_DISKS[deed]
    begin = DISK_ERRORS.index(error) * every // len(DISK_ERRORS)
    for number in some(steps(counted.calls, most_alike=2), every, begin):
        restore()
        print(f"{manner.name} at {number}, {counted.calls[number - 1]} (PHONOTHEQUE_KILL_AT={DAY})")
        ended = slayer.attempt(action, arguments, synced.tree.root, number, manner, error)
        assert "should not have happened" not in ended.said, (counted.calls[number - 1], ended.said)
        is_sound(synced.tree, sound, bad)
        if deed == "sync":
            assert synced.sync(limits=PATIENT).findings == []
        else:
            assert synced.repair(limits=PATIENT).findings == []
    assert synced.verify().clean
