"""Make an access copy in this process: decode a master, encode it as Opus, write Ogg pages.

`encode_here` is what an encoding worker runs; it is a pure function of the master's bytes and the
request. Everybody else uses `phonotheque.vault.Encoder`.
"""

import ctypes
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from phonotheque.vault.encoding_frames import Encoded, EncodingWants
from phonotheque.vault.ogg_writing import GRANULE_RATE_HZ, OpusWriter
from phonotheque.vault.recipes import OpusSettings

PACKETS_PER_SECOND = 50
_SAMPLES_PER_PACKET = GRANULE_RATE_HZ // PACKETS_PER_SECOND
_READING = {"protocol_whitelist": "file", "err_detect": "crccheck+bitstream+buffer"}
_ENCODING = {
    "vbr": "on", "application": "audio", "compression_level": "10", "frame_duration": "20",
}  # fmt: skip
_LAYOUTS = {
    1: ("mono",), 2: ("stereo",), 3: ("3.0",), 4: ("quad",), 5: ("5.0", "5.0(side)"),
    6: ("5.1", "5.1(side)"), 7: ("6.1",), 8: ("7.1",),
}  # fmt: skip
"""The places of channels that Opus can name (RFC 7845 §5.1.1.2), as libav calls them."""


class EncodingError(Exception):
    """No copy can be made of this master; the message says why."""


def encode_here(path: Path, wants: EncodingWants, write: Callable[[bytes], None]) -> Encoded:
    """Encode the master at `path`; the pages of the copy go to `write`, from first to last.

    Raises:
        EncodingError: it does not decode without errors, or has no form that Opus can hold.
        MemoryError: more is needed than there is.
    """
    try:
        with av.open(f"file:{path}", format=wants.demuxer, options=_READING) as container:
            if not container.streams.audio:
                raise EncodingError("holds no audio stream")
            if wants.settings is None:
                raise EncodingError("nothing says how it is to be encoded")
            return _encode(container, container.streams.audio[0], wants, wants.settings, write)
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, MemoryError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise EncodingError(f"{reason} (libav)") from None


def _encode(
    container: Any,
    stream: Any,
    wants: EncodingWants,
    settings: OpusSettings,
    write: Callable[[bytes], None],
) -> Encoded:
    stream.codec_context.thread_count = 1
    layout = _layout(stream.codec_context.layout.name, settings.channels)
    encoder = _open_encoder(settings, layout)
    head = bytearray(encoder.extradata)
    head[12:16] = settings.source_rate_hz.to_bytes(4, "little")
    written = _Counted(write)
    writer = OpusWriter(
        written, bytes(head), encoder_name(), wants.comments, _SAMPLES_PER_PACKET
    )  # fmt: skip
    audio = _Audio(container, stream, settings, layout)
    packets = 0
    for frame in audio.iter_blocks():
        for packet in encoder.encode(frame):
            writer.add(bytes(packet))
            packets += 1
    if not audio.read:
        raise EncodingError("not one sample could be decoded")
    samples = (2 * audio.read * GRANULE_RATE_HZ // settings.source_rate_hz + 1) // 2
    end = int.from_bytes(head[10:12], "little") + samples
    due = -(-end // _SAMPLES_PER_PACKET)
    silence = due * encoder.frame_size - audio.given
    rest = [audio.silence(silence), None] if silence > 0 else [None]
    for frame in rest:
        for packet in encoder.encode(frame):
            packets += 1
            if packets <= due:
                writer.add(bytes(packet))
    if packets < due:
        raise EncodingError(f"the encoder gave {packets} packets of {due}")
    writer.finish(end)
    return Encoded(
        bytes=written.count, samples=samples, source_samples=audio.read, encoder=encoder_name()
    )


def _open_encoder(settings: OpusSettings, layout: str) -> Any:
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = settings.rate_hz
    encoder.layout = layout
    encoder.format = "flt"
    encoder.bit_rate = settings.bits_per_second
    # left to itself, libavcodec gives 5.0 and 6.1 their channels in a wrong order
    encoder.options = _ENCODING | ({"mapping_family": "1"} if settings.channels > 2 else {})
    encoder.open()
    return encoder


def _layout(found: str, channels: int) -> str:
    known = _LAYOUTS.get(channels, ())
    if channels > 2 and found not in known:
        raise EncodingError(f"Opus has no places for the channels of {found!r}")
    return known[0]


class _Audio:
    """The samples of a master, as the encoder takes them. `read` counts what was decoded, `given`
    what was handed on, per channel."""

    def __init__(self, container: Any, stream: Any, settings: OpusSettings, layout: str) -> None:
        self._container, self._stream = container, stream
        self._settings, self._layout = settings, layout
        self.read = self.given = 0

    def iter_blocks(self) -> Iterator[Any]:
        """Blocks of a second; memory is one of them."""
        settings = self._settings
        resampler: Any = av.AudioResampler(
            format="flt", layout=self._layout, rate=settings.rate_hz, frame_size=settings.rate_hz
        )
        for frame in self._container.decode(self._stream):
            if frame.sample_rate != settings.source_rate_hz:
                raise EncodingError(f"changes its rate on the way to {frame.sample_rate} Hz")
            if frame.layout.nb_channels != settings.channels:
                raise EncodingError(f"changes on the way to {frame.layout.name}")
            if frame.is_corrupt:
                raise EncodingError("a frame is marked as corrupt")
            self.read += frame.samples
            frame.pts = None
            yield from map(self._count, resampler.resample(frame))
        if self.read:
            yield from map(self._count, resampler.resample(None))

    def silence(self, samples: int) -> Any:
        """As many samples of nothing, to fill the last packet."""
        empty = np.zeros((1, samples * self._settings.channels), np.float32)
        frame: Any = av.AudioFrame.from_ndarray(empty, format="flt", layout=self._layout)
        frame.sample_rate = self._settings.rate_hz
        return frame

    def _count(self, frame: Any) -> Any:
        self.given += frame.samples
        frame.pts = None
        return frame


class _Counted:
    """Hands on to `write` and counts the bytes."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.count = 0

    def __call__(self, content: bytes) -> None:
        self._write(content)
        self.count += len(content)


@cache
def encoder_name() -> str:
    """Encoder and decoder with their versions: ``libopus 1.6.1, FFmpeg 8.1.2``."""
    return f"{_libopus()}, FFmpeg {av.ffmpeg_version_info}"


def _libopus() -> str:
    """Its own word, from the library that PyAV has loaded; without one, just its name. A process
    may have the system's as well, through libchromaprint: that one encodes nothing."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    paths = {line.split()[-1] for line in maps if "libopus" in line}
    beside = str(Path(av.__file__).parent.parent)
    for path in sorted(paths, key=lambda path: (not path.startswith(beside), path)):
        told = ctypes.CDLL(path).opus_get_version_string
        told.restype = ctypes.c_char_p
        return str(told().decode("ascii", "replace"))
    return "libopus"
