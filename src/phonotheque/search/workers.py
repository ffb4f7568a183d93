"""Worker processes that each make one part of an index after another.

A worker is told the edition, the folder and its memory in one line of JSON, then a part a line;
it answers with the number of rows, or with what went wrong. It ends when its input does.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import TypeVar

import msgspec

from phonotheque.catalogue import open_edition
from phonotheque.model.errors import FormatError, PhonothequeError
from phonotheque.model.progress import Progress
from phonotheque.search.reading import EditionTables

PROCESSES = 2
Part = TypeVar("Part")


class Task(msgspec.Struct, frozen=True):
    """What all parts have in common; `memory_bytes` of one worker."""

    edition_dir: str
    folder: str
    memory_bytes: int


class Answer(msgspec.Struct, frozen=True):
    """Rows read; or the error that ended the worker."""

    rows: int
    error: str | None = None


def make_in_workers(module: str, task: Task, parts: Sequence[object], progress: Progress) -> None:
    """Have every part made by the `main` of a module of this package.

    Raises:
        FormatError: a worker could not read the edition.
    """
    idle: SimpleQueue[_Worker] = SimpleQueue()

    def make(part: object) -> int:
        worker = idle.get()
        try:
            return worker.make(part)
        finally:
            idle.put(worker)

    with ExitStack() as running:
        for _ in range(PROCESSES):
            idle.put(running.enter_context(_Worker(module, task)))
        with ThreadPoolExecutor(PROCESSES) as pool:
            for rows in pool.map(make, parts):
                progress.advance(rows)


def serve(kind: type[Part], make: Callable[[EditionTables, Part, Path, int], int]) -> None:
    """Be a worker: call `make` (tables, part, folder, memory) for every part that is asked for."""
    lines = sys.stdin.buffer
    task = msgspec.json.decode(lines.readline(), type=Task)
    folder, half = Path(task.folder), task.memory_bytes // 2
    try:
        reader = open_edition(Path(task.edition_dir))
        tables = EditionTables(reader, half, folder, threads=1)
        for line in lines:
            _answer(Answer(make(tables, msgspec.json.decode(line, type=kind), folder, half)))
    except (PhonothequeError, OSError) as error:
        _answer(Answer(0, str(error)))


def _answer(answer: Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


class _Worker:
    """One process, asked for one part at a time."""

    def __init__(self, module: str, task: Task) -> None:
        start = f"from phonotheque.search import {module} as worker; worker.main()"
        self._process = subprocess.Popen(
            (sys.executable, "-P", "-c", start),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
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

    def make(self, part: object) -> int:
        """Have `part` made; its rows."""
        self._say(msgspec.json.encode(part))
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise FormatError(f"a worker ended while it made {part}")
        answer = msgspec.json.decode(line, type=Answer)
        if answer.error is not None:
            raise FormatError(answer.error)
        return answer.rows

    def _say(self, line: bytes) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(line + b"\n")
