"""One segment of the index: immutable arrays of some documents, written once, read by mapping.

docs/formats/acoustic.md has the files. Documents are sorted by SHA-256; postings by key, found
through a directory over the upper bits of the key, the lower 16 bits standing with each posting.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from phonotheque.storage.arrays import (
    I64,
    U8,
    U32,
    Array,
    load_array,
    number_type,
    offsets_of,
    ranges,
)
from phonotheque.storage.growing import GrowingArray
from phonotheque.vault.acoustic.codec import Items
from phonotheque.vault.acoustic.sampling import Keys, Postings, key_limit, sample

SKETCH_ITEMS: Final = 4
"""A segment keeps one item in so many, at multiples of it, to compare candidates by."""

REST_BITS: Final = 16
_POSTINGS_A_PLACE = 8
_MOST_DIRECTORY_BITS = 26


class Document(NamedTuple):
    """A file that takes part: the SHA-256 of its bytes (32 bytes), its fingerprint, and whether it
    is the same sound as a file that was there before."""

    sha256: bytes
    items: Items
    copy: bool = False


class Segment:
    """The arrays of a segment, mapped.

    Raises:
        FormatError: an array is missing or none.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.folder = folder
        self.key_bits = (key_limit(every) - 1).bit_length()
        self.digests: U8 = load_array(folder / "digests.npy")
        self.lengths: U32 = load_array(folder / "lengths.npy")
        self.copies: U8 = load_array(folder / "copies.npy")
        self.sketches: U32 = load_array(folder / "sketches.npy")
        self.sketch_offsets = load_array(folder / "sketch_offsets.npy")
        self.directory = load_array(folder / "directory.npy")
        self._rests = load_array(folder / "rests.npy")
        self._docs = load_array(folder / "docs.npy")
        self._places = load_array(folder / "places.npy")

    @property
    def documents(self) -> int:
        """How many files it holds."""
        return len(self.lengths)

    @property
    def postings(self) -> int:
        """How many sampled items."""
        return len(self._docs)

    @cached_property
    def directory_bits(self) -> int:
        """Upper bits of a key that lead into the directory."""
        return (len(self.directory) - 1).bit_length() - 1

    def find(self, sha256: bytes) -> int | None:
        """The document of a file; None where it has none here."""
        low, high = 0, self.documents
        while low < high:
            middle = (low + high) // 2
            if self.digests[middle].tobytes() < sha256:
                low = middle + 1
            else:
                high = middle
        found = low < self.documents and self.digests[low].tobytes() == sha256
        return low if found else None

    def sketch(self, doc: int) -> Items:
        """Items 0, 4, 8, … of a document."""
        begin, end = int(self.sketch_offsets[doc]), int(self.sketch_offsets[doc + 1])
        return np.asarray(self.sketches[begin:end])

    def look_up(self, keys: Keys) -> tuple[I64, Postings]:
        """Postings of `keys`, and for each of them the index of its key in `keys`."""
        shift = np.uint32(self.key_bits - self.directory_bits)
        place = (keys >> shift).astype(np.int64)
        low = self.directory[place].astype(np.int64)
        high = self.directory[place + 1].astype(np.int64)
        some = np.flatnonzero(low < high)
        rests, high = keys[some].astype(np.uint16), high[some]
        begin = _bisect(self._rests, low[some], high, rests, after=False)
        hit = np.flatnonzero(begin < high)
        hit = hit[self._rests[begin[hit]] == rests[hit]]
        some, begin = some[hit], begin[hit]
        counts = _bisect(self._rests, begin, high[hit], rests[hit], after=True) - begin
        at, which = ranges(begin, counts), np.repeat(some, counts)
        return which, Postings(keys[which], self._docs[at], self._places[at])

    def slice(self, low: int, high: int) -> Postings:
        """The postings of directory places low ≤ p < high, by key."""
        ends = self.directory[low : high + 1].astype(np.int64)
        begin, end = int(ends[0]), int(ends[-1])
        place = np.repeat(np.arange(low, high, dtype=np.uint32), np.diff(ends))
        upper = place >> np.uint32(self.directory_bits + REST_BITS - self.key_bits)
        keys = upper << np.uint32(REST_BITS) | self._rests[begin:end]
        return Postings(keys, self._docs[begin:end], self._places[begin:end])


class SegmentWriter:
    """Writes the arrays of one segment into a folder, part by part: first documents in the order
    of their digests, then postings in the order of their keys."""

    def __init__(self, folder: Path, every: int, expected_postings: int) -> None:
        key_bits = (key_limit(every) - 1).bit_length()
        self.directory_bits = directory_bits(key_bits, expected_postings)
        self._folder, self._shift = folder, np.uint32(key_bits - self.directory_bits)
        self._counts = np.zeros(1 << self.directory_bits, np.uint32)
        self._files = ExitStack()
        folder.mkdir(parents=True)

    def __enter__(self) -> "SegmentWriter":
        kinds = {
            "digest_bytes": np.uint8, "lengths": np.uint32, "copies": np.uint8,
            "sketches": np.uint32, "rests": np.uint16, "docs": np.uint32, "places": np.uint16,
        }  # fmt: skip
        self._out = {
            name: self._files.enter_context(GrowingArray(self._folder / f"{name}.npy", kind))
            for name, kind in kinds.items()
        }
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()
        digests = self._folder / "digest_bytes.npy"
        np.save(self._folder / "digests.npy", load_array(digests).reshape(-1, 32))
        digests.unlink()
        lengths = load_array(self._folder / "lengths.npy")
        np.save(self._folder / "sketch_offsets.npy", offsets_of(sketch_lengths(lengths)))
        ends = offsets_of(self._counts)
        np.save(self._folder / "directory.npy", ends.astype(number_type(int(ends[-1]))))

    def add_documents(self, digests: U8, lengths: U32, copies: U8, sketches: U32) -> None:
        """Documents with digests, shape (n, 32), behind those that were added before."""
        self._out["copies"].append(copies)
        self._out["digest_bytes"].append(digests.ravel())
        self._out["lengths"].append(lengths)
        self._out["sketches"].append(sketches)

    def add_postings(self, postings: Postings) -> None:
        """Postings whose keys rise, none below one that was added before."""
        self._out["rests"].append(postings.keys.astype(np.uint16))
        self._out["docs"].append(postings.docs)
        self._out["places"].append(postings.places)
        places, counts = np.unique(postings.keys >> self._shift, return_counts=True)
        self._counts[places] += counts.astype(np.uint32)


def _bisect(
    rests: npt.NDArray[np.uint16],
    low: I64,
    high: I64,
    wanted: npt.NDArray[np.uint16],
    *,
    after: bool,
) -> I64:
    """For each range low ≤ i < high of rising `rests` the first place not below the wanted one
    (`after`: above it)."""
    low, high = low.copy(), high.copy()
    open_ = np.flatnonzero(low < high)
    while len(open_):
        middle = (low[open_] + high[open_]) >> 1
        there, sought = rests[middle], wanted[open_]
        up = (there <= sought) if after else (there < sought)
        low[open_] = np.where(up, middle + 1, low[open_])
        high[open_] = np.where(up, high[open_], middle)
        open_ = open_[low[open_] < high[open_]]
    return low


def directory_bits(key_bits: int, postings: int) -> int:
    """How many upper bits of a key lead into the directory of so many postings."""
    wanted = (postings // _POSTINGS_A_PLACE).bit_length()
    return min(max(wanted, key_bits - REST_BITS), _MOST_DIRECTORY_BITS, key_bits)


def sketch_lengths(lengths: Array) -> I64:
    """Items that a segment keeps of fingerprints of these lengths."""
    return -(-lengths.astype(np.int64) // SKETCH_ITEMS)


def write_segment(folder: Path, documents: Sequence[Document], every: int) -> None:
    """Write a segment of documents that are in memory, each SHA-256 once, into a new folder."""
    ordered = sorted(documents, key=lambda document: document.sha256)
    items = np.concatenate([np.zeros(0, np.uint32), *(d.items for d in ordered)])
    lengths = np.array([len(d.items) for d in ordered], np.int64)
    postings = sample(items, lengths, every)
    with SegmentWriter(folder, every, len(postings.keys)) as writer:
        writer.add_documents(
            np.frombuffer(b"".join(d.sha256 for d in ordered), np.uint8).reshape(-1, 32),
            lengths.astype(np.uint32),
            np.array([d.copy for d in ordered], np.uint8),
            np.concatenate([np.zeros(0, np.uint32), *(d.items[::SKETCH_ITEMS] for d in ordered)]),
        )
        writer.add_postings(postings)
