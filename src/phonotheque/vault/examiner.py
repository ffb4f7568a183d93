"""A pool of worker processes that examine files; one that crashes or hangs is replaced."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import msgspec

from phonotheque.model.errors import PhonothequeError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.vault.examination import Examination, Limits, Wants, printable
from phonotheque.vault.frames import Request, receive_answer, send_request
from phonotheque.vault.inflight import Bounds, iter_in_order
from phonotheque.vault.material import MEMORY_BYTES, Material

# BLAS gets one thread: there is a worker for every core, and its idle threads would spin. Measured
# on files of half a second: 2.6 CPU-ms each instead of 30.
START = "import os; os.putenv('OPENBLAS_NUM_THREADS', '1'); import {0} as worker; worker.main()"
WORKER = (sys.executable, "-P", "-c", START.format("phonotheque.vault.worker"))
START_SECONDS = 60
GRACE_SECONDS = 5  # a worker ends itself first; this is for one that cannot
JOBS_PER_WORKER = 8  # answers held back while an earlier file is still being decoded
_NOTHING_ELSE = Wants(loudness=False, fingerprint=False, pictures=False)
EXAMINER = f"phonotheque/{version('phonotheque')} av/{version('av')}"
"""What an examination rests on: another program or decoder may judge a refused file anew."""


class _Worker:
    """One process, for one thread at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = subprocess.Popen(command, stdin=theirs.fileno())
        self._connection.settimeout(START_SECONDS)
        try:
            ready = receive_answer(self._connection) is not None
        except TimeoutError:
            ready = False
        if not ready:
            text = f"{' '.join(command)} does not start (status {self.stop()}); install this anew"
            raise PhonothequeError(text)

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: Request, descriptor: int) -> Examination | None:
        """The answer, or None when the process died over it, did not end itself in time, or says
        what no worker in its senses would."""
        self._connection.settimeout(request.limits.seconds + GRACE_SECONDS)
        try:
            send_request(self._connection, request, descriptor)
            content = receive_answer(self._connection)
            return None if content is None else msgspec.msgpack.decode(content, type=Examination)
        except TimeoutError:
            self._process.kill()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            pass  # it died before it took the request, or its decoder wrote over its memory
        return None

    def kill(self) -> None:
        """End it at once; who waits for its answer gets none. From any thread."""
        self._process.kill()

    def stop(self) -> int:
        """End the process, whatever it is doing; returns its exit status."""
        self._connection.close()
        try:
            return self._process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class _File(NamedTuple):
    """What a worker gets of a file, and what the answer is said of."""

    descriptor: int
    name: str
    where: str
    size_bytes: int
    mtime_ns: int


class Examiner:
    """`workers` processes, started when first needed and used for many files.

    `examine` may be called by several threads at once, as many files are looked at as there are
    workers. A context manager. Raises PhonothequeError where a worker does not start.
    """

    def __init__(
        self,
        workers: int | None = None,
        limits: Limits | None = None,
        *,
        wants: Wants | None = None,
        command: Sequence[str] = WORKER,
    ) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._limits = limits or Limits()
        self._wants = wants or Wants()
        self._command = command
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()  # None: start one
        for _ in range(self.workers):
            self._idle.put(None)
        self._started: set[_Worker] = set()
        self._lock = threading.Lock()

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
        self.hurry()
        for worker in [self._idle.get() for _ in range(self.workers)]:
            if worker is not None:
                self._end(worker)
            self._idle.put(None)

    def hurry(self) -> None:
        """End all workers at once; who waits for an answer gets the finding of a crash."""
        with self._lock:
            for worker in self._started:
                worker.kill()

    def examine(self, what: Path | Material) -> Examination:
        """Examine one file, or what was read of one."""
        return self._look(what, self._examine)

    def read_tags(self, what: Path | Material) -> Examination:
        """Read what a file says of itself, without decoding: an examination of which only the
        description (without pictures), size and findings on tags are filled."""
        return self._look(what, self._read_tags)

    def _look(self, what: Path | Material, look: Callable[[_File], Examination]) -> Examination:
        if isinstance(what, Material):
            return look(_material(what))
        where = printable(what)
        try:
            descriptor = os.open(what, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            return _unreadable(where, error)
        try:
            seen = os.fstat(descriptor)
            file = _File(descriptor, printable(what.name), where, seen.st_size, seen.st_mtime_ns)
            return look(file)
        finally:
            os.close(descriptor)

    def examine_many(self, items: Iterable[Path | Material]) -> Iterator[Examination]:
        """Examine files in parallel; the answers come in the order of `items`.

        `items` is read as workers become free; at most 8 × workers are on their way, and of those
        held in memory two more than workers can be of full size.
        """

        def jobs() -> Iterator[tuple[int, Callable[[], Examination]]]:
            for item in items:
                held = item.memory_bytes if isinstance(item, Material) else 0
                yield held, partial(self.examine, item)

        yield from iter_in_order(jobs(), threads=self.workers, bounds=self.bounds, hurry=self.hurry)

    @property
    def bounds(self) -> Bounds:
        """What of files may be on its way so that all workers are busy."""
        return Bounds(JOBS_PER_WORKER * self.workers, (self.workers + 2) * MEMORY_BYTES)

    def _examine(self, file: _File) -> Examination:
        found, status = self._ask(Request("examine", file.name, self._wants, self._limits), file)
        return _said_of(file, found or self._failed(file.where, status))

    def _read_tags(self, file: _File) -> Examination:
        found, _ = self._ask(Request("tags", file.name, _NOTHING_ELSE, self._limits), file)
        if found is not None:
            return _said_of(file, found)
        message = "reading them takes too long or crashes; mend the tags"
        why = Finding(FindingCode.TAGS_UNREADABLE, Severity.WARNING, file.where, message)
        return _said_of(file, Examination(path=file.where, findings=(why,)))

    def _ask(self, request: Request, file: _File) -> tuple[Examination | None, int]:
        """The answer of the next free worker; without one, its exit status."""
        worker = self._take_worker()
        found, status = None, 0
        try:
            found = worker.ask(request, file.descriptor)
        finally:
            if found is None:
                status = self._end(worker)
            self._idle.put(worker if found is not None else None)
        return found, status

    def _take_worker(self) -> _Worker:
        """A worker that lives, or a new one; waits for one that is free."""
        worker = self._idle.get()
        if worker is not None and worker.lives:
            return worker
        try:
            if worker is not None:
                self._end(worker)
            started = _Worker(self._command)
        except BaseException:
            self._idle.put(None)
            raise
        with self._lock:
            self._started.add(started)
        return started

    def _end(self, worker: _Worker) -> int:
        with self._lock:
            self._started.discard(worker)
        return worker.stop()

    def _failed(self, where: str, status: int) -> Examination:
        if status in (-signal.SIGALRM, -signal.SIGKILL):
            code = FindingCode.AUDIO_LIMIT
            message = f"decoding took longer than {self._limits.seconds} s or more memory than is"
            message += " allowed; look at the file before you trust it"
        else:
            code = FindingCode.AUDIO_DECODE_FAILED
            message = f"the decoder crashed (status {status}); get a sound copy"
        finding = Finding(code, Severity.ERROR, where, message)
        return Examination(path=where, findings=(finding,))


def _said_of(file: _File, found: Examination) -> Examination:
    """An answer of a worker, which knows the file by its name only."""
    return msgspec.structs.replace(
        found,
        path=file.where,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        findings=tuple(replace(finding, where=file.where) for finding in found.findings),
    )


def _material(material: Material) -> _File:
    name, where = printable(material.source.name), printable(material.source)
    return _File(material.descriptor, name, where, material.size_bytes, material.mtime_ns)


def _unreadable(where: str, error: OSError) -> Examination:
    message = f"cannot be read ({error.strerror or error}); check its permissions"
    finding = Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, where, message)
    return Examination(path=where, findings=(finding,))


def examine(path: Path, limits: Limits | None = None) -> Examination:
    """Examine one file in a worker of its own (0.5 s to start; for many, use `Examiner`)."""
    with Examiner(1, limits) as examiner:
        return examiner.examine(path)
