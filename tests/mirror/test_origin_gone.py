"""The origin is gone: what is held stays good, goes on being given, and a successor is followed."""

import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from phonotheque.cli.main import main
from phonotheque.mirror import Seeder, get, read_mirror
from phonotheque.model.errors import TransferError, TrustError
from phonotheque.model.numbers import IdKey, Kind, format_public_id
from phonotheque.storage.documents import read_settings, write_document
from phonotheque.storage.layout import Tree
from tests.archive.test_publish import made_up_vault, release
from tests.archive.workshop import Song, Workshop
from tests.mirror.conftest import HASTY, LOOPBACK, Follower, Notes, files_below
from tests.support.clock import NOW, TufClock
from tests.support.origin import TinyOrigin, WebServer

__all__ = ["made_up_vault"]
SONGS = [Song(f"Song {n}", "Zaz", listens=900 - n, tier=1, size=50_000 + n) for n in range(4)]
ONE, TWO = "work-tier1-00001", "work-tier1-00002"


def follow(follower: Follower, address: str) -> None:
    """Let a mirror know its origin by another address."""
    settings = read_mirror(follower.tree)
    write_document(follower.tree.mirror_toml, msgspec.structs.replace(settings, origin=address))


@pytest.mark.full
def test_mirrors_outlive_their_origin_and_follow_its_successor(
    tmp_path: Path, tuf_clock: TufClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Workshop(tmp_path / "archive", publish={"webseeds": []}, volumes={"max_files": 3})
    archive.build(SONGS)
    release(archive.tree)
    origin = TinyOrigin(archive.tree.root)
    key = IdKey(bytes.fromhex(read_settings(archive.tree).id_key))
    ids = [format_public_id(n, key, Kind.RECORDING) for n in range(1, 5)]
    volumes, pinned = files_below(archive.tree.volumes), origin.fingerprint
    with WebServer(archive.tree.root) as server:
        keeper = Follower(origin, server, Tree(tmp_path / "keeper"))
        keeper.plan(root=pinned)
        keeper.sync()
        small = Follower(origin, server, Tree(tmp_path / "small"))
        small.plan(root=pinned, exclude=[TWO])
        small.sync()
    offline = archive.tree.offline_keys
    shutil.rmtree(archive.tree.root)

    with pytest.raises(TransferError, match="what this mirror has stays usable"):
        keeper.sync()
    assert keeper.verify().clean and small.verify().clean
    found = get(keeper.tree, ids[3], tmp_path / "four", Notes(), limits=HASTY)
    assert (found.volume, found.bytes_fetched) == (TWO, 0)

    with WebServer(keeper.tree.root) as successor, Seeder(keeper.tree, listen=LOOPBACK) as seeding:
        follow(small, successor.url)
        small.plan(origin=successor.url, exclude=[])
        report = small.sync(peers=[("127.0.0.1", seeding.port)])
        assert report.findings == [] and files_below(small.tree.volumes) == volumes

        tuf_clock.now = NOW + timedelta(days=30)
        newcomer = Follower(origin, successor, Tree(tmp_path / "newcomer"))
        for refused in (small.sync, lambda: newcomer.plan(root=pinned)):
            with pytest.raises(TrustError, match="have run out"):
                refused()
        assert small.verify().clean and keeper.verify().clean

        later = str(int((NOW + timedelta(days=30)).timestamp()))
        monkeypatch.setenv("SOURCE_DATE_EPOCH", later)
        words = ["keys", "rotate", keeper.tree.root, "snapshot", "timestamp", "revocations"]
        assert main([str(word) for word in [*words, "--keys", offline]]) == 0
        assert small.sync().findings == []
        newcomer.plan(root=pinned)
        assert newcomer.sync(peers=[("127.0.0.1", seeding.port)]).findings == []
        assert files_below(newcomer.tree.volumes) == volumes and newcomer.verify().clean
