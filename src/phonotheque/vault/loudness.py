"""Loudness after EBU R 128 by libavfilter's `ebur128` (ITU-R BS.1770 gating, EBU Tech 3342 range).

Mono counts as one channel, channels of surround have the weights of the recommendation, and low
frequency effects count for nothing. True peaks are measured in `vault.true_peak`.
"""

from typing import Any, NamedTuple

from phonotheque.vault.filtering import Chain

GATE_LUFS = -70.0
_RANGE_SECONDS = 3.0  # the window of the range
_KEY = "lavfi.r128."


class Measured(NamedTuple):
    """None: shorter than the window, or nothing in it above the gate of -70 LUFS."""

    integrated_lufs: float | None = None
    range_lu: float | None = None


class Loudness:
    """Fed with frames of one form, of which `frame` is an example.

    Raises:
        av.error.FFmpegError, ValueError: libavfilter does not take this form.
    """

    def __init__(self, frame: Any) -> None:
        steps = [("ebur128", "metadata=1:peak=none:framelog=quiet")]
        if frame.sample_rate % 10:  # it counts in tenths of a second
            steps.insert(0, ("aresample", "48000"))
        self._chain = Chain(frame, steps)
        self._seconds = 0.0
        self._last: Any = None

    def feed(self, frame: Any) -> None:
        """Hear the next frame."""
        self._seconds += frame.samples / frame.sample_rate
        for heard in self._chain.push(frame):
            self._last = heard

    def finish(self) -> Measured:
        """What was measured in all."""
        for heard in self._chain.push(None):
            if heard.samples * 10 >= heard.sample_rate:  # the rest of a tenth says nothing
                self._last = heard
        said = self._last.metadata if self._last is not None else {}
        integrated = float(said.get(f"{_KEY}I", GATE_LUFS))
        if not integrated > GATE_LUFS:
            return Measured()
        spread = float(said[f"{_KEY}LRA"]) if self._seconds >= _RANGE_SECONDS else None
        return Measured(integrated, spread)
