"""The formats of an export, version 1, as they were written once: they must stay as described.

`python -m tests.catalogue.test_export_golden` writes the golden files anew; only a new format
version may.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest

from phonotheque.catalogue.export_formats import iter_json
from phonotheque.catalogue.exporting import (
    ExportFormat,
    ExportRequest,
    execute_export,
    plan_export,
    sidecar_of,
)
from phonotheque.catalogue.published import Bounds
from phonotheque.catalogue.slice_columns import Of
from phonotheque.catalogue.slicing import Filters, open_slice
from phonotheque.model.progress import Silent
from tests.catalogue.by_hand import ByHand

GOLDEN = Path(__file__).parents[1] / "golden" / "export" / "v1"
NAMES = ("tracks.csv", "tracks.csv.export.json", "tracks.jsonl", "slice.sql", "tracks.parquet.txt")


def write(folder: Path) -> None:
    """The golden exports: tracks as CSV, JSON Lines and Parquet; a slice as SQLite, as SQL."""
    made = ByHand(folder / "catalogue", label="edition 2026-11").write()
    bounds = Bounds(folder / "spill", memory="200MB", threads=1)
    with open_slice(made, Filters(min_listens=1), bounds) as rows:
        for written_as in ExportFormat:
            request = ExportRequest(folder / f"tracks.{written_as}", Of.TRACKS, written_as)
            plan = plan_export(rows, request)
            execute_export(rows, request, plan, Silent(), now=datetime(2026, 11, 22, tzinfo=UTC))
    with closing(sqlite3.connect(folder / "tracks.sqlite")) as database:
        lines = [line for line in database.iterdump() if not _is_inner(line)]
    (folder / "slice.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "tracks.parquet.txt").write_text(_parquet_text(folder), encoding="utf-8")


def _is_inner(line: str) -> bool:
    """FTS5's own tables and the planner's statistics are of the version of SQLite."""
    return "sqlite_stat" in line or "search_" in line or "writable_schema" in line.lower()


def _parquet_text(folder: Path) -> str:
    table = pq.read_table(folder / "tracks.parquet")
    told = table.schema.metadata[b"phonotheque.export"].decode()
    rows = [line for lines in iter_json(table.to_batches()) for line in lines]
    return "\n".join([told, *(f"{f.name}: {f.type}" for f in table.schema), *rows]) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_exports_are_written_as_they_always_were(name: str, written: Path) -> None:
    assert (written / name).read_text(encoding="utf-8") == (GOLDEN / name).read_text("utf-8")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    write(folder)
    return folder


if __name__ == "__main__":
    assert sidecar_of(Path("tracks.csv")).name in NAMES
    GOLDEN.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        write(Path(temporary))
        for each in NAMES:
            (GOLDEN / each).write_bytes((Path(temporary) / each).read_bytes())
