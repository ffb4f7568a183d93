"""From texts to terms: what the index holds of a title, and what a query asks for.

The words are `phonotheque.search.words.words`. Beside them the postings (not the forward data) get
`phonotheque.search.spellings.further_words`.
"""

from hashlib import blake2b

import numpy as np
import pyarrow as pa

from phonotheque.search.spellings import further_words
from phonotheque.search.words import words
from phonotheque.storage.arrays import U8, U32, U64, Array, ranges

MAX_FORWARD_TERMS = 255
TITLE_HASH_BYTES = 4
CREDIT_HASH_BYTES = 8


def title_hash(terms: list[str]) -> int:
    """The exact-title hash: `terms_hash` of 4 bytes."""
    return terms_hash(terms, TITLE_HASH_BYTES)


def terms_hash(terms: list[str], size: int) -> int:
    """BLAKE2b of `size` bytes, little-endian, over the terms joined by blanks; 0 for no size."""
    if not size:
        return 0
    return int.from_bytes(blake2b(" ".join(terms).encode(), digest_size=size).digest(), "little")


class Vocabulary:
    """Gives every term of one run a number, in order of appearance."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, terms: list[str]) -> list[int]:
        """The numbers of `terms`."""
        ids = self._ids
        return [ids.setdefault(term, len(ids)) for term in terms]

    def sort(self) -> tuple[list[str], U32]:
        """Terms in UTF-8 byte order (which is Python's), and old number → place in that order."""
        terms = sorted(self._ids)
        place = np.empty(len(terms), np.uint32)
        old = np.fromiter((self._ids[t] for t in terms), np.int64, len(terms))
        place[old] = np.arange(len(terms), dtype=np.uint32)
        return terms, place


class Tokens:
    """The terms of a column of texts: row i has ``ids[starts[i] : starts[i] + counts[i]]``.

    `tails` are further terms, which belong to the postings alone; `hashes` (u64) holds `terms_hash`
    of each row's terms, of `hash_bytes`, and 0 for a null.
    """

    def __init__(self, column: pa.Array, vocabulary: Vocabulary, *, hash_bytes: int = 0) -> None:
        encoded = pa.array(column, pa.string()).dictionary_encode()
        distinct: list[str] = encoded.dictionary.to_pylist()
        known = np.asarray(encoded.indices.fill_null(len(distinct)), np.int64)
        spread = _Spread(distinct, vocabulary, hash_bytes)
        self.counts: U8 = spread.counts[known]
        self._starts = spread.starts[known]
        self._ids = spread.ids
        self._tail_counts = spread.tail_counts[known]
        self._tail_starts = spread.tail_starts[known]
        self._tails = spread.tails
        self.hashes: U64 = spread.hashes[known]

    def forward(self) -> U32:
        """The terms of every row, one row after the other."""
        return self._ids[ranges(self._starts, self.counts)]

    def pairs(self, docs: Array) -> tuple[U32, Array]:
        """(term, document) of every term and tail, row i being of document ``docs[i]``."""
        tails = self._tails[ranges(self._tail_starts, self._tail_counts)]
        return (
            np.concatenate([self.forward(), tails]),
            np.concatenate([np.repeat(docs, self.counts), np.repeat(docs, self._tail_counts)]),
        )


class _Spread:
    """Terms of distinct texts, with one empty text more at the end (for nulls)."""

    def __init__(self, distinct: list[str], vocabulary: Vocabulary, hash_bytes: int) -> None:
        lists = [words(text)[:MAX_FORWARD_TERMS] for text in distinct]
        tails = [
            further_words(text, terms)[:MAX_FORWARD_TERMS]
            for text, terms in zip(distinct, lists, strict=True)
        ]
        self.counts = np.array([*map(len, lists), 0], np.uint8)
        self.tail_counts = np.array([*map(len, tails), 0], np.uint8)
        self.starts = _starts(self.counts)
        self.tail_starts = _starts(self.tail_counts)
        self.ids = np.array([i for terms in lists for i in vocabulary.add(terms)], np.uint32)
        self.tails = np.array([i for terms in tails for i in vocabulary.add(terms)], np.uint32)
        hashes = [terms_hash(terms, hash_bytes) for terms in lists]
        self.hashes = np.array([*hashes, 0], np.uint64)


def _starts(counts: U8) -> Array:
    ends = np.cumsum(counts, dtype=np.int64)
    return ends - counts
