"""One query against the files of an index: which documents have its words, and which of these have
them only through others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from phonotheque.search.files import IndexFiles, is_member
from phonotheque.search.matching import (
    Wanted,
    any_condition,
    field_conditions,
    list_condition,
    phrase_condition,
    word_condition,
)
from phonotheque.search.query import Query
from phonotheque.search.related import RELATED_MOST, WIDE_MOST, Reach
from phonotheque.search.walk import NOTHING, Condition, Deadline, Found, Test, walk
from phonotheque.storage.arrays import Array, Mask, distinct

FAR = 256  # releases, labels and artists, as to looking at them


@dataclass(frozen=True)
class Search:
    """One query, ready to be walked."""

    files: IndexFiles
    head_postings: int
    query: Query
    wanted: Sequence[Wanted]
    filters: Sequence[Condition]
    deadline: Deadline
    cut: bool = False  # not all that satisfies the filters is among them
    _known: dict[tuple[int, int], Condition] = field(default_factory=dict)

    def count_one_word(self) -> tuple[int, bool]:
        """How many documents match at least, where the query is one word and nothing else (else
        0), and whether these are all."""
        if len(self.wanted) != 1 or not self.is_plain or self.filters or self.query.phrases:
            return 0, False
        (word,) = self.wanted
        alone = not Reach(self.files, self.deadline, RELATED_MOST).is_possible(word)
        count = self.files.frequency(word.low, word.high)
        if word.high - word.low > 1 and count > self.head_postings:
            return self.files.frequency(word.low, word.low + 1) * word.whole, False
        if word.high - word.low > 1:
            count = len(self.files.docs_of(word.low, word.high))
        return count, alone

    def own(self, wanted: Sequence[Wanted], limit: int) -> Found:
        """The first documents that have all of `wanted` of their own, as words or beginnings."""
        if any(w.is_unknown for w in wanted):
            return NOTHING
        conditions = self.conditions(wanted)
        return walk(conditions, self.files.documents, 0, limit, self.deadline)

    def any_of(self, choices: Sequence[Sequence[Wanted]], limit: int) -> Found:
        """The first documents that have one word of each choice of their own."""
        known = [[w for w in words if not w.is_unknown] for words in choices]
        if not all(known):
            return NOTHING
        conditions = [
            *(self.any_condition(words) for words in known),
            *(condition for words in known for condition in self._any_in_field(words)),
            *(phrase_condition(self.files, p) for p in self.query.phrases),
            *self.filters,
        ]
        return walk(conditions, self.files.documents, 0, limit, self.deadline)

    def any_condition(self, words: Sequence[Wanted]) -> Condition:
        """That documents have one of `words` of their own, in whatever text."""
        return any_condition([self.word_condition(w) for w in words])

    def _any_in_field(self, words: Sequence[Wanted]) -> list[Condition]:
        if words[0].term.field == "any":
            return []
        tests = [self.own_test(word) for word in words]
        return [Condition(lambda docs: np.logical_or.reduce([test(docs) for test in tests]))]

    def filter_tests(self) -> list[Test]:
        """Phrases and filters, as tests."""
        phrases = [phrase_condition(self.files, p) for p in self.query.phrases]
        return [condition.test for condition in (*self.filters, *phrases)]

    def every(self, limit: int, *, wide: bool) -> Found:
        """The first documents of all windows, up to `limit`: first those that have the words of
        their own."""
        found = NOTHING if wide else self.own(self.wanted, limit)
        if not found.exhausted or found.partial:
            return found
        left = limit - len(found.docs)
        most = WIDE_MOST if wide else RELATED_MOST
        related = self.related(self.wanted, 0, most=most, limit=left)
        docs = np.concatenate([found.docs, related.docs])
        return Found(docs, related.after, related.exhausted, related.partial)

    @property
    def is_far_to_related(self) -> bool:
        """Whether `related` has to look at many releases, labels or artists."""
        reach = Reach(self.files, self.deadline, RELATED_MOST)
        return sum(map(reach.frequency, self.wanted)) > FAR

    def related(self, wanted: Sequence[Wanted], start: int, *, most: int, limit: int) -> Found:
        """Documents that have a word only through others; the rest are those of their own."""
        if start >= self.files.documents or any(w.is_unknown for w in wanted):
            return NOTHING
        reach = Reach(self.files, self.deadline, most)
        if not any(map(reach.is_possible, wanted)):
            return NOTHING
        candidates, left = self._reached(wanted, reach)
        conditions = [
            list_condition(candidates),
            self.not_own(wanted),
            *(Condition(self._has_or_reaches(w, reach)) for w in left),
            *(phrase_condition(self.files, p) for p in self.query.phrases),
            *self.filters,
        ]
        found = walk(conditions, self.files.documents, start, limit, self.deadline)
        return replace(found, partial=True) if reach.cut else found

    def _reached(self, wanted: Sequence[Wanted], reach: Reach) -> tuple[Array, list[Wanted]]:
        """The documents among which those are that `related` looks for, and the words that they
        need not have, the rarest first."""
        sizes = [self.files.frequency(w.low, w.high) + reach.frequency(w) for w in wanted]
        rising = [wanted[at] for at in np.argsort(sizes, kind="stable").tolist()]
        rarest = rising[0]
        if self.files.frequency(rarest.low, rarest.high) > self.head_postings:
            return distinct(np.concatenate([reach.docs(w) for w in wanted])), rising
        own = self.files.docs_of(rarest.low, rarest.high)
        left = rising if rarest.term.field != "any" else rising[1:]
        return distinct(np.concatenate([own, reach.docs(rarest)])), left

    def _has_or_reaches(self, word: Wanted, reach: Reach) -> Test:
        own = self.own_test(word)

        def test(docs: Array) -> Mask:
            has = own(docs)
            if not has.all():
                has |= is_member(reach.docs(word), docs)
            return has

        return test

    def not_own(self, wanted: Sequence[Wanted]) -> Condition:
        """The documents that have not all of `wanted` of their own."""
        tests = [self.own_test(word) for word in wanted]

        def test(docs: Array) -> Mask:
            has = np.ones(len(docs), np.bool_)
            for own in tests:
                has &= own(docs)
            return ~has

        return Condition(test)

    def word_condition(self, word: Wanted) -> Condition:
        """That documents have a word of their own, in whatever text (as `word_condition`)."""
        key = (word.low, word.high)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = word_condition(self.files, word, self.head_postings)
        return known

    def own_test(self, word: Wanted) -> Test:
        """Whether documents have a word of their own."""
        conditions = [
            self.word_condition(word),
            *field_conditions(self.files, [word]),
        ]

        def test(docs: Array) -> Mask:
            has = np.ones(len(docs), np.bool_)
            for condition in conditions:
                has &= condition.test(docs)
            return has

        return conditions[0].test if len(conditions) == 1 else test

    def conditions(
        self, wanted: Sequence[Wanted], more: Sequence[Condition] = ()
    ) -> list[Condition]:
        """That documents have all of `wanted` of their own, and satisfy phrases and filters."""
        return [
            *(self.word_condition(w) for w in wanted),
            *field_conditions(self.files, wanted),
            *(phrase_condition(self.files, p) for p in self.query.phrases),
            *self.filters,
            *more,
        ]

    @property
    def is_plain(self) -> bool:
        """Whether it is words for anywhere, and nothing but words is looked for in texts."""
        return bool(self.wanted) and all(w.term.field == "any" for w in self.wanted)

    @cached_property
    def sequence(self) -> list[int]:
        """The words typed for anywhere, in order, as places in `wanted`; empty where some of them
        were cut away."""
        places = {w.term.text: at for at, w in enumerate(self.wanted) if w.term.field == "any"}
        sequence = [places.get(word, -1) for word in self.query.sequence]
        return [] if -1 in sequence else sequence
