"""The vault keeps each file once, durably, with its history, whatever interrupts it."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from phonotheque.model.errors import FormatError, NoSpaceError, PhonothequeError, UsageError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.storage import durable, local_store
from phonotheque.storage.digests import digest_file
from phonotheque.storage.local_store import LocalStore
from phonotheque.vault import (
    Admission,
    Description,
    EventType,
    Examination,
    Picture,
    Vault,
    VaultObject,
    admitting,
    grouping,
    kept_pictures,
    material,
    pending,
)
from phonotheque.vault import events as events_module
from phonotheque.vault import history as history_module
from phonotheque.vault import state as state_module
from phonotheque.vault import store as store_module
from phonotheque.vault.descriptions import descriptions_path
from tests.support.crashing import killed_at_every_line
from tests.support.vault_objects import faults

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def examined(path: Path) -> Examination:
    """What examining a sound FLAC at `path` would say; the vault itself never decodes."""
    stat = path.stat()
    return Examination(
        path=str(path), size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns, puid="fmt/279",
        format_name="FLAC", media_type="audio/flac", extension="flac", codec="flac",
        duration_ms=1000, sample_rate_hz=44_100, channels=2, bits=16, lossless=True,
        decoder="none/1",
    )  # fmt: skip


COVER = b"a picture"
PICTURE = sha256(COVER).hexdigest()
DESCRIBED = Description(
    tags={"title": ["A"]},
    pictures=(
        Picture(sha256=PICTURE, media_type="image/png", bytes=9, width=1, height=1, kind=3,
                content=COVER),
    ),
    fingerprint=bytes(range(40)),
)  # fmt: skip


def described(path: Path) -> Examination:
    return msgspec.structs.replace(examined(path), description=DESCRIBED)


def admit(vault: Vault, path: Path) -> Admission:
    return vault.admit(vault.take(path), examined(path), NOW)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.flac"
    path.write_bytes(b"a song" * 9000)
    return path


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.open(tmp_path / "vault") as opened:
        yield opened


def all_events(root: Path) -> list[dict[str, object]]:
    return [
        row for path in events_module.batch_files(root) for row in pq.read_table(path).to_pylist()
    ]


def test_an_admitted_file_is_kept_read_only_under_its_digest(vault: Vault, song: Path) -> None:
    digest = sha256(song.read_bytes()).hexdigest()
    admission = admit(vault, song)
    kept = vault.object_path(digest)
    assert admission == Admission(
        sha256=digest, bytes=54_000, pieces_root=digest_file(song).pieces_root.hex(),
        already_held=False,
    )  # fmt: skip
    assert kept.relative_to(vault.root).parts == ("objects", digest[:2], digest[2:4], digest)
    assert kept.read_bytes() == song.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o444
    found = vault.object(digest)
    assert found is not None
    assert (found.codec, found.duration_ms, found.bytes) == ("flac", 1000, 54_000)
    assert vault.count_objects() == (1, 54_000)


def test_the_same_bytes_are_kept_once_and_make_no_second_history(
    vault: Vault, song: Path, tmp_path: Path
) -> None:
    first = admit(vault, song)
    twin = Path(shutil.copy(song, tmp_path / "twin.flac"))
    second = admit(vault, twin)
    assert second == msgspec.structs.replace(first, already_held=True)
    vault.flush_events()
    assert len(all_events(vault.root)) == 4
    assert list((vault.root / "incoming").iterdir()) == []


def test_the_source_is_never_changed(vault: Vault, song: Path) -> None:
    song.chmod(0o640)
    before = song.stat()
    admit(vault, song)
    after = song.stat()
    assert (before.st_mode, before.st_mtime_ns, before.st_ino, after.st_nlink) == (
        after.st_mode, after.st_mtime_ns, after.st_ino, 1,
    )  # fmt: skip


def test_what_was_not_proved_sound_is_not_taken(vault: Vault, song: Path) -> None:
    bad = Finding(FindingCode.AUDIO_TRUNCATED, Severity.ERROR, "x", "cut")
    for examination in (
        msgspec.structs.replace(examined(song), findings=(bad,)),
        Examination(path=str(song)),
    ):
        with pytest.raises(UsageError, match="not fit to be kept"):
            vault.admit(vault.take(song), examination, NOW)
    assert vault.count_objects() == (0, 0)


def test_a_doubt_does_not_keep_a_file_out(vault: Vault, song: Path) -> None:
    doubt = Finding(FindingCode.AUDIO_WRONG_HEADER, Severity.WARNING, "x", "channels")
    examination = msgspec.structs.replace(examined(song), findings=(doubt,))
    assert not vault.admit(vault.take(song), examination, NOW).already_held


def test_a_file_seen_before_and_unchanged_need_not_be_read(vault: Vault, song: Path) -> None:
    digest = admit(vault, song).sha256
    vault.remember_seen("folder", "song.flac", 54_000, 17, digest)
    assert vault.seen("folder", "song.flac", 54_000, 17) == digest
    assert vault.seen("folder", "song.flac", 54_000, 18) is None
    assert vault.seen("folder", "song.flac", 54_001, 17) is None
    assert vault.seen("other", "song.flac", 54_000, 17) is None
    vault.remember_seen("folder", "song.flac", 54_000, 18, digest)
    assert vault.seen("folder", "song.flac", 54_000, 17) is None


def test_what_was_seen_but_is_not_held_must_be_read_again(vault: Vault) -> None:
    vault.remember_seen("folder", "song.flac", 9, 17, "ab" * 32)
    assert vault.seen("folder", "song.flac", 9, 17) is None


def test_every_admission_has_its_four_events(vault: Vault, song: Path) -> None:
    digest = admit(vault, song).sha256
    vault.record_event(EventType.FIXITY_CHECK, NOW + timedelta(days=1), sha256_hex=digest)
    assert vault.flush_events() == 1
    events = all_events(vault.root)
    assert [e["type"] for e in events] == ["for", "val", "mes", "ing", "fix"]
    assert [e["event"] for e in events] == [1, 2, 3, 4, 5]
    assert {e["sha256"] for e in events} == {digest}
    assert events[0]["at"] == NOW
    assert str(events[0]["agent"]).startswith("phonotheque/")
    ingested = msgspec.json.decode(str(events[3]["detail"]), type=VaultObject)
    assert ingested == vault.object(digest)


def test_events_go_on_in_the_next_batch_and_the_chain_holds(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "EVENTS_PER_BATCH", 8)
    for i in range(5):
        path = tmp_path / f"{i}.flac"
        path.write_bytes(b"%d" % i)
        admit(vault, path)
    vault.flush_events()
    assert len(events_module.batch_files(vault.root)) == 3
    assert [e["event"] for e in all_events(vault.root)] == list(range(1, 21))
    assert list(vault.check_events()) == []


@pytest.mark.parametrize("stride", [61, pytest.param(1, marks=pytest.mark.full)])
@pytest.mark.parametrize("grouped", [False, True])
def test_an_admission_killed_at_any_line_is_complete_after_running_again(
    tmp_path: Path, song: Path, stride: int, grouped: bool
) -> None:
    root = tmp_path / "vault"
    digest = sha256(song.read_bytes()).hexdigest()

    def ingest() -> None:
        with Vault.open(root) as vault, vault.grouped() if grouped else nullcontext():
            vault.admit(vault.take(song), described(song), NOW)
            vault.remember_seen("folder", "song.flac", 54_000, 17, digest)

    def prepare() -> None:
        shutil.rmtree(root, ignore_errors=True)

    modules = [
        durable, local_store, store_module, state_module, events_module, history_module,
        admitting, grouping, kept_pictures, material, pending,
    ]  # fmt: skip
    partly = 0
    for _ in killed_at_every_line(modules, prepare, ingest, stride=stride):
        partly += not events_module.batch_files(root)
        ingest()
        with Vault.open(root) as vault:
            assert vault.count_objects() == (1, 54_000)
            assert vault.object_path(digest).read_bytes() == song.read_bytes()
            assert vault.seen("folder", "song.flac", 54_000, 17) == digest
            assert faults(vault) == {}
            assert list(vault.check_events()) == []
            assert vault.picture_path(PICTURE).read_bytes() == COVER
            said = vault.description(digest)
            assert said is not None and said.fingerprint == DESCRIBED.fingerprint
            uses = vault.state.execute("SELECT uses FROM pictures").fetchall()
        assert uses == [(1,)]
        assert [(e["event"], e["type"]) for e in all_events(root)] == [
            (1, "for"), (2, "val"), (3, "mes"), (4, "mee"), (5, "ing"),
        ]  # fmt: skip
        assert list((root / "incoming").iterdir()) == []
    assert partly > 50 // stride


def test_descriptions_outlive_the_state_and_are_covered_by_the_chain(
    tmp_path: Path, song: Path
) -> None:
    root = tmp_path / "vault"
    with Vault.open(root) as vault:
        digest = vault.admit(vault.take(song), described(song), NOW).sha256
        pending_one = vault.description(digest)
    for path in root.glob("state.sqlite*"):
        path.unlink()
    with Vault.open(root) as vault:
        assert vault.description(digest) == pending_one
        assert vault.state.execute("SELECT uses FROM pictures").fetchall() == [(1,)]
        assert list(vault.check_events()) == []
        path = descriptions_path(root, 1)
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        assert [f.code for f in vault.check_events()] == [FindingCode.TABLE_DAMAGED]
        path.unlink()
        assert [f.code for f in vault.check_events()] == [FindingCode.TABLE_MISSING]
        path.mkdir()
        assert [f.code for f in vault.check_events()] == [FindingCode.COPY_NOT_CHECKED]


def test_a_picture_goes_with_the_last_object_that_has_it(
    vault: Vault, song: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.flac"
    other.write_bytes(b"other")
    one, two = (vault.admit(vault.take(p), described(p), NOW).sha256 for p in (song, other))
    vault.flush_events()
    vault.purge(one, NOW, "x")
    assert vault.picture_path(PICTURE).exists()
    vault.purge(two, NOW, "x")
    assert not vault.picture_path(PICTURE).exists()
    assert vault.state.execute("SELECT count(*) FROM pictures").fetchone() == (0,)


@pytest.mark.parametrize("stride", [37, pytest.param(1, marks=pytest.mark.full)])
def test_a_purge_killed_at_any_line_is_complete_after_running_again(
    tmp_path: Path, song: Path, stride: int
) -> None:
    root, first = tmp_path / "vault", tmp_path / "first"
    with Vault.open(first) as vault:
        digest = vault.admit(vault.take(song), described(song), NOW).sha256

    def prepare() -> None:
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(first, root)

    def purge() -> None:
        with Vault.open(root) as vault:
            vault.purge(digest, NOW, "x")

    modules = [local_store, store_module, state_module, history_module, kept_pictures, pending]
    for _ in killed_at_every_line(modules, prepare, purge, stride=stride):
        purge()
        with Vault.open(root) as vault:
            assert vault.count_objects() == (0, 0)
            assert not vault.object_path(digest).exists()
            assert not vault.picture_path(PICTURE).exists()
            assert list(vault.check_events()) == []
        assert [e["type"] for e in all_events(root)].count("del") == 1


def test_the_rest_of_a_group_is_kept_when_one_of_its_files_cannot_be(
    vault: Vault, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.flac"
    bad.write_bytes(b"bad")
    put = LocalStore.put

    def fail(self: LocalStore, sha256: str, content: Path, *, move: bool = False) -> bool:
        if self.size(sha256) is None and content.stat().st_size == 3:
            raise NoSpaceError("full")
        return put(self, sha256, content, move=move)

    monkeypatch.setattr(LocalStore, "put", fail)
    with pytest.raises(NoSpaceError), vault.grouped():
        good = admit(vault, song)
        lost = admit(vault, bad)
        vault.remember_seen("folder", "bad.flac", 3, 1, lost.sha256)
    assert vault.object(good.sha256) is not None
    assert vault.object(lost.sha256) is None
    assert vault.seen("folder", "bad.flac", 3, 1) is None
    assert faults(vault) == {}


def test_what_stands_under_a_name_without_being_known_is_proved_first(
    vault: Vault, song: Path
) -> None:
    digest = sha256(song.read_bytes()).hexdigest()
    path = vault.object_path(digest)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    assert not admit(vault, song).already_held
    assert path.read_bytes() == song.read_bytes()
    assert faults(vault) == {}


def test_an_object_deleted_after_a_batch_does_not_come_back_with_it(
    tmp_path: Path, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "EVENTS_PER_BATCH", 4)
    root, copy = tmp_path / "vault", tmp_path / "copy"
    vault = Vault.open(root)
    digest = admit(vault, song).sha256
    vault.purge(digest, NOW, "x")
    vault.close()
    shutil.copytree(root, copy)
    with Vault.open(root):
        pass  # writes both batches
    (copy / "events").mkdir(exist_ok=True)
    shutil.copy(events_module.batch_path(root, 1), events_module.batch_path(copy, 1))
    with Vault.open(copy) as again:
        assert again.object(digest) is None
    assert [e["event"] for e in all_events(copy)] == [1, 2, 3, 4, 5]


def test_a_lost_state_is_rebuilt_from_the_history(tmp_path: Path, song: Path) -> None:
    root = tmp_path / "vault"
    with Vault.open(root) as vault:
        digest = admit(vault, song).sha256
        known = vault.object(digest)
    for path in root.glob("state.sqlite*"):
        path.unlink()
    with Vault.open(root) as vault:
        assert vault.object(digest) == known
        assert admit(vault, song).already_held
        assert vault.record_event(EventType.FIXITY_CHECK, NOW, sha256_hex=digest) == 5
    assert [e["event"] for e in all_events(root)] == [1, 2, 3, 4, 5]


def test_the_history_of_a_crash_just_after_a_batch_is_not_written_twice(
    tmp_path: Path, song: Path
) -> None:
    root = tmp_path / "vault"
    vault = Vault.open(root)
    admit(vault, song)
    vault.close()
    shutil.copytree(root, tmp_path / "before")
    with Vault.open(root):
        pass  # writes the batch
    shutil.copytree(root / "events", tmp_path / "before" / "events")
    with Vault.open(tmp_path / "before") as again:
        assert again.flush_events() == 0
        again.record_event(EventType.FIXITY_CHECK, NOW)
    assert [e["event"] for e in all_events(tmp_path / "before")] == [1, 2, 3, 4, 5]
    assert list(events_module.check_events(tmp_path / "before")) == []


def test_readers_see_the_vault_while_one_writes(vault: Vault, song: Path) -> None:
    digest = admit(vault, song).sha256
    reader = Vault.open(vault.root)
    assert reader.object(digest) == vault.object(digest)
    assert [o.sha256 for o in reader.iter_objects()] == [digest]
    reader.close()


def test_two_that_close_the_vault_do_not_write_one_history_twice(
    vault: Vault, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_while_another_closes(*args: Any, **named: Any) -> events_module.Batch:
        with Vault.open(vault.root) as other:
            assert other.flush_events() == 0
        return write(*args, **named)

    write = events_module.write_batch
    monkeypatch.setattr(events_module, "write_batch", write_while_another_closes)
    admit(vault, song)
    assert vault.flush_events() == 1
    assert [e["event"] for e in all_events(vault.root)] == [1, 2, 3, 4]


def test_a_batch_that_a_reader_took_over_first_does_not_disturb_its_writer(
    vault: Vault, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_and_be_overtaken(*args: Any, **named: Any) -> events_module.Batch:
        batch = write(*args, **named)
        Vault.open(vault.root).close()
        return batch

    write = events_module.write_batch
    monkeypatch.setattr(events_module, "write_batch", write_and_be_overtaken)
    admit(vault, song)
    assert vault.flush_events() == 1
    assert [e["event"] for e in all_events(vault.root)] == [1, 2, 3, 4]
    assert list(vault.check_events()) == []


def test_a_missing_object_is_put_back_by_ingesting_its_file_again(vault: Vault, song: Path) -> None:
    digest = admit(vault, song).sha256
    vault.object_path(digest).unlink()
    assert not admit(vault, song).already_held
    assert faults(vault) == {}
    vault.flush_events()
    assert [e["type"] for e in all_events(vault.root)] == ["for", "val", "mes", "ing", "rec"]


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A vault with three batches of history."""
    root = tmp_path / "history"
    with Vault.open(root) as vault:
        for day in range(3):
            vault.record_event(EventType.FIXITY_CHECK, NOW + timedelta(days=day))
            vault.flush_events()
    return root


def rewrite(path: Path, **changes: list[object]) -> None:
    table = pq.read_table(path)
    for name, values in changes.items():
        index = table.schema.get_field_index(name)
        column = events_module.pa.array(values, table.schema.field(name).type)
        table = table.set_column(index, table.schema.field(name), column)
    path.unlink()
    pq.write_table(table, path)


@pytest.mark.parametrize("sequence", [1, 2, 3])
def test_history_that_was_changed_shows(history: Path, sequence: int) -> None:
    rewrite(events_module.batch_path(history, sequence), outcome=["failure"])
    with Vault.open(history) as vault:
        findings = list(vault.check_events())
    assert [f.code for f in findings] == [FindingCode.TABLE_DAMAGED]


@pytest.mark.parametrize("sequence", [1, 2, 3])
def test_history_that_is_gone_shows(history: Path, sequence: int) -> None:
    events_module.batch_path(history, sequence).unlink()
    with Vault.open(history) as vault:
        assert FindingCode.TABLE_MISSING in [f.code for f in vault.check_events()]


def test_history_with_a_gap_in_its_numbers_shows(history: Path) -> None:
    rewrite(events_module.batch_path(history, 3), event=[4])
    findings = list(events_module.check_events(history))
    assert [f.code for f in findings] == [FindingCode.TABLE_DAMAGED]
    assert "numbered from 3" in findings[0].message


def test_unreadable_history_is_a_finding_and_a_lost_state_says_so(history: Path) -> None:
    events_module.batch_path(history, 2).unlink()
    events_module.batch_path(history, 2).write_bytes(b"nothing")
    assert [f.code for f in events_module.check_events(history)] == [FindingCode.TABLE_DAMAGED]
    for path in history.glob("state.sqlite*"):
        path.unlink()
    with pytest.raises(FormatError, match=r"00000002\.parquet"):
        Vault.open(history)


def test_a_batch_that_does_not_follow_is_not_taken_over(history: Path, tmp_path: Path) -> None:
    rewrite(events_module.batch_path(history, 1), outcome=["failure"])
    for path in history.glob("state.sqlite*"):
        path.unlink()
    with pytest.raises(PhonothequeError, match="does not follow the batch before it"):
        Vault.open(history)


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    Vault.open(tmp_path).close()
    database = sqlite3.connect(tmp_path / "state.sqlite")
    database.execute("PRAGMA user_version=9")
    database.close()
    with pytest.raises(FormatError, match="state version 9"):
        Vault.open(tmp_path)
