"""Which documents can be heard (there is a file), and their ranks among each other."""

from functools import cached_property
from pathlib import Path

import numpy as np

from phonotheque.storage.arrays import U64, load_array

_CHUNK = 512  # bytes: 4,096 documents


class Heard:
    """Documents with a file. What is counted is counted once, at first need: a read of a bit for
    each document (23 MB at 186 million), and a number for each 4,096 kept."""

    def __init__(self, folder: Path) -> None:
        self._bits = load_array(folder / "has_file.npy")

    @cached_property
    def _before(self) -> U64:
        """By chunk: how many come before it; at last, how many there are."""
        starts = np.arange(0, len(self._bits), _CHUNK)
        counts = [int(np.bitwise_count(self._bits[s : s + _CHUNK]).sum()) for s in starts]
        return np.concatenate([[0], np.cumsum(counts, dtype=np.uint64)]).astype(np.uint64)

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self._before[-1])

    def rank(self, document: int) -> int | None:
        """How many with a file stand before `document`; None where it has none itself."""
        byte, bit = divmod(document, 8)
        if byte >= len(self._bits) or not int(self._bits[byte]) >> bit & 1:
            return None
        chunk = byte // _CHUNK
        within = self._bits[chunk * _CHUNK : byte]
        rest = int(self._bits[byte]) & ((1 << bit) - 1)
        return int(self._before[chunk]) + int(np.bitwise_count(within).sum()) + rest.bit_count()
