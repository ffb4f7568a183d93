"""Windows of candidates: what one page is taken from, in an order that stays.

A window is the next 100 documents, by rank, that have all words as typed, the next 100 that have
the last word only as a beginning (300 each for a single word; these as far as the former reach, for
what is less popular and only begun stands behind them anyway), and, in the first window, the first
50 whose title is the query. Once these are at an end, there follow those that have a word through
others (`related`): a release, a label, an artist's other name; in a window of their own if one of
the first is all that was asked for and finding more takes long, which keeps the most frequent kind
of query short. Where nothing at all is found, such words may also be very common ones (`wide`).
Each window is ranked by itself. A cursor says where a window begins and how much of it was given.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import msgspec
import numpy as np

from phonotheque.model.errors import InputError
from phonotheque.search.matching import NO_DOCS, Wanted, without_condition
from phonotheque.search.ranking import Scores, best_first, score
from phonotheque.search.related import RELATED_MOST, WIDE_MOST
from phonotheque.search.searches import Search
from phonotheque.search.terms import title_hash
from phonotheque.search.walk import NOTHING, Condition, Found, walk
from phonotheque.storage.arrays import Array, distinct

CANDIDATES = 100
EXACT_TITLES = 50
ONE_WORD = 3  # so many times the candidates: one word tells less than two


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
    is_answered: bool  # by one of them, so that no other spelling need be looked for

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


def window_at(search: Search, cursor: Cursor) -> Window:
    """The window that `cursor` stands in."""
    if cursor.wide:
        return _with_related(search, cursor, [], NOTHING, NOTHING)
    titles = _exact_titles(search)
    shut_out = [without_condition(titles)] if len(titles) else []
    whole = _walk(search, [w.only_whole() for w in search.wanted], shut_out, cursor.whole_from)
    end = search.files.documents if whole.exhausted else whole.after
    beginning = _walk_beginnings(search, shut_out, cursor.beginning_from, end)
    first = cursor.before == 0 and cursor.whole_from == 0 and cursor.beginning_from == 0
    parts = [whole.docs, beginning.docs, *([titles] if first else [])]
    if whole.partial or beginning.partial or not (whole.exhausted and beginning.exhausted):
        return _ranked(search, parts, whole, beginning, _later(cursor))
    if first and search.is_far_to_related:
        window = _ranked(search, parts, whole, beginning, _later(cursor))
        if window.is_answered:
            return window
    return _with_related(search, cursor, parts, whole, beginning)


def _later(cursor: Cursor) -> Found:
    return Found(NO_DOCS, cursor.related_from, exhausted=False)


def _with_related(
    search: Search, cursor: Cursor, parts: Sequence[Array], whole: Found, beginning: Found
) -> Window:
    most = WIDE_MOST if cursor.wide else RELATED_MOST
    related = search.related(search.wanted, cursor.related_from, most=most, limit=CANDIDATES)
    return _ranked(search, [*parts, related.docs], whole, beginning, related)


def _ranked(
    search: Search, parts: Sequence[Array], whole: Found, beginning: Found, related: Found
) -> Window:
    docs = distinct(np.concatenate(parts)).astype(np.uint32, copy=False)
    scored = score(search.files, docs, search.wanted, search.sequence, elsewhere=True)
    order = best_first(scored.scores, docs)
    return Window(docs[order], scored.scores[order], whole, beginning, related, scored.is_answered)


def _walk(
    search: Search,
    wanted: Sequence[Wanted],
    more: Sequence[Condition],
    start: int,
    end: int | None = None,
) -> Found:
    if any(w.is_unknown for w in wanted):
        return NOTHING
    conditions = search.conditions(wanted, more)
    limit = CANDIDATES * (ONE_WORD if len(wanted) == 1 else 1)
    end = search.files.documents if end is None else end
    found = walk(conditions, end, start, limit, search.deadline)
    return replace(found, exhausted=found.exhausted and end >= search.files.documents)


def _walk_beginnings(search: Search, more: Sequence[Condition], start: int, end: int) -> Found:
    """Documents with a word only as a beginning: not those that have them all as typed."""
    open_words = [w for w in search.wanted if w.high - w.low > (1 if w.whole else 0)]
    if not any(w.term.prefix for w in open_words):
        return NOTHING
    if all(w.whole for w in open_words):
        more = [*more, search.not_own([w.only_whole() for w in open_words])]
    return _walk(search, search.wanted, more, start, end)


def _exact_titles(search: Search) -> Array:
    """The first documents whose title is the whole query, word for word."""
    wanted = [w.only_whole() for w in search.wanted]
    if not search.is_plain or not search.sequence or any(w.is_unknown for w in wanted):
        return NO_DOCS
    hashed = title_hash(list(search.query.sequence))
    docs = search.files.docs_with_title_hash(hashed, EXACT_TITLES)
    for condition in search.conditions(wanted) if len(docs) else ():
        docs = docs[condition.test(docs)] if len(docs) else docs
    return docs
