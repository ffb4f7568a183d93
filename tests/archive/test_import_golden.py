"""The golden import of format 1: kept for years, read by every later version."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from phonotheque.archive import execute_ingest, plan_ingest
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.progress import Silent
from phonotheque.model.tables import FINDINGS, LISTENS, ROWS
from phonotheque.sources import ImportReport
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import check_schema
from tests.support.clock import NOW

GOLDEN = Path(__file__).parents[1] / "golden" / "import" / "v1"
IMPORTS = [("songs", "rows", ROWS), ("plays", "listens", LISTENS)]


def write_imports(root: Path) -> Tree:
    """The imports of the golden inputs, as today's program writes them."""
    tree = Tree(root)
    settings = ArchiveSettings(
        format=1, id="x", id_key="00" * 16, name="T", slug="t", publisher="P", seat="DE"
    )
    write_document(tree.archive_toml, settings)
    inputs = [GOLDEN / "input" / f"{name}.csv" for name, _, _ in IMPORTS]
    plan = plan_ingest(tree, inputs, source=None, kind="auto", now=NOW)
    execute_ingest(tree, plan, NOW, Silent())
    return tree


@pytest.mark.parametrize(("source", "kind", "schema"), IMPORTS)
def test_the_golden_import_is_read(source: str, kind: str, schema: object) -> None:
    report = read_document(GOLDEN / source / "0001" / "report.json", ImportReport)
    assert (report.source, report.kind) == (source, kind)
    assert report.rows_read == report.rows_kept + report.rows_unchanged + report.rows_refused
    for part in report.parts:
        check_schema(GOLDEN / source / "0001" / part.path, schema)
    check_schema(GOLDEN / source / "0001" / "findings.parquet", FINDINGS)


@pytest.mark.parametrize(("source", "kind", "schema"), IMPORTS)
def test_todays_program_writes_what_the_golden_import_holds(
    tmp_path: Path, source: str, kind: str, schema: object
) -> None:
    place = write_imports(tmp_path).sources / source / "0001"
    golden = GOLDEN / source / "0001"
    for path in sorted(golden.glob("*.parquet")):
        assert pq.read_table(place / path.name).equals(pq.read_table(path))
    written, kept = (read_document(p / "report.json", ImportReport) for p in (place, golden))
    assert [(p.path, p.rows) for p in written.parts] == [(p.path, p.rows) for p in kept.parts]
    assert (written.inputs, written.findings) == (kept.inputs, kept.findings)
    assert (written.rows_read, written.rows_refused) == (kept.rows_read, kept.rows_refused)
