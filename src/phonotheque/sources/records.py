"""Records of a table file (CSV, JSON Lines, Parquet) in blocks of columns, with row numbers.

Rows are counted from 1; the header line of a CSV file is not a row. Compressed files are read by
their ending: .gz .bz2 .zst .xz.
"""

import bz2
import csv
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model.errors import InputError
from phonotheque.model.findings import Finding, FindingCode, Severity

T = TypeVar("T")
BLOCK_ROWS = 65_536
MAX_FIELD_CHARS = 1 << 20
FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_OPENERS: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
_BROKEN_STREAM = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, ValueError)


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows as columns of equal length. Values are as the file has them: text, numbers, lists,
    structs, None. A column that is not there is None throughout."""

    rows: Sequence[int]
    columns: dict[str, list[Any] | pa.Array]


Record = Block | Finding


def table_format(path: Path) -> str:
    """ "csv", "jsonl" or "parquet", by the file's ending.

    Raises:
        InputError: it is none of them.
    """
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in (*_OPENERS, ".zst"):
        suffixes.pop()
    found = FORMATS.get(suffixes[-1]) if suffixes else None
    if found is None:
        raise InputError(
            f"{path}: not a table known here; give .csv, .jsonl or .parquet, or a folder of audio"
        )
    return found


def read_columns(path: Path) -> list[str]:
    """The names of the columns, in lower case; of JSON Lines, those of the first line.

    Raises:
        InputError: the file cannot be read.
    """
    kind = table_format(path)
    try:
        if kind == "parquet":
            return [name.lower() for name in pq.read_schema(path).names]
        with _open(path) as stream:
            line = stream.readline(MAX_FIELD_CHARS)
    except _BROKEN_STREAM as error:
        raise InputError(f"{path}: cannot be read ({error}); get a sound copy") from error
    if kind == "csv":
        return _header(line.decode("utf-8-sig", "replace"))
    try:
        first = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [str(name).lower() for name in first] if isinstance(first, dict) else []


def iter_records(path: Path, wanted: Sequence[str]) -> Iterator[Record]:
    """Blocks of the columns `wanted` (those that are missing are all None), and findings.

    A file that breaks off is read up to there. Memory: one block.
    """
    readers = {"csv": _iter_csv, "jsonl": _iter_jsonl, "parquet": _iter_parquet}
    yield from _until_broken(readers[table_format(path)](path, wanted), path.name)


def _until_broken(items: Iterator[T], where: str) -> Iterator[T | Finding]:
    """The items; where reading them breaks off, a finding instead of the rest."""
    try:
        yield from items
    except _BROKEN_STREAM as error:
        message = f"cannot be read to its end ({error}); what came before is kept; get a sound copy"
        yield Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, where, message)


def _open(path: Path) -> IO[bytes]:
    suffix = path.suffix.lower()
    if suffix == ".zst":
        return cast(IO[bytes], io.BufferedReader(pa.input_stream(path, compression="zstd")))
    return cast(IO[bytes], _OPENERS.get(suffix, open)(path, "rb"))


def _header(line: str) -> list[str]:
    return [name.strip().lower() for name in next(csv.reader([line]), [])]


def _iter_csv(path: Path, wanted: Sequence[str]) -> Iterator[Record]:
    csv.field_size_limit(MAX_FIELD_CHARS)
    with _open(path) as stream:
        text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
        lines = csv.reader(text)
        header = [name.strip().lower() for name in next(lines, [])]
        places = [header.index(name) if name in header else -1 for name in wanted]
        rows = _until_broken(_csv_rows(lines, len(header), path.name), path.name)
        yield from _blocks(rows, wanted, lambda row: [row[p] if p >= 0 else None for p in places])


def _csv_rows(lines: Any, width: int, where: str) -> Iterator[tuple[int, list[str]] | Finding]:
    number = 0
    while True:
        number += 1
        try:
            row = next(lines, None)
        except csv.Error as error:
            yield _unreadable(where, number, f"is no CSV ({error})")
            continue
        if row is None:
            return
        if not row:  # an empty line is no row
            number -= 1
        elif len(row) != width:
            yield _unreadable(where, number, f"has {len(row)} fields, the header has {width}")
        elif any(not field.isascii() and _has_surrogate(field) for field in row):
            yield _unreadable(where, number, "is not UTF-8")
        else:
            yield number, row


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text)


def _iter_jsonl(path: Path, wanted: Sequence[str]) -> Iterator[Record]:
    with _open(path) as stream:
        rows = _until_broken(_json_rows(stream, path.name), path.name)
        yield from _blocks(rows, wanted, lambda row: [row.get(name) for name in wanted])


def _json_rows(stream: IO[bytes], where: str) -> Iterator[tuple[int, dict[str, Any]] | Finding]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    number = 0
    while line := stream.readline(MAX_FIELD_CHARS):
        number += 1
        if not line.strip():
            continue
        try:
            row = decoder.decode(line)
            row = row if all(map(str.islower, row)) else {k.lower(): v for k, v in row.items()}
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            yield _unreadable(where, number, f"is no JSON object ({error})")
            while len(line) == MAX_FIELD_CHARS and not line.endswith(b"\n"):
                line = stream.readline(MAX_FIELD_CHARS)  # the rest of a line that is too long
            continue
        yield number, row


def _blocks(
    rows: Iterator[tuple[int, Any] | Finding],
    wanted: Sequence[str],
    pick: Callable[[Any], list[Any]],
) -> Iterator[Record]:
    while chunk := list(islice(rows, BLOCK_ROWS)):
        yield from (item for item in chunk if isinstance(item, Finding))
        good = [item for item in chunk if not isinstance(item, Finding)]
        if good:
            columns = zip(*(pick(row) for _, row in good), strict=True)
            named = zip(wanted, map(list, columns), strict=True)
            yield Block([number for number, _ in good], dict(named))


def _iter_parquet(path: Path, wanted: Sequence[str]) -> Iterator[Record]:
    with pq.ParquetFile(path) as file:
        by_lower = {name.lower(): name for name in reversed(file.schema_arrow.names)}
        present = [name for name in wanted if name in by_lower]
        done = 0
        columns = [by_lower[name] for name in present]
        for batch in file.iter_batches(batch_size=BLOCK_ROWS, columns=columns):
            values = {name: batch.column(by_lower[name]).to_pylist() for name in present}
            empty: list[Any] = [None] * batch.num_rows
            yield Block(
                list(range(done + 1, done + batch.num_rows + 1)),
                {name: values.get(name, empty) for name in wanted},
            )
            done += batch.num_rows


def _unreadable(where: str, row: int, what: str) -> Finding:
    message = f"the row {what}; mend it and ingest again"
    return Finding(FindingCode.ROW_UNREADABLE, Severity.ERROR, where, message, row)
