"""Identifiers to numbers: sorted packed keys, found by a directory and a short bisection.

A key has an upper part, which a directory leads from, and a lower part of 32 bits, which is kept:

- ISRC: the first five characters as digits of base 36 (0–9 before A–Z), times ten million, plus
  the last seven as a decimal number; so packed order is the order of the text. Exact.
- barcode: the number its digits are, leading zeros being nothing. Exact.
- anything else: the upper bits of a hash, the last eight bytes, little-endian, of the MD5 of the
  text (what DuckDB calls ``md5_number_lower``; it spreads, it protects nothing). As many bits more
  than 32 are kept as make 16 to 32 keys to a place of the directory: whatever the size, at most
  one unknown text in 134 million is taken for a known one.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from hashlib import md5
from pathlib import Path

import numpy as np
import pyarrow as pa

from phonotheque.storage.arrays import (
    I64,
    U64,
    Array,
    load_array,
    number_type,
    write_array,
)
from phonotheque.storage.growing import GrowingArray

REST_BITS = 32
_KEYS_A_PLACE = 16
_MOST_PLACES_BITS = 28
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WEIGHTS = np.array(
    [36**p * 10**7 for p in (4, 3, 2, 1, 0)] + [10**p for p in (6, 5, 4, 3, 2, 1, 0)], np.uint64
)


def pack_isrcs(codes: pa.Array | Sequence[str]) -> U64:
    """Normalised ISRCs (12 characters each, no nulls) as u64."""
    if isinstance(codes, (pa.Array, pa.ChunkedArray)):
        codes = codes.to_numpy(zero_copy_only=False)
    letters = np.asarray(codes, dtype="S12").view(np.uint8).reshape(len(codes), 12)
    values = np.where(letters >= 65, letters - 55, letters - 48).astype(np.uint64)
    packed: U64 = (values * _WEIGHTS).sum(axis=1, dtype=np.uint64)
    return packed


def pack_isrc(code: str) -> int:
    """One normalised ISRC as an integer."""
    head = 0
    for character in code[:5]:
        head = head * 36 + _DIGITS.index(character)
    return head * 10**7 + int(code[5:])


def text_hash(text: str) -> int:
    """The hash of 64 bits under which an MBID or ``<source>:<source_key>`` is filed."""
    digest = md5(text.encode(errors="replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little")


def text_hashes(texts: Sequence[str]) -> U64:
    """As `text_hash` for each of `texts`."""
    lower = b"".join(
        md5(text.encode(errors="replace"), usedforsecurity=False).digest()[8:] for text in texts
    )
    return np.frombuffer(lower, "<u8").astype(np.uint64)


def places_bits(keys: int) -> int:
    """How many bits of a hash a directory over so many keys takes (1 … 28)."""
    return min(max((keys // _KEYS_A_PLACE).bit_length() - 1, 1), _MOST_PLACES_BITS)


def write_exact_keys(
    folder: Path, name: str, batches: Iterator[tuple[U64, Array]], number: type
) -> None:
    """Write (key, number) pairs, sorted by key, as ``<name>_tops.npy`` (u4, the distinct upper
    parts), ``_starts`` (u8, one more), ``_rests`` (u4) and ``_numbers``."""
    tops = np.zeros(0, np.uint32)
    starts = np.zeros(0, np.uint64)
    total = 0
    with ExitStack() as files:
        rests = files.enter_context(GrowingArray(folder / f"{name}_rests.npy", np.uint32))
        numbers = files.enter_context(GrowingArray(folder / f"{name}_numbers.npy", number))
        for keys, owners in batches:
            high = (keys >> np.uint64(REST_BITS)).astype(np.uint32)
            first = np.flatnonzero(np.diff(high, prepend=np.uint32(0xFFFFFFFF)))
            if len(tops) and len(first) and high[0] == tops[-1]:
                first = first[1:]
            tops = np.concatenate([tops, high[first]])
            starts = np.concatenate([starts, (first + total).astype(np.uint64)])
            rests.append(keys.astype(np.uint32))
            numbers.append(owners)
            total += len(keys)
    write_array(folder / f"{name}_tops.npy", tops)
    write_array(folder / f"{name}_starts.npy", np.append(starts, np.uint64(total)))


def write_hashed_keys(
    folder: Path, name: str, batches: Iterator[tuple[U64, Array]], number: type, keys: int
) -> None:
    """Write (hash, number) pairs, `keys` of them, sorted by hash, as
    ``<name>_places.npy`` (u4, or u8 for very many: where each upper part begins, one more than
    2 to the bits of it), ``_rests`` (u4: the 32 bits that follow) and ``_numbers``."""
    bits = places_bits(keys)
    counts = np.zeros((1 << bits) + 1, number_type(keys))
    with ExitStack() as files:
        rests = files.enter_context(GrowingArray(folder / f"{name}_rests.npy", np.uint32))
        numbers = files.enter_context(GrowingArray(folder / f"{name}_numbers.npy", number))
        for hashes, owners in batches:
            kept = hashes >> np.uint64(REST_BITS - bits)
            found, width = np.unique(kept >> np.uint64(REST_BITS), return_counts=True)
            counts[found + np.uint64(1)] += width.astype(counts.dtype)
            rests.append(kept.astype(np.uint32))
            numbers.append(owners)
    np.cumsum(counts, out=counts)
    write_array(folder / f"{name}_places.npy", counts)


class KeyFile:
    """What is common to both: rests and numbers; where to look for a key is the heirs' to say.

    `meaning`: what is filed are places in this array, and what is found is what stands there.
    """

    def __init__(self, folder: Path, name: str, meaning: Array | None = None) -> None:
        self._rests = load_array(folder / f"{name}_rests.npy")
        self._numbers = load_array(folder / f"{name}_numbers.npy")
        self._meaning = meaning

    def find_many(self, keys: U64) -> list[tuple[int, ...]]:
        """All numbers filed under each of `keys`, rising, each once."""
        if len(keys) == 1:
            return [self.find(int(keys[0]))]
        order = np.argsort(keys, kind="stable")  # neighbours in the file one after the other
        sought = keys[order]
        low, end = self._span(sought)
        rest = self._rest(sought)
        low = _bisect(self._rests, rest, low, end)
        width = _bisect(self._rests, rest, low, end, after=True) - low
        out: list[tuple[int, ...]] = [()] * len(keys)
        single = np.flatnonzero(width == 1)
        found = self._meant(self._numbers[low[single]]).tolist()
        for at, number in zip(order[single].tolist(), found, strict=True):
            out[at] = (number,)
        for i in np.flatnonzero(width > 1).tolist():
            some = self._numbers[low[i] : low[i] + width[i]]
            out[order[i]] = _each_once(self._meant(some))
        return out

    def find(self, key: int) -> tuple[int, ...]:
        """As `find_many` of one."""
        return _each_once(self._meant(self.filed(key)))

    def filed(self, key: int) -> Array:
        """What is filed under `key`, as it is."""
        keys = np.array([key], np.uint64)
        low, end = (int(edge[0]) for edge in self._span(keys))
        part = self._rests[low:end]
        rest = self._rest(keys)[0]
        first = int(np.searchsorted(part, rest))
        last = int(np.searchsorted(part, rest, side="right"))
        numbers: Array = self._numbers[low + first : low + last]
        return numbers

    def _meant(self, filed: Array) -> Array:
        if self._meaning is None:
            return filed
        meant: Array = self._meaning[filed]
        return meant

    def _span(self, keys: U64) -> tuple[I64, I64]:
        raise NotImplementedError

    def _rest(self, keys: U64) -> Array:
        raise NotImplementedError


class ExactKeys(KeyFile):
    """Reads what `write_exact_keys` wrote."""

    def __init__(self, folder: Path, name: str, meaning: Array | None = None) -> None:
        super().__init__(folder, name, meaning)
        self._tops = load_array(folder / f"{name}_tops.npy")
        self._starts = load_array(folder / f"{name}_starts.npy").astype(np.int64)

    def _span(self, keys: U64) -> tuple[I64, I64]:
        top = keys >> np.uint64(REST_BITS)
        at = np.searchsorted(self._tops, top)
        here = np.minimum(at, max(len(self._tops) - 1, 0))
        known = (self._tops[here] == top) if len(self._tops) else np.zeros(len(keys), np.bool_)
        low = self._starts[at]
        return low, np.where(known, self._starts[np.minimum(at + 1, len(self._tops))], low)

    def _rest(self, keys: U64) -> Array:
        return keys.astype(np.uint32)


class HashedKeys(KeyFile):
    """Reads what `write_hashed_keys` wrote; keys are whole hashes."""

    def __init__(self, folder: Path, name: str, meaning: Array | None = None) -> None:
        super().__init__(folder, name, meaning)
        self._places = load_array(folder / f"{name}_places.npy")
        self._bits = (len(self._places) - 1).bit_length() - 1

    def _span(self, keys: U64) -> tuple[I64, I64]:
        place = keys >> np.uint64(64 - self._bits)
        return (
            self._places[place].astype(np.int64),
            self._places[place + np.uint64(1)].astype(np.int64),
        )

    def _rest(self, keys: U64) -> Array:
        return (keys >> np.uint64(REST_BITS - self._bits)).astype(np.uint32)


def _each_once(numbers: Array) -> tuple[int, ...]:
    if len(numbers) == 1:
        return (int(numbers[0]),)
    return tuple(sorted(set(numbers.tolist())))


def _bisect(values: Array, wanted: Array, low: I64, high: I64, *, after: bool = False) -> I64:
    """Of each i, the first place in low[i] … high[i], where values rise, that is not less than
    wanted[i]; `after`: that is greater."""
    low, high = low.copy(), high.copy()
    while len(live := np.flatnonzero(low < high)):
        middle = (low[live] + high[live]) >> 1
        there, sought = values[middle], wanted[live]
        less = there <= sought if after else there < sought
        low[live[less]] = middle[less] + 1
        high[live[~less]] = middle[~less]
    return low
