"""What is heard while a file is decoded: loudness, true peak, silence, clipping, fingerprint.

Decoders hand out small frames; here they are joined to blocks of more than a second first, as what
a frame costs in Python is more than what its samples cost.
"""

from collections.abc import Callable
from typing import Any

import av
import msgspec
import numpy as np
from numpy.typing import NDArray

from phonotheque.vault.chromaprint import fingerprint_tool
from phonotheque.vault.examination import Wants
from phonotheque.vault.fingerprinting import Fingerprinter
from phonotheque.vault.levels import Levels
from phonotheque.vault.loudness import Loudness

MAX_PLANES = 7  # PyAV crashes over frames of more planes
_UNSIGNED_ZERO = 128


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """Names and units as in `Description`; `quiet_ms` is the longest digital silence."""

    integrated_lufs: float | None = None
    range_lu: float | None = None
    true_peak_dbtp: float | None = None
    silent_share: float = 0.0
    quiet_ms: int = 0
    clipped_runs: int = 0
    fingerprint: bytes = b""
    fingerprint_by: str = ""


class Hearing:
    """Fed with every frame of a file; what of it changes its form on the way is measured in parts,
    and gets neither loudness nor fingerprint. `on_block` is called with each block's samples as
    decoded, interleaved: (samples, channels). `samples` counts per (rate in Hz, channels), in order
    of appearance."""

    def __init__(
        self, wants: Wants, bits: int, on_block: Callable[[NDArray[Any]], None] | None = None
    ) -> None:
        self._wants = wants
        self._bits = bits
        self._on_block = on_block
        self.samples: dict[tuple[int, int], int] = {}
        self._levels: list[Levels] = []
        self._form: tuple[int, int] | None = None
        self._waiting = 0
        self._fifo: Any = None
        self._block_samples = 0
        self._packing: Any = None
        self._loudness: Loudness | None = None
        self._prints: Fingerprinter | None = None

    def feed(self, frame: Any) -> None:
        """Hear the next frame."""
        form = (frame.sample_rate, frame.layout.nb_channels)
        if form != self._form:  # a queue does not look at the channels, and would crash
            self._change(form, frame)
        frame.pts = None
        try:
            self._fifo.write(frame)
        except ValueError:  # of another sample format or order of channels
            self._change(form, frame)
            self._fifo.write(frame)
        self._waiting += frame.samples
        if self._waiting >= self._block_samples:
            self._hear_whole_blocks()

    def finish(self) -> Heard:
        """What was heard in all."""
        self._flush()
        try:
            return self._heard()
        finally:
            if self._prints is not None:
                self._prints.close()

    def _hear_whole_blocks(self) -> None:
        while self._fifo.samples >= self._block_samples:
            self._hear(self._fifo.read(self._block_samples))
        self._waiting = self._fifo.samples

    def _change(self, form: tuple[int, int], frame: Any) -> None:
        self._flush()
        first = self._form is None
        self._form = form
        self._waiting = 0
        self._fifo = av.AudioFifo()
        scale = 1 - 2.0 ** (1 - min(self._bits or 16, 16))
        self._levels.append(Levels(frame.layout.nb_channels, frame.sample_rate, scale))
        self._block_samples = self._levels[-1].block_samples
        planes = frame.layout.nb_channels if frame.format.is_planar else 1
        self._packing = None
        if planes > MAX_PLANES:
            self._packing = av.AudioResampler(frame.format.packed, frame.layout, frame.sample_rate)
        self._loudness = _made(Loudness, frame) if first and self._wants.loudness else None
        if self._prints is not None:
            self._prints.close()
        wanted = first and self._wants.fingerprint and fingerprint_tool()
        self._prints = _made(Fingerprinter, frame) if wanted else None

    def _flush(self) -> None:
        rest = self._fifo.read(0, True) if self._fifo is not None else None
        if rest is not None:
            self._hear(rest)

    def _hear(self, block: Any) -> None:
        parts = self._packing.resample(block) if self._packing is not None else [block]
        assert self._form is not None
        self.samples[self._form] = self.samples.get(self._form, 0) + block.samples
        for part in parts:
            samples = samples_of(part)
            if self._on_block is not None:
                self._on_block(samples)
            self._levels[-1].feed(as_floats(samples))
        if self._loudness is not None:
            self._loudness.feed(block)
        if self._prints is not None:
            self._prints.feed(block)

    def _heard(self) -> Heard:
        seconds = sum(levels.samples / levels.rate_hz for levels in self._levels)
        silent = sum(levels.silent_samples / levels.rate_hz for levels in self._levels)
        quiet = (levels.longest_quiet_samples * 1000 // levels.rate_hz for levels in self._levels)
        peak = max((levels.peak.finish() for levels in self._levels), default=0.0)
        loudness = self._loudness.finish() if self._loudness is not None else None
        prints = self._prints.finish() if self._prints is not None else b""
        return Heard(
            integrated_lufs=loudness.integrated_lufs if loudness else None,
            range_lu=loudness.range_lu if loudness else None,
            true_peak_dbtp=round(20 * float(np.log10(peak)), 3) if peak > 0 else None,
            silent_share=round(silent / seconds, 6) if seconds else 0.0,
            quiet_ms=max(quiet, default=0),
            clipped_runs=sum(levels.clipped_runs for levels in self._levels),
            fingerprint=prints,
            fingerprint_by=fingerprint_tool() if prints else "",
        )


def _made(kind: Any, frame: Any) -> Any:
    """What hears frames like this one; None where libav's filters do not take them."""
    try:
        return kind(frame)
    except (av.error.FFmpegError, ValueError):
        return None


def samples_of(frame: Any) -> NDArray[Any]:
    """(samples, channels) as decoded. libav shifts samples of odd sizes to the top."""
    samples: NDArray[Any] = frame.to_ndarray()
    if frame.format.is_planar:
        return samples.T
    return samples.reshape(-1, frame.layout.nb_channels)


def as_floats(samples: NDArray[Any]) -> NDArray[np.float32]:
    """(channels, samples) as shares of full scale."""
    if samples.dtype == np.uint8:
        samples = samples.astype(np.int16) - _UNSIGNED_ZERO
        return np.ascontiguousarray(samples.T.astype(np.float32) / np.float32(_UNSIGNED_ZERO))
    floats = np.ascontiguousarray(samples.T, np.float32)
    if samples.dtype.kind == "i":
        floats *= np.float32(2.0 ** (1 - 8 * samples.dtype.itemsize))
    return floats
