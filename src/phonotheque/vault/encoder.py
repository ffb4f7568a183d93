"""Making access copies in a process that may crash, hang or eat memory without harm."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType

import msgspec

from phonotheque.vault.encoding_frames import (
    Encoded,
    EncodingRequest,
    EncodingWants,
    Made,
    send_request,
)
from phonotheque.vault.examination import Limits
from phonotheque.vault.examiner import START
from phonotheque.vault.frames import receive_answer

WORKER = (sys.executable, "-P", "-c", START.format("phonotheque.vault.encoding_worker"))
GRACE_SECONDS = 5  # a worker ends itself first; this is for one that cannot


class Encoder:
    """One worker, started when first needed, used for many masters, replaced when it dies.

    For use by one thread, as a context manager.
    """

    def __init__(self, *, command: Sequence[str] = WORKER) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None

    def __enter__(self) -> "Encoder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def encode(
        self, master: int, wants: EncodingWants, room: int, room_bytes: int, limits: Limits
    ) -> Made:
        """Make a copy of the open file `master` in the open file `room`, which is made that long
        and cut to the copy's length. Never raises for what a master holds: `Made.encoded.error`.

        Raises:
            OSError: there is no such room.
        """
        os.ftruncate(room, room_bytes)
        connection = self._connection or self._start()
        request = EncodingRequest(wants=wants, room_bytes=room_bytes, limits=limits)
        connection.settimeout(limits.seconds + GRACE_SECONDS)
        patience = GRACE_SECONDS  # one that crashes may take a while to be gone
        try:
            send_request(connection, request, master, room)
            content = receive_answer(connection)
        except TimeoutError:
            content, patience = None, 0
        except OSError:
            content = None
        if content is None:
            status = self._stop(patience)
            return Made(encoded=Encoded(error=_why(status, limits, late=not patience)))
        try:
            return msgspec.msgpack.decode(content, type=Made)
        except msgspec.DecodeError:
            self._stop()
            return Made(encoded=Encoded(error="the encoder crashed (its answer cannot be read)"))

    def close(self) -> None:
        """End the worker."""
        self._stop()

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                self._command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL
            )
        self._connection = ours
        return ours

    def _stop(self, patience: float = 0.2) -> int:
        """End the process, at once where it does not end in `patience` seconds; its status."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        process, self._process = self._process, None
        if process is None:
            return 0
        try:
            return process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _why(status: int, limits: Limits, *, late: bool) -> str:
    if late or status == -signal.SIGALRM:
        return f"took longer than {limits.seconds} s"
    return f"the encoder crashed (status {status})"
