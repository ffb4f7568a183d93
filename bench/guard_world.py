"""A made-up catalogue for the guard's bench: artists, albums and plays shaped on what is published.

Plays follow the pyramid that Luminate published for 2025 (253 million recordings: 22 % without a
play, 26 % with 1 to 10, 25 % to 100, 16 % to 1,000; 541,000 of them with half of all streams).
Numbers are given as the catalogue gives them: neighbours together (artist, release, position).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonotheque.guard import bucket_edges, rank_buckets

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_GENRES = 200
MOST_PLAYLISTS = 3000
# (share of the catalogue counted from its top, plays there): log-linear between
PYRAMID = ((1e-7, 2e9), (2e-6, 2e8), (0.00214, 1.0e6), (0.0142, 1e5), (0.0435, 1e4), (0.116, 1e3),
           (0.277, 1e2), (0.524, 10.0), (0.78, 1.0))  # fmt: skip
TASTES = (1.0, 0.8, 0.6, 0.4, 0.25, 0.0)
"""Exponents on plays by which people choose; 0 is the harvester's: everything alike."""


@dataclass(frozen=True)
class World:
    """A catalogue of `size` items, numbered from 0. All arrays are by item unless said otherwise.

    `by_rank` lists items, most played first; `chosen` is cumulated plays ** taste by rank;
    `in_genre` and `genre_chosen` the same by genre; `playlists` are arrays of items.
    """

    size: int
    artist: Ints
    album: Ints
    album_start: Ints  # by album; one more at the end
    rank: Ints
    bucket: Ints
    plays: Floats
    duration_s: Floats
    by_rank: Ints
    chosen: dict[float, Floats]
    genre: Ints
    in_genre: list[Ints]
    genre_chosen: list[Floats]
    playlists: list[Ints]
    charts: list[Ints]

    def choose(self, rng: np.random.Generator, count: int, taste: float = 1.0) -> Ints:
        """`count` items by plays ** taste (independent)."""
        cumulated = self.chosen[taste]
        places = np.searchsorted(cumulated, rng.random(count) * cumulated[-1], side="right")
        return self.by_rank[np.minimum(places, self.size - 1)]

    def choose_in_genre(self, rng: np.random.Generator, count: int, genre: int) -> Ints:
        """`count` items of a genre by plays."""
        cumulated = self.genre_chosen[genre]
        places = np.searchsorted(cumulated, rng.random(count) * cumulated[-1], side="right")
        return self.in_genre[genre][np.minimum(places, len(cumulated) - 1)]


def genres_of(size: int) -> int:
    """How many genres a catalogue of `size` has: fewer where it is small."""
    return min(MOST_GENRES, max(10, size // 5000))


def playlists_of(size: int) -> int:
    """How many playlists."""
    return min(MOST_PLAYLISTS, max(100, size // 300))


def make_world(rng: np.random.Generator, size: int = 1_000_000) -> World:
    """A catalogue drawn with `rng`."""
    artist, album, album_start = _shelve(rng, size)
    artists, albums = int(artist.max()) + 1, int(album[-1]) + 1
    fame = rng.normal(0, 2.2, artists)[artist] + rng.normal(0, 0.9, albums)[album]
    by_rank = np.argsort(-(fame + rng.normal(0, 1.0, size)), kind="stable").astype(np.int64)
    rank = np.empty(size, np.int64)
    rank[by_rank] = np.arange(size)
    plays_by_rank = _plays(size)
    plays = plays_by_rank[rank]
    genres = genres_of(size)
    genre = rng.integers(0, genres, artists)[artist]
    in_genre = [by_rank[genre[by_rank] == g] for g in range(genres)]
    weights = {t: np.cumsum(plays_by_rank**t if t else np.ones(size)) for t in TASTES}
    world = World(
        size, artist, album, album_start, rank, rank_buckets(rank, bucket_edges(size)), plays,
        np.clip(rng.lognormal(5.3, 0.35, size), 30, 1800), by_rank, weights, genre, in_genre,
        [np.cumsum(plays[items] + 1e-9) for items in in_genre], [], [],
    )  # fmt: skip
    _edit(rng, world)
    return world


def world_of(
    items: Ints, artist: Ints, album: Ints, plays: Floats, rng: np.random.Generator
) -> World:
    """The catalogue of real histories: `artist`, `album`, `plays` by item; items must already be
    numbered so that those of an album are neighbours."""
    size = len(items)
    by_rank = np.argsort(-plays, kind="stable").astype(np.int64)
    rank = np.empty(size, np.int64)
    rank[by_rank] = np.arange(size)
    starts = np.flatnonzero(np.r_[True, album[1:] != album[:-1]])
    genres = genres_of(size)
    genre = (artist * 2654435761 % 2**32 * genres // 2**32).astype(np.int64)
    in_genre = [by_rank[genre[by_rank] == g] for g in range(genres)]
    in_genre = [g if len(g) else by_rank[:1] for g in in_genre]
    by_plays = plays[by_rank]
    weights = {t: np.cumsum(np.maximum(by_plays, 0) ** t if t else np.ones(size)) for t in TASTES}
    world = World(
        size, artist, np.cumsum(np.r_[0, album[1:] != album[:-1]]), np.r_[starts, size], rank,
        rank_buckets(rank, bucket_edges(size)), plays, np.full(size, 210.0), by_rank, weights,
        genre, in_genre, [np.cumsum(plays[g] + 1e-9) for g in in_genre], [], [],
    )  # fmt: skip
    _edit(rng, world)
    return world


def _shelve(rng: np.random.Generator, size: int) -> tuple[Ints, Ints, Ints]:
    """Artist and album of each item, and where albums start. Half the releases are singles."""
    lengths = np.where(rng.random(size) < 0.5, rng.integers(1, 4, size), rng.integers(6, 17, size))
    lengths = np.where(rng.random(size) < 0.01, rng.integers(20, 120, size), lengths)
    ends = np.cumsum(lengths)
    albums = int(np.searchsorted(ends, size)) + 1
    lengths = lengths[:albums]
    lengths[-1] -= int(ends[albums - 1]) - size
    album = np.repeat(np.arange(albums), lengths)
    per_artist = np.minimum(rng.zipf(1.9, albums), 60)
    owner = np.repeat(np.arange(len(per_artist)), per_artist)[:albums]
    artist = owner[album]
    mixed = rng.random(albums) < 0.05  # compilations: an artist of its own for each item
    many = mixed[album]
    artist = np.where(many, int(owner[-1]) + 1 + rng.integers(0, albums // 8, size), artist)
    _, artist = np.unique(artist, return_inverse=True)
    return artist.astype(np.int64), album, np.r_[0, np.cumsum(lengths)]


def _plays(size: int) -> Floats:
    shares, plays = np.array(PYRAMID).T
    at = (np.arange(size) + 0.5) / size
    found = np.exp(np.interp(np.log(at), np.log(shares), np.log(plays)))
    return np.where(at > 0.78, 0.0, found)


def _edit(rng: np.random.Generator, world: World) -> None:
    """Draw playlists and the month's charts: what is in fashion is not what was played most."""
    world.playlists.extend(_playlist(rng, world) for _ in range(playlists_of(world.size)))
    top = max(200, world.size * 3 // 1000)
    for _ in range(5):
        drawn = -np.log(rng.random(top)) / np.sqrt(world.plays[world.by_rank[:top]] + 1e-9)
        world.charts.append(world.by_rank[np.argsort(drawn)[:50]])


def _playlist(rng: np.random.Generator, world: World) -> Ints:
    """What an editor puts together: 30 to 100 items of one to three genres, by plays."""
    genres = rng.integers(0, len(world.in_genre), rng.integers(1, 4))
    each = int(rng.integers(30, 101)) // len(genres) + 1
    items = np.concatenate([world.choose_in_genre(rng, each, int(g)) for g in genres])
    return rng.permutation(np.unique(items))
