"""The files of an index, mapped. Knows where things stand, nothing about queries."""

from enum import StrEnum
from functools import cached_property
from pathlib import Path

import numpy as np

from phonotheque.search.arrays import Array, Mask, distinct, load_array, ranges
from phonotheque.search.dictionary import (
    TYPO_LONGEST,
    TYPO_SHORTEST,
    bit_is_set,
    deletion_hashes,
)

_ARRAYS = (
    "terms", "term_offsets", "postings", "posting_offsets", "bitmaps", "head_low", "head_high",
    "head_offsets", "head_docs", "typo_hashes", "typo_terms", "title_hashes", "title_docs",
    "forward_terms", "forward_offsets", "forward_titles", "doc_number", "doc_tier",
    "doc_licence", "doc_year", "doc_listens", "number_doc",
)  # fmt: skip


class Text(StrEnum):
    """Texts that documents have through a release or an artist, each with lists of its own."""

    RELEASE = "release"  # titles of releases
    LABEL = "label"  # labels of releases
    ALIAS = "alias"  # names, sort names and aliases of artists


_OWNERS = {Text.RELEASE: "release", Text.LABEL: "release", Text.ALIAS: "artist"}


class IndexFiles:
    """Mapped arrays by name, and the few ways to look something up in them."""

    def __init__(self, folder: Path) -> None:
        loaded = {name: load_array(folder / f"{name}.npy") for name in _ARRAYS}
        self.terms, self.term_offsets = loaded["terms"], loaded["term_offsets"]
        self.postings, self.posting_offsets = loaded["postings"], loaded["posting_offsets"]
        self.bitmaps = loaded["bitmaps"]
        self.head_low, self.head_high = loaded["head_low"], loaded["head_high"]
        self.head_offsets, self.head_docs = loaded["head_offsets"], loaded["head_docs"]
        self.typo_hashes, self.typo_terms = loaded["typo_hashes"], loaded["typo_terms"]
        self.title_hashes, self.title_docs = loaded["title_hashes"], loaded["title_docs"]
        self.forward_terms = loaded["forward_terms"]
        self.forward_offsets = loaded["forward_offsets"]
        self.forward_titles = loaded["forward_titles"]
        self.doc_number, self.number_doc = loaded["doc_number"], loaded["number_doc"]
        self.doc_tier, self.doc_licence = loaded["doc_tier"], loaded["doc_licence"]
        self.doc_year, self.doc_listens = loaded["doc_year"], loaded["doc_listens"]
        self._bitmap_rows = {
            int(term): row for row, term in enumerate(load_array(folder / "bitmap_terms.npy"))
        }
        self._entities = {text: EntityLists(folder, text) for text in Text}

    @cached_property
    def documents(self) -> int:
        """How many documents there are."""
        return len(self.doc_number)

    def term_text(self, term: int) -> str:
        """The text of term number `term`."""
        begin, end = int(self.term_offsets[term]), int(self.term_offsets[term + 1])
        return bytes(self.terms[begin:end]).decode()

    def prefix_range(self, text: str) -> tuple[int, int, bool]:
        """Terms low ≤ t < high begin with `text`; whether `low` is `text` itself."""
        wanted = text.encode()
        low = self._bisect(wanted, len(wanted), after=False)
        high = self._bisect(wanted, len(wanted), after=True)
        whole = low < high and self._term_bytes(low) == wanted
        return low, high, whole

    def term_id(self, text: str) -> int | None:
        """The number of the term that is `text`."""
        low = self._bisect(text.encode(), None, after=False)
        found = low < len(self.term_offsets) - 1 and self._term_bytes(low) == text.encode()
        return low if found else None

    def frequency(self, low: int, high: int) -> int:
        """Postings of the terms low ≤ t < high together."""
        return int(self.posting_offsets[high]) - int(self.posting_offsets[low])

    def docs_of(self, low: int, high: int) -> Array:
        """Documents, sorted, that have one of the terms low ≤ t < high."""
        begin, end = int(self.posting_offsets[low]), int(self.posting_offsets[high])
        docs = self.postings[begin:end]
        return docs if high - low == 1 else distinct(docs)

    def entity_frequency(self, text: Text, low: int, high: int) -> int:
        """How many releases or artists have the terms low ≤ t < high, once for each term."""
        begin, end = self._entities[text].slice(low, high)
        return end - begin

    def entities(self, text: Text, low: int, high: int) -> Array:
        """Numbers, sorted, of the releases or artists with one of the terms low ≤ t < high."""
        lists = self._entities[text]
        begin, end = lists.slice(low, high)
        return distinct(lists.numbers[begin:end])

    def docs_of_entities(self, text: Text, numbers: Array, most: int) -> Array | None:
        """Documents, sorted, of releases or artists (numbers that `entities` gave); None where
        they have more than `most` recordings together."""
        lists = self._entities[text]
        starts = lists.offsets[numbers].astype(np.int64)
        counts = lists.offsets[numbers.astype(np.int64) + 1].astype(np.int64) - starts
        if int(counts.sum()) > most:
            return None
        return distinct(self.number_doc[lists.recordings[ranges(starts, counts)]])

    def has_term(self, term: int, docs: Array) -> Mask:
        """Whether each of `docs` has the term."""
        row = self._bitmap_rows.get(term)
        if row is not None:
            return bit_is_set(self.bitmaps[row], docs)
        return is_member(self.docs_of(term, term + 1), docs)

    def head(self, low: int, high: int) -> Array | None:
        """The first documents of a wide prefix, where they were computed."""
        begin, end = np.searchsorted(self.head_low, [low, low + 1])
        for at in range(int(begin), int(end)):
            if int(self.head_high[at]) == high:
                return self.head_docs[int(self.head_offsets[at]) : int(self.head_offsets[at + 1])]
        return None

    def docs_with_title_hash(self, value: int, limit: int) -> Array:
        """The first `limit` documents whose title has this hash (some may be strangers)."""
        low = int(np.searchsorted(self.title_hashes, np.uint32(value)))
        high = int(np.searchsorted(self.title_hashes, np.uint32(value), side="right"))
        return self.title_docs[low : min(high, low + limit)]

    def forward(self, docs: Array) -> "Forward":
        """The title and artist terms of `docs`."""
        return Forward(self, docs)

    def near_terms(self, text: str) -> list[int]:
        """Terms that share a form with one character less with `text`; not all are near."""
        if not TYPO_SHORTEST - 1 <= len(text) <= TYPO_LONGEST + 1:
            return []
        hashes = distinct(deletion_hashes([text])[:, 0])
        low = np.searchsorted(self.typo_hashes, hashes)
        high = np.searchsorted(self.typo_hashes, hashes, side="right")
        found = self.typo_terms[ranges(low, np.minimum(high - low, 256))]
        return [int(term) for term in distinct(found)]

    def _term_bytes(self, term: int) -> bytes:
        return self.terms[int(self.term_offsets[term]) : int(self.term_offsets[term + 1])].tobytes()

    def _bisect(self, wanted: bytes, width: int | None, *, after: bool) -> int:
        """First term not less than `wanted` (`after`: greater), comparing `width` bytes."""
        low, high = 0, len(self.term_offsets) - 1
        while low < high:
            middle = (low + high) // 2
            term = self._term_bytes(middle)[:width]
            if term < wanted or (after and term == wanted):
                low = middle + 1
            else:
                high = middle
        return low


class EntityLists:
    """One kind of text: which releases or artists have a term, and their recordings."""

    def __init__(self, folder: Path, text: Text) -> None:
        self._words = load_array(folder / f"{text}_words.npy")
        self._ends = load_array(folder / f"{text}_word_offsets.npy")
        self.numbers = load_array(folder / f"{text}_word_numbers.npy")
        self.offsets = load_array(folder / f"{_OWNERS[text]}_offsets.npy")
        self.recordings = load_array(folder / f"{_OWNERS[text]}_recordings.npy")

    def slice(self, low: int, high: int) -> tuple[int, int]:
        """Where in `numbers` the terms low ≤ t < high stand."""
        begin, end = np.searchsorted(self._words, np.array([low, high], np.uint32))
        return int(self._ends[begin]), int(self._ends[end])


class Forward:
    """Terms of some documents, end to end: `terms`, with `owner` (place in `docs`) and
    `in_title` of each; `title_counts` and `artist_counts` of each document."""

    def __init__(self, files: IndexFiles, docs: Array) -> None:
        starts = files.forward_offsets[docs].astype(np.int64)
        counts = files.forward_offsets[docs.astype(np.int64) + 1].astype(np.int64) - starts
        self.size = len(docs)
        self.title_counts = files.forward_titles[docs].astype(np.int64)
        self.artist_counts = counts - self.title_counts
        self.terms = files.forward_terms[ranges(starts, counts)]
        self.owner = np.repeat(np.arange(len(docs)), counts)
        begins = np.cumsum(counts) - counts
        place = np.arange(len(self.terms)) - np.repeat(begins, counts)
        self.in_title = place < self.title_counts[self.owner]

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


def is_member(sorted_docs: Array, docs: Array) -> Mask:
    """Whether each of `docs` stands in `sorted_docs`."""
    if not len(sorted_docs):
        return np.zeros(len(docs), np.bool_)
    at = np.minimum(np.searchsorted(sorted_docs, docs), len(sorted_docs) - 1)
    same: Mask = sorted_docs[at] == docs
    return same
