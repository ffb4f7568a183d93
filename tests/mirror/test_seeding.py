"""Giving what is held, and never what was withdrawn."""

import threading
import time
from pathlib import Path

import pytest

from phonotheque.mirror import Seeder, Via, seed, seeding
from phonotheque.mirror.expected import ExpectedVolume, read_expected
from phonotheque.mirror.swarm import SwarmJob, SwarmOptions, download, parse_peer
from phonotheque.model.errors import FormatError, NotFoundError, TransferError
from phonotheque.storage.layout import Tree
from tests.mirror.conftest import LOOPBACK, Follower, Notes
from tests.support.origin import TinyOrigin, WebServer, three_volumes

BAG = "tiny-tier1-00001"
SONG = "data/artist 1/song-1.ogg"


def fetch(follower: Follower, path: str, port: int, staging: Path) -> Path:
    """One file of the first volume from the peer on `port`."""
    volume = read_expected(follower.origin.tree.edition("2026-11"), BAG)
    job = SwarmJob(volume.torrent_path, frozenset({volume.files[path].torrent.index}), staging)
    options = SwarmOptions(LOOPBACK, (("127.0.0.1", port),), stall_seconds=1.5)
    download(job, options, lambda _amount: None)
    return staging / BAG / path


def test_one_file_comes_without_its_neighbours(
    follower: Follower, seeder: Seeder, tmp_path: Path
) -> None:
    came = fetch(follower, SONG, seeder.port, tmp_path / "staging")
    original = follower.origin.tree.volume(BAG) / SONG
    assert came.read_bytes() == original.read_bytes()
    assert list((tmp_path / "staging").rglob("*.ogg")) == [came]


def test_the_info_hashes_are_those_of_the_edition(follower: Follower, seeder: Seeder) -> None:
    edition = follower.origin.tree.edition("2026-11")
    names = ["tiny-tier1-00001", "tiny-tier1-00002", "tiny-tier2-00003"]
    assert seeder.volumes == names
    hashes = [read_expected(edition, name).torrent.info_hash_v2 for name in names]
    assert seeder.info_hashes == sorted(hashes)


def test_a_mirror_seeds_what_it_holds_to_the_next(synced: Follower, tmp_path: Path) -> None:
    with Seeder(synced.tree, listen=LOOPBACK) as second:
        further = Follower(synced.origin, synced.server, Tree(tmp_path / "further"))
        further.plan(via=Via.SWARM)
        report = further.sync(peers=[("127.0.0.1", second.port)])
        assert report.files_fetched_swarm == 19
        assert second.uploaded_bytes() > 700_000
    assert further.verify().clean


def test_volumes_of_v2_alone_are_seeded_and_fetched_from_the_swarm(tmp_path: Path) -> None:
    origin = TinyOrigin(tmp_path / "origin", v1=False)
    origin.publish(three_volumes())
    with WebServer(origin.root) as server, Seeder(origin.tree, listen=LOOPBACK) as seeder:
        mirror = Follower(origin, server, Tree(tmp_path / "mirror"))
        mirror.plan(via=Via.SWARM)
        assert mirror.sync(peers=[("127.0.0.1", seeder.port)]).files_fetched_swarm == 19
    assert mirror.verify().clean


def test_what_is_withdrawn_is_not_given_even_where_the_bytes_still_stand(
    follower: Follower, tmp_path: Path
) -> None:
    follower.origin.revoke(1, "2026-11")
    assert (follower.origin.tree.volume(BAG) / SONG).is_file()
    with Seeder(follower.origin.tree, listen=LOOPBACK) as origin:
        came = fetch(follower, "data/artist 2/song-2.ogg", origin.port, tmp_path / "one")
        assert came.stat().st_size == 70_001
        with pytest.raises(TransferError, match="swarm brought nothing"):
            fetch(follower, SONG, origin.port, tmp_path / "two")


def test_a_withdrawal_reaches_a_seeder_that_runs(
    follower: Follower, seeder: Seeder, tmp_path: Path
) -> None:
    fetch(follower, SONG, seeder.port, tmp_path / "before")
    follower.origin.revoke(1, "2026-11")
    seeder.refresh_if_changed()
    with pytest.raises(TransferError):
        fetch(follower, SONG, seeder.port, tmp_path / "after")


def test_a_withdrawal_makes_a_seeder_look_at_that_volume_alone(
    follower: Follower, seeder: Seeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    def watched(edition: Path, name: str) -> ExpectedVolume:
        looked_at.append(name)
        return read_expected(edition, name)

    monkeypatch.setattr(seeding, "read_expected", watched)
    follower.origin.revoke(1, "2026-11")
    seeder.refresh_if_changed()
    assert looked_at == [BAG]


def test_seeding_runs_until_it_is_told_to_stop(follower: Follower, tmp_path: Path) -> None:
    stop, notes = threading.Event(), Notes()
    thread = threading.Thread(
        target=seed, args=(follower.origin.tree, notes, stop), kwargs={"listen": LOOPBACK}
    )
    thread.start()
    until = time.monotonic() + 10
    while not notes.lines and time.monotonic() < until:
        time.sleep(0.01)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert notes.lines[0].startswith("seeding 3 volumes on port ")


def test_a_tree_without_an_edition_has_nothing_to_seed(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no edition"), Seeder(Tree(tmp_path), listen=LOOPBACK):
        pass


def test_peers_are_read_with_their_ports() -> None:
    assert parse_peer("example.org:6881") == ("example.org", 6881)
    assert parse_peer("[::1]:80") == ("::1", 80)
    for wrong in ("example.org", "example.org:", ":80", "a:0", "a:99999"):
        with pytest.raises(FormatError, match="host:port"):
            parse_peer(wrong)
