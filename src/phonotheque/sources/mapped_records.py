"""Foreign records in batches of columns: CSV, TSV, JSON Lines and Parquet, compressed or in tars.

Records are counted from 1 through all files of the input, header lines left out.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.mapped_values import Steps
from phonotheque.sources.streams import BROKEN, iter_lines, iter_members, until_broken

__all__ = ["Batch", "Layout", "iter_batches"]

BATCH_ROWS = 16_384
MAX_LINE_BYTES = 16 << 20
MAX_FIELD_CHARS = 1 << 20


@dataclass(frozen=True, slots=True)
class Layout:
    """How the records of an input are written."""

    format: str  # csv | tsv | jsonl | parquet
    delimiter: str = ","
    quote: str = '"'  # "": none
    header: tuple[str, ...] | None = None  # None: the first line names the columns


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records as columns: the values of each wanted path, and their numbers."""

    rows: Sequence[int]
    columns: Mapping[Steps, Sequence[Any]]


Get = Callable[[Any], Any]
Record = tuple[int, Any] | Finding
"""(number, record as the format has it)."""


@dataclass(slots=True)
class _Place:
    """Where reading stands: how many records were seen, and which are to be passed over."""

    after: int
    seen: int = 0


def iter_batches(
    path: Path, layout: Layout, wanted: Sequence[Steps], after: int
) -> Iterator[Batch | Finding]:
    """Batches of the wanted values of all records behind the first `after`. Memory: one batch."""
    place = _Place(after)
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_dir() or file.name.startswith("."):
            continue
        if layout.format == "parquet":
            yield from _parquet_batches(file, wanted, place)
            continue
        for member in until_broken(iter_members(file), file.name):
            if isinstance(member, Finding):
                yield member
                continue
            name, stream = member
            where = file.name if name == file.name else f"{file.name}/{name}"
            where = where.encode("utf-8", "replace").decode()
            if layout.format == "jsonl":
                records = _json_records(stream, where, place)
                yield from _batches(records, {steps: _getter(steps) for steps in wanted}, place)
            else:
                yield from _csv_batches(stream, where, layout, wanted, place)


def _batches(
    records: Iterator[Record], getters: Mapping[Steps, Get], place: _Place
) -> Iterator[Batch | Finding]:
    while chunk := list(islice(records, BATCH_ROWS)):
        yield from (r for r in chunk if isinstance(r, Finding))
        good = [r for r in chunk if not isinstance(r, Finding) and r[0] > place.after]
        if good:
            found = [record for _, record in good]
            columns = {steps: [get(record) for record in found] for steps, get in getters.items()}
            yield Batch([number for number, _ in good], columns)


def _getter(steps: Steps) -> Get:
    """What a path finds in a record; None where there is nothing, lists flattened by ``[]``."""
    if len(steps) == 1:
        return lambda record: record.get(steps[0])
    return _finder(steps)


def _finder(steps: Steps) -> Get:
    def get(record: Any) -> Any:
        values = [record]
        for step in steps:
            if step is None:
                values = [v for value in values if isinstance(value, list) for v in value]
            elif isinstance(step, int):
                values = [v[step] for v in values if isinstance(v, list) and step < len(v)]
            else:
                values = [v[step] for v in values if isinstance(v, dict) and step in v]
        if None in steps:
            return values or None
        return values[0] if values else None

    return get


# ------------------------------------------------------------------------------------ CSV, TSV


def _csv_batches(
    stream: IO[bytes], where: str, layout: Layout, wanted: Sequence[Steps], place: _Place
) -> Iterator[Batch | Finding]:
    csv.field_size_limit(MAX_FIELD_CHARS)
    lines = csv.reader(
        io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline=""),
        delimiter=layout.delimiter,
        quotechar=layout.quote or None,
        quoting=csv.QUOTE_MINIMAL if layout.quote else csv.QUOTE_NONE,
    )
    try:
        names = list(layout.header or next(lines, ()))
    except (csv.Error, *BROKEN) as error:
        yield _unusable(where, f"has no header line ({error}); get a sound copy")
        return
    missing = [str(steps[0]) for steps in wanted if steps[0] not in names]
    if missing and names:
        known = ", ".join(names)
        text = f"has no column {', '.join(missing)} (it has {known}); mend the mapping"
        yield _unusable(where, text)
        return
    for rows in _csv_chunks(lines, where, place):
        if isinstance(rows, Finding):
            yield rows
            continue
        first, place.seen = place.seen + 1, place.seen + len(rows)
        skip = max(place.after + 1 - first, 0)
        yield from _csv_batch(rows[skip:], first + skip, names, wanted, where)


def _csv_chunks(lines: Any, where: str, place: _Place) -> Iterator[list[list[str]] | Finding]:
    """Rows, many at a time, empty lines left out; what the reader could not parse is a row too."""
    while True:
        chunk: list[list[str]] = []
        error: Exception | None = None
        try:
            chunk.extend(islice(lines, BATCH_ROWS))  # keeps what came before an error
        except (csv.Error, *BROKEN) as raised:
            error = raised
        if chunk:
            yield [row for row in chunk if row]
        if isinstance(error, csv.Error):
            place.seen += 1
            if place.seen > place.after:
                yield _unreadable(where, f"is no CSV ({error})", place.seen)
        elif error is not None:
            text = f"cannot be read to its end ({error}); what came before is kept"
            yield _unusable(where, f"{text}; get a sound copy")
            return
        elif not chunk:
            return


def _csv_batch(
    rows: list[list[str]], first: int, names: list[str], wanted: Sequence[Steps], where: str
) -> Iterator[Batch | Finding]:
    numbers: Sequence[int] = range(first, first + len(rows))
    if set(map(len, rows)) - {len(names)} or not _is_unicode("".join(map("".join, rows))):
        wrong = [_wrong_with(row, len(names)) for row in rows]
        for number, what in zip(numbers, wrong, strict=True):
            if what:
                yield _unreadable(where, what, number)
        numbers = [n for n, what in zip(numbers, wrong, strict=True) if not what]
        rows = [row for row, what in zip(rows, wrong, strict=True) if not what]
    if rows:
        columns = list(zip(*rows, strict=True))
        yield Batch(numbers, {steps: columns[names.index(str(steps[0]))] for steps in wanted})


def _wrong_with(row: list[str], width: int) -> str | None:
    if len(row) != width:
        return f"has {len(row)} fields, the header has {width}"
    return None if _is_unicode("".join(row)) else "is not UTF-8"


def _is_unicode(text: str) -> bool:
    """Whether no byte of it had to be escaped."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


# ---------------------------------------------------------------------------- JSON Lines, Parquet


def _json_records(stream: IO[bytes], where: str, place: _Place) -> Iterator[Record]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for lines in until_broken(iter_lines(stream, MAX_LINE_BYTES), where):
        if isinstance(lines, Finding):
            yield lines
            continue
        for line in lines:
            if line is not None and not line.strip():
                continue  # an empty line is no record
            place.seen += 1
            if place.seen <= place.after:
                continue
            try:
                yield place.seen, decode(line or b"")
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                what = f"is longer than {MAX_LINE_BYTES} bytes" if line is None else f"({error})"
                yield _unreadable(where, f"is no JSON object {what}", place.seen)


def _parquet_batches(
    path: Path, wanted: Sequence[Steps], place: _Place
) -> Iterator[Batch | Finding]:
    try:
        with pq.ParquetFile(path) as file:
            tops = [str(steps[0]) for steps in wanted]
            known = file.schema_arrow.names
            missing = [name for name in tops if name not in known]
            if missing:
                text = f"has no column {', '.join(missing)} (it has {', '.join(known)})"
                yield _unusable(path.name, f"{text}; mend the mapping")
                return
            yield from _row_groups(file, list(dict.fromkeys(tops)), wanted, place)
    except (OSError, pa.ArrowException, ValueError) as error:
        text = f"cannot be read to its end ({error}); what came before is kept; get a sound copy"
        yield _unusable(path.name, text)


def _row_groups(
    file: pq.ParquetFile, tops: list[str], wanted: Sequence[Steps], place: _Place
) -> Iterator[Batch]:
    groups: list[int] = []
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if groups or place.seen + rows > place.after:
            groups.append(group)
        else:
            place.seen += rows
    for batch in file.iter_batches(batch_size=BATCH_ROWS, row_groups=groups, columns=tops):
        first, place.seen = place.seen + 1, place.seen + batch.num_rows
        skip = min(max(place.after + 1 - first, 0), batch.num_rows)
        if skip == batch.num_rows:
            continue
        later = batch.slice(skip)
        lists = {name: later.column(name).to_pylist() for name in tops}
        columns = {steps: _taken(lists[str(steps[0])], steps[1:]) for steps in wanted}
        yield Batch(range(first + skip, place.seen + 1), columns)


def _taken(values: list[Any], steps: Steps) -> list[Any]:
    """The values, or what a path finds in each of them."""
    if not steps:
        return values
    get = _finder(steps)
    return [None if value is None else get(value) for value in values]


def _unusable(where: str, what: str) -> Finding:
    return Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, where, what)


def _unreadable(where: str, what: str, number: int) -> Finding:
    text = f"the row {what}; mend it and ingest again"
    return Finding(FindingCode.ROW_UNREADABLE, Severity.ERROR, where, text, number)
