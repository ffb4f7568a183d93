"""Lists of documents: short ones as they are, long ones by chunks of 65,536 documents.

A long list has, per chunk, where its documents begin, and then either their lower 16 bits or, where
that is smaller, one bit for every document there is. Which is smallest is decided by counting.
"""

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from phonotheque.storage.arrays import (
    U32,
    U64,
    Array,
    Mask,
    create_array,
    distinct,
    load_array,
    number_type,
    ranges,
    write_array,
    write_parts,
)

CHUNK_BITS = 16
CHUNK_DOCS = 1 << CHUNK_BITS
_PART = 1 << 22
_DENSE = 16  # so many postings for each document that is asked for are decoded rather than bisected
_AT_LEAST = 16_384


class Docs(Protocol):
    """Documents, sorted; a slice of them is an array."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: slice, /) -> Array: ...


def write_postings(folder: Path, documents: int, offsets: U64, plain: Array) -> None:
    """Write `plain` (u32, term after term; `offsets` u64[terms + 1]) as ``posting_offsets``,
    ``postings``, ``common_*`` and ``bitmaps`` (docs/formats/index.md)."""
    write_array(folder / "posting_offsets.npy", offsets.astype(number_type(int(offsets[-1]))))
    frequencies = np.diff(offsets)
    chunks = -(-documents // CHUNK_DOCS)
    as_bitmap = -(-documents // 8)
    smallest = np.minimum(frequencies * 2, as_bitmap) + 4 * (chunks + 1) + 24
    common = np.flatnonzero(smallest < frequencies * 4)
    bitmaps = frequencies[common] * 2 > as_bitmap
    before = np.zeros(len(common) + 1, np.uint64)
    np.cumsum(frequencies[common], out=before[1:])
    places = np.zeros(len(common), np.int64)
    places[~bitmaps] = np.cumsum(frequencies[common][~bitmaps]) - frequencies[common][~bitmaps]
    places[bitmaps] = -1 - np.arange(int(bitmaps.sum()))
    write_array(folder / "common_terms.npy", common.astype(np.uint32))
    write_array(folder / "common_before.npy", before)
    write_array(folder / "common_places.npy", places)
    total = int(frequencies[common][~bitmaps].sum())
    starts = create_array(folder / "common_starts.npy", np.uint32, (len(common), chunks + 1))
    lows = create_array(folder / "common_docs.npy", np.uint16, total)
    bits = create_array(folder / "bitmaps.npy", np.uint8, (int(bitmaps.sum()), as_bitmap))
    edges = np.arange(chunks + 1, dtype=np.uint64) << np.uint64(CHUNK_BITS)
    for row, (term, place) in enumerate(zip(common.tolist(), places.tolist(), strict=True)):
        docs = plain[int(offsets[term]) : int(offsets[term + 1])]
        starts[row] = np.searchsorted(docs, edges)
        if place >= 0:
            lows[place : place + len(docs)] = docs  # the lower 16 bits
        else:
            bits[-1 - place] = _bitmap(docs, documents)
    rare = int(offsets[-1]) - int(before[-1])
    write_parts(folder / "postings.npy", np.uint32, rare, _iter_rare(common, offsets, plain))


def _bitmap(docs: Array, documents: int) -> Array:
    present = np.zeros(documents, np.bool_)
    present[docs] = True
    return np.packbits(present, bitorder="little")


def _iter_rare(common: Array, offsets: U64, plain: Array) -> Iterator[Array]:
    """What stands between the lists of common terms."""
    begins = [0, *offsets[common + 1].tolist()]
    ends = [*offsets[common].tolist(), int(offsets[-1])]
    for begin, end in zip(begins, ends, strict=True):
        for at in range(begin, end, _PART):
            yield plain[at : min(at + _PART, end)]


class Postings:
    """The documents of terms, mapped."""

    def __init__(self, folder: Path) -> None:
        self._offsets = load_array(folder / "posting_offsets.npy")
        self._plain = load_array(folder / "postings.npy")
        self._common = load_array(folder / "common_terms.npy")
        self._before = load_array(folder / "common_before.npy")
        self._places = load_array(folder / "common_places.npy")
        self._starts = load_array(folder / "common_starts.npy")
        self._lows = load_array(folder / "common_docs.npy")
        self._bitmaps = load_array(folder / "bitmaps.npy")
        self._sorted: list[int] = self._common.tolist()  # bisected faster than an array
        self._rows = {term: row for row, term in enumerate(self._sorted)}

    def frequency(self, low: int, high: int) -> int:
        """Postings of the terms low ≤ t < high together."""
        return int(self._offsets[high]) - int(self._offsets[low])

    def of_term(self, term: int) -> Docs:
        """The documents of one term; of a common one, read slice by slice."""
        row = self._rows.get(term)
        if row is not None:
            return self._common_docs(row)
        skipped = int(self._before[bisect_left(self._sorted, term)])
        begin, end = int(self._offsets[term]), int(self._offsets[term + 1])
        return self._plain[begin - skipped : end - skipped]

    def of_terms(self, low: int, high: int) -> Array:
        """Documents, sorted, that have one of the terms low ≤ t < high."""
        if high - low == 1:
            return self.of_term(low)[:]
        first, last = np.searchsorted(self._common, np.array([low, high], np.uint32)).tolist()
        begin = int(self._offsets[low]) - int(self._before[first])
        end = int(self._offsets[high]) - int(self._before[last])
        return distinct(np.concatenate([self._plain[begin:end], *self._all_of(first, last)]))

    def has(self, term: int, docs: Array) -> Mask:
        """Whether each of `docs` has the term."""
        row = self._rows.get(term)
        if row is not None:
            return self._common_docs(row).has(docs)
        return is_member(self.of_terms(term, term + 1), docs)

    def _all_of(self, first: int, last: int) -> list[Array]:
        """The documents of common terms first ≤ row < last: bitmaps, then all the others."""
        places, starts = self._places[first:last], self._starts[first:last]
        lists = [self._common_docs(first + row)[:] for row in np.flatnonzero(places < 0).tolist()]
        listed = np.flatnonzero(places >= 0)
        if len(listed):  # these lie end to end
            counts: Array = np.diff(starts[listed].astype(np.int64), axis=1)
            bases = np.arange(counts.shape[1], dtype=np.uint32) << np.uint32(CHUNK_BITS)
            docs = np.repeat(np.tile(bases, len(listed)), counts.ravel())
            begin = int(places[listed[0]])
            docs |= self._lows[begin : begin + len(docs)]
            lists.append(docs)
        return lists

    def _common_docs(self, row: int) -> "CommonDocs":
        place, starts = int(self._places[row]), self._starts[row]
        if place < 0:
            return CommonDocs(starts, bitmap=self._bitmaps[-1 - place])
        return CommonDocs(starts, lows=self._lows[place : place + int(starts[-1])])


class CommonDocs:
    """A long list: `starts` u32[chunks + 1], and the lower bits or a bitmap."""

    def __init__(
        self, starts: U32, *, lows: Array | None = None, bitmap: Array | None = None
    ) -> None:
        self._starts, self._lows, self._bitmap = starts, lows, bitmap

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, key: slice, /) -> Array:
        begin, end, _ = key.indices(len(self))
        if begin >= end:
            return np.zeros(0, np.uint32)
        first = int(np.searchsorted(self._starts, begin, side="right")) - 1
        last = int(np.searchsorted(self._starts, end))
        if self._bitmap is not None:
            skipped = begin - int(self._starts[first])
            return self._unpacked(first, last)[skipped : skipped + end - begin]
        return self._widened(first, last, begin, end)

    def before(self, doc: int) -> int:
        """How many documents come before `doc`."""
        chunk, inside = doc >> CHUNK_BITS, doc & (CHUNK_DOCS - 1)
        if chunk >= len(self._starts) - 1:
            return len(self)
        begin, end = int(self._starts[chunk]), int(self._starts[chunk + 1])
        return begin + (int(np.searchsorted(self[begin:end], np.uint32(doc))) if inside else 0)

    def has(self, docs: Array) -> Mask:
        """Whether each of `docs` is in the list."""
        if self._bitmap is not None:
            bits: Array = (self._bitmap[docs >> 3] >> (docs & 7).astype(np.uint8)) & 1
            return bits.astype(np.bool_)
        if not len(docs):
            return np.zeros(0, np.bool_)
        chunks = docs >> CHUNK_BITS
        begin, end = int(self._starts[chunks.min()]), int(self._starts[int(chunks.max()) + 1])
        if end - begin <= _DENSE * len(docs) + _AT_LEAST:
            return is_member(self[begin:end], docs)
        return self._bisect(docs, chunks)

    def _bisect(self, docs: Array, chunks: Array) -> Mask:
        """As `has`: all documents at once, each within its chunk."""
        lows = self._lows if self._lows is not None else np.zeros(0, np.uint16)
        wanted = docs.astype(np.uint16)
        low = self._starts[chunks].astype(np.int64)
        ends = self._starts[chunks.astype(np.int64) + 1].astype(np.int64)
        high = ends.copy()
        for _ in range(int((high - low).max()).bit_length()):
            middle = (low + high) >> 1
            less = (lows[np.minimum(middle, len(lows) - 1)] < wanted) & (low < high)
            low = np.where(less, middle + 1, low)
            high = np.where(less, high, middle)
        found: Mask = (low < ends) & (lows[np.minimum(low, len(lows) - 1)] == wanted)
        return found

    def _unpacked(self, first: int, last: int) -> Array:
        """The documents of chunks first ≤ c < last, of a bitmap."""
        bits = self._bitmap
        if bits is None:
            return np.zeros(0, np.uint32)
        inside = bits[first * (CHUNK_DOCS // 8) : last * (CHUNK_DOCS // 8)]
        docs = np.flatnonzero(np.unpackbits(inside, bitorder="little")).astype(np.uint32)
        return docs + np.uint32(first << CHUNK_BITS)

    def _widened(self, first: int, last: int, begin: int, end: int) -> Array:
        """The documents at begin ≤ i < end, which stand in chunks first ≤ c < last."""
        lows = self._lows if self._lows is not None else np.zeros(0, np.uint16)
        edges = np.clip(self._starts[first : last + 1].astype(np.int64), begin, end)
        bases = np.arange(first, last, dtype=np.uint32) << np.uint32(CHUNK_BITS)
        docs: Array = np.repeat(bases, np.diff(edges))
        docs |= lows[begin:end]
        return docs


def documents_before(docs: Docs, doc: int) -> int:
    """How many of `docs` come before `doc`."""
    if isinstance(docs, CommonDocs):
        return docs.before(doc)
    return int(np.searchsorted(docs[:], np.uint32(doc))) if doc else 0


def first_documents(offsets: U64, plain: Array, low: int, high: int, most: int) -> Array:
    """The `most` lowest documents of the terms low ≤ t < high, some postings at a time."""
    best = np.zeros(0, np.uint32)
    for first in range(low, high, 65_536):
        last = min(first + 65_536, high)
        counts = np.minimum(np.diff(offsets[first : last + 1]), np.uint64(most))
        taken = plain[ranges(offsets[first:last], counts)]
        best = distinct(np.concatenate([best, taken]))[:most]
    return best


def is_member(sorted_docs: Array, docs: Array) -> Mask:
    """Whether each of `docs` stands in `sorted_docs`."""
    if not len(sorted_docs):
        return np.zeros(len(docs), np.bool_)
    at = np.minimum(np.searchsorted(sorted_docs, docs), len(sorted_docs) - 1)
    same: Mask = sorted_docs[at] == docs
    return same
