"""Several segments made into one, in bounded memory: documents by ranges of digests, postings by
ranges of keys."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phonotheque.storage.arrays import I64, U32, Array, create_array, ranges
from phonotheque.vault.acoustic.sampling import Postings
from phonotheque.vault.acoustic.segments import Segment, SegmentWriter, sketch_lengths

_DOCUMENTS_AT_ONCE = 1 << 14
_POSTINGS_AT_ONCE = 1 << 22
_PREFIX_BITS = 16


def merge_segments(folder: Path, segments: Sequence[Segment], every: int) -> None:
    """Write the documents of `segments`, which have none in common, into a new segment.

    Memory: about 200 MB, and a directory of 4 bytes for every 16 postings.
    """
    expected = sum(segment.postings for segment in segments)
    with SegmentWriter(folder, every, expected) as writer:
        maps = [
            create_array(folder / f"new-numbers-{n}.npy", np.uint32, segment.documents)
            for n, segment in enumerate(segments)
        ]
        _merge_documents(writer, segments, maps)
        for part in _iter_postings(writer.directory_bits, segments, maps):
            writer.add_postings(part)
    for number in range(len(maps)):
        (folder / f"new-numbers-{number}.npy").unlink()


def _merge_documents(writer: SegmentWriter, segments: Sequence[Segment], maps: list[Array]) -> None:
    """Add all documents; `maps` get the new number of each document of each segment."""
    ends = [_ends_by_prefix(segment) for segment in segments]
    total = np.sum([np.diff(one) for one in ends], axis=0)
    count = 0
    for first, last in _iter_ranges(total, _DOCUMENTS_AT_ONCE):
        slices = [slice(int(one[first]), int(one[last])) for one in ends]
        digests, lengths, copies = (
            np.concatenate([array[part] for array, part in zip(arrays, slices, strict=True)])
            for arrays in zip(*((s.digests, s.lengths, s.copies) for s in segments), strict=True)
        )
        texts = [digest.tobytes() for digest in digests]
        order = np.array(sorted(range(len(texts)), key=texts.__getitem__), np.int64)
        sketches = _sketches(segments, slices, lengths, order)
        writer.add_documents(digests[order], lengths[order], copies[order], sketches)
        numbers = np.empty(len(order), np.uint32)
        numbers[order] = np.arange(count, count + len(order))
        count += len(order)
        at = 0
        for one, part in zip(maps, slices, strict=True):
            size = part.stop - part.start
            one[part] = numbers[at : at + size]
            at += size


def _sketches(segments: Sequence[Segment], slices: list[slice], lengths: U32, order: I64) -> U32:
    """The sketches of the documents in the slices, in their new order."""
    parts = [
        s.sketches[int(s.sketch_offsets[part.start]) : int(s.sketch_offsets[part.stop])]
        for s, part in zip(segments, slices, strict=True)
    ]
    every = np.concatenate(parts)
    sizes = sketch_lengths(lengths)
    starts = np.cumsum(sizes) - sizes
    out: U32 = every[ranges(starts[order], sizes[order])]
    return out


def _iter_postings(bits: int, segments: Sequence[Segment], maps: list[Array]) -> Iterator[Postings]:
    """All postings by key, ranges of keys one after another."""
    bits = min([bits, *(segment.directory_bits for segment in segments)])
    total = np.zeros(1 << bits, np.int64)
    for segment in segments:
        step = 1 << (segment.directory_bits - bits)
        ends: I64 = segment.directory[::step].astype(np.int64)
        total += ends[1:] - ends[:-1]
    for first, last in _iter_ranges(total, _POSTINGS_AT_ONCE):
        parts = []
        for segment, numbers in zip(segments, maps, strict=True):
            more = segment.directory_bits - bits
            part = segment.slice(first << more, last << more)
            parts.append(Postings(part.keys, numbers[part.docs], part.places))
        keys = np.concatenate([part.keys for part in parts])
        order = np.argsort(keys, kind="stable")
        docs = np.concatenate([part.docs for part in parts])
        places = np.concatenate([part.places for part in parts])
        yield Postings(keys[order], docs[order], places[order])


def _ends_by_prefix(segment: Segment) -> npt.NDArray[np.int64]:
    """Where the documents of each range of digests begin; shape (65537,)."""
    counts = np.zeros(1 << _PREFIX_BITS, np.int64)
    for start in range(0, segment.documents, _DOCUMENTS_AT_ONCE):
        block = segment.digests[start : start + _DOCUMENTS_AT_ONCE]
        prefix = block[:, 0].astype(np.int64) << 8 | block[:, 1]
        counts += np.bincount(prefix, minlength=len(counts))
    return np.concatenate([[0], np.cumsum(counts)])


def _iter_ranges(counts: npt.NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Ranges (first ≤ p < last) over all places, each of about `most` or fewer, or of one place."""
    ends = np.concatenate([[0], np.cumsum(counts)])
    first = 0
    while first < len(counts):
        last = int(np.searchsorted(ends, ends[first] + most, side="right")) - 1
        last = max(last, first + 1)
        yield first, min(last, len(counts))
        first = last
