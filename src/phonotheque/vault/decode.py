"""Decode every sample of a file, hear it and drop it: the proof that the audio is there and whole.

Runs inside a worker process (phonotheque.vault.worker), because libav may crash, hang or eat
memory on hostile input. libav opens the file with the one demuxer that belongs to its form and
no network protocol.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

from phonotheque.vault.claims import StreamInfo
from phonotheque.vault.examination import Wants
from phonotheque.vault.formats import AudioFormat, parse_mpeg_header
from phonotheque.vault.hearing import Heard, Hearing

DECODER = f"PyAV/{av.__version__}"
_DETECT = "crccheck+bitstream+buffer"
_OPTIONS = {"protocol_whitelist": "file", "err_detect": _DETECT}
_STRICTLY = {"err_detect": f"{_DETECT}+explode"}  # else libav's FLAC takes a bad CRC for a remark
_CODEC_NAMES = {"mp3float": "mp3", "libopus": "opus", "libspeex": "speex", "libvorbis": "vorbis"}
_PCM_BITS = re.compile(r"pcm_[suf](\d+)")
_LOSSLESS = ("flac", "alac", "wavpack")
MAX_ERRORS = 1_000  # give up on a file that has nothing but errors


class CodecNotAdmittedError(Exception):
    """The container holds a codec that its form is not admitted with."""


class NoAudioError(Exception):
    """The container holds no audio stream."""


@dataclass(slots=True)
class Decoded:
    """What came out. `claimed_ms` is the container's word, None where it has none.

    `samples` counts per (sample rate in Hz, channels), in order of appearance: a stream may
    change either on its way.
    """

    codec: str
    bits: int
    lossless: bool
    claimed_ms: int | None
    samples: dict[tuple[int, int], int] = field(default_factory=dict)
    packets: int = 0
    errors: list[str] = field(default_factory=list)
    md5: bytes | None = None
    heard: Heard = field(default_factory=Heard)
    other_streams: tuple[str, ...] = ()

    @property
    def duration_ms(self) -> int:
        """Length by samples decoded."""
        return int(sum(count * 1000 / rate for (rate, _), count in self.samples.items()))

    @property
    def sample_rate_hz(self) -> int:
        """Of the beginning; 0 when nothing came out."""
        return next(iter(self.samples), (0, 0))[0]

    @property
    def channels(self) -> int:
        """Of the beginning; 0 when nothing came out."""
        return next(iter(self.samples), (0, 0))[1]


def decode_file(
    path: Path, form: AudioFormat, info: StreamInfo | None, wants: Wants | None = None
) -> Decoded:
    """Decode the first audio stream of the file at `path` to its end, and hear what `wants` asks.

    Raises:
        NoAudioError, CodecNotAdmittedError: nothing to decode here.
        av.error.FFmpegError: the container cannot be opened.
    """
    with av.open(
        f"file:{path}", format=form.demuxer, options=_OPTIONS, metadata_errors="replace"
    ) as container:
        streams = container.streams.audio
        if not streams:
            raise NoAudioError
        stream = streams[0]
        if stream.codec_context is None:
            raise CodecNotAdmittedError("a codec that libav does not know")
        codec = _CODEC_NAMES.get(stream.codec_context.name, stream.codec_context.name)
        if codec not in form.codecs:
            raise CodecNotAdmittedError(codec)
        stream.codec_context.thread_count = 1
        stream.codec_context.options = _STRICTLY
        decoded = _facts(stream, codec, info)
        decoded.other_streams = tuple(_iter_other_streams(container, stream))
        _decode_all(container, stream, decoded, info, wants or Wants())
    return decoded


def _iter_other_streams(container: Any, chosen: Any) -> Iterator[str]:
    """Kinds of the streams that are not decoded; cover art is a tag and no stream."""
    for stream in container.streams:
        picture = Disposition.attached_pic in stream.disposition
        if stream.index != chosen.index and stream.type in ("audio", "video") and not picture:
            yield str(stream.type)


def _facts(stream: Any, codec: str, info: StreamInfo | None) -> Decoded:
    claimed = stream.duration and int(stream.duration * stream.time_base * 1000)
    return Decoded(
        codec=codec,
        bits=_bits(stream.codec_context, codec, info),
        lossless=codec in _LOSSLESS or codec.startswith("pcm_"),
        claimed_ms=claimed or None,
    )


def _bits(context: Any, codec: str, info: StreamInfo | None) -> int:
    if info is not None:
        return info.bits
    if codec == "alac" and len(context.extradata or b"") > 17:
        return int(context.extradata[17])
    if match := _PCM_BITS.match(codec):
        return int(match[1])
    return int(context.format.bits) if codec in _LOSSLESS and context.format else 0


def _decode_all(
    container: Any, stream: Any, decoded: Decoded, info: StreamInfo | None, wants: Wants
) -> None:
    digest = md5(usedforsecurity=False) if info is not None and info.md5 else None

    def take(samples: NDArray[Any]) -> None:
        if digest is not None and info is not None:
            digest.update(_flac_bytes(samples, info.bits))

    hearing = Hearing(wants, decoded.bits, take)
    behind: list[str] = []  # over bytes that are no frame, and behind which none may follow
    for packet in _iter_packets(container, stream, decoded):
        try:
            frames = packet.decode()
        except av.error.EOFError:
            break
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            stray = decoded.codec == "mp3" and not _holds_mpeg_frame(packet)
            (behind if stray else decoded.errors).append(error.strerror)
            continue
        if frames and behind:
            decoded.errors += behind
            behind = []
        for frame in frames:
            if frame.is_corrupt:
                decoded.errors.append("a frame is marked as corrupt")
            hearing.feed(frame)
    decoded.heard = hearing.finish()
    decoded.samples = hearing.samples
    decoded.md5 = digest.digest() if digest else None


def _holds_mpeg_frame(packet: Any) -> bool:
    """Whether it begins with a frame that is whole, so that an error over it is one of audio: what
    stands behind the last frame is for `vault.mpeg_walk`."""
    content = bytes(packet)
    frame = parse_mpeg_header(content[:4])
    return frame is not None and len(content) >= frame.size_bytes


def _iter_packets(container: Any, stream: Any, decoded: Decoded) -> Iterator[Any]:
    packets = container.demux(stream)
    while len(decoded.errors) < MAX_ERRORS:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as error:
            decoded.errors.append(error.strerror)
            return
        except IndexError:  # PyAV knows only the streams that were there at first
            decoded.errors.append("another stream begins on the way")
            return
        if packet is None:
            return
        decoded.packets += 1
        yield packet


def _flac_bytes(samples: NDArray[Any], bits: int) -> bytes:
    """The samples as FLAC's MD5 takes them: interleaved, little-endian, whole bytes, signed.

    libav hands out 16 or 32 bits with the sample shifted to the top.
    """
    samples = np.ascontiguousarray(samples).reshape(-1)
    shift = samples.itemsize * 8 - bits
    if shift:
        samples = samples >> shift
    width = (bits + 7) // 8
    if width == samples.itemsize:
        return bytes(samples.tobytes())
    return bytes(samples.view(np.uint8).reshape(-1, samples.itemsize)[:, :width].tobytes())
