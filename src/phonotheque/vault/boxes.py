"""A bounded walk over the boxes of an ISO base media file (ISO 14496-12): what it holds, and
whether any of it is protected (ISO 23001-7, PIFF, FairPlay, Audible, OMA).

The walk descends into every box that a demuxer would descend into, trusts no length, and never
decodes anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from phonotheque.vault.bounded import BoundedStream, UnparseableError
from phonotheque.vault.id3_marks import find_enclosed_encryption
from phonotheque.vault.systems import HEADER_BYTES, PIFF_BOXES, PIFF_SYSTEM_HEADER, system_of

__all__ = ["Boxes", "UnparseableError", "walk_boxes"]

MAX_BOXES = 500_000
MAX_DEPTH = 16
MAX_SAMPLE_TABLE_BYTES = 1 << 20

_CONTAINERS = frozenset(
    [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"mvex", b"moof", b"traf",
     b"udta", b"ipro", b"strk", b"strd", b"mfra", b"ilst"]
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
_PERSONAL_TAGS = frozenset([b"apID", b"ownr"])
_PERSONAL_ENTRY = b"pinf"
"""In a sample entry of a file sold without protection: who bought it, told in boxes of which one
has the name of one of protection. Decoders pass it over."""
_CLEAR_ENTRIES = frozenset([b"mp4a", b"alac"])
_ENTRY_MARKS = _PROTECTED_ENTRIES | {b"sinf", b"schm", b"tenc"}


@dataclass(slots=True)
class Boxes:
    """What a walk saw: `protections` in words, the types of the sample entries, and the names of
    what tells who bought the file (`personal`)."""

    protections: list[str] = field(default_factory=list)
    sample_entries: list[bytes] = field(default_factory=list)
    personal: list[str] = field(default_factory=list)
    movies: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int  # of the content
    end: int


def walk_boxes(stream: BoundedStream, size_bytes: int) -> Boxes:
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
    stream: BoundedStream, start: int, end: int, seen: Boxes, *, top: bool = False
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


def _check_tail(stream: BoundedStream, start: int, end: int, top: bool) -> None:
    """Fewer than 8 bytes are left: nothing a reader could take for a box, or zeros."""
    stream.seek(start)
    if not top and any(stream.read(end - start)):
        raise UnparseableError(f"stray bytes at {start}")


def _read_box(stream: BoundedStream, start: int, end: int, top: bool) -> _Box:
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


def _visit(stream: BoundedStream, box: _Box, seen: Boxes, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise UnparseableError(f"boxes nested deeper than {MAX_DEPTH}")
    if box.kind in _PROTECTION_BOXES:
        seen.protections.append(f"box {box.kind.decode()}{_system(stream, box)}")
    elif box.kind in _PERSONAL_TAGS:
        seen.personal.append(box.kind.decode())
    elif box.kind == b"meta":
        _visit_meta(stream, box, seen, depth)
    elif box.kind in _CONTAINERS:
        seen.movies += box.kind == b"moov"
        for child in _iter_boxes(stream, box.start, box.end, seen):
            _visit(stream, child, seen, depth + 1)
    elif box.kind == b"cmov":
        raise UnparseableError("a compressed movie box")
    else:
        _visit_leaf(stream, box, seen)


def _visit_leaf(stream: BoundedStream, box: _Box, seen: Boxes) -> None:
    if box.kind == b"stsd":
        _visit_sample_table(_content(stream, box), seen)
    elif box.kind == b"ftyp":
        _visit_brands(_content(stream, box), seen)
    elif box.kind == b"ID32":  # version, flags and language stand before the tag
        if mark := find_enclosed_encryption(stream, box.start + 6, box.end):
            seen.protections.append(mark)
    elif box.kind == b"uuid":
        _visit_uuid(stream, box, seen)
    elif box.kind in _SPARE_BOXES and _head(stream, box)[4:8] in (b"mvhd", b"cmov"):
        raise UnparseableError(f"a movie hidden in a box {box.kind.decode()}")
    elif box.kind == b"sgpd" and _content(stream, box)[4:8] == b"seig":
        seen.protections.append("encryption sample group seig")


def _visit_meta(stream: BoundedStream, box: _Box, seen: Boxes, depth: int) -> None:
    of_id3, kinds = False, set[bytes]()
    for child in _iter_boxes(stream, _meta_start(stream, box), box.end, seen):
        _visit(stream, child, seen, depth + 1)
        kinds.add(child.kind)
        if child.kind == b"hdlr":
            stream.seek(child.start + 8)
            of_id3 = stream.read(4) == b"ID32"
    if of_id3 and b"ID32" not in kinds and kinds & {b"iloc", b"pitm"}:
        raise UnparseableError("ID3 tags that stand outside of their box")


def _meta_start(stream: BoundedStream, box: _Box) -> int:
    """Where the boxes in a ``meta`` box begin: libav looks for ``hdlr`` in steps of four bytes."""
    for offset in (4, 0):  # ISO 14496-12, QuickTime
        stream.seek(box.start + offset)
        if stream.read(8)[4:] == b"hdlr":
            return min(box.start + offset, box.end)
    content = _content(stream, box)
    steps = (at for at in range(4, len(content) - 4, 4) if content[at : at + 4] == b"hdlr")
    return box.start + next(steps, len(content) + 4) - 4


def _visit_uuid(stream: BoundedStream, box: _Box, seen: Boxes) -> None:
    stream.seek(box.start)
    content = stream.read(min(16 + HEADER_BYTES, box.end - box.start))
    if mark := PIFF_BOXES.get(content[:16]):
        header = content[:16] == PIFF_SYSTEM_HEADER
        seen.protections.append(f"{mark}: {system_of(content[16:])}" if header else mark)


def _system(stream: BoundedStream, box: _Box) -> str:
    if box.kind != b"pssh":
        return ""
    stream.seek(box.start)
    return f" ({system_of(stream.read(min(HEADER_BYTES, box.end - box.start)))})"


def _head(stream: BoundedStream, box: _Box) -> bytes:
    stream.seek(box.start)
    return stream.read(min(8, box.end - box.start))


def _content(stream: BoundedStream, box: _Box) -> bytes:
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
        entry = content[position : position + size]
        seen.sample_entries.append(entry[4:8])
        _visit_entry(entry, seen)
        position += size
    if any(content[position:]):
        raise UnparseableError("stray bytes in the sample table")


def _visit_entry(entry: bytes, seen: Boxes) -> None:
    found = {mark for mark in _ENTRY_MARKS if mark in entry}
    if told := _personal_part(entry):
        seen.personal.append(_PERSONAL_ENTRY.decode())
        if b"schm" not in entry.replace(told, b""):
            found.discard(b"schm")
    if found:
        at = entry.find(b"schm") + 8
        scheme = entry[at : at + 4].strip(b"\0") if b"schm" in found else b""
        words = f", scheme {scheme.decode('ascii', 'backslashreplace')}" if scheme else ""
        seen.protections.extend(f"sample entry {mark.decode()}{words}" for mark in sorted(found))


def _personal_part(entry: bytes) -> bytes:
    """The box of an entry in clear that tells who bought the file, or nothing."""
    at = entry.find(_PERSONAL_ENTRY)
    length = int.from_bytes(entry[max(at - 4, 0) : at], "big") if at >= 12 else 0
    fits = 8 <= length <= len(entry) - at + 4 and entry[4:8] in _CLEAR_ENTRIES
    return entry[at - 4 : at - 4 + length] if fits else b""
