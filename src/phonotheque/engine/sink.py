"""Rows that are kept while other work goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 122_880
"""Rows of an Arrow batch that leaves an engine, and of a row group that it keeps."""


class Sink:
    """A table in the making: one Parquet file at `path`, which `view` makes a table of."""

    def __init__(self, path: Path, schema: pa.Schema, view: Callable[[], Any]) -> None:
        self._schema, self._view = schema, view
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows; the batch has just the columns of the schema."""
        self._writer.write_batch(batch.cast(self._schema), row_group_size=BATCH_ROWS)

    def close(self) -> Any:
        """The table, to go on from."""
        self._writer.close()
        return self._view()
