"""Editions, volumes and torrents of format 1 as they were written once: readable for ever.

`python -m tests.archive.test_golden` writes the golden files anew; only a new format version may.
"""

import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phonotheque.archive import execute_withdraw, plan_withdraw, publish
from phonotheque.archive.assembly import EditionReport
from phonotheque.edition import VolumeFile, VolumeSpec, build_volume, commit_volume, read_torrent
from phonotheque.model import tables
from phonotheque.model.edition import EditionManifest, Latest, Revocations
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import (
    format_document,
    read_document,
    read_settings,
    write_document,
)
from phonotheque.storage.tables import check_schema
from tests.archive.test_publish import release
from tests.archive.workshop import FolderVault, Song, Workshop
from tests.support.clock import NOW

GOLDEN = Path(__file__).parents[1] / "golden"
EDITION, TORRENT = GOLDEN / "edition" / "v1", GOLDEN / "volume" / "v1"
DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "edition.json": EditionManifest,
    "latest.json": Latest,
    "revocations.json": Revocations,
    "report.json": EditionReport,
}
TABLES = {
    "volumes.parquet": tables.VOLUMES,
    "files.parquet": tables.FILES,
    "tombstones.parquet": tables.TOMBSTONES,
    "changes.parquet": tables.CHANGES,
}
WORDED = {"attribution", "reasons", "rule_ids", "conditions", "licence_url"}
"""Columns whose text belongs to the rights room, and totals that follow from it."""
ADDED = ("evidence", "sources", "licences", "built_by", "schema", "catalogue_torrent")
"""Keys of documents that editions of before do not have."""
ADDED_FILES = ("ai-training/", "places/", "planning/", "torrents/catalogue.torrent", "SHA256SUMS")
FOLLOWS = {"total_bytes", "padding_bytes", "info_hash_v1", "info_hash_v2", "torrent_bytes"}


def make_edition(root: Path) -> dict[str, Path]:
    """An edition with two volumes, a refusal and a tombstone; its files by golden name."""
    workshop = Workshop(root / "archive")
    settings = msgspec.structs.replace(
        read_settings(workshop.tree),
        id="00000000-0000-4000-8000-000000000000",
        id_key="000102030405060708090a0b0c0d0e0f",
    )
    write_document(workshop.tree.archive_toml, settings)
    songs = [Song("Één", "Ödland", listens=9, tier=1), Song("Two", "Ödland", tier=2, size=16_384),
             Song("None", "Ödland", tier=2, licence=None)]  # fmt: skip
    workshop.build(songs)
    with (
        patch.object(publish, "open_vault", FolderVault.of),
        patch.object(publish, "plan_build", lambda *_: SimpleNamespace(nothing_new=True)),
    ):
        release(workshop.tree)
        execute_withdraw(workshop.tree, plan_withdraw(workshop.tree, ["2"], "donor"), NOW, Silent())
        workshop.build(songs)
        release(workshop.tree, "two")
    edition = workshop.tree.edition("two")
    return {
        "edition.json": edition / "edition.json",
        "report.json": edition / "report.json",
        "latest.json": workshop.tree.latest_json,
        "revocations.json": workshop.tree.revocations_json,
        "volumes.parquet": edition / "volumes.parquet",
        "tombstones.parquet": edition / "tombstones.parquet",
        "files.parquet": edition / "files" / "work-tier1-00001.parquet",
        "changes.parquet": edition / "changes" / "changes.parquet",
    }


def make_volume(root: Path) -> dict[str, bytes]:
    """A bag of three files and its torrent, every file by path."""
    files = []
    for number, size in enumerate((1, 16_384, 40_000)):
        path = root / f"{number}"
        path.write_bytes((bytes(range(256)) * 200)[number : number + size])
        digest = sha256(path.read_bytes()).hexdigest()
        files.append(VolumeFile(f"data/Ödland/{number:02d} - Één.ogg", path, size, digest))
    spec = VolumeSpec(
        name="golden-tier1-00001",
        files=files,
        bag_info=[("Source-Organization", "Tests"), ("Bagging-Date", "2026-11-22")],
        tag_files={"README.txt": b"Read me.\n", "ATTRIBUTION.txt": b"Thank them.\n"},
        webseeds=["https://example.org/volumes/"],
        trackers=["udp://tracker.example.org:6969/announce"],
    )
    with ThreadPoolExecutor(1) as pool:
        built = build_volume(root / "volumes", spec, pool)
    commit_volume(root / "volumes", spec.name)
    bag = root / "volumes" / spec.name
    tags = {p.name: p.read_bytes() for p in bag.iterdir() if p.is_file()}
    return {**tags, "golden-tier1-00001.torrent": built.torrent.content}


@pytest.fixture(scope="module")
def written() -> Iterator[dict[str, Path]]:
    with TemporaryDirectory() as folder:
        yield make_edition(Path(folder))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_golden_document_reads_and_formats_to_its_own_bytes(name: str) -> None:
    document = read_document(EDITION / name, DOCUMENTS[name])
    assert format_document(document) == (EDITION / name).read_bytes()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_todays_documents_have_the_golden_shape(name: str, written: dict[str, Path]) -> None:
    golden, now = (msgspec.json.decode(p.read_bytes()) for p in (EDITION / name, written[name]))
    for key in ADDED:
        now.pop(key, None)
    if "contents" in now:  # nor had they these tables
        now["contents"] = [e for e in now["contents"] if not e["path"].startswith(ADDED_FILES)]
    assert _shape(now) == _shape(golden)


@pytest.mark.parametrize("name", TABLES)
def test_todays_tables_say_what_the_golden_ones_say(name: str, written: dict[str, Path]) -> None:
    check_schema(EDITION / name, TABLES[name])
    dropped = [c for c in TABLES[name].names if c in WORDED | FOLLOWS]
    golden, now = (pq.read_table(p).drop_columns(dropped) for p in (EDITION / name, written[name]))
    assert isinstance(golden, pa.Table)
    assert now.equals(golden.cast(now.schema))  # evidence of then names no witness


def test_todays_volume_and_torrent_have_the_golden_bytes(tmp_path: Path) -> None:
    found = make_volume(tmp_path)
    assert found == {p.name: p.read_bytes() for p in TORRENT.iterdir()}


def test_the_golden_torrent_reads() -> None:
    read = read_torrent((TORRENT / "golden-tier1-00001.torrent").read_bytes())
    assert read.info_hash_v1 == INFO_HASH_V1
    assert [(f.path, f.size_bytes, f.index) for f in read.files if "/" in f.path] == [
        ("data/Ödland/00 - Één.ogg", 1, 8),
        ("data/Ödland/01 - Één.ogg", 16_384, 10),
        ("data/Ödland/02 - Één.ogg", 40_000, 11),
    ]


INFO_HASH_V1 = "9be723c30f87f444d83871aaced3403b9300826e"


def _shape(value: Any) -> Any:
    """Keys and kinds, and every value that does not depend on Arrow's version or on wording."""
    if isinstance(value, dict):
        return {k: "…" if k in ("sha256", "bytes", "edition_sha256", "path") else _shape(v)
                for k, v in value.items()}  # fmt: skip
    return [_shape(v) for v in value] if isinstance(value, list) else value


if __name__ == "__main__":
    for target in (EDITION, TORRENT):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
    with TemporaryDirectory() as scratch:
        for golden_name, path in make_edition(Path(scratch)).items():
            shutil.copyfile(path, EDITION / golden_name)
    with TemporaryDirectory() as scratch:
        for golden_name, content in make_volume(Path(scratch)).items():
            (TORRENT / golden_name).write_bytes(content)
    sys.stdout.write(
        read_torrent((TORRENT / "golden-tier1-00001.torrent").read_bytes()).info_hash_v1
    )
