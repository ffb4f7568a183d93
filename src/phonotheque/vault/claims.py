"""What a container says about its own length, where libav does not tell or guesses."""

from dataclasses import dataclass
from typing import BinaryIO

from phonotheque.vault.formats import Identified, parse_mpeg_header


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """STREAMINFO of a FLAC stream (RFC 9639 §8.2). `md5` is None when the encoder gave none."""

    sample_rate_hz: int
    channels: int
    bits: int
    total_samples: int  # 0 = unknown
    md5: bytes | None


def read_streaminfo(stream: BinaryIO, found: Identified) -> StreamInfo | None:
    """STREAMINFO of native or Ogg FLAC; None where it is not in its place."""
    stream.seek(found.offset_bytes)
    head = stream.read(512)
    start = head.find(b"fLaC")
    block = head[start + 4 : start + 42]
    if start < 0 or len(block) < 38 or block[0] & 0x7F:
        return None
    packed = int.from_bytes(block[14:22], "big")
    md5 = block[22:38]
    return StreamInfo(
        sample_rate_hz=packed >> 44,
        channels=(packed >> 41 & 7) + 1,
        bits=(packed >> 36 & 31) + 1,
        total_samples=packed & ((1 << 36) - 1),
        md5=md5 if any(md5) else None,
    )


@dataclass(frozen=True, slots=True)
class MpegClaim:
    """What an MP3 says of its own length. The frame that says it is not counted."""

    frames: int
    duration_ms: int


def claimed_mpeg(stream: BinaryIO, found: Identified) -> MpegClaim | None:
    """Length by the Xing, Info or VBRI header of an MP3, or None: libav's own is a guess."""
    stream.seek(found.offset_bytes)
    head = stream.read(256)
    frame = parse_mpeg_header(head)
    if frame is None:
        return None
    side_info = (17 if frame.mono else 32) if frame.version == 3 else (9 if frame.mono else 17)
    xing = head[4 + side_info : 4 + side_info + 12]
    frames = None
    if xing[:4] in (b"Xing", b"Info") and xing[7] & 1:
        frames = int.from_bytes(xing[8:12], "big")
    elif head[36:40] == b"VBRI":
        frames = int.from_bytes(head[50:54], "big")
    if frames is None:
        return None
    return MpegClaim(frames, frames * frame.samples * 1000 // frame.rate_hz)


def wavpack_is_hybrid(stream: BinaryIO) -> bool:
    """Whether the first WavPack block is of the lossy (hybrid) kind."""
    stream.seek(24)
    return bool(int.from_bytes(stream.read(4), "little") & 8)


def find_wavpack_loss(stream: BinaryIO, decoded_samples: int) -> str | None:
    """How the samples that came out differ from those that the first WavPack block counts, in
    words, or None: a block may be shortened without its checksum telling."""
    stream.seek(8)
    head = stream.read(8)
    low, high = int.from_bytes(head[4:8], "little"), head[3] if len(head) > 3 else 0
    counted = low + (high << 32) - high
    if low == 0xFFFFFFFF or counted == decoded_samples:  # not known when it was written
        return None
    return f"its header counts {counted} samples, {decoded_samples} came out"
