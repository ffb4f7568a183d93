"""Files with the catalogue's tags, from the policy to the edition: made, published, told, changed
afterwards, withdrawn."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import mutagen
import pyarrow.parquet as pq
import pytest

from phonotheque.archive import (
    PublishReport,
    deriving,
    execute_build,
    execute_derive,
    execute_init,
    execute_publish,
    execute_withdraw,
    identify_file,
    plan_build,
    plan_derive,
    plan_init,
    plan_publish,
    plan_withdraw,
    volumes,
)
from phonotheque.model.archive import PublishSettings
from phonotheque.model.edition import Revocations
from phonotheque.model.numbers import IdKey, format_public_id
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import read_document, read_settings
from phonotheque.storage.layout import Tree
from phonotheque.vault import EventType, Vault, copies_of, sources_of
from phonotheque.vault.tagging import digest_audio
from tests.archive.test_access import EncoderHere, events
from tests.archive.test_publish import rows
from tests.archive.test_purging import CC0, ingest
from tests.archive.workshop import cut_off_at
from tests.support.audio import make_audio
from tests.support.clock import NOW
from tests.support.vault_objects import faults

pytestmark = pytest.mark.usefixtures("tuf_clock", "here")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies are made in this process."""
    monkeypatch.setattr("phonotheque.vault.copying.Encoder", EncoderHere)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `archive`: three songs, one in a form without tags; nothing published."""
    folder = tmp_path_factory.mktemp("tagged")
    for name, hertz in (("One.flac", 440.0), ("Two.mp3", 500.0), ("Three.wav", 600.0)):
        tags = {"title": name.partition(".")[0], "artist": "A", "license": CC0, "mood": "calm"}
        tags |= {"isrc": "DEAAA2600001", "date": "2004-05-01"} if name == "One.flac" else {}
        make_audio(folder / "songs" / name, hertz=hertz, seconds=0.5, tags=tags)
    root = folder / "archive"
    plan = plan_init(
        root, name="Free Tunes", publisher="T", seat="DE",
        overrides={"tiers": {"cuts_percent": [100.0]}, "publish": {"embed_tags": True}},
    )  # fmt: skip
    execute_init(plan, None, NOW, Silent())
    ingest(root)
    execute_build(Tree(root), plan_build(Tree(root), NOW.date()), Silent())
    return folder


@pytest.fixture
def tree(ingested: Path, tmp_path: Path) -> Tree:
    shutil.copytree(ingested, tmp_path / "own")
    return Tree(tmp_path / "own" / "archive")


def publish(tree: Tree, name: str, days: int = 0) -> PublishReport:
    at = NOW + timedelta(days=days)
    return execute_publish(tree, plan_publish(tree, at, name=name), at, Silent(), workers=1)


def published(tree: Tree, edition: str) -> dict[str, tuple[Any, ...]]:
    found = rows(
        tree.edition(edition),
        "SELECT title, volume, path, sha256, bytes, derived_from, derived_by, recording FROM files",
    )
    return {row[0]: row[1:] for row in found}


@pytest.mark.full
def test_files_go_out_as_they_came_unless_tags_are_asked_for(tree: Tree) -> None:
    assert not PublishSettings().embed_tags
    text = tree.archive_toml.read_text()
    tree.archive_toml.write_text(text.replace("embed_tags = true", "embed_tags = false"))
    assert plan_publish(tree, NOW).copies == 0
    assert publish(tree, "one").refused == {}
    with Vault.open(tree.vault) as vault:
        masters = {item.sha256 for item in vault.iter_objects()}
    assert {row[2] for row in published(tree, "one").values()} == masters


def test_an_edition_gives_out_tags_and_says_what_it_did(tree: Tree) -> None:
    plan = plan_publish(tree, NOW, name="one")
    assert plan.copies == 2
    report = publish(tree, "one")
    assert (report.copies, report.new_files, report.refused) == (2, 3, {"copy.not-tagged": 1})
    found = published(tree, "one")
    key = IdKey(bytes.fromhex(read_settings(tree).id_key))
    for title, (volume, path, digest, size, master, made, number) in found.items():
        place = tree.volume(volume) / path
        assert place.stat().st_size == size
        if title == "Three":
            assert (master, made) == (None, None)
            continue
        assert made.startswith("tags/1; mutagen ") and master != digest
        with Vault.open(tree.vault) as vault:
            assert sources_of(vault.state, digest) == [master]
            demuxer = path.rpartition(".")[2]
            assert digest_audio(place, demuxer) == digest_audio(vault.object_path(master), demuxer)
        said = " ".join(str(value) for value in mutagen.File(place).tags.values())
        assert format_public_id(number, key) in said and f"sha256:{master}" in said
        assert "Free Tunes" in said and f"“{title}” by A" in said and "calm" in said
    [one] = [row for title, row in found.items() if title == "One"]
    tags = mutagen.File(tree.volume(one[0]) / one[1])
    assert (tags["isrc"], tags["date"]) == (["DEAAA2600001"], ["2004-05-01"])
    readme = (tree.volume(one[0]) / "README.txt").read_text()
    assert "2 of the files have tags of this archive" in readme and "access copies" not in readme
    findings = pq.read_table(report.findings).to_pylist()
    assert "its form has no place for tags" in findings[0]["message"]
    details = [json.loads(e["detail"]) for e in events(tree, EventType.CREATION)]
    assert all(len(d["frames_sha256"]) == len(d["samples_sha256"]) == 64 for d in details)
    assert "settings" not in details[0]


@pytest.mark.full
def test_what_is_out_stays_whatever_the_catalogue_says_later(tree: Tree) -> None:
    publish(tree, "one")
    before = published(tree, "one")
    make_audio(tree.root.parent / "songs" / "Four.flac", seconds=0.5, hertz=700.0,
               tags={"title": "Four", "artist": "A", "license": CC0})  # fmt: skip
    text = tree.archive_toml.read_text()
    tree.archive_toml.write_text(text.replace("Free Tunes", "Other Tunes"))  # in every tag
    ingest(tree.root)
    execute_build(tree, plan_build(tree, NOW.date()), Silent())
    report = publish(tree, "two", 1)
    assert (report.copies, report.new_files) == (1, 1)
    after = published(tree, "two")
    assert {title: after[title] for title in before} == before
    assert plan_publish(tree, NOW + timedelta(days=2)).nothing_new


@pytest.mark.full
def test_the_same_archive_elsewhere_gives_the_same_bytes(ingested: Path, tmp_path: Path) -> None:
    seen = []
    for name in ("here", "there"):
        shutil.copytree(ingested, tmp_path / name)
        tree = Tree(tmp_path / name / "archive")
        if name == "there":
            assert plan_derive(tree, NOW).files == 2
            assert execute_derive(tree, NOW, Silent(), workers=1).files == 2
            assert plan_derive(tree, NOW).files == plan_publish(tree, NOW).copies == 0
        publish(tree, "one")
        seen.append(published(tree, "one"))
    assert seen[0] == seen[1]


@pytest.mark.full
@pytest.mark.parametrize("after_copies", [True, False], ids=["copies", "volume"])
def test_publication_that_was_killed_carries_on(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, after_copies: bool
) -> None:
    module, name = (volumes, "_record") if after_copies else (deriving, "DeriveReport")
    with cut_off_at(monkeypatch, module, name):
        publish(tree, "one")
    assert plan_publish(tree, NOW, name="one").copies == 0
    publish(tree, "one")
    assert rows(tree.edition("one"), "SELECT count(derived_from) FROM files") == [(2,)]
    with Vault.open(tree.vault) as vault:
        assert faults(vault) == {} and vault.count_objects()[0] == 5


@pytest.mark.full
def test_a_withdrawal_takes_the_tagged_file_along(tree: Tree) -> None:
    publish(tree, "one")
    text = tree.archive_toml.read_text()
    tree.archive_toml.write_text(text.replace('audio = "keep"', 'audio = "purge"'))
    volume, path, digest, _, master, _, number = published(tree, "one")["One"]
    assert identify_file(tree, tree.volume(volume) / path).answers[0].by == "bytes"
    execute_withdraw(tree, plan_withdraw(tree, [str(number)], "error"), NOW, Silent())
    [revoked] = read_document(tree.revocations_json, Revocations).files
    assert revoked.sha256 == digest and not (tree.volume(volume) / path).exists()
    with Vault.open(tree.vault) as vault:
        assert copies_of(vault.state, master) == [digest]
        assert not {item.sha256 for item in vault.iter_objects()} & {digest, master}


@pytest.mark.full
def test_tags_that_cannot_be_set_are_said_and_end_no_run(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonotheque.vault.copying._tagged_doubt", lambda *_: "it does not please")
    report = publish(tree, "one")
    assert report.refused == {"copy.not-tagged": 3} and report.new_files == 3
    told = {row["message"].partition(": ")[2] for row in pq.read_table(report.findings).to_pylist()}
    assert "goes out as it came: tags could not be set beyond doubt" in told
