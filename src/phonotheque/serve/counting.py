"""The statistics of the edition that is shown. Those of a large one take minutes: a process apart
counts them when they are first asked for, and whoever asks meanwhile is told to come again.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import msgspec

from phonotheque.model.errors import PhonothequeError
from phonotheque.serve.problems import Refused
from phonotheque.statistics import DrawnStatistics, ensure_statistics, find_statistics

COUNTED_AT_ONCE = 1_000_000
"""Recordings; statistics of so many are counted while who asks waits, a few seconds."""

AGAIN_SECONDS = 60
_NICENESS = 10
_LOG = logging.getLogger(__name__)


class Counting:
    """The statistics of `edition`, kept in `folder` where that can be written; safe for threads."""

    def __init__(self, edition: Path, folder: Path, recordings: int) -> None:
        self._edition, self._folder = edition, folder
        self._at_once = recordings <= COUNTED_AT_ONCE
        self._lock = threading.Lock()
        self._drawn: DrawnStatistics | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0
        self._closed = False

    def current(self) -> DrawnStatistics:
        """The figures and their pictures.

        Raises:
            Refused: 503, they are being counted.
            NotFoundError, FormatError: the edition cannot be read.
        """
        with self._lock:
            if self._drawn is None and self._at_once:
                self._drawn = ensure_statistics(self._edition, self._folder)
            if self._drawn is None and time.monotonic() >= self._not_before and not self._process:
                self._drawn = find_statistics(self._edition, self._folder)
                if self._drawn is None and not self._closed:
                    self._begin()
            if self._drawn is not None:
                return self._drawn
        raise Refused(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the statistics of this edition are being counted, which is done once and takes some "
            "minutes; come again then",
            {"retry-after": str(AGAIN_SECONDS)},
        )

    def close(self) -> None:
        """End what is being counted."""
        with self._lock:
            self._closed = True
            if self._process is not None:  # as Ctrl-C would: the engine puts its files away
                with suppress(ProcessLookupError):
                    self._process.send_signal(signal.SIGINT)

    def _begin(self) -> None:
        start = "from phonotheque.serve.counting import main; main()"
        command = (sys.executable, "-P", "-c", start, str(self._edition), str(self._folder))
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        )
        name = "phonotheque-statistics"
        threading.Thread(target=self._wait, args=(self._process,), name=name, daemon=True).start()
        _LOG.info("%s: its statistics are being counted", self._edition)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        content, _ = process.communicate()
        found = None
        if process.returncode == 0:
            found = msgspec.msgpack.decode(content, type=DrawnStatistics)
        with self._lock:
            self._process, self._drawn = None, found
            if found is None and not self._closed:
                self._not_before = time.monotonic() + AGAIN_SECONDS
                _LOG.error("%s: its statistics were not counted (%d); what was said stands above",
                           self._edition, process.returncode)  # fmt: skip


def main() -> None:
    """A process that counts: arguments are the edition and the folder; prints what it has."""
    os.nice(_NICENESS)
    edition, folder = map(Path, sys.argv[1:])
    try:
        drawn = ensure_statistics(edition, folder)
    except KeyboardInterrupt:
        sys.exit(130)
    except (PhonothequeError, OSError) as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(msgspec.msgpack.encode(drawn))
