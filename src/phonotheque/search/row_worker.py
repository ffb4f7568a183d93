"""The row store, written by worker processes where it is large."""

from collections.abc import Sequence
from pathlib import Path

from phonotheque.catalogue import CatalogueReader
from phonotheque.model.progress import Progress
from phonotheque.search.reading import EditionTables
from phonotheque.search.row_writing import (
    RowPart,
    count_rows,
    finish_rows,
    plan_row_parts,
    prepare_parts,
    write_row_part,
)
from phonotheque.search.workers import PROCESSES, Task, make_in_workers, serve

LARGE_ROWS = 1_000_000
"""So many rows are worth starting workers for."""


def write_rows(
    reader: CatalogueReader,
    work: Path,
    progress: Progress,
    memory_bytes: int,
    *,
    large_rows: int = LARGE_ROWS,
) -> None:
    """Write ``work/rows`` of the edition of `reader`; goes on after the parts in ``work/spill``.

    Raises:
        FormatError: a worker could not read the edition.
    """
    folder, store = work / "spill", work / "rows"
    if store.exists():
        return
    tables = EditionTables(reader, memory_bytes // 2, folder)
    rows = count_rows(tables)
    progress.start("index: rows", rows, "rows")
    if rows < large_rows:
        for part in plan_row_parts(tables, memory_bytes // 2):
            progress.advance(write_row_part(tables, part, folder))
    else:
        share = memory_bytes // PROCESSES
        task = Task(str(reader.root.absolute()), str(folder.absolute()), share)
        parts = plan_row_parts(tables, share // 2)
        prepare_parts(tables, parts, folder)
        _write_in_workers(task, parts, progress)
    finish_rows(folder, store)


def _write_in_workers(task: Task, parts: Sequence[RowPart], progress: Progress) -> None:
    make_in_workers("row_worker", task, parts, progress)


def _write(tables: EditionTables, part: RowPart, folder: Path, _memory_bytes: int) -> int:
    return write_row_part(tables, part, folder)


def main() -> None:
    """Be a worker."""
    serve(RowPart, _write)
