"""Which torrents are in memory: pure decisions."""

from phonotheque.mirror.rotation import IDLE_SECONDS, TURN_SECONDS, Moves, Seat, next_moves

NOW = 10_000.0
ROTATE = 1800.0


def seat(place: str, cost: int = 10, **values: float | int | None) -> Seat:
    made = Seat(place, cost)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def moves(*seats: Seat, budget: int = 20) -> Moves:
    return next_moves(seats, budget, NOW, ROTATE)


def test_what_fits_is_loaded_and_no_more() -> None:
    assert moves(seat("a"), seat("b"), seat("c")) == Moves(load=("a", "b"))


def test_what_is_larger_than_all_memory_never_comes() -> None:
    assert moves(seat("a", 21), seat("b", 5)) == Moves(load=("b",))
    assert moves(seat("a", 21, asked_at=1.0)) == Moves()


def test_those_with_downloaders_and_few_seeds_come_first() -> None:
    known = seat("known", seeds=9, leechers=0)
    rare = seat("rare", seeds=1, leechers=0)
    wanted = seat("wanted", seeds=50, leechers=3)
    assert moves(known, rare, wanted).load == ("wanted", "rare")


def test_the_one_that_was_away_longest_comes_first() -> None:
    assert moves(seat("a", away_since=9.0), seat("b", away_since=3.0), budget=10).load == ("b",)


def test_who_is_asked_for_takes_the_place_of_the_one_idle_longest() -> None:
    idle = seat("idle", loaded_at=1.0, busy_at=50.0)
    idler = seat("idler", loaded_at=2.0, busy_at=40.0)
    assert moves(idle, idler, seat("asked", asked_at=NOW)) == Moves(("idler",), ("asked",))


def test_who_has_peers_keeps_its_place_for_a_turn() -> None:
    busy = seat("busy", 20, loaded_at=NOW - TURN_SECONDS + 1, busy_at=NOW)
    asked = seat("asked", asked_at=NOW)
    assert moves(busy, asked) == Moves()
    busy.loaded_at = NOW - TURN_SECONDS - 1
    assert moves(busy, asked) == Moves(("busy",), ("asked",))


def test_nobody_goes_for_one_that_would_not_fit_even_then() -> None:
    idle = seat("idle", loaded_at=1.0, busy_at=1.0)
    busy = seat("busy", loaded_at=NOW - 5, busy_at=NOW)
    assert moves(idle, busy, seat("large", 15, asked_at=NOW)) == Moves()


def test_the_first_who_asked_comes_first() -> None:
    idle = seat("idle", 20, loaded_at=1.0, busy_at=NOW - IDLE_SECONDS - 1)
    late, early = seat("late", 20, asked_at=9.0), seat("early", 20, asked_at=8.0)
    assert moves(idle, late, early) == Moves(("idle",), ("early",))


def test_one_at_a_time_is_swapped_after_its_time_when_nobody_asks() -> None:
    old = seat("old", loaded_at=NOW - ROTATE - 2, busy_at=1.0)
    older = seat("older", loaded_at=NOW - ROTATE - 3, busy_at=2.0)
    rest = seat("rest")
    assert moves(old, older, rest) == Moves(("older",), ("rest",))
    older.loaded_at = old.loaded_at = NOW - ROTATE + 1
    assert moves(old, older, rest) == Moves()


def test_with_everything_in_memory_nothing_moves() -> None:
    assert moves(seat("a", loaded_at=1.0)) == Moves()
