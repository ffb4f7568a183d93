"""Files made from the vocabulary: the sorted terms, heads of wide prefixes, typos.

`typo keys`: for every term of 4 to 24 characters, the hash of the term and of each form with one
character left out. Two terms within one edit (a letter more, less, other, or two swapped) share
such a form.
"""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa

from phonotheque.search.postings import first_documents
from phonotheque.search.shortlists import iter_bounds, write_shortlists
from phonotheque.storage.arrays import (
    U32,
    U64,
    Array,
    distinct,
    number_type,
    offsets_of,
    write_array,
)
from phonotheque.storage.growing import GrowingArray

TYPO_SHORTEST = 4
TYPO_LONGEST = 24
HEAD_DOCS = 512
SHORT_HEAD_DOCS = 2_048  # of 1 to 3 characters
SHORT_PREFIX = 3
_TYPO_KEYS_A_TERM = 8
_TERMS_AT_ONCE = 262_144
_BYTES_A_KEY = 32
_64_BITS = 2**64 - 1
_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)


def write_terms(folder: Path, terms: pa.Array) -> None:
    """``terms.npy``: UTF-8 of all terms end to end; ``term_offsets.npy`` [terms + 1]."""
    raw = terms.cast(pa.large_binary())
    _, offsets, data = raw.buffers()
    begin = np.frombuffer(offsets, np.int64)[raw.offset : raw.offset + len(raw) + 1]
    text = np.frombuffer(data or b"", np.uint8)
    write_array(folder / "terms.npy", text[begin[0] : begin[-1]])
    kind = number_type(int(begin[-1] - begin[0]))
    write_array(folder / "term_offsets.npy", (begin - begin[0]).astype(kind))


def write_heads(
    folder: Path, terms: pa.Array, offsets: U64, postings: Array, head_postings: int
) -> None:
    """``head_*.npy``: the first documents of each prefix with over `head_postings` postings: 2,048
    of them where it is of 1 to 3 characters, else 512.

    A prefix is known by the range of terms that begin with it (`low` to `high`, sorted).
    """
    found = sorted(_wide_prefixes(terms, offsets, head_postings).items())
    counts: list[int] = []
    with GrowingArray(folder / "head_docs.npy", np.uint32) as out:
        for (low, high), length in found:
            most = SHORT_HEAD_DOCS if length <= SHORT_PREFIX else HEAD_DOCS
            docs = first_documents(offsets, postings, low, high, most)
            out.append(docs)
            counts.append(len(docs))
    write_array(folder / "head_low.npy", np.array([low for (low, _), _ in found], np.uint32))
    write_array(folder / "head_high.npy", np.array([high for (_, high), _ in found], np.uint32))
    write_array(folder / "head_offsets.npy", offsets_of(np.array(counts, np.int64)))


def _wide_prefixes(terms: pa.Array, offsets: U64, head_postings: int) -> dict[tuple[int, int], int]:
    """Ranges of two terms or more → the length of the shortest prefix; within a wide range, one
    character longer each round."""
    found: dict[tuple[int, int], int] = {}
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
        for span in closer:
            found.setdefault(span, length)
        open_ranges, length = closer, length + 1
    return found


def _split(terms: pa.Array, low: int, high: int, length: int) -> list[tuple[int, int]]:
    """The ranges of equal beginnings of `length` characters (terms as short stand alone)."""
    import pyarrow.compute as pc  # noqa: PLC0415 - a search does without

    inside = terms.slice(low, high - low)
    runs = pc.run_end_encode(pc.utf8_slice_codeunits(inside, 0, length))
    ends = low + np.asarray(runs.run_ends, np.int64)
    starts = np.concatenate([[low], ends[:-1]])
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True)]


def write_typos(folder: Path, terms: pa.Array, memory_bytes: int) -> None:
    """``typo_places``, ``typo_rests``, ``typo_numbers`` (of terms): see
    `phonotheque.search.shortlists`. On disk meanwhile: 8 bytes a form."""
    entries = len(terms) * _TYPO_KEYS_A_TERM
    bounds = list(iter_bounds(entries, memory_bytes // _BYTES_A_KEY))
    edges = np.array([first for first, _ in bounds[1:]], np.uint64) << np.uint64(32)
    paths = [folder / f"typo-{number:04d}.raw" for number in range(len(bounds))]
    with ExitStack() as files:
        outs = [files.enter_context(path.open("wb")) for path in paths]
        for first in range(0, len(terms), _TERMS_AT_ONCE):
            keys = distinct(_typo_keys(terms.slice(first, _TERMS_AT_ONCE).to_pylist(), first))
            for out, part in zip(outs, np.split(keys, np.searchsorted(keys, edges)), strict=True):
                out.write(np.ascontiguousarray(part).data)
    parts = (np.fromfile(path, np.uint64) for path in paths)
    write_shortlists(folder, "typo", parts, entries)
    for path in paths:
        path.unlink()


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


def form_hashes(text: str) -> U32:
    """The same of one text, in a tenth of the time."""
    points = [ord(char) for char in text]
    state, hashes = 0xCBF29CE484222325, []
    for at, point in enumerate(points):
        form = state  # of what stands before the character that is left out
        for other in points[at + 1 :]:
            form = (form ^ other) * 0x100000001B3 & _64_BITS
        hashes.append(form)
        state = (state ^ point) * 0x100000001B3 & _64_BITS
    mixed = [(form * 0x9E3779B97F4A7C15 & _64_BITS) >> 32 for form in (state, *hashes)]
    return np.array(mixed, np.uint32)


def _hash(points: U32) -> U32:
    state = np.full(len(points), 0xCBF29CE484222325, np.uint64)
    for column in points.T:
        state = (state ^ column) * _PRIME
    return ((state * _MIX) >> np.uint64(32)).astype(np.uint32)
