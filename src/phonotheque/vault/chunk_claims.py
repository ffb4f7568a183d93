"""Whether WAVE, RF64 and AIFF files hold as much as their chunks say."""

from dataclasses import dataclass
from typing import BinaryIO, Literal

from phonotheque.vault.formats import AudioFormat

MAX_CHUNKS = 10_000
_UNKNOWN = frozenset([0, 0xFFFFFFFF])  # what writers leave that could not come back
_NAME = frozenset(range(32, 127))
_WORD = {b"SSND": "sound", b"data": "data"}
Order = Literal["big", "little"]


@dataclass(slots=True)
class ChunkClaims:
    """`cut`: how much of the audio is missing; `stray`: what else does not fit. Both in words."""

    cut: str | None = None
    stray: str | None = None


def check_chunks(stream: BinaryIO, size_bytes: int, form: AudioFormat) -> ChunkClaims:
    """Walk the chunks of the file of `size_bytes` open in `stream`. Memory: none to speak of."""
    order: Order = "big" if form.demuxer == "aiff" else "little"
    audio_name = b"SSND" if order == "big" else b"data"
    position, long_data, frames_bytes = 12, 0, 0
    for _ in range(MAX_CHUNKS):
        stream.seek(position)
        header = stream.read(8)
        if len(header) < 8 or not _NAME.issuperset(header[:4]):
            break
        name, length = header[:4], int.from_bytes(header[4:], order)
        if name == b"ds64":
            long_data = int.from_bytes(stream.read(16)[8:16], "little")
        elif name == b"COMM":
            frames_bytes = _claimed_bytes(stream.read(8))
        if name == audio_name and length in _UNKNOWN:
            if not long_data:
                return ChunkClaims()
            length = long_data
        claims = _check_chunk(name, length, position + 8 + length - size_bytes, frames_bytes)
        if claims is not None:
            return claims
        position = _next(stream, position + 8 + length, length)
    return ChunkClaims(stray=_stray(stream, position, size_bytes))


def _check_chunk(name: bytes, length: int, lacking: int, frames_bytes: int) -> ChunkClaims | None:
    if name in (b"SSND", b"data"):
        if lacking > 0:
            return ChunkClaims(cut=f"the {_WORD[name]} chunk lacks {lacking} bytes")
        if name == b"SSND" and frames_bytes > length - 8:
            lacking = frames_bytes - length + 8
            return ChunkClaims(cut=f"the sound chunk lacks {lacking} bytes of what COMM says")
    elif lacking > 0:
        return ChunkClaims(stray=f"the chunk {name.decode()!r} lacks {lacking} bytes")
    return None


def _next(stream: BinaryIO, end: int, length: int) -> int:
    """Where the next chunk begins: chunks are of even length, but not every writer knows."""
    if length % 2 == 0:
        return end
    stream.seek(end)
    return end + (stream.read(1) == b"\0")


def _stray(stream: BinaryIO, position: int, size_bytes: int) -> str | None:
    rest = size_bytes - position
    if rest <= 0:
        return None
    stream.seek(position)
    if not stream.read(min(rest, 1 << 20)).strip(b"\0"):
        return None
    return f"{rest} bytes behind the last chunk belong to none"


def _claimed_bytes(common: bytes) -> int:
    """Bytes of sound by the beginning of a ``COMM`` chunk (AIFF 1.3)."""
    channels, frames = int.from_bytes(common[:2], "big"), int.from_bytes(common[2:6], "big")
    return channels * frames * ((int.from_bytes(common[6:8], "big") + 7) // 8)
