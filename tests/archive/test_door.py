"""What is done at the door with a file in which something was found, and what is remembered."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from phonotheque.archive import execute_ingest, plan_ingest
from phonotheque.archive.door import judge_at_door
from phonotheque.model.admission import Action, parse_admission
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.errors import FormatError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import read_settings, write_document
from phonotheque.storage.layout import Tree
from phonotheque.vault import Examination, Examiner, Link, Vault
from phonotheque.vault import store as vault_store
from phonotheque.vault.quarantine import iter_quarantined
from tests.archive.test_ingest import ingest, new_archive, rows_of
from tests.support.audio import make_audio
from tests.support.clock import NOW
from tests.support.vault_objects import faults

CC0 = '[[rights]]\nlicence = "CC0-1.0"\nholder = "B"\n'
DRM = b"\0\0\0\x14ftypM4P \0\0\0\0M4P " + b"\0\0\0\x08free"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return new_archive(tmp_path / "archive")


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """One sound file, one that is cut off, one that is protected; all under CC0."""
    folder = tmp_path / "songs"
    make_audio(folder / "a.flac", tags={"title": "A"})
    cut = make_audio(folder / "cut.flac", seconds=3, tags={"title": "Cut"})
    cut.write_bytes(cut.read_bytes()[:-2000])
    (folder / "bought.m4p").write_bytes(DRM)
    (folder / "rights.toml").write_text(CC0)
    return folder


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that were decoded."""
    names: list[str] = []
    whole = Examiner.examine

    def watched(self: Examiner, material: Any) -> Examination:
        names.append(material.source.name)
        return whole(self, material)

    monkeypatch.setattr(Examiner, "examine", watched)
    return names


def set_table(tree: Tree, **table: str) -> None:
    settings = read_settings(tree)
    codes = {code.replace("_", ".", 1).replace("_", "-"): word for code, word in table.items()}
    write_document(tree.archive_toml, msgspec.structs.replace(settings, admission=codes))


def events(tree: Tree) -> list[dict[str, Any]]:
    files = sorted((tree.vault / "events").glob("*.parquet"))
    return [event for path in files for event in pq.read_table(path).to_pylist()]


def test_damage_is_refused_and_not_decoded_again_while_it_is_unchanged(
    tree: Tree, songs: Path, examined: list[str]
) -> None:
    first = ingest(tree, songs)
    assert (first.files_admitted, first.files_quarantined, first.files_refused) == (1, 0, 2)
    assert sorted(examined) == ["a.flac", "bought.m4p", "cut.flac"]
    examined.clear()
    again = ingest(tree, songs)
    assert examined == []
    assert again.findings == first.findings
    assert (again.files_held_already, again.files_refused) == (1, 2)
    assert again.nothing_new == ["songs"]
    os.utime(songs / "cut.flac", ns=(1, 1))
    ingest(tree, songs)
    assert examined == ["cut.flac"]


@pytest.mark.full
def test_another_decoder_looks_at_refused_files_anew(
    tree: Tree, songs: Path, examined: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(tree, songs)
    examined.clear()
    monkeypatch.setattr(vault_store, "EXAMINER", "another/1")
    report = ingest(tree, songs)
    assert sorted(examined) == ["bought.m4p", "cut.flac"]
    assert report.files_refused == 2
    assert len([e for e in events(tree) if e["outcome"] == "failure"]) == 1


def test_damage_may_be_kept_by_policy_and_the_history_says_that_it_is_damage(
    tree: Tree, songs: Path
) -> None:
    set_table(tree, audio_decode_failed="report", audio_truncated="report")
    report = ingest(tree, songs)
    assert (report.files_admitted, report.files_refused) == (2, 1)
    said = [f for f in report.findings if f["where"] == "cut.flac"]
    assert said and {f["severity"] for f in said} == {"warning"}
    (row,) = [r for r in rows_of(tree, "songs/0001") if r["source_key"] == "cut.flac"]
    (proof,) = [e for e in events(tree) if (e["type"], e["sha256"]) == ("val", row["file_sha256"])]
    assert proof["outcome"] == "failure"
    assert json.loads(proof["detail"])["findings"][0]["rule"] == said[0]["code"]
    assert ingest(tree, songs).files_held_already == 2


def test_what_may_be_admitted_without_a_word_makes_none(tree: Tree, songs: Path) -> None:
    set_table(tree, audio_decode_failed="admit", audio_truncated="admit")
    assert {f["where"] for f in ingest(tree, songs).findings} == {"bought.m4p"}


def test_quarantine_keeps_the_bytes_and_gives_out_nothing(
    tree: Tree, songs: Path, examined: list[str]
) -> None:
    set_table(tree, audio_decode_failed="quarantine", audio_truncated="quarantine")
    for _ in range(2):
        report = ingest(tree, songs)
        assert (report.files_quarantined, report.files_refused) == (1, 1)
        assert any(f["where"] == "cut.flac" for f in report.findings)
    assert examined.count("cut.flac") == 1
    (row,) = [r for r in rows_of(tree, "songs/0001") if r["source_key"] == "cut.flac"]
    assert row["file_sha256"] is None
    (event,) = [e for e in events(tree) if e["type"] == "qua"]
    path = tree.vault / "quarantine" / event["sha256"][:2] / event["sha256"][2:4] / event["sha256"]
    assert path.read_bytes() == (songs / "cut.flac").read_bytes()
    assert path.stat().st_mode & 0o777 == 0o444
    assert json.loads(event["detail"])["path"] == "cut.flac"
    with Vault.open(tree.vault) as vault:
        assert vault.object(event["sha256"]) is None
    for lost in tree.vault.glob("state.sqlite*"):
        lost.unlink()
    with Vault.open(tree.vault) as vault:
        assert [q.sha256 for q in iter_quarantined(vault.state)] == [event["sha256"]]


@pytest.mark.full
def test_a_stricter_or_milder_policy_looks_at_the_file_again(
    tree: Tree, songs: Path, examined: list[str]
) -> None:
    ingest(tree, songs)
    set_table(tree, audio_decode_failed="quarantine", audio_truncated="quarantine")
    assert ingest(tree, songs).files_quarantined == 1
    set_table(tree, audio_decode_failed="report", audio_truncated="report")
    report = ingest(tree, songs)
    assert (report.files_admitted, report.files_quarantined) == (1, 0)
    assert examined.count("cut.flac") == 3


def test_what_may_not_be_held_is_not_set_aside_either(tree: Tree, songs: Path) -> None:
    set_table(tree, audio_decode_failed="quarantine", audio_truncated="quarantine")
    (songs / "rights.toml").unlink()
    report = ingest(tree, songs)
    assert (report.files_quarantined, report.files_refused) == (0, 3)
    assert not (tree.vault / "quarantine").exists()


@pytest.mark.parametrize(
    ("code", "word", "message"),
    [
        ("audio.drm", "report", "always refused"),
        ("file.unknown-format", "quarantine", "always refused"),
        ("audio.limit-exceeded", "admit", "quarantine or refuse"),
        ("audio.truncated", "burn", "one of: admit, report, quarantine, refuse"),
        ("row.no-title", "admit", "write a code of audio"),
        ("audio.nothing-of-the-kind", "admit", "write a code of audio"),
        ("audio.same-sound", "refuse", "write a code of audio"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(tree: Tree, code: str, word: str, message: str) -> None:
    with tree.archive_toml.open("a") as stream:
        stream.write(f'\n"{code}" = "{word}"\n')  # [admission] is the first table of all
    text = tree.archive_toml.read_text()
    assert "[admission]" in text
    tree.archive_toml.write_text(
        text.replace(f'\n"{code}" = "{word}"\n', "").replace(
            "[admission]\n", f'[admission]\n"{code}" = "{word}"\n'
        )
    )
    with pytest.raises(FormatError, match=message):
        read_settings(tree)


def finding(code: FindingCode, severity: Severity) -> Finding:
    return Finding(code, severity, "x", "y")


def test_the_strictest_word_counts_and_nothing_is_admitted_without_proof() -> None:
    damage = finding(FindingCode.AUDIO_TRUNCATED, Severity.ERROR)
    doubt = finding(FindingCode.AUDIO_WRONG_HEADER, Severity.WARNING)
    table = parse_admission({"audio.truncated": "admit"})
    whole = Examination(path="x", codec="flac", findings=(damage, doubt))
    judged = judge_at_door(whole, table)
    assert (judged.action, judged.findings) == (Action.REPORT, (doubt,))
    assert damage.code in judged.accepted
    unproved = msgspec.structs.replace(whole, codec="")
    judged = judge_at_door(unproved, table)
    assert judged.action is Action.REFUSE and not judged.accepted
    strict = judge_at_door(whole, parse_admission({"audio.wrong-header": "refuse"}))
    assert strict.action is Action.REFUSE
    assert [f.severity for f in strict.findings] == [Severity.ERROR] * 2
    assert judge_at_door(msgspec.structs.replace(whole, findings=()), {}).action is Action.ADMIT


def test_a_hard_link_takes_the_source_itself(tree: Tree, songs: Path) -> None:
    plan = plan_ingest(tree, [songs], source=None, kind="auto", now=NOW, link=Link.HARD)
    report = execute_ingest(tree, plan, NOW, Silent())
    assert report.files_admitted == 1
    with Vault.open(tree.vault) as vault:
        (item,) = vault.iter_objects()
        assert vault.object_path(item.sha256).samefile(songs / "a.flac")
        assert faults(vault) == {}
    assert (songs / "a.flac").stat().st_mode & 0o777 == 0o444
    assert (songs / "cut.flac").stat().st_nlink == 1
    assert list((tree.vault / "incoming").iterdir()) == []


def test_what_cannot_be_linked_is_copied_and_told_once(tree: Tree, songs: Path) -> None:
    make_audio(songs / "b.ogg")
    notes: list[str] = []

    class Noting(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    plan = plan_ingest(tree, [songs], source=None, kind="auto", now=NOW, link=Link.REFLINK)
    assert execute_ingest(tree, plan, NOW, Noting()).files_admitted == 2
    with Vault.open(tree.vault) as vault:
        assert faults(vault) == {}
    linked = [note for note in notes if "reflink" in note]
    assert linked in ([], ["2 files were copied: no reflink here"])


def test_the_same_bytes_twice_in_one_run_are_admitted_once(tree: Tree, songs: Path) -> None:
    (songs / "z.flac").write_bytes((songs / "a.flac").read_bytes())
    report = ingest(tree, songs)
    assert (report.files_admitted, report.files_held_already) == (1, 1)
    rows = {r["source_key"]: r for r in rows_of(tree, "songs/0001")}
    for name in ("file_sha256", "duration_ms", "title"):
        assert rows["a.flac"][name] == rows["z.flac"][name] is not None


def test_default_settings_have_an_empty_table() -> None:
    settings = ArchiveSettings(
        format=1, id="x", id_key="00" * 16, name="T", slug="t", publisher="P", seat="DE"
    )
    assert settings.admission == {}
