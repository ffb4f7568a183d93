"""Ingest as a whole: real files, a real vault, and what is left after a crash."""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phonotheque.archive import IngestReport, execute_ingest, plan_ingest
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.model.findings import FindingCode
from phonotheque.model.progress import Silent
from phonotheque.model.tables import FINDINGS, LISTENS, ROWS
from phonotheque.sources import ImportReport, iter_imports
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import check_schema
from phonotheque.vault import Vault
from tests.support.audio import make_audio
from tests.support.clock import NOW
from tests.support.vault_objects import faults

CC_BY = "https://creativecommons.org/licenses/by/4.0/"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return new_archive(tmp_path / "archive")


def new_archive(root: Path) -> Tree:
    tree = Tree(root)
    settings = ArchiveSettings(
        format=1, id="x", id_key="00" * 16, name="T", slug="t", publisher="P", seat="DE"
    )
    write_document(tree.archive_toml, settings)
    return tree


def ingest(tree: Tree, *inputs: Path, source: str | None = None, now: datetime = NOW, kind="auto"):
    plan = plan_ingest(tree, inputs, source=source, kind=kind, now=now)
    return execute_ingest(tree, plan, now, Silent())


def rows_of(tree: Tree, name: str) -> list[dict]:
    """The rows of an import in the order of the input."""
    (paths,) = [ref.paths for ref in iter_imports(tree) if ref.label == name]
    rows = pa.concat_tables([pq.read_table(p) for p in paths]).to_pylist()
    assert [row["place"] for row in rows] == list(range(len(rows)))
    return sorted(rows, key=lambda row: (row["origin"], row["origin_row"]))


def codes(report: IngestReport) -> dict[str, int]:
    return report.findings_by_code


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def songs(folder: Path) -> Path:
    """Three files: licensed by tag, licensed by sidecar, not licensed at all."""
    make_audio(folder / "a/one.flac", tags={"title": "One", "artist": "A", "license": CC_BY})
    make_audio(folder / "b/two.ogg", hertz=500, tags={"title": "Two", "artist": "B"})
    write(folder / "b/rights.toml", '[[rights]]\nlicence = "CC0-1.0"\nholder = "B"\n')
    make_audio(folder / "c/three.mp3", hertz=600, tags={"title": "Three", "artist": "C"})
    write(folder / "c/cover.txt", "not audio")
    return folder


def test_only_audio_with_evidence_is_admitted_and_every_file_gets_a_row(
    tree: Tree, tmp_path: Path
) -> None:
    folder = songs(tmp_path / "My Songs")
    report = ingest(tree, folder)
    (made,) = report.imports
    assert (made.source, made.name, made.kind) == ("my-songs", "0001", "rows")
    assert (report.files_seen, report.files_admitted, report.files_refused) == (3, 2, 1)
    assert report.files_ignored == 2
    assert codes(report) == {FindingCode.RIGHTS_NO_EVIDENCE.value: 1}
    one, two, three = rows_of(tree, "my-songs/0001")
    assert [r["source_key"] for r in (one, two, three)] == [
        "a/one.flac",
        "b/two.ogg",
        "c/three.mp3",
    ]
    assert [r["collection"] for r in (one, two, three)] == ["a", "b", "c"]
    assert three["file_sha256"] is None
    with Vault.open(tree.vault) as vault:
        for row, path in ((one, "a/one.flac"), (two, "b/two.ogg")):
            content = (folder / path).read_bytes()
            assert row["file_sha256"] == sha256(content).hexdigest()
            assert vault.object_path(row["file_sha256"]).read_bytes() == content
            assert row["duration_ms"] == vault.object(row["file_sha256"]).duration_ms
    evidence = two["evidence"][0]
    assert (evidence["value"], evidence["kind"]) == ("CC0-1.0", "sidecar")
    kept = tree.sources / "evidence" / evidence["sha256"]
    assert kept.read_bytes() == (folder / "b/rights.toml").read_bytes()


def test_an_import_has_the_documented_files(tree: Tree, tmp_path: Path) -> None:
    report = ingest(tree, songs(tmp_path / "songs"))
    place = tree.sources / "songs" / "0001"
    assert sorted(p.name for p in place.iterdir()) == [
        "findings.parquet",
        "report.json",
        "rows-00000.parquet",
    ]
    check_schema(place / "rows-00000.parquet", ROWS)
    check_schema(place / "findings.parquet", FINDINGS)
    written = read_document(place / "report.json", ImportReport)
    assert written == report.imports[0]
    (part,) = written.parts
    assert sha256((place / part.path).read_bytes()).hexdigest() == part.sha256
    assert pq.read_table(place / "findings.parquet")["code"].to_pylist() == ["rights.no-evidence"]


def test_the_same_folder_again_makes_nothing_and_examines_nothing(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = songs(tmp_path / "songs")
    ingest(tree, folder)
    examined: list[str] = []
    from phonotheque.vault import Examiner

    whole = Examiner.examine

    def watched(self, material):
        examined.append(material.source.name)
        return whole(self, material)

    monkeypatch.setattr(Examiner, "examine", watched)
    again = ingest(tree, folder, now=NOW + timedelta(days=1))
    assert again.imports == []
    assert again.nothing_new == ["songs"]
    assert (again.files_held_already, again.files_admitted, again.rows_unchanged) == (2, 0, 3)
    assert examined == []  # not even what has no rights, which are asked again
    assert [ref.label for ref in iter_imports(tree)] == ["songs/0001"]


def test_the_next_import_holds_only_what_is_new_or_different(tree: Tree, tmp_path: Path) -> None:
    folder = songs(tmp_path / "songs")
    ingest(tree, folder)
    write(folder / "c/rights.toml", '[[rights]]\nbasis = "own"\n')
    make_audio(folder / "d.wav", hertz=700, tags={"title": "Four", "license": "CC0-1.0"})
    (folder / "a/one.flac").unlink()
    report = ingest(tree, folder)
    assert (report.rows_read, report.rows_kept, report.rows_unchanged) == (3, 2, 1)
    assert [r["source_key"] for r in rows_of(tree, "songs/0002")] == ["c/three.mp3", "d.wav"]
    assert all(r["file_sha256"] for r in rows_of(tree, "songs/0002"))


def test_a_protected_file_gets_no_row_and_a_broken_one_no_audio(tree: Tree, tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    protected = b"\0\0\0\x14ftypM4P \0\0\0\0M4P " + b"\0\0\0\x08free"
    folder.mkdir()
    (folder / "bought.m4p").write_bytes(protected)
    broken = make_audio(folder / "cut.flac", seconds=3, tags={"title": "Cut", "license": CC_BY})
    broken.write_bytes(broken.read_bytes()[:-2000])
    (folder / "noise.ogg").write_bytes(b"no audio at all")
    report = ingest(tree, folder)
    assert report.files_refused == 3
    assert codes(report)[FindingCode.AUDIO_DRM.value] == 1
    assert "bought.m4p" not in [r["source_key"] for r in rows_of(tree, "songs/0001")]
    cut = rows_of(tree, "songs/0001")[0]
    assert (cut["title"], cut["file_sha256"]) == ("Cut", None)
    where = {f["where"] for f in report.findings}
    assert {"bought.m4p", "cut.flac", "noise.ogg"} <= where


@pytest.mark.parametrize(
    ("licences", "code"),
    [
        (["CC-BY-4.0", "CC-BY-SA-4.0"], FindingCode.RIGHTS_CONFLICT),
        (["CC-BY-NC-4.0"], FindingCode.RIGHTS_DENIED),
        (["GPL-3.0-or-later"], FindingCode.RIGHTS_REVIEW),
        (["free download"], FindingCode.RIGHTS_NO_EVIDENCE),
    ],
)
def test_audio_that_may_not_be_held_is_kept_out_with_its_reason(
    tree: Tree, tmp_path: Path, licences: list[str], code: FindingCode
) -> None:
    tags = dict(zip(("license", "copyright"), licences, strict=False))
    make_audio(tmp_path / "songs/a.flac", tags={"title": "A", **tags})
    report = ingest(tree, tmp_path / "songs")
    assert codes(report) == {code.value: 1}
    assert report.files_admitted == 0
    assert "rights.toml" in report.findings[0]["message"]
    with Vault.open(tree.vault) as vault:
        assert vault.count_objects() == (0, 0)


def test_two_versions_of_one_licence_are_kept_and_noted(tree: Tree, tmp_path: Path) -> None:
    tags = {"title": "A", "license": "CC-BY-4.0", "copyright": "X, CC BY 3.0"}
    make_audio(tmp_path / "songs/a.flac", tags=tags)
    report = ingest(tree, tmp_path / "songs")
    assert report.files_admitted == 1
    assert [(f["code"], f["severity"]) for f in report.findings] == [("rights.conflict", "info")]


def table(path: Path, rows: list[tuple[str, str]]) -> Path:
    lines = "".join(f"{key},{title},A\n" for key, title in rows)
    return write(path, "source_key,title,artist_credit\n" + lines)


def test_rows_come_in_file_order_and_only_changes_come_again(tree: Tree, tmp_path: Path) -> None:
    path = table(tmp_path / "rows.csv", [("b", "B"), ("a", "A"), ("c", "C")])
    first = ingest(tree, path)
    assert [r["source_key"] for r in rows_of(tree, "rows/0001")] == ["b", "a", "c"]
    assert first.imports[0].inputs[0].sha256 == sha256(path.read_bytes()).hexdigest()
    table(path, [("c", "C"), ("d", "D"), ("b", "B2"), ("a", "A")])
    second = ingest(tree, path)
    assert [r["source_key"] for r in rows_of(tree, "rows/0002")] == ["d", "b"]
    assert (second.rows_read, second.rows_kept, second.rows_unchanged) == (4, 2, 2)
    table(path, [("a", "A"), ("b", "B2"), ("c", "C"), ("d", "D")])
    assert ingest(tree, path).nothing_new == ["rows"]


def test_a_value_that_returns_is_new_again(tree: Tree, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    for title in ("A", "B", "A"):
        ingest(tree, table(path, [("k", title)]))
    assert [rows_of(tree, f"rows/000{i}")[0]["title"] for i in (1, 2, 3)] == ["A", "B", "A"]


def test_the_first_of_two_rows_with_one_key_counts(tree: Tree, tmp_path: Path) -> None:
    one = table(tmp_path / "one.csv", [("a", "A"), ("b", "B"), ("a", "A again")])
    two = table(tmp_path / "two.csv", [("b", "B again"), ("c", "C")])
    report = ingest(tree, one, two, source="both")
    rows = rows_of(tree, "both/0001")
    assert [(r["source_key"], r["title"]) for r in rows] == [("a", "A"), ("b", "B"), ("c", "C")]
    assert codes(report) == {FindingCode.ROW_DUPLICATE_KEY.value: 2}
    assert [(f["where"], f["row"]) for f in report.findings] == [("one.csv", 3), ("two.csv", 1)]
    assert (report.rows_read, report.rows_kept, report.rows_refused) == (5, 3, 2)


def test_listens_are_an_import_of_their_own(tree: Tree, tmp_path: Path) -> None:
    path = write(tmp_path / "plays.csv", "key,listens\nsource:rows:a,5\nnonsense,1\n")
    report = ingest(tree, path)
    (ref,) = iter_imports(tree)
    assert (ref.label, ref.kind) == ("plays/0001", "listens")
    check_schema(ref.paths[0], LISTENS)
    assert (report.rows_read, report.rows_kept, report.rows_refused) == (2, 1, 1)
    assert ingest(tree, path).nothing_new == ["plays"]
    write(path, "key,listens\nsource:rows:a,6\n")
    assert ingest(tree, path).imports[0].name == "0002"


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = songs(tmp_path / "songs")
    digests = []
    for name in ("one", "two"):
        tree = new_archive(tmp_path / name)
        digests.append([part.sha256 for part in ingest(tree, folder).imports[0].parts])
    assert digests[0] == digests[1]


def test_a_plan_writes_nothing_and_says_what_will_be_read(tree: Tree, tmp_path: Path) -> None:
    before = sorted(tree.root.rglob("*"))
    path = table(tmp_path / "rows.csv", [("a", "A")])
    plan = plan_ingest(tree, [songs(tmp_path / "songs"), path], source=None, kind="auto", now=NOW)
    assert [(i.source, i.kind, i.audio_files) for i in plan.inputs] == [
        ("songs", "folder", 3),
        ("rows", "rows", 0),
    ]
    assert plan.imports == ["songs/0001", "rows/0001"]
    assert sorted(tree.root.rglob("*")) == before
    assert msgspec.to_builtins(plan)["audio_files"] == 3


def test_a_request_that_makes_no_sense_is_refused_before_anything_is_read(
    tree: Tree, tmp_path: Path
) -> None:
    rows = table(tmp_path / "rows.csv", [("a", "A")])
    listens = write(tmp_path / "plays.csv", "key,listens\n")
    with pytest.raises(NotFoundError):
        ingest(tree, tmp_path / "missing")
    with pytest.raises(NotFoundError):
        ingest(Tree(tmp_path / "nowhere"), rows)
    with pytest.raises(InputError):
        ingest(tree, write(tmp_path / "a.doc", "x"))
    for arguments in ({"source": "No Slug"}, {"source": "evidence"}, {"kind": "folder"}):
        with pytest.raises(UsageError):
            ingest(tree, rows, **arguments)
    with pytest.raises(UsageError, match="listens"):
        ingest(tree, rows, listens, source="both")
    assert not tree.sources.exists()


def test_what_a_killed_ingest_left_is_removed_by_the_next(tree: Tree, tmp_path: Path) -> None:
    left = tree.sources / "songs" / "0001"
    left.mkdir(parents=True)
    (left / "rows-00000.parquet").write_bytes(b"half")
    assert list(iter_imports(tree)) == []
    ingest(tree, songs(tmp_path / "songs"))
    assert len(rows_of(tree, "songs/0001")) == 3


SCRIPT = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from phonotheque.archive import execute_ingest, plan_ingest
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree
now = datetime(2026, 11, 22, 12, tzinfo=UTC)
tree = Tree(Path(sys.argv[1]))
plan = plan_ingest(tree, [Path(sys.argv[2])], source=None, kind="auto", now=now)
print("go", flush=True)
execute_ingest(tree, plan, now, Silent())
"""


def contents(tree: Tree) -> dict[str, str]:
    """What an archive's sources and objects are, but not its history or its state."""
    places = [*tree.sources.rglob("*"), *(tree.vault / "objects").rglob("*")]
    return {
        p.relative_to(tree.root).as_posix(): sha256(p.read_bytes()).hexdigest()
        for p in places
        if p.is_file()
    }


@pytest.mark.full
def test_killed_at_any_moment_and_run_again_it_ends_the_same(tmp_path: Path) -> None:
    folder = songs(tmp_path / "songs")
    whole = new_archive(tmp_path / "whole")
    ingest(whole, folder)
    killed = new_archive(tmp_path / "killed")
    for wait_seconds in (0.05, 0.6):
        arguments = [sys.executable, "-c", SCRIPT, str(killed.root), str(folder)]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(wait_seconds)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    ingest(killed, folder)
    assert contents(killed) == contents(whole)
    with Vault.open(killed.vault) as vault:
        assert faults(vault) == {}


def test_a_folder_without_audio_is_not_read_in_silence(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps/rows.csv").write_text("source_key,title,artist_credit\n1,A,B\n")
    with pytest.raises(UsageError, match="holds no audio"):
        ingest(tree, tmp_path / "dumps")


def test_a_table_without_the_columns_is_told_what_it_has_instead(
    tree: Tree, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text("source_key;title;artist_credit\n1;A;B\n")
    with pytest.raises(InputError, match="'source_key;title;art"):
        ingest(tree, tmp_path / "rows.csv")
