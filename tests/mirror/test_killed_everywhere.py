"""Killed, or failed by the disk, at each call that changes the mirror, one after the other."""

import errno
import shutil

import pytest
from msgspec.structs import replace

from phonotheque.cli.failures import describe_failure
from phonotheque.mirror import read_mirror
from phonotheque.storage.documents import write_document
from tests.mirror.conftest import Follower, files_below
from tests.support.faults import WRITING, failing_at, killed_at_every_call

VOLUME = "tiny-tier1-00001"
GONE = "tiny-tier2-00003/data/artist 6/song-6.ogg"


@pytest.fixture
def from_folder(synced: Follower) -> Follower:
    """A mirror that copies from the origin's folder, and has a file to delete."""
    here = replace(read_mirror(synced.tree), origin=str(synced.origin.root))
    write_document(synced.tree.mirror_toml, here)
    synced.origin.revoke(6, "2026-11")
    return synced


def lose(follower: Follower) -> None:
    """The mirror lacks a volume and its edition, and holds what was withdrawn."""
    shutil.rmtree(follower.tree.volume(VOLUME), ignore_errors=True)
    shutil.rmtree(follower.tree.editions, ignore_errors=True)
    shutil.rmtree(follower.tree.metadata / "root_history", ignore_errors=True)
    withdrawn = follower.tree.volumes / GONE
    withdrawn.unlink(missing_ok=True)
    shutil.copy(follower.origin.tree.volumes / GONE, withdrawn)


def is_sound_and_goes_on(follower: Follower) -> None:
    """Nothing unsound stands in its place; the next sync brings the rest."""
    sound = files_below(follower.origin.tree.volumes)
    assert files_below(follower.tree.volumes).items() <= sound.items()
    assert follower.sync().findings == []
    del sound[GONE]
    assert files_below(follower.tree.volumes) == sound


@pytest.mark.parametrize(
    "stride", [149, pytest.param(1, marks=[pytest.mark.full, pytest.mark.timeout(900)])]
)
def test_killed_at_each_call_a_sync_is_completed(from_folder: Follower, stride: int) -> None:
    def prepare() -> None:
        lose(from_folder)

    for _ in killed_at_every_call(from_folder.tree.root, prepare, from_folder.sync, stride=stride):
        is_sound_and_goes_on(from_folder)
    assert from_folder.verify().clean


@pytest.mark.full
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_disk_that_fails_at_each_call_is_named_and_the_sync_completed(
    from_folder: Follower, error: int
) -> None:
    for number in range(1, 2_000, 17):
        lose(from_folder)
        with failing_at(from_folder.tree.root, number, error, WRITING) as failed:
            try:
                from_folder.sync()
            except Exception as raised:
                said, _ = describe_failure(raised)
                assert "should not have happened" not in said or "Errno" in said, said
        is_sound_and_goes_on(from_folder)
        if not failed:
            break
    assert from_folder.verify().clean
