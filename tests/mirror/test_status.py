"""What a mirror says of itself, without asking anybody."""

from datetime import timedelta
from threading import Event

import pytest

from phonotheque.mirror import Stopped, plan_sync
from phonotheque.mirror.runlog import log_path
from phonotheque.mirror.schedule import pause, resume
from phonotheque.mirror.status import read_status
from phonotheque.model.errors import TransferError
from phonotheque.storage.lock import writing
from tests.mirror.conftest import Follower
from tests.support.clock import NOW


def test_a_planned_mirror_holds_nothing_yet(follower: Follower) -> None:
    follower.plan()
    status = read_status(follower.tree, NOW)
    assert (status.held_files, status.held_bytes, status.volumes_whole) == (0, 0, 0)
    assert status.missing_bytes == status.planned_bytes > 0
    assert (status.edition, status.sync, status.overdue) == (None, None, True)


def test_a_synced_mirror_says_so_and_for_how_long(synced: Follower) -> None:
    synced.sync()
    status = read_status(synced.tree, NOW)
    assert (status.held_files, status.missing_bytes, status.volumes_whole) == (19, 0, 3)
    assert status.sync is not None
    assert status.sync.outcome == "done"
    assert not status.overdue
    assert not status.running
    assert read_status(synced.tree, NOW + timedelta(days=2)).overdue


def test_a_sync_that_failed_is_told_with_its_reason(synced: Follower) -> None:
    synced.sync()
    synced.server.bend = lambda path, content: 503
    with pytest.raises(TransferError):
        synced.sync()
    status = read_status(synced.tree, NOW)
    assert status.sync is not None
    assert status.sync.outcome == "failed"
    assert "503" in status.sync.message
    assert status.sync.done_at is not None, "of the one before"


def test_who_writes_is_seen_and_who_was_killed_too(synced: Follower) -> None:
    synced.sync()
    log = log_path(synced.tree)
    log.write_bytes(log.read_bytes().replace(b'"done",', b'"running",'))
    assert read_status(synced.tree, NOW).cut_off
    with writing(synced.tree.root):
        status = read_status(synced.tree, NOW)
        assert status.running
        assert not status.cut_off


def test_withdrawn_files_and_a_pause_are_told(synced: Follower) -> None:
    synced.origin.revoke(1, "2026-11")
    synced.sync()
    pause(synced.tree, NOW)
    status = read_status(synced.tree, NOW)
    assert (status.deleted_files, status.paused) == (1, True)
    assert resume(synced.tree)
    assert not resume(synced.tree)


def test_withdrawn_files_are_not_missed(synced: Follower) -> None:
    synced.origin.revoke(1, "2026-11")
    halt = Event()
    halt.set()
    with pytest.raises(Stopped):
        synced.sync(halt=halt)
    status = read_status(synced.tree, NOW)
    assert (status.deleted_files, status.missing_bytes, status.volumes_whole) == (1, 0, 3)
    assert plan_sync(synced.tree).missing_bytes == 0
    synced.sync()
    assert read_status(synced.tree, NOW).missing_bytes == 0
    synced.origin.revoked.clear()
    synced.origin.sign()
    synced.server.bend = lambda path, _: 503 if path.startswith("volumes/") else None
    assert synced.sync().findings
    assert read_status(synced.tree, NOW).missing_bytes == 200_000, "put back, and not here yet"
    synced.server.bend = lambda path, _: None
    synced.sync()
    assert read_status(synced.tree, NOW).missing_bytes == 0 and synced.verify().clean


def test_what_is_withdrawn_before_it_came_is_not_missed_either(follower: Follower) -> None:
    follower.plan()
    follower.origin.revoke(3, "2026-11")
    follower.sync()
    status = read_status(follower.tree, NOW)
    assert (status.missing_bytes, status.volumes_whole, status.deleted_files) == (0, 3, 0)


def test_a_torn_log_is_no_log(synced: Follower) -> None:
    log_path(synced.tree).write_bytes(b"{")
    assert read_status(synced.tree, NOW).sync is None
