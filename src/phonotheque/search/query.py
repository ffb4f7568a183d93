"""The query language: text → words and filters (docs/searching.md). Pure.

Anything can be typed: what is no known field is words, a quote that never closes ends with the
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
_PART = re.compile(r'(?:([A-Za-z]+):)?(?:"([^"]*)"?|([^\s"]+))')
_SPAN = re.compile(r"(\d{1,4})?(\.\.)?(\d{1,4})?")
_UNSEEN = frozenset(["Cc", "Cf", "Co", "Cn", "Cs"])


class Field(StrEnum):
    """Where a word must stand."""

    ANY = "any"
    TITLE = "title"
    ARTIST = "artist"


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
class Query:
    """A query as understood; spans are (first, last), both meant. `cut`: some of it was left out.

    `terms` are without repetition; `sequence` are all words as typed, without those of a field.
    """

    terms: tuple[Term, ...] = ()
    sequence: tuple[str, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    isrcs: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    tiers: tuple[int, int] | None = None
    years: tuple[int, int] | None = None
    cut: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was asked for."""
        return not (self.terms or self.has_filters)

    @property
    def has_filters(self) -> bool:
        """Whether anything but words restricts the answer."""
        return bool(self.isrcs or self.licences or self.tiers or self.years)


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
        self._isrcs: list[str] = []
        self._licences: list[str] = []
        self._tiers: tuple[int, int] | None = None
        self._years: tuple[int, int] | None = None

    def take(self, match: re.Match[str], *, is_last: bool) -> None:
        name, quoted, bare = match.group(1), match.group(2), match.group(3)
        value = quoted if bare is None else bare
        if name is not None and self._take_filter(name.lower(), value):
            return
        field = Field.ANY
        if name is not None and name.lower() in (Field.TITLE, Field.ARTIST):
            field = Field(name.lower())
        elif name is not None:
            value = f"{name} {value}"
        self._take_words(value, field, phrase=bare is None, last=is_last and self._open_ended)

    def _take_filter(self, name: str, value: str) -> bool:
        if name == "isrc":
            self._isrcs.append(parse_isrc(value)[0])
        elif name in ("licence", "license"):
            self._licences.append(value.lower())
        elif name in ("tier", "year") and (span := _span(value)):
            self._tiers, self._years = (
                (span, self._years) if name == "tier" else (self._tiers, span)
            )
        else:
            return False
        return True

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
            phrases=tuple(self._phrases[:4]),
            isrcs=tuple(self._isrcs[:MAX_TERMS]),
            licences=tuple(self._licences[:4]),
            tiers=self._tiers,
            years=self._years,
            cut=cut or len(terms) > MAX_TERMS,
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
