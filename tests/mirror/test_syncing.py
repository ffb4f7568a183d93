"""Bringing a mirror to its plan."""

import errno
import gc
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phonotheque.mirror import Seeder, Via
from phonotheque.mirror import bringing as bringing_module
from phonotheque.mirror import editions as editions_module
from phonotheque.mirror import syncing as syncing_module
from phonotheque.mirror.expected import ExpectedVolume
from phonotheque.mirror.volumes import find_missing
from phonotheque.model.errors import (
    ArchiveBusyError,
    NoSpaceError,
    NotFoundError,
    TransferError,
    TrustError,
)
from phonotheque.storage.lock import writing
from tests.mirror.conftest import HASTY, Follower, files_below, flip
from tests.support.origin import three_volumes, without

SONG = "volumes/tiny-tier1-00001/data/artist 1/song-1.ogg"


def test_a_synced_mirror_holds_the_very_bytes_of_the_origin(synced: Follower) -> None:
    assert files_below(synced.tree.volumes) == files_below(synced.origin.tree.volumes)
    assert files_below(synced.tree.editions) == files_below(synced.origin.tree.editions)
    assert not list((synced.tree.root / "incoming").rglob("*.ogg"))


def test_a_second_sync_fetches_nothing_and_reads_nothing_again(synced: Follower) -> None:
    before = len(synced.server.served)
    report = synced.sync()
    assert (report.files_fetched_http, report.edition_files_fetched) == (0, 0)
    assert report.files_held == 19
    asked = {s.path for s in synced.server.served[before:]}
    assert asked <= {"metadata/timestamp.json"}, "what is signed is here, and equal"


@pytest.mark.full
def test_a_sync_never_holds_the_files_of_all_volumes_in_memory(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    def living() -> int:
        return sum(type(item) is ExpectedVolume for item in gc.get_objects())

    follower.plan()
    seen: list[int] = []
    monkeypatch.setattr(
        bringing_module,
        "find_missing",
        lambda volume, place: (seen.append(living()), find_missing(volume, place))[1],
    )
    gc.collect()
    before = living()
    assert follower.sync().files_fetched_http == 19
    assert len(seen) == 6, "each of three volumes is looked at before and when its turn comes"
    assert max(seen) - before <= 2


def test_the_swarm_brings_the_same_bytes(follower: Follower, seeder: Seeder) -> None:
    follower.plan(via=Via.SWARM)
    report = follower.sync(peers=[("127.0.0.1", seeder.port)])
    assert (report.files_fetched_swarm, report.files_fetched_http) == (19, 0)
    assert follower.server.bytes_of("volumes/") == 0
    assert files_below(follower.tree.volumes) == files_below(follower.origin.tree.volumes)
    assert follower.verify().clean


def test_a_swarm_without_peers_falls_back_to_http(follower: Follower) -> None:
    follower.plan(via=Via.SWARM, exclude=["tiny-tier1-00002", "tiny-tier2-00003"])
    limits = syncing_module.Limits(attempts=1, stall_seconds=0.3)
    report = follower.sync(limits=limits)
    assert report.files_fetched_http == 6
    assert any("swarm brought nothing" in line for line in follower.notes.lines)


def test_http_that_fails_falls_back_to_the_swarm(follower: Follower, seeder: Seeder) -> None:
    follower.plan(via=Via.HTTP, exclude=["tiny-tier1-00002", "tiny-tier2-00003"])
    follower.server.bend = lambda path, content: 503 if path.startswith("volumes/") else None
    report = follower.sync(peers=[("127.0.0.1", seeder.port)])
    assert (report.files_fetched_http, report.files_fetched_swarm) == (0, 6)
    assert follower.verify().clean


def test_a_file_that_was_cut_off_is_carried_on_with_by_range(follower: Follower) -> None:
    follower.plan()
    follower.server.cut[SONG] = 90_000
    assert follower.sync().findings == []
    asked = [(s.range, s.bytes) for s in follower.server.served if s.path == SONG]
    assert asked == [(None, 90_000), ("bytes=90000-", 110_000)]
    assert follower.verify().clean


def test_a_server_without_ranges_is_read_from_the_start(follower: Follower) -> None:
    follower.plan()
    partial = follower.tree.root / "incoming/http" / SONG.removeprefix("volumes/")
    partial.parent.mkdir(parents=True)
    partial.write_bytes((follower.origin.root / SONG).read_bytes()[:50_000])
    follower.server.bend = lambda path, content: content if path == SONG else None
    assert follower.sync().findings == []
    assert follower.verify().clean


def test_a_partial_file_that_is_not_the_beginning_is_thrown_away(follower: Follower) -> None:
    follower.plan()
    partial = follower.tree.root / "incoming/http" / SONG.removeprefix("volumes/")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"not music")
    assert follower.sync().findings == []
    assert follower.verify().clean


@pytest.mark.parametrize("bent", [b"wrong bytes", b"x" * 200_000, b"x" * 900_000, 404, 500])
def test_what_is_wrong_on_the_origin_never_takes_its_place_and_the_rest_goes_on(
    follower: Follower, bent: bytes | int
) -> None:
    follower.plan()
    follower.server.bend = lambda path, content: bent if path == SONG else None
    report = follower.sync()
    assert SONG in {f.where for f in report.findings}
    assert {f.code for f in report.findings} == {"copy.missing"}
    assert not (follower.tree.root / SONG).exists()
    held = files_below(follower.tree.volumes)
    assert set(held.items()) <= set(files_below(follower.origin.tree.volumes).items())
    follower.server.bend = lambda path, content: None
    assert follower.sync().findings == []
    assert follower.verify().clean


@pytest.mark.parametrize(
    ("status", "headers"),
    [(302, {"Location": "/latest.json/"}), (503, {"Retry-After": "3600"}),
     (429, {"Retry-After": "3600"}), (301, {"Location": "file:///etc/passwd"})],
)  # fmt: skip
def test_a_server_cannot_keep_us_waiting_or_running_in_circles(
    synced: Follower, status: int, headers: dict[str, str]
) -> None:
    synced.server.error_headers = headers
    synced.server.bend = lambda path, content: status
    start = time.monotonic()
    with pytest.raises((TransferError, TrustError)):
        synced.sync()
    assert time.monotonic() - start < 20
    assert synced.verify().clean


def test_another_edition_fetches_only_what_is_new(synced: Follower) -> None:
    synced.origin.publish(three_volumes(), name="2026-12")
    before = synced.server.bytes_of("volumes/")
    report = synced.sync()
    assert report.edition == "2026-12"
    assert synced.server.bytes_of("volumes/") == before
    assert report.edition_files_linked > report.edition_files_fetched
    one, other = (
        synced.tree.edition(name) / "files/tiny-tier1-00001.parquet"
        for name in ("2026-11", "2026-12")
    )
    assert synced.verify().clean
    assert one.is_file() and other.is_file()


def test_what_an_unfinished_edition_brought_is_not_fetched_again(follower: Follower) -> None:
    follower.plan()
    late = "editions/2026-11/torrents/"
    follower.server.bend = lambda path, content: 500 if path.startswith(late) else None
    with pytest.raises(TransferError):
        follower.sync()
    came = {s.path for s in follower.server.served if "parquet" in s.path and "2026-11/" in s.path}
    follower.server.bend = lambda path, content: None
    follower.origin.publish(three_volumes(), name="2026-12")
    follower.server.served.clear()
    assert follower.sync().edition_files_linked > 0
    again = {s.path.replace("2026-12", "2026-11") for s in follower.server.served}
    assert any("files/" in path for path in came)
    assert not {path for path in came & again if "/files/" in path}
    assert not follower.tree.edition("2026-11").exists()
    assert not (follower.tree.root / "incoming/http/editions").exists()
    assert follower.verify().clean


def test_files_proved_before_are_linked_unread_and_need_no_room(
    synced: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced.origin.publish(three_volumes(), name="2026-12")
    read: list[Path] = []
    monkeypatch.setattr(editions_module, "read_sha256", read.append)
    asked: list[int] = []
    monkeypatch.setattr(syncing_module, "_check_space", lambda tree, size, *_: asked.append(size))
    report = synced.sync()
    assert report.edition_files_linked > 0 and not read
    assert asked[0] == report.edition_bytes_fetched


def test_a_withdrawn_file_is_deleted_logged_and_not_missed(synced: Follower) -> None:
    revoked = synced.origin.revoke(1, "2026-11")
    synced.origin.publish(without(three_volumes(), 1), name="2026-12")
    report = synced.sync()
    assert report.files_deleted == [SONG]
    assert not (synced.tree.root / SONG).exists()
    check = synced.verify()
    assert (check.clean, check.missing, check.withdrawn) == (True, 0, 1)
    assert ("copy.withdrawn", SONG) in synced.codes()
    assert any(revoked.recording in line for line in synced.notes.lines)
    with sqlite3.connect(synced.tree.root / "state.sqlite") as state:
        logged = state.execute("SELECT path, reason, since FROM deletions").fetchall()
    assert logged == [(SONG, "take-down", "2026-11-01T00:00:00+00:00")]
    assert synced.sync().files_deleted == []


def test_withdrawals_are_obeyed_even_when_the_edition_cannot_be_fetched(synced: Follower) -> None:
    synced.origin.revoke(1, "2026-11")
    synced.origin.publish(without(three_volumes(), 1), name="2026-12")
    synced.server.bend = lambda path, content: 500 if path.startswith("editions/2026-12") else None
    with pytest.raises(Exception, match="500"):
        synced.sync()
    assert not (synced.tree.root / SONG).exists()


def test_volumes_out_of_the_plan_are_kept_and_reported_unless_pruned(synced: Follower) -> None:
    synced.plan(tiers=[1])
    assert synced.sync().volumes_unplanned == ["tiny-tier2-00003"]
    assert synced.verify().clean
    report = synced.sync(prune=True)
    assert (report.volumes_unplanned, report.volumes_pruned) == ([], ["tiny-tier2-00003"])
    assert not synced.tree.volume("tiny-tier2-00003").exists()
    assert synced.verify().clean


def test_a_disk_without_room_is_noticed_before_anything_is_fetched(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.plan()
    monkeypatch.setattr(syncing_module, "free_bytes", lambda path: 16 << 20)
    with pytest.raises(NoSpaceError, match="free; make room"):
        follower.sync()
    assert not follower.tree.editions.exists()


def test_a_disk_that_fills_up_meanwhile_is_said_so(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.plan()
    real = os.write

    def full(handle: int, content: bytes) -> int:
        if str(Path(f"/proc/self/fd/{handle}").readlink()).endswith("song-1.ogg"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, content)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NoSpaceError, match="the disk is full"):
        follower.sync()
    monkeypatch.undo()
    assert follower.sync().findings == []
    assert follower.verify().clean


def test_two_syncs_at_once_are_refused(follower: Follower) -> None:
    follower.plan()
    with writing(follower.tree.root), pytest.raises(ArchiveBusyError):
        follower.sync()


def test_a_tree_without_a_plan_is_said_so(follower: Follower) -> None:
    with pytest.raises(NotFoundError, match="make one with `phonotheque plan`"):
        follower.sync()


def test_a_lost_state_costs_reading_but_no_fetching(synced: Follower) -> None:
    for path in synced.tree.root.glob("state.sqlite*"):
        path.unlink()
    flip(synced.tree.root / SONG, 5)
    report = synced.sync()
    assert (report.files_held, report.files_fetched_http) == (18, 1)
    assert synced.verify().clean


KILLED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from phonotheque.mirror import Limits, parse_peer, sync
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree
peers = [parse_peer(p) for p in sys.argv[2:]]
sync(Tree(Path(sys.argv[1])), Silent(), now=datetime(2026, 11, 22, tzinfo=UTC), peers=peers,
     listen="127.0.0.1:0", limits=Limits(backoff_seconds=0.01))
"""


def run_and_kill(tree: Path, peers: list[str], after_seconds: float) -> None:
    """Sync in another process and kill it; Python's own start is not counted."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tree), *peers])
    until = time.monotonic() + 20
    while not (tree / "state.sqlite").exists() and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(after_seconds)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("by_swarm", [False, True])
def test_killed_at_any_moment_and_run_again_gives_the_same_mirror(
    follower: Follower, seeder: Seeder, by_swarm: bool
) -> None:
    follower.plan()
    follower.server.delay_seconds = 0.02
    peers = [f"127.0.0.1:{seeder.port}"] if by_swarm else []
    for step in range(4):
        run_and_kill(follower.tree.root, peers, 0.1 * step)
        held = files_below(follower.tree.volumes)
        assert set(held.items()) <= set(files_below(follower.origin.tree.volumes).items())
    follower.server.delay_seconds = 0.0
    assert follower.sync(limits=HASTY).findings == []
    assert files_below(follower.tree.volumes) == files_below(follower.origin.tree.volumes)
    assert follower.verify().clean
