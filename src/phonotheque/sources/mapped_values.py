"""How one column of an import comes from the values of foreign records. Pure, a column at a time.

A `Field` takes a value by a path or a template, or is a constant; what it takes is then cleaned,
cut, split, joined and converted in that order, and made text, number or list of texts, as the
column wants it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

__all__ = ["UNITS", "Field", "Steps", "column_values", "fill_template", "parse_path"]

Step = str | int | None
"""A name, a place in a list from 0, or None: every element."""
Steps = tuple[Step, ...]

UNITS = {"ms": 1.0, "s": 1_000.0, "min": 60_000.0, "us": 0.001, "clock": 0.0}
"""Milliseconds of one unit; "clock" is text such as 4:45 or 1:02:03."""

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d*)\]")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):([0-5]?\d(?:\.\d+)?)")
_SCALARS = str | int | float
_TEXT_KINDS = {str, type(None)}
_NUMBER_KINDS = {str, int, float, type(None)}


@dataclass(frozen=True, slots=True)
class Field:
    """What makes one column. Exactly one of `path`, `template` and `value` is given."""

    name: str
    form: str  # text | number | texts
    path: Steps | None = None
    template: tuple[str, tuple[Steps, ...]] | None = None  # with {} for each path
    value: Any = None
    empty: tuple[str, ...] = ()  # texts that mean nothing
    match: re.Pattern[str] | None = None
    split: str | None = None
    join: str | None = None
    unit: str | None = None


def parse_path(text: str) -> Steps:
    """Steps of "artist.name", "tags[0]" or "artists[].name".

    Raises:
        ValueError: it is no path.
    """
    steps: list[Step] = []
    at = 0
    for match in _STEP.finditer(text):
        if match.start() != at or (not steps and match[0].startswith(".")):
            break
        at = match.end()
        steps.append(match[1] if match[1] is not None else int(match[2]) if match[2] else None)
    if at != len(text) or not steps:
        raise ValueError("is no path; write name, name.name, name[0] or name[].name")
    return tuple(steps)


def fill_template(shape: str, columns: Sequence[Sequence[Any]]) -> list[str | None]:
    """The template with each row's values; None where one of them is missing."""
    return [
        None if None in row or "" in row else shape.format(*row)
        for row in zip(*(map(_as_text, column) for column in columns), strict=True)
    ]


def column_values(field: Field, raw: Sequence[Any]) -> list[Any]:
    """What a column holds, from what its path or template took; shape (rows,)."""
    values = _cleaned(raw, frozenset(("", *field.empty)))
    for step in _steps(field):
        values = [None if value is None else step(value) for value in values]
    kinds = set(map(type, values))
    if field.form == "texts":
        return [None if value is None else _as_texts(value) for value in values]
    if kinds <= _TEXT_KINDS or (field.form == "number" and kinds <= _NUMBER_KINDS):
        return values  # as it is wanted already
    form = _as_text if field.form == "text" else _as_number
    return [None if value is None else form(value) for value in values]


def _cleaned(values: Sequence[Any], empty: frozenset[str]) -> list[Any]:
    """The values without blanks around them, and None for those that mean nothing."""
    if set(map(type, values)) <= {str}:
        return [None if text in empty else text for text in map(str.strip, values)]
    return [None if value is None else _without_empty(value, empty) for value in values]


def _steps(field: Field) -> list[Callable[[Any], Any]]:
    steps: list[Callable[[Any], Any]] = []
    if field.match is not None:
        steps.append(_each(_matcher(field.match)))
    if field.split is not None:
        steps.append(_splitter(field.split))
    if field.join is not None:
        steps.append(_joiner(field.join))
    if field.unit is not None:
        steps.append(_converter(field.unit))
    return steps


def _without_empty(value: Any, empty: frozenset[str]) -> Any:
    if isinstance(value, str):
        text = value.strip()
        return None if text in empty else text
    if isinstance(value, list):
        return [v for v in value if v is not None and not (isinstance(v, str) and v in empty)]
    return None if len(empty) > 1 and str(value) in empty else value


def _each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The change, made to every element of a list."""

    def changed(value: Any) -> Any:
        if not isinstance(value, list):
            return change(value)
        return [new for old in value if (new := change(old)) is not None]

    return changed


def _matcher(pattern: re.Pattern[str]) -> Callable[[Any], str | None]:
    group = 1 if pattern.groups else 0

    def match(value: Any) -> str | None:
        found = pattern.search(str(value))
        return (found[group] or None) if found else None

    return match


def _splitter(separator: str) -> Callable[[Any], list[str]]:
    def split(value: Any) -> list[str]:
        values = value if isinstance(value, list) else [value]
        parts = [part.strip() for v in values for part in str(v).split(separator)]
        return [part for part in parts if part]

    return split


def _joiner(separator: str) -> Callable[[Any], Any]:
    def join(value: Any) -> Any:
        return separator.join(_as_texts(value) or ()) or None if isinstance(value, list) else value

    return join


def _converter(unit: str) -> Callable[[Any], Any]:
    factor = UNITS[unit]

    def convert(value: Any) -> Any:
        """Milliseconds, or the value itself where it is no number: the number stage refuses it."""
        try:
            if unit != "clock":
                return round(float(value) * factor) or None
            match = _CLOCK.fullmatch(str(value))
            hours, minutes, seconds = match.groups() if match else (None, None, value)
            total = int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
            return round(total * 1000) or None
        except (TypeError, ValueError, OverflowError):
            return value

    return convert


def _as_text(value: Any) -> str | None:
    """A text; None for what is none, such as an object."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, _SCALARS | Decimal | date):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _as_number(value: Any) -> Any:
    """A number, or a text that may be one."""
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, _SCALARS) and not isinstance(value, bool) else None


def _as_texts(value: Any) -> list[str] | None:
    if type(value) is str:
        return [value] if value else None
    values = value if isinstance(value, list) else [value]
    return [text for v in values if (text := _as_text(v))] or None
