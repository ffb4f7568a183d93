"""What parent and worker say to each other over a Unix socket: four bytes of length (big-endian)
and MessagePack; with a request goes the descriptor of the file that it is about."""

import socket
import struct
from typing import Literal

import msgspec

from phonotheque.vault.examination import Limits, Wants

MAX_FRAME_BYTES = 256 << 20


class Request(msgspec.Struct, frozen=True):
    """One file to look at; `name` is what it is called where it came from."""

    task: Literal["examine", "tags"]
    name: str
    wants: Wants
    limits: Limits


def send_request(connection: socket.socket, request: Request, descriptor: int) -> None:
    """Send a request and the right to read the file.

    Raises:
        OSError: the worker is gone.
    """
    content = msgspec.msgpack.encode(request)
    frame = struct.pack(">I", len(content)) + content
    sent = socket.send_fds(connection, [frame], [descriptor])
    connection.sendall(frame[sent:])


def receive_request(connection: socket.socket) -> tuple[Request, int] | None:
    """The next request and its descriptor, which the caller closes; None when there are no more."""
    head, descriptors, _, _ = socket.recv_fds(connection, 4, 1)
    if not head or not descriptors:
        return None
    rest = receive_exactly(connection, 4 - len(head)) if len(head) < 4 else b""
    content = None
    if rest is not None:
        content = receive_exactly(connection, struct.unpack(">I", head + rest)[0])
    if content is None:
        return None
    return msgspec.msgpack.decode(content, type=Request), descriptors[0]


def send_answer(connection: socket.socket, content: bytes) -> None:
    """Send one answer."""
    connection.sendall(struct.pack(">I", len(content)))
    connection.sendall(content)


def receive_answer(connection: socket.socket) -> bytes | None:
    """The next answer; None at the end of the stream, also within an answer, or when the answer
    would be larger than any can be.

    Raises:
        TimeoutError: the connection's time-out passed without a byte.
    """
    head = receive_exactly(connection, 4)
    if head is None:
        return None
    (size,) = struct.unpack(">I", head)
    return receive_exactly(connection, size) if size <= MAX_FRAME_BYTES else None


def receive_exactly(connection: socket.socket, count: int) -> bytes | None:
    """`count` bytes, or None when the stream ends before."""
    parts = []
    while count:
        try:
            part = connection.recv(min(count, 1 << 20))
        except ConnectionResetError:
            return None
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
