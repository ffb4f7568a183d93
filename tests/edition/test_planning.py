"""Planning covers every file once, respects every limit, and lets little wait, and not for long."""

from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from phonotheque.edition import (
    FilesToPack,
    PackingLimits,
    VolumesPlan,
    estimate_metainfo,
    order_files,
    plan_volumes,
)
from phonotheque.model.errors import UsageError


class File(NamedTuple):
    """One row."""

    tier: int
    size: int
    name: int = 60
    listens: int = 0
    kept_back: int = 0


ROWS = st.lists(
    st.builds(
        File,
        st.integers(1, 4),
        st.one_of(st.integers(0, 100), st.integers(0, 3_000_000)),
        st.integers(0, 400),
        st.integers(0, 1000),
        st.integers(0, 4),
    ),
    max_size=60,
).map(lambda rows: sorted(rows, key=lambda row: row.tier))
LIMITS = st.builds(
    PackingLimits,
    st.one_of(st.integers(1, 400), st.integers(1, 9_000_000)),
    st.integers(1, 12),
    st.one_of(st.just(0), st.integers(1, 16_000)),
)
HELD = st.builds(
    replace,
    LIMITS,
    min_fill_percent=st.floats(0, 100),
    hold_editions=st.integers(0, 4),
)


def columns(rows: list[File]) -> FilesToPack:
    """The columns of `rows`."""
    tier, size, name, listens, kept = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    return FilesToPack(
        tier.astype(np.int8), size, name.astype(np.int16), listens, kept.astype(np.int16)
    )


def plan(rows: list[File], limits: PackingLimits) -> VolumesPlan:
    """The plan of `rows`."""
    return plan_volumes(columns(rows), limits)


def lots(rows: list[File], found: VolumesPlan) -> list[list[File]]:
    """The rows of each lot."""
    return [rows[begin:end] for begin, end in pairwise(found.begins.tolist())]


def metainfo(rows: list[File]) -> int:
    """The estimate for a volume of `rows`."""
    held = columns(rows)
    return int(estimate_metainfo(held.sizes_bytes, held.name_bytes)[-1])


def fits(rows: list[File], limits: PackingLimits) -> bool:
    """Whether no limit speaks against a volume of `rows`."""
    return (
        len(rows) <= limits.max_files
        and sum(r.size for r in rows) <= limits.max_bytes
        and (not limits.max_metainfo_bytes or metainfo(rows) <= limits.max_metainfo_bytes)
    )


@given(ROWS, HELD)
@example([], PackingLimits(1, 1))
def test_every_file_is_in_one_lot_and_every_limit_holds(
    rows: list[File], limits: PackingLimits
) -> None:
    found = plan(rows, limits)
    assert [row for lot in lots(rows, found) for row in lot] == rows
    for index, lot in enumerate(lots(rows, found)):
        assert lot and {row.tier for row in lot} == {found.tiers[index]}
        assert fits(lot, limits) or len(lot) == 1
        assert found.files[index] == len(lot)
        assert found.bytes[index] == sum(row.size for row in lot)
        assert found.listens[index] == sum(row.listens for row in lot)
        assert found.metainfo_bytes[index] == metainfo(lot)


@given(ROWS, LIMITS)
def test_a_volume_ends_only_with_its_tier_or_where_the_next_file_does_not_fit(
    rows: list[File], limits: PackingLimits
) -> None:
    for lot, after in pairwise(lots(rows, plan(rows, limits))):
        assert lot[0].tier != after[0].tier or not fits([*lot, after[0]], limits)


@given(ROWS, LIMITS)
def test_nothing_waits_unless_it_is_asked_for(rows: list[File], limits: PackingLimits) -> None:
    assert not plan(rows, limits).waits.any()


@given(ROWS, HELD)
def test_what_waits_is_the_end_of_a_tier_not_full_enough_and_not_old(
    rows: list[File], limits: PackingLimits
) -> None:
    found = plan(rows, limits)
    listed = lots(rows, found)
    ends = [a[0].tier != b[0].tier for a, b in pairwise(listed)] + [True] * bool(listed)
    for lot, waits, fill, end in zip(listed, found.waits, found.fill, ends, strict=True):
        small = end and fill * 100 < limits.min_fill_percent
        assert waits == (small and max(r.kept_back for r in lot) < limits.hold_editions)
    assert sum(found.waits) <= len({row.tier for row in rows})


@given(ROWS, HELD)
def test_waiting_moves_no_other_file(rows: list[File], limits: PackingLimits) -> None:
    held, none = plan(rows, limits), plan(rows, replace(limits, min_fill_percent=0.0))
    assert held.begins.tolist() == none.begins.tolist()


@given(ROWS, HELD, st.randoms(use_true_random=False))
def test_the_order_that_files_come_in_changes_nothing(
    rows: list[File], limits: PackingLimits, random: object
) -> None:
    ranked = [(row, number // 2, number) for number, row in enumerate(rows)]
    shuffled = list(ranked)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    order = (
        order_files(*zip(*[(r.tier, k, n) for r, k, n in shuffled], strict=True)) if rows else []
    )
    again = [shuffled[i] for i in order]
    assert again == ranked
    sorted_rows = [row for row, _, _ in again]
    for ours, theirs in zip(
        _lists(plan(sorted_rows, limits)), _lists(plan(rows, limits)), strict=True
    ):
        assert ours == theirs


def _lists(found: VolumesPlan) -> list[list[float]]:
    columns = (
        found.begins,
        found.tiers,
        found.bytes,
        found.metainfo_bytes,
        found.fill,
        found.waits,
    )
    return [column.tolist() for column in columns]


@given(st.lists(st.lists(st.integers(0, 100), max_size=9), min_size=1, max_size=9), HELD)
def test_no_file_is_kept_back_for_longer_than_allowed(
    months: list[list[int]], limits: PackingLimits
) -> None:
    waiting: list[File] = []
    for new in months:
        rows = [File(1, size) for size in new]
        rows = sorted([*rows, *waiting], key=lambda row: row.size)
        found = plan(rows, limits)
        waiting = [
            row._replace(kept_back=row.kept_back + 1)
            for lot, waits in zip(lots(rows, found), found.waits, strict=True)
            if waits
            for row in lot
        ]
        assert all(row.kept_back <= limits.hold_editions for row in waiting)


@given(ROWS.filter(bool), LIMITS)
def test_a_smaller_limit_of_metainfo_never_gives_fewer_volumes(
    rows: list[File], limits: PackingLimits
) -> None:
    assume(limits.max_metainfo_bytes)
    unbound = plan(rows, replace(limits, max_metainfo_bytes=0))
    assert len(plan(rows, limits)) >= len(unbound)


def test_ordinary_tracks_fill_torrents_before_they_fill_volumes() -> None:
    rng = np.random.default_rng(5)
    count = 60_000
    files = FilesToPack(
        np.ones(count, np.int8),
        rng.lognormal(np.log(3_000_000), 0.55, count).astype(np.int64),
        np.full(count, 110, np.int16),
        np.zeros(count, np.int64),
        np.zeros(count, np.int16),
    )
    bound = plan_volumes(files, PackingLimits(10**11, 30_000, 8_000_000))
    free = plan_volumes(files, PackingLimits(10**11, 30_000))
    assert len(bound) > len(free)
    assert bound.metainfo_bytes.max() <= 8_000_000 < free.metainfo_bytes.max()
    assert bound.fill[:-1].min() > 0.999


@pytest.mark.parametrize("limits", [(0, 1, 1), (1, 0, 1), (1, 1, -1)])
def test_limits_that_are_none_are_refused(limits: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        plan([File(1, 1)], PackingLimits(*limits))


def test_tiers_that_fall_are_refused() -> None:
    with pytest.raises(UsageError, match="order"):
        plan([File(2, 1), File(1, 1)], PackingLimits(10, 10))


def test_columns_of_different_lengths_are_refused() -> None:
    short = replace(columns([File(1, 1), File(1, 1)]), listens=np.zeros(1, np.int64))
    with pytest.raises(UsageError, match="lengths"):
        plan_volumes(short, PackingLimits(10, 10))
