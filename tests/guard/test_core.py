"""What the guard's core promises: replay, small mergeable state, the same answers in bulk."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotheque.guard import (
    LEAST_ITEMS,
    NOTHING,
    SHIPPED,
    Event,
    Evidence,
    Kind,
    Requests,
    State,
    Tables,
    canary_numbers,
    describe_symbol,
    digest_tables,
    follow_many,
    format_state,
    format_tables,
    merge_states,
    parse_state,
    rank_bucket,
    rank_buckets,
    read_shipped_tables,
    read_tables,
    score,
    symbols_of,
)
from phonotheque.guard.symbols import SYMBOLS, bucket_edges
from phonotheque.model.errors import FormatError
from tests.guard.conftest import SIZE, harvester, learn, listener, requests


def run(
    asked: Requests, tables: Tables, state: State | None = None
) -> tuple[State, list[Evidence]]:
    """The account one request at a time."""
    state, found = state or State(), []
    rows = zip(asked.items, asked.times, asked.artists, asked.releases, asked.buckets,
               [None] * len(asked.items) if asked.ranks is None else asked.ranks.tolist(),
               strict=True)  # fmt: skip
    for item, t, artist, release, bucket, rank in rows:
        event = Event(t=float(t), account="a", kind=Kind.MEDIA, item=int(item), artist=int(artist),
                      release=int(release), rank_bucket=int(bucket), rank=rank)  # fmt: skip
        state, evidence = score(state, event, tables)
        found.append(evidence)
    return state, found


def part(asked: Requests, some: slice) -> Requests:
    """Some of the requests of an account."""
    columns = vars(asked).values()
    return Requests(*(None if column is None else column[some] for column in columns))


def test_many_at_once_get_the_answers_of_one_by_one(tables: Tables) -> None:
    rng = np.random.default_rng(5)
    accounts = [listener(rng, 150), harvester(rng, 700), requests(rng.integers(0, 40, 300), 20.0)]
    symbols = symbols_of(accounts)
    heights = follow_many(symbols, tables, np.array(tables.levels))
    for row, one in enumerate(accounts):
        _, found = run(one, tables)
        assert [e.symbol if e.symbol is not None else NOTHING for e in found] == list(
            symbols[row, : len(found)]
        )
        most = np.max([e.sums for e in found], axis=0)
        np.testing.assert_allclose(heights.most[row, :-1], most, atol=1e-4)
        slow = [e.slow for e in found]
        alarms = [n for n, e in enumerate(found, 1) if e.items >= 3 or slow[n - 1] >= 3]
        if alarms:
            assert 0 < heights.when[row, 2] <= alarms[0]


def test_a_state_written_and_read_goes_on_as_if_it_had_not_been(tables: Tables) -> None:
    asked = harvester(np.random.default_rng(6), 60)
    whole, told = run(asked, tables)
    half, _ = run(part(asked, slice(30)), tables)
    rest = part(asked, slice(30, None))
    again, later = run(rest, tables, parse_state(format_state(half)))
    assert again == whole
    assert later == told[30:]


def test_a_state_stays_within_two_kibibytes(tables: Tables) -> None:
    state, _ = run(harvester(np.random.default_rng(7), 1300), tables)
    assert len(format_state(state)) <= 2048
    assert len(format_state(merge_states(state, state))) <= 2048


def test_states_of_two_servers_merge_whichever_comes_first(tables: Tables) -> None:
    rng = np.random.default_rng(8)
    one, _ = run(harvester(rng, 40), tables)
    other, _ = run(listener(rng, 40), tables)
    joined = merge_states(one, other)
    assert joined == merge_states(other, one)
    assert joined.totals.media == one.totals.media + other.totals.media
    assert max(joined.sums) == max(*one.sums, *other.sums)
    assert merge_states(one, State()).sums == one.sums


def test_what_was_reckoned_by_other_tables_begins_anew_and_what_was_heard_stays(
    tables: Tables,
) -> None:
    others = msgspec.structs.replace(
        tables, version="another", alternatives=tables.alternatives[:1],
        harvesters=tuple(stage[:1] for stage in tables.harvesters),
        levels=tuple((row[0], row[-1]) for row in tables.levels),
    )  # fmt: skip
    asked = harvester(np.random.default_rng(11), 60)
    before, told = run(part(asked, slice(40)), tables)
    assert max(told[-1].sums) > 4.0
    after, later = run(part(asked, slice(40, None)), others, before)
    assert later[0].model_version == "another"
    assert len(after.sums) == 1
    assert after.totals.media == 60
    assert max(later[0].sums) <= 4.0
    again, _ = run(part(asked, slice(1)), others, after)
    assert again.totals.symbols[0] == after.totals.symbols[0] + 1  # heard before
    merged = merge_states(before, after)
    assert merged == merge_states(after, before)
    assert (merged.sums, merged.learned) == (after.sums, others.mark)


def test_a_damaged_state_is_said_to_be_one() -> None:
    with pytest.raises(FormatError, match="learned anew"):
        parse_state(b"\x00nonsense")


def test_requests_for_metadata_and_retries_say_nothing_of_items(tables: Tables) -> None:
    state, _ = run(harvester(np.random.default_rng(9), 20), tables)
    for item in range(500):
        event = Event(t=2e9 + item, account="a", kind=Kind.METADATA, item=item, status=404)
        after, evidence = score(state, event, tables)
        assert (after.sums, evidence.symbol) == (state.sums, None)
        state = after
    assert (state.totals.metadata, state.totals.refused) == (500, 500)
    again = Event(t=state.last_t + 5, account="a", kind=Kind.MEDIA, item=state.last_item)
    after, evidence = score(state, again, tables)
    assert (after.totals.media, evidence.symbol) == (20, None)


def test_one_endless_box_of_records_is_no_evidence(tables: Tables) -> None:
    box = Requests(
        np.arange(400), np.arange(400) * 200.0, np.zeros(400, int), np.zeros(400, int),
        np.full(400, 7),
    )  # fmt: skip
    _, found = run(box, tables)
    assert max(max(e.sums) for e in found) <= 4.0


def test_harvesters_are_told_and_listeners_are_not(tables: Tables) -> None:
    rng = np.random.default_rng(10)
    symbols = symbols_of([harvester(rng) for _ in range(20)] + [listener(rng) for _ in range(50)])
    when = follow_many(symbols, tables, np.array(tables.levels)).when[:, 2]
    assert 0 < when[:20].min() <= when[:20].max() < 60
    assert (when[20:] > 0).sum() <= 1


def test_the_same_people_and_seed_give_the_same_tables(tables: Tables) -> None:
    assert digest_tables(learn(1, 12)) == digest_tables(learn(1, 12))
    assert digest_tables(learn(2, 12)) != digest_tables(tables)


def test_tables_are_read_as_written_and_damaged_ones_refused(tables: Tables, tmp_path) -> None:
    path = tmp_path / "tables.json"
    path.write_bytes(format_tables(tables))
    assert read_tables(path) == tables
    path.write_bytes(format_tables(tables).replace(b'"weights": [', b'"weights": [0.5,', 1))
    with pytest.raises(FormatError, match="learn them anew"):
        read_tables(path)


def test_the_shipped_tables_name_what_they_were_learned_from() -> None:
    shipped = read_shipped_tables()
    assert shipped.learned.data
    assert len(shipped.learned.digest) == 64
    assert min(shipped.learned.accounts_fitted, shipped.learned.accounts_for_levels) >= 500
    low, high = shipped.levels[1], shipped.levels[2]
    assert all(a <= b for a, b in zip(low, high, strict=True))


def test_shipped_tables_are_those_for_a_catalogue_of_this_size() -> None:
    sizes = {None: 10**6, 10**8: 10**6, 200_000: 10**6, 199_999: 50_000, 50_000: 50_000,
             49_999: 10_000, 10_000: 10_000, 3: LEAST_ITEMS}  # fmt: skip
    found = {items: read_shipped_tables(items).learned.catalogue_items for items in sizes}
    assert found == sizes
    assert len({read_shipped_tables(size).mark for size in SHIPPED}) == len(SHIPPED)


def test_canaries_are_numbers_that_no_catalogue_counts_to() -> None:
    some = canary_numbers(b"secret", 100)
    assert len(some) == 100
    assert all(2**39 <= number < 2**40 for number in some)
    assert some == canary_numbers(b"secret", 100)
    assert not some & canary_numbers(b"another", 100)


@given(rank=st.integers(0, 10**6 - 1), size=st.sampled_from([10, 999, SIZE, 10**6]))
@settings(max_examples=50)
def test_one_rank_falls_into_the_bucket_that_many_do(rank: int, size: int) -> None:
    rank %= size
    assert rank_bucket(rank, size) == rank_buckets(np.array([rank]), bucket_edges(size))[0]


def test_every_symbol_has_words() -> None:
    assert len({describe_symbol(number) for number in range(SYMBOLS)}) == SYMBOLS


def test_who_plays_the_list_of_what_was_played_most_is_told_from_who_goes_past_its_end() -> None:
    top = requests(SIZE - 1 - np.arange(130))
    shown = symbols_of([top])[0].tolist()
    assert {describe_symbol(n) for n in shown[1:100]} == {
        "new, next on the list of what was played most"
    }
    assert {describe_symbol(n) for n in shown[100:]} == {
        "new, next by rank beyond what a list shows"
    }


def test_without_ranks_nobody_is_told_for_going_down_them() -> None:
    shipped = read_shipped_tables()
    places = [shipped.alternatives.index(name) for name in ("s3", "s3x")]
    low, high = np.array(shipped.levels), np.array(shipped.unranked.levels)
    others = [n for n in range(low.shape[1]) if n not in places]
    assert (high[:, places] > 1e6).all()
    assert (high[:, others] == low[:, others]).all()
