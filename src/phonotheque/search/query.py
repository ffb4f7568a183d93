"""The query language: text → words and filters (docs/searching.md). Pure.

Anything can be typed: what is no known field is words, a quote sign that begins no word or
query, control and direction characters are taken out, and what is too long is cut and said so.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from phonotheque.model.identifiers import parse_isrc
from phonotheque.search.words import is_wide, words

MAX_CHARACTERS = 400
MAX_TERMS = 24
MAX_VALUES = 4
NO_LICENCE = "none"
_PART = re.compile(r'(?<!\S)(?:([A-Za-z]+):)?"([^"]*)"|(?:([A-Za-z]+):)?([^\s"]+)')
_SPAN = re.compile(r"(\d{1,4})?(\.\.)?(\d{1,4})?")
_UNSEEN = frozenset(["Cc", "Cf", "Co", "Cn", "Cs"])


class Field(StrEnum):
    """Where a word must stand."""

    ANY = "any"
    TITLE = "title"
    ARTIST = "artist"
    RELEASE = "release"
    LABEL = "label"


_FIELDS = {
    "title": Field.TITLE,
    "artist": Field.ARTIST,
    "release": Field.RELEASE,
    "album": Field.RELEASE,
    "label": Field.LABEL,
}


@dataclass(frozen=True, slots=True)
class Term:
    """One folded word; with `prefix`, also the beginning of a word."""

    text: str
    field: Field = Field.ANY
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must follow each other in a title or in an artist credit."""

    terms: tuple[str, ...]
    field: Field = Field.ANY


@dataclass(frozen=True, slots=True)
class Related:
    """Words that must stand together in the title of one release (or in the name of its label);
    with `prefix`, the last one may be the beginning of a word."""

    field: Field
    terms: tuple[str, ...]
    prefix: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A query as understood; spans are (first, last), both meant. `cut`: some of it was left out.

    `terms` are without repetition; `sequence` are all words as typed, without those of a field.
    """

    terms: tuple[Term, ...] = ()
    sequence: tuple[str, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    related: tuple[Related, ...] = ()
    isrcs: tuple[str, ...] = ()
    barcodes: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    tiers: tuple[int, int] | None = None
    years: tuple[int, int] | None = None
    cut: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was asked for."""
        return not (self.terms or self.has_filters)

    @property
    def marked(self) -> tuple[Term, ...]:
        """All words, for marking them in what is shown."""
        last = [(r, len(r.terms) - 1) for r in self.related]
        related = [
            Term(word, r.field, r.prefix and at == end)
            for r, end in last
            for at, word in enumerate(r.terms)
        ]
        return (*self.terms, *related)

    @property
    def has_filters(self) -> bool:
        """Whether anything but words restricts the answer."""
        return bool(
            self.related or self.isrcs or self.barcodes or self.licences or self.tiers or self.years
        )


def parse_query(text: str) -> Query:
    """Understand `text`; never raises."""
    clean = _visible(text[:MAX_CHARACTERS])
    reading = _Reading(open_ended=not clean.endswith((" ", '"')))
    for match in _PART.finditer(clean):
        reading.take(match, is_last=match.end() == len(clean))
    return reading.query(cut=len(text) > MAX_CHARACTERS)


class _Reading:
    def __init__(self, *, open_ended: bool) -> None:
        self._open_ended = open_ended
        self._terms: list[Term] = []
        self._sequence: list[str] = []
        self._phrases: list[Phrase] = []
        self._related: list[Related] = []
        self._isrcs: list[str] = []
        self._barcodes: list[str] = []
        self._licences: list[str] = []
        self._tiers: tuple[int, int] | None = None
        self._years: tuple[int, int] | None = None

    def take(self, match: re.Match[str], *, is_last: bool) -> None:
        name, quoted, bare = match[1] or match[3], match[2], match[4]
        value, phrase = (quoted, True) if bare is None else (bare, False)
        last = is_last and self._open_ended
        if name is not None and self._take_filter(name.lower(), value):
            return
        field = Field.ANY if name is None else _FIELDS.get(name.lower(), Field.ANY)
        if field in (Field.RELEASE, Field.LABEL):
            self._take_related(field, value, last=last and not phrase)
            return
        if name is not None and field is Field.ANY:  # no field: a word like others
            self._take_words(name, field, phrase=False, last=False)
        self._take_words(value, field, phrase=phrase, last=last)

    def _take_filter(self, name: str, value: str) -> bool:
        if name == "isrc":
            self._isrcs.append(parse_isrc(value)[0])
        elif name in ("upc", "ean", "barcode"):
            self._barcodes.append(value)
        elif name in ("licence", "license"):
            self._licences.append(value.lower())
        elif name in ("tier", "year") and (span := _span(value)):
            self._tiers, self._years = (
                (span, self._years) if name == "tier" else (self._tiers, span)
            )
        else:
            return False
        return True

    def _take_related(self, field: Field, value: str, *, last: bool) -> None:
        if found := words(value):
            single = len(found) == 1 and len(found[0]) == 1 and is_wide(found[0])
            self._related.append(Related(field, tuple(found[:MAX_TERMS]), last or single))

    def _take_words(self, value: str, field: Field, *, phrase: bool, last: bool) -> None:
        found = words(value)
        for at, word in enumerate(found):
            prefix = not phrase and last and at == len(found) - 1
            single = is_wide(word) and len(word) == 1
            self._terms.append(Term(word, field, prefix or single))
        if field is Field.ANY:
            self._sequence.extend(found)
        if phrase and len(found) > 1:
            self._phrases.append(Phrase(tuple(found), field))

    def query(self, *, cut: bool) -> Query:
        terms = tuple(_without_repetition(self._terms))
        return Query(
            terms=terms[:MAX_TERMS],
            sequence=tuple(self._sequence[:MAX_TERMS]),
            phrases=tuple(self._phrases[:MAX_VALUES]),
            related=tuple(self._related[:MAX_VALUES]),
            isrcs=tuple(self._isrcs[:MAX_TERMS]),
            barcodes=tuple(self._barcodes[:MAX_TERMS]),
            licences=tuple(self._licences[:MAX_VALUES]),
            tiers=self._tiers,
            years=self._years,
            cut=cut or self._too_much(len(terms)),
        )

    def _too_much(self, terms: int) -> bool:
        return (
            max(terms, len(self._isrcs), len(self._barcodes)) > MAX_TERMS
            or max(len(self._phrases), len(self._related), len(self._licences)) > MAX_VALUES
        )


def _without_repetition(terms: list[Term]) -> list[Term]:
    """The same word in the same field once; a whole word makes its own beginning needless."""
    whole = {(t.text, t.field) for t in terms if not t.prefix}
    kept = [t for t in terms if not t.prefix or (t.text, t.field) not in whole]
    return list(dict.fromkeys(kept))


def _span(value: str) -> tuple[int, int] | None:
    match = _SPAN.fullmatch(value.strip())
    if match is None or not (match[1] or match[3]):
        return None
    if match[2] is None:
        return (int(match[1]), int(match[1])) if match[3] is None else None
    return int(match[1] or 0), int(match[3] or 9999)


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text)
