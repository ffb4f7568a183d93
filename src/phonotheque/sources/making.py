"""From an input to batches of an import: reader, then maker, findings kept in row order.

Of a large input the blocks are made into batches by worker processes, in order. A worker serves on
its standard streams, so it ends when its parent does, however that ends.
"""

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, cast

import pyarrow as pa

from phonotheque.model.errors import PhonothequeError
from phonotheque.model.findings import Finding
from phonotheque.sources.readers import Reader
from phonotheque.sources.records import Block
from phonotheque.sources.table_makers import Maker

WORKERS = 2
BLOCKS_AHEAD = 6
_MANY = 100_000  # findings without any row: a file of another form
_HEAD_BYTES = 8
_STOP_SECONDS = 5

Made = tuple[pa.RecordBatch | None, list[Finding]]
"""Rows of some records, and the findings of those and of the records before them, by row."""


class Workers:
    """Processes that make batches; `command` starts one, `start` is its first message. It is a
    context manager, and its `make_all` is for one thread."""

    def __init__(self, command: Sequence[str], start: Any) -> None:
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(WORKERS)
        ]
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for process in self._processes:
            send(cast(IO[bytes], process.stdin), start)
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(WORKERS)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=kind is None, cancel_futures=True)
        for process in self._processes:
            for stream in (process.stdin, process.stdout):
                with suppress(BrokenPipeError, ValueError):
                    cast(IO[bytes], stream).close()
            try:
                process.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def make_all(self, blocks: Iterable[Block]) -> Iterator[tuple[pa.RecordBatch, list[Finding]]]:
        """What `Maker.make` makes of each block, in order.

        Raises:
            PhonothequeError: a worker ended.
        """
        running: deque[Future[Any]] = deque()
        for block in blocks:
            running.append(self._threads.submit(self._ask, _packed(block)))
            if len(running) > BLOCKS_AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()

    def _ask(self, block: Block) -> Any:
        process = self._idle.get()
        try:
            send(cast(IO[bytes], process.stdin), block)
            return receive(cast(IO[bytes], process.stdout))
        except (OSError, EOFError) as error:
            message = f"a process that computes rows ended ({error}); is there memory enough? Run "
            raise PhonothequeError(f"{message}this again, it goes on from where it was") from error
        finally:
            self._idle.put(process)


def serve(make_maker: Callable[[Any], Maker]) -> None:
    """Be a worker on this process's own standard streams until they end."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        maker = make_maker(receive(sys.stdin.buffer))
        while True:
            send(answers, maker.make(receive(sys.stdin.buffer)))


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message."""
    content = pickle.dumps(message, protocol=5)
    stream.write(len(content).to_bytes(_HEAD_BYTES, "little"))
    stream.write(content)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one message of our own process.

    Raises:
        EOFError: the stream ended.
    """
    head = stream.read(_HEAD_BYTES)
    content = stream.read(int.from_bytes(head, "little")) if len(head) == _HEAD_BYTES else b""
    if not content:
        raise EOFError("its answer is missing")
    return pickle.loads(content)  # noqa: S301 - written by this program a moment ago


def _packed(block: Block) -> Block:
    """The block with columns as Arrow arrays where they are one kind of plain value: they are sent
    sooner."""
    columns = {}
    for name, column in block.columns.items():
        columns[name] = column
        if not isinstance(column, pa.Array):
            with suppress(pa.ArrowException, UnicodeEncodeError, OverflowError):
                columns[name] = pa.array(column, pa.string())
    return Block(block.rows, columns)


def iter_made(
    reader: Reader, path: Path, after: int, maker: Maker, workers: Workers | None = None
) -> Iterator[Made]:
    """What the input holds behind its first `after` records, made by `maker`, or by `workers` that
    make the same. Memory: a block, with workers some more."""
    waiting: deque[list[Finding]] = deque()
    rest: list[Finding] = []

    def blocks() -> Iterator[Block]:
        nonlocal rest
        for item in reader.iter_blocks(path, after):
            if isinstance(item, Finding):
                rest.append(item)
                continue
            due, rest = split_findings(rest, int(item.rows[-1]) if len(item.rows) else 0)
            if len(rest) > _MANY:
                due, rest = due + rest, []
            waiting.append(due)
            yield item

    made = workers.make_all(blocks()) if workers else map(maker.make, blocks())
    for batch, findings in made:
        yield batch, in_order([*waiting.popleft(), *findings])
    yield None, rest


def split_findings(findings: list[Finding], last: int) -> tuple[list[Finding], list[Finding]]:
    """(findings of records up to `last`, the others)."""
    due = [finding for finding in findings if finding.row is not None and finding.row <= last]
    return due, [finding for finding in findings if finding.row is None or finding.row > last]


def in_order(findings: list[Finding]) -> list[Finding]:
    """By row; those of one row as they came."""
    return sorted(findings, key=lambda finding: finding.row or 0)
