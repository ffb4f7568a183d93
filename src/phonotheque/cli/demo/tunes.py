"""Music for a machine without any: old tunes that belong to everybody, played by a sine organ.

The melodies are in the public domain everywhere (traditional, or by composers dead for well over
a century); the recordings are made here and dedicated to the public with CC0.
"""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from mutagen.oggopus import OggOpus

SAMPLE_RATE_HZ = 48_000
_FRAME = 960
_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


@dataclass(frozen=True, slots=True)
class Tune:
    """`notes`: blank-separated, letter, accidental (# or &), octave, beats; ``-1`` rests a beat."""

    title: str
    origin: str
    beats_per_minute: int
    notes: str


TUNES = (
    Tune("Ode to Joy", "Ludwig van Beethoven, 1824", 120,
         "e41 e41 f41 g41 g41 f41 e41 d41 c41 c41 d41 e41 e41.5 d40.5 d42 "
         "e41 e41 f41 g41 g41 f41 e41 d41 c41 c41 d41 e41 d41.5 c40.5 c42"),
    Tune("Frère Jacques", "traditional, France", 120,
         "c41 d41 e41 c41 c41 d41 e41 c41 e41 f41 g42 e41 f41 g42 "
         "g40.5 a40.5 g40.5 f40.5 e41 c41 g40.5 a40.5 g40.5 f40.5 e41 c41 c41 g31 c42 c41 g31 c42"),
    Tune("Greensleeves", "traditional, England", 130,
         "a41 c52 d51 e51.5 f#50.5 e51 d52 b41 g41.5 a40.5 b41 c52 a41 a41.5 g#40.5 a41 b42 "
         "g#41 e42"),
    Tune("Ah vous dirai-je, maman", "traditional, France", 110,
         "c41 c41 g41 g41 a41 a41 g42 f41 f41 e41 e41 d41 d41 c42 "
         "g41 g41 f41 f41 e41 e41 d42 g41 g41 f41 f41 e41 e41 d42"),
    Tune("Für Elise (opening)", "Ludwig van Beethoven, 1810", 150,
         "e50.5 d#50.5 e50.5 d#50.5 e50.5 b40.5 d50.5 c50.5 a41.5 c40.5 e40.5 a40.5 b41.5 "
         "e40.5 g#40.5 b40.5 c51.5 e40.5 e50.5 d#50.5 e50.5 d#50.5 e50.5 b40.5 d50.5 c50.5 a42"),
    Tune("Amazing Grace", "traditional, published 1829", 90,
         "g31 c42 e40.5 c40.5 e42 d41 c42 a31 g32 g31 c42 e40.5 c40.5 e42 d41 g43"),
    Tune("Scarborough Fair", "traditional, England", 120,
         "d42 d41 a42 a41 e41.5 f40.5 e41 d43 -1 a41 c51 d52 c51 a41 b41 g41 a43"),
    Tune("Korobeiniki", "traditional, Russia, 1861", 150,
         "e51 b40.5 c50.5 d51 c50.5 b40.5 a41 a40.5 c50.5 e51 d50.5 c50.5 b41.5 c50.5 d51 e51 "
         "c51 a41 a42"),
    Tune("Sakura Sakura", "traditional, Japan", 80,
         "a41 a41 b42 a41 a41 b42 a41 b41 c51 b41 a41 b40.5 a40.5 f42"),
)  # fmt: skip


def compose(folder: Path) -> list[Path]:
    """Write the tunes into `folder` as tagged Ogg Opus with a `rights.toml`; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for position, tune in enumerate(TUNES, 1):
        path = folder / f"{position:02d} {tune.title.split(' (')[0]}.opus"
        _write_ogg(path, _play(tune))
        _tag(path, tune, position)
        paths.append(path)
    (folder / "rights.toml").write_text(
        '[[rights]]\nfiles = "*.opus"\nlicence = "CC0-1.0"\nholder = "the operator of this demo"\n'
        'statement = "Composed tones made on this machine by the demo; dedicated with CC0."\n',
        encoding="utf-8",
    )
    return paths


def _play(tune: Tune) -> npt.NDArray[np.float32]:
    """Mono samples between -1 and 1."""
    beat = 60 / tune.beats_per_minute
    voices = [_note(token, beat) for token in tune.notes.split()] * 3
    return np.concatenate(voices)


def _note(token: str, beat: float) -> npt.NDArray[np.float32]:
    if token.startswith("-"):
        return np.zeros(round(float(token[1:]) * beat * SAMPLE_RATE_HZ), np.float32)
    semitone = _STEPS[token[0]]
    rest = token[1:]
    if rest[0] in "#&":
        semitone += 1 if rest[0] == "#" else -1
        rest = rest[1:]
    octave, beats = int(rest[0]), float(rest[1:])
    frequency = 440.0 * 2 ** ((semitone - 9) / 12 + octave - 4)
    t = np.arange(round(beats * beat * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    partials = sum(
        np.sin(2 * np.pi * frequency * k * t) * weight
        for k, weight in ((1, 0.6), (2, 0.25), (3, 0.12), (4, 0.06))
    )
    envelope = np.minimum(1, t / 0.01) * np.exp(-2.2 * t) * np.minimum(1, (t[-1] - t) / 0.02)
    return np.asarray(partials * envelope * 0.7, np.float32)


def _write_ogg(path: Path, samples: npt.NDArray[np.float32]) -> None:
    with av.open(
        str(path), "w", format="ogg", options={"serial_offset": "1", "fflags": "+bitexact"}
    ) as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE_HZ, layout="mono")
        for start in range(0, len(samples), _FRAME):
            block = samples[start : start + _FRAME].reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout="mono")
            frame.sample_rate = SAMPLE_RATE_HZ
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _tag(path: Path, tune: Tune, position: int) -> None:
    tags = OggOpus(path)
    tags["title"] = tune.title
    tags["artist"] = "The phonotheque sine organ"
    tags["album"] = "Tunes that belong to everybody"
    tags["tracknumber"] = f"{position}/{len(TUNES)}"
    tags["comment"] = tune.origin
    tags["license"] = "https://creativecommons.org/publicdomain/zero/1.0/"
    tags.save()
