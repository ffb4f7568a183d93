"""An edition at rest: sound ones are clean, and each kind of damage has its code."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest.mock import patch

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phonotheque.archive import execute_withdraw, plan_withdraw, publish
from phonotheque.cli.main import main
from phonotheque.mirror import EditionVerdict, verify_edition
from phonotheque.mirror.planning_checks import check_places, check_planning
from phonotheque.model.edition import EditionManifest, Revocations
from phonotheque.model.errors import ExitCode, NotFoundError
from phonotheque.model.progress import Silent
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.places import KEY, Keys
from phonotheque.storage.tables import write_table
from tests.archive.test_publish import SONGS, release
from tests.archive.workshop import FolderVault, Workshop
from tests.mirror.conftest import Follower
from tests.support.clock import NOW

VOLUME = "work-tier2-00002"


@pytest.fixture(scope="module")
def origin_tree() -> Iterator[Tree]:
    with (
        TemporaryDirectory() as folder,
        patch.object(publish, "open_vault", FolderVault.of),
        patch.object(publish, "plan_build", lambda *_: SimpleNamespace(nothing_new=True)),
    ):
        workshop = Workshop(Path(folder) / "archive")
        workshop.build(SONGS)
        release(workshop.tree, "one")
        execute_withdraw(workshop.tree, plan_withdraw(workshop.tree, ["1"], "donor"), NOW, Silent())
        workshop.build(SONGS)
        release(workshop.tree, "two", days=1)
        yield workshop.tree


@pytest.fixture
def tree(origin_tree: Tree, tmp_path: Path) -> Tree:
    shutil.copytree(origin_tree.root, tmp_path / "archive")
    for path in (tmp_path / "archive").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return Tree(tmp_path / "archive")


def look(tree: Tree, name: str = "two") -> EditionVerdict:
    return verify_edition(tree, name, Silent(), year=NOW.year)


def errors(verdict: EditionVerdict) -> set[str]:
    return {f.code for f in verdict.findings if f.severity == "error"}


def of(verdict: EditionVerdict) -> dict[str, str]:
    return {check.name: check.outcome for check in verdict.checks}


def rewrite(tree: Tree, path: str, change: Callable[[list[dict[str, object]]], None]) -> None:
    """Change rows of a table of edition two, and vouch for them in its manifest."""
    where = tree.edition("two") / path
    schema = pq.read_schema(where)
    rows = pq.read_table(where).to_pylist()
    change(rows)
    write_table(where, schema, [pa.Table.from_pylist(rows, schema=schema)])
    manifest = read_document(tree.edition("two") / "edition.json", EditionManifest)
    digests = digest_file(where)
    contents = [
        msgspec.structs.replace(e, bytes=digests.size_bytes, sha256=digests.sha256.hex())
        if e.path == path
        else e
        for e in manifest.contents
    ]
    changed = msgspec.structs.replace(manifest, contents=contents)
    write_document(tree.edition("two") / "edition.json", changed)


def test_sound_editions_pass_in_all(origin_tree: Tree) -> None:
    for name in ("one", "two"):
        verdict = look(origin_tree, name)
        checks = of(verdict)
        assert checks.pop("catalogue") in ("passed", "failed")  # the workshop's is not a real one
        assert set(checks.values()) == {"passed"} and verdict.complete
        assert not [code for code in errors(verdict) if not code.startswith("catalogue")]


def test_damage_of_a_table_ends_the_look(tree: Tree) -> None:
    (tree.edition("two") / "findings.parquet").write_bytes(b"")
    (tree.edition("two") / "strange").write_bytes(b"")
    verdict = look(tree)
    assert {"table.damaged", "copy.extra"} <= {f.code for f in verdict.findings}
    assert of(verdict)["references"] == "not-checked" and not verdict.complete


def test_damage_of_a_bag_is_found_without_reading_audio(tree: Tree) -> None:
    bag = tree.volume(VOLUME)
    manifest = bag / "manifest-sha256.txt"
    manifest.write_bytes(manifest.read_bytes().replace(b"0", b"1"))
    (bag / "strange").write_bytes(b"")
    audio = next((bag / "data").rglob("*.ogg"))
    audio.unlink()
    verdict = look(tree)
    assert {"edition.bag", "copy.missing"} <= errors(verdict)
    assert "copy.extra" in {f.code for f in verdict.findings}
    (bag / "bagit.txt").unlink()
    assert "edition.bag" in errors(look(tree))


def test_a_torrent_that_the_volume_table_does_not_mean_is_found(tree: Tree) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        rows[0]["info_hash_v1"] = "00" * 20

    rewrite(tree, "volumes.parquet", change)
    verdict = look(tree)
    assert {"edition.torrent", "edition.signature"} <= errors(verdict)
    assert of(verdict)["signatures"] == "failed"


def test_a_reference_that_leads_nowhere_is_found(tree: Tree) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        rows[0]["recording"] = 4_000
        rows[0]["path"] = "data/nobody.ogg"

    rewrite(tree, "tombstones.parquet", change)
    verdict = look(tree)
    said = [f.message for f in verdict.findings if f.code == "edition.reference"]
    assert len(said) > 2 and "example 4000" in said[0]
    assert said[1].startswith("tombstones name files that no volume has: 1")


def test_counts_that_the_tables_do_not_have_are_found(tree: Tree) -> None:
    where = tree.edition("two") / "edition.json"
    manifest = read_document(where, EditionManifest)
    counts = msgspec.structs.replace(manifest.counts, files=99, waiting=1)
    write_document(where, msgspec.structs.replace(manifest, counts=counts))
    found = [f.message for f in look(tree).findings if f.message.startswith("counts.")]
    assert [text.split()[0] for text in found] == ["counts.files", "counts.waiting"]


def test_a_file_without_a_word_on_training_is_found(tree: Tree) -> None:
    rewrite(tree, f"ai-training/{VOLUME}.parquet", lambda rows: rows.pop())
    said = [f.message for f in look(tree).findings if "training" in f.message]
    assert len(said) == 1 and said[0].startswith("files have no row on training: 1")
    rewrite(tree, "ai-training/work-tier1-00001.parquet", lambda rows: None)
    other = tree.edition("two") / f"ai-training/{VOLUME}.parquet"
    shutil.copyfile(other, tree.edition("two") / "ai-training/work-tier1-00001.parquet")
    rewrite(tree, "ai-training/work-tier1-00001.parquet", lambda rows: rows.append(dict(rows[0])))
    said = [f.message for f in look(tree).findings if "training" in f.message]
    assert len(said) == 3


def test_a_withdrawal_that_is_not_revoked_is_found_and_a_newer_one_is_right(tree: Tree) -> None:
    revocations = read_document(tree.revocations_json, Revocations)
    (file,) = revocations.files
    newer = msgspec.structs.replace(
        file, volume=VOLUME, path="data/x.ogg", since=NOW + timedelta(days=9)
    )
    write_document(tree.revocations_json, msgspec.structs.replace(revocations, files=[file, newer]))
    assert of(look(tree))["revocations"] == "passed"
    older = msgspec.structs.replace(newer, since=NOW)
    write_document(tree.revocations_json, msgspec.structs.replace(revocations, files=[older]))
    said = [f.message for f in look(tree).findings if "revoked" in f.message]
    assert ["not revoked" in text for text in said] == [True, False]
    assert of(look(tree, "one"))["revocations"] == "passed"  # it is not the newest


def test_another_torrent_or_list_of_checksums_is_found(tree: Tree) -> None:
    where = tree.edition("two") / "edition.json"
    manifest = read_document(where, EditionManifest)
    assert manifest.catalogue_torrent is not None
    sums = tree.edition("two") / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("0", "1"))
    digests = digest_file(sums)
    contents = [
        msgspec.structs.replace(e, sha256=digests.sha256.hex()) if e.path == "SHA256SUMS" else e
        for e in manifest.contents
    ]
    torrent = msgspec.structs.replace(manifest.catalogue_torrent, info_hash_v1="00" * 20)
    write_document(
        where, msgspec.structs.replace(manifest, contents=contents, catalogue_torrent=torrent)
    )
    found = {(f.code, Path(f.where).name) for f in look(tree).findings}
    assert ("edition.reference", "SHA256SUMS") in found
    assert ("edition.torrent", "catalogue.torrent") in found


def test_a_false_signature_is_found(tree: Tree) -> None:
    stamp = tree.edition("two") / "metadata" / "timestamp.json"
    assert b'"sig":"' in stamp.read_bytes()
    stamp.write_bytes(stamp.read_bytes().replace(b'"sig":"', b'"sig":"00', 1))
    assert errors(look(tree)) >= {"edition.signature"}


def test_a_mirror_is_judged_by_its_own_metadata(synced: Follower) -> None:
    verdict = look(synced.tree, "2026-11")
    checks = of(verdict)
    del checks["catalogue"]  # a made-up one
    assert set(checks.values()) == {"passed"}
    (synced.tree.volume("tiny-tier1-00001") / "bagit.txt").unlink()
    assert "edition.bag" in errors(look(synced.tree, "2026-11"))


def test_an_edition_that_is_not_here_is_not_found(origin_tree: Tree) -> None:
    with pytest.raises(NotFoundError, match="no such edition"):
        look(origin_tree, "nine")


def test_the_command_says_it(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    (tree.volume(VOLUME) / "bagit.txt").unlink()
    assert main(["verify", str(tree.root), "--edition", "latest"]) == ExitCode.FINDINGS
    text = capsys.readouterr().out
    assert "volumes     failed" in text and "edition.bag" in text


def test_tables_for_planning_that_do_not_fit_the_files_are_found(tree: Tree) -> None:
    def about() -> list[str]:
        manifest = read_document(tree.edition("two") / "edition.json", EditionManifest)
        found = list(check_planning(tree, manifest))
        assert {f.code for f in found} <= {"edition.planning"}
        return [f"{f.where} {f.message}" for f in found]

    def set_first(column: str, value: object) -> Callable[[list[dict[str, object]]], None]:
        return lambda rows: rows[0].update({column: value})

    def drop_last(rows: list[dict[str, object]]) -> None:
        del rows[-1]

    assert about() == []
    rewrite(tree, f"planning/{VOLUME}.parquet", set_first("file_bytes", 1))
    rewrite(tree, "planning/listens.parquet", set_first("listens", 77_777))
    said = about()
    assert len(said) == 2 and "file_bytes differ from" in said[0]
    assert "the listens of 1 files of work-tier1-00001 are not" in said[1]
    rewrite(tree, f"planning/{VOLUME}.parquet", drop_last)
    rewrite(tree, "planning/listens.parquet", drop_last)
    said = about()
    assert "the number of rows" in said[0] and said[1].startswith("editions/two/planning/listens")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda keys: keys[::-1], "do not rise"),
        (lambda keys: keys + (1 << 24), "other recordings"),
        (lambda keys: keys[:-1], "another number"),
        (lambda keys: keys + 900, "volumes that there are not"),
    ],
)
def test_places_that_lead_elsewhere_are_found(
    tree: Tree, change: Callable[[Keys], Keys], said: str
) -> None:
    path = next(iter(sorted((tree.edition("two") / "places").iterdir())))
    path.write_bytes(change(np.fromfile(path, KEY)).tobytes())
    manifest = read_document(tree.edition("two") / "edition.json", EditionManifest)
    (found, *_) = check_places(tree, manifest)
    assert (found.code, said in found.message) == ("edition.places", True)
