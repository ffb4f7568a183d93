"""A verification that is stopped and goes on, or reads a part: what it says, and what it reads."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from phonotheque.cli.main import main
from phonotheque.mirror import VerifyMode, VerifyReport, verify
from phonotheque.mirror.disks import Disk, disk_below, is_turning
from phonotheque.mirror.findings_log import KEPT
from phonotheque.mirror.sampling import chance_of_so_few, share_for, state_sample
from phonotheque.mirror.state import open_state
from phonotheque.model.errors import UsageError
from phonotheque.model.progress import Silent
from tests.mirror.conftest import Follower, Notes, flip
from tests.support.clock import NOW

BAG = "volumes/tiny-tier1-00001"
SONG = f"{BAG}/data/artist 1/song-1.ogg"
LAST = "volumes/tiny-tier2-00003/data/artist 7/song-7.ogg"


class StoppedError(Exception):
    """Somebody pulled the plug."""


class StopsAt(Silent):
    """Ends the verification when a step begins."""

    def __init__(self, step: str) -> None:
        self.step = step

    def start(self, step: str, total: int | None, unit: str) -> None:
        if step == self.step:
            raise StoppedError


def stop_at(synced: Follower, step: str) -> None:
    with pytest.raises(StoppedError):
        verify(synced.tree, StopsAt(step), now=NOW)


def later(synced: Follower, **options: object) -> VerifyReport:
    return verify(synced.tree, Notes(), now=NOW + timedelta(days=30), **options)  # type: ignore[arg-type]


def test_a_stopped_verification_goes_on_and_reads_nothing_twice(synced: Follower) -> None:
    whole = synced.verify()
    stop_at(synced, "tiny-tier2-00003")
    rest = later(synced)
    last = sum(p.stat().st_size for p in synced.tree.volume("tiny-tier2-00003").rglob("*.*")
               if p.is_file())  # fmt: skip
    assert (rest.sound, rest.carried, rest.bytes_read) == (whole.sound, whole.sound - 6, last)
    assert (rest.complete, rest.started_at) == (True, NOW)
    anew = later(synced)
    assert (anew.carried, anew.bytes_read) == (0, whole.bytes_read)


def test_what_changed_or_was_damaged_since_the_stop_is_read_again(synced: Follower) -> None:
    flip(synced.tree.root / SONG, 7)
    stop_at(synced, "tiny-tier2-00003")
    flip(synced.tree.volume("tiny-tier1-00002") / "bag-info.txt", 1)
    found = sorted(f.where for f in later(synced).findings)
    assert found == [SONG, "volumes/tiny-tier1-00002/bag-info.txt"]


def test_afresh_and_other_wishes_begin_anew(synced: Follower) -> None:
    stop_at(synced, "tiny-tier2-00003")
    assert later(synced, volumes=["tiny-tier1-00001"]).carried == 0
    assert later(synced, afresh=True).carried == 0


def test_only_what_is_new_changed_or_long_unread_is_read(synced: Follower) -> None:
    synced.verify()
    first = later(synced, mode=VerifyMode.CHANGED)
    assert (first.bytes_read, first.sound, first.proved) == (0, 0, first.not_checked)
    assert not first.complete
    flip(synced.tree.root / SONG, 7)
    found = later(synced, mode=VerifyMode.CHANGED)
    assert (found.bytes_read, found.damaged) == (200_000, 1)
    old = later(synced, mode=VerifyMode.CHANGED, days=30)
    assert (old.proved, old.damaged, old.complete) == (0, 1, True)


def test_a_sample_says_what_it_shows_and_can_be_made_large_enough(synced: Follower) -> None:
    report = synced.verify(mode=VerifyMode.SAMPLE, sample_percent=40, sample_seed=1)
    assert report.sample is not None
    assert (report.sample.population, report.sample.read) == (32, report.sound)
    assert 1 / 32 <= report.sample.fewer_than < 0.4
    large = synced.verify(mode=VerifyMode.SAMPLE, below_percent=4, sample_seed=1)
    assert large.sample is not None
    assert large.sample.fewer_than <= 0.04
    for wrong in ({"below_percent": 0.0}, {"below_percent": 100.0}, {"confidence_percent": 100.0}):
        with pytest.raises(UsageError):
            synced.verify(mode=VerifyMode.SAMPLE, **wrong)


def test_a_sample_is_asked_for_in_percent_with_or_without_the_sign(
    synced: Follower, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--below", "4%"], ["--below", "4"], ["--mode", "sample", "--percent", "40%"]):
        assert main(["verify", str(synced.tree.root), *words, "--confidence", "90%"]) == 0
        assert "with 90 % confidence fewer than" in capsys.readouterr().out
    assert main(["verify", str(synced.tree.root), "--below", "few"]) == 2
    assert "write for example 0.1 or 5%" in capsys.readouterr().err


def test_the_bound_of_a_sample_is_the_known_one() -> None:
    """The rule of three, and the whole read: 1 of 10 can be bad only where it was seen."""
    assert state_sample(10**9, 3_000, 0, 0.95).fewer_than == pytest.approx(3 / 3_000, rel=2e-3)
    assert state_sample(10, 10, 0, 0.95).fewer_than == 0.1
    assert state_sample(10, 10, 1, 0.95).fewer_than == 0.2
    assert state_sample(0, 0, 0, 0.95).fewer_than == 1.0
    by_hand = (90 * 89 * 88) / (100 * 99 * 98)  # none of ten bad ones among three of a hundred
    assert chance_of_so_few(100, 10, 3, 0) == pytest.approx(by_hand)
    assert chance_of_so_few(100, 10, 3, 3) == pytest.approx(1.0)
    assert share_for(0.001, 0.95, 10**9) * 10**9 == pytest.approx(2995, rel=0.1)
    assert share_for(0.001, 0.95, 10) == 1.0


def test_all_findings_are_in_the_file_and_the_first_in_the_report(
    synced: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonotheque.mirror.findings_log.KEPT", 2)
    assert KEPT == 1000
    flip(synced.tree.root / SONG, 7)
    flip(synced.tree.root / LAST, 7)
    (synced.tree.root / BAG / "stranger").write_text("?")
    report = synced.verify()
    assert (len(report.findings), report.findings_left_out, report.clean) == (2, 1, False)
    file = synced.tree.root / "findings.jsonl"
    assert report.findings_file == str(file)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(line["code"] for line in lines) == ["copy.damaged", "copy.damaged", "copy.extra"]
    synced.repair()
    (synced.tree.root / BAG / "stranger").unlink()
    assert synced.verify().findings_file is None
    assert not file.exists()


def test_an_archive_writes_its_findings_where_it_is_told(
    follower: Follower, tmp_path: Path
) -> None:
    flip(follower.origin.root / SONG, 7)
    report = verify(follower.origin.tree, Notes(), now=NOW, findings=tmp_path / "found")
    assert json.loads((tmp_path / "found").read_text())["where"] == SONG
    assert report.damaged == 1
    assert not (follower.origin.root / "findings.jsonl").exists()


def test_a_volume_that_is_gone_is_one_finding(synced: Follower) -> None:
    synced.tree.volume("tiny-tier1-00001").rename(synced.tree.root / "elsewhere")
    report = synced.verify()
    assert [(f.code, f.where) for f in report.findings] == [("copy.missing", BAG)]
    assert report.missing == 6
    assert synced.repair().files_repaired == 6
    assert synced.verify().clean


def test_a_state_of_before_is_read_and_gets_the_journal(synced: Follower) -> None:
    with open_state(synced.tree) as state:
        for table in ("suspects", "rounds", "round_places", "round_files"):
            state.connection.execute(f"DROP TABLE {table}")
        state.connection.commit()
    assert synced.verify().clean
    stop_at(synced, "tiny-tier1-00001")
    assert later(synced).carried > 0


def test_a_turning_disk_is_read_in_its_order_by_one_at_a_time(
    synced: Follower, tmp_path: Path
) -> None:
    for jobs in (1, 3):
        assert synced.verify(threads=jobs).clean
    disk = Disk(turning=True, threads=2)
    listed = sorted(p for p in synced.tree.volumes.rglob("*") if p.is_file())
    assert sorted(disk.order(listed)) == listed
    assert Disk(turning=False, threads=2).order(listed) == listed
    assert disk_below(tmp_path, 1).turning
    assert not disk_below(tmp_path, 2).turning


def test_the_system_says_whether_a_disk_turns(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    sys, disk = tmp_path / "dev", tmp_path / "devices/sda"
    (disk / "sda1").mkdir(parents=True)
    (disk / "queue").mkdir()
    sys.mkdir()
    assert not is_turning(tmp_path, sys)
    (sys / f"{os.major(device)}:{os.minor(device)}").symlink_to(disk / "sda1")
    for said, turns in (("1\n", True), ("0\n", False)):
        (disk / "queue/rotational").write_text(said)
        assert is_turning(tmp_path, sys) is turns
