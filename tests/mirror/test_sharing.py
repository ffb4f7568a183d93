"""HTTP and the swarm work on one volume together."""

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest

from phonotheque.mirror import Seeder, Via
from phonotheque.mirror.expected import ExpectedFile, read_expected
from phonotheque.mirror.feeding import Feed
from phonotheque.mirror.sharing import Shares
from phonotheque.mirror.swarm import SwarmOptions
from phonotheque.mirror.volumes import prove_staged
from tests.mirror.conftest import HASTY, LOOPBACK, Follower, files_below
from tests.support import rogue
from tests.support.hurry import hurried_session
from tests.support.origin import TinyOrigin, copied

BAG = "volumes/tiny-tier1-00001"


def file(name: str, size: int = 10) -> ExpectedFile:
    return ExpectedFile(name, size, bytes(32), None, None, None)  # type: ignore[arg-type]


def never() -> bool:
    return False


def names(files: list[ExpectedFile]) -> str:
    return "".join(f.path for f in files)


def test_each_file_goes_to_one_of_both() -> None:
    shares = Shares([file(n) for n in "abcdef"])
    assert names(shares.next_for_swarm(25, 99)) == "abc", "half of what is left at most"
    got = [shares.next_for_http(never) for _ in range(3)]
    assert "".join(f.path for f in got if f) == "fed"
    assert names(shares.next_for_swarm(99, 99)) == ""
    assert not shares.done
    for each in "abcdef":
        shares.came(file(each))
    assert shares.done and shares.next_for_http(never) is None


def test_http_takes_over_what_the_swarm_has_not_begun() -> None:
    shares = Shares([file("a"), file("b")])
    shares.next_for_swarm(1, 1)
    assert shares.next_for_http(never) == file("b")
    assert shares.next_for_http(iter([False, True]).__next__) is None, "it has begun"
    shares.set_idle({"a"})
    assert shares.next_for_http(never) == file("a")
    assert names(shares.taken_over()) == "a" and not shares.taken_over()


def test_what_one_cannot_bring_goes_to_the_other_once() -> None:
    shares = Shares([file("a")])
    first = shares.next_for_http(never)
    assert first is not None
    shares.failed(Via.HTTP, first, "404")
    assert not shares.done
    assert names(shares.next_for_swarm(99, 99)) == "a"
    shares.failed(Via.SWARM, first, "wrong")
    assert shares.done and shares.failures == {"a": "wrong"}


def test_when_the_swarm_fails_http_gets_all_of_it() -> None:
    shares = Shares([file(n) for n in "abcd"])
    shares.next_for_swarm(99, 99)
    shares.close(Via.SWARM, "no peers")
    assert sorted(f.path for f in (shares.next_for_http(never) for _ in "abcd") if f) == [*"abcd"]
    assert shares.next_for_swarm(99, 99) == []


def test_when_both_fail_it_is_said_why() -> None:
    shares = Shares([file(n) for n in "ab"])
    shares.close(Via.SWARM, "no peers")
    shares.close(Via.HTTP, "no network")
    assert shares.done and shares.failures == {"a": "no network", "b": "no network"}
    assert shares.next_for_http(never) is None


def test_what_libtorrent_has_not_written_yet_is_waited_for(
    published: TinyOrigin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = read_expected(published.tree.edition("2026-11"), "tiny-tier1-00001")
    song, other = [f for f in volume.files.values() if f.path.endswith(".ogg")]
    for one in (song, other):
        (tmp_path / one.path).parent.mkdir(parents=True)
        (tmp_path / one.path).write_bytes(bytes(one.size_bytes))
    whole = published.tree.volume(volume.name) / song.path
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            shutil.copy(whole, tmp_path / song.path)

    monkeypatch.setattr("phonotheque.mirror.volumes.time.sleep", wait)
    sound, bad = prove_staged(tmp_path, [song, other], [0.1, 0.2, 0.3])
    assert ([f.path for f, _ in sound], bad) == ([song.path], [other.path])
    assert waited == [0.1, 0.2, 0.1, 0.2, 0.3]
    assert not (tmp_path / other.path).exists()


def test_both_bring_a_volume_and_each_file_comes_once(follower: Follower, seeder: Seeder) -> None:
    follower.plan(exclude=["tiny-tier1-00002", "tiny-tier2-00003"])

    def bend(path: str, content: bytes) -> None:
        time.sleep(0.5 if path.startswith("volumes/") else 0)

    follower.server.bend = bend
    limits = replace(HASTY, connections=1)
    report = follower.sync(peers=[("127.0.0.1", seeder.port)], limits=limits)
    assert report.findings == []
    assert report.files_fetched_http and report.files_fetched_swarm
    assert report.files_fetched_http + report.files_fetched_swarm == 6
    assert len([s for s in follower.server.served if s.path.startswith("volumes/")]) < 6
    for name, content in files_below(follower.tree.volumes).items():
        assert content == (follower.origin.tree.volumes / name).read_bytes()
    assert not [p for p in (follower.tree.root / "incoming").rglob("*") if p.is_file()]
    assert all(p.stat().st_nlink == 1 for p in follower.tree.volumes.rglob("*") if p.is_file())
    assert follower.verify().clean


@pytest.mark.full
@pytest.mark.parametrize("also", [False, True])
def test_peers_that_lie_and_origins_that_fail_leave_the_work_to_who_delivers(
    follower: Follower, tmp_path: Path, also: bool
) -> None:
    twin = copied(follower.origin, tmp_path / "liar")
    follower.plan(exclude=["tiny-tier1-00002", "tiny-tier2-00003"])
    with (
        rogue.lying_peer(twin.tree) as liar,
        Seeder(follower.origin.tree, listen=LOOPBACK) as good,
    ):
        peers = [("127.0.0.1", liar)]
        if also:
            peers.append(("127.0.0.1", good.port))
            follower.server.bend = lambda path, content: 500 if path.startswith(BAG) else None
        report = follower.sync(peers=peers)
    assert report.findings == []
    if also:
        assert report.files_fetched_swarm == 6
    else:
        assert report.files_fetched_http == 6
    assert follower.verify().clean
    shutil.rmtree(tmp_path / "liar")


def test_a_seed_that_hung_up_on_whom_nothing_was_asked_for_is_asked_for_the_rest(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill: what is staged is whole but for one file, and is looked at first."""
    monkeypatch.setattr(lt, "session", hurried_session)
    follower.plan()
    follower.sync()
    tree = follower.tree
    volume = read_expected(tree.edition("2026-11"), "tiny-tier1-00001")
    files = list(volume.files.values())
    song = volume.files["data/artist 1/song-1.ogg"]
    staged = tree.root / "incoming/swarm"
    shutil.copytree(tree.root / BAG, staged / volume.name)
    (staged / volume.name / song.path).chmod(0o644)
    (staged / volume.name / song.path).write_bytes(bytes(song.size_bytes))
    whole = [f for f in files if f is not song]
    with Seeder(follower.origin.tree, listen=LOOPBACK) as seeder:
        peer = ("127.0.0.1", seeder.port)
        options = SwarmOptions(listen=LOOPBACK, peers=(peer,), stall_seconds=30.0)
        with Feed(volume, files, staged, options) as feed:
            feed.want(whole)
            feed._handle.connect_peer(peer)  # as another peer's gossip might
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                feed.poll()
            feed.want([song])
            came: list[ExpectedFile] = []
            while song not in came:
                feed.poll()  # raises where nothing comes
                came += feed.finished()[0]
    assert prove_staged(staged / volume.name, [song])[1] == []


def test_what_libtorrent_takes_for_written_and_is_not_is_asked_for_once_more(
    follower: Follower, seeder: Seeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.plan()
    follower.server.bend = lambda path, content: 500 if path.startswith("volumes/") else None
    lost: list[Path] = []

    def lose(staging: Path, files: list[ExpectedFile], waits: Sequence[float] = ()) -> Any:
        for one in files:
            staged = staging / one.path
            if staged not in lost:
                lost.append(staged)
                staged.chmod(0o644)
                staged.write_bytes(bytes(one.size_bytes))
        return prove_staged(staging, files)

    monkeypatch.setattr("phonotheque.mirror.together.prove_staged", lose)
    report = follower.sync(peers=[("127.0.0.1", seeder.port)], limits=HASTY)
    assert report.findings == []
    assert report.files_fetched_swarm == len(lost) > 6
    assert follower.verify().clean


@pytest.mark.parametrize("deed", ["sync", "repair"])
def test_what_a_killed_run_noted_and_had_not_written_is_fetched_again(
    follower: Follower, seeder: Seeder, deed: str
) -> None:
    follower.plan()
    follower.sync()
    peers = [("127.0.0.1", seeder.port)]
    volume = read_expected(follower.tree.edition("2026-11"), "tiny-tier1-00001")
    staged = follower.tree.root / "incoming/swarm"
    options = SwarmOptions(listen=LOOPBACK, peers=tuple(peers), stall_seconds=30.0)
    files = list(volume.files.values())
    with suppress(InterruptedError), Feed(volume, files, staged, options) as feed:
        feed.want(files)
        came: list[ExpectedFile] = []
        while len(came) < len(files):
            feed.poll()
            came += feed.finished()[0]
        raise InterruptedError  # what a run does that is told to stop
    assert (staged / f"{volume.name}.resume").is_file()
    for file in files:
        (staged / volume.name / file.path).write_bytes(bytes(file.size_bytes))
    follower.server.bend = lambda path, content: 500 if path.startswith("volumes/") else None
    shutil.rmtree(follower.tree.root / BAG)
    act = follower.sync if deed == "sync" else follower.repair
    assert act(peers=peers, limits=HASTY).findings == []
    assert follower.verify().clean
