"""`sync.json`: where the running sync is, or how the last one ended (docs/formats/mirror.md).

It is for looking at, nothing depends on it: it is replaced now and then without waiting for the
disk, and may be deleted.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Lock, Thread

import msgspec

from phonotheque.mirror.transfer import Stopped
from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.model.progress import Progress
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.documents import format_document, read_document
from phonotheque.storage.layout import Tree

_WRITE_SECONDS = 2.0
_LOOK_SECONDS = 1.0
QUIET_SECONDS = 15.0  # without a word


class SyncLog(msgspec.Struct, frozen=True, kw_only=True):
    """One sync. `outcome`: running, done, findings, stopped or failed."""

    format: int = FORMAT_VERSION
    started_at: datetime
    updated_at: datetime
    outcome: str = "running"
    message: str = ""  # of a failure
    step: str = ""
    unit: str = ""
    done: int = 0  # of this step, in `unit`
    total: int | None = None
    bytes_come: int = 0  # of all steps
    findings: int = 0
    obeyed_at: datetime | None = None  # when the newest list of withdrawals was obeyed last
    done_at: datetime | None = None  # when a sync ended without a failure last
    waiting: str = ""  # for what, where nothing has come for a while


def log_path(tree: Tree) -> Path:
    """Where a mirror keeps the log of its last sync."""
    return tree.root / "sync.json"


def read_log(tree: Tree) -> SyncLog | None:
    """The log of the running or the last sync; None where there is none, or none of ours."""
    try:
        return read_document(log_path(tree), SyncLog)
    except (NotFoundError, FormatError):
        return None


class LoggedProgress:
    """A `Progress` that also keeps `sync.json`. Threads may share one."""

    def __init__(
        self, tree: Tree, progress: Progress, now: datetime, waits: Callable[[], str] = str
    ) -> None:
        before = read_log(tree)
        self._path = log_path(tree)
        self._progress = progress
        self._now, self._began, self._written = now, time.monotonic(), 0.0
        self._waits = waits
        self._moved = self._told = self._began
        self._lock = Lock()
        self._log = SyncLog(
            started_at=now,
            updated_at=now,
            obeyed_at=before.obeyed_at if before else None,
            done_at=before.done_at if before else None,
        )
        self._write()

    def start(self, step: str, total: int | None, unit: str) -> None:
        """See `Progress.start`."""
        self._progress.start(step, total, unit)
        with self._lock:
            self._move()
            self._change(step=step, total=total, unit=unit, done=0)
            self._write()

    def advance(self, amount: int = 1) -> None:
        """See `Progress.advance`."""
        self._progress.advance(amount)
        with self._lock:
            self._move()
            come = amount if self._log.unit == "bytes" else 0
            self._change(done=self._log.done + amount, bytes_come=self._log.bytes_come + come)
            if time.monotonic() - self._written > _WRITE_SECONDS:
                self._write()

    def note(self, text: str) -> None:
        """See `Progress.note`."""
        self._progress.note(text)

    def look(self) -> None:
        """Say what is waited for, where nothing has moved for `QUIET_SECONDS`, and again after so
        long."""
        with self._lock:
            now = time.monotonic()
            if now - max(self._moved, self._told) < QUIET_SECONDS:
                return
            self._told = now
            waiting = self._waits() or "the disk, or whoever was asked"
            self._change(waiting=waiting)
            self._write()
            step, seconds = self._log.step, now - self._moved
        self._progress.note(f"{step}: nothing new for {seconds:.0f} s; waiting for {waiting}")

    def obeyed(self) -> None:
        """The newest list of withdrawals was obeyed."""
        with self._lock:
            self._change(obeyed_at=self._moment())
            self._write()

    def end(self, outcome: str, message: str = "", findings: int = 0) -> None:
        """The sync is over."""
        with self._lock:
            self._change(outcome=outcome, message=message, findings=findings, waiting="")
            if outcome in ("done", "findings"):
                self._change(done_at=self._moment())
            self._write()

    def _move(self) -> None:
        self._moved = time.monotonic()
        if self._log.waiting:
            self._change(waiting="")

    def _moment(self) -> datetime:
        return self._now + timedelta(seconds=int(time.monotonic() - self._began))

    def _change(self, **values: object) -> None:
        self._log = msgspec.structs.replace(self._log, **values)

    def _write(self) -> None:
        self._written = time.monotonic()
        self._change(updated_at=self._moment())
        partial = self._path.with_name(f".{self._path.name}.partial")
        try:
            partial.write_bytes(format_document(self._log))
            partial.replace(self._path)
        except OSError:  # a full disk is told where it matters
            partial.unlink(missing_ok=True)


@contextmanager
def logging(
    tree: Tree, progress: Progress, now: datetime, waits: Callable[[], str] = str
) -> Iterator[LoggedProgress]:
    """Inside, a sync runs; how it ends by an exception is logged, the rest by `end`. When nothing
    moves, it is said what `waits()` for."""
    log, over = LoggedProgress(tree, progress, now, waits), Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            log.look()

    thread = Thread(target=look, name="waits", daemon=True)
    thread.start()
    try:
        yield log
    except (Stopped, KeyboardInterrupt):
        log.end("stopped")
        raise
    except Exception as error:
        log.end("failed", str(error))
        raise
    finally:
        over.set()
        thread.join()
