"""What an edition has for those who come without this program: its torrent and its checksums."""

import shutil
import sqlite3
import subprocess
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import libtorrent
import pytest
from msgspec.structs import replace

from phonotheque.archive import execute_publish, plan_publish, publish
from phonotheque.archive.release_sqlite import write_sqlite_release
from phonotheque.edition import (
    TorrentInfo,
    VolumeFile,
    catalogue_torrent,
    create_torrent,
    read_torrent,
)
from phonotheque.model.edition import CatalogueTorrent, EditionManifest
from phonotheque.model.errors import FormatError
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from tests.archive.test_publish import SONGS, release
from tests.archive.workshop import FolderVault, Song, Workshop
from tests.support.clock import NOW

LATER = [*SONGS, Song("Later", "Zaz", tier=3, size=90_000)]


@dataclass
class Published:
    """An archive with two editions; `read`: what was hashed for the torrent of the second."""

    tree: Tree
    read: list[str]


@pytest.fixture(scope="module")
def published() -> Iterator[Published]:
    read: list[str] = []
    hash_file = catalogue_torrent.hash_file

    def watched(path: Path, *rest: Any) -> Any:
        read.append(path.name)
        return hash_file(path, *rest)

    with (
        TemporaryDirectory() as folder,
        patch.object(publish, "open_vault", FolderVault.of),
        patch.object(publish, "plan_build", lambda *_: SimpleNamespace(nothing_new=True)),
    ):
        addresses = {"webseeds": ["http://x/"], "trackers": ["u:1"]}
        workshop = Workshop(Path(folder) / "archive", publish=addresses)
        workshop.build(SONGS)
        release(workshop.tree)
        workshop.build(LATER)
        at = NOW + timedelta(days=1)
        with patch.object(catalogue_torrent, "hash_file", watched):
            plan = plan_publish(workshop.tree, at, name="two", sqlite=True)
            execute_publish(workshop.tree, plan, at, Silent(), workers=2)
        yield Published(workshop.tree, read)


def catalogue(tree: Tree, name: str) -> tuple[CatalogueTorrent, TorrentInfo, list[str]]:
    """The manifest's word on the torrent, the torrent, and all paths of the edition."""
    manifest = read_document(tree.edition(name) / "edition.json", EditionManifest)
    assert manifest.catalogue_torrent is not None
    path = tree.edition(name) / manifest.catalogue_torrent.path
    return (
        manifest.catalogue_torrent,
        read_torrent(path.read_bytes()),
        [e.path for e in manifest.contents],
    )


def test_the_torrent_holds_the_edition_as_it_lies_on_the_web(published: Published) -> None:
    said, torrent, paths = catalogue(published.tree, "one")
    assert {f.path for f in torrent.files} == set(paths) - {said.path, "SHA256SUMS"}
    assert (torrent.name, torrent.webseeds) == ("one", ("http://x/editions/",))
    assert (said.info_hash_v1, said.info_hash_v2) == (torrent.info_hash_v1, torrent.info_hash_v2)
    assert torrent.trackers == ("u:1",)
    assert said.bytes == (published.tree.edition("one") / said.path).stat().st_size


def test_libtorrent_makes_the_same_of_it(published: Published, tmp_path: Path) -> None:
    said, torrent, _ = catalogue(published.tree, "one")
    for file in torrent.files:
        target = tmp_path / "one" / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(published.tree.edition("one") / file.path, target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        files = libtorrent.file_storage()
        libtorrent.add_files(files, str(tmp_path / "one"))
        creator = libtorrent.create_torrent(files, torrent.piece_length)
        libtorrent.set_piece_hashes(creator, str(tmp_path))
        made = libtorrent.torrent_info(creator.generate())
        assert str(made.info_hashes().v2) == said.info_hash_v2
        assert str(made.info_hashes().v1) == said.info_hash_v1


def test_hashes_of_the_edition_before_are_taken_from_its_torrent(published: Published) -> None:
    assert "work-tier3-00005.torrent" in published.read
    assert "work-tier1-00001.torrent" not in published.read
    said, torrent, _ = catalogue(published.tree, "two")
    files = [
        VolumeFile(f.path, published.tree.edition("two") / f.path, f.size_bytes)
        for f in torrent.files
    ]
    with ThreadPoolExecutor(2) as pool:
        anew = create_torrent("two", files, torrent.piece_length, pool)
    assert (anew.info_hash_v1, anew.info_hash_v2) == (said.info_hash_v1, said.info_hash_v2)


def test_a_client_takes_what_it_has_from_the_torrent_before(
    published: Published, tmp_path: Path
) -> None:
    client = libtorrent.session({"listen_interfaces": "127.0.0.1:0", "enable_dht": False})
    shutil.copytree(published.tree.edition("one"), tmp_path / "client" / "one")

    def add(name: str) -> Any:
        content = (published.tree.edition(name) / "torrents" / "catalogue.torrent").read_bytes()
        params = libtorrent.load_torrent_buffer(content)
        params.url_seeds, params.trackers, params.save_path = [], [], str(tmp_path / "client")
        params.flags &= ~(libtorrent.torrent_flags.auto_managed | libtorrent.torrent_flags.paused)
        handle = client.add_torrent(params)
        until = time.monotonic() + 20
        waits = libtorrent.torrent_status.checking_files
        while time.monotonic() < until and handle.status().state in (waits, 0, 7):
            time.sleep(0.02)
        return handle

    assert add("one").status().is_seeding
    had = add("two").status().total_wanted_done
    _, before, _ = catalogue(published.tree, "one")
    _, after, _ = catalogue(published.tree, "two")
    same = {(f.path, f.pieces_root) for f in before.files}
    kept = sum(f.size_bytes for f in after.files if (f.path, f.pieces_root) in same)
    assert had >= kept > 20_000


def test_checksums_are_what_coreutils_reads(published: Published, tmp_path: Path) -> None:
    edition = tmp_path / "one"
    shutil.copytree(published.tree.edition("one"), edition)
    _, _, paths = catalogue(published.tree, "one")
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(check, cwd=edition, check=True)
    lines = (edition / "SHA256SUMS").read_text().splitlines()
    assert [line[66:] for line in lines] == [p for p in paths if p != "SHA256SUMS"]
    (edition / "report.json").chmod(0o644)
    (edition / "report.json").write_text("{}")
    assert subprocess.run(check, cwd=edition, check=False, capture_output=True).returncode == 1


def test_the_sqlite_file_is_ready_to_be_asked_and_the_same_again(
    published: Published, tmp_path: Path
) -> None:
    manifest = read_document(published.tree.edition("two") / "edition.json", EditionManifest)
    said = manifest.sqlite
    assert said is not None and said.path not in [e.path for e in manifest.contents]
    path = published.tree.edition("two") / said.path
    assert sha256(path.read_bytes()).hexdigest() == said.sha256
    with closing(sqlite3.connect(path)) as database:
        found = database.execute(
            "SELECT r.title FROM search JOIN recordings r ON r.number = search.rowid "
            "WHERE search MATCH 'odland' ORDER BY r.rank"
        ).fetchall()
        made = database.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall()
    assert [title for (title,) in found][:2] == ["Deep", "Deeper"]
    assert ("recordings_by_isrc",) in made
    assert said.rows["recordings"] == len(LATER)
    shutil.copytree(published.tree.edition("two"), tmp_path / "editions" / "two")
    (tmp_path / "editions" / "two" / said.path).unlink()
    twin, spill, at = Tree(tmp_path), tmp_path / "spill", manifest.published_at
    again = write_sqlite_release(twin, "two", at, manifest.counts, spill, progress=Silent())
    assert again == said
    (tmp_path / "editions" / "two" / said.path).unlink()
    with pytest.raises(FormatError, match="are due"):
        short = replace(manifest.counts, tracks=1)
        write_sqlite_release(twin, "two", at, short, spill, progress=Silent())


def test_without_being_asked_for_there_is_none(published: Published) -> None:
    edition = published.tree.edition("one")
    assert read_document(edition / "edition.json", EditionManifest).sqlite is None
    assert not (edition / "sqlite").exists()
