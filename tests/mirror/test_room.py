"""Room on the disk is looked at, held, and given free as files come."""

from pathlib import Path

import msgspec
import pytest

from phonotheque.mirror import read_mirror, room
from phonotheque.mirror import syncing as syncing_module
from phonotheque.mirror.room import reservation_path, reserving
from phonotheque.mirror.schedule import TransferSettings
from phonotheque.model.errors import NoSpaceError
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.mirror.conftest import Follower


def test_what_is_to_come_is_held_and_given_free_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_STEP_BYTES", 1 << 20)
    tree, size = Tree(tmp_path), room.AHEAD_BYTES + (4 << 20)
    with reserving(tree, size) as held:
        taken = reservation_path(tree).stat().st_blocks * 512
        if not held.held_bytes:
            pytest.skip("this file system cannot reserve")
        assert held.held_bytes == 4 << 20 <= taken
        held.come(1000)
        assert held.held_bytes == 4 << 20, "given free in steps"
        held.come(2 << 20)
        assert reservation_path(tree).stat().st_blocks * 512 <= 2 << 20
        held.come(size)
        assert held.held_bytes == 0
    assert not reservation_path(tree).exists()


def test_small_things_reserve_nothing(tmp_path: Path) -> None:
    with reserving(Tree(tmp_path), 1 << 20):
        assert not (tmp_path / "incoming").exists()


def test_room_that_is_not_there_cannot_be_reserved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_allocate", lambda handle, size: 28)
    with (
        pytest.raises(NoSpaceError, match="cannot be reserved"),
        reserving(Tree(tmp_path), 1 << 40),
    ):
        pass
    assert not reservation_path(Tree(tmp_path)).exists()


def test_where_the_file_system_cannot_reserve_the_look_has_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_allocate", lambda handle, size: 95)
    with reserving(Tree(tmp_path), 1 << 40) as held:
        held.come(5)
        assert held.held_bytes == 0


def test_the_room_that_is_to_stay_free_is_left_and_what_was_killed_counts_as_here(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.plan()
    left = reservation_path(follower.tree)
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of a killed run")
    free = 2_000_000_000
    monkeypatch.setattr(syncing_module, "free_bytes", lambda path: free)
    settings = read_mirror(follower.tree)
    keep = TransferSettings(keep_free_bytes=free)
    write_document(follower.tree.mirror_toml, msgspec.structs.replace(settings, transfer=keep))
    with pytest.raises(NoSpaceError, match=r"of which 2,000,000,000 are to stay free"):
        follower.sync()
    assert not left.exists() and not follower.tree.volumes.exists()
