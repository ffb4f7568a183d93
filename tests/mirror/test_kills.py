"""Killed at any line, run again, and it is as if nothing had happened."""

import shutil
import sys

from msgspec.structs import replace

from phonotheque.mirror import read_mirror
from phonotheque.storage.documents import write_document
from tests.mirror.conftest import Follower, files_below, flip
from tests.support.crashing import killed_at_every_line

BAG = "volumes/tiny-tier1-00001"
SONG, OTHER = f"{BAG}/data/artist 1/song-1.ogg", f"{BAG}/data/artist 2/song-2.ogg"
MODULES = ("mending", "transfer", "volumes", "editions", "revoking", "syncing", "repairing")


def copy_from_the_folder(follower: Follower) -> None:
    """Let the mirror copy from the origin's folder: a forked child has no web server."""
    settings = read_mirror(follower.tree)
    here = str(follower.origin.root)
    write_document(follower.tree.mirror_toml, replace(settings, origin=here))


def test_a_repair_killed_anywhere_never_makes_things_worse_and_is_completed(
    synced: Follower,
) -> None:
    copy_from_the_folder(synced)
    sound = files_below(synced.tree.volumes)

    def damage() -> None:
        if not synced.verify().clean:
            synced.repair()
        flip(synced.tree.root / SONG, 70_000, 199_999)
        (synced.tree.root / OTHER).unlink()

    modules = [sys.modules[f"phonotheque.mirror.{name}"] for name in MODULES]
    kills = 0
    for _ in killed_at_every_line(modules, damage, lambda: synced.repair() and None, stride=41):
        kills += 1
        now = files_below(synced.tree.volumes)
        wrong = {path for path in sound if now.get(path, b"") not in (sound[path], b"")}
        assert wrong <= {SONG.removeprefix("volumes/")}
        synced.repair()
        assert files_below(synced.tree.volumes) == sound
    assert kills > 3


def test_a_sync_killed_anywhere_is_completed_with_the_same_bytes(synced: Follower) -> None:
    copy_from_the_folder(synced)
    synced.origin.revoke(6, "2026-11")
    sound = files_below(synced.origin.tree.volumes)

    def lose() -> None:
        shutil.rmtree(synced.tree.volume("tiny-tier1-00001"))
        shutil.rmtree(synced.tree.editions)

    modules = [sys.modules[f"phonotheque.mirror.{name}"] for name in MODULES]
    for _ in killed_at_every_line(modules, lose, lambda: synced.sync() and None, stride=131):
        assert set(files_below(synced.tree.volumes).items()) <= set(sound.items())
        assert synced.sync().findings == []
        held = files_below(synced.tree.volumes)
        assert set(sound) - set(held) == {"tiny-tier2-00003/data/artist 6/song-6.ogg"}
    assert synced.verify().clean
