"""Groups that share out the catalogue, against groups of people; what is kept of them."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import comb, log10
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.guard import (
    GroupEvidence,
    GuardStore,
    KeptGroup,
    Openings,
    What,
    clear_group,
    forget_groups,
    hold_group,
    learn_usual,
    list_groups,
    note_told,
    read_groups,
    read_usual,
    save_groups,
    save_usual,
    silent_usual,
)
from phonotheque.guard.cohorts import LEAST_OF_ONE, MOST_OF_ONE, binomial_at_least, trim
from phonotheque.guard.logs.groups import Deepest
from phonotheque.guard.migrations import VERSION_1
from phonotheque.guard.usual import DEEPEST, FEWEST_ACCOUNTS, Usual, highest
from phonotheque.model.errors import NotFoundError, UsageError
from tests.support.properties import costly

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CATALOGUE = 50_000
TELLING = GroupEvidence(500, 40, 3, 80.0, -21.0, 10, 90.0, 0.0)


def bucket_of(items: np.ndarray) -> np.ndarray:
    """By rank, which here is the number of the item."""
    edges = np.array([5, 50, 150, 500, 1500, 5000, 20_000])
    return np.searchsorted(edges, items, side="right")


def people(rng: np.random.Generator, count: int, each: int = 60, depth: float = 1.0) -> Openings:
    """`count` people who choose by popularity, `depth` of their choices so, the rest in the tail;
    one after the other as chance has it."""
    chances = 1.0 / np.arange(1, CATALOGUE + 1)
    known = rng.choice(CATALOGUE, (count, each), p=chances / chances.sum())
    tail = rng.integers(5000, CATALOGUE, (count, each))
    items = np.where(rng.random((count, each)) < depth, known, tail).ravel()
    who = np.repeat(np.arange(count), each)
    order = rng.permutation(len(who))
    return Openings(who[order], items[order], bucket_of(items[order]))


def campaign(rng: np.random.Generator, accounts: int, each: int, *, evenly: bool) -> Openings:
    """Accounts that deal out the catalogue: evenly, or from the top down."""
    total = accounts * each
    items = rng.permutation(CATALOGUE)[:total] if evenly else np.arange(total)
    return Openings(np.arange(total) % accounts, items, bucket_of(items))


@pytest.fixture(scope="module")
def usual() -> Usual:
    rng = np.random.default_rng(1)
    some, deep = people(rng, 380), people(rng, 20, depth=0.4)
    everybody = Openings(*(
        np.concatenate([a, b])
        for a, b in ((some.accounts, deep.accounts + 380), (some.items, deep.items),
                     (some.buckets, deep.buckets))
    ))  # fmt: skip
    found = learn_usual(everybody, rng, 40)
    assert found is not None
    return found


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 40)), max_size=400))
def test_no_account_has_much_more_to_say_than_the_one_in_the_middle(
    asked: list[tuple[int, int]],
) -> None:
    who = np.array([one for one, _ in asked], np.int64)
    items = np.array([item for _, item in asked], np.int64)
    kept = [asked[place] for place in trim(who, items)]
    assert len(set(kept)) == len(kept)
    firsts = list(dict.fromkeys(asked))
    each = Counter(one for one, _ in firsts)
    most = max(LEAST_OF_ONE, int(MOST_OF_ONE * np.median(list(each.values()) or [0])))
    for one, count in each.items():
        mine = [pair for pair in firsts if pair[0] == one][:most]
        assert [pair for pair in kept if pair[0] == one] == mine
        assert len(mine) == min(count, most)


@given(st.integers(1, 60), st.data())
def test_the_chance_of_so_many_is_that_of_the_sum(of: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, of))
    share = data.draw(st.floats(0.05, 0.95))
    whole = sum(comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(count, of + 1))
    expected = 0.0 if count <= of * share else log10(whole)
    assert binomial_at_least(count, of, share) == pytest.approx(expected, abs=1e-6)


def test_groups_of_people_are_not_told_and_those_that_share_out_the_work_are(usual: Usual) -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        assert highest(usual.path(people(rng, int(rng.integers(5, 120))))) < usual.level
    evenly = usual.path(campaign(rng, 30, 100, evenly=True))
    down = usual.path(campaign(rng, 30, 100, evenly=False))
    for path in (evenly, down):
        told = next(e for e in path if e.surprise > usual.level)
        assert told.requests < 1000
    assert evenly[-1].pressure < -usual.level
    assert down[-1].deficit < -usual.level


def test_a_reading_room_of_those_who_dig_deepest_is_a_group_of_people(usual: Usual) -> None:
    rng = np.random.default_rng(3)
    assert usual.tail > 0.5
    assert highest(usual.path(people(rng, 12, each=100, depth=0.45))) < usual.level


def test_one_busy_digger_does_not_make_a_group_of_few(usual: Usual) -> None:
    rng = np.random.default_rng(4)
    some = people(rng, 12, each=15)
    tail = rng.permutation(np.arange(20_000, 24_000))
    group = Openings(
        np.concatenate([some.accounts, np.full(4000, 99)]), np.concatenate([some.items, tail]),
        np.concatenate([some.buckets, bucket_of(tail)]),
    )  # fmt: skip
    assert highest(usual.path(group)) < usual.level


def test_of_few_accounts_no_group_is_told_and_of_few_people_nothing_is_learned() -> None:
    rng = np.random.default_rng(5)
    assert learn_usual(people(rng, 150), rng, 4) is None
    alone = campaign(rng, FEWEST_ACCOUNTS - 1, 500, evenly=True)
    usual = msgspec.structs.replace(silent_usual(), tail=0.5)
    path = usual.path(alone)
    assert path[-1].surprise > 50
    assert highest(path) == 0.0
    assert max(e.surprise for e in silent_usual().path(alone)) == 0.0


@costly(20)
@given(st.integers(0, 2**32 - 1))
def test_what_is_learned_is_the_same_for_the_same_people_and_chance(seed: int) -> None:
    some = people(np.random.default_rng(seed), 210, each=25)
    one, other = (learn_usual(some, np.random.default_rng(seed), 3) for _ in range(2))
    assert one == other
    assert one is not None
    assert one.level >= 10.0
    assert min(one.rates) >= 0.0


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1)), max_size=120))
def test_a_network_of_a_log_is_held_against_the_deepest_of_the_others(
    accounts: list[tuple[int, float]],
) -> None:
    ranked = sorted(enumerate(accounts), key=lambda one: -one[1][1])
    deepest = Deepest([(number, share, len(accounts)) for number, (_, share) in ranked])
    deepest.place((f"net{network}", number) for number, (network, _) in enumerate(accounts))
    most = max(1, int(DEEPEST * len(accounts)))
    for network in range(6):
        others = [share for _, (net, share) in ranked if net != network][:most]
        expected = sum(others) / len(others) if others else 0.0
        assert deepest.beside(f"net{network}") == pytest.approx(expected)


# ---------------------------------------------------------------------------- what is kept


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GuardStore]:
    with GuardStore(tmp_path / "guard.sqlite", create=True) as opened:
        yield opened


def group(name: str = "client:curl/8", **fields: object) -> KeptGroup:
    given = {"name": name, "secret": b"s", "began_at": NOON, "last_at": NOON, **fields}
    return KeptGroup(**given)  # type: ignore[arg-type]


def test_groups_come_back_as_they_were_written(store: GuardStore) -> None:
    whole = group(
        accounts=b"\1\0\0\0", items=b"\2" * 8, buckets=b"\3", looked=50, surprise=14.5,
        told_until=NOON + DAY, evidence=TELLING,
    )  # fmt: skip
    save_groups(store, [group("prefix:ab")])
    save_groups(store, [whole, group("prefix:ab", surprise=2.0)])
    assert sorted(read_groups(store, 10, 1000), key=lambda g: g.name) == [
        whole, group("prefix:ab", surprise=2.0)
    ]  # fmt: skip
    told, other = list_groups(store, NOON)
    assert (told.name, told.told, told.openings, told.surprise) == ("client:curl/8", True, 1, 14.5)
    assert "40 accounts hardly ever meet: 3 times" in told.reason
    assert (other.name, other.told, other.reason) == ("prefix:ab", False, "")
    assert [g.name for g in list_groups(store, NOON, only_told=True)] == ["client:curl/8"]
    assert list_groups(store, NOON + 2 * DAY, only_told=True) == []


def test_a_group_that_a_person_clears_stays_cleared(store: GuardStore) -> None:
    note_told(store, group(surprise=14.5, told_until=NOON + DAY, evidence=TELLING), NOON)
    with pytest.raises(UsageError, match="name of the person"):
        clear_group(store, "client:curl/8", " ", "ours", NOON)
    with pytest.raises(NotFoundError, match="guard groups"):
        clear_group(store, "client:other", "Ana Silva", "ours", NOON)
    clear_group(store, "client:curl/8", "Ana Silva", "our own reading room", NOON)
    save_groups(store, [group(surprise=15.0, told_until=NOON + DAY)])  # the server was at it
    (row,) = list_groups(store, NOON)
    assert not row.told
    assert row.cleared_until == NOON + 30 * DAY
    hold_group(store, ("client:curl/8", "Bo Berg", "not ours after all"), NOON + DAY, NOON)
    (row,) = list_groups(store, NOON, only_told=True)
    assert (row.held, row.cleared_until) == (True, None)
    forget_groups(store, ["client:curl/8"])
    assert len(list_groups(store, NOON)) == 1  # of what people decided nothing is forgotten
    told, cleared, held = store.iter_audit()
    assert (held.what, held.by) == (What.GROUP_HELD, "Bo Berg")
    assert (told.what, told.by, told.actor) == (What.GROUP_TOLD, "guard", "")
    assert told.evidence["group"] == "client:curl/8"
    assert told.evidence["collisions"] == 3
    assert (cleared.what, cleared.by) == (What.GROUP_CLEARED, "Ana Silva")
    assert store.check_audit() is None


def test_groups_that_nobody_is_in_any_more_are_dropped(store: GuardStore) -> None:
    save_groups(store, [group(), group("prefix:ab", last_at=NOON + 5 * DAY)])
    assert store.count_old(NOON + 31 * DAY)["groups"] == 1
    assert store.drop_old(NOON + 31 * DAY)["groups"] == 1
    assert [g.name for g in read_groups(store, 10, 1000)] == ["prefix:ab"]


def test_what_is_usual_is_kept_and_what_another_program_wrote_is_passed_over(
    store: GuardStore,
) -> None:
    assert read_usual(store) is None
    usual = Usual(rates=(0.5,) * 8, tail=0.7, level=10.0, people=300)
    save_usual(store, usual, NOON)
    assert read_usual(store) == (NOON, usual)
    store.change_setting("groups.usual", b'["x"]')
    assert read_usual(store) is None


def test_records_of_before_there_were_groups_are_brought_up_to_date(tmp_path: Path) -> None:
    import sqlite3

    place = tmp_path / "old.sqlite"
    with sqlite3.connect(place) as raw:
        raw.executescript(VERSION_1)
        raw.execute("PRAGMA user_version=1")
        raw.execute("INSERT INTO setting VALUES ('canaries', x'00')")
    with GuardStore(place) as store:
        save_groups(store, [group()])
        assert store.setting("canaries", b"new") == b"\0"
        assert len(list(read_groups(store, 10, 1000))) == 1


def test_what_is_dropped_is_not_left_behind_in_the_file(tmp_path: Path) -> None:
    place = tmp_path / "guard.sqlite"
    with GuardStore(place, create=True) as store:
        save_groups(store, [group(items=b"WHAT WAS HEARD" * 90, accounts=b"BY WHOM" * 90)])
    assert b"WHAT WAS HEARD" in place.read_bytes()
    with GuardStore(place) as store:
        store.drop_old(NOON + 40 * DAY)
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"WHAT WAS HEARD" not in left
    assert b"BY WHOM" not in left
