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
    """Gathers one run in memory and writes it to ``folder/<name>-*.npy``."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        self.vocabulary = Vocabulary()
        self._terms: list[Array] = []
        self._docs: list[Array] = []
        self._forward: list[Array] = []
        self._rows: list[tuple[Array, Array, Array, Array]] = []

    def add(self, docs: U32, title: Tokens, artist: Tokens) -> None:
        """Take documents with their titles and artist credits."""
        self.add_pairs(*title.pairs(docs))
        self.add_pairs(*artist.pairs(docs))
        self._forward.append(_interleave(title, artist))
        self._rows.append((docs, title.counts, artist.counts, title.hashes))

    def add_pairs(self, terms: Array, docs: Array) -> None:
        """Take further (term, document) pairs, for the postings alone."""
        self._terms.append(terms)
        self._docs.append(docs)

    def finish(self) -> "Run":
        """Sort, write, and let go of the memory."""
        terms, place = self.vocabulary.sort()
        keys = place[_joined(self._terms, np.uint32)].astype(np.uint64) << _SHIFT
        keys |= _joined(self._docs, np.uint32).astype(np.uint64)
        keys = distinct(keys)
        counts = np.bincount((keys >> _SHIFT).astype(np.int64), minlength=len(terms))
        self._write("counts", counts.astype(np.uint32))
        self._write("postings", keys.astype(np.uint32))
        self._write("forward", place[_joined(self._forward, np.uint32)])
        for at, (part, dtype) in enumerate(
            [("docs", np.uint32), ("titles", np.uint8), ("artists", np.uint8), ("hash", np.uint32)]
        ):
            self._write(part, _joined([row[at] for row in self._rows], dtype))
        run = Run(self._path)
        _write_terms(run.terms_path, pa.array(terms, pa.large_string()))
        return run

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
        """One of counts, postings, forward, docs, titles, artists, hash."""
        return load_array(Path(f"{self.path}-{part}.npy"))


@dataclass(frozen=True, slots=True)
class Merged:
    """The vocabulary of all runs: `terms` sorted, `frequencies` u32, `places` run → global."""

    terms: pa.Array
    frequencies: U32
    places: tuple[U32, ...]


def merge_vocabularies(runs: Sequence[Run]) -> Merged:
    """One sorted vocabulary of all runs, and where each run's terms stand in it."""
    every = pa.chunked_array([run.terms for run in runs], pa.large_string())
    distinct = pc.unique(every)
    terms = distinct.take(pc.sort_indices(distinct))
    places, frequencies = [], np.zeros(len(terms), np.uint32)
    for run in runs:
        place = np.asarray(pc.index_in(run.terms, value_set=terms), np.uint32)
        frequencies[place] += run.load("counts")
        places.append(place)
    return Merged(terms, frequencies, tuple(places))


def write_postings(target: Path, runs: Sequence[Run], merged: Merged, span_postings: int) -> U64:
    """Write all postings, by term and then document; returns the offsets, u64[terms + 1]."""
    offsets = offsets_of(merged.frequencies)
    parts = (
        _span(runs, merged, first, last) for first, last in _iter_spans(offsets, span_postings)
    )
    write_parts(target, np.uint32, int(offsets[-1]), parts)
    return offsets


def write_forward(folder: Path, documents: int, runs: Sequence[Run], merged: Merged) -> None:
    """Write ``forward_*.npy``: each document's title terms, then its artist terms, in order."""
    counts, titles = np.zeros(documents, np.uint16), np.zeros(documents, np.uint8)
    for run in runs:
        docs = run.load("docs")
        titles[docs] = run.load("titles")
        counts[docs] = run.load("artists").astype(np.uint16) + titles[docs]
    offsets = offsets_of(counts)
    out = create_array(folder / "forward_terms.npy", np.uint32, int(offsets[-1]))
    for run, place in zip(runs, merged.places, strict=True):
        docs = run.load("docs")
        out[ranges(offsets[docs], counts[docs])] = place[run.load("forward")]
    kind = number_type(int(offsets[-1]))
    write_array(folder / "forward_offsets.npy", offsets.astype(kind))
    write_array(folder / "forward_titles.npy", titles)


def write_title_hashes(folder: Path, runs: Sequence[Run]) -> None:
    """Write ``title_hashes.npy`` and ``title_docs.npy``, sorted by hash and document.

    In memory: 16 bytes a document.
    """
    keys = np.concatenate(
        [run.load("hash").astype(np.uint64) << _SHIFT | run.load("docs") for run in runs]
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


def _span(runs: Sequence[Run], merged: Merged, first: int, last: int) -> U32:
    keys = []
    for run, place in zip(runs, merged.places, strict=True):
        low, high = np.searchsorted(place, [first, last])
        counts = run.load("counts")
        begin = int(counts[:low].sum(dtype=np.uint64))
        inside = counts[low:high]
        docs = run.load("postings")[begin : begin + int(inside.sum(dtype=np.uint64))]
        terms = np.repeat(place[low:high].astype(np.uint64), inside)
        keys.append(terms << _SHIFT | docs)
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
