"""Hash → numbers, where a stranger among them does no harm: five bytes an entry.

The upper bits of a hash of 32 are a place of a directory, the next eight are kept (*rest*). So many
bits lead to a place that 8 to 16 entries share one, 24 at most.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np

from phonotheque.storage.arrays import Array, load_array, number_type, write_array
from phonotheque.storage.growing import GrowingArray

REST_BITS = 8
HASH_BITS = 32
_ENTRIES_A_PLACE = 8
_MOST_PLACE_BITS = HASH_BITS - REST_BITS
_LOWER = np.uint64(32)


def place_bits(entries: int) -> int:
    """How many bits of a hash lead to a place."""
    return min(max((entries // _ENTRIES_A_PLACE).bit_length(), 1), _MOST_PLACE_BITS)


def write_shortlists(folder: Path, name: str, parts: Iterable[Array], entries: int) -> None:
    """Write ``<name>_places``, ``<name>_rests`` and ``<name>_numbers`` of keys u64, each the hash
    in the upper half and the number in the lower.

    Parts are of the ranges that `iter_bounds` gives for the same `entries`, in order.
    """
    bits = place_bits(entries)
    counts = np.zeros(1 << bits, np.uint32)
    shift = np.uint64(HASH_BITS - bits - REST_BITS)
    with ExitStack() as files:
        rests = files.enter_context(GrowingArray(folder / f"{name}_rests.npy", np.uint8))
        numbers = files.enter_context(GrowingArray(folder / f"{name}_numbers.npy", np.uint32))
        for keys in parts:
            kept = (keys >> _LOWER) >> shift
            ordered = (kept << _LOWER) | (keys & np.uint64(0xFFFFFFFF))
            ordered.sort()
            kept = ordered >> _LOWER
            rests.append((kept & np.uint64(0xFF)).astype(np.uint8))
            numbers.append(ordered.astype(np.uint32))
            places, here = np.unique(kept >> np.uint64(REST_BITS), return_counts=True)
            counts[places] += here.astype(np.uint32)
    ends = np.zeros(len(counts) + 1, np.uint64)
    np.cumsum(counts, out=ends[1:])
    write_array(folder / f"{name}_places.npy", ends.astype(number_type(int(ends[-1]))))


def iter_bounds(entries: int, entries_a_part: int) -> Iterator[tuple[int, int]]:
    """Ranges of hashes (first ≤ h < last), each of about `entries_a_part` entries, or fewer."""
    bits = place_bits(entries)
    count = min(max(-(-entries // max(entries_a_part, 1)), 1), 1 << bits)
    edges = [(i << bits) // count << (HASH_BITS - bits) for i in range(count + 1)]
    yield from pairwise(edges)


class Shortlists:
    """What `write_shortlists` wrote, mapped."""

    def __init__(self, folder: Path, name: str) -> None:
        self._places = load_array(folder / f"{name}_places.npy")
        self._rests = load_array(folder / f"{name}_rests.npy")
        self._numbers = load_array(folder / f"{name}_numbers.npy")
        self._bits = (len(self._places) - 1).bit_length() - 1

    def find(self, value: int, limit: int) -> Array:
        """The first `limit` numbers under a hash, rising; a stranger may be among them."""
        place = value >> (HASH_BITS - self._bits)
        begin, end = int(self._places[place]), int(self._places[place + 1])
        rests = self._rests[begin:end].tobytes()  # two dozen: too few to bisect with NumPy
        rest = (value >> (HASH_BITS - self._bits - REST_BITS)) & 0xFF
        low, high = bisect_left(rests, rest), bisect_right(rests, rest)
        return self._numbers[begin + low : begin + min(high, low + limit)]

    def find_many(self, values: Array, limit: int) -> Array:
        """The numbers under several hashes, `limit` of each at most."""
        found = [self.find(value, limit) for value in values.tolist()]
        return np.concatenate(found) if found else np.zeros(0, np.uint32)
