"""An edition's own files from the swarm: brought, proved, and given on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from phonotheque.mirror import Limits, Seeder, Via
from phonotheque.model.edition import EditionManifest
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from tests.mirror.conftest import LOOPBACK, Follower, files_below
from tests.support.origin import TinyOrigin, WebServer, three_volumes


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Follower]:
    origin = TinyOrigin(tmp_path / "origin", catalogue=True)
    origin.publish(three_volumes())
    with WebServer(origin.root) as server:
        yield Follower(origin, server, Tree(tmp_path / "mirror"))


@pytest.mark.full
def test_the_swarm_gives_the_edition_and_a_mirror_gives_it_on(
    follower: Follower, tmp_path: Path
) -> None:
    edition = follower.origin.tree.edition("2026-11")
    manifest = read_document(edition / "edition.json", EditionManifest)
    follower.plan(via=Via.SWARM)
    with Seeder(follower.origin.tree, listen=LOOPBACK) as origin:
        assert manifest.catalogue_torrent is not None
        assert manifest.catalogue_torrent.info_hash_v2 in origin.info_hashes
        follower.server.served.clear()
        report = follower.sync(peers=[("127.0.0.1", origin.port)])
    asked = [s.path for s in follower.server.served if s.path.startswith("editions/")]
    assert sorted(asked) == [
        "editions/2026-11/edition.json",
        "editions/2026-11/torrents/catalogue.torrent",
    ]
    assert report.edition_bytes_fetched >= sum(e.bytes for e in manifest.contents)
    assert report.edition_files_fetched == len(manifest.contents)
    assert files_below(follower.tree.edition("2026-11")) == files_below(edition)
    assert not list((follower.tree.root / "incoming").rglob("2026-11*"))
    with Seeder(follower.tree, listen=LOOPBACK) as second:
        further = Follower(follower.origin, follower.server, Tree(tmp_path / "further"))
        further.plan(via=Via.SWARM)
        further.sync(peers=[("127.0.0.1", second.port)])
    assert further.verify().clean


def test_without_the_swarm_the_web_gives_it(follower: Follower) -> None:
    follower.plan()
    report = follower.sync(peers=[("127.0.0.1", 9)], limits=Limits(stall_seconds=0.2))
    assert any("swarm brought nothing" in line for line in follower.notes.lines)
    assert report.findings == [] and follower.verify().clean


def test_what_the_swarm_brought_before_it_gave_up_is_not_fetched_again(
    follower: Follower, tmp_path: Path
) -> None:
    follower.plan()
    part = Follower(follower.origin, follower.server, Tree(tmp_path / "part"))
    part.plan(exclude=["tiny-tier1-00002", "tiny-tier2-00003"])
    part.sync()
    follower.server.served.clear()
    with Seeder(part.tree, listen=LOOPBACK) as peer:
        hurried = Limits(attempts=2, stall_seconds=1.0)
        report = follower.sync(peers=[("127.0.0.1", peer.port)], limits=hurried)
    assert report.findings == [] and follower.verify().clean
    assert any("brought nothing for 1 s" in line for line in follower.notes.lines)
    asked = {s.path.removeprefix("editions/2026-11/") for s in follower.server.served}
    tables = {path for path in asked if path.endswith((".parquet", ".torrent"))}
    assert tables - {"torrents/catalogue.torrent"} == {
        f"{kind}/{volume}.{ending}"
        for volume in ("tiny-tier1-00002", "tiny-tier2-00003")
        for kind, ending in (("files", "parquet"), ("torrents", "torrent"))
    }
    assert not (follower.tree.root / "incoming" / "swarm" / "2026-11").exists()


def test_another_torrent_than_the_signed_one_is_not_followed(follower: Follower) -> None:
    edition = follower.origin.tree.edition("2026-11")
    other = (edition / "torrents" / "tiny-tier1-00001.torrent").read_bytes()
    (edition / "torrents" / "catalogue.torrent").write_bytes(other)
    with Seeder(follower.origin.tree, listen=LOOPBACK, progress=follower.notes) as origin:
        assert origin.volumes and len(origin.info_hashes) == len(origin.volumes)
    assert any("not the torrent that the edition names" in line for line in follower.notes.lines)
