"""What the demo published, read by programs that are not ours."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bagit
import duckdb
import libtorrent
import polars
import pytest
import torf
from tuf.ngclient import Updater, UpdaterConfig

from phonotheque.serve import Server, create_app
from phonotheque.storage.layout import Tree
from tests.whole.clients import Aria2, fetch_aria2, fetch_webtorrent
from tests.whole.program import tree_digests

Shown = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def archive(demo: Shown) -> Tree:
    return Tree(demo[0] / "archive")


@pytest.fixture(scope="module")
def edition(archive: Tree) -> Path:
    (folder,) = archive.editions.iterdir()
    return folder


@pytest.fixture
def origin(archive: Tree) -> Iterator[Server]:
    with Server(create_app(archive)) as server:
        yield server


def test_every_volume_is_valid_for_the_library_of_congress(archive: Tree, demo: Shown) -> None:
    volumes = sorted(archive.volumes.iterdir())
    assert len(volumes) == demo[1]["volumes"]
    for volume in volumes:
        bag = bagit.Bag(str(volume))
        assert bag.validate(processes=1)
        assert list(bag.payload_files())


def test_every_table_opens_in_duckdb_and_in_polars_with_the_same_rows(edition: Path) -> None:
    tables = sorted(edition.rglob("*.parquet"))
    assert {path.name for path in tables} >= {"volumes.parquet", "tombstones.parquet"}
    for path in tables:
        ((counted,),) = duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}')").fetchall()
        assert polars.read_parquet(path).height == counted


def test_info_hashes_are_those_of_libtorrent_and_torf(edition: Path, demo: Shown) -> None:
    for volume, expected in demo[1]["info_hashes"].items():
        path = edition / "torrents" / f"{volume}.torrent"
        info = libtorrent.torrent_info(str(path))
        assert str(info.info_hashes().v2) == expected
        row = polars.read_parquet(edition / "volumes.parquet").row(
            by_predicate=polars.col("volume") == volume, named=True
        )
        assert str(info.info_hashes().v1) == row["info_hash_v1"]
        assert torf.Torrent.read(str(path), validate=False).infohash == row["info_hash_v1"]


def test_the_stock_tuf_client_gets_the_edition(
    archive: Tree, edition: Path, origin: Server, tmp_path: Path
) -> None:
    (tmp_path / "metadata").mkdir()
    (tmp_path / "targets").mkdir()
    updater = Updater(
        metadata_dir=str(tmp_path / "metadata"),
        metadata_base_url=f"{origin.url}/metadata/",
        target_dir=str(tmp_path / "targets"),
        target_base_url=f"{origin.url}/",
        config=UpdaterConfig(prefix_targets_with_hash=False),
        bootstrap=(archive.metadata / "1.root.json").read_bytes(),
    )
    updater.refresh()
    for name in ("latest.json", f"editions/{edition.name}/edition.json", "revocations.json"):
        target = updater.get_targetinfo(name)
        assert target is not None
        got = updater.download_target(target, str(tmp_path / "got"))
        assert Path(got).read_bytes() == (archive.root / name).read_bytes()


@pytest.fixture
def first(edition: Path) -> Path:
    """The torrent of the first volume."""
    return min(volume_torrents(edition))


def volume_torrents(edition: Path) -> list[Path]:
    return [t for t in (edition / "torrents").iterdir() if t.name != "catalogue.torrent"]


@pytest.fixture
def web_seed(archive: Tree, first: Path) -> Iterator[Server]:
    """The demo's own origin, which its torrents name as web seed: it has to be there again."""
    (seed,) = libtorrent.load_torrent_file(str(first)).url_seeds
    port = int(seed.split(":")[2].split("/")[0])
    with Server(create_app(archive), port=port) as server:
        yield server


def check_volume(folder: Path, volume: Path) -> None:
    """The same bytes, but for pad files, which a client may write."""
    got = tree_digests(folder / volume.name)
    assert {k: v for k, v in got.items() if not k.startswith(".pad/")} == tree_digests(volume)


def info_hash_v1(torrent: Path) -> str:
    return str(libtorrent.load_torrent_file(str(torrent)).info_hashes.v1)


@pytest.mark.usefixtures("web_seed")
@pytest.mark.skipif(shutil.which("aria2c") is None, reason="aria2 is not installed here")
def test_aria2_downloads_a_volume_from_our_web_seed(
    archive: Tree, first: Path, tmp_path: Path
) -> None:
    aria2 = Aria2(str(shutil.which("aria2c")))
    aria2.download(first, tmp_path)
    check_volume(tmp_path, archive.volume(first.stem))
    assert (aria2.info_hash(first) == info_hash_v1(first)) is aria2.keeps_empty_keys


@pytest.mark.usefixtures("web_seed")
@pytest.mark.skipif(shutil.which("aria2c") is None, reason="aria2 is not installed here")
def test_aria2_downloads_the_tables_of_an_edition_from_our_web_seed(
    edition: Path, tmp_path: Path
) -> None:
    torrent = edition / "torrents" / "catalogue.torrent"
    Aria2(str(shutil.which("aria2c"))).download(torrent, tmp_path)
    got = tree_digests(tmp_path / edition.name)
    there = tree_digests(edition)
    assert "volumes.parquet" in got
    assert {path: there.get(path) for path in got if not path.startswith(".pad/")} == {
        path: digest for path, digest in got.items() if not path.startswith(".pad/")
    }


@pytest.mark.full
@pytest.mark.other_client
def test_aria2_has_our_info_hashes_and_downloads_a_volume_from_our_web_seed(
    archive: Tree, first: Path, web_seed: Server, tmp_path: Path
) -> None:
    aria2 = fetch_aria2(tmp_path / "program")
    for torrent in first.parent.iterdir():  # that of the edition too
        assert aria2.info_hash(torrent) == info_hash_v1(torrent)
    aria2.download(first, tmp_path / "got")
    check_volume(tmp_path / "got", archive.volume(first.stem))


@pytest.mark.full
@pytest.mark.other_client
def test_webtorrent_has_our_info_hash_and_downloads_a_volume_from_our_web_seed(
    archive: Tree, first: Path, web_seed: Server, tmp_path: Path
) -> None:
    webtorrent = fetch_webtorrent(tmp_path / "program")
    assert webtorrent.download(first, tmp_path / "got") == info_hash_v1(first)
    check_volume(tmp_path / "got", archive.volume(first.stem))
