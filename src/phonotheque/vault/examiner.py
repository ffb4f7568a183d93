"""A pool of worker processes that examine files; one that crashes or hangs is replaced."""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.vault.examination import Examination, Limits, printable
from phonotheque.vault.frames import Request, read_frame, write_frame

WORKER = (sys.executable, "-P", "-m", "phonotheque.vault.worker")
GRACE_SECONDS = 5  # a worker ends itself first; this is for one that cannot
WINDOW_PER_WORKER = 8  # answers held back while an earlier file is still being decoded


class _Worker:
    """One process and the file it has in hand."""

    def __init__(self, command: Sequence[str], limits: Limits) -> None:
        self._limits = limits
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.index = -1
        self.path = Path()

    @property
    def output(self) -> BinaryIO:
        assert self._process.stdout is not None
        return self._process.stdout  # type: ignore[return-value]

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def start(self, index: int, path: Path) -> None:
        """Hand over a file. A worker that has died meanwhile shows it when it is asked."""
        self.index, self.path = index, path
        request = msgspec.msgpack.encode(Request(os.fsencode(path.absolute()), self._limits))
        try:
            write_frame(self._process.stdin, request)  # type: ignore[arg-type]
        except BrokenPipeError:
            return

    def finish(self) -> Examination | None:
        """The answer, or None when the process died over it."""
        frame = read_frame(self.output)
        return None if frame is None else msgspec.msgpack.decode(frame, type=Examination)

    def stop(self) -> int:
        """End the process, whatever it is doing; returns its exit status."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            return self._process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class Examiner:
    """`workers` processes, started when first needed and used for many files.

    For use by one thread, as a context manager.
    """

    def __init__(
        self,
        workers: int | None = None,
        limits: Limits | None = None,
        *,
        command: Sequence[str] = WORKER,
    ) -> None:
        self._count = workers or os.cpu_count() or 1
        self._limits = limits or Limits()
        self._command = command
        self._idle: list[_Worker] = []
        self._busy: dict[int, _Worker] = {}  # by file descriptor of the output

    def __enter__(self) -> "Examiner":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all workers."""
        self._drop_busy()
        while self._idle:
            self._idle.pop().stop()

    def examine(self, path: Path) -> Examination:
        """Examine one file."""
        return next(iter(self.examine_many([path])))

    def examine_many(self, paths: Iterable[Path]) -> Iterator[Examination]:
        """Examine files in parallel; the answers come in the order of `paths`.

        `paths` is read as workers become free; at most 8 × workers files are on their way.
        """
        files = enumerate(paths)
        done: dict[int, Examination] = {}
        following, more = 0, True
        try:
            while True:
                while following in done:
                    yield done.pop(following)
                    following += 1
                more = more and self._fill(files, len(done))
                if not self._busy:
                    return
                self._gather(done)
        finally:
            self._drop_busy()

    def _fill(self, files: Iterator[tuple[int, Path]], held: int) -> bool:
        """Hand files to idle workers; False when there are no more files."""
        while len(self._busy) < self._count:
            if self._busy and held + len(self._busy) >= WINDOW_PER_WORKER * self._count:
                return True
            index, path = next(files, (-1, Path()))
            if index < 0:
                return False
            worker = self._take_worker()
            self._busy[worker.output.fileno()] = worker
            worker.start(index, path)
        return True

    def _take_worker(self) -> _Worker:
        """An idle worker that still lives, or a new one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.lives:
                return worker
            worker.stop()
        return _Worker(self._command, self._limits)

    def _gather(self, done: dict[int, Examination]) -> None:
        """Wait for at least one answer."""
        with selectors.DefaultSelector() as selector:
            for descriptor in self._busy:
                selector.register(descriptor, selectors.EVENT_READ)
            ready = [key.fd for key, _ in selector.select(self._limits.seconds + GRACE_SECONDS)]
        for descriptor in ready or list(self._busy):
            worker = self._busy.pop(descriptor)
            examination = worker.finish() if ready else None
            if examination is None:
                examination = self._failed(worker.path, worker.stop())
            else:
                self._idle.append(worker)
            done[worker.index] = examination

    def _failed(self, path: Path, status: int) -> Examination:
        where = printable(path)
        if status in (-signal.SIGALRM, -signal.SIGKILL):
            code = FindingCode.AUDIO_LIMIT
            message = f"decoding took longer than {self._limits.seconds} s or more memory than is"
            message += " allowed; look at the file before you trust it"
        else:
            code = FindingCode.AUDIO_DECODE_FAILED
            message = f"the decoder crashed (status {status}); get a sound copy"
        finding = Finding(code, Severity.ERROR, where, message)
        return Examination(path=where, findings=(finding,))

    def _drop_busy(self) -> None:
        while self._busy:
            _, worker = self._busy.popitem()
            worker.stop()


def examine(path: Path, limits: Limits | None = None) -> Examination:
    """Examine one file in a worker of its own (0.5 s to start; for many, use `Examiner`)."""
    with Examiner(1, limits) as examiner:
        return examiner.examine(path)
