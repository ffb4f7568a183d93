"""A bounded walk over the chunks of WAVE, RF64 and AIFF files, for the ID3 tags that stand in them.

Writers name the chunk ``id3 ``, ``ID3 `` or nearly so; no length is trusted.
"""

from collections.abc import Iterator
from typing import Literal

from phonotheque.vault.bounded import BoundedStream, UnparseableError

Order = Literal["big", "little"]
MAX_CHUNKS = 10_000
_UNKNOWN = 0xFFFFFFFF
_NAME = frozenset(range(32, 127))


def iter_id3_chunks(stream: BoundedStream, size_bytes: int) -> Iterator[tuple[int, int]]:
    """(start, end) of the content of each chunk that holds an ID3 tag.

    Where the chunks lead nowhere, the walk ends with all of the rest: (start, size of the file).

    Raises:
        UnparseableError: there are more chunks than any sound file has.
    """
    stream.seek(0)
    riff = stream.read(4)
    order: Order = "big" if riff == b"FORM" else "little"
    position, long_sizes = 12, dict[bytes, int]()
    for _ in range(MAX_CHUNKS):
        found = _chunk(stream, position, size_bytes, order)
        if found is None:
            return
        name, start, length = found
        if not _NAME.issuperset(name[:3]):
            yield position, size_bytes
            return
        if name == b"ds64" and riff == b"RF64":
            long_sizes = _long_sizes(stream, start, length)
        if length == _UNKNOWN:
            length = long_sizes.get(name, size_bytes)
        end = min(start + length, size_bytes)
        if name[:3].lower() == b"id3":
            yield start, end
        position = _next(stream, end, length, size_bytes)
    raise UnparseableError(f"more than {MAX_CHUNKS} chunks")


def _chunk(
    stream: BoundedStream, position: int, size_bytes: int, order: Order
) -> tuple[bytes, int, int] | None:
    if size_bytes - position < 8:
        return None
    stream.seek(position)
    header = stream.read(8)
    return header[:4], position + 8, int.from_bytes(header[4:8], order)


def _next(stream: BoundedStream, end: int, length: int, size_bytes: int) -> int:
    """Where the next chunk begins: chunks are of even length, but not every writer knows."""
    if length % 2 == 0 or end >= size_bytes:
        return end
    stream.seek(end)
    return end + (stream.read(1) == b"\0")


def _long_sizes(stream: BoundedStream, start: int, length: int) -> dict[bytes, int]:
    """Lengths of 64 bits (EBU Tech 3306): of the data, and of the chunks in its table."""
    stream.seek(start)
    content = stream.read(min(length, 4096))
    sizes = {b"data": int.from_bytes(content[8:16], "little")}
    for at in range(28, len(content) - 11, 12):
        sizes[content[at : at + 4]] = int.from_bytes(content[at + 4 : at + 12], "little")
    return sizes
