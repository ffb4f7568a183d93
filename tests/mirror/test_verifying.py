"""What verify finds, and what it does not claim."""

import pytest

from phonotheque.mirror import VerifyMode, verify
from phonotheque.mirror.state import state_path
from phonotheque.model.errors import FormatError, NotFoundError, PhonothequeError
from tests.mirror.conftest import Follower, flip
from tests.support.clock import NOW

BAG = "volumes/tiny-tier1-00001"
SONG = f"{BAG}/data/artist 1/song-1.ogg"


def test_a_sound_mirror_is_clean_and_everything_was_read(synced: Follower) -> None:
    report = synced.verify()
    assert (report.clean, report.complete, report.findings) == (True, True, [])
    everything = [*synced.tree.volumes.rglob("*"), *synced.tree.editions.rglob("*.parquet"),
                  *synced.tree.editions.rglob("*.torrent")]  # fmt: skip
    assert report.bytes_read == sum(p.stat().st_size for p in everything if p.is_file())


def test_an_origin_archive_can_be_verified_too(follower: Follower) -> None:
    report = verify(follower.origin.tree, follower.notes, now=NOW)
    assert (report.clean, report.complete) == (True, True)
    assert not (follower.origin.root / "state.sqlite").exists()


def test_each_kind_of_damage_is_named_and_nothing_else(synced: Follower) -> None:
    flip(synced.tree.root / SONG, 199_999)
    (synced.tree.root / BAG / "data/artist 2/song-2.ogg").unlink()
    flip(synced.tree.root / BAG / "bag-info.txt", 0)
    (synced.tree.root / BAG / "data/extra.ogg").write_bytes(b"?")
    flip(synced.tree.edition("2026-11") / "tombstones.parquet", 10)
    (synced.tree.edition("2026-11") / "torrents/tiny-tier2-00003.torrent").unlink()
    grown = synced.tree.volume("tiny-tier1-00002") / "data/artist 3/song-3.ogg"
    grown.chmod(0o644)
    grown.write_bytes(grown.read_bytes() + b"!")
    assert synced.codes() == [
        ("copy.damaged", f"{BAG}/bag-info.txt"),
        ("copy.damaged", SONG),
        ("copy.damaged", "volumes/tiny-tier1-00002/data/artist 3/song-3.ogg"),
        ("copy.extra", f"{BAG}/data/extra.ogg"),
        ("copy.missing", f"{BAG}/data/artist 2/song-2.ogg"),
        ("copy.not-checked", "volumes/tiny-tier2-00003"),
        ("table.damaged", "editions/2026-11/tombstones.parquet"),
        ("table.missing", "editions/2026-11/torrents/tiny-tier2-00003.torrent"),
    ]
    assert not synced.verify().clean


def test_a_quick_look_sees_lengths_and_calls_nothing_sound(synced: Follower) -> None:
    flip(synced.tree.root / SONG, 3)
    report = synced.verify(mode=VerifyMode.QUICK)
    assert (report.sound, report.complete, report.damaged) == (0, False, 0)
    assert report.not_checked == 13 + 19
    (synced.tree.root / SONG).write_bytes(b"short")
    assert synced.verify(mode=VerifyMode.QUICK).damaged == 1


def test_a_sample_reads_a_part_and_says_so(synced: Follower) -> None:
    report = synced.verify(mode=VerifyMode.SAMPLE, sample_percent=40.0, sample_seed=1)
    assert 0 < report.sound < 32
    assert report.sound + report.not_checked == 32
    assert {f.code for f in report.findings} == {"copy.not-checked"}
    assert (report.clean, report.complete) == (True, False)
    again = synced.verify(mode=VerifyMode.SAMPLE, sample_percent=40.0, sample_seed=1)
    assert again == report


def test_one_volume_can_be_verified_alone(synced: Follower) -> None:
    flip(synced.tree.root / SONG, 3)
    report = synced.verify(volumes=["tiny-tier1-00002"])
    assert report.clean
    assert report.sound == 7 + 2
    with pytest.raises(NotFoundError, match="no volume nine"):
        synced.verify(volumes=["nine"])


def test_a_withdrawn_file_that_is_still_here_is_an_error_of_a_mirror_but_not_of_an_origin(
    synced: Follower,
) -> None:
    synced.origin.revoke(1, "2026-11")
    revocations = synced.origin.tree.revocations_json.read_bytes()
    synced.tree.revocations_json.write_bytes(revocations)
    assert ("copy.withdrawn", SONG) in synced.codes()
    assert not synced.verify().clean
    assert verify(synced.origin.tree, synced.notes, now=NOW).clean


def test_a_manifest_that_is_not_the_signed_one_ends_the_look(synced: Follower) -> None:
    flip(synced.tree.edition("2026-11") / "edition.json", 200)
    assert synced.codes() == [("table.damaged", "editions/2026-11/edition.json")]
    synced.sync()
    assert synced.verify().clean


def test_verify_is_never_silent(synced: Follower) -> None:
    synced.notes.steps.clear()
    synced.verify()
    assert synced.notes.steps == [
        "edition 2026-11", "tiny-tier1-00001", "tiny-tier1-00002", "tiny-tier2-00003",
    ]  # fmt: skip


def test_a_mirror_on_a_read_only_disk_is_verified_all_the_same(
    synced: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = state_path(synced.tree)
    state.unlink(missing_ok=True)
    state.mkdir()  # no user can write a database there, not even root
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    report = synced.verify()
    assert report.sound > 0
    assert not synced.codes()


def test_a_state_that_cannot_be_opened_is_not_called_broken(synced: Follower) -> None:
    state = state_path(synced.tree)
    state.unlink(missing_ok=True)
    state.mkdir()
    with pytest.raises(PhonothequeError, match="look at the disk") as caught:
        synced.verify()
    assert not isinstance(caught.value, FormatError)
