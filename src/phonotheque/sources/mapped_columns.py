"""What a mapping file says of one column: where its values come from and how they are cleaned."""

import re
from string import Formatter
from typing import Any

from phonotheque.sources.mapped_values import UNITS, Field, Steps, parse_path

__all__ = ["COLUMNS", "WrongMappingError", "is_texts", "read_field"]

_OPTIONS = ("from", "value", "template", "empty", "match", "split", "join", "unit")
_TEXT, _NUMBER, _TEXTS = "text", "number", "texts"
COLUMNS: dict[str, dict[str, str]] = {
    "rows": {
        **dict.fromkeys(
            ["source_key", "title", "artist_credit", "release_title", "release_artist",
             "release_key", "release_group", "release_country", "label", "barcode",
             "position_text", "recording_mbid", "release_mbid", "collection", "licence", "holder"],
            _TEXT,
        ),
        **dict.fromkeys(["release_year", "disc", "position", "duration_ms", "year"], _NUMBER),
        **dict.fromkeys(["genres", "isrcs"], _TEXTS),
    },
    "listens": {"key": _TEXT, "listens": _NUMBER, "listeners": _NUMBER},
    "artists": {"source_key": _TEXT, "name": _TEXT, "sort_name": _TEXT, "aliases": _TEXTS},
    "groups": {"source_key": _TEXT, "title": _TEXT, "artist_credit": _TEXT, "year": _NUMBER},
    "redirects": {"entity": _TEXT, "old": _TEXT, "new": _TEXT},
}  # fmt: skip
"""By kind: the columns that can be mapped, and what they hold."""


class WrongMappingError(Exception):
    """Something in a mapping file: its key, and what to do about it."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(f"{key}: {what}")
        self.key = key


def read_field(name: str, said: Any, kind: str, form: str) -> Field:
    """The field of a column of this kind, from an input of this format.

    Raises:
        WrongMappingError: it says what no mapping can.
    """
    key = f"columns.{name}"
    if name not in COLUMNS[kind]:
        raise WrongMappingError(
            key, f"is no column of {kind}; those are {', '.join(COLUMNS[kind])}"
        )
    options = said if isinstance(said, dict) else {"from": said}
    for option in options:
        if option not in _OPTIONS:
            raise WrongMappingError(key, f"{option} is unknown; known are {', '.join(_OPTIONS)}")
    if sum(option in options for option in ("from", "value", "template")) != 1:
        raise WrongMappingError(key, "must have exactly one of from, value and template")
    form_of_column = COLUMNS[kind][name]
    if "from" not in options:
        if len(options) > 1:
            raise WrongMappingError(
                key, "only what has a from can be cleaned, split, joined or converted"
            )
        if "value" in options:
            return Field(
                name, form_of_column, value=_constant(options["value"], key, form_of_column)
            )
        return Field(name, form_of_column, template=_template(options["template"], key, form))
    return Field(
        name,
        form_of_column,
        path=_path(options["from"], key, form),
        empty=_empty(options.get("empty", []), key),
        match=_pattern(options.get("match"), key),
        split=_separator(options, "split", key),
        join=_separator(options, "join", key),
        unit=_unit(options.get("unit"), key, name),
    )


def _path(said: Any, key: str, form: str) -> Steps:
    """A path; of CSV and TSV, and of each part of a list, the name as it stands."""
    if isinstance(said, list) and said and all(isinstance(s, str | int) for s in said):
        steps: Steps = tuple(None if s == "*" else s for s in said)
    elif not isinstance(said, str) or not said:
        raise WrongMappingError(key, "from must be a text, or a list of names and places")
    elif form in ("csv", "tsv"):
        steps = (said,)
    else:
        try:
            steps = parse_path(said)
        except ValueError as error:
            raise WrongMappingError(key, f"{said!r} {error}") from error
    if not isinstance(steps[0], str) or (form in ("csv", "tsv") and len(steps) > 1):
        raise WrongMappingError(key, "from must begin with a name, and be one name for csv and tsv")
    return steps


def _template(said: Any, key: str, form: str) -> tuple[str, tuple[Steps, ...]]:
    shape, paths = "", []
    try:
        for literal, name, spec, conversion in Formatter().parse(said):
            shape += literal.replace("{", "{{").replace("}", "}}")
            if name is not None:
                if spec or conversion or not name:
                    raise ValueError("no name, or more than a name, in {}")
                paths.append(_path(name, key, form))
                shape += "{}"
    except (ValueError, TypeError) as error:
        raise WrongMappingError(
            key, f"template is none ({error}); write for example {{album}}/{{track}}"
        ) from error
    if not paths:
        raise WrongMappingError(key, "template takes nothing from the input; a constant is a value")
    return shape, tuple(paths)


def _constant(said: Any, key: str, form: str) -> Any:
    right = {_TEXT: str, _NUMBER: int, _TEXTS: list}[form]
    if (
        isinstance(said, bool)
        or not isinstance(said, right)
        or (form == _TEXTS and not is_texts(said))
    ):
        raise WrongMappingError(key, f"value must be a {form.replace('texts', 'list of texts')}")
    return said


def _empty(said: Any, key: str) -> tuple[str, ...]:
    if not is_texts(said):
        raise WrongMappingError(key, "empty must be a list of texts that mean nothing")
    return tuple(said)


def _pattern(said: Any, key: str) -> re.Pattern[str] | None:
    if said is None:
        return None
    try:
        return re.compile(said)
    except (re.error, TypeError) as error:
        raise WrongMappingError(key, f"match is no regular expression ({error})") from error


def _separator(options: dict[str, Any], option: str, key: str) -> str | None:
    said = options.get(option)
    if said is not None and (not isinstance(said, str) or (option == "split" and not said)):
        raise WrongMappingError(key, f"{option} must be the text between the parts")
    return said


def _unit(said: Any, key: str, name: str) -> str | None:
    if said is None:
        return None
    if name != "duration_ms" or said not in UNITS:
        raise WrongMappingError(key, f"unit is for duration_ms only, and one of {', '.join(UNITS)}")
    return str(said)


def is_texts(value: Any) -> bool:
    """Whether it is a list of texts."""
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
