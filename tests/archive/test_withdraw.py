"""A withdrawal is out at once, with online keys alone, whatever way the recording is named."""

import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
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
from tests.archive.test_publish import SONGS, made_up_vault, release, snapshot
from tests.archive.workshop import Song, Workshop
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

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    plan = plan_withdraw(tree, ["1"], "rights")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(withdraw, "publish_revocations", killed)
        execute_withdraw(tree, plan, NOW, Silent())
    assert read_document(tree.revocations_json, Revocations).files == []
    report = execute_withdraw(tree, plan, NOW, Silent())
    assert (report.revoked_files, report.revocations_sequence) == (1, 1)
    assert len(read_withdrawals(tree)) == 1


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
