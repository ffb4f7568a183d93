"""ID3 tags wherever they stand in a file: before the audio, one behind the other, in chunks of
WAVE, RF64 and AIFF by any spelling of their name, and in boxes ``ID32`` of MPEG-4.

What they say of rights counts as if it stood at the beginning of an MP3.
"""

from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice
from typing import BinaryIO, Literal

from mutagen.id3 import ID3

MAX_CHUNKS = 10_000
MAX_BOXES = 10_000
MAX_DEPTH = 8
MAX_TAGS = 16
MAX_TAG_BYTES = 64 << 20
_UNKNOWN = 0xFFFFFFFF
_BOXES = frozenset([b"moov", b"udta", b"trak", b"meta", b"moof", b"traf"])


def read_every_id3(stream: BinaryIO, size_bytes: int) -> list[ID3]:
    """Every ID3v2 tag of the file of `size_bytes` open in `stream`, at most 16.

    Raises:
        ValueError: one is longer than 64 MiB, or the file has too many parts to look for them.
        mutagen.MutagenError: one cannot be read.
    """
    stream.seek(0)
    head = stream.read(12)
    places: Iterable[tuple[int, int]]
    if head[:4] in (b"RIFF", b"RF64", b"FORM"):
        places = _iter_chunks(stream, size_bytes, "big" if head[:4] == b"FORM" else "little")
    elif head[4:8] == b"ftyp":
        places = _iter_boxes(stream, 0, size_bytes, MAX_DEPTH)
    else:
        places = [(0, size_bytes)]
    tags = (tag for start, end in places for tag in _iter_tags(stream, start, end))
    return list(islice(tags, MAX_TAGS))


def _iter_tags(stream: BinaryIO, start: int, end: int) -> Iterator[ID3]:
    """The tags that stand one behind the other at `start`."""
    while end - start >= 10:
        stream.seek(start)
        header = stream.read(10)
        if header[:3] != b"ID3" or len(header) < 10:
            return
        length = min(_length(header), end - start)
        if length > MAX_TAG_BYTES:
            raise ValueError(f"an ID3 tag of {length:,} bytes")
        stream.seek(start)
        yield ID3(BytesIO(stream.read(length)))
        start += length


def _length(header: bytes) -> int:
    a, b, c, d = header[6:10]
    return (a << 21 | b << 14 | c << 7 | d) + (20 if header[5] & 0x10 else 10)


def _iter_chunks(
    stream: BinaryIO, size: int, order: Literal["big", "little"]
) -> Iterator[tuple[int, int]]:
    position, data_bytes = 12, size
    for _ in range(MAX_CHUNKS):
        stream.seek(position)
        header = stream.read(8)
        if len(header) < 8:
            return
        name, length, start = header[:4], int.from_bytes(header[4:], order), position + 8
        if name == b"ds64":  # the length of the data of an RF64 file
            data_bytes = int.from_bytes(stream.read(16)[8:], "little")
        if length == _UNKNOWN:
            length = data_bytes if name == b"data" else size
        end = min(start + length, size)
        if name[:3].lower() == b"id3":
            yield start, end
        stream.seek(end)
        position = end + (length % 2 == 1 and stream.read(1) == b"\0")
    raise ValueError(f"more than {MAX_CHUNKS:,} chunks")


def _iter_boxes(stream: BinaryIO, start: int, end: int, depth: int) -> Iterator[tuple[int, int]]:
    for _ in range(MAX_BOXES):
        stream.seek(start)
        header = stream.read(16)
        if len(header) < 8 or start + 8 > end or depth == 0:
            return
        size, kind, content = int.from_bytes(header[:4], "big"), header[4:8], start + 8
        if size == 1:
            size, content = int.from_bytes(header[8:], "big"), start + 16
        stop = end if size == 0 else start + size
        if stop < content or stop > end:
            return
        if kind == b"ID32":  # version, flags and language stand before the tag
            yield content + 6, stop
        elif kind in _BOXES:
            within = content + (4 if kind == b"meta" else 0)
            yield from _iter_boxes(stream, within, stop, depth - 1)
        start = stop
    raise ValueError(f"more than {MAX_BOXES:,} boxes")
