"""Pieces for a machine without any music: chords, a melody and a drum, drawn from a seed."""

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE_HZ = 44_100
PIECES = 20
_BEATS = 200
_SCALE = np.array([0, 2, 3, 5, 7, 8, 10])


def compose(folder: Path) -> list[Path]:
    """Write twenty pieces of 80 s and more as FLAC; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"piece {number:02d}.flac" for number in range(PIECES)]
    for number, path in enumerate(paths):
        _write(path, _play(np.random.default_rng(number)))
    return paths


def _play(random: np.random.Generator) -> npt.NDArray[np.int16]:
    """One channel."""
    beat = int(RATE_HZ * random.uniform(0.4, 0.6))
    time = np.arange(beat) / RATE_HZ
    key, colour = random.integers(-6, 6), random.uniform(0.5, 1.5)
    drum = random.normal(size=beat) * np.exp(-30 * time)
    parts = []
    for _ in range(_BEATS):
        root = random.integers(7)
        notes = [_SCALE[(root + step) % 7] - 12 for step in (0, 2, 4)] + [random.choice(_SCALE)]
        sound = 0.3 * random.random() * drum
        for note in notes:
            pitch = 220 * 2 ** ((note + key) / 12)
            for partial in range(1, 6):
                sound = sound + np.sin(2 * np.pi * pitch * partial * time) / partial**colour / 4
        parts.append(sound * np.exp(-3 * time))
    whole = np.concatenate(parts)
    return np.asarray(whole / np.abs(whole).max() * 30_000, np.int16)


def _write(path: Path, samples: npt.NDArray[np.int16]) -> None:
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE_HZ, layout="mono")
        for start in range(0, len(samples), 4096):
            block = samples[start : start + 4096].reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
