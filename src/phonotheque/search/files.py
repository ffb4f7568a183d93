"""The files of an index, mapped. Knows where things stand, nothing about queries."""

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from phonotheque.search.dictionary import TYPO_LONGEST, TYPO_SHORTEST, form_hashes
from phonotheque.search.forward import Forward, ForwardFiles
from phonotheque.search.postings import Docs, Postings, is_member
from phonotheque.search.shortlists import Shortlists
from phonotheque.search.steps import Steps
from phonotheque.storage.arrays import Array, Mask, distinct, load_array, ranges

__all__ = ["Docs", "Forward", "IndexFiles", "Text", "is_member"]

_ARRAYS = (
    "terms", "term_offsets", "head_low", "head_high", "head_offsets", "head_docs", "doc_number",
    "doc_licence", "doc_year", "has_number",
)  # fmt: skip
NO_TIER = 0
_MOST_NEAR = 256  # terms under one form
_TERMS_KEPT = 1 << 15


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
        self.head_low, self.head_high = loaded["head_low"], loaded["head_high"]
        self.head_offsets, self.head_docs = loaded["head_offsets"], loaded["head_docs"]
        self.doc_number, self.has_number = loaded["doc_number"], loaded["has_number"]
        self.doc_licence, self.doc_year = loaded["doc_licence"], loaded["doc_year"]
        self.doc_tier, self.doc_listens = Steps(folder, "tier"), Steps(folder, "listens")
        # bisecting probes the same terms again and again: those of the first fourteen steps
        self._term_bytes = lru_cache(maxsize=_TERMS_KEPT)(self._read_term)
        self._postings = Postings(folder)
        self._forward = ForwardFiles(folder)
        self._titles, self._typos = Shortlists(folder, "title"), Shortlists(folder, "typo")
        self._entities = {text: EntityLists(folder, text) for text in Text}

    @cached_property
    def documents(self) -> int:
        """How many documents there are."""
        return len(self.doc_number)

    def documents_of(self, numbers: Sequence[int], ranks: Sequence[int]) -> Array:
        """The documents, sorted, of recordings of this edition by number and rank (0: no standing;
        these stand behind all others, by number)."""
        ranked = min(self.doc_tier.starts_of(NO_TIER), default=self.documents)
        behind = self.doc_number[ranked:]
        docs = [
            rank - 1 if rank else ranked + int(np.searchsorted(behind, number))
            for number, rank in zip(numbers, ranks, strict=True)
        ]
        return distinct(np.array(docs, np.uint32))

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
        return self._postings.frequency(low, high)

    def docs_of(self, low: int, high: int) -> Array:
        """Documents, sorted, that have one of the terms low ≤ t < high."""
        return self._postings.of_terms(low, high)

    def docs_of_term(self, term: int) -> Docs:
        """As `docs_of` one term, but read only as far as it is sliced."""
        return self._postings.of_term(term)

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
        return distinct(lists.docs[ranges(starts, counts)])

    def has_term(self, term: int, docs: Array) -> Mask:
        """Whether each of `docs` has the term."""
        return self._postings.has(term, docs)

    def head(self, low: int, high: int) -> Array | None:
        """The first documents of a wide prefix, where they were computed."""
        begin, end = np.searchsorted(self.head_low, np.array([low, low + 1], np.uint32))
        for at in range(int(begin), int(end)):
            if int(self.head_high[at]) == high:
                return self.head_docs[int(self.head_offsets[at]) : int(self.head_offsets[at + 1])]
        return None

    def docs_with_title_hash(self, value: int, limit: int) -> Array:
        """The first `limit` documents whose title has this hash (some may be strangers)."""
        return self._titles.find(value, limit)

    def forward(self, docs: Array) -> Forward:
        """The title and artist terms of `docs`."""
        return Forward(self._forward, docs)

    def near_terms(self, text: str) -> list[int]:
        """Terms that share a form with one character less with `text`; not all are near."""
        if not TYPO_SHORTEST - 1 <= len(text) <= TYPO_LONGEST + 1:
            return []
        hashes = distinct(form_hashes(text))
        near: list[int] = distinct(self._typos.find_many(hashes, _MOST_NEAR)).tolist()
        return near

    def _read_term(self, term: int) -> bytes:
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
    """One kind of text: which releases or artists have a term, and their documents."""

    def __init__(self, folder: Path, text: Text) -> None:
        self._words = load_array(folder / f"{text}_words.npy")
        self._ends = load_array(folder / f"{text}_word_offsets.npy")
        self.numbers = load_array(folder / f"{text}_word_numbers.npy")
        self.offsets = load_array(folder / f"{_OWNERS[text]}_offsets.npy")
        self.docs = load_array(folder / f"{_OWNERS[text]}_docs.npy")

    def slice(self, low: int, high: int) -> tuple[int, int]:
        """Where in `numbers` the terms low ≤ t < high stand."""
        begin, end = np.searchsorted(self._words, np.array([low, high], np.uint32))
        return int(self._ends[begin]), int(self._ends[end])
