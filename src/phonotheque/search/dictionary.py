"""Files made from the vocabulary: the sorted terms, bitmaps, heads of wide prefixes, typos.

`typo keys`: for every term of 4 to 24 characters, the hash of the term and of each form with one
character left out. Two terms within one edit (a letter more, less, other, or two swapped) share
such a form.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.search.arrays import (
    U8,
    U32,
    U64,
    Array,
    create_array,
    distinct,
    offsets_of,
    ranges,
    write_array,
)

TYPO_SHORTEST = 4
TYPO_LONGEST = 24
HEAD_DOCS = 512
BITMAP_LEAST = 1_024
_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)


def write_terms(folder: Path, terms: pa.Array) -> None:
    """``terms.npy``: UTF-8 of all terms end to end; ``term_offsets.npy`` u64[terms + 1]."""
    raw = terms.cast(pa.large_binary())
    _, offsets, data = raw.buffers()
    begin = np.frombuffer(offsets, np.int64)[raw.offset : raw.offset + len(raw) + 1]
    text = np.frombuffer(data or b"", np.uint8)
    write_array(folder / "terms.npy", text[begin[0] : begin[-1]])
    write_array(folder / "term_offsets.npy", (begin - begin[0]).astype(np.uint64))


def write_bitmaps(
    folder: Path, documents: int, offsets: U64, postings: Array, bitmap_share: int
) -> None:
    """``bitmap_terms.npy`` u32[b] and ``bitmaps.npy`` u8[b, ceil(documents / 8)], bit 0 first.

    A term has one when it stands in more than 1/`bitmap_share` of the documents, and
    in more than 1,024.
    """
    frequencies = np.diff(offsets)
    common = np.flatnonzero(frequencies > max(documents // bitmap_share, BITMAP_LEAST)).astype(
        np.uint32
    )
    write_array(folder / "bitmap_terms.npy", common)
    out = create_array(folder / "bitmaps.npy", np.uint8, (len(common), (documents + 7) // 8))
    for row, term in enumerate(common.tolist()):
        present = np.zeros(documents, np.bool_)
        present[postings[int(offsets[term]) : int(offsets[term + 1])]] = True
        out[row] = np.packbits(present, bitorder="little")


def write_heads(
    folder: Path, terms: pa.Array, offsets: U64, postings: Array, head_postings: int
) -> None:
    """``head_*.npy``: the first 512 documents of each prefix with over `head_postings` postings.

    A prefix is known by the range of terms that begin with it (`low` to `high`, sorted).
    """
    found = sorted(_wide_prefixes(terms, offsets, head_postings))
    docs = [_first_docs(offsets, postings, low, high) for low, high in found]
    write_array(folder / "head_low.npy", np.array([low for low, _ in found], np.uint32))
    write_array(folder / "head_high.npy", np.array([high for _, high in found], np.uint32))
    write_array(folder / "head_offsets.npy", offsets_of(np.array([len(d) for d in docs], np.int64)))
    write_array(folder / "head_docs.npy", np.concatenate(docs) if docs else np.zeros(0, np.uint32))


def _wide_prefixes(terms: pa.Array, offsets: U64, head_postings: int) -> set[tuple[int, int]]:
    """Ranges of two terms or more; within a wide range, one character longer each round."""
    found: set[tuple[int, int]] = set()
    open_ranges, length = [(0, len(terms))] if len(terms) else [], 1
    while open_ranges:
        closer: list[tuple[int, int]] = []
        for low, high in open_ranges:
            closer.extend(
                span
                for span in _split(terms, low, high, length)
                if span[1] - span[0] > 1
                and int(offsets[span[1]]) - int(offsets[span[0]]) > head_postings
            )
        found.update(closer)
        open_ranges, length = closer, length + 1
    return found


def _split(terms: pa.Array, low: int, high: int, length: int) -> list[tuple[int, int]]:
    """The ranges of equal beginnings of `length` characters (terms as short stand alone)."""
    inside = terms.slice(low, high - low)
    runs = pc.run_end_encode(pc.utf8_slice_codeunits(inside, 0, length))
    ends = low + np.asarray(runs.run_ends, np.int64)
    starts = np.concatenate([[low], ends[:-1]])
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True)]


def _first_docs(offsets: U64, postings: Array, low: int, high: int) -> U32:
    """The 512 lowest documents of the terms in a range, a few million postings at a time."""
    best = np.zeros(0, np.uint32)
    for first in range(low, high, 65_536):
        last = min(first + 65_536, high)
        counts = np.minimum(np.diff(offsets[first : last + 1]), np.uint64(HEAD_DOCS))
        taken = _take_firsts(offsets[first:last], counts, postings)
        best = distinct(np.concatenate([best, taken]))[:HEAD_DOCS]
    return best


def _take_firsts(starts: U64, counts: U64, postings: Array) -> U32:
    taken: U32 = postings[ranges(starts, counts)]
    return taken


def write_typos(folder: Path, terms: pa.Array) -> None:
    """``typo_hashes.npy`` and ``typo_terms.npy`` (u32 each), sorted by hash and term."""
    parts = [np.zeros(0, np.uint64)]
    for first in range(0, len(terms), 262_144):
        parts.append(_typo_keys(terms.slice(first, 262_144).to_pylist(), first))
    keys = distinct(np.concatenate(parts))
    write_array(folder / "typo_hashes.npy", (keys >> np.uint64(32)).astype(np.uint32))
    write_array(folder / "typo_terms.npy", keys.astype(np.uint32))


def _typo_keys(terms: list[str], first: int) -> U64:
    lengths = np.fromiter(map(len, terms), np.int64, len(terms))
    parts = [np.zeros(0, np.uint64)]
    for length in range(TYPO_SHORTEST, TYPO_LONGEST + 1):
        chosen = np.flatnonzero(lengths == length)
        if len(chosen):
            hashes = deletion_hashes([terms[i] for i in chosen.tolist()])
            ids = np.tile((chosen + first).astype(np.uint64), len(hashes))
            parts.append(hashes.ravel().astype(np.uint64) << np.uint64(32) | ids)
    return np.concatenate(parts)


def deletion_hashes(terms: list[str]) -> U32:
    """Hashes u32[L + 1, n] of n terms of L characters: whole, then without character 0, 1, ….

    Hash: from 0xcbf29ce484222325, for each code point ``h = (h ^ c) * 0x100000001b3`` modulo
    2**64 (FNV-1a over code points); the upper 32 bits of ``h * 0x9e3779b97f4a7c15``.
    """
    length = len(terms[0])
    points = np.array(terms, f"U{length}").view(np.uint32).reshape(len(terms), length)
    out = np.empty((length + 1, len(terms)), np.uint32)
    out[0] = _hash(points)
    for left_out in range(length):
        out[left_out + 1] = _hash(np.delete(points, left_out, axis=1))
    return out


def _hash(points: U32) -> U32:
    state = np.full(len(points), 0xCBF29CE484222325, np.uint64)
    for column in points.T:
        state = (state ^ column) * _PRIME
    return ((state * _MIX) >> np.uint64(32)).astype(np.uint32)


def bit_is_set(bitmap: U8, docs: Array) -> Array:
    """Whether each of `docs` is in a bitmap."""
    bits: Array = (bitmap[docs >> 3] >> (docs & 7).astype(np.uint8)) & 1
    return bits.astype(np.bool_)
