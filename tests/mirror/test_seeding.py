"""Giving what is held, and never what was withdrawn."""

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from phonotheque.mirror import (
    Seeder,
    Via,
    read_status,
    rotation,
    seed,
    seed_settings,
    seeding,
)
from phonotheque.mirror.expected import read_expected, torrent_path
from phonotheque.mirror.loading import cost_of, told_port
from phonotheque.mirror.offers import Offer, Torrent, read_offer
from phonotheque.mirror.seedlog import read_seed_log
from phonotheque.mirror.swarm import (
    SwarmJob,
    SwarmOptions,
    download,
    load_torrent,
    parse_peer,
)
from phonotheque.model.errors import FormatError, NotFoundError, TransferError
from phonotheque.model.seeding import SeedSettings
from phonotheque.storage.layout import Tree
from tests.mirror.conftest import LOOPBACK, Follower, Notes, flip
from tests.support.clock import NOW
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


def test_another_port_than_the_one_to_listen_at_is_told() -> None:
    assert told_port("0.0.0.0:6881", 6881) == told_port("127.0.0.1:0", 41_000) == ""
    assert "port 6881 is taken" in told_port("0.0.0.0:6881", 6882)


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


@pytest.mark.full
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

    def watched(tree: Tree, torrent: Torrent, *rest: Any) -> Offer:
        looked_at.append(torrent.place)
        return read_offer(tree, torrent, *rest)

    monkeypatch.setattr(seeding, "read_offer", watched)
    follower.origin.revoke(1, "2026-11")
    seeder.refresh_if_changed()
    assert looked_at == [f"volumes/{BAG}"]


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


def one_at_a_time(tree: Tree) -> SeedSettings:
    """Room for one volume of `tree`, not for two."""
    sizes = [p.stat().st_size for p in tree.edition("2026-11").glob("torrents/*-*.torrent")]
    return SeedSettings(memory_bytes=max(map(cost_of, sizes)))


def test_a_torrent_that_is_not_in_memory_is_loaded_for_the_peer_that_comes_for_it(
    follower: Follower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "IDLE_SECONDS", 0.0)
    tree = follower.origin.tree
    with Seeder(tree, listen=LOOPBACK, settings=one_at_a_time(tree), clock=lambda: NOW) as seeder:
        loaded = seeder.loaded
        assert len(loaded) == 1
        assert len(seeder.volumes) == len(seeder.info_hashes) == 3
        other = next(v for v in seeder.volumes if f"volumes/{v}" not in loaded)
        volume = read_expected(tree.edition("2026-11"), other)
        path, file = next((p, f) for p, f in volume.files.items() if f.sha256 is not None)
        job = SwarmJob(volume.torrent_path, frozenset({file.torrent.index}), tmp_path / "staging")
        options = SwarmOptions(LOOPBACK, (("127.0.0.1", seeder.port),), stall_seconds=30)
        download(job, options, lambda _amount: None)
        assert (tmp_path / "staging" / other / path).stat().st_size == file.size_bytes
        assert seeder.loaded == [f"volumes/{other}"]
    log = read_seed_log(tree)
    assert log is not None
    assert (log.torrents, log.loaded, log.asked, log.running) == (3, 1, 1, False)
    assert log.given_bytes >= file.size_bytes


def test_what_nobody_has_room_for_says_so_and_can_still_be_found(follower: Follower) -> None:
    small = SeedSettings(memory_bytes=1)
    with Seeder(follower.origin.tree, listen=LOOPBACK, settings=small) as seeder:
        assert (seeder.loaded, len(seeder.volumes)) == ([], 3)


def test_a_mirror_gives_only_what_stands_as_it_was_proved(synced: Follower) -> None:
    tree, notes = synced.tree, Notes()
    song = tree.volume(BAG) / SONG
    flip(song, 3)  # the same length
    other = tree.volume(BAG) / "data/artist 2/song-2.ogg"
    other.unlink()
    linked = tree.volume("tiny-tier1-00002") / "bagit.txt"
    linked.rename(tree.root / "elsewhere")
    linked.symlink_to(tree.root / "elsewhere")
    with Seeder(tree, notes, listen=LOOPBACK):
        pass
    assert [line.partition("; ")[0] for line in notes.lines] == [
        "volumes/tiny-tier1-00001: of 6 files are not given: 1 changed, 1 not here",
        "volumes/tiny-tier1-00002: of 7 files are not given: 1 changed",
    ]


def test_a_mirror_without_its_state_gives_nothing_until_it_is_verified(synced: Follower) -> None:
    for path in synced.tree.root.glob("state.sqlite*"):
        path.unlink()
    with Seeder(synced.tree, synced.notes, listen=LOOPBACK) as seeder:
        assert seeder.volumes == []
        synced.verify()
        seeder.refresh()
        assert len(seeder.volumes) == 3


def test_a_spot_check_finds_what_changed_without_a_trace(synced: Follower) -> None:
    song = synced.tree.volume(BAG) / SONG
    at = song.stat()
    flip(song, 3)
    os.utime(song, ns=(at.st_atime_ns, at.st_mtime_ns))
    torrent = torrent_path(synced.tree.edition("2026-11"), BAG)
    known = Torrent(f"volumes/{BAG}", torrent, str(load_torrent(
        torrent, synced.tree.volumes, SwarmOptions()).info_hashes.v2))  # fmt: skip
    offer = read_offer(synced.tree, known, frozenset(), SwarmOptions(), 100)
    assert offer.damaged == [f"volumes/{BAG}/{SONG}"]
    assert (offer.whole, offer.given, offer.files) == (False, 5, 6)


def test_the_settings_of_a_tree_are_read(synced: Follower) -> None:
    assert seed_settings(synced.tree) == SeedSettings()
    with synced.tree.mirror_toml.open("a") as stream:
        stream.write("\n[seed]\nmemory_bytes = 5\ndht = false\n")
    assert seed_settings(synced.tree) == SeedSettings(memory_bytes=5, dht=False)
    with pytest.raises(ValueError, match="above 0"):
        SeedSettings(memory_bytes=0)


def test_status_tells_of_the_seeder(synced: Follower) -> None:
    with Seeder(synced.tree, listen=LOOPBACK, clock=lambda: NOW):
        pass
    seeding = read_status(synced.tree, NOW).seeding
    assert seeding is not None
    assert (seeding.torrents, seeding.loaded, seeding.unloaded) == (3, 3, 0)
    assert not seeding.is_fresh(NOW)
