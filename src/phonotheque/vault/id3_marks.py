"""Marks of protection in ID3v2 tags (id3.org, 2.2 to 2.4): the frame ``AENC`` and encrypted frames.

Tags lead or end a file, stand in a chunk of WAVE and AIFF, or in a box ``ID32`` of MPEG-4.

Lengths of frames are read in every way that writers of tags have meant them; a mark seen in any of
these counts.
"""

from phonotheque.vault import formats
from phonotheque.vault.bounded import BoundedStream, UnparseableError
from phonotheque.vault.chunks import iter_id3_chunks
from phonotheque.vault.formats import id3_tag_bytes

MAX_FRAMES = 10_000
MAX_TAG_BYTES = 4 << 20
"""Of a tag, so much is looked through for the name of the frame ``AENC`` where its frames lead
nowhere, and so much of one that must be read whole (unsynchronised)."""

_NAME = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def find_id3_encryption(stream: BoundedStream, size_bytes: int) -> str | None:
    """The mark of protection in the leading or the appended tags of a file, in words.

    Raises:
        UnparseableError: a tag is too long to be looked through.
    """
    position = 0
    for _ in range(formats.MAX_ID3_TAGS):
        size, mark = _tag(stream, position)
        if mark or size == 0:
            return mark or _appended(stream, size_bytes)
        position += size
    return _appended(stream, size_bytes)


def find_chunk_encryption(stream: BoundedStream, size_bytes: int) -> str | None:
    """The same, in the chunks of a WAVE or AIFF file as well.

    Raises:
        UnparseableError: a tag is too long or is none, or there are too many chunks.
    """
    for start, end in iter_id3_chunks(stream, size_bytes):
        stream.seek(start)
        if stream.read(3) == b"ID3":
            mark = find_enclosed_encryption(stream, start, end)
        else:
            mark = _astray(_Parts(stream, start, end - start), 0, 4)
        if mark:
            return mark
    return find_id3_encryption(stream, size_bytes)


def find_enclosed_encryption(stream: BoundedStream, start: int, end: int) -> str | None:
    """The mark in the tags that stand between `start` and `end`, one behind the other.

    Raises:
        UnparseableError: no tag stands there, or one is longer than its place.
    """
    position = start
    for _ in range(formats.MAX_ID3_TAGS):
        size, mark = _tag(stream, position)
        if mark:
            return mark
        if size > end - position or (size == 0 and position == start):
            raise UnparseableError(f"no whole ID3 tag at {position}, where there should be one")
        position += size
        if size == 0 or position == end:
            return None
    raise UnparseableError("too many ID3 tags in one place")


def _appended(stream: BoundedStream, size_bytes: int) -> str | None:
    """A tag of version 2.4 may stand at the end, with its header repeated behind it as a footer."""
    for end in (size_bytes, size_bytes - 128):  # before a tag of version 1
        if end < 20:
            return None
        stream.seek(end - 10)
        footer = stream.read(10)
        if footer[:3] == b"3DI" and (size := id3_tag_bytes(b"ID3" + footer[3:])):
            return _tag(stream, end - size)[1] if size <= end else None
    return None


def _tag(stream: BoundedStream, position: int) -> tuple[int, str | None]:
    """Length of the tag at `position`, 0 when there is none, and its mark."""
    stream.seek(position)
    header = stream.read(10)
    size = id3_tag_bytes(header)
    if size == 0:
        return 0, None
    version, flags = header[3], header[5]
    length = size - 10
    frames = _Whole(stream, length, version, flags) if version < 4 and flags & 0x80 else None
    source = frames or _Parts(stream, position + 10, length)
    start = _extended_header(source.at(0, 4), version) if flags & 0x40 and version > 2 else 0
    ways = (False, True) if version == 4 else (True,)
    for raw_sizes in ways:
        if mark := _frames(source, start, version, raw_sizes=raw_sizes):
            return size, mark
    return size, None


class _Parts:
    """The body of a tag, read where it is asked for."""

    def __init__(self, stream: BoundedStream, start: int, length: int) -> None:
        self._stream, self._start, self.length = stream, start, length

    def at(self, position: int, count: int) -> bytes:
        self._stream.seek(self._start + position)
        return self._stream.read(max(0, min(count, self.length - position)))


class _Whole:
    """The body of an unsynchronised tag of 2.2 or 2.3: lengths in it count after decoding."""

    def __init__(self, stream: BoundedStream, length: int, version: int, flags: int) -> None:
        if length > MAX_TAG_BYTES:
            raise UnparseableError(f"an unsynchronised ID3 tag longer than {MAX_TAG_BYTES} bytes")
        self._body = stream.read(length).replace(b"\xff\x00", b"\xff")
        self.length = len(self._body)

    def at(self, position: int, count: int) -> bytes:
        return self._body[position : position + count]


def _frames(source: _Parts | _Whole, start: int, version: int, *, raw_sizes: bool) -> str | None:
    position = start
    head, letters = (6, 3) if version == 2 else (10, 4)
    for _ in range(MAX_FRAMES):
        frame = source.at(position, head)
        if len(frame) < head or frame[0] == 0:
            return None
        if not _NAME.issuperset(frame[:letters]):
            return _astray(source, position, version)
        if mark := _mark(frame, version):
            return mark
        position += head + _frame_bytes(frame, version, raw_sizes)
    raise UnparseableError("too many ID3 frames")


def _mark(frame: bytes, version: int) -> str | None:
    if version == 2:
        return f"ID3 {frame[:3].decode()} frame" if frame[:3] in (b"CRA", b"CRM") else None
    if frame[:4] == b"AENC":
        return "ID3 AENC frame"
    encrypted = frame[9] & (0x04 if version == 4 else 0x40)
    return f"ID3 frame {frame[:4].decode()} flagged as encrypted" if encrypted else None


def _astray(source: _Parts | _Whole, position: int, version: int) -> str | None:
    """Where no frame stands, a reader that is more lenient might still find the next one."""
    rest = source.at(position, MAX_TAG_BYTES)
    return "ID3 AENC frame" if version > 2 and b"AENC" in rest else None


def _frame_bytes(frame: bytes, version: int, raw: bool) -> int:
    if version == 2:
        return int.from_bytes(frame[3:6], "big")
    if raw or max(frame[4:8]) > 127:
        return int.from_bytes(frame[4:8], "big")
    return frame[4] << 21 | frame[5] << 14 | frame[6] << 7 | frame[7]


def _extended_header(size: bytes, version: int) -> int:
    frame = bytes(4) + size.ljust(4, b"\0")
    length = _frame_bytes(frame, version, raw=version == 3)
    return length if version == 4 else length + 4
