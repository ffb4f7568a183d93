"""The Parquet files of an import: cut by number of rows, each ordered by bucket.

A range of buckets is found by the statistics of the row groups, which are small. Equal rows give
equal bytes with one version of Arrow.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.storage.durable import partial_file

PART_ROWS = 2_000_000
GROUP_ROWS = 65_536


def write_part(target: Path, schema: pa.Schema, table: pa.Table, first_place: int) -> None:
    """Write the rows durably, ordered by `bucket` where there is one, and numbered by `place`
    from `first_place`. Memory: the table, and one row group."""
    order = _bucket_order(table) if "bucket" in table.column_names else None
    with partial_file(target) as temporary:
        with pq.ParquetWriter(
            temporary, schema, compression="zstd", compression_level=3, store_schema=True
        ) as writer:
            for start in range(0, table.num_rows, GROUP_ROWS):
                stop = min(start + GROUP_ROWS, table.num_rows)
                rows = slice(start, stop)
                group = table[rows] if order is None else table.take(pa.array(order[rows]))
                if "place" in schema.names:
                    group = _placed(group, first_place + start)
                writer.write_table(group.select(schema.names).cast(schema), GROUP_ROWS)
        temporary.chmod(0o444)


def _bucket_order(table: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.argsort(table["bucket"].to_numpy(), kind="stable")


def _placed(group: pa.Table, first: int) -> pa.Table:
    places = pa.array(np.arange(first, first + group.num_rows, dtype=np.int64))
    return group.set_column(group.column_names.index("place"), "place", places)


def iter_tables(batches: Iterable[pa.RecordBatch], rows: int = PART_ROWS) -> Iterator[pa.Table]:
    """The batches as tables of `rows` rows, the last one shorter."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        rest = batch
        while count + rest.num_rows >= rows:
            cut = rows - count
            held.append(rest.slice(0, cut))
            yield pa.Table.from_batches(held)
            held, count, rest = [], 0, rest.slice(cut)
        if rest.num_rows:
            held.append(rest)
            count += rest.num_rows
    if held:
        yield pa.Table.from_batches(held)
