"""Texts that WAVE, RF64 and AIFF files have in chunks of their own: ``LIST INFO`` (RIFF), ``bext``
(EBU Tech 3285), ``NAME``, ``AUTH``, ``(c) `` and ``ANNO`` (AIFF 1.3)."""

from collections.abc import Iterator
from typing import BinaryIO, Literal

MAX_CHUNKS = 1_000
MAX_CHUNK_BYTES = 1 << 20
_INFO = {
    b"INAM": "title", b"IART": "artist", b"IPRD": "album", b"ICRD": "date", b"ICMT": "comment",
    b"ICOP": "copyright", b"IGNR": "genre", b"ITRK": "tracknumber", b"IPRT": "tracknumber",
    b"ISFT": "encodedby", b"IENG": "engineer", b"ISRC": "source", b"IMUS": "composer",
    b"ITCH": "technician", b"ISBJ": "subject", b"IKEY": "keywords", b"ILNG": "language",
}  # fmt: skip
_AIFF = {b"NAME": "title", b"AUTH": "artist", b"(c) ": "copyright", b"ANNO": "comment"}
_BEXT = (("description", 0, 256), ("originator", 256, 288), ("originatorreference", 288, 320),
         ("originationdate", 320, 330))  # fmt: skip


def iter_chunk_texts(stream: BinaryIO, size_bytes: int) -> Iterator[tuple[str, str]]:
    """(canonical name, text) of what the file of `size_bytes` open in `stream` says in chunks."""
    stream.seek(0)
    big = stream.read(4) == b"FORM"
    for name, start, length in _iter_chunks(stream, size_bytes, "big" if big else "little"):
        if length > MAX_CHUNK_BYTES or name not in (b"LIST", b"bext", *_AIFF):
            continue
        stream.seek(start)
        content = stream.read(length)
        if big and name in _AIFF:
            yield _AIFF[name], _text(content)
        elif name == b"LIST" and content[:4] == b"INFO":
            yield from _info(content)
        elif name == b"bext":
            yield from ((tag, _text(content[start:end])) for tag, start, end in _BEXT)


def _iter_chunks(
    stream: BinaryIO, size_bytes: int, order: Literal["big", "little"]
) -> Iterator[tuple[bytes, int, int]]:
    position, data_bytes = 12, size_bytes
    for _ in range(MAX_CHUNKS):
        stream.seek(position)
        header = stream.read(8)
        if len(header) < 8:
            return
        name, length = header[:4], int.from_bytes(header[4:], order)
        if name == b"ds64":
            data_bytes = int.from_bytes(stream.read(16)[8:], "little")
        if length == 0xFFFFFFFF and name == b"data":
            length = data_bytes
        yield name, position + 8, length
        position += 8 + length + length % 2
        if position >= size_bytes:
            return


def _info(content: bytes) -> Iterator[tuple[str, str]]:
    position = 4
    while position + 8 <= len(content):
        name, length = content[position : position + 4], content[position + 4 : position + 8]
        size = int.from_bytes(length, "little")
        if name in _INFO:
            yield _INFO[name], _text(content[position + 8 : position + 8 + size])
        position += 8 + size + size % 2


def _text(content: bytes) -> str:
    """Nothing in these chunks says the encoding: UTF-8 where it is that, else Latin-1."""
    content = content.split(b"\0")[0]
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError:
        return content.decode("latin-1").strip()
