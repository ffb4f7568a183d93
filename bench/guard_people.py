"""Made-up people who listen for thirty days, in strata; fitted to what is published.

Anchors: mean of about 700 requests in thirty days; two thirds of plays are repeats, of what was
played often or lately (Anderson et al. 2014; Benson et al. 2016); plays by popularity (Luminate
2025); albums and sessions of about ten; playlists of 30 to 100. Diggers are 2 % of people.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bench.guard_world import Floats, Ints, World

DAYS = 30
DAY_S = 86_400.0
COMMON = 3
NAMESAKE = 0.1
"""Who hears an artist to the end goes on to the next in the catalogue: a band of the same people, a
name written otherwise."""


@dataclass(frozen=True)
class Habit:
    """How people of one stratum listen. `weights` are chances of the next thing to listen to:
    favourites, album, playlist, chart, radio by genre, single tracks."""

    share: float  # of all people
    weights: tuple[float, float, float, float, float, float]
    requests: tuple[float, float] = (5.9, 0.95)  # lognormal: mean and deviation of the logarithm
    tastes: tuple[float, ...] = (1.0, 1.0, 0.8)
    most: int = 2000
    known_artist: float = 0.6  # an album is by an artist heard before
    known_album: float = 0.4  # ... or is one heard before
    hurry: float = 1.0  # time between requests, in durations
    onwards: float = 0.08  # an album is followed by the artist's next ones, in order


HABITS: dict[str, Habit] = {
    "ordinary": Habit(0.60, (0.52, 0.12, 0.12, 0.04, 0.08, 0.12)),
    "album listeners": Habit(0.10, (0.25, 0.60, 0.04, 0.01, 0.04, 0.06),
                     tastes=(1.0, 0.8, 0.6), onwards=0.15),
    "explorers": Habit(0.05, (0.20, 0.15, 0.25, 0.05, 0.20, 0.15),
                     tastes=(0.8, 0.6), known_artist=0.35),
    "diggers": Habit(0.02, (0.18, 0.50, 0.07, 0.00, 0.05, 0.20),
                     tastes=(0.4, 0.25), known_artist=0.55, known_album=0.15, onwards=0.2),
    "offline sync": Habit(0.04, (0.08, 0.45, 0.30, 0.03, 0.04, 0.10),
                     tastes=(1.0, 0.8, 0.6), hurry=0.03, known_album=0.03, onwards=0.3),
    "shared accounts": Habit(0.04, (0.52, 0.15, 0.12, 0.04, 0.07, 0.10), (7.0, 0.5), most=4000),
    "children": Habit(0.05, (0.10, 0.88, 0.00, 0.00, 0.00, 0.02),
                     (5.5, 0.9), known_album=0.92, known_artist=0.9),
    "radio bots": Habit(0.005, (0.35, 0.00, 0.35, 0.10, 0.20, 0.00), (8.3, 0.2), most=5000),
    "new accounts": Habit(0.05, (0.20, 0.20, 0.22, 0.12, 0.11, 0.15), (3.8, 0.5), most=150),
    "heavy": Habit(0.02, (0.58, 0.14, 0.10, 0.01, 0.07, 0.10), (8.5, 0.1), most=5000),
    "probes": Habit(0.005, (1.00, 0.00, 0.00, 0.00, 0.00, 0.00), (7.0, 0.3)),
    "double requests": Habit(0.02, (0.52, 0.14, 0.12, 0.04, 0.08, 0.10)),
}  # fmt: skip


@dataclass
class History:
    """What one account asked for: items and times (seconds), in order."""

    stratum: str
    items: Ints
    times: Floats
    first_harvest: int = 0  # index of the first request that is harvesting; people: 0, unused
    harvesting: Ints | None = None  # by request 1/0, where not all are


@dataclass
class _Person:
    """What somebody has heard so far, while being made up."""

    rng: np.random.Generator
    world: World
    habit: Habit
    taste: float
    heard: Ints
    count: int = 0
    playlists: list[int] = field(default_factory=list)

    def favourites(self) -> Ints:
        length = 1 + int(self.rng.geometric(0.1))
        if not self.count:
            return self.world.choose(self.rng, 3, self.taste)
        lately = np.minimum(self.rng.zipf(1.3, length), 10**9) + int(self.rng.integers(0, 20))
        ever = self.rng.integers(0, self.count, length)
        late = (self.rng.random(length) < 0.4) & (lately <= self.count)
        return self.heard[np.where(late, self.count - np.where(late, lately, 1), ever)]

    def album(self) -> Ints:
        if self.count and self.rng.random() < self.habit.known_album:
            album = int(self.world.album[self.heard[self.rng.integers(0, self.count)]])
        elif self.count and self.rng.random() < self.habit.known_artist:
            album = int(self.world.album[self.heard[self.rng.integers(0, self.count)]])
            beside = album + int(self.rng.integers(-3, 4))  # the artist's others stand beside it
            last = len(self.world.album_start) - 2
            if 0 <= beside <= last and self._artist(beside) == self._artist(album):
                album = beside
        else:
            album = int(self.world.album[self.world.choose(self.rng, 1, self.taste)[0]])
        if self.rng.random() < self.habit.onwards:
            return self._discography(album)
        first, after = self.world.album_start[album : album + 2]
        items = np.arange(first, after)
        if self.rng.random() < 0.2:
            return self.rng.permutation(items)[:12]
        return items[: max(1, round(len(items) * min(1.0, 1.4 * self.rng.random())))]

    def _discography(self, album: int) -> Ints:
        last, starts = album, self.world.album_start
        for _ in range(1 + int(self.rng.geometric(0.35))):
            same = last + 2 < len(starts) and self._artist(last + 1) == self._artist(album)
            if same or (last + 2 < len(starts) and self.rng.random() < NAMESAKE):
                last += 1
        return np.arange(starts[album], starts[last + 1])

    def _artist(self, album: int) -> int:
        return int(self.world.artist[self.world.album_start[album]])

    def playlist(self) -> Ints:
        if self.playlists and self.rng.random() < 0.5:
            chosen = self.playlists[int(self.rng.integers(0, len(self.playlists)))]
        else:
            chosen = int(self.rng.integers(0, len(self.world.playlists)))
            self.playlists.append(chosen)
        items = self.world.playlists[chosen]
        if self.rng.random() < 0.5:
            items = self.rng.permutation(items)
        return items[: 5 + int(self.rng.geometric(0.05))]

    def chart(self) -> Ints:
        """Mostly one of this month's charts; sometimes the list of what was played most ever."""
        if self.rng.random() < 0.15:
            return self.world.by_rank[: 1 + min(99, int(self.rng.geometric(0.07)))]
        chart = self.world.charts[int(self.rng.integers(0, len(self.world.charts)))]
        return chart[: 1 + int(self.rng.geometric(0.04))]

    def radio(self) -> Ints:
        seed = self.heard[self.rng.integers(0, self.count)] if self.count else self.world.by_rank[0]
        length = 4 + int(self.rng.geometric(0.08))
        return self.world.choose_in_genre(self.rng, length, int(self.world.genre[seed]))

    def single(self) -> Ints:
        return np.repeat(self.world.choose(self.rng, 1, self.taste), 1 + (self.rng.random() < 0.2))


EPISODES: tuple[Callable[[_Person], Ints], ...] = (
    _Person.favourites, _Person.album, _Person.playlist, _Person.chart, _Person.radio,
    _Person.single,
)  # fmt: skip


def make_person(rng: np.random.Generator, world: World, stratum: str) -> History:
    """One account of `stratum` over thirty days."""
    habit = HABITS[stratum]
    weights = rng.dirichlet(np.array(habit.weights) * 12 + 1e-3)
    length = int(np.clip(rng.lognormal(*habit.requests), 10, habit.most))
    if stratum == "offline sync":
        weights = rng.dirichlet(np.array(habit.weights) * 20 + 1e-3)
    person = _Person(rng, world, habit, float(rng.choice(habit.tastes)), np.empty(length, np.int64))
    starts, kinds = [], rng.choice(len(EPISODES), length, p=weights)
    for kind in kinds:
        starts.append(person.count)
        items = EPISODES[kind](person)[: length - person.count]
        person.heard[person.count : person.count + len(items)] = items
        person.count += len(items)
        if person.count == length:
            break
    items = person.heard
    if stratum == "probes":
        items = np.full(length, items[0])
    if stratum == "offline sync":  # what is on the telephone is not asked for again
        items = items[np.sort(np.unique(items, return_index=True)[1])]
        starts = [s for s in starts if s < len(items)]
    times = _times(rng, world, items, starts, habit.hurry)
    if stratum == "double requests":
        items, times = np.repeat(items, 2), np.repeat(times, 2) + np.tile([0.0, 0.5], len(items))
    return History(stratum, items, times)


def _times(
    rng: np.random.Generator, world: World, items: Ints, starts: list[int], hurry: float
) -> Floats:
    """When: one after the other within an episode, pauses between that fill the thirty days."""
    gaps = world.duration_s[items] * hurry * np.where(rng.random(len(items)) < 0.2, 0.3, 1.0)
    pauses = rng.exponential(1.0, len(starts)) * (rng.random(len(starts)) < 0.4)
    spare = max(0.0, DAYS * DAY_S * rng.uniform(0.5, 1.0) - float(gaps.sum()))
    gaps[starts] += pauses / max(float(pauses.sum()), 1e-9) * spare
    return np.cumsum(gaps)


def make_people(rng: np.random.Generator, world: World, per_stratum: int) -> list[History]:
    """`per_stratum` accounts of each stratum, and `COMMON` times as many ordinary ones;
    `HABITS[...].share` is what a stratum weighs."""
    return [
        make_person(rng, world, stratum)
        for stratum in HABITS
        for _ in range(per_stratum * (COMMON if stratum == "ordinary" else 1))
    ]


def weight_of(stratum: str) -> float:
    """What share of all people is like this."""
    return HABITS[stratum].share if stratum in HABITS else 1.0


__all__ = [
    "DAYS",
    "DAY_S",
    "HABITS",
    "History",
    "make_people",
    "make_person",
    "weight_of",
]
