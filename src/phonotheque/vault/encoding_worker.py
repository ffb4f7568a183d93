"""The encoding worker: takes masters over a socket, writes access copies, answers what they are.

A request (framed as in `vault.frames`) comes with two open files: the master, and the room for the
copy, a file of `room_bytes` that is written through memory. So the worker needs no right to write
files, and has none. It examines the copy before it answers. It ends as a worker
that examines does: with its input, or by SIGALRM when a master takes too long.
"""

import mmap
import os
import signal
import socket
from pathlib import Path

import msgspec

from phonotheque.vault.encoding import EncodingError, encode_here
from phonotheque.vault.encoding_frames import Encoded, EncodingRequest, Made, receive_request
from phonotheque.vault.examination import Wants
from phonotheque.vault.frames import send_answer
from phonotheque.vault.judge import examine_here
from phonotheque.vault.tagging import tag_here
from phonotheque.vault.worker import limit_process

WINDOW_BYTES = 16 << 20
_PROOF = Wants(loudness=False, fingerprint=False, pictures=False)  # heard in the master already


class Room:
    """The room for a copy; memory is one window of it."""

    def __init__(self, descriptor: int, size_bytes: int) -> None:
        self._descriptor, self._size = descriptor, size_bytes
        self._at = self._start = 0
        self._window: mmap.mmap | None = None

    def write(self, content: bytes) -> None:
        """Append `content`.

        Raises:
            EncodingError: the room is full.
        """
        self.put(self._at, content)

    def put(self, position: int, content: bytes) -> None:
        """Write `content` at `position`.

        Raises:
            EncodingError: the room is too small.
        """
        if position + len(content) > self._size:
            raise EncodingError(f"the copy takes more than {self._size} bytes")
        self._at = position
        while content:
            window = self._open_window()
            within = self._at - self._start
            piece = content[: len(window) - within]
            window[within : within + len(piece)] = piece
            self._at += len(piece)
            content = content[len(piece) :]

    def close(self) -> None:
        """Let go of memory; the file keeps what was written, in order, and no more."""
        self.let_go()
        os.ftruncate(self._descriptor, self._at)

    def let_go(self) -> None:
        """Let go of memory; the file stays as long as it is."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def _open_window(self) -> mmap.mmap:
        if self._window is None or not 0 <= self._at - self._start < len(self._window):
            if self._window is not None:
                self._window.close()
            self._start = self._at // WINDOW_BYTES * WINDOW_BYTES
            length = min(WINDOW_BYTES, self._size - self._start)
            self._window = mmap.mmap(self._descriptor, length, offset=self._start)
        return self._window


def answer(request: EncodingRequest, master: int, room: int) -> Made:
    """Encode and examine; what goes wrong is said in words."""
    written = Room(room, request.room_bytes)
    try:
        if request.wants.settings is None:
            encoded, name = tag_here(master, request.wants, written, room), "copy"
            written.let_go()
        else:
            encoded = encode_here(Path(f"/proc/self/fd/{master}"), request.wants, written.write)
            name = "copy.opus"
            written.close()
        copy = Path(f"/proc/self/fd/{room}")
        return Made(encoded=encoded, examination=examine_here(copy, name, _PROOF))
    except EncodingError as error:
        return Made(encoded=Encoded(error=str(error)))
    except MemoryError:
        limit = request.limits.memory_bytes
        return Made(encoded=Encoded(error=f"needs more than {limit} bytes of memory"))


def serve(connection: socket.socket) -> None:
    """Answer requests until there are no more."""
    first = True
    while (received := receive_request(connection)) is not None:
        request, files = received
        if first:
            limit_process(request.limits)
            first = False
        signal.alarm(request.limits.seconds)  # default action: end this process
        try:
            content = msgspec.msgpack.encode(answer(request, *files))
        finally:
            for descriptor in files:
                os.close(descriptor)
        signal.alarm(0)
        send_answer(connection, content)


def main() -> None:
    """Serve on the socket that standard input is; libraries that print cannot disturb it."""
    connection = socket.socket(fileno=os.dup(0))
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to act on
    try:
        serve(connection)
    except (BrokenPipeError, ConnectionResetError):
        return  # the parent is gone


if __name__ == "__main__":
    main()
