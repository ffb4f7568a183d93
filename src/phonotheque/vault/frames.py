"""What parent and worker say to each other: four bytes of length (big-endian) and MessagePack."""

import struct
from typing import BinaryIO

import msgspec

from phonotheque.vault.examination import Limits


class Request(msgspec.Struct, frozen=True):
    """One file to examine; `path` as the bytes of the file system."""

    path: bytes
    limits: Limits


def write_frame(stream: BinaryIO, content: bytes) -> None:
    """Write one frame and flush."""
    stream.write(struct.pack(">I", len(content)) + content)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame, or None at the end of the stream (also in the middle of a frame)."""
    head = _read_exactly(stream, 4)
    return None if head is None else _read_exactly(stream, struct.unpack(">I", head)[0])


def _read_exactly(stream: BinaryIO, count: int) -> bytes | None:
    content = b""
    while len(content) < count:
        chunk = stream.read(count - len(content))
        if not chunk:
            return None
        content += chunk
    return content
