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
import pyarrow.compute as pc

from phonotheque.search.arrays import (
    U32,
    U64,
    Array,
    create_array,
    distinct,
    load_array,
    number_type,
    offsets_of,
    ranges,
    write_array,
    write_parts,
)
from phonotheque.search.terms import Tokens, Vocabulary

_SHIFT = np.uint64(32)


class RunWriter:
    """Gathers one run in memory and writes it to ``folder/<name>-*.npy``.

    Pairs belong to a *list*: ``docs`` (of documents), or a list of releases, labels or artists.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        self.vocabulary = Vocabulary()
        self._pairs: dict[str, list[tuple[Array, Array]]] = {}
        self._forward: list[Array] = []
        self._rows: list[tuple[Array, Array, Array, Array]] = []

    def add(self, docs: U32, title: Tokens, artist: Tokens) -> None:
        """Take documents with their titles and artist credits."""
        self.add_pairs("docs", *title.pairs(docs))
        self.add_pairs("docs", *artist.pairs(docs))
        self._forward.append(_interleave(title, artist))
        self._rows.append((docs, title.counts, artist.counts, title.hashes))

    def add_pairs(self, name: str, terms: Array, numbers: Array) -> None:
        """Take (term, document or other number) pairs, for a list alone."""
        self._pairs.setdefault(name, []).append((terms, numbers))

    def finish(self) -> "Run":
        """Sort, write, and let go of the memory."""
        terms, place = self.vocabulary.sort()
        for name, pairs in self._pairs.items():
            self._write_list(name, place, pairs)
        if self._rows:
            self._write("forward", place[_joined(self._forward, np.uint32)])
        for at, (part, dtype) in enumerate(
            [("docs", np.uint32), ("titles", np.uint8), ("artists", np.uint8), ("hash", np.uint32)]
        ):
            if self._rows:
                self._write(part, _joined([row[at] for row in self._rows], dtype))
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
    def terms(self) -> pa.Array:
        """The sorted terms, mapped."""
        return pa.ipc.open_file(pa.memory_map(str(self.terms_path))).get_batch(0).column(0)

    def load(self, part: str) -> Array:
        """forward, docs, titles, artists, hash, ``<list>-counts`` or ``<list>-postings``."""
        return load_array(Path(f"{self.path}-{part}.npy"))

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
    order = np.asarray(pc.sort_indices(known), np.int64)
    rank = np.empty(len(order), np.uint32)
    rank[order] = np.arange(len(order), dtype=np.uint32)
    indices = np.concatenate([np.asarray(c.indices) for c in every.chunks] or [np.zeros(0, int)])
    ends = np.cumsum([len(run.terms) for run in runs])
    places = np.split(rank[indices], ends[:-1]) if runs else []
    return Merged(known.take(pa.array(order)), tuple(zip(runs, places, strict=True)))


def write_list(target: Path, name: str, merged: Merged, span_postings: int) -> U64:
    """Write the list `name` by term and then number; returns the offsets, u64[terms + 1].

    In memory: the postings of one span, and 12 bytes a term.
    """
    runs = merged.having(f"{name}-counts")
    frequencies = np.zeros(len(merged.terms), np.uint32)
    for run, place in runs:
        frequencies[place] += run.load(f"{name}-counts")
    offsets = offsets_of(frequencies)
    parts = (_span(name, runs, span) for span in _iter_spans(offsets, span_postings))
    write_parts(target, np.uint32, int(offsets[-1]), parts)
    return offsets


def write_entities(folder: Path, name: str, merged: Merged, span_postings: int) -> None:
    """Write ``<name>_words.npy`` (terms that stand in any text of that kind),
    ``<name>_word_offsets.npy`` and ``<name>_word_numbers.npy``."""
    offsets = write_list(folder / f"{name}_word_numbers.npy", name, merged, span_postings)
    known = np.flatnonzero(np.diff(offsets))
    ends = np.append(offsets[known], offsets[-1])
    write_array(folder / f"{name}_words.npy", known.astype(np.uint32))
    write_array(folder / f"{name}_word_offsets.npy", ends.astype(number_type(int(offsets[-1]))))


def write_forward(folder: Path, documents: int, merged: Merged) -> None:
    """Write ``forward_*.npy``: each document's title terms, then its artist terms, in order."""
    counts, titles = np.zeros(documents, np.uint16), np.zeros(documents, np.uint8)
    runs = merged.having("forward")
    for run, _ in runs:
        docs = run.load("docs")
        titles[docs] = run.load("titles")
        counts[docs] = run.load("artists").astype(np.uint16) + titles[docs]
    offsets = offsets_of(counts)
    out = create_array(folder / "forward_terms.npy", np.uint32, int(offsets[-1]))
    for run, place in runs:
        docs = run.load("docs")
        out[ranges(offsets[docs], counts[docs])] = place[run.load("forward")]
    kind = number_type(int(offsets[-1]))
    write_array(folder / "forward_offsets.npy", offsets.astype(kind))
    write_array(folder / "forward_titles.npy", titles)


def write_title_hashes(folder: Path, merged: Merged) -> None:
    """Write ``title_hashes.npy`` and ``title_docs.npy``, sorted by hash and document.

    In memory: 16 bytes a document.
    """
    keys = np.concatenate(
        [
            run.load("hash").astype(np.uint64) << _SHIFT | run.load("docs")
            for run, _ in merged.having("hash")
        ]
        or [np.zeros(0, np.uint64)]
    )
    keys.sort()
    write_array(folder / "title_hashes.npy", (keys >> _SHIFT).astype(np.uint32))
    write_array(folder / "title_docs.npy", keys.astype(np.uint32))


def _iter_spans(offsets: U64, span_postings: int) -> Iterator[tuple[int, int]]:
    first, terms = 0, len(offsets) - 1
    while first < terms:
        limit = int(offsets[first]) + span_postings
        last = int(np.searchsorted(offsets, limit, side="right")) - 1
        last = min(max(last, first + 1), terms)
        yield first, last
        first = last


def _span(name: str, runs: Sequence[tuple[Run, U32]], span: tuple[int, int]) -> U32:
    keys = [np.zeros(0, np.uint64)]
    for run, place in runs:
        low, high = np.searchsorted(place, span)
        counts = run.load(f"{name}-counts")
        begin = int(counts[:low].sum(dtype=np.uint64))
        inside = counts[low:high]
        end = begin + int(inside.sum(dtype=np.uint64))
        terms = np.repeat(place[low:high].astype(np.uint64), inside)
        keys.append(terms << _SHIFT | run.load(f"{name}-postings")[begin:end])
    joined = np.concatenate(keys)
    joined.sort()
    return joined.astype(np.uint32)


def _interleave(title: Tokens, artist: Tokens) -> U32:
    """Row by row: the title's terms, then the artist's."""
    both = title.counts.astype(np.int64) + artist.counts
    starts = np.cumsum(both) - both
    out = np.empty(int(both.sum()), np.uint32)
    out[ranges(starts, title.counts)] = title.forward()
    out[ranges(starts + title.counts, artist.counts)] = artist.forward()
    return out


def _write_terms(path: Path, terms: pa.Array) -> None:
    batch = pa.record_batch([terms], ["term"])
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_file(out, batch.schema) as file:
        file.write_batch(batch)


def _joined(parts: list[Array], dtype: type) -> Array:
    return np.concatenate(parts) if parts else np.zeros(0, dtype)
