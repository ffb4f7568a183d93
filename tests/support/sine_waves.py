"""Sound for tests of hearing: samples as shares of full scale, and WAVE files of them."""

from io import BytesIO
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]


def sine(
    dbfs: float, seconds: float, *, hertz: float = 1_000, rate: int = 48_000, degrees: float = 0
) -> Samples:
    """One channel of a sine whose peak is at `dbfs`."""
    time = np.arange(round(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * hertz * time + np.radians(degrees))
    return np.asarray(10 ** (dbfs / 20) * wave)


def write_sound(
    path: Path, channels: Samples, *, rate: int = 48_000, layout: str = "stereo"
) -> Path:
    """Write (channels, samples), or one row for all channels, as a WAVE file of 24 bits."""
    count = len(av.AudioLayout(layout).channels)
    rows = np.broadcast_to(np.atleast_2d(channels), (count, np.atleast_2d(channels).shape[1]))
    whole = np.clip(np.round(rows * 2**23), -(2**23), 2**23 - 1).astype(np.int32) << 8
    out = BytesIO()
    with av.open(out, "w", format="wav", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("pcm_s24le", rate=rate)
        stream.layout = layout
        packed = np.ascontiguousarray(whole.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="s32", layout=layout)
        frame.rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path.write_bytes(out.getvalue())
    return path
