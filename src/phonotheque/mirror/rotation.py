"""Which torrents of a seeder are in memory, and which make room: decided here, done elsewhere.

Those that a peer waits for come first, in the order of asking; then, as far as there is room,
those with downloaders and few seeds, where that is known, and of equals what was away longest.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import inf

IDLE_SECONDS = 30.0  # without a peer for so long, a torrent makes room for one that is asked for
TURN_SECONDS = 600.0  # a torrent with peers keeps its place at least so long


@dataclass(slots=True)
class Seat:
    """One torrent, in memory or not. Times are in seconds of one steady clock.

    `cost` is what it takes in memory, in bytes. `seeds` and `leechers` are what trackers said.
    """

    place: str  # "volumes/<volume>" or "editions/<name>"
    cost: int
    loaded_at: float | None = None  # None: not in memory
    away_since: float = -inf
    asked_at: float | None = None  # a peer waits since then
    busy_at: float = -inf  # when it last had a peer
    seeds: int | None = None
    leechers: int = 0


@dataclass(frozen=True, slots=True)
class Moves:
    """What to do now: first unload, then load."""

    unload: tuple[str, ...] = ()
    load: tuple[str, ...] = ()


def next_moves(seats: Collection[Seat], budget: int, now: float, rotate_seconds: float) -> Moves:
    """What goes and what comes, so that the costs of all in memory stay within `budget`.

    One that costs more than the whole budget never comes.
    """
    if all(seat.loaded_at is not None for seat in seats):
        return Moves()
    inside = [seat for seat in seats if seat.loaded_at is not None]
    outside = [seat for seat in seats if seat.loaded_at is None and seat.cost <= budget]
    free = budget - sum(seat.cost for seat in inside)
    leaving: list[Seat] = []
    coming: list[Seat] = []
    for seat in sorted(outside, key=_asked_first):
        if seat.cost > free and seat.asked_at is not None:
            gone = _enough(_movable(inside, leaving, now), seat.cost - free)
            leaving += gone
            free += sum(one.cost for one in gone)
        if seat.cost <= free:
            coming.append(seat)
            free -= seat.cost
    if not leaving and not coming:
        return _rotate(inside, outside, free, now, rotate_seconds)
    return Moves(tuple(s.place for s in leaving), tuple(s.place for s in coming))


def _asked_first(seat: Seat) -> tuple[float, bool, float, float, str]:
    asked = inf if seat.asked_at is None else seat.asked_at
    seeds = inf if seat.seeds is None else seat.seeds
    return asked, not seat.leechers, seeds, seat.away_since, seat.place


def _movable(inside: Iterable[Seat], leaving: Collection[Seat], now: float) -> list[Seat]:
    """Those that may go for one that is asked for: the idle first, then those longest here."""
    staying = [seat for seat in inside if seat not in leaving]
    idle = [seat for seat in staying if now - seat.busy_at > IDLE_SECONDS]
    had = [
        seat for seat in staying
        if now - seat.busy_at <= IDLE_SECONDS and now - _loaded(seat) > TURN_SECONDS
    ]  # fmt: skip
    return [*sorted(idle, key=lambda s: s.busy_at), *sorted(had, key=_loaded)]


def _loaded(seat: Seat) -> float:
    return -inf if seat.loaded_at is None else seat.loaded_at


def _enough(seats: Iterable[Seat], needed: int) -> list[Seat]:
    """The first of `seats` that together free `needed` bytes; none where all do not."""
    chosen: list[Seat] = []
    for seat in seats:
        chosen.append(seat)
        needed -= seat.cost
        if needed <= 0:
            return chosen
    return []


def _rotate(
    inside: Collection[Seat], outside: Collection[Seat], free: int, now: float, seconds: float
) -> Moves:
    """One that nobody asked for, and that was here long, for the next in line."""
    idle = [
        seat for seat in inside
        if now - _loaded(seat) > seconds and now - seat.busy_at > IDLE_SECONDS
    ]  # fmt: skip
    for seat in sorted(outside, key=_asked_first)[:1]:
        gone = _enough(sorted(idle, key=_loaded), seat.cost - free)
        if gone:
            return Moves(tuple(s.place for s in gone), (seat.place,))
    return Moves()
