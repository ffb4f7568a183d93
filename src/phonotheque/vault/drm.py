"""Marks of technical protection. What carries one is refused before any decoder touches it.

Rules: the table of docs/audio.md. Bounded reads only; a container that cannot be walked to its
end is not clean (`UnparseableError`). Nothing is ever decrypted, no key is ever taken.
"""

from dataclasses import dataclass
from typing import BinaryIO

from phonotheque.vault import formats
from phonotheque.vault.boxes import UnparseableError, walk_boxes
from phonotheque.vault.formats import AudioFormat, Identified, id3_tag_bytes

MAX_OBJECTS = 10_000
MAX_HEADER_BYTES = 16 << 20

_ASF_MARKS = {
    bytes.fromhex("fbb31122 23bdd211 b4b700a0c955fc6e"): "ASF content encryption",
    bytes.fromhex("14e68a29 2226174c b935dae07ee9289c"): "ASF extended content encryption",
    bytes.fromhex("33850543 8169e649 9b74ad12cb86d58c"): "ASF advanced content encryption",
}
_EBML_WAY = (0x18538067, 0x1654AE6B, 0xAE, 0x6D80, 0x6240)  # Segment … ContentEncoding
_EBML_ENCRYPTION = 0x5035


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the container says: the first mark of protection in words, and the precise form."""

    protection: str | None
    format: AudioFormat


def inspect_container(stream: BinaryIO, size_bytes: int, found: Identified) -> Inspection:
    """Look for marks of protection in the file of `size_bytes` open in `stream`.

    Raises:
        UnparseableError: the container cannot be walked to its end.
    """
    if found.format is formats.M4A:
        boxes = walk_boxes(stream, size_bytes)
        alac = b"alac" in boxes.sample_entries and b"mp4a" not in boxes.sample_entries
        protection = boxes.protections[0] if boxes.protections else None
        return Inspection(protection, formats.M4A_ALAC if alac else formats.M4A)
    return Inspection(_find_protection(stream, size_bytes, found), found.format)


def _find_protection(stream: BinaryIO, size_bytes: int, found: Identified) -> str | None:
    kind = found.format
    if kind in (formats.AUDIBLE, formats.OMA_DCF):
        return f"{kind.name} container"
    if kind is formats.ASF:
        return _asf(stream, size_bytes)
    if kind is formats.MATROSKA:
        return _matroska(stream, size_bytes)
    if kind is formats.OPENMG:
        return _openmg(stream, found.offset_bytes)
    return find_id3_encryption(stream)


def _asf(stream: BinaryIO, size_bytes: int) -> str | None:
    stream.seek(0)
    header = stream.read(30)
    end = int.from_bytes(header[16:24], "little")
    if len(header) < 30 or end > min(size_bytes, MAX_HEADER_BYTES):
        raise UnparseableError("the ASF header does not fit")
    return _asf_objects(stream, 30, end)


def _asf_objects(stream: BinaryIO, position: int, end: int) -> str | None:
    for _ in range(MAX_OBJECTS):
        if position + 24 > end:
            return None
        stream.seek(position)
        header = stream.read(24)
        if header[:16] in _ASF_MARKS:
            return _ASF_MARKS[header[:16]]
        size = int.from_bytes(header[16:24], "little")
        if size < 24 or position + size > end:
            raise UnparseableError(f"ASF object at {position} does not fit")
        position += size
    raise UnparseableError("too many ASF objects")


def _openmg(stream: BinaryIO, position: int) -> str | None:
    stream.seek(position)
    head = stream.read(10)
    if head[:3] == b"ea3":  # the tag that stands before the header, in the form of ID3
        position += id3_tag_bytes(b"ID3" + head[3:])
        stream.seek(position)
        head = stream.read(10)
    if head[:3] != b"EA3" or len(head) < 8:
        raise UnparseableError("no EA3 header")
    scheme = int.from_bytes(head[6:8], "big")
    return None if scheme in (0xFFFF, 0xFF80) else f"OpenMG protection {scheme:#06x}"


def _matroska(stream: BinaryIO, size_bytes: int) -> str | None:
    budget = [MAX_OBJECTS]
    return _ebml(stream, 0, size_bytes, 0, budget)


def _ebml(stream: BinaryIO, position: int, end: int, level: int, budget: list[int]) -> str | None:
    while position < end:
        budget[0] -= 1
        if budget[0] < 0:
            raise UnparseableError("too many EBML elements")
        ident, id_bytes = _ebml_number(stream, position, keep_marker=True)
        size, size_bytes = _ebml_number(stream, position + id_bytes, keep_marker=False)
        start = position + id_bytes + size_bytes
        unknown = size == (1 << 7 * size_bytes) - 1
        stop = end if unknown else start + size
        if ident == _EBML_ENCRYPTION:
            return "Matroska ContentEncryption"
        if stop > end:
            raise UnparseableError(f"EBML element at {position} does not fit")
        if level < len(_EBML_WAY) and ident == _EBML_WAY[level]:
            mark = _ebml(stream, start, stop, level + 1, budget)
            if mark:
                return mark
        position = stop
    return None


def _ebml_number(stream: BinaryIO, position: int, *, keep_marker: bool) -> tuple[int, int]:
    stream.seek(position)
    data = stream.read(8)
    if not data or data[0] == 0:
        raise UnparseableError(f"no EBML number at {position}")
    length = 9 - data[0].bit_length()
    if len(data) < length:
        raise UnparseableError(f"cut off at {position}")
    value = int.from_bytes(data[:length], "big")
    return (value if keep_marker else value & ((1 << 7 * length) - 1)), length


def find_id3_encryption(stream: BinaryIO) -> str | None:
    """An ``AENC`` frame, or a frame flagged as encrypted, in a leading ID3v2 tag."""
    position = 0
    for _ in range(formats.MAX_ID3_TAGS):
        stream.seek(position)
        header = stream.read(10)
        size = id3_tag_bytes(header)
        if size == 0:
            return None
        body = stream.read(min(size - 10, MAX_HEADER_BYTES))
        if mark := _id3_frames(body, header[3], header[5]):
            return mark
        position += size
    return None


def _id3_frames(body: bytes, version: int, flags: int) -> str | None:
    if flags & 0x80 and version < 4:
        body = body.replace(b"\xff\x00", b"\xff")
    position = _id3_extended_header(body, version) if flags & 0x40 and version > 2 else 0
    head = 6 if version == 2 else 10
    for _ in range(MAX_OBJECTS):
        frame = body[position : position + head]
        if len(frame) < head or frame[0] == 0:
            return None
        if frame[:4] == b"AENC" or (version == 2 and frame[:3] == b"CRA"):
            return "ID3 AENC frame"
        if head == 10 and frame[9] & (0x04 if version == 4 else 0x40):
            return "ID3 frame flagged as encrypted"
        position += head + _id3_frame_bytes(frame, version)
    raise UnparseableError("too many ID3 frames")


def _id3_frame_bytes(frame: bytes, version: int) -> int:
    if version == 2:
        return int.from_bytes(frame[3:6], "big")
    if version == 3 or max(frame[4:8]) > 127:
        return int.from_bytes(frame[4:8], "big")
    return frame[4] << 21 | frame[5] << 14 | frame[6] << 7 | frame[7]


def _id3_extended_header(body: bytes, version: int) -> int:
    size = _id3_frame_bytes(bytes(4) + body[:4] + bytes(2), version)
    return size if version == 4 else size + 4
