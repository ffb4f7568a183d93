"""An edition at rest: sound ones are clean, and each kind of damage has its code."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest.mock import patch

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phonotheque.archive import execute_withdraw, plan_withdraw, publish
from phonotheque.cli.main import main
from phonotheque.mirror import EditionVerdict, verify_edition
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import ExitCode, NotFoundError
from phonotheque.model.progress import Silent
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.layout import Tree
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
    assert len(said) == 2 and "example 4000" in said[0]


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
