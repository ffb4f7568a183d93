"""Ranks by counting are the ranks by sorting."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.catalogue.ranking import (
    Histogram,
    RankCounter,
    count_listens,
    iter_standing,
)
from phonotheque.model.errors import InputError, PhonothequeError

SCHEMA = pa.schema([("number", pa.int64()), ("listens", pa.int64()), ("listeners", pa.int64())])
LISTENS = st.lists(
    st.one_of(st.sampled_from([0, 0, 1, 2, 50, 1000, 10**12]), st.integers(0, 10**6)),
    max_size=40,
)
CUTS = st.sampled_from([[100.0], [50.0, 80.0, 100.0], [50.0, 80.0, 95.0, 99.0, 99.6, 100.0]])


def batches(listens: list[int], size: int = 7) -> Iterator[pa.RecordBatch]:
    """Rows numbered 3, 6, 9 … with these listens, a few to a batch."""
    for at in range(0, len(listens), size):
        part = listens[at : at + size]
        numbers = [3 * n for n in range(at + 1, at + len(part) + 1)]
        yield pa.RecordBatch.from_pydict(
            {"number": numbers, "listens": part, "listeners": [None] * len(part)}, SCHEMA
        )


def expected(listens: list[int], cuts: list[float]) -> list[tuple[int, int, int]]:
    """(rank, listens before, tier) by the rule of docs/formats/standing.md, the slow way."""
    order = sorted(range(len(listens)), key=lambda i: (-listens[i], i))
    total, before, out = sum(listens), 0, {}
    for rank, i in enumerate(order, 1):
        tier = len(cuts)
        if listens[i]:
            tier = next(t for t, cut in enumerate(cuts, 1) if before * 100.0 < cut * total)
        out[i] = (rank, before, tier)
        before += listens[i]
    return [out[i] for i in range(len(listens))]


@given(LISTENS, CUTS, st.integers(1, 41))
def test_ranks_and_tiers_by_counting_are_those_by_sorting(
    listens: list[int], cuts: list[float], size: int
) -> None:
    made = iter_standing(batches(listens, size), count_listens(batches(listens, 5)), cuts)
    rows = [r for b in made for r in b.to_pylist()]
    assert [(r["rank"], r["tier"]) for r in rows] == [(r, t) for r, _, t in expected(listens, cuts)]
    assert [r["listens"] for r in rows] == listens


@given(LISTENS, st.integers(1, 41))
def test_the_listens_before_are_those_of_all_smaller_ranks(listens: list[int], size: int) -> None:
    counter = RankCounter(count_listens(batches(listens)))
    placed = [counter.place(b.column("listens").to_numpy()) for b in batches(listens, size)]
    found = [(int(r), int(b)) for rank, before in placed for r, b in zip(rank, before, strict=True)]
    assert found == [(r, b) for r, b, _ in expected(listens, [100.0])]


def test_a_histogram_adds_up_pieces_of_any_size() -> None:
    pieces = [(np.array([v % 5, 7 + v]), np.array([1, 2])) for v in range(1000)]
    made = Histogram.from_counts(pieces)
    assert (made.total_rows, int(made.rows[0])) == (3000, 200)
    assert made.total_listens == sum(v % 5 + 2 * (7 + v) for v in range(1000))


@pytest.mark.parametrize("counted", [[1, 2], [1, 2, 3], [1, 2, 2, 9], [1, 1, 2]])
def test_rows_that_are_not_those_counted_are_refused(counted: list[int]) -> None:
    histogram = count_listens(batches(counted))
    with pytest.raises(PhonothequeError, match="counted"):
        list(iter_standing(batches([1, 2, 2]), histogram, [100.0]))


def test_rows_out_of_order_are_refused() -> None:
    given_rows = list(batches([1] * 14))
    histogram = count_listens(given_rows)
    with pytest.raises(PhonothequeError, match="out of order"):
        list(iter_standing(given_rows[::-1], histogram, [100.0]))


def test_listens_beyond_64_bits_are_refused_rather_than_wrapped() -> None:
    with pytest.raises(InputError, match="64 bits"):
        count_listens(batches([2**62, 2**62]))
