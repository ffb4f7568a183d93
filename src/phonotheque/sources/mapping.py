"""Foreign tables read by a mapping file, which says where each column of an import comes from.

docs/formats/mapping.md is the specification. A mapping is TOML: what the source is called, how its
files are written, and under ``[columns]`` a path, a template or a constant for each column.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phonotheque.model.errors import InputError
from phonotheque.model.findings import Finding
from phonotheque.sources.mapped_columns import COLUMNS, WrongMappingError, is_texts, read_field
from phonotheque.sources.mapped_records import Batch, Layout, iter_batches
from phonotheque.sources.mapped_values import Field, Steps, column_values, fill_template
from phonotheque.sources.readers import Reader
from phonotheque.sources.records import Block

__all__ = ["Mapping", "mapped_reader", "read_mapping"]

FORMATS = {"csv": (",", '"'), "tsv": ("\t", ""), "jsonl": ("", ""), "parquet": ("", "")}
"""Delimiter and quote of each format where a mapping gives none."""

REQUIRED = {
    "rows": ("source_key", "title", "artist_credit"),
    "listens": ("key", "listens"),
    "artists": ("source_key", "name"),
    "groups": ("source_key", "title", "artist_credit"),
    "redirects": ("entity", "old", "new"),
}
_KEYS = ("source", "format", "kind", "about", "delimiter", "quote", "header", "replaces", "columns")
_SOURCE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Mapping:
    """What a mapping file says."""

    source: str  # slug
    kind: str  # rows | listens | artists | groups | redirects
    about: str
    replaces: bool
    layout: Layout
    fields: tuple[Field, ...]


def read_mapping(path: Path) -> Mapping:
    """The mapping in a TOML file.

    Raises:
        InputError: it cannot be read, or says what no mapping can; the message names line and key.
    """
    try:
        text = path.read_text("utf-8")
        return _mapping(tomllib.loads(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: is no mapping file ({error})") from error
    except WrongMappingError as wrong:
        line = _line_of(text, wrong.key)
        raise InputError(f"{path}:{line}: {wrong}") from wrong


def mapped_reader(mapping: Mapping) -> Reader:
    """A reader of the inputs that the mapping is made for: a file, a tar of such files, or a folder
    of them. It recognises nothing by itself."""
    paths = list(dict.fromkeys(steps for field in mapping.fields for steps in _paths(field)))

    def iter_blocks(path: Path, after: int) -> Iterator[Block | Finding]:
        for item in iter_batches(path, mapping.layout, paths, after):
            if isinstance(item, Finding):
                yield item
            else:
                columns = {field.name: _column(field, item) for field in mapping.fields}
                yield Block(item.rows, columns)

    return Reader(
        mapping.source,
        mapping.kind,
        mapping.about,
        mapping.replaces,
        lambda path, head: False,
        iter_blocks,
    )


def _paths(field: Field) -> Sequence[Steps]:
    if field.template is not None:
        return field.template[1]
    return [] if field.path is None else [field.path]


def _column(field: Field, batch: Batch) -> list[Any]:
    if field.template is not None:
        shape, parts = field.template
        return fill_template(shape, [batch.columns[steps] for steps in parts])
    if field.path is not None:
        return column_values(field, batch.columns[field.path])
    return [field.value] * len(batch.rows)


# -------------------------------------------------------------------------------- the mapping file


def _mapping(found: dict[str, Any]) -> Mapping:
    for key in found:
        if key not in _KEYS:
            raise WrongMappingError(key, f"is unknown; known are {', '.join(_KEYS)}")
    source = _text(found, "source")
    if not _SOURCE.fullmatch(source) or len(source) > 60:
        raise WrongMappingError(
            "source", "must be lower-case letters, digits and single hyphens, at most 60"
        )
    kind = _text(found, "kind", "rows")
    if kind not in COLUMNS:
        raise WrongMappingError("kind", f"must be one of {', '.join(COLUMNS)}")
    replaces = found.get("replaces", False)
    if not isinstance(replaces, bool):
        raise WrongMappingError("replaces", "must be true or false")
    layout = _layout(found)
    columns = found.get("columns")
    if not isinstance(columns, dict):
        raise WrongMappingError("columns", "is missing; say where each column comes from")
    for name in REQUIRED[kind]:
        if name not in columns:
            raise WrongMappingError("columns", f"{name} is missing; {kind} cannot be without it")
    fields = tuple(read_field(name, said, kind, layout.format) for name, said in columns.items())
    if not any(_paths(field) for field in fields):
        raise WrongMappingError(
            "columns", "nothing is taken from the input; give some column a from"
        )
    about = _text(found, "about", f"{source}, by its mapping file")
    return Mapping(source, kind, about, replaces, layout, fields)


def _layout(found: dict[str, Any]) -> Layout:
    form = _text(found, "format")
    if form not in FORMATS:
        raise WrongMappingError("format", f"must be one of {', '.join(FORMATS)}")
    delimiter, quote = FORMATS[form]
    delimiter = _text(found, "delimiter", delimiter)
    quote = _text(found, "quote", quote)
    for key, text, least in (("delimiter", delimiter, 1), ("quote", quote, 0)):
        if key in found and not FORMATS[form][0]:
            raise WrongMappingError(key, f"means nothing for {form}; leave it out")
        if delimiter and (not least <= len(text) <= 1 or text in ("\n", "\r")):
            raise WrongMappingError(
                key, "must be one character" + (', or "" for none' if not least else "")
            )
    if delimiter and delimiter == quote:
        raise WrongMappingError("quote", "must differ from the delimiter")
    header = found.get("header")
    if header is not None and not (header and is_texts(header) and delimiter):
        raise WrongMappingError(
            "header", "must be a list of names, for csv or tsv without a header line"
        )
    return Layout(form, delimiter, quote, tuple(header) if header else None)


def _text(found: dict[str, Any], key: str, otherwise: str | None = None) -> str:
    value = found.get(key, otherwise)
    if value is None:
        raise WrongMappingError(key, "is missing")
    if not isinstance(value, str):
        raise WrongMappingError(key, "must be a text")
    return value


def _line_of(text: str, key: str) -> int:
    """The line in which a key such as ``columns.title`` is set, or 1."""
    table, _, name = key.rpartition(".")
    header = ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            header = match[1]
            if header == key:
                return number
        elif re.match(rf"\s*\"?{re.escape(name)}\"?\s*[=.]", line) and header in (table, ""):
            return number
    return 1
