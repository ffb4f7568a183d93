"""Music as it comes back: cut, louder, softer, resampled, and through lossy codecs; with the
fingerprints of what comes out. Everything is decoded and encoded by PyAV and fingerprinted by
libchromaprint, the library behind `fpcalc`.
"""

import ctypes
import ctypes.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

RATE_HZ = 44_100
Samples = npt.NDArray[np.int16]
"""Shape (n, 2): stereo at `RATE_HZ`."""
Items = npt.NDArray[np.uint32]

SUFFIXES = frozenset((".ogg", ".oga", ".opus", ".mp3", ".flac", ".m4a"))

CODECS = {
    "MP3 64k": ("mp3", "libmp3lame", 64_000, 44_100, "stereo"),
    "MP3 128k": ("mp3", "libmp3lame", 128_000, 44_100, "stereo"),
    "Opus 32k": ("ogg", "libopus", 32_000, 48_000, "stereo"),
    "Opus 64k": ("ogg", "libopus", 64_000, 48_000, "stereo"),
    "Opus 96k": ("ogg", "libopus", 96_000, 48_000, "stereo"),
    "AAC 96k": ("adts", "aac", 96_000, 44_100, "stereo"),
    "MP3 48k, 22 kHz, mono": ("mp3", "libmp3lame", 48_000, 22_050, "mono"),
}
"""Name → container, encoder, bits a second, Hz, channels."""


@dataclass(frozen=True, slots=True)
class Alteration:
    """What happens to a piece: seconds cut away at both ends, a gain, a codec ("": none)."""

    name: str
    codec: str = ""
    from_start: float = 0.0
    from_end: float = 0.0
    gain_db: float = 0.0


ALTERATIONS = (
    *(Alteration(name, name) for name in CODECS),
    Alteration("cut 5 s and 20 s", "", 5.0, 20.0),
    Alteration("-9 dB", "", gain_db=-9.0),
    Alteration("+3 dB, clipped", "", gain_db=3.0),
    Alteration("MP3 64k, cut, -9 dB", "MP3 64k", 5.0, 20.0, -9.0),
    Alteration("Opus 32k, cut, +3 dB", "Opus 32k", 5.0, 20.0, 3.0),
)


def find_music(*folders: Path) -> list[Path]:
    """Sound files below some folders, sorted."""
    every = (path for folder in folders for path in folder.rglob("*"))
    return sorted(path for path in every if path.suffix.lower() in SUFFIXES)


def read_audio(path: Path | BytesIO, most_seconds: float = 1e9) -> Samples:
    """The sound of a file, from its start."""
    parts, have = [], 0
    source: Any = str(path) if isinstance(path, Path) else path
    with av.open(source) as container:
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=RATE_HZ)
        for frame in container.decode(audio=0):
            for out in resampler.resample(frame):
                block = out.to_ndarray().reshape(-1, 2)
                parts.append(block)
                have += len(block)
            if have >= most_seconds * RATE_HZ:
                break
    return np.concatenate(parts)[: int(most_seconds * RATE_HZ)]


def altered(samples: Samples, how: Alteration) -> Samples:
    """The sound after an alteration, decoded again."""
    start, end = int(how.from_start * RATE_HZ), len(samples) - int(how.from_end * RATE_HZ)
    samples = samples[start:end]
    if how.gain_db:
        loud = samples.astype(np.float32) * 10 ** (how.gain_db / 20)
        samples = np.clip(loud, -32768, 32767).astype(np.int16)
    return transcoded(samples, how.codec) if how.codec else samples


def transcoded(samples: Samples, codec: str) -> Samples:
    """The sound through a codec of `CODECS` and back."""
    return read_audio(BytesIO(_encoded(samples, codec)))


def fingerprint(samples: Samples) -> Items:
    """Chromaprint's items of all of the sound, shape (n,)."""
    library = _library()
    context = ctypes.c_void_p(library.chromaprint_new(1))
    try:
        library.chromaprint_start(context, RATE_HZ, 2)
        content = np.ascontiguousarray(samples, np.int16)
        step = 1 << 20
        for start in range(0, len(content), step):
            block = content[start : start + step]
            library.chromaprint_feed(context, block.ctypes.data_as(ctypes.c_void_p), block.size)
        library.chromaprint_finish(context)
        out, size = ctypes.c_void_p(), ctypes.c_int()
        library.chromaprint_get_raw_fingerprint(context, ctypes.byref(out), ctypes.byref(size))
        items = np.frombuffer(ctypes.string_at(out, size.value * 4), np.uint32).copy()
        library.chromaprint_dealloc(out)
    finally:
        library.chromaprint_free(context)
    return items


def iter_clips(
    samples: Samples, random: np.random.Generator, seconds: tuple[float, ...]
) -> Iterator[tuple[float, Samples]]:
    """One clip of each length from a random place, where the sound is long enough."""
    for length in seconds:
        room = len(samples) - int(length * RATE_HZ)
        if room > 0:
            start = int(random.integers(room))
            yield length, samples[start : start + int(length * RATE_HZ)]


def _encoded(samples: Samples, codec: str) -> bytes:
    form, encoder, bits, rate, layout = CODECS[codec]
    out = BytesIO()
    with av.open(out, "w", format=form) as container:
        stream: Any = container.add_stream(encoder, rate=rate, layout=layout)
        stream.bit_rate = bits
        kind = stream.codec_context.format.name
        resampler = av.AudioResampler(
            format=kind, layout=layout, rate=rate, frame_size=stream.codec_context.frame_size or 960
        )
        step = RATE_HZ * 10
        for start in range(0, len(samples), step):
            block = samples[start : start + step]
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="stereo")
            frame.sample_rate, frame.pts = RATE_HZ, start
            for piece in resampler.resample(frame):
                container.mux(stream.encode(piece))
        for piece in resampler.resample(None):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return out.getvalue()


@cache
def _library() -> Any:
    found = ctypes.util.find_library("chromaprint")
    if found is None:
        raise SystemExit("libchromaprint is missing: apt-get install libchromaprint1")
    library = ctypes.CDLL(found)
    library.chromaprint_new.restype = ctypes.c_void_p
    library.chromaprint_free.argtypes = [ctypes.c_void_p]
    return library
