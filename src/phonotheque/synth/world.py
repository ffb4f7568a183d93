"""Who made what: every artist, album and recording as a function of a seed and a number.

A recording's number tells its album, an album's number its artist; nothing is stored, so any part
of a dump can be made alone. Numbers that come later draw from a longer list of artists and a longer
vocabulary (Heaps' law), and what came before never changes: a larger world begins with the smaller.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.synth.alphabets import LATIN, SHARES
from phonotheque.synth.draws import (
    Ints,
    again,
    below,
    draw,
    exp2_fixed,
    happens,
    log2_fixed,
    log_uniform,
    pick,
    scatter30,
)
from phonotheque.synth.layouts import ALBUMS, BLOCK, FRESH, make_layouts
from phonotheque.synth.vocabulary import Vocabulary, choose

Bytes = npt.NDArray[np.uint8]

_COUNTRIES = [
    *("US", "QM", "QZ", "GB", "DE", "FR", "JP", "BR", "NL", "SE", "IT", "ES", "CA"),
    *("AU", "KR", "MX", "FI", "RU", "PL", "IN", "NO", "DK", "BE", "CH", "AT", "CZ"),
]
_WEIGHTS = [22, 8, 14, 12, 8, 7, 5, 4, 4, 3, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.0]
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_YEARS = [*range(1986, 2024)]
_RUNS = 4999  # albums for each registrant and year; 20 codes each
_REGISTRANTS = 2**30 // _RUNS // len(_YEARS) + 1
_VERSIONS = [" (Live)", " (Remix)", " - Radio Edit", " (Acoustic)", " (Instrumental)",
             " - Extended Mix", " (Demo)", " (Karaoke Version)"]  # fmt: skip
VERSION_SHARE = 0.05
FEATURING_SHARE = 0.06
_HEAPS = 2**16 * 3 // 5, 2**16 * 16 // 3  # words seen = 40 × titles ** 0.6
_ARTISTS_GROWTH = 2**16 * 93 // 100  # artists seen = albums ** 0.93


@dataclass(frozen=True, slots=True)
class Codes:
    """Parts of the ISRCs of some recordings; shape (n,) each. `registrant` is also the label."""

    registrant: Ints
    year: Ints
    designation: Ints


class World:
    """All there is to say about recordings up to `recordings`, under `seed`."""

    def __init__(self, seed: int, recordings: int) -> None:
        self.seed = seed
        self.layouts = make_layouts()
        # guests and artists count on a little further than recordings do
        top = _title_logs(np.array([2 * recordings + 8_000]))
        self.words = Vocabulary(int(exp2_fixed(top)[0]) * 129 // 128 + 100)
        self._durations = _duration_table()
        self._prefixes, self._labels = self._registrants()

    # ------------------------------------------------------------------ numbers of things

    def layout(self, blocks: Ints) -> Ints:
        """Which of the layouts each block has."""
        return (draw(self.seed, "layout", blocks) >> np.uint64(58)).astype(np.int64)

    def album(self, recordings: Ints) -> Ints:
        """Number of the album on which each recording came out first."""
        blocks, slots = np.divmod(recordings, FRESH)
        return blocks * ALBUMS + self.layouts.release[self.layout(blocks), slots]

    def place(self, recordings: Ints) -> Ints:
        """Position of each recording on that album, from 1."""
        blocks, slots = np.divmod(recordings, FRESH)
        return self.layouts.position[self.layout(blocks), slots]

    def artist(self, albums: Ints) -> Ints:
        """Number of the artist of each album: few have many, many have one (Zipf)."""
        drawn = draw(self.seed, "artist", albums) >> np.uint64(32)
        skewed = (drawn * drawn) >> np.uint64(32)
        seen = exp2_fixed(log2_fixed(albums + 16) * _ARTISTS_GROWTH >> 16)
        return ((skewed * seen.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)

    def script(self, artists: Ints) -> Ints:
        """Script that each artist writes in."""
        return pick(draw(self.seed, "script", artists), SHARES)

    # ------------------------------------------------------------------ texts

    def artist_names(self, artists: Ints) -> pa.Array:
        """Name of each artist."""
        kind = draw(self.seed, "name", artists)
        scripts = self.script(artists)
        counts = 1 + (pick(kind, [22, 58, 20]))
        logs = _title_logs(artists * 12 + 4000)
        parts = [draw(self.seed, f"name {k}", artists) for k in range(3)]
        # one rare word first: names are seldom shared
        ranks = [below(parts[0], exp2_fixed(logs))] + [log_uniform(p, logs) + 60 for p in parts[1:]]
        names = self.words.phrases(ranks, scripts, counts)
        plain = (scripts == LATIN) & happens(again(kind), 0.16)
        bare = pc.binary_join_element_wise(
            choose(["The ", "DJ ", "The ", "Los "], parts[0]), names, ""
        )
        return pc.if_else(pa.array(plain), bare, names)

    def credits(self, recordings: Ints, artists: Ints) -> pa.Array:
        """Artist credit of each recording of these artists, with guests now and then."""
        names = _each_once(self.artist_names, artists)
        drawn = draw(self.seed, "guest", recordings)
        at = np.flatnonzero(happens(drawn, FEATURING_SHARE))
        if not len(at):
            return names
        guests = self.artist_names(self.guest(recordings[at]))
        joins = choose([" feat. ", " feat. ", " & ", " x "], again(drawn[at]))
        return put(
            names, at, pc.binary_join_element_wise(names.take(pa.array(at)), joins, guests, "")
        )

    def guest(self, recordings: Ints) -> Ints:
        """Number of the artist who is guest on each recording, if there is one."""
        return below(
            draw(self.seed, "who", recordings), exp2_fixed(log2_fixed(recordings // 10 + 16))
        )

    def song_titles(self, recordings: Ints, artists: Ints) -> pa.Array:
        """Title of each recording of these artists, without version words."""
        drawn = draw(self.seed, "title", recordings)
        scripts = np.where(happens(again(drawn), 0.93), self.script(artists), LATIN)
        counts = 1 + pick(drawn, [19, 30, 24, 14, 8, 5])
        counts = np.where(scripts == LATIN, counts, np.minimum(counts, 4))
        parts = [draw(self.seed, f"title {k}", recordings) for k in range(6)]
        logs = _title_logs(recordings)
        ranks = [log_uniform(p, logs) for p in parts]
        ranks[0] += np.where(counts == 1, 20, 0)  # hardly any title is "The"
        return self.words.phrases(ranks, scripts, counts)

    def titles(self, recordings: Ints, artists: Ints) -> pa.Array:
        """Title of each recording of these artists, version words included."""
        titles = self.song_titles(recordings, artists)
        version = draw(self.seed, "version", recordings)
        at = np.flatnonzero(happens(version, VERSION_SHARE))
        if not len(at):
            return titles
        suffixed = [titles.take(pa.array(at)), choose(_VERSIONS, again(version[at]))]
        return put(titles, at, pc.binary_join_element_wise(*suffixed, ""))

    def album_titles(self, albums: Ints, ages: Ints) -> pa.Array:
        """Title of each album, in the words and the script of the album number `ages`."""
        drawn = draw(self.seed, "album", albums)
        parts = [draw(self.seed, f"album {k}", albums) for k in range(4)]
        counts = 1 + pick(drawn, [30, 34, 22, 14])
        logs = _title_logs(ages * 10)
        ranks = [log_uniform(p, logs) + 20 for p in parts]
        return self.words.phrases(ranks, self.script(self.artist(ages)), counts)

    def labels(self, registrants: Ints) -> pa.Array:
        """Name of the label behind each registrant."""
        return self._labels.take(pa.array(registrants))

    # ------------------------------------------------------------------ codes and figures

    def codes(self, recordings: Ints) -> Codes:
        """What the ISRC of each recording is made of: no two have the same."""
        runs, at = np.divmod(scatter30(self.album(recordings), self.seed), _RUNS)
        registrant, year = np.divmod(runs, len(_YEARS))
        # no designation below 20: 00000 in the year 00 would be a placeholder
        return Codes(registrant, year + _YEARS[0], (at * 20 + 20 + self.place(recordings) - 1))

    def isrcs(self, codes: Codes) -> pa.Array:
        """The codes written out, 12 characters each."""
        n = len(codes.registrant)
        text = np.empty((n, 12), dtype=np.uint8)
        text[:, :5] = self._prefixes[codes.registrant]
        rest = codes.year % 100 * 100_000 + codes.designation
        for column in range(11, 4, -1):
            rest, digit = np.divmod(rest, 10)
            text[:, column] = digit + 48
        return fixed_strings(text)

    def mbids(self, recordings: Ints, stream: str = "mbid") -> pa.Array:
        """A UUID of version 4 for each number."""
        text = np.full((len(recordings), 36), 45, dtype=np.uint8)
        columns = [c for c in range(36) if c not in (8, 13, 18, 23)]
        for half in range(2):
            rest = draw(self.seed, f"{stream} {half}", recordings)
            for column in columns[half * 16 : half * 16 + 16]:
                text[:, column] = _HEX[(rest & np.uint64(15)).astype(np.int64)]
                rest >>= np.uint64(4)
        text[:, 14] = ord("4")
        text[:, 19] = _HEX[8 + (text[:, 19] & 3)]
        return fixed_strings(text)

    def durations(self, recordings: Ints) -> Ints:
        """Milliseconds of each recording: log-normal round 3:32, with peaks at whole minutes."""
        drawn = draw(self.seed, "duration", recordings)
        at = below(drawn, len(self._durations) - 1)
        low, high = self._durations[at], self._durations[at + 1]
        exact = low + below(again(drawn), high - low + 1)
        style = draw(self.seed, "rounded", recordings)
        seconds = np.where(happens(style, 0.25), (exact + 500) // 1000 * 1000, exact)
        minutes = np.maximum((exact + 30_000) // 60_000, 1) * 60_000
        return np.where(happens(again(style), 0.03), minutes, seconds)

    def _registrants(self) -> tuple[Bytes, pa.Array]:
        numbers = np.arange(_REGISTRANTS, dtype=np.int64)
        drawn = draw(self.seed, "country", numbers)
        letters = np.frombuffer(_LETTERS.encode(), dtype=np.uint8)
        countries = np.frombuffer("".join(_COUNTRIES).encode(), dtype=np.uint8).reshape(-1, 2)
        prefixes = np.empty((_REGISTRANTS, 5), dtype=np.uint8)
        prefixes[:, :2] = countries[pick(drawn, _WEIGHTS)]
        # the number itself in base 23: registrants of one country differ
        for column, unit in ((2, 23 * 23), (3, 23), (4, 1)):
            prefixes[:, column] = letters[numbers // unit % 23]
        parts = [draw(self.seed, f"label {k}", numbers) for k in range(2)]
        latin = np.zeros(_REGISTRANTS, dtype=np.int64)
        ranks = [log_uniform(p, _title_logs(numbers + 1000)) + 60 for p in parts]
        names = self.words.phrases(ranks, latin, 1 + pick(drawn, [1, 1]))
        ends = choose([" Records", " Music", " Recordings", "", " Entertainment"], again(drawn))
        return prefixes, pc.binary_join_element_wise(names, ends, "")


def recordings_in(tracks: int) -> int:
    """How many recordings the first `tracks` tracks are of."""
    return tracks // BLOCK * FRESH + min(tracks % BLOCK, FRESH)


def put(values: pa.Array, at: Ints, replacements: pa.Array) -> pa.Array:
    """`values` with `replacements` at the ascending places `at`."""
    mask = np.zeros(len(values), dtype=np.bool_)
    mask[at] = True
    return pc.replace_with_mask(values, pa.array(mask), replacements)


def fixed_strings(text: Bytes) -> pa.Array:
    """An Arrow array of strings from ASCII bytes of shape (n, width)."""
    n, width = text.shape
    offsets = np.arange(0, (n + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(
        n, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text))
    )


def _each_once(name: Callable[[Ints], pa.Array], numbers: Ints) -> pa.Array:
    unique, inverse = np.unique(numbers, return_inverse=True)
    return name(unique).take(pa.array(inverse))


def _title_logs(numbers: Ints) -> Ints:
    slope, start = _HEAPS
    return (log2_fixed(numbers + 64) * slope >> 16) + start


def _duration_table() -> Ints:
    normal = NormalDist(12.264, 0.38)  # of the logarithm: the median is 3:32
    shares = (np.arange(4097) + 0.5) / 4098
    quantiles = [round(2.718281828459045 ** normal.inv_cdf(float(s))) for s in shares]
    return np.array(quantiles, dtype=np.int64)
