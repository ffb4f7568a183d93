"""Worker processes that write parts of the row store.

A worker is told the edition, the folder and its memory in one line of JSON, then a part a line;
it answers with the number of rows, or with what went wrong. It ends when its input does.
"""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

import msgspec

from phonotheque.catalogue import CatalogueReader, open_edition
from phonotheque.model.errors import FormatError, PhonothequeError
from phonotheque.model.progress import Progress
from phonotheque.search.reading import EditionTables
from phonotheque.search.row_writing import (
    RowPart,
    count_rows,
    finish_rows,
    plan_row_parts,
    write_row_part,
)

PROCESSES = 2
LARGE_ROWS = 1_000_000
"""So many rows are worth starting workers for."""
_COMMAND = (sys.executable, "-P", "-c", "from phonotheque.search import row_worker as w; w.main()")


class Task(msgspec.Struct, frozen=True):
    """What all parts of one worker have in common."""

    edition_dir: str
    folder: str
    memory_bytes: int


class Answer(msgspec.Struct, frozen=True):
    """Rows written; or the error that ended the worker."""

    rows: int
    error: str | None = None


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
        _write_in_workers(task, plan_row_parts(tables, share // 2), progress)
    finish_rows(folder, store)


def _write_in_workers(task: Task, parts: Sequence[RowPart], progress: Progress) -> None:
    idle: SimpleQueue[_Worker] = SimpleQueue()

    def write(part: RowPart) -> int:
        worker = idle.get()
        try:
            return worker.write(part)
        finally:
            idle.put(worker)

    with ExitStack() as running:
        for _ in range(PROCESSES):
            idle.put(running.enter_context(_Worker(task)))
        with ThreadPoolExecutor(PROCESSES) as pool:
            for rows in pool.map(write, parts):
                progress.advance(rows)


class _Worker:
    """One process, asked for one part at a time."""

    def __init__(self, task: Task) -> None:
        self._process = subprocess.Popen(
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._say(msgspec.json.encode(task))

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        if kind is not None:
            self._process.kill()
        self._process.wait()

    def write(self, part: RowPart) -> int:
        """Have `part` written; its rows."""
        self._say(msgspec.json.encode(part))
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise FormatError(f"a worker ended while it wrote {part.name}")
        answer = msgspec.json.decode(line, type=Answer)
        if answer.error is not None:
            raise FormatError(answer.error)
        return answer.rows

    def _say(self, line: bytes) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(line + b"\n")


def main() -> None:
    """Serve until the input ends."""
    lines = sys.stdin.buffer
    task = msgspec.json.decode(lines.readline(), type=Task)
    try:
        reader = open_edition(Path(task.edition_dir))
        tables = EditionTables(reader, task.memory_bytes // 2, Path(task.folder), threads=1)
        for line in lines:
            part = msgspec.json.decode(line, type=RowPart)
            _answer(Answer(write_row_part(tables, part, Path(task.folder))))
    except (PhonothequeError, OSError) as error:
        _answer(Answer(0, str(error)))


def _answer(answer: Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()
