"""Silence, clipping and peaks, counted in samples (docs/audio.md has the thresholds)."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from phonotheque.vault.true_peak import WINDOW, Samples, TruePeak, window_peaks

SILENT = 10 ** (-70 / 20)  # of full scale: below it a tenth of a second counts as silent
DIGITAL_SILENCE = 2.0**-15  # one step of 16 bits
CLIPPED_SAMPLES = 3  # at full scale in a row
_BEFORE = CLIPPED_SAMPLES  # samples kept of the block before
_HUGE = 1e6  # what a float may claim beyond is no audio
_TENTHS = 16  # of a second, in a block


@dataclass(slots=True)
class Levels:
    """Fed with blocks of (channels, samples); every block but the last has `block_samples`.

    `full_scale` is the largest positive value that the form can hold.
    """

    channels: int
    rate_hz: int
    full_scale: float
    samples: int = 0
    silent_samples: int = 0
    longest_quiet_samples: int = 0  # in a row, as digital silence
    clipped_runs: int = 0
    peak: TruePeak = field(init=False)
    _quiet: int = 0
    _before: Samples = field(init=False)

    def __post_init__(self) -> None:
        self.peak = TruePeak(self.channels, self.rate_hz)
        self._before = np.zeros((self.channels, _BEFORE), np.float32)

    @property
    def tenth_samples(self) -> int:
        """A tenth of a second in whole windows."""
        return max(1, round(self.rate_hz / 10 / WINDOW)) * WINDOW

    @property
    def block_samples(self) -> int:
        """Of the blocks to be fed with."""
        return self.tenth_samples * _TENTHS

    def feed(self, block: Samples) -> None:
        """Hear the next block."""
        count = block.shape[1]
        if not count:
            return
        lacking = -count % self.tenth_samples
        if lacking:  # the last one; a tenth that is not full is silent as far as it goes
            block = np.pad(block, ((0, 0), (0, lacking)))
        peaks = window_peaks(block)
        if not peaks.max() <= _HUGE:  # also where something is no number
            block = np.nan_to_num(block, nan=0.0).clip(-_HUGE, _HUGE)
            peaks = window_peaks(block)
        self._hear_silence(peaks, count)
        if peaks.max() >= self.full_scale:
            self._count_clipped(block)
        self._before = block[:, -_BEFORE:].copy()
        self.peak.feed(block, peaks)
        self.samples += count

    def _hear_silence(self, peaks: Samples, count: int) -> None:
        tenths = peaks.reshape(-1, self.tenth_samples // WINDOW).max(axis=1)
        lengths = np.full(len(tenths), self.tenth_samples)
        lengths[-1] -= len(tenths) * self.tenth_samples - count
        self.silent_samples += int(lengths[tenths < SILENT].sum())
        if tenths.min() > DIGITAL_SILENCE:
            self._quiet = 0
            return
        for quiet, length in zip(tenths <= DIGITAL_SILENCE, lengths, strict=True):
            self._quiet = self._quiet + int(length) if quiet else 0
            self.longest_quiet_samples = max(self.longest_quiet_samples, self._quiet)

    def _count_clipped(self, block: Samples) -> None:
        """Runs of full-scale samples whose third one stands in this block."""
        full: NDArray[np.bool_] = np.abs(np.concatenate((self._before, block), axis=1))
        full = full >= np.float32(self.full_scale)
        third = full[:, 3:] & full[:, 2:-1] & full[:, 1:-2] & ~full[:, :-3]
        self.clipped_runs += int(np.count_nonzero(third))
