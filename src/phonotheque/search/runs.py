"""Postings by external sort: one sorted run on disk per range of recordings, then one merge.

A run is what fits the memory allowed: its terms sorted, and its (term, document) pairs sorted and
without repetition. The merge takes a span of terms at a time from all runs. In memory at once:
the vocabulary of the whole catalogue (about 30 bytes a distinct term, with Arrow), four bytes a
term and run, and the postings of one span. A single term's postings are never split.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from phonotheque.search.terms import Tokens, Vocabulary
from phonotheque.storage.arrays import (
    U32,
    U64,
    Array,
    distinct,
    load_array,
    number_type,
    offsets_of,
    ranges,
    write_array,
    write_parts,
)

_SHIFT = np.uint64(32)


class RunWriter:
    """Gathers one run in memory and writes it to ``folder/<name>-*.npy``.

    Pairs belong to a *list*: ``docs`` (of documents), or a list of releases, labels or artists.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        self.vocabulary = Vocabulary()
        self._pairs: dict[str, list[tuple[Array, Array]]] = {}
        self._titles: list[tuple[Array, Array, Array, Array]] = []
        self._credits: list[tuple[Array, Array, Array]] = []

    def add(self, docs: U32, title: Tokens, artist: Tokens) -> None:
        """Take documents with their titles and artist credits."""
        self.add_pairs("docs", *title.pairs(docs))
        self.add_pairs("docs", *artist.pairs(docs))
        self._titles.append((docs, title.counts, title.hashes, title.forward()))
        self._credits.append((artist.hashes, artist.counts, artist.forward()))

    def add_pairs(self, name: str, terms: Array, numbers: Array) -> None:
        """Take (term, document or other number) pairs, for a list alone."""
        self._pairs.setdefault(name, []).append((terms, numbers))

    def finish(self) -> "Run":
        """Sort, write, and let go of the memory."""
        terms, place = self.vocabulary.sort()
        for name, pairs in self._pairs.items():
            self._write_list(name, place, pairs)
        if self._titles:
            order = self._write_titles(place)
            self._write_credits(place, order)
        run = Run(self._path)
        _write_terms(run.terms_path, pa.array(terms, pa.large_string()))
        return run

    def _write_list(self, name: str, place: U32, pairs: list[tuple[Array, Array]]) -> None:
        keys = place[_joined([terms for terms, _ in pairs], np.uint32)].astype(np.uint64) << _SHIFT
        keys |= _joined([numbers for _, numbers in pairs], np.uint32).astype(np.uint64)
        keys = distinct(keys)
        counts = np.bincount((keys >> _SHIFT).astype(np.int64), minlength=len(place))
        self._write(f"{name}-counts", counts.astype(np.uint32))
        self._write(f"{name}-postings", keys.astype(np.uint32))

    def _write_titles(self, place: U32) -> Array:
        """In order of document; returns that order."""
        docs, counts, hashes, terms = map(np.concatenate, zip(*self._titles, strict=True))
        order = np.argsort(docs)
        self._write("docs", docs[order])
        self._write("titles", counts[order])
        self._write("title-terms", place[terms[ranges(_begins(counts)[order], counts[order])]])
        keys = hashes << _SHIFT | docs
        keys.sort()
        self._write("title-keys", keys)
        return order

    def _write_credits(self, place: U32, order: Array) -> None:
        """Each once, by hash; and of each document, which."""
        hashes, counts, terms = map(np.concatenate, zip(*self._credits, strict=True))
        known, first, which = np.unique(hashes, return_index=True, return_inverse=True)
        self._write("credits", known)
        self._write("credit-counts", counts[first])
        self._write("credit-terms", place[terms[ranges(_begins(counts)[first], counts[first])]])
        self._write("doc-credits", which[order].astype(np.uint32))

    def _write(self, part: str, values: Array) -> None:
        write_array(Path(f"{self._path}-{part}.npy"), values)


@dataclass(frozen=True, slots=True)
class Run:
    """A run on disk."""

    path: Path

    @property
    def terms_path(self) -> Path:
        """The sorted terms, as an Arrow file of one column and one batch."""
        return Path(f"{self.path}-terms.arrow")

    @property
    def is_whole(self) -> bool:
        """Whether all of it is written: the terms are, at last."""
        return self.terms_path.exists()

    @property
    def terms(self) -> pa.Array:
        """The sorted terms, mapped."""
        return pa.ipc.open_file(pa.memory_map(str(self.terms_path))).get_batch(0).column(0)

    def load(self, part: str) -> Array:
        """A part that `RunWriter` wrote, such as ``docs`` or ``<list>-postings``."""
        return load_array(Path(f"{self.path}-{part}.npy"))

    def drop(self, *parts: str) -> None:
        """Delete parts that nobody needs any more."""
        for part in parts:
            Path(f"{self.path}-{part}.npy").unlink(missing_ok=True)

    def has(self, part: str) -> bool:
        """Whether the run has such a part."""
        return Path(f"{self.path}-{part}.npy").exists()


@dataclass(frozen=True, slots=True)
class Merged:
    """The vocabulary of all runs: `terms` sorted, `places` run → global (each run with it)."""

    terms: pa.Array
    places: tuple[tuple[Run, U32], ...]

    def having(self, part: str) -> list[tuple[Run, U32]]:
        """The runs that have a part."""
        return [(run, place) for run, place in self.places if run.has(part)]


def merge_vocabularies(runs: Sequence[Run]) -> Merged:
    """One sorted vocabulary of all runs, and where each run's terms stand in it."""
    every = pa.chunked_array([run.terms for run in runs], pa.large_string()).dictionary_encode()
    known = every.chunk(0).dictionary if every.num_chunks else pa.array([], pa.large_string())
    import pyarrow.compute as pc  # noqa: PLC0415 - a search does without

    order = np.asarray(pc.sort_indices(known), np.int64)
    rank = np.empty(len(order), np.uint32)
    rank[order] = np.arange(len(order), dtype=np.uint32)
    indices = np.concatenate([np.asarray(c.indices) for c in every.chunks] or [np.zeros(0, int)])
    ends = np.cumsum([len(run.terms) for run in runs])
    places = np.split(rank[indices], ends[:-1]) if runs else []
    return Merged(known.take(pa.array(order)), tuple(zip(runs, places, strict=True)))


def write_list(target: Path, name: str, merged: Merged, span_postings: int, numbers: int) -> U64:
    """Write the list `name` by term and then number (below `numbers`); returns the offsets,
    u64[terms + 1].

    In memory: the postings of one span, and 12 bytes a term.
    """
    runs = merged.having(f"{name}-counts")
    frequencies = np.zeros(len(merged.terms), np.uint32)
    for run, place in runs:
        frequencies[place] += run.load(f"{name}-counts")
    offsets = offsets_of(frequencies)
    readings = [_Reading(name, run, place) for run, place in runs]
    spans = _iter_spans(offsets, span_postings, numbers)
    parts = (_gather(readings, span) for span in spans)
    write_parts(target, np.uint32, int(offsets[-1]), parts)
    return offsets


def write_entities(
    folder: Path, name: str, merged: Merged, span_postings: int, numbers: int
) -> None:
    """Write ``<name>_words.npy`` (terms that stand in any text of that kind),
    ``<name>_word_offsets.npy`` and ``<name>_word_numbers.npy``."""
    offsets = write_list(folder / f"{name}_word_numbers.npy", name, merged, span_postings, numbers)
    known = np.flatnonzero(np.diff(offsets))
    ends = np.append(offsets[known], offsets[-1])
    write_array(folder / f"{name}_words.npy", known.astype(np.uint32))
    write_array(folder / f"{name}_word_offsets.npy", ends.astype(number_type(int(offsets[-1]))))


@dataclass(frozen=True, slots=True)
class _Span:
    """Terms low ≤ t < high, and of these the numbers first ≤ n < last."""

    low: int
    high: int
    first: int = 0
    last: int = 1 << 32


def _iter_spans(offsets: U64, span_postings: int, numbers: int) -> Iterator[_Span]:
    """Some terms at a time; of a term with more than a span, some numbers at a time."""
    low, terms = 0, len(offsets) - 1
    while low < terms:
        limit = int(offsets[low]) + span_postings
        high = int(np.searchsorted(offsets, np.uint64(limit), side="right")) - 1
        if high > low:
            yield _Span(low, high)
        else:
            high = low + 1
            size = int(offsets[high]) - int(offsets[low])
            step = -(-numbers // -(-size // span_postings))
            for first in range(0, numbers, step):
                yield _Span(low, high, first, first + step)
        low = high


def _gather(readings: Sequence["_Reading"], span: _Span) -> U32:
    keys = [np.zeros(0, np.uint64), *(reading.keys(span) for reading in readings)]
    joined = np.concatenate(keys)
    joined.sort()
    return joined.astype(np.uint32)


class _Reading:
    """One list of one run, where each global term begins in it."""

    def __init__(self, name: str, run: Run, place: U32) -> None:
        self._place = place
        self._counts = run.load(f"{name}-counts")
        self._postings = run.load(f"{name}-postings")
        self._at = (0, 0)

    def keys(self, span: _Span) -> U64:
        """term << 32 | number; spans are asked for in order."""
        edges = np.array([span.low, span.high], np.uint32)
        low, high = np.searchsorted(self._place, edges).tolist()
        last, at = self._at
        begin = at + int(self._counts[last:low].sum(dtype=np.uint64))
        self._at = (low, begin)
        inside = self._counts[low:high]
        numbers = self._postings[begin : begin + int(inside.sum(dtype=np.uint64))]
        terms = np.repeat(self._place[low:high].astype(np.uint64), inside)
        if span.high - span.low == 1:
            first, end = np.searchsorted(numbers, np.array([span.first, span.last], np.uint64))
            terms, numbers = terms[first:end], numbers[first:end]
        keys: U64 = terms << _SHIFT | numbers
        return keys


def _begins(counts: Array) -> Array:
    wide = counts.astype(np.int64)
    begins: Array = np.cumsum(wide) - wide
    return begins


def _write_terms(path: Path, terms: pa.Array) -> None:
    batch = pa.record_batch([terms], ["term"])
    partial = path.with_suffix(".partial")
    with pa.OSFile(str(partial), "wb") as out, pa.ipc.new_file(out, batch.schema) as file:
        file.write_batch(batch)
    partial.rename(path)


def _joined(parts: list[Array], dtype: type) -> Array:
    return np.concatenate(parts) if parts else np.zeros(0, dtype)
