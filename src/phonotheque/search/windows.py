"""Windows of candidates: what one page is taken from, in an order that stays.

A window is the next 100 documents, by rank, that have all words as typed, the next 100 that have
the last word only as a beginning, and, in the first window, the first 50 whose title is the query.
Each window is ranked by itself. A cursor says where a window begins and how much of it was given.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import msgspec
import numpy as np

from phonotheque.model.errors import InputError
from phonotheque.search.arrays import Array, distinct
from phonotheque.search.files import IndexFiles
from phonotheque.search.matching import (
    Wanted,
    field_conditions,
    not_condition,
    phrase_condition,
    term_mask,
    without_condition,
    word_condition,
)
from phonotheque.search.query import Query
from phonotheque.search.ranking import Scores, best_first, score
from phonotheque.search.terms import title_hash
from phonotheque.search.walk import NOTHING, Condition, Deadline, Found, walk

CANDIDATES = 100
EXACT_TITLES = 50


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page begins: the window (by documents) and how many hits of it were given."""

    query: bytes = b""
    whole_from: int = 0
    beginning_from: int = 0
    before: int = 0  # documents counted in earlier windows
    given: int = 0


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
    if min(cursor.whole_from, cursor.beginning_from, cursor.before, cursor.given) < 0:
        raise InputError("the cursor cannot be read; search again without it")
    return cursor


@dataclass(frozen=True, slots=True)
class Window:
    """Ranked candidates, and where the next window begins."""

    docs: Array
    scores: Scores
    whole: Found
    beginning: Found
    exhausted: bool

    @property
    def partial(self) -> bool:
        """Whether the deadline ended a walk."""
        return self.whole.partial or self.beginning.partial


@dataclass(frozen=True, slots=True)
class Search:
    """One query, ready to be walked."""

    files: IndexFiles
    head_postings: int
    query: Query
    wanted: Sequence[Wanted]
    filters: Sequence[Condition]
    deadline: Deadline

    def window(self, cursor: Cursor) -> Window:
        """The window that `cursor` stands in."""
        titles = self._exact_titles()
        shut_out = [without_condition(titles)] if len(titles) else []
        whole = self._walk([w.only_whole() for w in self.wanted], shut_out, cursor.whole_from)
        beginning = self._walk_beginnings(shut_out, cursor.beginning_from)
        first = cursor.before == 0 and cursor.whole_from == 0 and cursor.beginning_from == 0
        parts = [whole.docs, beginning.docs, *([titles] if first else [])]
        docs = distinct(np.concatenate(parts)).astype(np.uint32)
        scores = score(self.files, docs, self.wanted, self._sequence(), elsewhere=True)
        order = best_first(scores, docs)
        exhausted = whole.exhausted and beginning.exhausted
        return Window(docs[order], scores[order], whole, beginning, exhausted)

    @property
    def is_one_word(self) -> bool:
        """Whether the query is one word, anywhere, and nothing else."""
        return len(self.wanted) == 1 and self._is_plain() and not self.filters

    def matching(self, wanted: Sequence[Wanted], limit: int) -> Found:
        """The first documents that have all of `wanted` and satisfy filters and phrases."""
        return walk(self._conditions(wanted, []), self.files.documents, 0, limit, self.deadline)

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
        more = [*more, self._not_all_whole([w for w in open_words if w.term.prefix])]
        return self._walk(self.wanted, more, start)

    def _not_all_whole(self, open_words: Sequence[Wanted]) -> Condition:
        if not all(w.whole for w in open_words):
            return Condition(lambda docs: np.ones(len(docs), np.bool_))
        if len(open_words) == 1 and open_words[0].term.field == "any":
            return not_condition(self.files, open_words[0].low)
        return Condition(lambda docs: ~self._has_whole(open_words, docs))

    def _has_whole(self, open_words: Sequence[Wanted], docs: Array) -> Array:
        kept = np.ones(len(docs), np.bool_)
        for word in open_words:
            kept &= self.files.has_term(word.low, docs)
            if word.term.field != "any":
                forward = self.files.forward(docs)
                kept &= forward.owners(term_mask(forward, word.only_whole()))
        return kept

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
            return np.zeros(0, np.uint32)
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
