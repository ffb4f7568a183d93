"""Every frame of an MP3, by its header: libav resynchronises over what is missing without a word.

Layer 3 has no checksum of the audio (frames may have one of their side information, which the
decoder checks), so this is all that the bytes can tell: whether each frame stands where the one
before it ends, and whether the last one is whole.
"""

import re
from dataclasses import dataclass
from typing import BinaryIO

from phonotheque.vault.formats import Identified, id3_tag_bytes, parse_mpeg_header

BUFFER_BYTES = 1 << 20
MAX_STRAY_PLACES = 1_000
MAX_PADDING = 1_024  # more zeros than this are what a broken download leaves
_TAIL_BYTES = 64 << 10
_OVERLAP_BYTES = 4_096  # longer than any frame
_BEGINS = re.compile(rb"\xff[\xe0-\xff]|TAG|APETAGEX|ID3|LYRICSBEGIN|3DI")


@dataclass(slots=True)
class MpegFrames:
    """`stray_bytes` in `stray_places` are no part of a frame, nor of a tag, nor a few zeros; the
    first stand at `first_stray`. `lacking_bytes`: what the last frame lacks."""

    frames: int = 0
    duration_ms: int = 0
    stray_bytes: int = 0
    stray_places: int = 0
    first_stray: int = 0
    lacking_bytes: int = 0


class _Window:
    """A file read through a buffer that moves forward."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._start = 0
        self.content = b""

    def at(self, position: int, length: int) -> bytes:
        """Bytes from `position` on; fewer than `length` at the end of the file."""
        offset = position - self._start
        if offset < 0 or offset + length > len(self.content):
            self._stream.seek(position)
            self.content = self._stream.read(max(BUFFER_BYTES, length))
            self._start, offset = position, 0
        return self.content[offset : offset + length]


def walk_mpeg(stream: BinaryIO, size_bytes: int, found: Identified) -> MpegFrames:
    """Walk the frames of the MP3 of `size_bytes` open in `stream`. Memory: 1 MiB."""
    seen, window = MpegFrames(), _Window(stream)
    position, seconds = found.offset_bytes, 0.0
    while position + 4 <= size_bytes:
        frame = parse_mpeg_header(window.at(position, 4))
        if frame is not None:
            seen.frames += 1
            seconds += frame.samples / frame.rate_hz
            position += frame.size_bytes
            continue
        tag = _tag_bytes(window, position)
        if tag is not None:
            position += tag
            continue
        following = _next_frame(window, position, size_bytes)
        stray = window.at(position, min(following - position, BUFFER_BYTES))
        if stray.strip(b"\0") or len(stray) > MAX_PADDING:
            seen.first_stray = seen.first_stray or position
            seen.stray_bytes += following - position
            seen.stray_places += 1
        if seen.stray_places >= MAX_STRAY_PLACES:
            break
        position = following
    seen.lacking_bytes = max(0, position - size_bytes) if seen.frames else 0
    seen.duration_ms = int(seconds * 1000)
    return seen


def _tag_bytes(window: _Window, position: int) -> int | None:
    """Length of the tag that begins here; None where none does. What follows an old tag at the
    end of the file is taken as a part of it."""
    head = window.at(position, 32)
    if size := id3_tag_bytes(head[:10]):
        return size
    if head[:8] == b"APETAGEX":
        is_header = int.from_bytes(head[20:24], "little") >> 29 & 1
        return 32 + int.from_bytes(head[12:16], "little") if is_header else 32
    if head[:3] == b"TAG":
        return 128
    return _TAIL_BYTES if head.startswith((b"LYRICSBEGIN", b"3DI")) else None


def _next_frame(window: _Window, position: int, size_bytes: int) -> int:
    """Where the next two frames in a row, or a tag, begin; the end of the file where none do."""
    start = position + 1
    while start < size_bytes:
        content = window.at(start, BUFFER_BYTES // 2)
        is_last = start + len(content) >= size_bytes
        end = len(content) if is_last else len(content) - _OVERLAP_BYTES
        for found in _BEGINS.finditer(content, 0, end):
            at = found.start()
            if _begins_audio(content, at):
                return start + at
            if content[at] != 0xFF and _tag_bytes(window, start + at) is not None:
                return start + at
        if is_last:
            break
        start += end - 16
    return size_bytes


def _begins_audio(content: bytes, at: int) -> bool:
    frame = parse_mpeg_header(content[at : at + 4])
    if frame is None:
        return False
    after = content[at + frame.size_bytes : at + frame.size_bytes + 4]
    return len(after) < 4 or parse_mpeg_header(after) is not None
