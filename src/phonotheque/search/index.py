"""An index at hand: search, look-up, rows."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from phonotheque.model.errors import UsageError
from phonotheque.model.numbers import IdKey, Kind
from phonotheque.search.arrays import Array, load_array
from phonotheque.search.files import IndexFiles
from phonotheque.search.lookup import Identifiers
from phonotheque.search.matching import documents_of, filter_conditions, find_terms
from phonotheque.search.query import Query, parse_query
from phonotheque.search.relaxing import relax
from phonotheque.search.rows import RowStore
from phonotheque.search.values import (
    ArtistRow,
    DisplayRow,
    Hit,
    IndexManifest,
    LookupResult,
    ReleaseRow,
    SearchPage,
)
from phonotheque.search.walk import Deadline
from phonotheque.search.windows import (
    Cursor,
    Search,
    Window,
    format_cursor,
    parse_cursor,
    query_mark,
)
from phonotheque.storage.documents import read_document

MAX_LIMIT = 200
DEADLINE_MS = 200.0
NO_HITS = SearchPage((), 0, True, False, None, False, None)


class SearchIndex:
    """The index of one edition. Any number of threads may read it at once."""

    def __init__(self, folder: Path, manifest: IndexManifest) -> None:
        self.manifest = manifest
        self._files = IndexFiles(folder)
        key = IdKey(bytes.fromhex(manifest.id_key))
        self._identifiers = Identifiers(folder, key, self._files.number_doc)
        self._contents = {
            name: (load_array(folder / f"{name}_offsets.npy"),
                   load_array(folder / f"{name}_recordings.npy"))
            for name in ("release", "artist")
        }  # fmt: skip
        self._rows = RowStore(folder / "rows", key)

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
    ) -> SearchPage:
        """One page of at most `limit` hits (up to 200), best first.

        A whole query that is an identifier (ISRC, MBID, public id) gives what it names.

        Raises:
            UsageError: `limit` is not within 1 … 200.
            InputError: `cursor` is not of this query on this edition.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise UsageError(f"limit: 1 to {MAX_LIMIT}, not {limit}")
        mark = query_mark(query, self.manifest.edition_sha256)
        place = parse_cursor(cursor, mark) if cursor else Cursor(mark)
        named = self._identifiers.look_up(query)
        if named.numbers and named.kind is Kind.RECORDING and named.recognised != "number":
            return self._named_page(named.numbers)
        parsed = parse_query(query)
        if parsed.is_empty:
            return _marked(NO_HITS, parsed.cut)
        page = self._page(self._prepare(parsed, deadline_ms), place, limit)
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

    def release(self, number: int) -> ReleaseRow | None:
        """One release."""
        return next(iter(self._rows.releases([number])), None)

    def artist(self, number: int) -> ArtistRow | None:
        """One artist."""
        return next(iter(self._rows.artists([number])), None)

    def release_recordings(self, number: int) -> list[int]:
        """The recordings of a release, by disc and position."""
        return self._owned("release", number)

    def artist_recordings(self, number: int) -> list[int]:
        """The recordings of an artist, the most listened first."""
        return self._owned("artist", number)

    def most_listened(self, first: int = 0, count: int = 20) -> list[int]:
        """Recordings by rank, from place `first` (counted from 0)."""
        numbers: list[int] = self._files.doc_number[first : first + count].tolist()
        return numbers

    def _owned(self, name: str, number: int) -> list[int]:
        offsets, recordings = self._contents[name]
        if not 0 < number < len(offsets) - 1:
            return []
        found: list[int] = recordings[int(offsets[number]) : int(offsets[number + 1])].tolist()
        return found

    def _prepare(self, parsed: Query, deadline_ms: float) -> Search:
        files = self._files
        filters = filter_conditions(
            files, self.manifest.licences, parsed, self._identifiers.find_isrc
        )
        wanted = find_terms(files, parsed.terms)
        head_postings, deadline = self.manifest.head_postings, Deadline.after(deadline_ms)
        return Search(files, head_postings, parsed, wanted, filters, deadline)

    def _page(self, search: Search, place: Cursor, limit: int) -> SearchPage:
        window = search.window(place)
        if not len(window.docs) and place.before == 0 and search.wanted and not window.partial:
            return self._relaxed_page(search, place, limit)
        given = place.given
        hits = self._hits(window.docs[given : given + limit], window.scores[given : given + limit])
        total, exact = self._total(search, window, place)
        return SearchPage(
            hits=hits,
            total=total,
            total_is_exact=exact,
            relaxed=False,
            did_you_mean=None,
            partial=window.partial,
            next_cursor=self._next(window, place, limit),
        )

    def _next(self, window: Window, place: Cursor, limit: int) -> str | None:
        if place.given + limit < len(window.docs):
            return format_cursor(_moved(place, given=place.given + limit))
        if window.exhausted:
            return None
        end = self._files.documents
        return format_cursor(
            Cursor(
                place.query,
                end if window.whole.exhausted else window.whole.after,
                end if window.beginning.exhausted else window.beginning.after,
                place.before + len(window.docs),
                0,
            )
        )

    def _total(self, search: Search, window: Window, place: Cursor) -> tuple[int, bool]:
        known = place.before + len(window.docs)
        if window.exhausted or not search.is_one_word:
            return known, window.exhausted
        word = search.wanted[0]
        if self._files.frequency(word.low, word.high) > self.manifest.head_postings:
            return max(known, self._files.frequency(word.low, word.low + 1) * word.whole), False
        return len(self._files.docs_of(word.low, word.high)), True

    def _relaxed_page(self, search: Search, place: Cursor, limit: int) -> SearchPage:
        found, end = relax(search), place.given + limit
        more = end < len(found.docs)
        return SearchPage(
            hits=self._hits(found.docs[place.given : end], found.scores[place.given : end]),
            total=len(found.docs),
            total_is_exact=not len(found.docs) and not found.partial,
            relaxed=len(found.docs) > 0,
            did_you_mean=found.did_you_mean,
            partial=found.partial,
            next_cursor=format_cursor(_moved(place, given=end)) if more else None,
            matched=found.matched,
        )

    def _named_page(self, numbers: Sequence[int]) -> SearchPage:
        docs = documents_of(self._files, numbers)[:MAX_LIMIT]
        hits = self._hits(docs, np.full(len(docs), 10.0))
        return SearchPage(hits, len(hits), True, False, None, False, None)

    def _hits(self, docs: Array, scores: Array) -> tuple[Hit, ...]:
        numbers = self._files.doc_number[docs].tolist()
        by_number = dict(zip(numbers, scores.tolist(), strict=True))
        return tuple(
            Hit(row.number, round(by_number[row.number], 4), row) for row in self.rows(numbers)
        )


def _moved(place: Cursor, *, given: int) -> Cursor:
    return Cursor(place.query, place.whole_from, place.beginning_from, place.before, given)


def _marked(page: SearchPage, cut: bool) -> SearchPage:
    """The page, marked partial where the query was cut."""
    return msgspec.structs.replace(page, partial=True) if cut else page
