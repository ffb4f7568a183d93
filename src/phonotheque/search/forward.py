"""Terms in order: of every title, of every distinct artist credit; and titles by their hash.

A title's terms lie by document, a credit's once, however many documents have it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from phonotheque.search.runs import Merged, Run
from phonotheque.search.shortlists import iter_bounds, write_shortlists
from phonotheque.storage.arrays import (
    I64,
    U32,
    U64,
    Array,
    Mask,
    create_array,
    distinct,
    load_array,
    number_type,
    offsets_of,
    ranges,
    write_array,
)

BLOCK_BITS = 7  # a block of documents has less than 65,536 terms: 128 · 255
BLOCK_DOCS = 1 << BLOCK_BITS
_BYTES_A_DOCUMENT = 256  # while a window of documents is put in order
_BYTES_A_KEY = 24


def write_forward(folder: Path, documents: int, merged: Merged, memory_bytes: int) -> None:
    """Write ``forward_*``, ``doc_credit`` and ``credit_offsets`` (docs/formats/index.md).

    In memory: one window of documents, and 16 bytes a distinct credit.
    """
    runs = merged.having("docs")
    known, sizes = _known_credits(runs)
    in_titles = sum(int(run.load("titles").sum(dtype=np.uint64)) for run, _ in runs)
    offsets = offsets_of(sizes) + np.uint64(in_titles)
    kind = number_type(int(offsets[-1]))
    write_array(folder / "credit_offsets.npy", offsets.astype(kind))
    terms = create_array(folder / "forward_terms.npy", np.uint32, int(offsets[-1]))
    for run, place in runs:
        which = np.searchsorted(known, run.load("credits"))
        starts, counts = offsets[which], run.load("credit-counts")
        terms[ranges(starts, counts)] = place[run.load("credit-terms")]
    places = create_array(folder / "forward_places.npy", np.uint16, documents + 1)
    credits = create_array(folder / "doc_credit.npy", np.uint32, documents)
    blocks = create_array(folder / "forward_blocks.npy", kind, (documents >> BLOCK_BITS) + 1)
    window = max(memory_bytes // _BYTES_A_DOCUMENT >> BLOCK_BITS, 1) << BLOCK_BITS
    at = 0
    readings = [_Titles(run, place, known) for run, place in runs]
    for first in range(0, documents + 1, window):
        last = min(first + window, documents)
        counts, inside, which = _window(readings, last)
        terms[at : at + len(inside)] = inside
        credits[first:last] = which
        begins = at + np.append(0, np.cumsum(counts, dtype=np.int64))
        bases = begins[::BLOCK_DOCS]
        blocks[first >> BLOCK_BITS : (first >> BLOCK_BITS) + len(bases)] = bases
        spread = np.repeat(bases, BLOCK_DOCS)[: len(begins)]
        places[first : last + 1] = begins - spread
        at += len(inside)


def write_titles(folder: Path, documents: int, merged: Merged, memory_bytes: int) -> None:
    """Write ``title_places``, ``title_rests`` and ``title_numbers`` (of documents)."""
    keys = [run.load("title-keys") for run, _ in merged.having("title-keys")]

    def parts() -> Iterator[U64]:
        for first, last in iter_bounds(documents, memory_bytes // _BYTES_A_KEY):
            edges = np.array([first << 32, (last << 32) - 1], np.uint64)
            cuts = [np.searchsorted(k, edges).tolist() for k in keys]
            yield np.concatenate(
                [np.zeros(0, np.uint64), *(k[a:b] for k, (a, b) in zip(keys, cuts, strict=True))]
            )

    write_shortlists(folder, "title", parts(), documents)


def _known_credits(runs: Sequence[tuple[Run, U32]]) -> tuple[U64, Array]:
    """The hashes of all credits, sorted, and how many terms each has."""
    known = distinct(
        np.concatenate([np.zeros(0, np.uint64), *(run.load("credits") for run, _ in runs)])
    )
    sizes = np.zeros(len(known), np.uint8)
    for run, _ in runs:
        sizes[np.searchsorted(known, run.load("credits"))] = run.load("credit-counts")
    return known, sizes


class _Titles:
    """The titles of one run, read in order of document."""

    def __init__(self, run: Run, place: U32, known: U64) -> None:
        self._docs, self._counts = run.load("docs"), run.load("titles")
        self._terms, self._place = run.load("title-terms"), place
        self._credits, self._known = run.load("doc-credits"), known
        self._hashes = run.load("credits")
        self._row, self._at = 0, 0

    def read(self, before: int) -> tuple[Array, Array, Array, Array]:
        """Documents below `before`: number, terms in the title, those terms, credit."""
        first, last = self._row, int(np.searchsorted(self._docs, np.uint64(before)))
        counts = self._counts[first:last]
        end = self._at + int(counts.sum(dtype=np.uint64))
        terms = self._place[self._terms[self._at : end]]
        credit = np.searchsorted(self._known, self._hashes[self._credits[first:last]])
        self._row, self._at = last, end
        return self._docs[first:last], counts, terms, credit.astype(np.uint32)


def _window(readings: Sequence[_Titles], before: int) -> tuple[Array, Array, Array]:
    """Terms in the title, those terms, and credit, of the next documents in order."""
    if not readings:
        return np.zeros(0, np.uint8), np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    docs, counts, terms, credit = (
        np.concatenate(part) for part in zip(*(r.read(before) for r in readings), strict=True)
    )
    order = np.argsort(docs)
    begins = np.cumsum(counts, dtype=np.int64) - counts
    return counts[order], terms[ranges(begins[order], counts[order])], credit[order]


class ForwardFiles:
    """What `write_forward` wrote, mapped."""

    def __init__(self, folder: Path) -> None:
        self.terms = load_array(folder / "forward_terms.npy")
        self._places = load_array(folder / "forward_places.npy")
        self._blocks = load_array(folder / "forward_blocks.npy")
        self._doc_credit = load_array(folder / "doc_credit.npy")
        self._credit_offsets = load_array(folder / "credit_offsets.npy")

    def slices(self, docs: Array) -> tuple[I64, I64]:
        """Where in `terms` the titles and credits of `docs` begin and how long they are: title,
        credit, title, credit …"""
        wide = docs.astype(np.int64)
        after = wide + 1
        starts = np.empty(2 * len(docs), np.int64)
        counts = np.empty(2 * len(docs), np.int64)
        starts[::2] = self._blocks[wide >> BLOCK_BITS]
        starts[::2] += self._places[wide]
        counts[::2] = self._blocks[after >> BLOCK_BITS]
        counts[::2] += self._places[after]
        credit = self._doc_credit[wide].astype(np.int64)
        starts[1::2] = self._credit_offsets[credit]
        counts[1::2] = self._credit_offsets[credit + 1]
        counts -= starts
        return starts, counts


class Forward:
    """Terms of some documents, end to end: `terms`, with `owner` (place in `docs`) and
    `in_title` of each; `title_counts` and `artist_counts` of each document."""

    def __init__(self, files: ForwardFiles, docs: Array) -> None:
        starts, counts = files.slices(docs)
        self.size = len(docs)
        self.title_counts, self.artist_counts = counts[::2], counts[1::2]
        self.terms = files.terms[ranges(starts, counts)]
        field = np.repeat(np.arange(len(counts)), counts)
        self.owner = field >> 1
        self.in_title: Mask = (field & 1) == 0

    def owners(self, chosen: Mask) -> Mask:
        """The documents that have a chosen term."""
        out = np.zeros(self.size, np.bool_)
        out[self.owner[chosen]] = True
        return out

    def starts_sequence(self, ids: list[int]) -> Mask:
        """Where, among `terms`, the terms `ids` follow each other within one field."""
        last = len(self.terms) - len(ids) + 1
        if last <= 0:
            return np.zeros(len(self.terms), np.bool_)
        found = np.ones(last, np.bool_)
        for at, term in enumerate(ids):
            there = slice(at, at + last)
            found &= self.terms[there] == term
            found &= self.owner[there] == self.owner[:last]
            found &= self.in_title[there] == self.in_title[:last]
        return np.concatenate([found, np.zeros(len(ids) - 1, np.bool_)])
