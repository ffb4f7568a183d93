"""The index of fingerprints: what is this sound, and which files hold it already?

`index.json` names the segments that count; everything else in the folder is garbage of a writer
that was killed. A look-up asks every segment for the keys near those of the sound, counts for
each document how many agree on one offset, and lays the sound upon the best ones bit by bit.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from copy import copy
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Final

import msgspec

from phonotheque.model.errors import FormatError
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.durable import commit_directory, ensure_directory
from phonotheque.vault.acoustic.codec import ITEM_SECONDS, Items
from phonotheque.vault.acoustic.comparing import LEAST_SECONDS, SAME_ERROR_RATE, Alignment, align
from phonotheque.vault.acoustic.merging import merge_segments
from phonotheque.vault.acoustic.sampling import probe
from phonotheque.vault.acoustic.segments import Document, Segment, write_segment
from phonotheque.vault.acoustic.voting import Candidate, iter_candidates

EVERY: Final = 8
"""One item in so many is indexed, where nothing else is asked for."""

MERGE_AT: Final = 8
"""So many segments of about one size become one."""

ITEMS_A_SEGMENT: Final = 8_000_000
"""Fingerprints of so many items, 32 MB, are written at once."""

_CLIP_ITEMS = int(60 / ITEM_SECONDS)
_CLIP_PROBES = 2, 120
_FILE_PROBES = 1, 400
"""Bits in which keys may differ, and items that are asked for, of less than a minute and more."""

_OF_A_SEGMENT, _CANDIDATES = 48, 96
_LEAST_ITEMS = int(LEAST_SECONDS / ITEM_SECONDS)
_TRIES = 5


class SegmentEntry(msgspec.Struct, frozen=True):
    """A segment in `index.json`."""

    name: str
    documents: int


class IndexManifest(msgspec.Struct, frozen=True, kw_only=True):
    """`index.json`. `taken` is the last batch of descriptions that is in the index."""

    FORMAT: ClassVar[int] = 1

    format: int = 1
    every: int = EVERY
    taken: int = 0
    next_segment: int = 1
    segments: tuple[SegmentEntry, ...] = ()


class Hit(msgspec.Struct, frozen=True):
    """A file of the index, of `length` items, and how the sound lies upon it. `copy`: the same
    sound as a file that was there before."""

    sha256: str
    length: int
    alignment: Alignment
    copy: bool = False


class AcousticIndex:
    """The index in a folder, as it was when it was opened. Its writer holds a lock; readers need
    none.

    Raises:
        FormatError: an index of another format, or a damaged one; delete the folder, and it is
            made again.
    """

    def __init__(self, folder: Path, every: int = EVERY) -> None:
        self._folder = folder
        for _ in range(_TRIES):  # a writer may merge segments away while they are opened
            self._manifest = _read(folder, every)
            try:
                self._segments = [self._open(entry) for entry in self._manifest.segments]
                break
            except FormatError as error:
                failure = error
        else:
            raise FormatError(
                f"{folder}: the index of fingerprints cannot be read ({failure}); delete this "
                "folder, and the next `phonotheque ingest` makes it again"
            )

    @property
    def documents(self) -> int:
        """Files in the index."""
        return sum(segment.documents for segment in self._segments)

    @property
    def taken(self) -> int:
        """The last batch of descriptions that the index holds."""
        return self._manifest.taken

    def is_first(self, sha256: str) -> bool:
        """Whether a file is in the index and no copy of another one."""
        found = self._find(bytes.fromhex(sha256))
        return found is not None and not found[0].copies[found[1]]

    def _find(self, digest: bytes) -> tuple[Segment, int] | None:
        for segment in self._segments:
            doc = segment.find(digest)
            if doc is not None:
                return segment, doc
        return None

    # ------------------------------------------------------------------------------ look-up

    def look_up(self, items: Items, limit: int = 8, but: Set[str] = frozenset()) -> list[Hit]:
        """The files that a sound, shape (n,), lies upon best: by error rate, then SHA-256; `but`
        are files that are passed over.

        Hits are as near as they were found; `comparing` judges them. Memory: some megabytes.
        """
        flips, most = _CLIP_PROBES if len(items) < _CLIP_ITEMS else _FILE_PROBES
        asked = probe(items, self._manifest.every, flips, most)
        found = [
            (candidate, segment)
            for segment in self._segments
            for candidate in iter_candidates(segment, asked, _OF_A_SEGMENT)
        ]
        found.sort(key=lambda pair: -pair[0].score)
        hits = sorted(
            islice(_iter_hits(found, items, but), _CANDIDATES),
            key=lambda hit: (hit.alignment.error_rate, hit.sha256),
        )
        return hits[:limit]

    @contextmanager
    def beside(self, documents: Sequence[Document]) -> Iterator["AcousticIndex"]:
        """The index with documents that are in memory beside its own, for as long as it takes to
        look them up; of those here already its own count."""
        with TemporaryDirectory(prefix="phonotheque-acoustic-") as folder:
            new = {d.sha256: d for d in documents if self._find(d.sha256) is None}
            both = copy(self)
            if new:
                place = Path(folder) / "segment"
                write_segment(place, list(new.values()), self._manifest.every)
                both._segments = [*self._segments, Segment(place, self._manifest.every)]
            yield both

    # ------------------------------------------------------------------------------- writing

    def add(self, documents: Iterable[Document]) -> int:
        """Take in documents that are not here yet; durable on return. How many were new.

        Memory: the fingerprints of a segment several times over, and what a merge needs.
        """
        self._sweep()
        added = 0
        new = (document for document in documents if self._find(document.sha256) is None)
        for batch in _batches(new):
            entry = self._write(batch)
            added += entry.documents
            self._commit(segments=(*self._manifest.segments, entry))
            self._merge()
        return added

    def note_taken(self, batch: int) -> None:
        """Remember, durably, that all descriptions up to this batch are in the index."""
        self._commit(taken=batch)

    def _sweep(self) -> None:
        """Remove what a killed writer left."""
        known = {"index.json", *(entry.name for entry in self._manifest.segments)}
        for path in self._folder.glob("*"):
            if path.name not in known and path.is_dir():
                shutil.rmtree(path)

    def _merge(self) -> None:
        """Merge while there are `MERGE_AT` segments of about one size."""
        while True:
            tiers = dict[int, list[SegmentEntry]]()
            for entry in self._manifest.segments:
                tiers.setdefault(_tier(entry.documents), []).append(entry)
            full = [of_tier for _, of_tier in sorted(tiers.items()) if len(of_tier) >= MERGE_AT]
            if not full:
                return
            self._merge_these(full[0])

    def _merge_these(self, entries: list[SegmentEntry]) -> None:
        opened = dict(zip(self._manifest.segments, self._segments, strict=True))
        chosen = [opened.pop(entry) for entry in entries]
        made = self._write(chosen)
        self._commit(segments=(*opened, made))
        for entry in entries:
            shutil.rmtree(self._folder / entry.name)

    def _write(self, content: list[Document] | list[Segment]) -> SegmentEntry:
        """A new segment of documents or of other segments."""
        name = f"{self._manifest.next_segment:08d}"
        temporary = self._folder / f".{name}.partial"
        ensure_directory(self._folder)
        every = self._manifest.every
        segments = [one for one in content if isinstance(one, Segment)]
        if segments:
            merge_segments(temporary, segments, every)
            documents = sum(segment.documents for segment in segments)
        else:
            write_segment(temporary, [one for one in content if isinstance(one, Document)], every)
            documents = len(content)
        commit_directory(temporary, self._folder / name)
        return SegmentEntry(name, documents)

    def _commit(
        self,
        *,
        segments: tuple[SegmentEntry, ...] | None = None,
        taken: int | None = None,
    ) -> None:
        before = self._manifest
        after = IndexManifest(
            every=before.every,
            taken=before.taken if taken is None else taken,
            next_segment=before.next_segment + (segments is not None),
            segments=before.segments if segments is None else segments,
        )
        ensure_directory(self._folder)
        write_document(self._folder / "index.json", after)
        opened = dict(zip(before.segments, self._segments, strict=True))
        self._segments = [opened.get(entry) or self._open(entry) for entry in after.segments]
        self._manifest = after

    def _open(self, entry: SegmentEntry) -> Segment:
        return Segment(self._folder / entry.name, self._manifest.every)


def _read(folder: Path, every: int) -> IndexManifest:
    path = folder / "index.json"
    return read_document(path, IndexManifest) if path.exists() else IndexManifest(every=every)


def _iter_hits(
    found: list[tuple[Candidate, Segment]], items: Items, but: Set[str]
) -> Iterator[Hit]:
    """Candidates laid bit by bit, the best first and each document once, until one was the same
    and what follows has a quarter of its votes."""
    seen, enough = set[tuple[Path, int]](), 0.0
    for (score, doc, offset), segment in found:
        if score < enough:
            return
        if (segment.folder, doc) in seen:
            continue
        seen.add((segment.folder, doc))
        if but and segment.digests[doc].tobytes().hex() in but:
            continue
        hit = _laid(segment, doc, items, offset)
        least = min(_LEAST_ITEMS, len(items) // 2, hit.length // 2)
        if hit.alignment.overlap < least:
            continue
        if hit.alignment.error_rate <= SAME_ERROR_RATE and not hit.copy:
            enough = max(enough, score / 4)
        yield hit


def _laid(segment: Segment, doc: int, items: Items, offset: int) -> Hit:
    length = int(segment.lengths[doc])
    alignment = align(items, segment.sketch(doc), length, offset)
    sha256 = segment.digests[doc].tobytes().hex()
    return Hit(sha256, length, alignment, bool(segment.copies[doc]))


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents in lists of one segment each, none twice in a list."""
    batch, items = dict[bytes, Document](), 0
    for document in documents:
        if document.sha256 not in batch:
            batch[document.sha256] = document
            items += len(document.items)
        if items >= ITEMS_A_SEGMENT:
            yield list(batch.values())
            batch, items = {}, 0
    if batch:
        yield list(batch.values())


def _tier(documents: int) -> int:
    """Segments of one tier have about as many documents as each other."""
    tier = 0
    while documents >= MERGE_AT:
        documents //= MERGE_AT
        tier += 1
    return tier
