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


def write_part(
    target: Path, schema: pa.Schema, table: pa.Table, first_place: int
) -> npt.NDArray[np.int64] | None:
    """Write the rows durably, ordered by `bucket` where there is one, and numbered by `place`
    from `first_place`; returns where in `table` each row was, None where nothing was ordered.
    Memory: the table, and one row group."""
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
    return order


def _bucket_order(table: pa.Table) -> npt.NDArray[np.int64]:
    return np.argsort(table["bucket"].to_numpy(), kind="stable")


def _placed(group: pa.Table, first: int) -> pa.Table:
    places = pa.array(np.arange(first, first + group.num_rows, dtype=np.int64))
    return group.set_column(group.column_names.index("place"), "place", places)
