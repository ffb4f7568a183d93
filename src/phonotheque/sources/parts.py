"""The Parquet files of an import: cut by number of rows, each ordered by bucket.

A range of buckets is found by the statistics of the row groups, which are small. Equal rows give
equal bytes with one version of Arrow.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.storage.durable import partial_file

PART_ROWS = 2_000_000
GROUP_ROWS = 65_536

_DIGESTS = frozenset(["title_match", "text_match", "wording"])
_COUNTED = frozenset(["place", "origin_row"])
_DISTINCT = _DIGESTS | _COUNTED | {
    "source_key", "title", "duration_ms", "release_match", "isrcs.list.element",
    "isrcs_raw.list.element", "recording_mbid", "key", "old", "new", "name",
}  # fmt: skip
"""Columns of nearly as many values as rows: a dictionary of them only costs (a third of the bytes
of a part, half the time of writing it)."""


def write_part(
    target: Path, schema: pa.Schema, table: pa.Table, first_place: int
) -> npt.NDArray[np.int64] | None:
    """Write the rows durably, ordered by `bucket` where there is one, and numbered by `place`
    from `first_place`; returns where in `table` each row was, None where nothing was ordered.
    Memory: the table, and one row group."""
    order = _bucket_order(table) if "bucket" in table.column_names else None
    with partial_file(target) as temporary:
        with _writer(temporary, schema) as writer:
            for start in range(0, table.num_rows, GROUP_ROWS):
                stop = min(start + GROUP_ROWS, table.num_rows)
                rows = slice(start, stop)
                group = table[rows] if order is None else table.take(pa.array(order[rows]))
                if "place" in schema.names:
                    group = _placed(group, first_place + start)
                writer.write_table(group.select(schema.names).cast(schema), GROUP_ROWS)
        temporary.chmod(0o444)
    return order


def filled_columns(path: Path) -> set[str]:
    """The columns that have a value, or an element, in any row; by the file's statistics."""
    found: set[str] = set()
    meta = pq.read_metadata(path)
    for number in range(meta.num_row_groups):
        group = meta.row_group(number)
        for index in range(group.num_columns):
            chunk = group.column(index)
            stats = chunk.statistics
            if stats is None or not stats.has_null_count or stats.null_count < chunk.num_values:
                found.add(chunk.path_in_schema.partition(".")[0])
    return found


def packed_bytes(table: pa.Table) -> int:
    """How many bytes the rows take as a part."""
    sink = pa.BufferOutputStream()
    with _writer(sink, table.schema) as writer:
        writer.write_table(table, GROUP_ROWS)
    return int(sink.tell())


def _writer(path: Path | pa.NativeFile, schema: pa.Schema) -> pq.ParquetWriter:
    leaves = [name for field in schema for name in _leaves(field.name, field.type)]
    counted = [name for name in leaves if name in _COUNTED]
    return pq.ParquetWriter(
        path,
        schema,
        compression={name: "NONE" if name in _DIGESTS else "ZSTD" for name in leaves},
        compression_level={name: 3 for name in leaves if name not in _DIGESTS},
        use_dictionary=[name for name in leaves if name not in _DISTINCT],
        column_encoding=dict.fromkeys(counted, "DELTA_BINARY_PACKED"),
        store_schema=True,
    )


def _leaves(name: str, kind: pa.DataType) -> list[str]:
    """The paths of a field's Parquet columns."""
    if pa.types.is_list(kind):
        return _leaves(f"{name}.list.element", kind.value_type)
    if pa.types.is_struct(kind):
        return [path for part in kind for path in _leaves(f"{name}.{part.name}", part.type)]
    return [name]


def _bucket_order(table: pa.Table) -> npt.NDArray[np.int64]:
    return np.argsort(table["bucket"].to_numpy(), kind="stable")


def _placed(group: pa.Table, first: int) -> pa.Table:
    places = pa.array(np.arange(first, first + group.num_rows, dtype=np.int64))
    return group.set_column(group.column_names.index("place"), "place", places)
