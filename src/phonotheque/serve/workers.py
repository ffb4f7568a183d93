"""Several processes that answer on one socket, and the one that looks after them.

Each worker opens the edition for itself; what it reads is mapped, so memory is shared.
The parent answers nothing: it starts workers, replaces those that die, hands on that a newer
edition is ready, and ends them in order. A worker is told what to do in a line of JSON, then by
lines ``renew``; it ends when its parent does.
"""

import contextlib
import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

from phonotheque.model.errors import PhonothequeError

_LOG = logging.getLogger(__name__)
RENEW = b"renew\n"
READY = b"ready\n"
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_SOUND_SECONDS = 30.0  # who lived so long did not die of its start
_LOOK_SECONDS = 0.2


class Workers:
    """Workers that inherit the descriptors `sockets`; a context manager. `command` starts one: a
    program that calls `be_worker`, to which its own line of `orders` is given."""

    def __init__(
        self,
        command: Sequence[str],
        orders: Sequence[bytes],
        sockets: Sequence[int],
        *,
        grace_seconds: int,
    ) -> None:
        self._command, self._sockets = tuple(command), tuple(sockets)
        self._grace_seconds = grace_seconds
        self._ended = threading.Event()
        self._pool = [_Worker(number, self._starter(line)) for number, line in enumerate(orders)]

    @property
    def processes(self) -> list[int]:
        """The ids of the processes that run."""
        return [w.process.pid for w in self._pool if w.process and w.process.poll() is None]

    def __enter__(self) -> "Workers":
        for worker in self._pool:
            worker.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        running = [w.process for w in self._pool if w.process is not None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace_seconds + 5
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def wait_ready(self) -> None:
        """Wait until all answer.

        Raises:
            PhonothequeError: one ended at its start.
        """
        for worker in self._pool:
            assert worker.process is not None
            assert worker.process.stdout is not None
            if worker.process.stdout.readline() != READY:
                raise PhonothequeError("a worker ended at its start; what it said stands above")

    def renew(self) -> None:
        """Have each look for a newer edition."""
        for worker in self._pool:
            worker.say(RENEW)

    def stop(self) -> None:
        """End `look_after`. For any thread, and for handlers of signals."""
        self._ended.set()

    def look_after(self) -> None:
        """Replace who dies, until stopped."""
        while not self._ended.wait(_LOOK_SECONDS):
            for worker in self._pool:
                worker.look()

    def _starter(self, line: bytes) -> Callable[[], subprocess.Popen[bytes]]:
        def start() -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=self._sockets,
                start_new_session=True,  # Ctrl-C is the parent's to hear
            )
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(line + b"\n")
                process.stdin.flush()
            return process

        return start


class _Worker:
    """One place among the workers, and the process that has it."""

    def __init__(self, number: int, start: Callable[[], subprocess.Popen[bytes]]) -> None:
        self._number, self._start = number, start
        self.process: subprocess.Popen[bytes] | None = None
        self._began = self._again_at = 0.0
        self._pause = _SHORTEST_PAUSE

    def begin(self) -> None:
        self._began = time.monotonic()
        self.process = self._start()

    def say(self, line: bytes) -> None:
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self.process.stdin.write(line)
                self.process.stdin.flush()

    def look(self) -> None:
        """Begin anew where the process has ended; not at once where it never lives for long."""
        now = time.monotonic()
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            self._pause = (
                _SHORTEST_PAUSE
                if now - self._began > _SOUND_SECONDS
                else min(2 * self._pause, _LONGEST_PAUSE)
            )
            _LOG.error("worker %d ended with %d; begun anew in %.1f s",
                       self._number, code, self._pause)  # fmt: skip
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            self.process, self._again_at = None, now + self._pause
        elif now >= self._again_at:
            self.begin()
