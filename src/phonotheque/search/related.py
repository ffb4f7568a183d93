"""What a recording has through others: words of its releases' titles, of their labels, and of its
artists' other names. They stand in no list of documents, so they are looked up by way of these.
"""

from collections.abc import Sequence

import numpy as np

from phonotheque.search.files import IndexFiles, Text, is_member
from phonotheque.search.matching import Wanted, find_range
from phonotheque.search.query import Field, Related
from phonotheque.search.walk import Deadline
from phonotheque.storage.arrays import Array, distinct

RELATED_MOST = 65_536  # recordings that a word may reach where others are found without it
WIDE_MOST = 2_097_152  # where nothing is, and for `release:` and `label:`
_AT_ONCE = 16_384  # releases, labels or artists between two looks at the clock
_TEXTS = {
    Field.ANY: (Text.RELEASE, Text.LABEL, Text.ALIAS),
    Field.TITLE: (),
    Field.ARTIST: (Text.ALIAS,),
    Field.RELEASE: (Text.RELEASE,),
    Field.LABEL: (Text.LABEL,),
}
_NONE = np.zeros(0, np.uint32)


class Reach:
    """The documents that have a word through others, remembered while one query is answered.

    A word that reaches more than `most` recordings reaches none; `cut` says that the deadline
    or `WIDE_MOST` left some out.
    """

    def __init__(self, files: IndexFiles, deadline: Deadline, most: int) -> None:
        self._files, self._deadline, self._most = files, deadline, most
        self._known: dict[tuple[Field, int, int], Array] = {}
        self.cut = False

    def is_possible(self, word: Wanted) -> bool:
        """Whether any release, label or artist has the word."""
        return word.low < word.high and self._frequency(word) > 0

    def frequency(self, word: Wanted) -> int:
        """About how many documents the word reaches: how many releases and so on have it."""
        found = self._frequency(word)
        return found if found <= self._most else 0

    def docs(self, word: Wanted) -> Array:
        """The documents, sorted, that the word reaches."""
        key = (word.term.field, word.low, word.high)
        if key not in self._known:
            self._known[key] = self._find(word)
        return self._known[key]

    def _frequency(self, word: Wanted) -> int:
        texts = _TEXTS[word.term.field]
        return sum(self._files.entity_frequency(text, word.low, word.high) for text in texts)

    def _find(self, word: Wanted) -> Array:
        frequency = self._frequency(word) if word.low < word.high else 0
        if frequency > self._most:
            self.cut |= self._most == WIDE_MOST
            return _NONE
        if not frequency:
            return _NONE
        parts: list[Array] = []
        left = self._most
        for text in _TEXTS[word.term.field]:
            numbers = self._files.entities(text, word.low, word.high)
            found, whole = documents_of_entities(self._files, text, numbers, left, self._deadline)
            if not whole:
                self.cut |= self._deadline.is_over or self._most == WIDE_MOST
                return distinct(np.concatenate([*parts, found])) if self.cut else _NONE
            left -= len(found)
            parts.append(found)
        return distinct(np.concatenate(parts))


def documents_of_entities(
    files: IndexFiles, text: Text, numbers: Array, most: int, deadline: Deadline
) -> tuple[Array, bool]:
    """The documents of releases, labels or artists, sorted, and whether these are all: no more
    than `most` are gathered, and none once the deadline is over."""
    parts, left = [_NONE], most
    for first in range(0, len(numbers), _AT_ONCE):
        found = files.docs_of_entities(text, numbers[first : first + _AT_ONCE], left)
        if found is None or (first and deadline.is_over):
            return distinct(np.concatenate(parts)), False
        parts.append(found)
        left -= len(found)
    return distinct(np.concatenate(parts)), True


def find_related(files: IndexFiles, related: Related, deadline: Deadline) -> tuple[Array, bool]:
    """The documents of the releases (or labels) that have all words of `related`, and whether
    these are all."""
    (text,) = _TEXTS[related.field]
    spans = [
        find_range(files, word, prefix=related.prefix and at == len(related.terms) - 1)
        for at, word in enumerate(related.terms)
    ]
    if any(low >= high for low, high, _ in spans):
        return _NONE, True
    numbers = entities_with_all(files, text, [(low, high) for low, high, _ in spans])
    if numbers is None:
        return _NONE, False
    return documents_of_entities(files, text, numbers, WIDE_MOST, deadline)


def entities_with_all(
    files: IndexFiles, text: Text, spans: Sequence[tuple[int, int]]
) -> Array | None:
    """The releases, labels or artists that have a term of every range; None where the rarest
    range stands in more than `WIDE_MOST`."""
    rising = sorted(spans, key=lambda span: files.entity_frequency(text, *span))
    if files.entity_frequency(text, *rising[0]) > WIDE_MOST:
        return None
    numbers = files.entities(text, *rising[0])
    for low, high in rising[1:]:
        if len(numbers):
            numbers = numbers[is_member(files.entities(text, low, high), numbers)]
    return numbers
