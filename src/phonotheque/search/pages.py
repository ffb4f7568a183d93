"""One page of hits: the window it is taken from, its rows, counts and marks."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from phonotheque.search.facets import count_facets
from phonotheque.search.files import IndexFiles
from phonotheque.search.highlighting import highlight
from phonotheque.search.query import Term
from phonotheque.search.ranking import Scores
from phonotheque.search.relaxing import better_spelling, relax
from phonotheque.search.rows import RowStore
from phonotheque.search.searches import Search
from phonotheque.search.values import Codes, Facets, Hit, SearchPage
from phonotheque.search.windows import Cursor, Window, format_cursor, window_at
from phonotheque.storage.arrays import Array

FACETS_MOST = 131_072  # hits that facets are counted of
WIDE_WORDS = 3  # of more words, one that is too common to be followed may as well be missing
OFFER_BELOW = 5  # with so many hits or more, no other spelling is looked for
NO_HITS = SearchPage((), 0, True, False, None, False, None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page shall have."""

    limit: int
    facets: bool = False
    highlights: bool = False


@dataclass(frozen=True, slots=True)
class Pages:
    """Makes pages of one index."""

    files: IndexFiles
    codes: Codes
    rows: RowStore

    def page(self, search: Search, place: Cursor, asked: Asked) -> SearchPage:
        """The page of a search that begins at `place`."""
        window = window_at(search, place)
        first = place.before == 0 and bool(search.wanted)
        few = len(search.wanted) <= WIDE_WORDS
        if first and few and window.is_empty and not place.wide:
            place = msgspec.structs.replace(place, wide=True)
            window = window_at(search, place)
        if first and window.is_empty:
            return self._relaxed_page(search, place, asked)
        facets = self._facets(search, place) if asked.facets else None
        total, exact = _total(search, window, place, facets)
        rare = first and not place.given and exact and total < OFFER_BELOW
        offer = rare and not window.is_answered
        shown = slice(place.given, place.given + asked.limit)
        terms = search.query.marked if asked.highlights else None
        return SearchPage(
            hits=self._hits(window.docs[shown], window.scores[shown], terms),
            total=total,
            total_is_exact=exact,
            relaxed=False,
            did_you_mean=better_spelling(search) if offer else None,
            partial=window.partial or search.cut,
            next_cursor=self._next(window, place, asked.limit),
            facets=facets,
        )

    def _relaxed_page(self, search: Search, place: Cursor, asked: Asked) -> SearchPage:
        found, end = relax(search), place.given + asked.limit
        terms = (*search.query.marked, *found.terms) if asked.highlights else None
        facets = None
        if asked.facets:
            facets = count_facets(self.files, self.codes, found.docs, exact=False)
        following = msgspec.structs.replace(place, given=end)
        return SearchPage(
            hits=self._hits(found.docs[place.given : end], found.scores[place.given : end], terms),
            total=len(found.docs),
            total_is_exact=not len(found.docs) and not found.partial and not search.cut,
            relaxed=len(found.docs) > 0,
            did_you_mean=found.did_you_mean,
            partial=found.partial or search.cut,
            next_cursor=format_cursor(following) if end < len(found.docs) else None,
            matched=found.matched,
            facets=facets,
        )

    def _facets(self, search: Search, place: Cursor) -> Facets:
        every = search.every(FACETS_MOST, wide=place.wide)
        exact = every.exhausted and not every.partial and not search.cut
        return count_facets(self.files, self.codes, every.docs, exact=exact)

    def _next(self, window: Window, place: Cursor, limit: int) -> str | None:
        if place.given + limit < len(window.docs):
            return format_cursor(msgspec.structs.replace(place, given=place.given + limit))
        if window.exhausted:
            return None
        return format_cursor(window.next(place, self.files.documents))

    def _hits(self, docs: Array, scores: Scores, terms: Sequence[Term] | None) -> tuple[Hit, ...]:
        numbers = self.files.doc_number[docs].tolist()
        by_number = dict(zip(numbers, scores.tolist(), strict=True))
        return tuple(
            Hit(
                row.number,
                round(by_number[row.number], 4),
                row,
                None if terms is None else highlight(row, terms),
            )
            for row in self.rows.recordings(numbers)
        )


def _total(
    search: Search, window: Window, place: Cursor, facets: Facets | None
) -> tuple[int, bool]:
    """How many hits there are at least, and whether there are no more."""
    known = place.before + len(window.docs)
    if window.exhausted:
        return known, not window.partial and not search.cut
    if facets is not None:
        return max(known, facets.counted), facets.exact
    counted, exact = search.count_one_word()
    return max(known, counted), exact
