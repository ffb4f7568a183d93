"""A query against the files of an index: words become ranges of terms, filters become tests."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from phonotheque.search.files import Forward, IndexFiles, is_member
from phonotheque.search.query import NO_LICENCE, Field, Phrase, Query, Term
from phonotheque.search.steps import Steps
from phonotheque.search.values import Codes
from phonotheque.search.walk import Condition, Test
from phonotheque.storage.arrays import Array, Mask, distinct

NO_DOCS: Array = np.zeros(0, np.uint32)
ANY_MOST = 65_536  # postings of several words that become one list
UNITED_MOST = 1_048_576  # and that may become one


@dataclass(frozen=True, slots=True)
class Wanted:
    """A word of the query as the range low ≤ t < high of terms; `whole`: `low` is the word."""

    term: Term
    low: int
    high: int
    whole: bool

    @property
    def is_unknown(self) -> bool:
        """Whether no document can have it."""
        return self.low >= self.high

    def only_whole(self) -> "Wanted":
        """The same word, not as the beginning of others."""
        return replace(self, high=self.low + 1 if self.whole else self.low)


def find_terms(files: IndexFiles, terms: Sequence[Term]) -> list[Wanted]:
    """Every term of a query with its range in the dictionary."""
    return [_find_term(files, term) for term in terms]


def _find_term(files: IndexFiles, term: Term) -> Wanted:
    return Wanted(term, *find_range(files, term.text, prefix=term.prefix))


def find_range(files: IndexFiles, text: str, *, prefix: bool) -> tuple[int, int, bool]:
    """The terms low ≤ t < high that are `text` (or begin with it); whether `low` is `text`."""
    if prefix:
        return files.prefix_range(text)
    found = files.term_id(text)
    return (0, 0, False) if found is None else (found, found + 1, True)


def word_condition(files: IndexFiles, wanted: Wanted, head_postings: int) -> Condition:
    """The documents that have a word. A prefix with more than `head_postings` postings is looked
    for in titles and artist credits only."""
    low, high = wanted.low, wanted.high
    if low >= high:
        return list_condition(NO_DOCS)
    size = files.frequency(low, high)
    if high - low == 1:
        return Condition(partial(files.has_term, low), size, partial(files.docs_of_term, low))
    if size > head_postings:
        return Condition(_wide_test(files, wanted), head=files.head(low, high))
    return list_condition(files.docs_of(low, high))


def any_condition(conditions: Sequence[Condition]) -> Condition:
    """The documents that satisfy one of `conditions`."""
    if len(conditions) == 1:
        return conditions[0]
    sizes = [c.size for c in conditions]
    known = None if None in sizes else sum(size or 0 for size in sizes)

    def load() -> Array:
        return distinct(np.concatenate([c.load()[:] for c in conditions if c.load is not None]))

    if known is not None and known <= ANY_MOST:
        return list_condition(load())
    if known is not None and known > UNITED_MOST:  # it shall not lead a walk
        known = None

    def test(docs: Array) -> Mask:
        has = np.zeros(len(docs), np.bool_)
        for condition in conditions:
            has |= condition.test(docs)
        return has

    return Condition(test, known, None if known is None else load)


def field_conditions(files: IndexFiles, wanted: Sequence[Wanted]) -> list[Condition]:
    """For words bound to a field: that they stand in it (their lists say only that they stand)."""
    return [Condition(_forward_test(files, w)) for w in wanted if w.term.field is not Field.ANY]


def list_condition(docs: Array) -> Condition:
    """The documents of a sorted list."""
    return Condition(partial(is_member, docs), len(docs), lambda: docs)


def not_condition(files: IndexFiles, term: int) -> Condition:
    """The documents that do not have a term."""
    return Condition(lambda docs: ~files.has_term(term, docs))


def without_condition(docs: Array) -> Condition:
    """The documents that are not among `docs` (sorted)."""
    return Condition(lambda candidates: ~is_member(docs, candidates))


def phrase_condition(files: IndexFiles, phrase: Phrase) -> Condition:
    """The documents with a phrase in the title or the artist credit."""
    ids = [files.term_id(word) for word in phrase.terms]
    known = [i for i in ids if i is not None]

    def test(docs: Array) -> Mask:
        if len(known) < len(ids):
            return np.zeros(len(docs), np.bool_)
        forward = files.forward(docs)
        starts = forward.starts_sequence(known)
        return forward.owners(starts & in_field(forward, phrase.field))

    return Condition(test)


def filter_conditions(files: IndexFiles, codes: Codes, query: Query) -> list[Condition]:
    """Tiers, years and licences of a query."""
    out = []
    if query.tiers:
        out.append(_span_condition(files.doc_tier, query.tiers))
    if query.years:
        first, last = query.years
        span = (bisect_left(codes.years, first) + 1, bisect_right(codes.years, last))
        out.append(_span_condition(files.doc_year, span))
    if query.licences:
        fitting = [
            code
            for code, known in enumerate([NO_LICENCE, *codes.licences])
            if any(licence_fits(asked, known) for asked in query.licences)
        ]
        out.append(_licence_condition(files, fitting))
    return out


def licence_fits(asked: str, known: str) -> bool:
    """``cc-by`` asks for every version of CC BY, ``cc-by-4.0`` for one, never for CC BY-SA."""
    asked, known = asked.lower(), known.lower()
    return known == asked or (known.startswith(asked + "-") and known[len(asked) + 1].isdigit())


def term_mask(forward: Forward, wanted: Wanted) -> Mask:
    """Where, among the terms of `forward`, a word of the query stands."""
    inside: Mask = (forward.terms >= wanted.low) & (forward.terms < wanted.high)
    inside &= in_field(forward, wanted.term.field)
    return inside


def _wide_test(files: IndexFiles, wanted: Wanted) -> Test:
    in_texts = _forward_test(files, wanted)
    if not wanted.whole:
        return in_texts

    def test(docs: Array) -> Mask:
        return in_texts(docs) | files.has_term(wanted.low, docs)

    return test


def _forward_test(files: IndexFiles, wanted: Wanted) -> Test:
    def test(docs: Array) -> Mask:
        forward = files.forward(docs)
        return forward.owners(term_mask(forward, wanted))

    return test


def in_field(forward: Forward, field: Field) -> Mask:
    """Where, among the terms of `forward`, a word of that field may stand."""
    if field is Field.ANY:
        return np.ones(len(forward.terms), np.bool_)
    chosen: Mask = forward.in_title if field is Field.TITLE else ~forward.in_title
    return chosen


def _span_condition(values: Array | Steps, span: tuple[int, int]) -> Condition:
    first, last = span

    def test(docs: Array) -> Mask:
        found = values[docs]
        inside: Mask = (found >= first) & (found <= last)
        return inside

    return Condition(test)


def _licence_condition(files: IndexFiles, codes: list[int]) -> Condition:
    return Condition(lambda docs: np.isin(files.doc_licence[docs], codes))
