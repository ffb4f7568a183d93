"""An index at hand: search, look-up, rows."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from phonotheque.model.errors import UsageError
from phonotheque.model.numbers import IdKey, Kind
from phonotheque.search.file_keys import FOLDER, FileKeys
from phonotheque.search.files import IndexFiles
from phonotheque.search.heard import Heard
from phonotheque.search.lookup import Identifiers
from phonotheque.search.matching import NO_DOCS, filter_conditions, find_terms, list_condition
from phonotheque.search.pages import NO_HITS, Asked, Pages
from phonotheque.search.query import MAX_CHARACTERS, Query, parse_query
from phonotheque.search.related import find_related
from phonotheque.search.rows import RowStore
from phonotheque.search.searches import Search
from phonotheque.search.spellings import latin_readings
from phonotheque.search.values import (
    ArtistRow,
    DisplayRow,
    IndexManifest,
    LookupResult,
    Matched,
    ReleaseRow,
    SearchPage,
)
from phonotheque.search.walk import Deadline
from phonotheque.search.windows import Cursor, parse_cursor, query_mark
from phonotheque.storage.arrays import Array, distinct, load_array
from phonotheque.storage.documents import read_document

MAX_LIMIT = 200
DEADLINE_MS = 200.0
_OWNERS = {Kind.RELEASE: "release", Kind.ARTIST: "artist"}


class SearchIndex:
    """The index of one edition. Any number of threads may read it at once. `heard`: which of its
    documents have a file."""

    def __init__(self, folder: Path, manifest: IndexManifest) -> None:
        self.manifest = manifest
        self._files = IndexFiles(folder)
        key = IdKey(bytes.fromhex(manifest.id_key))
        self._identifiers = Identifiers(folder, key, self._files)
        self._contents = {
            name: (load_array(folder / f"{name}_offsets.npy"),
                   load_array(folder / f"{name}_docs.npy"))
            for name in ("release", "artist")
        }  # fmt: skip
        self._rows = RowStore(folder / "rows", key)
        self.heard = Heard(folder)
        self._pages = Pages(self._files, manifest.codes, self._rows)
        self._folder = folder

    @classmethod
    def open(cls, index_dir: Path) -> "SearchIndex":
        """The index in `index_dir`; files are mapped, not read.

        Raises:
            NotFoundError: there is none; `phonotheque.search.ensure_index` makes it.
            FormatError: it is of another version, or damaged.
        """
        return cls(index_dir, read_document(index_dir / "index.json", IndexManifest))

    def close(self) -> None:
        """Let go of the row store."""
        self._rows.close()

    def search(
        self,
        query: str,
        limit: int = 20,
        cursor: str | None = None,
        *,
        deadline_ms: float = DEADLINE_MS,
        facets: bool = False,
        highlights: bool = False,
    ) -> SearchPage:
        """One page of at most `limit` hits (up to 200), best first.

        A whole query that is an identifier (ISRC, barcode, MBID, public id) gives the recordings
        of what it names. Counting `facets` takes some milliseconds, and so does marking
        `highlights`.

        Raises:
            UsageError: `limit` is not within 1 … 200.
            InputError: `cursor` is not of this query on this edition.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise UsageError(f"limit: 1 to {MAX_LIMIT}, not {limit}")
        mark = query_mark(query, self.manifest.edition_sha256)
        place = parse_cursor(cursor, mark) if cursor else Cursor(mark)
        parsed = parse_query(query)
        deadline = Deadline.after(deadline_ms)
        named = self._named(query)
        if named is None and parsed.is_empty:
            return _marked(NO_HITS, parsed.cut)
        search = self._prepare(Query() if named is not None else parsed, named, deadline)
        asked = Asked(limit, facets, highlights)
        page = self._pages.page(search, place, asked)
        missed = not page.hits or page.matched is Matched.FEWER_WORDS
        if missed and cursor is None and named is None:
            page = self._in_latin(query, asked, deadline, page)
        return _marked(page, parsed.cut)

    def lookup(self, text: str) -> LookupResult:
        """What an ISRC (in any writing), MBID, public id, number or ``source:…`` key names."""
        return self._identifiers.look_up(text)

    def lookup_many(self, texts: Sequence[str]) -> list[LookupResult]:
        """As `lookup` for each of `texts`."""
        return self._identifiers.look_up_many(texts)

    def rows(self, numbers: Sequence[int]) -> list[DisplayRow]:
        """The rows of recordings, in the order of `numbers`; unknown numbers are left out."""
        return self._rows.recordings(numbers)

    def find_file(self, digest: str) -> list[tuple[str, int]]:
        """(volume, place in its table of files, counted from 0) where a file with this SHA-256 may
        stand; a stranger may be among them: compare what stands there.

        Raises:
            NotFoundError: `phonotheque.search.ensure_file_keys` has not made the list of files.
        """
        return self._file_keys.find(digest)

    @cached_property
    def _file_keys(self) -> FileKeys:
        return FileKeys(self._folder / FOLDER)

    def release(self, number: int) -> ReleaseRow | None:
        """One release."""
        return next(iter(self._rows.releases([number])), None)

    def artist(self, number: int) -> ArtistRow | None:
        """One artist."""
        return next(iter(self._rows.artists([number])), None)

    def release_recordings(self, number: int) -> list[int]:
        """The recordings of a release, by disc and position."""
        return self._numbers(self._owned("release", number))

    def artist_recordings(self, number: int) -> list[int]:
        """The recordings of an artist, the most listened first."""
        return self._numbers(self._owned("artist", number))

    def greatest(self, kind: Kind) -> int:
        """No release (or artist, by `kind`) with a recording here has a number above this one."""
        return max(len(self._contents[_OWNERS[kind]][0]) - 2, 0)

    def numbers_between(self, kind: Kind, first: int, last: int) -> list[int]:
        """The releases or artists with a recording here and first ≤ number ≤ last, rising; the
        effort is in proportion to the span."""
        offsets, _ = self._contents[_OWNERS[kind]]
        first = max(first, 1)
        found: list[int] = (np.flatnonzero(np.diff(offsets[first : last + 2])) + first).tolist()
        return found

    def most_listened(self, first: int = 0, count: int = 20) -> list[int]:
        """Recordings by rank, from place `first` (counted from 0)."""
        return self._numbers(slice(first, first + count))

    def _numbers(self, docs: Array | slice) -> list[int]:
        numbers: list[int] = self._files.doc_number[docs].tolist()
        return numbers

    def _owned(self, name: str, number: int) -> Array:
        """The documents of a release or artist, in its order."""
        offsets, docs = self._contents[name]
        if not 0 < number < len(offsets) - 1:
            return NO_DOCS
        found: Array = docs[int(offsets[number]) : int(offsets[number + 1])]
        return found

    def _named(self, query: str) -> Array | None:
        """The documents of what the whole query names, if it is an identifier."""
        named = self._identifiers.look_up(query)
        if not named.numbers or named.recognised == "number":
            return None
        if named.kind is not Kind.RECORDING:
            owner = _OWNERS.get(named.kind) if named.kind else None
            return self._all_owned(owner, named.numbers) if owner else None
        docs = self._identifiers.documents(query)
        if docs is not None:
            return distinct(docs)
        rows = self._rows.recordings(named.numbers)
        return self._files.documents_of([row.number for row in rows], [row.rank for row in rows])

    def _all_owned(self, name: str, numbers: Sequence[int]) -> Array:
        """The documents, sorted, of releases or artists."""
        return distinct(np.concatenate([NO_DOCS, *(self._owned(name, n) for n in numbers)]))

    def _in_latin(
        self, query: str, asked: Asked, deadline: Deadline, page: SearchPage
    ) -> SearchPage:
        """`page`, or that of the query read in Latin letters, if only that has every word."""
        for text in latin_readings(query[:MAX_CHARACTERS]):
            if deadline.is_over:
                return msgspec.structs.replace(page, partial=True)
            search = self._prepare(parse_query(text), None, deadline)
            found = self._pages.page(search, Cursor(), asked)
            if found.hits and found.matched is not Matched.FEWER_WORDS:
                return msgspec.structs.replace(
                    found,
                    relaxed=True,
                    matched=Matched.OTHER_SPELLING,
                    did_you_mean=found.did_you_mean if found.relaxed else text,
                    next_cursor=None,  # further pages are those of `did_you_mean`
                )
        return page

    def _prepare(self, parsed: Query, named: Array | None, deadline: Deadline) -> Search:
        files = self._files
        filters = filter_conditions(files, self.manifest.codes, parsed)
        cut = False
        if named is not None:
            filters.append(list_condition(named))
        if parsed.isrcs:
            found = [self._identifiers.isrc_documents(code) for code in parsed.isrcs]
            filters.append(list_condition(distinct(np.concatenate(found))))
        if parsed.barcodes:
            releases = [n for code in parsed.barcodes for n in self._identifiers.find_barcode(code)]
            filters.append(list_condition(self._all_owned("release", releases)))
        for related in parsed.related:
            docs, whole = find_related(files, related, deadline)
            filters.append(list_condition(docs))
            cut |= not whole
        wanted = find_terms(files, parsed.terms)
        return Search(files, self.manifest.head_postings, parsed, wanted, filters, deadline, cut)


def _marked(page: SearchPage, cut: bool) -> SearchPage:
    """The page, marked partial where the query was cut."""
    return msgspec.structs.replace(page, partial=True) if cut else page
