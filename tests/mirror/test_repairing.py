"""Mending what is bad, and fetching no more than that."""

import pytest

from phonotheque.mirror import Seeder, plan_repair, repair
from phonotheque.model.errors import UsageError
from tests.mirror.conftest import HASTY, Follower, files_below, flip
from tests.support.clock import NOW
from tests.support.origin import PIECE_LENGTH

BAG = "volumes/tiny-tier1-00001"
SONG = f"{BAG}/data/artist 1/song-1.ogg"
OTHER = f"{BAG}/data/artist 2/song-2.ogg"


def damage(follower: Follower) -> None:
    """Two bad pieces of one file, another file gone, and a stranger."""
    flip(follower.tree.root / SONG, 70_000, 199_999)
    (follower.tree.root / OTHER).unlink()
    (follower.tree.root / BAG / "stranger.txt").write_text("left alone")


def test_only_bad_pieces_and_missing_files_are_fetched(synced: Follower) -> None:
    damage(synced)
    before = len(synced.server.served)
    report = synced.repair()
    assert report.repaired == [SONG, OTHER]
    asked = [(s.path, s.range, s.bytes) for s in synced.server.served[before:]]
    assert asked == [
        (SONG, "bytes=65536-98303", PIECE_LENGTH),
        (SONG, "bytes=196608-199999", 200_000 - 6 * PIECE_LENGTH),
        (OTHER, None, 70_001),
    ]
    assert report.bytes_fetched == sum(size for _, _, size in asked)
    assert [f.code for f in report.findings] == ["copy.extra"]
    (synced.tree.root / BAG / "stranger.txt").unlink()
    assert synced.verify().clean
    assert files_below(synced.tree.volumes) == files_below(synced.origin.tree.volumes)


def test_a_plan_says_what_would_be_fetched_and_changes_nothing(synced: Follower) -> None:
    damage(synced)
    before = files_below(synced.tree.volumes)
    plan = plan_repair(synced.tree, synced.notes, now=NOW)
    assert {f.path: f.ranges for f in plan.files} == {
        "data/artist 1/song-1.ogg": [(65536, 98304), (196608, 200000)],
        "data/artist 2/song-2.ogg": [(0, 70_001)],
    }
    assert files_below(synced.tree.volumes) == before


def test_a_file_cut_short_or_grown_is_mended_by_its_pieces(synced: Follower) -> None:
    path = synced.tree.root / SONG
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content[:150_000])
    report = synced.repair()
    assert report.bytes_fetched == 200_000 - 4 * PIECE_LENGTH
    path.chmod(0o644)
    path.write_bytes(content + b"more")
    assert synced.repair().bytes_fetched == 0
    assert path.read_bytes() == content
    assert synced.verify().clean


def test_a_lying_origin_never_makes_things_worse(synced: Follower) -> None:
    damage(synced)
    before = files_below(synced.tree.volumes)
    synced.server.bend = lambda path, content: bytes(len(content))
    report = synced.repair()
    assert report.repaired == []
    assert report.failed == [SONG, OTHER]
    assert {f.code for f in report.findings} == {"copy.damaged", "copy.extra"}
    assert files_below(synced.tree.volumes) == before


def test_without_the_origin_the_swarm_mends_bad_pieces_only(
    synced: Follower, seeder: Seeder
) -> None:
    damage(synced)
    synced.server.__exit__()
    report = synced.repair(peers=[("127.0.0.1", seeder.port)])
    assert sorted(report.repaired) == [SONG, OTHER]
    assert report.bytes_fetched <= 2 * PIECE_LENGTH + 3 * PIECE_LENGTH
    (synced.tree.root / BAG / "stranger.txt").unlink()
    assert synced.verify().clean


def test_tables_and_torrents_are_mended_first_and_then_what_they_describe(
    synced: Follower,
) -> None:
    edition = synced.tree.edition("2026-11")
    flip(edition / "files/tiny-tier1-00001.parquet", 100)
    (edition / "torrents/tiny-tier1-00001.torrent").unlink()
    flip(synced.tree.root / SONG, 0)
    report = synced.repair()
    assert SONG in report.repaired
    assert len(report.repaired) == 3
    assert report.findings == []
    assert synced.verify().clean


def test_withdrawn_files_are_not_brought_back(synced: Follower) -> None:
    synced.origin.revoke(1, "2026-11")
    synced.sync()
    assert synced.repair().repaired == []
    assert not (synced.tree.root / SONG).exists()


def test_an_archive_with_nobody_to_ask_says_what_it_could_not_mend(follower: Follower) -> None:
    flip(follower.origin.root / SONG, 0)
    report = repair(follower.origin.tree, follower.notes, now=NOW, limits=HASTY)
    assert report.failed == [SONG]
    assert "no origin" in report.findings[0].message


def test_a_damaged_manifest_is_for_sync_to_bring(synced: Follower) -> None:
    flip(synced.tree.edition("2026-11") / "edition.json", 200)
    with pytest.raises(UsageError, match="run sync"):
        synced.repair()
