"""Ranks without sorting: listens are counted by value, then rows are placed as they stream by.

Recordings share their numbers of listens: a total of T listens has at most √(2·T) different
values (1 + 2 + … + d ≤ T), 3.2 million for the five trillion listens of a year. So the rank of a
row is known from how many rows have more listens, and from how many with as many came before it:
two passes in number order, and memory for the different values only (24 bytes each).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.errors import InputError, PhonothequeError
from phonotheque.model.tables import STANDING

I64 = npt.NDArray[np.int64]
_HELD_ROWS = 1 << 20
_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many rows have which number of listens: `values` (D,) rising, `rows` (D,), both int64."""

    values: I64
    rows: I64

    @classmethod
    def from_counts(cls, pieces: Iterable[tuple[I64, I64]]) -> Self:
        """The sum of (values, rows) pairs, each of any order; values may stand in several.

        Raises:
            InputError: the listens add up to more than fits into 64 bits.
        """
        values, rows = np.empty(0, np.int64), np.empty(0, np.int64)
        held: list[tuple[I64, I64]] = []
        for piece in pieces:
            held.append(piece)
            if sum(len(each[0]) for each in held) >= max(_HELD_ROWS, len(values)):
                values, rows = _summed([(values, rows), *held])
                held = []
        values, rows = _summed([(values, rows), *held])
        _check_total(values, rows)
        return cls(values, rows)

    @property
    def total_rows(self) -> int:
        """Rows of all values."""
        return int(self.rows.sum())

    @property
    def total_listens(self) -> int:
        """Listens of all rows."""
        return int((self.values * self.rows).sum())


def count_listens(batches: Iterable[pa.RecordBatch]) -> Histogram:
    """The histogram of the column `listens` of `batches` (int64, without nulls, any order)."""
    return Histogram.from_counts(
        np.unique(_int64(batch, "listens"), return_counts=True) for batch in batches
    )


def iter_standing(
    batches: Iterable[pa.RecordBatch], histogram: Histogram, cuts_percent: Sequence[float]
) -> Iterator[pa.RecordBatch]:
    """`tables.STANDING` of rows with `number`, `listens`, `listeners`, rising by number.

    `histogram` counts just these rows; `cuts_percent` rises to 100.

    Raises:
        PhonothequeError: the rows are not those that were counted, or not in order.
    """
    counter = RankCounter(histogram)
    limits = np.array([float(cut) * histogram.total_listens for cut in cuts_percent])
    last = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        numbers, listens = _int64(batch, "number"), _int64(batch, "listens")
        if numbers[0] <= last or np.any(numbers[1:] <= numbers[:-1]):
            raise PhonothequeError("recordings came out of order; run the build again")
        last = int(numbers[-1])
        rank, before = counter.place(listens)
        columns = {
            "number": numbers,
            "listens": listens,
            "listeners": batch.column("listeners"),
            "rank": rank,
            "tier": tiers(listens, before, limits),
        }
        yield pa.RecordBatch.from_pydict(columns, schema=STANDING)
    counter.check_complete()


class RankCounter:
    """Gives rows their places while they pass in number order."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        listens = histogram.values * histogram.rows
        self._rank = _above(histogram.rows) + 1  # of the next row with this value
        self._before = _above(listens)  # listens of all rows before that one
        self._end = _above(histogram.rows) + histogram.rows + 1

    def place(self, listens: I64) -> tuple[I64, I64]:
        """Rank from 1, and the listens of all rows of smaller rank, of the next rows; both (n,).

        Raises:
            PhonothequeError: a value that was not counted, or more rows of it than were.
        """
        order, starts = _grouped(listens)
        sorted_listens = listens[order]
        values = sorted_listens[starts]
        sizes = np.diff(np.append(starts, len(listens)))
        at = np.searchsorted(self._histogram.values, values)
        self._check_known(values, at)
        nth = np.arange(len(listens)) - np.repeat(starts, sizes)
        rank, before = np.empty_like(listens), np.empty_like(listens)
        rank[order] = np.repeat(self._rank[at], sizes) + nth
        before[order] = np.repeat(self._before[at], sizes) + sorted_listens * nth
        self._rank[at] += sizes
        self._before[at] += sizes * values
        if np.any(self._rank[at] > self._end[at]):
            raise PhonothequeError("more recordings than were counted; run the build again")
        return rank, before

    def check_complete(self) -> None:
        """Raise `PhonothequeError` unless every row that was counted has its place."""
        if np.any(self._rank != self._end):
            raise PhonothequeError("fewer recordings than were counted; run the build again")

    def _check_known(self, values: I64, at: npt.NDArray[np.intp]) -> None:
        known = self._histogram.values
        if np.any(at >= len(known)) or np.any(known[at] != values):
            raise PhonothequeError("listens that were not counted; run the build again")


def tiers(listens: I64, before: I64, limits: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """The first tier i with 100·before < limits[i], limits being cut · total; shape (n,).

    Computed in IEEE double precision, as docs/formats/standing.md says. No listens: the last tier.
    """
    found = np.searchsorted(limits, before.astype(np.float64) * 100.0, side="right") + 1
    found = np.minimum(found, len(limits))
    return np.where(listens > 0, found, len(limits)).astype(np.int8)


def _grouped(listens: I64) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """(order, starts): rows by value, equal ones in their order; where each value begins."""
    order = np.argsort(listens, kind="stable")
    by_value = listens[order]
    return order, np.flatnonzero(np.append(True, by_value[1:] != by_value[:-1]))


def _above(amounts: I64) -> I64:
    """For each value the sum of the amounts of all greater values."""
    return np.append(np.cumsum(amounts[::-1])[::-1][1:], 0)[: len(amounts)].astype(np.int64)


def _summed(pieces: Sequence[tuple[I64, I64]]) -> tuple[I64, I64]:
    values, at = np.unique(np.concatenate([v for v, _ in pieces]), return_inverse=True)
    rows = np.zeros(len(values), np.int64)
    np.add.at(rows, at, np.concatenate([r for _, r in pieces]))
    return values, rows


def _check_total(values: I64, rows: I64) -> None:
    if float(values.astype(np.float64) @ rows.astype(np.float64)) >= _MAX:
        raise InputError(
            "the listens add up to more than 64 bits hold; correct the counts at their source"
        )


def _int64(batch: pa.RecordBatch, name: str) -> I64:
    column = batch.column(name)
    if column.null_count:
        raise PhonothequeError(f"the column {name} has nulls; run the build again")
    return np.asarray(pc.cast(column, pa.int64()).to_numpy(zero_copy_only=False))
