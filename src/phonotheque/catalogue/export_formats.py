"""Writing batches of rows as Parquet, CSV or JSON Lines (docs/formats/export.md).

A file appears whole, under its name, or not at all. Memory: one batch.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from phonotheque.storage.durable import partial_file
from phonotheque.storage.tables import ROW_GROUP_ROWS

Batches = Iterable[pa.RecordBatch]
_FORMULA = r"\A('*[=+\-@\t\r＝＋－＠])"
"""What a spreadsheet may take for a formula (OWASP, "CSV Injection"), apostrophes before it."""


def write_parquet(
    target: Path, schema: pa.Schema, batches: Batches, provenance: dict[str, Any]
) -> int:
    """Write `batches` to `target` with `provenance` in its metadata; returns rows."""
    told = json.dumps(provenance, ensure_ascii=False, sort_keys=True)
    named = schema.with_metadata({"phonotheque.export": told})
    rows = 0
    with (
        partial_file(target) as temporary,
        pq.ParquetWriter(temporary, named, compression="zstd", compression_level=3) as writer,
    ):
        for table in _gathered(schema, batches):
            writer.write_table(table.replace_schema_metadata(named.metadata))
            rows += table.num_rows
    return rows


def write_csv(target: Path, schema: pa.Schema, batches: Batches) -> int:
    """Write `batches` as RFC 4180 CSV in UTF-8 with a header; returns rows.

    Text that a spreadsheet would take for a formula gets an apostrophe before it; lists are joined
    by semicolons.
    """
    flat = pa.schema([(f.name, pa.string() if _is_text(f.type) else f.type) for f in schema])
    rows = 0
    with (
        partial_file(target) as temporary,
        pacsv.CSVWriter(temporary, flat, write_options=_CSV) as writer,
    ):
        for batch in batches:
            writer.write_batch(flattened(batch, flat))
            rows += batch.num_rows
    return rows


_CSV = pacsv.WriteOptions(include_header=True, quoting_style="needed")


def flattened(batch: pa.RecordBatch, flat: pa.Schema) -> pa.RecordBatch:
    """`batch` with one text for each list, and no text that begins like a formula."""
    columns = [
        pc.replace_substring_regex(joined(column), _FORMULA, r"'\1")
        if _is_text(column.type)
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=flat)


def joined(column: pa.Array) -> pa.Array:
    """A list column as text: items joined by ``;``, a ``;`` or ``\\`` in one behind a ``\\``."""
    if not pa.types.is_list(column.type):
        return column
    values = pc.replace_substring_regex(column.values.cast(pa.string()), r"([;\\])", r"\\\1")
    lists = pa.ListArray.from_arrays(column.offsets, values, mask=column.is_null())
    return pc.binary_join(lists, ";")


def write_jsonl(target: Path, batches: Batches) -> int:
    """Write `batches` as one JSON object a line, every column in each; returns rows."""
    rows = 0
    with partial_file(target) as temporary, temporary.open("wb") as out:
        for lines in iter_json(batches):
            out.write("".join(f"{line}\n" for line in lines).encode())
            rows += len(lines)
    return rows


def iter_json(batches: Batches) -> Iterator[list[str]]:
    """For each batch its rows as JSON objects."""
    connection = duckdb.connect(":memory:", config={"threads": 1})
    try:
        for batch in batches:
            connection.register("batch", pa.Table.from_batches([batch]))
            found = connection.sql("SELECT to_json(batch)::VARCHAR FROM batch")
            yield found.to_arrow_table().column(0).to_pylist()
    finally:
        connection.close()


def write_sidecar(target: Path, provenance: dict[str, Any]) -> None:
    """Write `provenance` beside a format that has no room for it."""
    with partial_file(target) as temporary:
        told = json.dumps(provenance, ensure_ascii=False, sort_keys=True, indent=1)
        temporary.write_text(told + "\n")


Writer = Callable[[Path, pa.Schema, Batches, dict[str, Any]], int]


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_string(kind))


def _gathered(schema: pa.Schema, batches: Batches) -> Iterator[pa.Table]:
    """Tables of at least a row group, so that ranges with few rows make no small ones."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(each.num_rows for each in held) >= ROW_GROUP_ROWS:
            yield pa.Table.from_batches(held, schema=schema)
            held = []
    if held:
        yield pa.Table.from_batches(held, schema=schema)
