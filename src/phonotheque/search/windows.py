"""Windows of candidates: what one page is taken from, in an order that stays.

A window is the next 100 documents, by rank, that have all words as typed, the next 100 that have
the last word only as a beginning, and, in the first window, the first 50 whose title is the query.
Once these are at an end, there follow those that have a word through others (`related`): a release,
a label, an artist's other name. Where nothing at all is found, such words may also be very common
ones (`wide`). Each window is ranked by itself. A cursor says where a window begins and how much of
it was given.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import msgspec
import numpy as np

from phonotheque.model.errors import InputError
from phonotheque.search.arrays import Array, Mask, distinct
from phonotheque.search.files import IndexFiles, is_member
from phonotheque.search.matching import (
    NO_DOCS,
    Wanted,
    field_conditions,
    list_condition,
    phrase_condition,
    without_condition,
    word_condition,
)
from phonotheque.search.query import Query
from phonotheque.search.ranking import Scores, best_first, score
from phonotheque.search.related import RELATED_MOST, WIDE_MOST, Reach
from phonotheque.search.terms import title_hash
from phonotheque.search.walk import NOTHING, Condition, Deadline, Found, Test, walk

CANDIDATES = 100
EXACT_TITLES = 50


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page begins: the window (by documents) and how many hits of it were given."""

    query: bytes = b""
    whole_from: int = 0
    beginning_from: int = 0
    before: int = 0  # documents counted in earlier windows
    given: int = 0
    related_from: int = 0
    wide: bool = False


def query_mark(text: str, edition_sha256: str) -> bytes:
    """Four bytes that tell one query on one edition from others."""
    return blake2b(f"{edition_sha256}\n{text}".encode(errors="replace"), digest_size=4).digest()


def format_cursor(cursor: Cursor) -> str:
    """The cursor as a short text for a URL."""
    return urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def parse_cursor(text: str, mark: bytes) -> Cursor:
    """The inverse.

    Raises:
        InputError: it is no cursor, or one of another query or edition.
    """
    try:
        raw = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        cursor = msgspec.msgpack.decode(raw, type=Cursor)
    except (ValueError, binascii.Error, msgspec.DecodeError, msgspec.ValidationError):
        raise InputError("the cursor cannot be read; search again without it") from None
    if cursor.query != mark:
        raise InputError("the cursor belongs to another query or edition; search again without it")
    places = (cursor.whole_from, cursor.beginning_from, cursor.related_from)
    if min(*places, cursor.before, cursor.given) < 0:
        raise InputError("the cursor cannot be read; search again without it")
    return cursor


@dataclass(frozen=True, slots=True)
class Window:
    """Ranked candidates, and where the next window begins."""

    docs: Array
    scores: Scores
    whole: Found
    beginning: Found
    related: Found

    @property
    def exhausted(self) -> bool:
        """Whether no window follows."""
        return self.whole.exhausted and self.beginning.exhausted and self.related.exhausted

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing, and time was not what ended the search."""
        return not len(self.docs) and not self.partial

    @property
    def partial(self) -> bool:
        """Whether the deadline ended a walk."""
        return self.whole.partial or self.beginning.partial or self.related.partial

    def next(self, place: Cursor, documents: int) -> Cursor:
        """Where the window after this one, which stood at `place`, begins."""
        whole, beginning, related = (
            documents if found.exhausted else found.after
            for found in (self.whole, self.beginning, self.related)
        )
        before = place.before + len(self.docs)
        return Cursor(place.query, whole, beginning, before, 0, related, place.wide)


@dataclass(frozen=True, slots=True)
class Search:
    """One query, ready to be walked."""

    files: IndexFiles
    head_postings: int
    query: Query
    wanted: Sequence[Wanted]
    filters: Sequence[Condition]
    deadline: Deadline
    cut: bool = False  # not all that satisfies the filters is among them

    def window(self, cursor: Cursor) -> Window:
        """The window that `cursor` stands in."""
        if cursor.wide:
            return self._wide_window(cursor)
        titles = self._exact_titles()
        shut_out = [without_condition(titles)] if len(titles) else []
        whole = self._walk([w.only_whole() for w in self.wanted], shut_out, cursor.whole_from)
        beginning = self._walk_beginnings(shut_out, cursor.beginning_from)
        related = Found(NO_DOCS, cursor.related_from, exhausted=False)
        if whole.exhausted and beginning.exhausted:
            partial = whole.partial or beginning.partial
            related = NOTHING if partial else self._related(self.wanted, cursor.related_from)
        first = cursor.before == 0 and cursor.whole_from == 0 and cursor.beginning_from == 0
        parts = [whole.docs, beginning.docs, related.docs, *([titles] if first else [])]
        docs = distinct(np.concatenate(parts)).astype(np.uint32)
        return self._ranked(docs, whole, beginning, related)

    def _wide_window(self, cursor: Cursor) -> Window:
        related = self._related(self.wanted, cursor.related_from, most=WIDE_MOST)
        return self._ranked(related.docs, NOTHING, NOTHING, related)

    def _ranked(self, docs: Array, whole: Found, beginning: Found, related: Found) -> Window:
        scores = score(self.files, docs, self.wanted, self._sequence(), elsewhere=True)
        order = best_first(scores, docs)
        return Window(docs[order], scores[order], whole, beginning, related)

    def count_one_word(self) -> tuple[int, bool]:
        """How many documents match at least, where the query is one word and nothing else (else
        0), and whether these are all."""
        if len(self.wanted) != 1 or not self._is_plain() or self.filters or self.query.phrases:
            return 0, False
        (word,) = self.wanted
        alone = not Reach(self.files, self.deadline, RELATED_MOST).is_possible(word)
        count = self.files.frequency(word.low, word.high)
        if word.high - word.low > 1 and count > self.head_postings:
            return self.files.frequency(word.low, word.low + 1) * word.whole, False
        if word.high - word.low > 1:
            count = len(self.files.docs_of(word.low, word.high))
        return count, alone

    def matching(self, wanted: Sequence[Wanted], limit: int) -> Found:
        """The first documents that have all of `wanted` and satisfy filters and phrases; through
        others (`Reach`) where none has them of its own."""
        found = self.own(wanted, limit)
        if len(found.docs) or found.partial:
            return found
        return self._related(wanted, 0, limit=limit)

    def own(self, wanted: Sequence[Wanted], limit: int) -> Found:
        """The first documents that have all of `wanted` of their own, as words or beginnings."""
        if any(w.is_unknown for w in wanted):
            return NOTHING
        conditions = self._conditions(wanted, [])
        return walk(conditions, self.files.documents, 0, limit, self.deadline)

    def every(self, limit: int, *, wide: bool) -> Found:
        """The first documents of all windows, up to `limit`: first those that have the words of
        their own."""
        found = NOTHING if wide else self.own(self.wanted, limit)
        if not found.exhausted or found.partial:
            return found
        left = limit - len(found.docs)
        most = WIDE_MOST if wide else RELATED_MOST
        related = self._related(self.wanted, 0, most=most, limit=left)
        docs = np.concatenate([found.docs, related.docs])
        return Found(docs, related.after, related.exhausted, related.partial)

    def _walk(self, wanted: Sequence[Wanted], more: list[Condition], start: int) -> Found:
        if any(w.is_unknown for w in wanted):
            return NOTHING
        conditions = self._conditions(wanted, more)
        return walk(conditions, self.files.documents, start, CANDIDATES, self.deadline)

    def _walk_beginnings(self, more: list[Condition], start: int) -> Found:
        """Documents with a word only as a beginning: not those that have them all as typed."""
        open_words = [w for w in self.wanted if w.high - w.low > (1 if w.whole else 0)]
        if not any(w.term.prefix for w in open_words):
            return NOTHING
        if all(w.whole for w in open_words):
            more = [*more, self._not_own([w.only_whole() for w in open_words])]
        return self._walk(self.wanted, more, start)

    def _related(
        self,
        wanted: Sequence[Wanted],
        start: int,
        *,
        most: int = RELATED_MOST,
        limit: int | None = None,
    ) -> Found:
        """Documents that have a word only through others; the rest are those of their own."""
        reach = Reach(self.files, self.deadline, most)
        candidates = self._reached(wanted, reach) if start < self.files.documents else None
        if candidates is None:
            return NOTHING
        conditions = [
            list_condition(candidates),
            *(Condition(self._has_or_reaches(w, reach)) for w in wanted),
            self._not_own(wanted),
            *(phrase_condition(self.files, p) for p in self.query.phrases),
            *self.filters,
        ]
        limit = CANDIDATES if limit is None else limit
        found = walk(conditions, self.files.documents, start, limit, self.deadline)
        return replace(found, partial=True) if reach.cut else found

    def _reached(self, wanted: Sequence[Wanted], reach: Reach) -> Array | None:
        """The documents among which those are that `_related` looks for; None: there are none."""
        if any(w.is_unknown for w in wanted) or not any(map(reach.is_possible, wanted)):
            return None
        frequencies = [self.files.frequency(w.low, w.high) + reach.frequency(w) for w in wanted]
        rarest = wanted[int(np.argmin(frequencies))]
        if self.files.frequency(rarest.low, rarest.high) <= self.head_postings:
            own = self.files.docs_of(rarest.low, rarest.high)
            return distinct(np.concatenate([own, reach.docs(rarest)]))
        return distinct(np.concatenate([reach.docs(w) for w in wanted]))

    def _has_or_reaches(self, word: Wanted, reach: Reach) -> Test:
        own = self._own_test(word)

        def test(docs: Array) -> Mask:
            has = own(docs)
            if not has.all():
                has |= is_member(reach.docs(word), docs)
            return has

        return test

    def _not_own(self, wanted: Sequence[Wanted]) -> Condition:
        """The documents that have not all of `wanted` of their own."""
        tests = [self._own_test(word) for word in wanted]

        def test(docs: Array) -> Mask:
            has = np.ones(len(docs), np.bool_)
            for own in tests:
                has &= own(docs)
            return ~has

        return Condition(test)

    def _own_test(self, word: Wanted) -> Test:
        conditions = [
            word_condition(self.files, word, self.head_postings),
            *field_conditions(self.files, [word]),
        ]

        def test(docs: Array) -> Mask:
            has = np.ones(len(docs), np.bool_)
            for condition in conditions:
                has &= condition.test(docs)
            return has

        return conditions[0].test if len(conditions) == 1 else test

    def _conditions(self, wanted: Sequence[Wanted], more: list[Condition]) -> list[Condition]:
        return [
            *(word_condition(self.files, w, self.head_postings) for w in wanted),
            *field_conditions(self.files, wanted),
            *(phrase_condition(self.files, p) for p in self.query.phrases),
            *self.filters,
            *more,
        ]

    def _exact_titles(self) -> Array:
        """The first documents whose title is the whole query, word for word."""
        if not self._is_plain() or not self._sequence():
            return NO_DOCS
        wanted = [w.only_whole() for w in self.wanted]
        docs = self.files.docs_with_title_hash(title_hash(list(self.query.sequence)), EXACT_TITLES)
        for condition in self._conditions(wanted, []):
            docs = docs[condition.test(docs)] if len(docs) else docs
        return docs

    def _is_plain(self) -> bool:
        return bool(self.wanted) and all(w.term.field == "any" for w in self.wanted)

    def _sequence(self) -> list[int]:
        """The query as term numbers in order; empty where a word is not known as typed."""
        ids = {w.term.text: w.low for w in self.wanted if w.whole}
        sequence = [ids.get(word, -1) for word in self.query.sequence]
        return [] if -1 in sequence else sequence
