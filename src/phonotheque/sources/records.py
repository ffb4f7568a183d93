"""Records of a table file (CSV, JSON Lines, Parquet) in blocks of columns, with row numbers.

Rows are counted from 1; the header line of a CSV file is not a row. Compressed files are read by
what is in them. Rows are taken by the thousand, and one by one only where something is wrong.
"""

import csv
import gc
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model.errors import InputError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.json_objects import JsonObjects, names_of
from phonotheque.sources.streams import BROKEN, iter_lines, open_stream, until_broken

BLOCK_ROWS = 65_536
MAX_FIELD_CHARS = 1 << 20
FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
_BROKEN = (*BROKEN, pa.ArrowException, ValueError)
_SURROGATE = re.compile("[\ud800-\udfff]")


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
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    found = FORMATS.get(suffixes[-1]) if suffixes else None
    if found is None:
        raise InputError(
            f"{path}: no reader knows it; name one with --as, or say with --map what its columns "
            "are; tables end in .csv, .jsonl or .parquet"
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
        with open_stream(path) as stream:
            line = stream.readline(MAX_FIELD_CHARS)
    except _BROKEN as error:
        raise InputError(f"{path}: cannot be read ({error}); get a sound copy") from error
    if kind == "csv":
        return header_names(line.decode("utf-8-sig", "replace"))
    return [name.lower() for name in names_of(line)]


def iter_records(path: Path, wanted: Sequence[str], after: int = 0) -> Iterator[Record]:
    """Blocks of the columns `wanted` behind the first `after` rows, and findings, in row order.

    A file that breaks off is read up to there. Memory: one block.
    """
    readers = {"csv": _iter_csv, "jsonl": _iter_jsonl, "parquet": _iter_parquet}
    blocks = readers[table_format(path)](path, wanted, after)
    try:
        yield from until_broken(blocks, path.name)
    except (pa.ArrowException, ValueError) as error:
        message = f"cannot be read to its end ({error}); what came before is kept; get a sound copy"
        yield Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, path.name, message)


def header_names(line: str) -> list[str]:
    """The names in the first line of a CSV file, in lower case; none where it is no such line."""
    try:
        return [name.strip().lower() for name in next(csv.reader([line]), [])]
    except csv.Error:
        return []


def _unreadable(where: str, row: int, what: str) -> Finding:
    message = f"the row {what}; mend it and ingest again"
    return Finding(FindingCode.ROW_UNREADABLE, Severity.ERROR, where, message, row)


def _in_order(findings: list[Finding], block: Block | None) -> Iterator[Record]:
    yield from findings
    if block is not None and block.rows:
        yield block


# ------------------------------------------------------------------------------------------ CSV


def _iter_csv(path: Path, wanted: Sequence[str], after: int) -> Iterator[Record]:
    csv.field_size_limit(MAX_FIELD_CHARS)
    with open_stream(path) as stream:
        text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
        lines = csv.reader(text)
        header = [name.strip().lower() for name in next(lines, [])]
        places = {name: header.index(name) for name in wanted if name in header}
        number = 0
        for batch in _csv_batches(lines):
            rows = batch if isinstance(batch, csv.Error) else [row for row in batch if row]
            first, number = number + 1, number + (1 if isinstance(rows, csv.Error) else len(rows))
            if number <= after:
                continue
            if isinstance(rows, csv.Error):
                yield _unreadable(path.name, first, f"is no CSV ({rows})")
                continue
            skip = max(after + 1 - first, 0)
            yield from _csv_block(rows[skip:], first + skip, len(header), places, path.name)


def _csv_batches(lines: Any) -> Iterator[list[list[str]] | csv.Error]:
    """Rows in batches, empty lines as empty rows; and the rows that do not parse. What was read
    before the stream breaks off is given before its error is raised."""
    while True:
        batch: list[list[str]] = []
        try:
            with _no_collection():
                batch.extend(islice(lines, BLOCK_ROWS))
        except csv.Error as error:
            yield batch
            yield error
        except _BROKEN:
            yield batch
            raise
        else:
            if not batch:
                return
            yield batch


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without passes of the garbage collector: they would look at each row again and again, and
    there is nothing in a row for them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _csv_block(
    rows: list[list[str]], first: int, width: int, places: dict[str, int], where: str
) -> Iterator[Record]:
    numbers: Sequence[int] = range(first, first + len(rows))
    findings: list[Finding] = []
    if not set(map(len, rows)) <= {width} or _has_surrogates(rows):
        numbers = []
        good = []
        for number, row in enumerate(rows, first):
            if len(row) != width:
                what = f"has {len(row)} fields, the header has {width}"
                findings.append(_unreadable(where, number, what))
            elif any(_SURROGATE.search(field) for field in row):
                findings.append(_unreadable(where, number, "is not UTF-8"))
            else:
                numbers.append(number)
                good.append(row)
        rows = good
    found: dict[str, list[Any] | pa.Array]
    found = {name: list(map(itemgetter(place), rows)) for name, place in places.items()}
    yield from _in_order(findings, Block(numbers, found))


def _has_surrogates(rows: list[list[str]]) -> bool:
    try:
        "".join(map("".join, rows)).encode()
    except UnicodeEncodeError:
        return True
    return False


# ----------------------------------------------------------------------------------- JSON Lines


def _iter_jsonl(path: Path, wanted: Sequence[str], after: int) -> Iterator[Record]:
    objects = JsonObjects(wanted)
    number = 0
    with open_stream(path) as stream:
        for lines in _line_blocks(stream):
            first, number = number + 1, number + len(lines)
            if number > after:
                skip = max(after + 1 - first, 0)
                yield from _json_block(lines[skip:], first + skip, objects, path.name)


def _line_blocks(stream: IO[bytes]) -> Iterator[list[bytes | None]]:
    """Lines by the block; those read before the stream breaks off come before its error."""
    held: list[bytes | None] = []
    try:
        for lines in iter_lines(stream, MAX_FIELD_CHARS):
            held += lines
            while len(held) >= BLOCK_ROWS:
                yield held[:BLOCK_ROWS]
                del held[:BLOCK_ROWS]
    except _BROKEN:
        if held:
            yield held
        raise
    if held:
        yield held


def _json_block(
    lines: list[bytes | None], first: int, objects: JsonObjects, where: str
) -> Iterator[Record]:
    numbers: Sequence[int] = range(first, first + len(lines))
    findings: list[Finding] = []
    rows = objects.decode_all(lines)
    if rows is None:
        numbers, rows = [], []
        for number, line in enumerate(lines, first):
            if line is None:
                findings.append(_unreadable(where, number, "is longer than 1 MiB"))
            elif line.strip():
                row = objects.decode(line)
                if isinstance(row, str):
                    findings.append(_unreadable(where, number, f"is no JSON object ({row})"))
                else:
                    numbers.append(number)
                    rows.append(row)
    yield from _in_order(findings, Block(numbers, objects.columns(rows)))


# -------------------------------------------------------------------------------------- Parquet


def _iter_parquet(path: Path, wanted: Sequence[str], after: int) -> Iterator[Record]:
    with pq.ParquetFile(path) as file:
        by_lower = {name.lower(): name for name in reversed(file.schema_arrow.names)}
        names = {name: by_lower[name] for name in wanted if name in by_lower}
        groups, done = _groups_behind(file, after)
        batches = file.iter_batches(BLOCK_ROWS, row_groups=groups, columns=list(names.values()))
        for batch in batches:
            first, done = done + 1, done + batch.num_rows
            skip = max(after + 1 - first, 0)
            if skip < batch.num_rows:
                kept = batch.slice(skip)
                columns = {name: kept.column(spelt) for name, spelt in names.items()}
                yield Block(range(first + skip, done + 1), columns)


def _groups_behind(file: pq.ParquetFile, after: int) -> tuple[list[int], int]:
    """(row groups that hold rows behind the first `after`, rows of the groups before them)."""
    passed = 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if passed + rows > after:
            return list(range(group, file.num_row_groups)), passed
        passed += rows
    return [], passed
