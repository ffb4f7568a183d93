"""Publishing: what comes out is judged by BagIt's own tool, libtorrent and TUF's own client."""

import subprocess
import sys
import time
import warnings
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bagit
import duckdb
import pyarrow.parquet as pq
import pytest

from phonotheque.archive import (
    PublishReport,
    execute_publish,
    execute_withdraw,
    plan_publish,
    plan_withdraw,
    publish,
)
from phonotheque.archive.packed import pack_selection
from phonotheque.archive.selection import PACKED, SELECTED
from phonotheque.catalogue import open_edition
from phonotheque.edition import read_torrent
from phonotheque.model import tables
from phonotheque.model.edition import EditionManifest, Latest, Revocations
from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import check_schema
from tests.archive.workshop import FolderVault, Song, Workshop, cut_off_at
from tests.edition.test_signing import Follower
from tests.support.clock import NOW

pytestmark = pytest.mark.usefixtures("tuf_clock")

SONGS = [
    Song("Hit", "Zaz", listens=900, tier=1, isrcs=["DEAAA2600001"]),
    Song("CON", "AUX", listens=90, tier=2, size=16_384),
    Song("What?: / *", "zaz", listens=80, tier=2, size=20_001, licence="CC0-1.0"),
    Song("Nobody may", "Zaz", listens=70, tier=2, licence=None),
    Song("Deep", "Ödland", listens=3, tier=3, size=1),
    Song("Deeper", "Ödland", listens=2, tier=3, size=70_000),
    Song("Deepest", "Ödland", listens=1, tier=3, size=16_385),
    Song("Bottom", "Ödland", tier=3, size=33_000),
]


@pytest.fixture(autouse=True)
def made_up_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "open_vault", FolderVault.of)
    monkeypatch.setattr(publish, "plan_build", lambda *_: SimpleNamespace(nothing_new=True))


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "archive")
    made.build(SONGS)
    return made


def release(tree: Tree, name: str | None = "one", days: int = 0) -> PublishReport:
    now = NOW + timedelta(days=days)
    return execute_publish(tree, plan_publish(tree, now, name=name), now, Silent(), workers=2)


def snapshot(root: Path) -> dict[str, tuple[int, str]]:
    """Inode and digest of every file below `root`."""
    return {
        p.relative_to(root).as_posix(): (p.stat().st_ino, sha256(p.read_bytes()).hexdigest())
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def content(root: Path) -> dict[str, str]:
    return {path: digest for path, (_, digest) in snapshot(root).items()}


def rows(edition: Path, sql: str) -> list[tuple[Any, ...]]:
    reader = open_edition(edition)
    try:
        return reader.cursor().execute(sql).fetchall()
    finally:
        reader.close()


def test_the_plan_says_what_comes_and_touches_nothing(workshop: Workshop) -> None:
    before = snapshot(workshop.tree.root)
    plan = plan_publish(workshop.tree, NOW)
    assert snapshot(workshop.tree.root) == before
    assert [(v.volume, v.files) for v in plan.volumes] == [
        ("work-tier1-00001", 1),
        ("work-tier2-00002", 2),
        ("work-tier3-00003", 3),
        ("work-tier3-00004", 1),
    ]
    assert plan.refused == {"rights.no-evidence": 1}
    assert plan.name == "2026-11-22" and plan.files == 7


def test_planning_writes_no_evidence_to_the_temporary_directory(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[list[str]] = []

    def watched(selection: Any, *rest: Any, **named: Any) -> Any:
        written.append(pq.read_schema(selection.path).names)
        return pack_selection(selection, *rest, **named)

    monkeypatch.setattr(publish, "pack_selection", watched)
    release(workshop.tree)
    assert written == [PACKED.names, SELECTED.names]
    assert len(PACKED.names) == 5


def test_an_edition_vouches_for_every_file_of_itself(workshop: Workshop) -> None:
    report = release(workshop.tree)
    assert [m.split("&")[:3] for m in report.magnets] == [
        [f"magnet:?xt=urn:btih:{v.info_hash_v1}", f"xt=urn:btmh:1220{v.info_hash_v2}",
         f"dn={v.volume}"] for v in report.new_volumes
    ]  # fmt: skip
    edition = workshop.tree.edition("one")
    manifest = read_document(edition / "edition.json", EditionManifest)
    listed = {e.path: e.sha256 for e in manifest.contents}
    found = {p: d for p, d in content(edition).items() if not p.startswith("metadata/")}
    assert found.pop("edition.json") == report.edition_sha256
    assert found == listed
    assert (manifest.counts.files, manifest.counts.volumes, manifest.counts.recordings) == (7, 4, 8)
    assert not list(workshop.tree.editions.glob(".*"))
    assert not list(workshop.tree.volumes.glob(".*"))


def test_the_tables_say_what_the_formats_promise(workshop: Workshop) -> None:
    release(workshop.tree)
    edition = workshop.tree.edition("one")
    for name, schema in {
        "volumes.parquet": tables.VOLUMES,
        "tombstones.parquet": tables.TOMBSTONES,
        "findings.parquet": tables.FINDINGS,
        "changes/changes.parquet": tables.CHANGES,
        "files/work-tier3-00003.parquet": tables.FILES,
    }.items():
        check_schema(edition / name, schema)
    found = rows(edition, "SELECT volume, path, sha256, bytes, licence, attribution FROM files")
    assert len(found) == 7
    for volume, path, digest, size, licence, attribution in found:
        audio = (workshop.tree.volume(volume) / path).read_bytes()
        assert (sha256(audio).hexdigest(), len(audio)) == (digest, size)
        assert licence in ("CC-BY-4.0", "CC0-1.0") and "https://" in attribution
    assert rows(edition, "SELECT volume, listens FROM volumes ORDER BY volume") == [
        ("work-tier1-00001", 900),
        ("work-tier2-00002", 170),
        ("work-tier3-00003", 6),
        ("work-tier3-00004", 0),
    ]
    changed = rows(edition, f"SELECT * FROM '{edition}/changes/changes.parquet'")
    assert changed.count(("r", 1, "added")) == 1 and len(changed) == 16


def test_every_volume_is_a_bag_that_bagit_finds_valid(workshop: Workshop) -> None:
    for volume in release(workshop.tree).new_volumes:
        directory = workshop.tree.volume(volume.volume)
        assert bagit.Bag(str(directory)).validate()
        assert all(p.stat().st_mode & 0o222 == 0 for p in directory.rglob("*") if p.is_file())
        manifest = (directory / "manifest-sha256.txt").read_bytes()
        assert sha256(manifest).hexdigest() == volume.manifest_sha256


def test_every_torrent_is_the_volume_and_loads_in_libtorrent(workshop: Workshop) -> None:
    lt = pytest.importorskip("libtorrent")
    for volume in release(workshop.tree).new_volumes:
        torrent = workshop.tree.edition("one") / "torrents" / f"{volume.volume}.torrent"
        read = read_torrent(torrent.read_bytes())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            info = lt.torrent_info(torrent.read_bytes())
        assert str(info.info_hashes().v1) == volume.info_hash_v1 == read.info_hash_v1
        assert str(info.info_hashes().v2) == volume.info_hash_v2 == read.info_hash_v2
        directory = workshop.tree.volume(volume.volume)
        assert {f.path: f.size_bytes for f in read.files} == {
            p.relative_to(directory).as_posix(): p.stat().st_size
            for p in directory.rglob("*")
            if p.is_file()
        }
        assert read.webseeds == ("http://x/volumes/",)
        assert sum(f.size_bytes for f in read.files) == volume.total_bytes


def test_audio_is_linked_from_the_vault_not_copied(workshop: Workshop) -> None:
    release(workshop.tree)
    linked = {p.stat().st_ino for p in (workshop.tree.vault / "objects").iterdir()}
    audio = list(workshop.tree.volumes.glob("*/data/*/*"))
    assert len(audio) == 7 and {p.stat().st_ino for p in audio} <= linked


def test_a_follower_with_the_stock_client_gets_the_edition(
    workshop: Workshop, tmp_path: Path
) -> None:
    follower = Follower(workshop.tree, tmp_path / "follower")
    report = release(workshop.tree)
    latest = follower.read("latest.json")
    assert latest is not None and report.edition_sha256.encode() in latest
    edition = follower.read("editions/one/edition.json")
    assert edition is not None and sha256(edition).hexdigest() == report.edition_sha256
    kept = workshop.tree.edition("one") / "metadata"
    assert content(kept) == content(workshop.tree.metadata)


def test_refusals_are_listed_with_the_recording(workshop: Workshop) -> None:
    report = release(workshop.tree)
    [finding] = pq.read_table(report.findings).to_pylist()
    assert finding["code"] == "rights.no-evidence"
    assert finding["where"].startswith("r")
    assert finding["message"].startswith(SONGS[3].digest[:8])


def test_a_file_the_vault_lost_is_a_finding_and_the_rest_is_published(workshop: Workshop) -> None:
    FolderVault(workshop.tree.vault).object_path(SONGS[0].digest).unlink()
    report = release(workshop.tree)
    assert report.refused == {"copy.missing": 1, "rights.no-evidence": 1}
    assert report.files == 6


def test_a_file_that_is_gone_although_the_vault_knows_it_ends_with_the_way_out(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = FolderVault(workshop.tree.vault)
    path = vault.object_path(SONGS[0].digest)
    known = vault.object(SONGS[0].digest)
    ask = FolderVault.object
    path.unlink()
    monkeypatch.setattr(
        FolderVault, "object", lambda v, d: known if d == SONGS[0].digest else ask(v, d)
    )
    with pytest.raises(InputError, match=f"{path}.*is gone.*phonotheque vault repair"):
        release(workshop.tree)


def test_a_second_publish_adds_and_keeps_every_byte(workshop: Workshop, tmp_path: Path) -> None:
    tree = workshop.tree
    first = release(tree)
    volumes, edition = snapshot(tree.volumes), snapshot(tree.edition("one"))
    taken = plan_withdraw(tree, ["DE-AAA-26-00001"], "take-down", note="letter of 3 May")
    execute_withdraw(tree, taken, NOW, Silent())
    workshop.build([*SONGS, Song("New", "Newcomer", listens=5, tier=2)])
    second = release(tree, "two", days=30)

    after = snapshot(tree.volumes)
    assert {path: after[path] for path in volumes} == volumes
    assert {p.split("/")[0] for p in after} - {p.split("/")[0] for p in volumes} == {
        "work-tier2-00005"
    }
    assert snapshot(tree.edition("one")) == edition
    now = snapshot(tree.edition("two"))
    for volume in first.new_volumes:
        for path in (f"torrents/{volume.volume}.torrent", f"files/{volume.volume}.parquet"):
            assert now[path] == edition[path]
    assert (second.new_files, second.files, second.withdrawn) == (1, 7, 1)
    assert rows(tree.edition("two"), "SELECT withdrawn_files FROM volumes ORDER BY volume") == [
        (1,), (0,), (0,), (0,), (0,)
    ]  # fmt: skip
    [stone] = pq.read_table(tree.edition("two") / "tombstones.parquet").to_pylist()
    assert (stone["recording"], stone["reason"]) == (1, "take-down")
    assert (stone["sha256"], stone["volume"]) == (SONGS[0].digest, "work-tier1-00001")
    changes = duckdb.sql(
        f"SELECT * FROM '{tree.edition('two')}/changes/changes.parquet' WHERE kind = 'r'"
    ).fetchall()
    assert changes == [("r", 1, "withdrawn"), ("r", 9, "added")]
    follower = Follower(tree, tmp_path / "follower")
    assert b'"two"' in (follower.read("latest.json") or b"")
    assert b"letter of 3 May" not in b"".join(
        p.read_bytes() for p in tree.edition("two").rglob("*.*") if p.is_file()
    )


def test_a_withdrawn_recording_is_not_published_again(workshop: Workshop) -> None:
    tree = workshop.tree
    execute_withdraw(tree, plan_withdraw(tree, ["1"], "rights"), NOW, Silent())
    workshop.build(SONGS)
    report = release(tree)
    assert report.files == 6
    [stone] = pq.read_table(tree.edition("one") / "tombstones.parquet").to_pylist()
    assert stone["recording"] == 1 and stone["sha256"] is None


def test_publishing_the_same_name_again_says_it_is_out(workshop: Workshop) -> None:
    release(workshop.tree)
    before = snapshot(workshop.tree.root)
    again = release(workshop.tree)
    assert again.nothing_new and again.new_volumes == []
    assert snapshot(workshop.tree.root) == before


def test_a_name_that_is_out_is_refused_for_what_it_does_not_say(workshop: Workshop) -> None:
    release(workshop.tree)
    workshop.build([*SONGS, Song("New", "Zaz", listens=1, tier=3, licence="CC0-1.0")])
    before = snapshot(workshop.tree.root)
    with pytest.raises(UsageError, match="another name"):
        release(workshop.tree)
    assert snapshot(workshop.tree.root) == before
    release(workshop.tree, name="two", days=1)
    with pytest.raises(UsageError, match="another name"):
        release(workshop.tree, days=2)  # neither is an older edition taken for the newest


def test_publishing_without_anything_new_makes_no_edition(workshop: Workshop) -> None:
    release(workshop.tree)
    again = release(workshop.tree, name=None, days=1)
    assert (again.nothing_new, again.name) == (True, "one")
    assert [p.name for p in workshop.tree.editions.iterdir()] == ["one"]


def test_without_the_offline_keys_nothing_is_made(workshop: Workshop, tmp_path: Path) -> None:
    tree = workshop.tree
    away = tree.offline_keys.rename(tmp_path / "safe")
    before = snapshot(tree.root)
    with pytest.raises(NotFoundError, match="medium"):
        release(tree)
    assert snapshot(tree.root) == before
    away.rename(tree.offline_keys)
    assert not release(tree).nothing_new


def test_an_edition_cut_off_before_its_signatures_is_signed_by_the_next_publish(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = workshop.tree
    with cut_off_at(monkeypatch, publish, "release_edition"):
        release(tree)
    assert not tree.latest_json.exists()
    volumes = snapshot(tree.volumes)
    assert release(tree).nothing_new
    assert read_document(tree.latest_json, Latest).edition == "one"
    assert snapshot(tree.volumes) == volumes


def test_a_catalogue_that_is_out_of_date_is_not_published(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "plan_build", lambda *_: SimpleNamespace(nothing_new=False))
    with pytest.raises(UsageError, match="phonotheque build"):
        plan_publish(workshop.tree, NOW)


@pytest.mark.parametrize("name", ["../x", ".hidden", "Big", "a/b", "", "x" * 41])
def test_a_name_that_is_no_directory_everywhere_is_refused(workshop: Workshop, name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        plan_publish(workshop.tree, NOW, name=name)


def test_a_strange_volume_is_not_deleted_but_said(workshop: Workshop) -> None:
    (workshop.tree.volumes / "work-tier1-00009").mkdir()
    with pytest.raises(UsageError, match="no edition names this volume"):
        release(workshop.tree)


def test_two_archives_of_the_same_inputs_publish_the_same_bytes_wherever_they_are(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = Tree(tmp_path / "twin")
    subprocess.run(["cp", "-a", workshop.tree.root, twin.root], check=True)
    subprocess.run(["cp", "-a", workshop.tree.offline_keys, twin.offline_keys], check=True)
    release(workshop.tree)
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Pacific/Kiritimati")
        time.tzset()
        release(twin)
    time.tzset()
    assert content(workshop.tree.root) == content(twin.root)


def test_torrents_are_of_v2_alone_where_the_settings_say_so(workshop: Workshop) -> None:
    tree = workshop.tree
    text = tree.archive_toml.read_text()
    tree.archive_toml.write_text(text.replace('form = "hybrid"', 'form = "v2"'))
    report = release(tree)
    rows = pq.read_table(tree.edition("one") / "volumes.parquet").to_pylist()
    for row in rows:
        path = tree.edition("one") / "torrents" / f"{row['volume']}.torrent"
        read = read_torrent(path.read_bytes())
        assert (row["info_hash_v1"], row["padding_bytes"], read.v1_pieces) == ("", 0, b"")
        assert row["info_hash_v2"] == read.info_hash_v2
        licences = {f.path for f in read.files if f.path.startswith("licences/")}
        assert licences == {f"licences/{key}.txt" for key in row["licences"]}
    assert [m.partition("&")[0] for m in report.magnets] == [
        f"magnet:?xt=urn:btmh:1220{volume.info_hash_v2}" for volume in report.new_volumes
    ]
    assert rows


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.archive.test_publish import publish, release, FolderVault, SimpleNamespace, Tree
publish.open_vault = FolderVault.of
publish.plan_build = lambda *_: SimpleNamespace(nothing_new=True)
left = int(sys.argv[2])
def fsync(handle):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = fsync
release(Tree(Path(sys.argv[1])))
"""


EVERYDAY = [126]


@pytest.mark.parametrize(
    "syncs",
    [
        *EVERYDAY,
        *(pytest.param(n, marks=pytest.mark.full) for n in range(0, 177, 8) if n not in EVERYDAY),
    ],
)
def test_killed_anywhere_the_next_publish_ends_in_the_same_state(
    workshop: Workshop, tmp_path: Path, syncs: int
) -> None:
    tree, twin = workshop.tree, Tree(tmp_path / "twin")
    subprocess.run(["cp", "-a", tree.root, twin.root], check=True)
    subprocess.run(["cp", "-a", tree.offline_keys, twin.offline_keys], check=True)
    release(twin)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tree.root), str(syncs)], check=False, cwd=Path.cwd()
    )
    assert done.returncode == -9
    release(tree)
    assert content(tree.root) == content(twin.root)


def test_a_killed_publish_of_yesterday_keeps_its_date_and_its_volumes(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = workshop.tree

    with cut_off_at(monkeypatch, publish, "assemble_edition"):
        release(tree, name=None)
    volumes = snapshot(tree.volumes)
    assert release(tree, name=None, days=1).name == "2026-11-22"
    assert snapshot(tree.volumes) == volumes


def test_a_killed_publish_of_an_older_build_leaves_nothing_behind(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = workshop.tree

    with cut_off_at(monkeypatch, publish, "assemble_edition"):
        release(tree)
    workshop.build(SONGS[:2])
    report = release(tree)
    assert {p.name for p in tree.volumes.iterdir()} == {v.volume for v in report.new_volumes}
    assert len(report.new_volumes) == 2


def test_work_left_by_a_kill_after_the_edition_appeared_is_cleared(workshop: Workshop) -> None:
    release(workshop.tree)
    left = workshop.tree.editions / ".work-one"
    left.mkdir()
    release(workshop.tree)
    assert not left.exists()


def test_revocations_are_empty_until_something_is_withdrawn(workshop: Workshop) -> None:
    release(workshop.tree)
    assert read_document(workshop.tree.revocations_json, Revocations).sequence == 0
