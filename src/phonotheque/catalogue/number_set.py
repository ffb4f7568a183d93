"""A set of permanent numbers as bits: 186 million recordings are 23 MB."""

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]


class NumberSet:
    """Whole numbers from 0 to `limit` - 1, one bit each; what lies outside is never in it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bits = np.zeros(limit // 8 + 1, np.uint8)

    def add(self, numbers: I64) -> int:
        """Take `numbers` (n,) in; how many of them were outside, in it already, or twice."""
        fresh = np.unique(numbers[~self.contains(numbers) & self._inside(numbers)])
        np.bitwise_or.at(self._bits, fresh >> 3, np.left_shift(1, fresh & 7).astype(np.uint8))
        return len(numbers) - len(fresh)

    def contains(self, numbers: I64) -> npt.NDArray[np.bool_]:
        """Which of `numbers` (n,) are in it; shape (n,)."""
        inside = self._inside(numbers)
        at = np.where(inside, numbers, 0)
        bits = (self._bits[at >> 3] >> (at & 7).astype(np.uint8)) & 1
        return np.asarray(inside & bits.astype(np.bool_))

    def __len__(self) -> int:
        return int(np.bitwise_count(self._bits).sum(dtype=np.int64))

    def _inside(self, numbers: I64) -> npt.NDArray[np.bool_]:
        return (numbers >= 0) & (numbers < self._limit)
