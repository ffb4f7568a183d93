"""Marks of technical protection. What carries one is refused before any decoder touches it.

Rules: the table of docs/audio.md. Reads are bounded (16 MiB in all); a container that cannot be
walked to its end is not clean (`UnparseableError`). Nothing is ever decrypted, no key is taken.
"""

from dataclasses import dataclass
from typing import BinaryIO

from phonotheque.vault import formats
from phonotheque.vault.asf import find_asf_encryption
from phonotheque.vault.bounded import BoundedStream, UnparseableError
from phonotheque.vault.boxes import walk_boxes
from phonotheque.vault.ebml import find_matroska_encryption
from phonotheque.vault.formats import AudioFormat, Identified, id3_tag_bytes
from phonotheque.vault.id3_marks import find_chunk_encryption, find_id3_encryption
from phonotheque.vault.playlists import find_dash_protection, find_hls_key

MAX_MARKS_NAMED = 12
_ALWAYS_PROTECTED = (formats.AUDIBLE, formats.OMA_DCF, formats.OMA_MESSAGE)
_CHUNKED = ("wav", "aiff")

_FINDERS = {
    formats.ASF: find_asf_encryption,
    formats.MATROSKA: find_matroska_encryption,
    formats.HLS: find_hls_key,
    formats.DASH: find_dash_protection,
}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the container says: its marks of protection in words, and the precise form.

    `personal` names what in it tells who bought the file, which is no protection.
    """

    protection: str | None
    format: AudioFormat
    personal: tuple[str, ...] = ()


def inspect_container(stream: BinaryIO, size_bytes: int, found: Identified) -> Inspection:
    """Look for marks of protection in the file of `size_bytes` open in `stream`.

    Raises:
        UnparseableError: the container cannot be walked to its end.
    """
    bounded = BoundedStream(stream)
    if found.format is formats.M4A:
        boxes = walk_boxes(bounded, size_bytes)
        alac = b"alac" in boxes.sample_entries and b"mp4a" not in boxes.sample_entries
        marks = "; ".join(list(dict.fromkeys(boxes.protections))[:MAX_MARKS_NAMED])
        form = formats.M4A_ALAC if alac else formats.M4A
        return Inspection(marks or None, form, tuple(dict.fromkeys(boxes.personal)))
    return Inspection(_find_protection(bounded, size_bytes, found), found.format)


def _find_protection(stream: BoundedStream, size_bytes: int, found: Identified) -> str | None:
    kind = found.format
    if kind in _ALWAYS_PROTECTED:
        return f"{kind.name} container"
    if kind is formats.OPENMG:
        return _openmg(stream, found.offset_bytes)
    if kind.demuxer in _CHUNKED:
        return find_chunk_encryption(stream, size_bytes)
    return _FINDERS.get(kind, find_id3_encryption)(stream, size_bytes)


def _openmg(stream: BoundedStream, position: int) -> str | None:
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
