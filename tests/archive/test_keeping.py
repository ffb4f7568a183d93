"""A published archive whose vault went bad, mended from each kind of place; its orphans; and a
whole life on object storage."""

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from phonotheque.archive import (
    execute_build,
    execute_ingest,
    execute_init,
    execute_publish,
    execute_withdraw,
    find_quarantined,
    keep_orphans,
    open_vault,
    plan_build,
    plan_ingest,
    plan_init,
    plan_publish,
    plan_withdraw,
    quarantine_object,
    read_quarantine,
    release_quarantined,
    repair_vault,
    vault_status,
    verify_vault,
)
from phonotheque.mirror import origin_reader
from phonotheque.model.errors import InputError, NotFoundError, TransferError, UsageError
from phonotheque.model.findings import FindingCode
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree
from phonotheque.vault import MendReport
from tests.support.audio import make_audio
from tests.support.clock import NOW
from tests.support.object_storage import KEYS, ObjectStorage, storage
from tests.support.origin import WebServer

__all__ = ["storage"]
pytestmark = pytest.mark.usefixtures("tuf_clock")

CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"
DAY = timedelta(days=1)
SILENT = Silent()


def life(root: Path, **settings: Any) -> Tree:
    """An archive at `root` with three published songs, which are in `songs` beside it."""
    for number, title in enumerate(("One", "Two", "Three")):
        tags = {"title": title, "artist": "A", "license": CC0}
        song = root.parent / "songs" / f"{title}.flac"
        make_audio(song, seconds=0.3, hertz=440.0 + 60 * number, tags=tags)
    tree = Tree(root, KEYS)
    plan = plan_init(root, name="P", publisher="T", seat="DE", overrides=settings)
    execute_init(plan, None, NOW, SILENT)
    songs = plan_ingest(tree, [root.parent / "songs"], source=None, kind="auto", now=NOW)
    assert execute_ingest(tree, songs, NOW, SILENT).files_admitted == 3
    execute_build(tree, plan_build(tree, NOW.date()), SILENT)
    execute_publish(tree, plan_publish(tree, NOW, name="one"), NOW, SILENT, workers=1)
    return tree


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return life(tmp_path_factory.mktemp("keeping") / "archive").root.parent


@pytest.fixture
def tree(published: Path, tmp_path: Path) -> Tree:
    """The archive, its volumes sharing the bytes of the vault as they do where they were made."""
    shutil.copytree(published, tmp_path / "own", copy_function=_link_again({}))
    return Tree(tmp_path / "own" / "archive", KEYS)


def _link_again(seen: dict[int, str]) -> Any:
    """Copies files, and hard links as hard links."""

    def copy(source: str, target: str) -> str:
        inode = Path(source).stat().st_ino
        if inode in seen:
            os.link(seen[inode], target)
        else:
            shutil.copy2(source, target)
            seen[inode] = target
        return target

    return copy


def songs_of(tree: Tree) -> dict[str, bytes]:
    files = (tree.root.parent / "songs").iterdir()
    return {sha256(p.read_bytes()).hexdigest(): p.read_bytes() for p in files}


def volume_file(tree: Tree, digest: str) -> Path:
    """Where the song stands in the archive's volume, by its bytes' place in the vault."""
    from phonotheque.archive.donors import iter_places

    [(volume, path, _)] = iter_places(tree, {digest: 0})
    return tree.volume(volume) / path


def spoil(tree: Tree, digest: str, content: bytes = b"spoilt") -> Path:
    path = tree.vault / "objects" / digest[:2] / digest[2:4] / digest
    path.chmod(0o644)
    path.write_bytes(content)
    return path


def find_bad(tree: Tree) -> None:
    assert not verify_vault(tree, NOW + DAY, SILENT, everything=True).clean


def repair(tree: Tree, *places: str | Path, **options: Any) -> MendReport:
    names = [str(place) for place in places]
    return repair_vault(tree, NOW + 2 * DAY, SILENT, names, origin_reader, **options)


def assert_whole(tree: Tree) -> None:
    report = verify_vault(tree, NOW + 3 * DAY, SILENT, everything=True)
    assert (report.clean, report.fixity.sound, report.findings) == (True, 3, [])
    for digest, content in songs_of(tree).items():
        assert volume_file(tree, digest).read_bytes() == content


def test_a_sound_vault_is_clean_and_says_how_it_stands(tree: Tree) -> None:
    assert_whole(tree)
    status = vault_status(tree, NOW + 4 * DAY)
    assert (status.objects, status.formats) == (3, {"fmt/279": (3, status.bytes)})
    assert status.fixity.checked_share == 1
    assert (status.quarantined, status.findings) == (0, [])
    assert status.batches > 0 and len(status.last_batch or "") == 64
    late = vault_status(tree, NOW + 200 * DAY)
    assert [f.code for f in late.findings] == [FindingCode.COPY_CHECK_OVERDUE]


def test_damaged_history_is_an_error_of_the_vault(tree: Tree) -> None:
    [batch, *_] = sorted((tree.vault / "events").glob("*.parquet"))
    batch.chmod(0o644)
    batch.write_bytes(batch.read_bytes()[:-10])
    report = verify_vault(tree, NOW + DAY, SILENT)
    assert not report.clean
    assert FindingCode.TABLE_DAMAGED in {f.code for f in report.findings}


def test_an_object_lost_from_the_vault_comes_from_the_archive_s_own_volume(tree: Tree) -> None:
    for digest in songs_of(tree):
        (tree.vault / "objects" / digest[:2] / digest[2:4] / digest).unlink()
    report = repair(tree, look_for_missing=True)
    assert (report.bad, report.mended) == (3, 3)
    assert "/volumes/" in report.objects[0].source
    assert_whole(tree)


def test_a_volume_that_shares_the_damage_is_no_help_and_is_mended_as_well(tree: Tree) -> None:
    digest = min(songs_of(tree))
    shared = volume_file(tree, digest)
    assert spoil(tree, digest).stat().st_ino == shared.stat().st_ino
    find_bad(tree)
    alone = repair(tree)
    assert (alone.mended, alone.failed) == (0, 1)
    assert "has other bytes than it should" in alone.findings[0].message
    assert repair(tree, tree.root.parent / "songs").mended == 1
    assert_whole(tree)
    assert [a.object for a in read_quarantine(tree)] == [digest]


@pytest.mark.parametrize("kind", ["archive", "vault", "mirror", "folder"])
def test_a_damaged_object_comes_from_each_kind_of_folder(
    tree: Tree, published: Path, tmp_path: Path, kind: str
) -> None:
    place = published / "archive"
    if kind == "vault":
        place = place / "vault"
    elif kind == "folder":
        place = published / "songs"
    elif kind == "mirror":
        for part in ("editions", "volumes"):
            shutil.copytree(published / "archive" / part, tmp_path / "mirror" / part)
        place = tmp_path / "mirror"
    spoil(tree, max(songs_of(tree)))
    find_bad(tree)
    dry = repair(tree, place, dry_run=True)
    assert dry.mended == 1
    report = repair(tree, place)
    assert (report.mended, report.failed) == (1, 0)
    assert report.objects[0].source.startswith(str(place))
    assert_whole(tree)


def test_a_damaged_object_comes_from_a_mirror_on_the_web_over_a_bad_line(
    tree: Tree, published: Path
) -> None:
    digest = max(songs_of(tree))
    path = volume_file(tree, digest).relative_to(tree.root)
    spoil(tree, digest)
    find_bad(tree)
    with WebServer(published / "archive") as server:
        server.cut[str(path)] = 1000
        report = repair(tree, server.url)
        assert report.objects[0].source == f"{server.url}/{path}"
        assert server.bytes_of("volumes") > 1000
    assert_whole(tree)


def test_a_mirror_on_the_web_that_does_not_answer_is_said_to_be_that(tree: Tree) -> None:
    digest = max(songs_of(tree))
    spoil(tree, digest)
    find_bad(tree)
    with WebServer(tree.root.parent / "nothing") as server:
        report = repair(tree, server.url)
    assert (report.mended, report.failed) == (0, 1)
    assert "not given out (status 404)" in report.findings[0].message
    with pytest.raises(NotFoundError, match="no such folder"):
        repair(tree, tree.root / "nowhere")


def test_sound_bytes_in_quarantine_are_found_there(tree: Tree) -> None:
    digest = max(songs_of(tree))
    path = tree.vault / "objects" / digest[:2] / digest[2:4] / digest
    aside = tree.vault / "quarantine" / digest[:2] / digest[2:4] / digest
    aside.parent.mkdir(parents=True)
    path.rename(aside)
    volume_file(tree, digest).unlink()
    find_bad(tree)
    assert repair(tree).objects[0].source == str(aside)


def test_an_object_is_set_aside_and_let_back_by_its_digest(tree: Tree, tmp_path: Path) -> None:
    digest = max(songs_of(tree))
    assert not quarantine_object(tree, digest, "doubt", NOW, dry_run=True).there
    assert quarantine_object(tree, digest.upper(), "doubt", NOW).there
    assert find_quarantined(tree, digest).why == "doubt"
    assert vault_status(tree, NOW).quarantined == 1
    assert release_quarantined(tree, digest, NOW, target=None, dry_run=True).there
    release_quarantined(tree, digest, NOW, target=None)
    assert_whole(tree)
    quarantine_object(tree, digest, "doubt", NOW)
    release_quarantined(tree, digest, NOW, target=tmp_path / "song.flac")
    assert (tmp_path / "song.flac").read_bytes() == songs_of(tree)[digest]
    assert read_quarantine(tree) == []
    with pytest.raises(NotFoundError):
        find_quarantined(tree, digest)
    with pytest.raises(InputError, match="is no SHA-256"):
        find_quarantined(tree, "../../etc")


def test_orphans_are_listed_adopted_and_removed(tree: Tree, tmp_path: Path) -> None:
    assert keep_orphans(tree, NOW, SILENT).unnamed == 0
    song = make_audio(tmp_path / "left.flac", seconds=0.3, hertz=900.0)
    digest = sha256(song.read_bytes()).hexdigest()
    junk = sha256(b"no audio").hexdigest()
    (tmp_path / "junk").write_bytes(b"no audio")
    with open_vault(tree) as vault:
        vault.store.put(digest, song)
        vault.store.put(junk, tmp_path / "junk")
    listed = keep_orphans(tree, NOW, SILENT)
    assert (listed.unknown, listed.unnamed, listed.adopted) == (2, 0, 0)
    assert {f.code for f in listed.findings} == {FindingCode.COPY_EXTRA}
    adopted = keep_orphans(tree, NOW, SILENT, adopt=True)
    assert (adopted.adopted, adopted.unnamed) == (1, 1)  # no import names it, though
    assert any("not adopted" in f.message for f in adopted.findings)
    dry = keep_orphans(tree, NOW, SILENT, remove="unnamed", dry_run=True)
    assert (dry.removed, keep_orphans(tree, NOW, SILENT).unnamed) == (1, 1)
    assert keep_orphans(tree, NOW, SILENT, remove="unnamed").removed == 1
    assert keep_orphans(tree, NOW, SILENT, remove="unknown").removed == 1
    left = keep_orphans(tree, NOW, SILENT)
    assert (left.unknown, left.unnamed, left.strays) == (0, 0, 0)
    assert_whole(tree)
    with pytest.raises(UsageError, match="cannot be removed"):
        keep_orphans(tree, NOW, SILENT, remove="everything")
    with pytest.raises(UsageError, match="adopt what is sound first"):
        keep_orphans(tree, NOW, SILENT, adopt=True, remove="unknown")


@pytest.fixture
def on_s3(storage: ObjectStorage, tmp_path: Path) -> Iterator[tuple[Tree, str]]:
    """A published archive whose vault is in object storage, and the path of that."""
    place = storage.place()
    vault = {
        "store": f"s3://{place.bucket}/of/p", "endpoint": storage.endpoint,
        "region": "us-east-1", "allow_http": True,
    }  # fmt: skip
    yield life(tmp_path / "archive", vault=vault), f"/{place.bucket}/of/p/objects"


@pytest.mark.full
def test_a_whole_life_on_object_storage(
    on_s3: tuple[Tree, str], storage: ObjectStorage, tmp_path: Path
) -> None:
    tree, objects = on_s3
    assert not (tree.vault / "objects").exists()
    assert_whole(tree)
    digest = min(songs_of(tree))
    key = f"{objects}/{digest[:2]}/{digest[2:4]}/{digest}"
    assert storage.request("GET", key) == songs_of(tree)[digest]
    storage.request("PUT", key, b"spoilt")
    find_bad(tree)
    report = repair(tree)
    assert (report.mended, report.objects[0].quarantined) == (1, sha256(b"spoilt").hexdigest())
    assert_whole(tree)
    storage.request("DELETE", key)
    assert repair(tree, look_for_missing=True).mended == 1
    storage.request("PUT", f"{objects}/ab/cd/notes.txt", b"hello")
    orphans = keep_orphans(tree, NOW, SILENT)
    assert (orphans.unknown, orphans.strays, orphans.unnamed) == (0, 1, 0)
    assert vault_status(tree, NOW).store.startswith("s3://")
    text = tree.archive_toml.read_text()
    tree.archive_toml.write_text(text.replace('audio = "keep"', 'audio = "purge"'))
    execute_withdraw(tree, plan_withdraw(tree, ["1"], "rights"), NOW, SILENT)
    assert vault_status(tree, NOW).objects == 2


@pytest.mark.full
def test_object_storage_that_is_not_there_is_no_loss(
    on_s3: tuple[Tree, str], storage: ObjectStorage
) -> None:
    tree, _ = on_s3
    text = tree.archive_toml.read_text()
    tree.archive_toml.write_text(text.replace("/of/p", "/elsewhere"))
    with pytest.raises(InputError, match=r"is \[vault\] store right"):
        verify_vault(tree, NOW + DAY, SILENT, everything=True)
    tree.archive_toml.write_text(text.replace("s3://vault-", "s3://no-"))
    with pytest.raises(TransferError, match="no such bucket"):
        verify_vault(tree, NOW + DAY, SILENT, everything=True)
    tree.archive_toml.write_text(text)
    assert_whole(tree)
