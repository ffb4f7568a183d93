"""How often recordings were listened to, from a CSV of keys (docs/formats/listens.md)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.errors import InputError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.identifiers import IsrcStatus, parse_isrc, parse_mbid
from phonotheque.model.tables import LISTENS
from phonotheque.sources.columns import Bools, Raw
from phonotheque.sources.isrc_columns import plain_isrcs
from phonotheque.sources.readers import Reader
from phonotheque.sources.records import Block, Record, iter_records, read_columns

COLUMNS = ("key", "listens", "listeners")
_PUBLIC_ID = re.compile(r"r[0-9a-hjkmnp-tv-z]{9}")
_MAX = 2**63 - 1
_ISRC_PREFIX, _PLAIN_DIGITS = "isrc:", 18


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
    rows = len(block.rows)
    plain, clean = _plain_lines(block, rows)
    odd = np.flatnonzero(~plain)
    said = [_values(block.columns.get(name), odd) for name in COLUMNS]
    kept: list[tuple[str, str, int, int | None]] = []
    places: list[int] = []
    findings: list[Finding] = []
    for place, key, *counts in zip(odd.tolist(), *said, strict=True):
        row, parsed = block.rows[place], parse_listens_key(str(key or ""))
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
            places.append(place)
            kept.append((*parsed, listens, listeners))
    if not kept:
        return clean, findings
    columns = zip(*kept, strict=True)
    arrays = [pa.array(c, field.type) for c, field in zip(columns, LISTENS, strict=True)]
    parsed_rows = pa.RecordBatch.from_arrays(arrays, schema=LISTENS)
    order = np.argsort(np.concatenate([np.flatnonzero(plain), places]), kind="stable")
    return pa.concat_batches([clean, parsed_rows]).take(pa.array(order)), findings


def _plain_lines(block: Block, rows: int) -> tuple[Bools, pa.RecordBatch]:
    """(which lines have a valid ISRC just as it stands, bare or after ``isrc:``, and plain counts;
    those lines). Shapes (rows,) and (lines, 4)."""
    keys, *counts = (_column(block.columns.get(name), rows) for name in COLUMNS)
    counted = [_plain_counts(column) for column in counts]
    if not isinstance(keys, pa.StringArray) or None in counted:
        return np.zeros(rows, dtype=np.bool_), pa.RecordBatch.from_pylist([], schema=LISTENS)
    named = pc.starts_with(keys, _ISRC_PREFIX)
    codes = pc.if_else(named, pc.utf8_slice_codeunits(keys, len(_ISRC_PREFIX)), keys)
    (listens, heard), (listeners, by_some) = (pair for pair in counted if pair)
    plain = plain_isrcs(codes) & heard & by_some & np.asarray(listens.is_valid())
    mask = pa.array(plain)
    arrays = [pa.repeat("isrc", int(plain.sum()))]
    arrays += [column.filter(mask) for column in (codes, listens, listeners)]
    return plain, pa.RecordBatch.from_arrays(arrays, schema=LISTENS)


def _plain_counts(column: Any) -> tuple[pa.Int64Array, Bools] | None:
    """(whole numbers, which of them are plain: from 0, or null); None for a column of other
    things."""
    if isinstance(column, pa.StringArray):
        said = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
        plain = np.asarray(pc.ascii_is_decimal(said).fill_null(True))
        plain &= np.asarray(pc.binary_length(said).fill_null(0)) <= _PLAIN_DIGITS
        said = pc.if_else(pa.array(plain), said, pa.scalar(None, pa.string()))
        return said.cast(pa.int64()), plain
    if column is None or not (pa.types.is_integer(column.type) or pa.types.is_null(column.type)):
        return None
    if column.type == pa.uint64():
        return None
    whole = column.cast(pa.int64())
    return whole, np.asarray(pc.greater_equal(whole, 0).fill_null(True))


def _column(raw: Raw, rows: int) -> Any:
    """A raw column as an Arrow array; None where its values are not of one kind."""
    if raw is None:
        return pa.nulls(rows, pa.int64())
    try:
        return raw if isinstance(raw, pa.Array) else pa.array(raw)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        return None


def _values(raw: Raw, places: npt.NDArray[np.int64]) -> list[Any]:
    if raw is None:
        return [None] * len(places)
    if isinstance(raw, pa.Array):
        return list(raw.take(pa.array(places)).to_pylist())
    return [raw[place] for place in places.tolist()]


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
