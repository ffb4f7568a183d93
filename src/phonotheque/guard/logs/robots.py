"""Robots that say so: lists of patterns of user agents, as others keep them."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb

from phonotheque.model.errors import FormatError, NotFoundError

_AT_ONCE: Final = 50
"""Patterns in one expression: RE2 gives up on larger ones."""


def read_robots(path: Path) -> tuple[str, ...]:
    """The patterns in a file: JSON, a list of objects with `pattern` (COUNTER-Robots,
    crawler-user-agents) or an object by name (ai.robots.txt), or text, a pattern a line.

    Raises:
        NotFoundError: there is no such file.
        FormatError: it is JSON of another shape, or no text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: no text ({error})") from error
    if not text.lstrip().startswith(("[", "{")):
        return tuple(line.strip() for line in text.splitlines() if line.strip())
    try:
        found = json.loads(text)
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from error
    if isinstance(found, dict):
        return tuple(re.escape(name) for name in found)
    if all(isinstance(one, dict) and isinstance(one.get("pattern"), str) for one in found):
        return tuple(one["pattern"] for one in found)
    raise FormatError(f"{path}: neither a list of objects with pattern, nor an object by name")


def mark_robots(
    connection: duckdb.DuckDBPyConnection, patterns: Sequence[str]
) -> list[tuple[str, str]]:
    """Make `robots`, the numbers of accounts whose agent says so; the patterns that could not be
    used, with the reason."""
    run = connection.execute
    run("CREATE TABLE robots (account BIGINT)")
    usable, refused = [], []
    for pattern in dict.fromkeys(patterns):
        try:
            run("SELECT regexp_matches('', ?, 'i')", [pattern]).fetchall()
            usable.append(pattern)
        except duckdb.Error as error:
            refused.append((pattern, str(error)))
    if not usable:
        return refused
    run("CREATE TEMP TABLE agents AS SELECT DISTINCT agent FROM accounts WHERE agent <> ''")
    tests = [
        "regexp_matches(agent, $p, 'i')".replace("$p", _text("|".join(f"(?:{p})" for p in some)))
        for some in _groups(usable)
    ]
    run(f"""INSERT INTO robots SELECT account FROM accounts
        WHERE agent IN (SELECT agent FROM agents WHERE {" OR ".join(tests)})""")
    return refused


def robot_of(agent: str, patterns: Sequence[str]) -> str:
    """The pattern that `agent` fits, empty for none."""
    for pattern in patterns:
        try:
            if re.search(pattern, agent, re.IGNORECASE):
                return pattern
        except re.error:
            continue
    return ""


def _groups(patterns: Sequence[str]) -> list[Sequence[Any]]:
    return [patterns[at : at + _AT_ONCE] for at in range(0, len(patterns), _AT_ONCE)]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
