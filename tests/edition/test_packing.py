"""Packing covers every file once, respects every limit, and never looks at a file in Python."""

from time import monotonic

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.edition import choose_piece_length, plan_volumes
from phonotheque.edition.packing import padding_bytes
from phonotheque.model.errors import UsageError

files = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 100)), max_size=60).map(
    lambda rows: sorted(rows, key=lambda row: row[0])
)


@given(files, st.integers(1, 250), st.integers(1, 12))
def test_every_file_is_in_one_volume_and_every_limit_holds(
    rows: list[tuple[int, int]], max_bytes: int, max_files: int
) -> None:
    tiers, sizes = [r[0] for r in rows], [r[1] for r in rows]
    packed = plan_volumes(tiers, sizes, max_bytes=max_bytes, max_files=max_files)
    assert len(packed.volume_of_row()) == len(rows)
    assert packed.starts[0] == 0 and packed.starts[-1] == len(rows)
    for index, tier in enumerate(packed.tiers):
        begin, end = packed.starts[index], packed.starts[index + 1]
        assert begin < end
        assert set(tiers[begin:end]) == {tier}
        assert end - begin <= max_files
        assert sum(sizes[begin:end]) <= max_bytes or end - begin == 1


@given(files.filter(bool), st.integers(1, 250), st.integers(1, 12))
def test_a_volume_ends_only_where_the_next_file_does_not_fit(
    rows: list[tuple[int, int]], max_bytes: int, max_files: int
) -> None:
    tiers, sizes = [r[0] for r in rows], [r[1] for r in rows]
    packed = plan_volumes(tiers, sizes, max_bytes=max_bytes, max_files=max_files)
    for begin, end in zip(packed.starts[:-2], packed.starts[1:-1], strict=True):
        full = end - begin == max_files or sum(sizes[begin : end + 1]) > max_bytes
        assert full or tiers[end] != tiers[begin]


def test_two_million_files_are_packed_within_a_second() -> None:
    sizes = np.random.default_rng(1).integers(1_000_000, 8_000_000, 2_000_000)
    tiers = np.repeat([1, 2, 3, 4], 500_000)
    begin = monotonic()
    packed = plan_volumes(tiers, sizes, max_bytes=100_000_000_000, max_files=30_000)
    assert monotonic() - begin < 1
    assert 80 < len(packed) < 200


def test_tiers_that_fall_are_refused() -> None:
    with pytest.raises(UsageError, match="order"):
        plan_volumes([2, 1], [1, 1], max_bytes=10, max_files=10)


def test_ordinary_tracks_get_pieces_of_half_a_mebibyte() -> None:
    sizes = np.random.default_rng(2).lognormal(np.log(3_000_000), 0.55, 30_000).astype(np.int64)
    assert choose_piece_length(sizes) == 512 << 10
    assert padding_bytes(sizes, 512 << 10) / sizes.sum() < 0.09


@given(st.lists(st.integers(0, 10**9), max_size=30))
def test_a_piece_length_is_a_power_of_two_within_bounds(sizes: list[int]) -> None:
    length = choose_piece_length(sizes)
    assert length & (length - 1) == 0
    assert 16_384 <= length <= 16 << 20
