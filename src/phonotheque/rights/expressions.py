"""Licence expressions of SPDX: ``A OR B`` is the better of two, ``A AND B`` asks for both. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from phonotheque.model.rights import Level
from phonotheque.rights.licences import Family, Licence
from phonotheque.rights.parse import MAX_STATEMENT_CHARS, parse_licence

MAX_ALTERNATIVES = 32
MAX_DEPTH = 8
ADDING_EXCEPTIONS = frozenset(
    {"classpath-exception-2.0", "font-exception-2.0", "gcc-exception-3.1", "llvm-exception"}
)
"""Exceptions that only permit more (SPDX list); without them a licence is judged at its worst."""

_TOKEN = re.compile(r"([()]|(?<![^\s()])(?:and|or|with)(?![^\s()]))", re.IGNORECASE)

Alternatives = frozenset[frozenset[Licence]]


@dataclass(frozen=True, slots=True)
class Expression:
    """What may be chosen from: each alternative is a set of licences that all have to be kept."""

    alternatives: Alternatives

    def __str__(self) -> str:
        sets = (" AND ".join(sorted(one.id for one in a)) for a in self.alternatives)
        return " OR ".join(sorted(sets))


def parse_expression(raw: str) -> Expression | None:
    """The expression that `raw` is, a single licence too; None where any part is unknown."""
    if len(raw) > MAX_STATEMENT_CHARS:
        return None
    tokens = [t for t in (p.strip() for p in _TOKEN.split(raw)) if t]
    reader = _Reader(tokens)
    found = reader.any_of(0)
    if found is None or reader.at != len(tokens) or len(found) > MAX_ALTERNATIVES:
        return None
    if len(found) > 1 and any(x.family is Family.NONE for a in found for x in a):
        return None  # "CC BY or all rights reserved" offers no choice
    return Expression(found)


def best_alternative(
    expression: Expression, level_of: Callable[[Licence], Level]
) -> tuple[Level, frozenset[Licence]]:
    """The best level an alternative gives (the minimum over its licences), and that alternative."""
    rated = [
        (min(level_of(x) for x in a), sorted(x.id for x in a), a) for a in expression.alternatives
    ]
    level, _, best = min(rated, key=lambda r: (-r[0], r[1]))
    return level, best


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
        licence = parse_licence(text) or parse_licence(text.removesuffix("+"))
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
