"""Listens and listeners of recordings as ListenBrainz counts them itself."""

import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.records import Block
from phonotheque.sources.streams import iter_lines, open_stream, read_head, until_broken

COLUMNS = ("recording_mbid", "total_listen_count", "total_user_count")
BLOCK_ROWS = 65_536
MAX_LINE_BYTES = 1 << 16
_Row = tuple[int, Any, Any, Any]


class _Popularity(msgspec.Struct, gc=False):
    recording_mbid: str | None = None
    total_listen_count: int | None = None
    total_user_count: int | None = None


def popularity_form(path: Path, head: bytes) -> str | None:
    """ "parquet", "json" or "csv", if the content has the columns of a table of popularity."""
    if head[:4] == b"PAR1":
        try:
            names = pq.read_schema(path).names
        except (OSError, pa.ArrowException):
            return None
        return "parquet" if set(COLUMNS[:2]) <= set(names) else None
    first = head.partition(b"\n")[0]
    if not all(name.encode() in first for name in COLUMNS[:2]):
        return None
    return "json" if first.lstrip()[:1] == b"{" else "csv"


def iter_popularity(path: Path, after: int) -> Iterator[Block | Finding]:
    """Blocks of kind listens behind the first `after` rows; findings for rows that are none."""
    form = popularity_form(path, read_head(path))
    if form == "parquet":
        yield from until_broken(_iter_parquet(path, after), path.name)
    elif form is None:
        message = f"has not the columns {', '.join(COLUMNS)}"
        yield Finding(FindingCode.FILE_UNKNOWN_FORMAT, Severity.ERROR, path.name, message)
    else:
        rows = until_broken(_iter_text(path, form, after), path.name)
        while chunk := list(islice(rows, BLOCK_ROWS)):
            yield from (item for item in chunk if isinstance(item, Finding))
            good = [item for item in chunk if not isinstance(item, Finding)]
            if good:
                numbers, mbids, listens, listeners = (list(column) for column in zip(*good))  # noqa: B905
                yield _block(numbers, [f"mbid:{mbid}" for mbid in mbids], listens, listeners)


def _block(rows: list[int], keys: Any, listens: Any, listeners: Any) -> Block:
    return Block(rows, {"key": keys, "listens": listens, "listeners": listeners})


def _iter_text(path: Path, form: str, after: int) -> Iterator[_Row | Finding]:
    rows = _json_rows if form == "json" else _csv_rows
    with open_stream(path) as stream:
        yield from rows(stream, path.name, after)


def _json_rows(stream: IO[bytes], where: str, after: int) -> Iterator[_Row | Finding]:
    decode = msgspec.json.Decoder(_Popularity).decode
    number = 0
    for lines in iter_lines(stream, MAX_LINE_BYTES):
        for line in lines:
            number += 1
            if number <= after or (line is not None and not line.strip()):
                continue
            try:
                row = decode(line or b"")
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                yield _unreadable(where, number, f"is no row of popularity ({error})")
                continue
            yield number, row.recording_mbid, row.total_listen_count, row.total_user_count


def _csv_rows(stream: IO[bytes], where: str, after: int) -> Iterator[_Row | Finding]:
    lines = csv.reader(io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline=""))
    header = [name.strip().lower() for name in next(lines, [])]
    places = [header.index(name) if name in header else -1 for name in COLUMNS]
    number = 0
    while True:
        try:
            row = next(lines, None)
        except csv.Error as error:
            number += 1
            yield _unreadable(where, number, f"is no CSV ({error})")
            continue
        if row is None:
            return
        number += bool(row)
        if number <= after or not row:
            continue
        if len(row) != len(header):
            yield _unreadable(where, number, f"has {len(row)} fields, the header {len(header)}")
        else:
            mbid, listens, listeners = (row[p].strip() if p >= 0 else None for p in places)
            yield number, mbid, listens, listeners


def _iter_parquet(path: Path, after: int) -> Iterator[Block]:
    with pq.ParquetFile(path) as file:
        present = [name for name in COLUMNS if name in file.schema_arrow.names]
        number = 0
        for batch in file.iter_batches(BLOCK_ROWS, columns=present):
            kept = batch.slice(min(max(after - number, 0), batch.num_rows))
            number += batch.num_rows
            if kept.num_rows:
                keys = [f"mbid:{mbid}" for mbid in kept["recording_mbid"].to_pylist()]
                empty = pa.nulls(kept.num_rows, pa.int64())
                listeners = kept[COLUMNS[2]] if COLUMNS[2] in present else empty
                rows = list(range(number - kept.num_rows + 1, number + 1))
                yield _block(rows, keys, kept[COLUMNS[1]], listeners)


def _unreadable(where: str, number: int, what: str) -> Finding:
    message = f"the row {what}; it is left out"
    return Finding(FindingCode.ROW_UNREADABLE, Severity.ERROR, where, message, number)
