"""Whether an account had this before: two generations of a Bloom filter, in little memory.

When the newer half has taken in its number of things it becomes the older one and that is
forgotten; what is met again moves into the newer half. So an account is known for one to two
times `HOLDS` things, those it met last, and false "before" stays near 3 %.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_MASK: Final = (1 << 64) - 1
_MULTIPLY_1: Final = 0xBF58476D1CE4E5B9
_MULTIPLY_2: Final = 0x94D049BB133111EB


class Shape(NamedTuple):
    """Size of one generation. `salt` keeps the filters of one account apart."""

    bits: int
    hashes: int
    holds: int
    salt: int


ITEMS: Final = Shape(4608, 4, 576, 0x9E3779B97F4A7C15)
ARTISTS: Final = Shape(1280, 3, 200, 0xD1B54A32D192ED03)


class Memory(NamedTuple):
    """Both generations as bit masks, and how many things the newer one took in."""

    newer: int = 0
    older: int = 0
    taken: int = 0


def mask_of(key: int, shape: Shape) -> int:
    """The bits of one thing."""
    x = (key + shape.salt) & _MASK
    x = ((x ^ (x >> 30)) * _MULTIPLY_1) & _MASK
    x = ((x ^ (x >> 27)) * _MULTIPLY_2) & _MASK
    x ^= x >> 31
    bits, mask, at, step = shape.bits, 0, x & 0xFFFFFFFF, (x >> 32) | 1
    for _ in range(shape.hashes):
        mask |= 1 << at % bits
        at += step
    return mask


def meet(memory: Memory, key: int, shape: Shape) -> tuple[bool, Memory]:
    """Whether `key` was met before, and the memory with it."""
    newer, older, count = memory
    mask = mask_of(key, shape)
    if newer & mask == mask:
        return True, memory
    before = older & mask == mask
    if count + 1 >= shape.holds:
        return before, Memory(0, newer | mask, 0)
    return before, Memory(newer | mask, older, count + 1)


def join(one: Memory, other: Memory) -> Memory:
    """The memory of two servers that saw parts of one account's requests. Counts add up, so the
    joined one forgets no later than either."""
    return Memory(one.newer | other.newer, one.older | other.older, one.taken + other.taken)


class Memories:
    """`meet` for many accounts at once; rows are accounts. The answers are those of `meet`."""

    def __init__(self, accounts: int, shape: Shape) -> None:
        self.shape = shape
        self.newer = np.zeros((accounts, shape.bits), np.bool_)
        self.older = np.zeros((accounts, shape.bits), np.bool_)
        self.count = np.zeros(accounts, np.int64)

    def meet(self, rows: NDArray[np.int64], keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each of `rows` (distinct) met its key before; all take theirs in."""
        places = places_of(keys, self.shape)
        across = rows[:, None]
        in_newer = self.newer[across, places].all(axis=1)
        before = in_newer | self.older[across, places].all(axis=1)
        new = ~in_newer
        self.newer[across[new], places[new]] = True
        self.count[rows[new]] += 1
        full = rows[self.count[rows] >= self.shape.holds]
        if len(full):
            self.older[full] = self.newer[full]
            self.newer[full] = False
            self.count[full] = 0
        return np.asarray(before)


def places_of(keys: NDArray[np.int64], shape: Shape) -> NDArray[np.int64]:
    """The bits of each key (keys x hashes), as in `mask_of`."""
    x = keys.astype(np.uint64) + np.uint64(shape.salt)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_MULTIPLY_1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_MULTIPLY_2)
    x ^= x >> np.uint64(31)
    at, step = x & np.uint64(0xFFFFFFFF), (x >> np.uint64(32)) | np.uint64(1)
    hashes = np.arange(shape.hashes, dtype=np.uint64)
    return ((at[:, None] + step[:, None] * hashes) % np.uint64(shape.bits)).astype(np.int64)
