"""How often recordings were listened to, from a CSV of keys (docs/formats/listens.md)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from phonotheque.model.errors import InputError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.identifiers import IsrcStatus, parse_isrc, parse_mbid
from phonotheque.model.tables import LISTENS
from phonotheque.sources.readers import Reader
from phonotheque.sources.records import Block, Record, iter_records, read_columns

COLUMNS = ("key", "listens", "listeners")
_PUBLIC_ID = re.compile(r"r[0-9a-hjkmnp-tv-z]{9}")
_MAX = 2**63 - 1


def is_listens_file(path: Path) -> bool:
    """Whether the file's columns are those of a table of listens.

    Raises:
        InputError: the file cannot be read.
    """
    columns = read_columns(path)
    return "key" in columns and "listens" in columns and "source_key" not in columns


def check_listens_file(path: Path) -> list[str]:
    """The columns of the file that will be ignored.

    Raises:
        InputError: the file cannot be read, or a required column is missing.
    """
    columns = read_columns(path)
    if "key" not in columns or "listens" not in columns:
        raise InputError(f"{path}: a table of listens has the columns key, listens[, listeners]")
    return [name for name in columns if name not in COLUMNS]


def parse_listens_key(text: str) -> tuple[str, str] | None:
    """(kind, key) of ``isrc:X``, a bare ISRC, ``mbid:X``, ``source:<source>:<key>`` or a public id;
    None for anything else."""
    prefix, colon, rest = text.strip().partition(":")
    match prefix.lower() if colon else "":
        case "isrc":
            return _isrc_key(rest)
        case "mbid":
            mbid = parse_mbid(rest)
            return ("mbid", mbid) if mbid else None
        case "source":
            source, _, key = rest.partition(":")
            return ("source", rest) if source and key else None
        case "":
            low = text.strip().lower()
            return ("public_id", low) if _PUBLIC_ID.fullmatch(low) else _isrc_key(text)
    return None


def _isrc_key(text: str) -> tuple[str, str] | None:
    code, status = parse_isrc(text)
    return ("isrc", code) if status in (IsrcStatus.VALID, IsrcStatus.UNKNOWN_PREFIX) else None


def make_listens(block: Block, where: str) -> tuple[pa.RecordBatch, list[Finding]]:
    """The lines of a block of the input `where` with the columns of `tables.LISTENS`, less those
    whose key or count is wrong, and what is wrong, by row."""
    said = [_values(block.columns.get(name), len(block.rows)) for name in COLUMNS]
    kinds: list[str] = []
    kept: list[tuple[str, int, int | None]] = []
    findings: list[Finding] = []
    for row, key, *counts in zip(block.rows, *said, strict=True):
        parsed = parse_listens_key(str(key or ""))
        listens, listeners = (_count(value) for value in counts)
        if parsed is None:
            message = f"{str(key)[:60]!r} is no key; write an ISRC, mbid:…, source:… or a public id"
            findings.append(Finding(FindingCode.ROW_NO_KEY, Severity.ERROR, where, message, row))
        elif listens is None or (listeners is None and counts[1] not in (None, "")):
            message = "listens and listeners are whole numbers from 0; the row is left out"
            findings.append(
                Finding(FindingCode.ROW_BAD_NUMBER, Severity.ERROR, where, message, row)
            )
        else:
            kinds.append(parsed[0])
            kept.append((parsed[1], listens, listeners))
    columns = [kinds, *(list(column) for column in zip(*kept, strict=True))] if kept else [[]] * 4
    arrays = [pa.array(c, field.type) for c, field in zip(columns, LISTENS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=LISTENS), findings


def _values(raw: list[Any] | pa.Array | None, rows: int) -> list[Any]:
    if raw is None:
        return [None] * rows
    return raw.to_pylist() if isinstance(raw, pa.Array) else raw


def _is_listens_table(path: Path, head: bytes) -> bool:
    try:
        return path.is_file() and is_listens_file(path)
    except InputError:
        return False


def _iter_blocks(path: Path, after: int) -> Iterator[Record]:
    yield from iter_records(path, COLUMNS, after)


LISTENS_TABLE = Reader(
    name="listens",
    kind="listens",
    about="tables of listens: CSV, JSON Lines or Parquet with the columns key and listens",
    replaces=True,
    recognises=_is_listens_table,
    iter_blocks=_iter_blocks,
)


def _count(value: Any) -> int | None:
    text = str(value if value is not None else "").strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        return None
    return int(text) if int(text) <= _MAX else None
