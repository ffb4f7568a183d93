"""What an edition says of its own making."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import phonotheque
from phonotheque.archive import execute_withdraw, plan_withdraw
from phonotheque.archive.provenance import read_sources
from phonotheque.model.edition import EditionManifest, SourceInput
from phonotheque.model.progress import Silent
from phonotheque.sources import ImportReport, InputRecord
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.layout import Tree
from tests.archive.test_publish import SONGS, made_up_vault, release
from tests.archive.workshop import Workshop
from tests.support.clock import NOW

__all__ = ["made_up_vault"]
pytestmark = pytest.mark.usefixtures("tuf_clock")


def note_import(tree: Tree, label: str, kind: str, *inputs: InputRecord) -> None:
    """Write the report of an import that is otherwise empty."""
    source, name = label.split("/")
    (tree.sources / label).mkdir(parents=True)
    report = ImportReport(
        format=1, source=source, name=name, kind=kind, read_at=NOW, inputs=list(inputs), parts=[],
        rows_read=0, rows_kept=0, rows_unchanged=0, rows_refused=0, files_seen=0, files_held=0,
        files_refused=0, files_ignored=0, findings={},
    )  # fmt: skip
    write_document(tree.sources / label / "report.json", report)


def test_an_edition_says_what_it_was_made_from_and_by_what(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "archive")
    given = InputRecord(
        name="release.tar.xz", kind="musicbrainz-release", bytes=7, sha256="ab" * 32
    )
    note_import(workshop.tree, "tiny/0001", "rows", given)
    workshop.build(SONGS)
    release(workshop.tree)
    manifest = read_document(workshop.tree.edition("one") / "edition.json", EditionManifest)
    (source,) = manifest.sources
    assert (source.import_, source.source, source.reader) == (
        "tiny/0001", "tiny", "musicbrainz-release",
    )  # fmt: skip
    assert (source.licence, source.read_at) == ("CC0-1.0", NOW)
    assert source.inputs == [SourceInput(name="release.tar.xz", bytes=7, sha256="ab" * 32)]
    assert manifest.licences == {"CC-BY-4.0": 6, "CC0-1.0": 1}
    assert manifest.schema is not None and manifest.schema.version == 1
    assert (Path(phonotheque.__file__).parents[2] / manifest.schema.notes).is_file()
    by = manifest.built_by
    assert by is not None and by.version == phonotheque.__version__
    assert (by.arrow, by.duckdb) == (pa.__version__, duckdb.__version__)


def test_withdrawn_files_stand_under_no_licence(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "archive")
    workshop.build(SONGS)
    release(workshop.tree)
    execute_withdraw(workshop.tree, plan_withdraw(workshop.tree, ["3"], "donor"), NOW, Silent())
    workshop.build(SONGS)
    release(workshop.tree, "two")
    manifest = read_document(workshop.tree.edition("two") / "edition.json", EditionManifest)
    assert manifest.licences == {"CC-BY-4.0": 6}
    assert sum(manifest.licences.values()) == manifest.counts.files


def test_documents_of_claims_are_not_named(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    letter = InputRecord(name="letter of Ms Doe.pdf", kind="document", bytes=9, sha256="cd" * 32)
    note_import(tree, "work/0001", "claims", letter)
    found = read_sources(tree, ["work/0001", "lost/0001"])
    assert found[0].inputs[0].name == "document" and found[0].licence is None
    assert (found[1].reader, found[1].read_at, found[1].inputs) == (None, None, [])
