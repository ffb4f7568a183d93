"""Licence expressions of SPDX: ``A OR B`` is the better of two, ``A AND B`` asks for both. Pure.

A claim on a licence is an expression, mostly of one licence. Its text is what `str` makes of it, in
which order does not matter, so that equal choices have equal texts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from phonotheque.rights.licences import Family, Licence, alias_key, licence_by_id, licence_table
from phonotheque.rights.parse import MAX_STATEMENT_CHARS, parse_licence

MAX_ALTERNATIVES = 32
MAX_DEPTH = 8
ADDING_EXCEPTIONS = frozenset(
    {"classpath-exception-2.0", "font-exception-2.0", "gcc-exception-3.1", "llvm-exception"}
)
"""Exceptions that only permit more (SPDX list); without them a licence is judged at its worst."""
AND, OR = " AND ", " OR "
NO_GRANT = (Family.PDM, Family.NONE)

_TOKEN = re.compile(r"([()]|(?<![^\s()])(?:and|or|with)(?![^\s()]))", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"'()\[\]{}]+")

Alternatives = frozenset[frozenset[Licence]]


@dataclass(frozen=True, slots=True)
class Expression:
    """What may be chosen from: each alternative is a set of licences that all have to be kept."""

    alternatives: Alternatives

    def __str__(self) -> str:
        return OR.join(sorted(AND.join(sorted(one.id for one in a)) for a in self.alternatives))

    @property
    def terms(self) -> frozenset[frozenset[tuple[str, ...]]]:
        """What is asked for, whatever the versions or ports; equal terms do not conflict."""
        return frozenset(frozenset(one.terms for one in a) for a in self.alternatives)

    @property
    def families(self) -> frozenset[Family]:
        """The families of all its licences."""
        return frozenset(one.family for a in self.alternatives for one in a)

    @property
    def grants(self) -> bool:
        """Whether it is more than a label or the statement that there is no licence."""
        return any(family not in NO_GRANT for family in self.families)


@lru_cache(maxsize=4096)  # the same few statements stand on millions of rows
def parse_expression(raw: str) -> Expression | None:
    """The expression that `raw` is, and nothing beside it; None where any part is unknown.

    A part is the name or the address of a licence, not a sentence: what is said of one licence in
    prose ("CC BY, or BY-NC for the rest") may not be meant for the whole.
    """
    if len(raw) > MAX_STATEMENT_CHARS:
        return None
    tokens = [t for t in (p.strip() for p in _TOKEN.split(raw)) if t]
    reader = _Reader(tokens)
    found = reader.any_of(0)
    if found is None or reader.at != len(tokens) or len(found) > MAX_ALTERNATIVES:
        return None
    expression = Expression(found)
    several = len({one for a in found for one in a}) > 1
    if several and Family.NONE in expression.families:
        return None  # "CC BY or all rights reserved" offers no choice
    return expression


@lru_cache(maxsize=4096)
def expression_by_id(text: str) -> Expression | None:
    """The expression with this text: the id of one licence, or ids joined by AND and OR."""
    licence = licence_by_id(text)
    return Expression(frozenset({frozenset({licence})})) if licence else parse_expression(text)


def best_alternative(
    expression: Expression, rating: Callable[[Licence], Any]
) -> tuple[Any, frozenset[Licence]]:
    """The best rating that an alternative has (the least of its licences), and that alternative:
    of equal ones the first by ids.
    """
    rated = [(min(map(rating, a)), a) for a in sorted(expression.alternatives, key=_ids)]
    return max(rated, key=lambda pair: pair[0])


def licences_in(text: str) -> tuple[Licence, ...]:
    """The licences that have to be kept together, as ``A AND B`` names them; empty where one of
    them is not known.
    """
    found = [licence_by_id(one) for one in text.split(AND)]
    return tuple(one for one in found if one is not None) if None not in found else ()


def _ids(alternative: frozenset[Licence]) -> list[str]:
    return sorted(one.id for one in alternative)


def _bare(text: str) -> Licence | None:
    """The licence of which `text` is the name or the address, and nothing else."""
    if _ADDRESS.fullmatch(text):
        return parse_licence(text)
    names = licence_table().by_alias
    return names.get(alias_key(text)) or names.get(alias_key(text.removesuffix("+")))


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def any_of(self, depth: int) -> Alternatives | None:
        found = self.all_of(depth)
        while found is not None and self._take("or"):
            other = self.all_of(depth)
            found = None if other is None else found | other
        return found

    def all_of(self, depth: int) -> Alternatives | None:
        found = self._one(depth)
        while found is not None and self._take("and"):
            other = self._one(depth)
            if other is None or len(found) * len(other) > MAX_ALTERNATIVES:
                return None
            found = frozenset(a | b for a in found for b in other)
        return found

    def _one(self, depth: int) -> Alternatives | None:
        if self._take("("):
            found = self.any_of(depth + 1) if depth < MAX_DEPTH else None
            return found if self._take(")") else None
        text = self._next()
        licence = _bare(text)
        if licence is None:
            return None
        if self._take("with") and self._next().lower() not in ADDING_EXCEPTIONS:
            return None
        return frozenset({frozenset({licence})})

    def _take(self, word: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at].lower() == word:
            self.at += 1
            return True
        return False

    def _next(self) -> str:
        if self.at >= len(self.tokens):
            return ""
        self.at += 1
        return self.tokens[self.at - 1]
