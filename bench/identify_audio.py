"""What is this sound, and do we hold it? Precision and recall on music, look-ups a second.

``--set music=FOLDER`` names the music (Ogg, MP3, FLAC); without it, it is fetched from Debian's
packages, or composed where there are none: figures on composed pieces say so by their names.

Four tracks in five are held. Of half of the tracks (those whose name has an even SHA-256) the
limits in `vault/acoustic/comparing.py` were chosen; figures are of the other half:
recall, of what is altered (`altered_audio.ALTERATIONS`) as whole files and as clips of 10, 15 and
30 s from random places, how much is named right; precision, of all answers, how many are right.
Nothing may be named for tracks that are not held, nor *the same* for near misses: edits, overdubs,
pieces with another's second half, other speeds and keys. Speed: an index of fingerprints made by
`made_fingerprints`; clips and whole files with one bit in twenty wrong, of files it has.
"""

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from bench.altered_audio import (
    ALTERATIONS,
    RATE_HZ,
    Items,
    Samples,
    altered,
    find_music,
    fingerprint,
    iter_clips,
    read_audio,
)
from bench.composed_pieces import compose
from bench.made_fingerprints import ITEMS, Made, damaged, digest
from phonotheque.cli.demo.music import find_music as find_demo_music
from phonotheque.vault import AcousticIndex, Likeness, SoundDocument, judge

SCALES = {"small": (16, 2, 20_000), "large": (1_000, 3, 1_000_000)}
"""Tracks to test by, alterations of each, fingerprints in the index for speed."""

LEAST_SECONDS = 60
MOST_SECONDS = 150  # of a track are altered; its whole fingerprint is held
CLIPS = (10.0, 15.0, 30.0)
HELD_OF_FIVE = 4
LOOKUPS = 200
SURE = frozenset((Likeness.SAME, Likeness.PART))


class Track(NamedTuple):
    """A track of the music; `held`: it is in the index."""

    path: Path
    items: Items
    held: bool
    tested: bool

    @property
    def digest(self) -> bytes:
        return sha256(self.path.name.encode() + self.items.tobytes()).digest()


class Query(NamedTuple):
    """A sound that is asked for: how it was made, as what, and of which track."""

    how: str
    kind: str
    track: Track
    items: Items


def run(scale: str, *, music: str = "") -> dict[str, Any]:
    """All figures."""
    figures = identify_figures(scale, music)
    ratios = {name: value for name, value in figures.items() if name in HEADLINES}
    return {"ours": figures, "ratios": ratios}


HEADLINES = ("identify_per_s", "identify_precision", "identify_recall")


def identify_figures(scale: str, music: str = "") -> dict[str, float | int | str]:
    """Flat figures: `identify_precision`, `identify_recall`, `identify_per_s`, and what they are
    made of."""
    most, alterations, fingerprints = SCALES[scale]
    with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as scratch:
        found, composed = _music(Path(scratch), music)
        tracks = _read_tracks(found, 5 * most)
        figures = measure_quality(Path(scratch), tracks, most, alterations)
        speed = measure_speed(Path(scratch), [t.items for t in tracks], fingerprints)
    if composed:
        figures = {f"{name}_on_composed_pieces": value for name, value in figures.items()}
    return figures | speed


# --------------------------------------------------------------------------------- quality


def measure_quality(
    scratch: Path, tracks: list[Track], most: int, alterations: int
) -> dict[str, float | int | str]:
    """Precision and recall over the tested half of the tracks, `most` of them."""
    index = AcousticIndex(scratch / "quality")
    index.add(SoundDocument(t.digest, t.items) for t in tracks if t.held)
    tested = [t for t in tracks if t.tested]
    held = [t for t in tested if t.held][:most]
    strange = [t for t in tested if not t.held][: -(-most // 4)]
    asked, right = Counter[str](), Counter[str]()
    wrong: Counter[str] = Counter()
    for query in _iter_altered([*held, *strange], alterations):
        answer = _answer(index, query)
        kind = query.kind if query.track.held else "not held"
        for name in (kind, f"{kind}, {query.how}") if query.track.held else (kind,):
            asked[name] += 1
            right[name] += answer == query.track.digest.hex()
        wrong[kind] += answer is not None and answer not in _like(index, query.track)
    misses = list(_iter_near_misses(held[: max(most // 2, 8)]))
    called_same = Counter(q.how for q in misses if _is_called_same(index, q))
    kinds = [kind for kind in asked if ", " not in kind and kind != "not held"]
    rights, wrongs = sum(right[k] for k in kinds), wrong.total() + called_same.total()
    figures: dict[str, float | int | str] = {
        "identify_precision": round(rights / max(rights + wrongs, 1), 4),
        "identify_recall": round(rights / max(sum(asked[k] for k in kinds), 1), 4),
        "tracks": len(tracks), "tested": len(held) + len(strange),
        "queries": sum(asked[k] for k in kinds), "not_held_queries": asked["not held"],
        "not_held_named": wrong["not held"], "near_misses": len(misses),
        "near_misses_called_same": called_same.total(),
    }  # fmt: skip
    for name in sorted(asked):
        if name != "not held":
            figures[f"recall of {name} (of {asked[name]})"] = round(right[name] / asked[name], 4)
    for name in sorted({q.how for q in misses}):
        figures[f"called same: {name}"] = called_same[name]
    return figures


def _answer(index: AcousticIndex, query: Query) -> str | None:
    """The file that is surely named for a query, if any."""
    for hit in index.look_up(query.items, 1):
        if judge(hit.alignment, len(query.items), hit.length) in SURE:
            return hit.sha256
    return None


def _is_called_same(index: AcousticIndex, query: Query) -> bool:
    hits = index.look_up(query.items)
    return any(judge(h.alignment, len(query.items), h.length) is Likeness.SAME for h in hits)


def _like(index: AcousticIndex, track: Track) -> set[str]:
    """The track, and others that it is like as a whole: naming one of them is not wrong."""
    hits = index.look_up(track.items, 24)
    alike = (h for h in hits if judge(h.alignment, len(track.items), h.length) != "different")
    return {track.digest.hex(), *(h.sha256 for h in alike)}


def _iter_altered(tracks: Iterable[Track], alterations: int) -> Iterator[Query]:
    for number, track in enumerate(tracks):
        random = np.random.default_rng(number)
        samples = read_audio(track.path, MOST_SECONDS)
        for at in range(alterations):
            how = ALTERATIONS[(number * alterations + at) % len(ALTERATIONS)]
            sound = altered(samples, how)
            yield Query(how.name, "whole files", track, fingerprint(sound))
            for seconds, clip in iter_clips(sound, random, CLIPS):
                yield Query(how.name, f"clips of {seconds:g} s", track, fingerprint(clip))


def _iter_near_misses(tracks: list[Track]) -> Iterator[Query]:
    """Music made of held tracks that is not the same any more."""
    others = [read_audio(t.path, MOST_SECONDS) for t in tracks[:2]]
    for track in tracks:
        samples = read_audio(track.path, MOST_SECONDS)
        other = others[track.path == tracks[0].path]
        size = min(len(samples), len(other))
        third, half = size // 3, size // 2
        made: dict[str, Samples] = {
            "20 s less in the middle": np.concatenate(
                [samples[:half], samples[half + 20 * RATE_HZ :]]
            ),
            "another over the middle third": _overlaid(samples, other, third, 2 * third),
            "another's second half": np.concatenate([samples[:half], other[half:size]]),
            "2 % faster": _faster(samples, 1.02),
            "a semitone higher": _faster(samples, 2 ** (1 / 12)),
        }
        for how, sound in made.items():
            yield Query(how, "near misses", track, fingerprint(sound))


def _overlaid(samples: Samples, other: Samples, start: int, end: int) -> Samples:
    """With another piece, as loud as it, over a stretch."""
    out = samples.astype(np.float64)
    mine, theirs = out[start:end], other[start:end].astype(np.float64)
    out[start:end] = mine + theirs * np.sqrt(np.mean(mine**2) / max(np.mean(theirs**2), 1.0))
    return np.clip(out, -32768, 32767).astype(np.int16)


def _faster(samples: Samples, factor: float) -> Samples:
    at = np.arange(0, len(samples) - 1, factor)
    sides = [np.interp(at, np.arange(len(samples)), samples[:, side]) for side in (0, 1)]
    return np.stack(sides, axis=1).astype(np.int16)


# ----------------------------------------------------------------------------------- speed


def measure_speed(scratch: Path, real: list[Items], count: int) -> dict[str, float | int | str]:
    """Look-ups a second in an index of `count` made fingerprints, in one process."""
    made, folder = Made(real), scratch / "speed"
    index = AcousticIndex(folder)
    started, worked = time.perf_counter(), time.process_time()
    index.add(made.documents(count))
    spent, cpu = time.perf_counter() - started, time.process_time() - worked
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    figures: dict[str, float | int | str] = {
        "fingerprints": count,
        "bytes_per_fingerprint": round(size / count),
        "taken_in_per_s": round(count / spent),
        "taken_in_per_cpu_s": round(count / cpu),
    }
    total, taken = 0, 0.0
    for name, items in (("clip of 10 s", 81), ("clip of 15 s", 121), ("clip of 30 s", 242),
                        ("file", ITEMS)):  # fmt: skip
        times, found = _timed(index, made, count, items)
        total, taken = total + len(times), taken + sum(times)
        figures[f"p50_ms {name}"] = round(float(np.median(times)) * 1e3, 2)
        figures[f"p99_ms {name}"] = round(float(np.quantile(times, 0.99)) * 1e3, 2)
        figures[f"found {name}"] = round(found / len(times), 4)
    return figures | {"identify_per_s": round(total / taken, 1)}


def _timed(index: AcousticIndex, made: Made, count: int, items: int) -> tuple[list[float], int]:
    random = np.random.default_rng(items)
    times, found = [], 0
    for _ in range(LOOKUPS):
        number = int(random.integers(count))
        start = int(random.integers(ITEMS - items + 1))
        sound = damaged(made.items(number)[start : start + items], random)
        started = time.perf_counter()
        hits = index.look_up(sound, 1)
        times.append(time.perf_counter() - started)
        found += bool(hits) and hits[0].sha256 == digest(number).hex()
    return times, found


# ----------------------------------------------------------------------------------- music


def _music(scratch: Path, given: str) -> tuple[list[Path], bool]:
    """Sound files, and whether they were composed here."""
    if given:
        return find_music(Path(given)), False
    music = find_demo_music(scratch / "music", None, lambda _: None)
    if music.source == "composed-tunes":  # too short for clips and cuts
        return compose(scratch / "composed"), True
    return find_music(music.folder), False


def _read_tracks(paths: list[Path], most: int) -> list[Track]:
    """Tracks of at least a minute, each sound once; at most so many."""
    tracks = dict[bytes, Track]()
    for number, path in enumerate(paths):
        if len(tracks) >= most:
            break
        try:
            samples = read_audio(path)
        except OSError:
            continue  # not sound: other benches are about that
        if len(samples) >= LEAST_SECONDS * RATE_HZ:
            items = fingerprint(samples)
            tested = sha256(path.name.encode()).digest()[-1] % 2 == 1
            held = number % 5 < HELD_OF_FIVE
            tracks.setdefault(items.tobytes(), Track(path, items, held, tested))
    return list(tracks.values())
