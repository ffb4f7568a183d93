"""A bounded walk over the boxes of an ISO base media file (ISO 14496-12): what it holds, and
whether any of it is protected (ISO 23001-7, PIFF, FairPlay, Audible, OMA).

The walk descends into every box that a demuxer would descend into, trusts no length, and never
decodes anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

MAX_BOXES = 500_000
MAX_DEPTH = 16
MAX_SAMPLE_TABLE_BYTES = 1 << 20

_CONTAINERS = frozenset(
    [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"mvex", b"moof", b"traf",
     b"udta", b"ipro", b"strk", b"strd", b"mfra"]
)  # fmt: skip
_PROTECTION_BOXES = frozenset(
    [b"pssh", b"senc", b"tenc", b"sinf", b"schm", b"odrm", b"odhe", b"ohdr", b"adrm", b"odda"]
)
_PROTECTED_ENTRIES = frozenset(
    [b"enca", b"encv", b"encs", b"enct", b"encm", b"encf", b"drms", b"drmi", b"drmt", b"aavd"]
)
_SPARE_BOXES = frozenset([b"free", b"hoov", b"skip"])
"""To be passed over, but libav takes one that begins like a movie for the movie (mov.c)."""
_PROTECTED_BRANDS = {
    b"M4P ": "FairPlay brand M4P",
    b"aax ": "Audible brand aax",
    b"aaxc": "Audible brand aaxc",
    b"odcf": "OMA DRM brand odcf",
}
_PIFF_UUIDS = frozenset(
    bytes.fromhex(text)
    for text in (
        "a2394f525a9b4f14a2446c427c648df4",
        "d08a4f1810f34a82b6c832d8aba183d3",
        "8974dbce7be74c5184f97148f9882554",
    )
)


class UnparseableError(Exception):
    """The container cannot be walked to its end; it is treated as not clean."""


@dataclass(slots=True)
class Boxes:
    """What a walk saw: `protections` in words, and the types of the sample entries."""

    protections: list[str] = field(default_factory=list)
    sample_entries: list[bytes] = field(default_factory=list)
    movies: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int  # of the content
    end: int


def walk_boxes(stream: BinaryIO, size_bytes: int) -> Boxes:
    """Walk the whole file of `size_bytes` open in `stream`.

    Raises:
        UnparseableError: lengths do not fit, too deep, too many, or no movie box.
    """
    seen = Boxes()
    for box in _iter_boxes(stream, 0, size_bytes, seen, top=True):
        _visit(stream, box, seen, 0)
    if not seen.movies and not seen.protections:
        raise UnparseableError("no moov box")
    return seen


def _iter_boxes(
    stream: BinaryIO, start: int, end: int, seen: Boxes, *, top: bool = False
) -> Iterator[_Box]:
    while start < end:
        if end - start < 8:
            _check_tail(stream, start, end, top)
            return
        box = _read_box(stream, start, end, top)
        seen.count += 1
        if seen.count > MAX_BOXES:
            raise UnparseableError(f"more than {MAX_BOXES} boxes")
        yield box
        start = box.end


def _check_tail(stream: BinaryIO, start: int, end: int, top: bool) -> None:
    """Fewer than 8 bytes are left: nothing a reader could take for a box, or zeros."""
    stream.seek(start)
    if not top and any(stream.read(end - start)):
        raise UnparseableError(f"stray bytes at {start}")


def _read_box(stream: BinaryIO, start: int, end: int, top: bool) -> _Box:
    stream.seek(start)
    header = stream.read(16)
    if len(header) < 8:
        raise UnparseableError(f"cut off at {start}")
    size, kind, content = int.from_bytes(header[:4], "big"), header[4:8], start + 8
    if size == 1:
        if len(header) < 16:
            raise UnparseableError(f"cut off at {start}")
        size, content = int.from_bytes(header[8:16], "big"), start + 16
    elif size == 0:
        size = end - start
    stop = start + size
    if stop > end and top and kind == b"mdat":
        stop = end  # cut off in the media data; decoding will tell how much is there
    if stop < content or stop > end:
        raise UnparseableError(f"box {kind!r} at {start} does not fit")
    return _Box(kind, content, stop)


def _visit(stream: BinaryIO, box: _Box, seen: Boxes, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise UnparseableError(f"boxes nested deeper than {MAX_DEPTH}")
    if box.kind in _PROTECTION_BOXES:
        seen.protections.append(f"box {box.kind.decode()}")
    elif box.kind in _CONTAINERS:
        seen.movies += box.kind == b"moov"
        for child in _iter_boxes(stream, box.start, box.end, seen):
            _visit(stream, child, seen, depth + 1)
    elif box.kind == b"cmov":
        raise UnparseableError("a compressed movie box")
    else:
        _visit_leaf(stream, box, seen)


def _visit_leaf(stream: BinaryIO, box: _Box, seen: Boxes) -> None:
    if box.kind == b"stsd":
        _visit_sample_table(_content(stream, box), seen)
    elif box.kind == b"ftyp":
        _visit_brands(_content(stream, box), seen)
    elif box.kind == b"uuid":
        stream.seek(box.start)
        if stream.read(min(16, box.end - box.start)) in _PIFF_UUIDS:
            seen.protections.append("PIFF box uuid")
    elif box.kind in _SPARE_BOXES and _head(stream, box)[4:8] in (b"mvhd", b"cmov"):
        raise UnparseableError(f"a movie hidden in a box {box.kind.decode()}")
    elif box.kind == b"sgpd" and _content(stream, box)[4:8] == b"seig":
        seen.protections.append("encryption sample group seig")


def _head(stream: BinaryIO, box: _Box) -> bytes:
    stream.seek(box.start)
    return stream.read(min(8, box.end - box.start))


def _content(stream: BinaryIO, box: _Box) -> bytes:
    if box.end - box.start > MAX_SAMPLE_TABLE_BYTES:
        raise UnparseableError(f"box {box.kind!r} is longer than {MAX_SAMPLE_TABLE_BYTES} bytes")
    stream.seek(box.start)
    content = stream.read(box.end - box.start)
    if len(content) < box.end - box.start:
        raise UnparseableError(f"box {box.kind!r} is cut off")
    return content


def _visit_brands(content: bytes, seen: Boxes) -> None:
    brands = [content[:4], *(content[i : i + 4] for i in range(8, len(content) - 3, 4))]
    seen.protections.extend(_PROTECTED_BRANDS[b] for b in brands if b in _PROTECTED_BRANDS)


def _visit_sample_table(content: bytes, seen: Boxes) -> None:
    """All sample entries, then a plain search for marks inside them: the children of an entry
    stand at offsets that depend on codec and version, and a mark must not hide behind that.
    """
    position = 8
    while position + 8 <= len(content):
        size = int.from_bytes(content[position : position + 4], "big")
        if size < 8 or position + size > len(content):
            raise UnparseableError("a sample entry does not fit")
        seen.sample_entries.append(content[position + 4 : position + 8])
        position += size
    if any(content[position:]):
        raise UnparseableError("stray bytes in the sample table")
    found = sorted(m for m in _PROTECTED_ENTRIES | {b"sinf", b"schm", b"tenc"} if m in content[8:])
    seen.protections.extend(f"sample entry {mark.decode()}" for mark in found)
