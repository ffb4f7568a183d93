"""A withdrawal is out at once, with online keys alone, whatever way the recording is named."""

import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from phonotheque.archive import (
    execute_withdraw,
    plan_withdraw,
    read_withdrawals,
    withdraw,
)
from phonotheque.archive.withdrawals import withdrawals_jsonl
from phonotheque.model.edition import Revocations
from phonotheque.model.errors import FormatError, NotFoundError, UsageError
from phonotheque.model.numbers import IdKey, Kind, format_public_id
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import read_document, read_settings
from tests.archive.test_publish import SONGS, made_up_vault, release, rows, snapshot
from tests.archive.workshop import Song, Workshop, cut_off_at
from tests.edition.test_signing import Follower
from tests.support.clock import NOW

pytestmark = pytest.mark.usefixtures("tuf_clock")

__all__ = ["made_up_vault"]
SHARED = "DEAAA2600002"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "archive")
    made.build([*SONGS, Song("A", isrcs=[SHARED]), Song("B", isrcs=[SHARED])])
    release(made.tree)
    return made


def test_a_withdrawal_reaches_a_follower_without_any_offline_key(
    workshop: Workshop, tmp_path: Path
) -> None:
    tree = workshop.tree
    follower = Follower(tree, tmp_path / "follower")
    shutil.rmtree(tree.offline_keys)
    volumes = snapshot(tree.volumes)
    report = execute_withdraw(tree, plan_withdraw(tree, ["1"], "take-down"), NOW, Silent())
    assert report.revoked_files == 1 and len(report.withdrawn) == 1
    content = follower.read("revocations.json")
    assert content is not None
    [file] = msgspec.json.decode(content, type=Revocations).files
    assert (file.sha256, file.volume) == (SONGS[0].digest, "work-tier1-00001")
    assert file.recording == report.withdrawn[0] and file.since == NOW
    assert snapshot(tree.volumes) == volumes


def test_a_recording_is_found_by_public_id_isrc_and_number(workshop: Workshop) -> None:
    key = IdKey(bytes.fromhex(read_settings(workshop.tree).id_key))
    named = [format_public_id(1, key), "de-aaa-26-00001", "1"]
    plan = plan_withdraw(workshop.tree, named, "rights")
    assert [(r.recording, r.title) for r in plan.recordings] == [(1, "Hit")]


def test_a_second_withdrawal_of_the_same_changes_nothing(workshop: Workshop) -> None:
    tree = workshop.tree
    execute_withdraw(tree, plan_withdraw(tree, ["1"], "rights"), NOW, Silent())
    before = snapshot(tree.root)
    plan = plan_withdraw(tree, ["1"], "donor")
    assert plan.recordings[0].already
    report = execute_withdraw(tree, plan, NOW + timedelta(hours=1), Silent())
    assert (report.withdrawn, len(report.already)) == ([], 1)
    assert snapshot(tree.root) == before


def test_a_killed_withdrawal_is_completed(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = workshop.tree
    plan = plan_withdraw(tree, ["1"], "rights")
    with cut_off_at(monkeypatch, withdraw, "publish_revocations"):
        execute_withdraw(tree, plan, NOW, Silent())
    assert read_document(tree.revocations_json, Revocations).files == []
    report = execute_withdraw(tree, plan, NOW, Silent())
    assert (report.revoked_files, report.revocations_sequence) == (1, 1)
    assert len(read_withdrawals(tree)) == 1


def test_publishing_completes_a_killed_withdrawal(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tombstone without its revocation would leave the file with every mirror."""
    tree = workshop.tree

    with cut_off_at(monkeypatch, withdraw, "publish_revocations"):
        execute_withdraw(tree, plan_withdraw(tree, ["1"], "rights"), NOW, Silent())
    workshop.build(SONGS)
    release(tree, "two", days=1)
    [file] = read_document(tree.revocations_json, Revocations).files
    assert file.sha256 == SONGS[0].digest


@pytest.mark.parametrize("text", ["999", "DEZZZ2699999", "r000000000", "no such thing"])
def test_an_id_that_names_nothing_is_said(workshop: Workshop, text: str) -> None:
    with pytest.raises(NotFoundError):
        plan_withdraw(workshop.tree, [text], "rights")


def test_what_is_ambiguous_or_senseless_is_refused(workshop: Workshop) -> None:
    key = IdKey(bytes.fromhex(read_settings(workshop.tree).id_key))
    with pytest.raises(UsageError, match="9, 10"):
        plan_withdraw(workshop.tree, [SHARED], "rights")
    with pytest.raises(UsageError, match="take-down"):
        plan_withdraw(workshop.tree, ["1"], "because")
    with pytest.raises(UsageError, match="only recordings"):
        plan_withdraw(workshop.tree, [format_public_id(1, key, Kind.ARTIST)], "rights")
    with pytest.raises(UsageError, match="at least one"):
        plan_withdraw(workshop.tree, [], "rights")


def test_a_broken_line_of_the_list_is_named(workshop: Workshop) -> None:
    withdrawals_jsonl(workshop.tree).write_bytes(b'{"recording": 1}\n')
    with pytest.raises(FormatError, match="line 1"):
        read_withdrawals(workshop.tree)


def twin(of: Song) -> Song:
    """Another recording with the same bytes."""
    return SameBytes("Another name", artist=of.artist, listens=50, original=of)


@dataclass
class SameBytes(Song):
    original: Song = field(default_factory=lambda: Song("Hit", "Zaz"))

    @property
    def content(self) -> bytes:
        return self.original.content


@pytest.mark.full
@pytest.mark.parametrize("first_published", [True, False])
def test_withdrawn_bytes_do_not_come_back_under_another_recording(
    tmp_path: Path, first_published: bool
) -> None:
    made = Workshop(tmp_path / "archive")
    made.build(SONGS)
    if first_published:
        release(made.tree)
    execute_withdraw(made.tree, plan_withdraw(made.tree, ["1"], "take-down"), NOW, Silent())
    made.build([*SONGS, twin(SONGS[0])])
    report = release(made.tree, "two", days=1)
    assert report.refused["copy.withdrawn"] == 1
    assert rows(made.tree.edition("two"), "SELECT * FROM files WHERE recording = 9") == []


def test_a_withdrawal_revokes_every_published_copy_of_the_same_bytes(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "archive")
    made.build([*SONGS, twin(SONGS[0])])
    release(made.tree)
    plan = plan_withdraw(made.tree, ["1"], "take-down")
    assert execute_withdraw(made.tree, plan, NOW, Silent()).revoked_files == 2


def test_withdrawn_bytes_stay_barred_when_their_number_has_lost_them(tmp_path: Path) -> None:
    """A recording that is split, or read anew from other files, leaves its old bytes to others."""
    made = Workshop(tmp_path / "archive")
    made.build(SONGS)
    execute_withdraw(made.tree, plan_withdraw(made.tree, ["1"], "take-down"), NOW, Silent())
    made.build([Song("Hit", "Zaz (another take)"), *SONGS[1:], SONGS[0]])
    report = release(made.tree, "two", days=1)
    assert report.refused["copy.withdrawn"] == 1


def test_a_recording_that_the_build_holds_back_is_not_published(tmp_path: Path) -> None:
    """Two sources of one recording disagree: its good file alone does not decide."""
    made = Workshop(tmp_path / "archive")
    made.distribute[1] = "DENY"
    made.build(SONGS)
    report = release(made.tree)
    assert report.refused["rights.needs-review"] == 1
    assert rows(made.tree.edition("one"), "SELECT * FROM files WHERE recording = 1") == []


def test_what_is_out_and_no_longer_allowed_is_said(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "archive")
    made.build(SONGS)
    release(made.tree)
    made.distribute[1] = "DENY"
    made.build(SONGS)
    report = release(made.tree, "two", days=1)
    assert report.refused["rights.denied"] == 1
    [finding] = [
        f for f in pq.read_table(report.findings).to_pylist() if f["code"] == "rights.denied"
    ]
    assert "work-tier1-00001" in finding["message"] and "withdraw" in finding["message"]
