"""The process that reads tags: a hostile file may crash, stall or bloat it, and nothing else.

Requests on standard input, answers on standard output, each four bytes of length (big-endian) and
MessagePack. It ends when its input ends, and by SIGALRM when a file takes too long.
"""

import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from phonotheque.model.audio_tags import Tags
from phonotheque.sources.audio_tags import read_tags

SECONDS = 60
MEMORY_BYTES = 512 << 20  # on top of what the idle worker holds
MAX_ANSWER_BYTES = 64 << 20


class TagRequest(msgspec.Struct, frozen=True):
    """One file; `path` as the bytes of the file system."""

    path: bytes
    where: str


class TagAnswer(msgspec.Struct, frozen=True):
    """Its tags, or in `problem` why there are none."""

    values: dict[str, list[str]]
    duration_ms: int
    problem: str | None


def write_message(stream: BinaryIO, message: msgspec.Struct) -> None:
    """Write one message and flush."""
    content = msgspec.msgpack.encode(message)
    stream.write(len(content).to_bytes(4, "big") + content)
    stream.flush()


def read_message(stream: BinaryIO) -> bytes | None:
    """The next message, or None where the stream ends."""
    head = stream.read(4)
    if len(head) < 4 or (size := int.from_bytes(head, "big")) > MAX_ANSWER_BYTES:
        return None
    content = stream.read(size)
    return content if len(content) == size else None


def answer(request: TagRequest) -> TagAnswer:
    """Read one file's tags."""
    found = read_tags(Path(os.fsdecode(request.path)), request.where)
    if isinstance(found, Tags):
        return TagAnswer(found.values, found.duration_ms, None)
    return TagAnswer({}, 0, found.message)


def main() -> None:
    """Serve on the process's own standard streams."""
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to act on
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    ceiling = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, resource.RLIM_INFINITY))
    while (content := read_message(sys.stdin.buffer)) is not None:
        signal.alarm(SECONDS)  # default action: end this process
        found = answer(msgspec.msgpack.decode(content, type=TagRequest))
        signal.alarm(0)
        write_message(answers, found)
