"""The golden imports of format 1: kept for years, read by every later version."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phonotheque.archive import execute_ingest, plan_ingest
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.progress import Silent
from phonotheque.model.tables import (
    ARTIST_ROWS,
    FINDINGS,
    GONE,
    GROUP_ROWS,
    LISTENS,
    MBID_REDIRECTS,
    ROWS,
)
from phonotheque.sources import ImportReport
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import check_schema
from tests.support.clock import NOW

GOLDEN = Path(__file__).parents[1] / "golden" / "import" / "v1"
SCHEMAS = {
    "rows": ROWS,
    "listens": LISTENS,
    "artists": ARTIST_ROWS,
    "groups": GROUP_ROWS,
    "redirects": MBID_REDIRECTS,
    "gone": GONE,
    "findings": FINDINGS,
}
IMPORTS = {
    "songs/0001": "songs.csv",
    "songs/0002": "songs-later.csv",  # replaces the first
    "plays/0001": "plays.csv",
    "people/0001": "artists.jsonl",
    "albums/0001": "groups.jsonl",
    "merged/0001": "redirects.csv",
}


def write_imports(root: Path) -> Tree:
    """The imports of the golden inputs, as today's program writes them."""
    tree = Tree(root)
    settings = ArchiveSettings(
        format=1, id="x", id_key="00" * 16, name="T", slug="t", publisher="P", seat="DE"
    )
    write_document(tree.archive_toml, settings)
    for label, name in IMPORTS.items():
        mapping = GOLDEN / "input" / f"{Path(name).stem}.toml"
        plan = plan_ingest(
            tree, [GOLDEN / "input" / name], source=label.split("/")[0], kind="auto", now=NOW,
            replace=True if label == "songs/0002" else None,
            mapping=mapping if mapping.exists() else None,
        )  # fmt: skip
        execute_ingest(tree, plan, NOW, Silent())
    return tree


def schema_of(path: Path) -> pa.Schema:
    return SCHEMAS[path.name.split("-")[0].removesuffix(".parquet")]


@pytest.mark.parametrize("label", IMPORTS)
def test_the_golden_import_is_read(label: str) -> None:
    report = read_document(GOLDEN / label / "report.json", ImportReport)
    assert f"{report.source}/{report.name}" == label
    assert report.rows_read == report.rows_kept + report.rows_unchanged + report.rows_refused
    for path in [
        *(GOLDEN / label / p.path for p in report.parts),
        GOLDEN / label / "findings.parquet",
    ]:
        check_schema(path, schema_of(path))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return write_imports(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("label", IMPORTS)
def test_todays_program_writes_what_the_golden_import_holds(written: Tree, label: str) -> None:
    place, golden = written.sources / label, GOLDEN / label
    assert sorted(p.name for p in place.iterdir()) == sorted(p.name for p in golden.iterdir())
    for path in sorted(golden.glob("*.parquet")):
        held = pq.read_table(path).cast(schema_of(path))  # rows of before had no witness
        assert pq.read_table(place / path.name).equals(held)
    made, kept = (read_document(p / "report.json", ImportReport) for p in (place, golden))
    assert [(p.path, p.rows) for p in made.parts] == [(p.path, p.rows) for p in kept.parts]
    assert (made.inputs, made.findings, made.isrcs) == (kept.inputs, kept.findings, kept.isrcs)
    assert (made.rows_read, made.rows_refused) == (kept.rows_read, kept.rows_refused)
    assert (made.rows_gone, made.replaces) == (kept.rows_gone, kept.replaces)
