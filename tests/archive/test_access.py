"""Access copies from the policy to the edition, on audio that is really encoded: made, published,
told, withdrawn, mirrored."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import av
import duckdb
import mutagen.oggopus
import pyarrow.parquet as pq
import pytest
from litestar.testing import TestClient

from phonotheque.archive import (
    DeriveReport,
    PublishReport,
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
    selection,
    volumes,
)
from phonotheque.archive import deriving as deriving_module
from phonotheque.archive.access import find_copies
from phonotheque.mirror import plan_mirror, save_plan, sync, verify
from phonotheque.model import tables
from phonotheque.model.access import AccessSettings, CopyForm, Lossy, parse_form
from phonotheque.model.edition import Revocations
from phonotheque.model.errors import FormatError, InputError, UsageError
from phonotheque.model.numbers import IdKey, format_public_id
from phonotheque.model.progress import Silent
from phonotheque.search import ensure_index
from phonotheque.serve import create_app
from phonotheque.storage.documents import read_document, read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import check_schema
from phonotheque.vault import EventType, Vault, VaultObject, copies_of, sources_of
from phonotheque.vault.encoding_frames import EncodingRequest, Made
from phonotheque.vault.encoding_worker import answer
from phonotheque.vault.events import EVENTS, batch_files
from tests.archive.test_publish import rows
from tests.archive.test_purging import CC0, ingest
from tests.archive.workshop import cut_off_at
from tests.support.audio import make_audio
from tests.support.clock import NOW
from tests.support.vault_objects import faults

pytestmark = pytest.mark.usefixtures("tuf_clock")

MBID = "b1a9c0e9-d987-4042-ae91-78d6a3267d69"


class EncoderHere:
    """Stands for a worker process, which takes a second to start; the first tests start one."""

    def encode(self, master: int, wants: Any, room: int, size: int, limits: Any) -> Made:
        os.ftruncate(room, size)
        return answer(EncodingRequest(wants=wants, room_bytes=size, limits=limits), master, room)

    def close(self) -> None:
        return None


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies are encoded in this process."""
    monkeypatch.setattr("phonotheque.vault.copying.Encoder", EncoderHere)


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `archive`: two lossless songs and a lossy one, built, nothing published."""
    folder = tmp_path_factory.mktemp("access")
    for name, hertz in (("One.wav", 440.0), ("Two.wav", 500.0), ("Three.ogg", 600.0)):
        tags = {"title": name[:-4], "artist": "A", "license": CC0, "isrc": "DEAAA2600001"}
        tags |= {"musicbrainz_trackid": MBID} if name == "One.wav" else {"isrc": ""}
        make_audio(folder / "songs" / name, hertz=hertz, seconds=2.0, tags=tags)
    root = folder / "archive"
    plan = plan_init(
        root, name="P", publisher="T", seat="DE",
        overrides={"tiers": {"cuts_percent": [100.0]}, "access": {"tiers": {"1": "opus 64k"}}},
    )  # fmt: skip
    execute_init(plan, None, NOW, Silent())
    ingest(root)
    execute_build(Tree(root), plan_build(Tree(root), NOW.date()), Silent())
    return folder


@pytest.fixture
def tree(ingested: Path, tmp_path: Path) -> Tree:
    shutil.copytree(ingested, tmp_path / "own")
    return Tree(tmp_path / "own" / "archive")


@pytest.fixture(scope="module")
def published(ingested: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "own"
    shutil.copytree(ingested, folder)
    publish(Tree(folder / "archive"), "one")
    return folder


@pytest.fixture
def out(published: Path, tmp_path: Path) -> Tree:
    shutil.copytree(published, tmp_path / "out")
    return Tree(tmp_path / "out" / "archive")


def publish(tree: Tree, name: str, days: int = 0) -> PublishReport:
    at = NOW + timedelta(days=days)
    return execute_publish(tree, plan_publish(tree, at, name=name), at, Silent(), workers=1)


def derive(tree: Tree, **more: Any) -> DeriveReport:
    return execute_derive(tree, NOW, Silent(), workers=1, **more)


def set_access(tree: Tree, text: str) -> None:
    before = tree.archive_toml.read_text().partition("[access]")[0]
    tree.archive_toml.write_text(before + text)


def events(tree: Tree, kind: EventType) -> list[dict[str, Any]]:
    with Vault.open(tree.vault):
        pass  # what is pending becomes a batch when it is closed
    found = [row for path in batch_files(tree.vault) for row in pq.read_table(path).to_pylist()]
    return [row for row in found if row["type"] == kind]


def held(tree: Tree) -> Iterator[VaultObject]:
    with Vault.open(tree.vault) as vault:
        assert (faults(vault), list(vault.check_events())) == ({}, [])
        yield from list(vault.iter_objects())


def samples_of(content: bytes) -> float:
    """Length in samples at 48 kHz."""
    with av.open(io.BytesIO(content)) as container:
        return sum(f.samples * 48_000 / f.sample_rate for f in container.decode(audio=0))


# ------------------------------------------------------------------------------------- policy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[access]\ntiers."1" = "mp3"', "is no form of copy"),
        ('[access]\ntiers."1" = "opus 8k"', "is no form of copy"),
        ('[access]\ntiers."1" = "opus 600k"', "is no form of copy"),
        ('[access]\ntiers."one" = "original"', "names no tiers"),
        ('[access]\ntiers."2-1" = "original"', "names no tiers"),
        ('[access]\ntiers."1" = "original"\ntiers."1-1" = "opus 64k"', "named twice"),
        ('[access]\ntiers."1-2" = "opus 64k"', "names tier 2 of 1"),
        ('[access]\nlossy = "perhaps"', "perhaps"),
        ("[access]\nlouder = true", "louder"),
    ],
)
def test_a_policy_that_is_not_clear_is_an_error(tree: Tree, text: str, says: str) -> None:
    set_access(tree, text)
    with pytest.raises(FormatError, match=says):
        read_settings(tree)


def test_a_policy_names_the_form_of_tiers_and_says_original_of_the_rest() -> None:
    settings = AccessSettings(tiers={"1-3": "original", "4-5": "opus 96k", "6": "opus 48k"})
    assert settings.forms == {4: CopyForm(96), 5: CopyForm(96), 6: CopyForm(48)}
    assert AccessSettings() == AccessSettings(tiers={}, lossy=Lossy.KEEP)
    assert parse_form("original") is None and parse_form("opus 96k") == CopyForm(96)


# ------------------------------------------------------------------------------------- making


@pytest.mark.usefixtures("here")
def test_a_plan_names_what_is_missing_and_makes_nothing(tree: Tree) -> None:
    plan = plan_derive(tree, NOW)
    assert (plan.files, [t.tier for t in plan.tiers], plan.tiers[0].form) == (2, [1], "opus 64k")
    assert plan.bytes_in > 700_000 and 25_000 < plan.bytes_out < 40_000
    assert plan_publish(tree, NOW).copies == 2
    assert sum(1 for _ in held(tree)) == 3
    with pytest.raises(UsageError, match="tier 2 gives out its originals"):
        plan_derive(tree, NOW, tiers=[2])


def test_a_copy_is_an_object_of_its_own_with_its_history(tree: Tree) -> None:
    report = derive(tree)
    assert (report.files, report.failed) == (2, {}) and report.bytes_out < report.bytes_in / 10
    copies = [item for item in held(tree) if item.codec == "opus"]
    masters = {item.sha256: item for item in held(tree) if item.codec == "pcm_s16le"}
    assert len(copies) == 2 and len(masters) == 2
    told = {row["sha256"]: json.loads(row["detail"]) for row in events(tree, EventType.CREATION)}
    assert set(told) == {item.sha256 for item in copies}
    with Vault.open(tree.vault) as vault:
        for item in copies:
            [master] = sources_of(vault.state, item.sha256)
            assert copies_of(vault.state, master) == [item.sha256]
            detail = told[item.sha256]
            assert detail["source"] == master and detail["source_lossless"] is True
            assert detail["recipe"].startswith("opus 64k/1; libopus ")
            assert item.duration_ms == masters[master].duration_ms == 2000
            assert samples_of(vault.object_path(item.sha256).read_bytes()) == 96_000
    assert derive(tree).files == 0 and plan_derive(tree, NOW).files == 0


@pytest.mark.usefixtures("here")
def test_a_copy_carries_the_tags_of_its_master_and_its_loudness(tree: Tree) -> None:
    derive(tree)
    read = {}
    for item in held(tree):
        if item.codec == "opus":
            audio = mutagen.oggopus.OggOpus(tree.vault / object_name(item.sha256))
            read[audio["title"][0]] = audio
    one = read["One"]
    assert (one["artist"], one["isrc"], one["license"]) == (["A"], ["DEAAA2600001"], [CC0])
    assert one["musicbrainz_trackid"] == [MBID]
    assert -30 * 256 < int(one["r128_track_gain"][0]) < 30 * 256
    assert one["master"][0].startswith("sha256:") and "master_lossy" not in one
    assert "metadata_block_picture" not in one


def object_name(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest[2:4]}/{digest}"


@pytest.mark.usefixtures("here")
def test_what_was_made_is_known_again_when_the_state_is_lost(tree: Tree) -> None:
    derive(tree)
    events(tree, EventType.CREATION)
    for path in tree.vault.glob("state.sqlite*"):
        path.unlink()
    assert plan_derive(tree, NOW).files == 0


@pytest.mark.usefixtures("here")
def test_killed_between_two_copies_the_next_run_makes_the_other(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    real = deriving_module.make_copies

    def killed_after_one(*arguments: Any, **more: Any) -> Iterator[Any]:
        for one in real(*arguments, **more):
            if made:
                raise KeyboardInterrupt
            made.append(one)
            yield one

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(deriving_module, "make_copies", killed_after_one)
        derive(tree)
    assert plan_derive(tree, NOW).files in (0, 1)
    derive(tree)
    assert sum(item.codec == "opus" for item in held(tree)) == 2
    assert not list((tree.vault / "incoming").glob("*"))


@pytest.mark.usefixtures("here")
def test_a_master_that_changed_on_disk_gives_no_copy(tree: Tree) -> None:
    damaged = next(item for item in held(tree) if item.codec == "pcm_s16le")
    path = tree.vault / object_name(damaged.sha256)
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    report = derive(tree)
    assert report.files == 1 and "bytes have changed" in report.failed[damaged.sha256]


@pytest.mark.usefixtures("here")
def test_masters_that_fail_by_the_thousand_stop_the_run(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deriving_module, "MAX_FAILED", 1)
    for item in held(tree):
        (tree.vault / object_name(item.sha256)).unlink()
    with pytest.raises(InputError, match="something else must be wrong"):
        derive(tree)


# ---------------------------------------------------------------------------------- publishing


def test_an_edition_gives_out_copies_and_says_what_they_were_made_from(out: Tree) -> None:
    edition = out.edition("one")
    [(volume,)] = rows(edition, "SELECT volume FROM volumes")
    check_schema(edition / "files" / f"{volume}.parquet", tables.FILES)
    found = rows(
        edition,
        "SELECT title, path, sha256, puid, media_type, codec, bytes, sample_rate_hz, derived_from, "
        "derived_by FROM files ORDER BY title",
    )
    one, three, two = found
    with Vault.open(out.vault) as vault:
        for row in (one, two):
            assert row[1].endswith(".opus") and row[3:6] == ("fmt/946", "audio/ogg", "opus")
            assert row[7] == 44_100  # not more than its master
            assert sources_of(vault.state, row[2]) == [row[8]]
            assert row[9].startswith("opus 64k/1; libopus ") and "lossy" not in row[9]
            assert (out.volume(volume) / row[1]).stat().st_size == row[6] < 30_000
    assert three[1].endswith(".ogg") and three[5] == "vorbis" and three[8:] == (None, None)
    readme = (out.volume(volume) / "README.txt").read_text()
    assert "2 of the files are access copies" in readme and "as it was admitted" not in readme


def test_what_is_out_is_not_published_again(out: Tree) -> None:
    assert plan_publish(out, NOW + timedelta(days=1)).nothing_new
    set_access(out, '[access]\ntiers."1" = "original"')
    assert plan_publish(out, NOW + timedelta(days=1)).nothing_new


@pytest.mark.usefixtures("here")
def test_copies_made_ahead_are_those_that_are_published(tree: Tree) -> None:
    derive(tree)
    plan = plan_publish(tree, NOW, name="one")
    assert plan.copies == 0
    assert publish(tree, "one").copies == 0
    sizes = rows(tree.edition("one"), "SELECT sum(bytes) FROM files")
    assert sizes == [(plan.bytes,)]


@pytest.mark.usefixtures("here")
def test_publication_that_was_killed_after_a_copy_carries_on(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cut_off_at(monkeypatch, volumes, "_record"):
        publish(tree, "one")
    assert plan_publish(tree, NOW, name="one").copies == 0
    publish(tree, "one")
    assert rows(tree.edition("one"), "SELECT count(derived_from) FROM files") == [(2,)]


@pytest.mark.usefixtures("here")
def test_what_cannot_be_copied_goes_out_as_it_came_with_a_finding(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonotheque.vault.copying._doubt", lambda *_: "it does not please")
    report = publish(tree, "one")
    assert report.refused == {"copy.not-made": 2} and report.new_files == 3
    assert rows(tree.edition("one"), "SELECT DISTINCT codec FROM files ORDER BY 1") == [
        ("pcm_s16le",),
        ("vorbis",),
    ]
    assert plan_publish(tree, NOW + timedelta(days=1)).nothing_new
    [(volume,)] = rows(tree.edition("one"), "SELECT volume FROM volumes")
    written = pq.read_schema(tree.edition("one") / "files" / f"{volume}.parquet")
    assert "derived_from" not in written.names  # as readers of before know it


@pytest.mark.usefixtures("here")
def test_lossy_masters_are_encoded_again_only_by_name_and_every_record_says_so(
    tree: Tree,
) -> None:
    set_access(tree, '[access]\nlossy = "transcode"\ntiers."1" = "opus 32k"')
    assert publish(tree, "one").copies == 3
    edition = tree.edition("one")
    [(volume, path, digest, made)] = rows(
        edition, "SELECT volume, path, sha256, derived_by FROM files WHERE title = 'Three'"
    )
    assert made.endswith("; from lossy vorbis")
    assert "from lossy vorbis: 1" in (tree.volume(volume) / "README.txt").read_text()
    assert mutagen.oggopus.OggOpus(tree.volume(volume) / path)["master_lossy"] == ["vorbis"]
    details = {e["sha256"]: json.loads(e["detail"]) for e in events(tree, EventType.CREATION)}
    assert details[digest]["source_lossless"] is False
    assert details[digest]["source_codec"] == "vorbis"


# --------------------------------------------------------------------------------- withdrawals


def test_a_withdrawal_takes_the_copy_along(out: Tree) -> None:
    [(number, copy, master)] = rows(
        out.edition("one"), "SELECT recording, sha256, derived_from FROM files WHERE title = 'One'"
    )
    execute_withdraw(out, plan_withdraw(out, [str(number)], "error"), NOW, Silent())
    [revoked] = read_document(out.revocations_json, Revocations).files
    assert revoked.sha256 == copy and revoked.path.endswith(".opus")
    line = json.loads((out.root / "withdrawals.jsonl").read_text())
    assert set(line["files"]) == {copy, master}
    execute_build(out, plan_build(out, NOW.date()), Silent())
    publish(out, "two", 1)
    assert rows(out.edition("two"), "SELECT sha256 FROM tombstones") == [(copy,)]
    training = pq.read_table(next((out.edition("two") / "ai-training").glob("*.parquet")))
    assert copy not in training["sha256"].to_pylist() and training.num_rows == 2


def test_a_purge_takes_master_and_copy_out_of_vault_and_volume(out: Tree) -> None:
    text = out.archive_toml.read_text()
    out.archive_toml.write_text(text.replace('audio = "keep"', 'audio = "purge"'))
    [(number, copy, master, volume, path)] = rows(
        out.edition("one"),
        "SELECT recording, sha256, derived_from, volume, path FROM files WHERE title = 'One'",
    )
    report = execute_withdraw(out, plan_withdraw(out, [str(number)], "donor"), NOW, Silent())
    assert report.purged_files == 2 and not (out.volume(volume) / path).exists()
    assert not {item.sha256 for item in held(out)} & {copy, master}
    deleted = {row["sha256"] for row in events(out, EventType.DELETION)}
    assert deleted == {copy, master}


def test_a_copy_that_somebody_brings_is_known_by_its_bytes(out: Tree) -> None:
    [(title, volume, path)] = rows(
        out.edition("one"), "SELECT title, volume, path FROM files WHERE title = 'Two'"
    )
    found = identify_file(out, out.volume(volume) / path)
    assert found.held and found.answers[0].by == "bytes"
    assert found.answers[0].recording is not None and found.answers[0].recording.title == title


def test_events_of_creation_have_the_columns_of_all_events(out: Tree) -> None:
    for path in batch_files(out.vault):
        check_schema(path, EVENTS.with_metadata(pq.read_schema(path).metadata))


# ------------------------------------------------------------------------- mirrors and servers


def test_a_mirror_holds_the_copies_and_a_server_plays_them(out: Tree, tmp_path: Path) -> None:
    mirror = Tree(tmp_path / "mirror")
    save_plan(mirror, plan_mirror(mirror, Silent(), now=NOW, origin=str(out.root)))
    sync(mirror, Silent(), now=NOW)
    seen = verify(mirror, Silent(), now=NOW)
    assert seen.clean and seen.complete and verify(out, Silent(), now=NOW).clean
    edition = mirror.edition("one")
    ensure_index(edition, mirror.edition_index("one"), Silent())
    key = IdKey(bytes.fromhex(read_settings(out).id_key))
    found = rows(edition, "SELECT recording, volume, path, codec FROM files ORDER BY title")
    with TestClient(create_app(mirror)) as client:
        for number, volume, path, codec in found:
            answer = client.get(f"/stream/{format_public_id(number, key)}")
            assert answer.headers["content-type"] == "audio/ogg"
            assert answer.content == (out.volume(volume) / path).read_bytes()
            assert (b"OpusHead" in answer.content) is (codec == "opus")


def test_what_rests_on_a_deal_goes_out_as_it_came() -> None:
    asked = []

    class Rules:
        tiers: ClassVar = [2]

        def copy_of(self, digest: str, tier: int) -> None:
            asked.append((digest, tier))

    cursor = duckdb.connect()
    cursor.execute(
        "CREATE TABLE best AS FROM (VALUES ('a', 2, 'free'), ('b', 2, 'deal'), ('c', 1, 'free')) "
        "t(sha256, tier, signature)"
    )
    cursor.execute(
        "CREATE TABLE verdicts AS FROM (VALUES ('free', ['cc.grant']), ('deal', ['deal.offer'])) "
        "t(signature, rule_ids)"
    )
    find_copies(cursor, Rules(), selection._insert, selection._stream)
    assert asked == [("a", 2)]
    assert cursor.execute("SELECT count(*) FROM copies").fetchall() == [(0,)]
