"""Mending what is bad, and fetching no more than that."""

import errno
import os
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from phonotheque.mirror import RepairOptions, Seeder, plan_repair, read_mirror, repair
from phonotheque.model.errors import NoSpaceError, NotFoundError, UsageError
from phonotheque.storage.documents import write_document
from tests.mirror.conftest import HASTY, Follower, files_below, flip
from tests.support.clock import NOW
from tests.support.faults import failing_at
from tests.support.origin import PIECE_LENGTH, WebServer

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


def test_folders_of_any_names_are_asked_first_and_only_their_sound_pieces_are_taken(
    synced: Follower, tmp_path: Path
) -> None:
    heap = tmp_path / "rescued"
    heap.mkdir()
    song = (synced.origin.root / SONG).read_bytes()
    (heap / "a").write_bytes(bytes(len(song)))
    (heap / "b").write_bytes(song[:-1] + bytes(1))  # the last piece of it is bad as well
    shutil.copyfile(synced.origin.root / OTHER, heap / "song-2.ogg")
    damage(synced)
    before = len(synced.server.served)
    options = RepairOptions(sources=(str(heap),), limits=HASTY, listen="127.0.0.1:0")
    report = repair(synced.tree, synced.notes, now=NOW, options=options)
    assert report.repaired == [SONG, OTHER]
    last = 200_000 - 6 * PIECE_LENGTH
    assert [(s.path, s.bytes) for s in synced.server.served[before:]] == [(SONG, last)]
    assert (report.bytes_fetched, report.bytes_local) == (last, PIECE_LENGTH + 70_001)
    assert (synced.tree.root / SONG).read_bytes() == song


def test_another_tree_is_a_source_and_a_lost_folder_is_said(
    synced: Follower, tmp_path: Path
) -> None:
    damage(synced)
    synced.server.__exit__()
    with pytest.raises(NotFoundError, match="no such folder"):
        repair(synced.tree, synced.notes, now=NOW, options=RepairOptions(sources=("/no/where",)))
    options = RepairOptions(sources=(str(synced.origin.root),), limits=HASTY)
    report = repair(synced.tree, synced.notes, now=NOW, options=options)
    assert report.repaired == [SONG, OTHER]


def test_a_piece_that_one_origin_lies_about_comes_from_the_next(synced: Follower) -> None:
    damage(synced)
    with WebServer(synced.origin.root) as honest:
        settings = replace(read_mirror(synced.tree), others=(honest.url,))
        write_document(synced.tree.mirror_toml, settings)
        song = (synced.origin.root / SONG).read_bytes()
        lie = song[:65_536] + bytes(PIECE_LENGTH) + song[98_304:]
        synced.server.bend = lambda path, content: lie if path == SONG else None
        report = synced.repair()
        assert report.repaired == [SONG, OTHER]
        assert [(s.path, s.range) for s in honest.served] == [(SONG, "bytes=65536-98303")]


def test_only_what_a_verify_found_is_read_where_that_is_asked_for(synced: Follower) -> None:
    flip(synced.tree.root / SONG, 70_000)
    synced.verify()
    unseen = synced.tree.volume("tiny-tier1-00002") / "data/artist 3/song-3.ogg"
    flip(unseen, 1)
    (synced.tree.root / OTHER).unlink()
    options = RepairOptions(known=True, limits=HASTY)
    report = repair(synced.tree, synced.notes, now=NOW, options=options)
    assert sorted(report.repaired) == [SONG, OTHER]
    assert [code for code, _ in synced.codes()] == ["copy.damaged"]
    assert repair(synced.tree, synced.notes, now=NOW, options=options).files_repaired == 1
    assert synced.verify().clean


def test_one_volume_can_be_mended_alone(synced: Follower) -> None:
    damage(synced)
    options = RepairOptions(volumes=("tiny-tier1-00002",), limits=HASTY)
    assert repair(synced.tree, synced.notes, now=NOW, options=options).files_repaired == 0
    assert not synced.verify().clean


def test_a_place_of_the_disk_that_cannot_be_read_costs_that_piece_alone(
    synced: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(synced.tree.root / SONG, 70_000)
    real, bad = os.pread, 3 * PIECE_LENGTH

    def pread(handle: int, length: int, offset: int) -> bytes:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path == synced.tree.root / SONG and offset <= bad < offset + length:
            raise OSError(errno.EIO, "Input/output error")
        return real(handle, length, offset)

    monkeypatch.setattr("os.pread", pread)
    report = synced.repair()
    assert (report.repaired, report.bytes_fetched) == ([SONG], 2 * PIECE_LENGTH)


def test_a_full_disk_ends_the_repair_and_leaves_everything_as_it_was(synced: Follower) -> None:
    damage(synced)
    before = files_below(synced.tree.volumes)
    staging = synced.tree.root / "incoming"
    with (
        failing_at(staging, 1, errno.ENOSPC, ("pwrite", "write", "fsync")) as failed,
        pytest.raises(NoSpaceError, match="make room"),
    ):
        synced.repair()
    assert failed
    assert files_below(synced.tree.volumes) == before
    assert synced.repair().files_repaired == 2
