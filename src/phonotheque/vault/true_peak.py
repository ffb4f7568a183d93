"""The true peak of audio (ITU-R BS.1770-5, annex 2): its largest value between the samples too.

Four times oversampled (twice from 88.2 kHz on, not at all from 176.4 kHz on) by a windowed sinc of
24 taps a phase. The result is exact for that filter, but only where the largest value could be is
anything computed. A filter of unit gain at zero frequency is a straight line between two samples
and a sum over second differences of samples, so between two samples it stays below

    the larger of both + G × the largest second difference near by,

G being the sum of the absolute weights of these differences. What stays below the largest value
that is known already need not be looked at; in music that leaves a few windows of a second.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 32  # samples that are looked at or left together
TAPS = 24  # of each phase
KAISER_BETA = 7.0
REACH = TAPS // 2
_TOGETHER = 256
_SAFE = np.float32(1 + 1e-5)  # for the rounding of sums in single precision

Samples = NDArray[np.float32]


def oversampling(rate_hz: int) -> int:
    """How many values are looked at for each sample."""
    if rate_hz >= 176_400:
        return 1
    return 2 if rate_hz >= 88_200 else 4


def window_peaks(samples: Samples) -> Samples:
    """The largest absolute value of each `WINDOW` samples, over all channels (rows)."""
    loudest = np.abs(samples[0])
    for channel in samples[1:]:
        np.maximum(loudest, np.abs(channel), out=loudest)
    # a copy turned round: the largest of columns is found in a third of the time of that of rows
    return np.asarray(np.ascontiguousarray(loudest.reshape(-1, WINDOW).T).max(axis=0))


class TruePeak:
    """Fed with one block after the other, `largest` being the true peak so far as a share of full
    scale. A block is (channels, samples), a number of samples that `WINDOW` divides."""

    def __init__(self, channels: int, rate_hz: int) -> None:
        self.largest = 0.0
        self._factor = oversampling(rate_hz)
        self._weights, self._slack = _interpolators(self._factor)
        self._before = np.zeros((channels, 2 * WINDOW), np.float32)
        self._peaks_before = np.zeros(2, np.float32)

    def feed(self, block: Samples, peaks: Samples) -> None:
        """Hear the next block; `peaks` are its `window_peaks`."""
        self.largest = max(self.largest, float(peaks.max(initial=0)))
        if self._factor == 1:
            return
        whole = np.concatenate((self._before, block), axis=1)
        peaks = np.concatenate((self._peaks_before, peaks))
        self._look(whole, peaks)
        self._before, self._peaks_before = whole[:, -2 * WINDOW :].copy(), peaks[-2:]

    def finish(self) -> float:
        """The true peak with what follows the last sample, which is silence."""
        after = np.zeros_like(self._before)
        self.feed(after, window_peaks(after))
        return self.largest

    def _look(self, whole: Samples, peaks: Samples) -> None:
        """Look between the samples of all windows but the first and the last."""
        steps = whole[:, 1:] - whole[:, :-1]
        bends = np.zeros_like(whole)
        np.subtract(steps[:, 1:], steps[:, :-1], out=bends[:, 1:-1])
        bent = window_peaks(bends)
        near = np.maximum(np.maximum(bent[:-2], bent[1:-1]), bent[2:])
        bound = (np.maximum(peaks[1:-1], peaks[2:]) + self._slack * near) * _SAFE
        windows = np.flatnonzero(bound > self.largest)
        windows = windows[np.argsort(bound[windows])[::-1]]
        for start in range(0, len(windows), _TOGETHER):
            some = windows[start : start + _TOGETHER]
            some = some[bound[some] > self.largest]
            if not len(some):
                return
            self._measure(whole, some + 1)

    def _measure(self, whole: Samples, windows: NDArray[np.intp]) -> None:
        starts = windows * WINDOW - REACH + 1
        places = starts[:, None] + np.arange(WINDOW + TAPS - 1)
        between = whole[:, places] @ self._weights
        self.largest = max(self.largest, float(np.abs(between).max()))


@cache
def _interpolators(factor: int) -> tuple[Samples, float]:
    """Weights (WINDOW + TAPS - 1, WINDOW × (factor - 1)) by which samples give the values between
    them, and the G of the bound."""
    at = np.arange(1 - REACH, REACH + 1)
    weights = np.zeros((WINDOW + TAPS - 1, WINDOW, max(factor - 1, 1)))
    slack = 0.0
    for phase in range(1, factor):
        share = phase / factor
        taps = _line_exact(_windowed_sinc(at - share), at, share)
        for first in range(WINDOW):
            weights[first : first + TAPS, first, phase - 1] = taps
        line = np.where(at == 0, 1 - share, np.where(at == 1, share, 0))
        slack = max(slack, float(np.abs(np.cumsum(np.cumsum(taps - line))).sum()))
    return weights.reshape(WINDOW + TAPS - 1, -1).astype(np.float32), slack


def _windowed_sinc(time: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    inside = np.clip(1 - (time / REACH) ** 2, 0, None)
    return np.asarray(np.sinc(time) * np.i0(KAISER_BETA * np.sqrt(inside)) / np.i0(KAISER_BETA))


def _line_exact(
    taps: NDArray[np.float64], at: NDArray[np.int_], share: float
) -> NDArray[np.float64]:
    """The nearest taps that give constant and straight lines back as they are."""
    rules = np.stack((np.ones(TAPS), at.astype(float)))
    lacking = np.array([1.0, share]) - rules @ taps
    return np.asarray(taps + rules.T @ np.linalg.solve(rules @ rules.T, lacking))
