"""Runs of words: each of a range of recordings, releases or artists, made by any process.

A run whose terms are written is whole: a killed build goes on after its last whole run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from phonotheque.catalogue import CatalogueReader
from phonotheque.model.progress import Progress
from phonotheque.search.lists import load_number_doc
from phonotheque.search.ranges import add_artists, add_recordings, add_releases, add_tracks
from phonotheque.search.reading import EditionTables
from phonotheque.search.runs import Run, RunWriter
from phonotheque.search.workers import PROCESSES, Task, make_in_workers, serve

TABLES = ("recordings", "releases", "artists")
LARGE_ROWS = 1_000_000
"""So many recordings are worth starting workers for."""
BYTES_PER_ROW = 1_024


@dataclass(frozen=True, slots=True)
class TextPart:
    """The rows of a table with first ≤ number < last."""

    table: str
    first: int
    last: int

    @property
    def name(self) -> str:
        """Name of its run."""
        return f"run-{self.table}-{self.first:013d}-{self.last:013d}"


def write_runs(
    reader: CatalogueReader, work: Path, progress: Progress, memory_bytes: int
) -> list[Run]:
    """Write the runs of the edition of `reader` into ``work/spill``, but for those that are there.

    The documents must be written (`phonotheque.search.lists`).

    Raises:
        FormatError: a worker could not read the edition.
    """
    folder = work / "spill"
    tables = EditionTables(reader, memory_bytes // 2, folder)
    sizes = {table: tables.count(table) for table in TABLES}
    large = sizes["recordings"][0] >= LARGE_ROWS
    share = memory_bytes // PROCESSES if large else memory_bytes
    parts = _plan({table: greatest for table, (_, greatest) in sizes.items()}, share // 2)
    progress.start("index: words", sum(rows for rows, _ in sizes.values()), "rows")
    if large:
        task = Task(str(reader.root.absolute()), str(folder.absolute()), share)
        make_in_workers("text_worker", task, parts, progress)
    else:
        for part in parts:
            progress.advance(write_run(tables, part, folder, share // 2))
    return [Run(folder / part.name) for part in parts]


def _plan(greatest: dict[str, int], memory_bytes: int) -> list[TextPart]:
    step = max(memory_bytes // BYTES_PER_ROW, 1)
    return [
        TextPart(table, first, first + step)
        for table, last in greatest.items()
        for first in range(1, last + 1, step)
    ]


def write_run(tables: EditionTables, part: TextPart, folder: Path, _memory_bytes: int) -> int:
    """Write the run of `part` into `folder`, unless it is there; the rows read."""
    if Run(folder / part.name).is_whole:
        return 0
    run = RunWriter(folder, part.name)
    rows = sum(_iter_added(tables, part, folder, run))
    run.finish()
    return rows


def _iter_added(
    tables: EditionTables, part: TextPart, folder: Path, run: RunWriter
) -> Iterator[int]:
    """Add the texts of a part; gives the rows of each batch."""
    span = (part.first, part.last)
    if part.table == "recordings":
        number_doc = load_number_doc(folder)
        for batch in tables.iter_other_texts(*span):
            add_tracks(batch, number_doc, run)
        for batch in tables.iter_texts(*span):
            add_recordings(batch, number_doc, run)
            yield len(batch)
    elif part.table == "releases":
        for batch in tables.iter_release_texts(*span):
            add_releases(batch, run)
            yield len(batch)
    else:
        for batch in tables.iter_artist_texts(*span):
            add_artists(batch, run)
            yield len(batch)


def main() -> None:
    """Be a worker."""
    serve(TextPart, write_run)
