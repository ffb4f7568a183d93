"""Order and numbers of rows, the same for every engine.

Numbers over an order are counted while the sorted rows stream by, not by a window over the whole
table: Spark would put such a window on one executor, and DuckDB would hold it in memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import ibis
import numpy as np
import pyarrow as pa


def ordering(column: str) -> Any:
    """A sort key from a column's name (``-name``: falling); nulls last either way."""
    if column.startswith("-"):
        return ibis.desc(column[1:], nulls_first=False)
    return ibis.asc(column, nulls_first=False)


def all_rows(pieces: Sequence[Any]) -> Any:
    """All rows of tables that are alike; at least one table."""
    return pieces[0] if len(pieces) == 1 else ibis.union(*pieces, distinct=False)


def without_promises(schema: Any) -> Any:
    """An Ibis schema with every type nullable: columns that differ in that cannot be united."""
    return ibis.schema({name: _nullable(kind) for name, kind in schema.items()})


def _nullable(kind: Any) -> Any:
    if kind.is_array():
        return type(kind)(_nullable(kind.value_type))
    if kind.is_struct():
        return type(kind)({name: _nullable(each) for name, each in kind.items()})
    return kind.copy(nullable=True)


def arrow_schema(schema: Any) -> pa.Schema:
    """The Arrow schema of what leaves an engine."""
    return without_promises(schema).to_pyarrow()


class Numbering:
    """What every engine numbers rows by: its own `stream`, and its own `keep_batches`."""

    def stream(self, expression: Any, order_by: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows in a total order; each engine has its own."""
        raise NotImplementedError

    def keep_batches(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Any:
        """Keep Arrow batches; each engine has its own."""
        raise NotImplementedError

    def number(
        self, expression: Any, order_by: Sequence[str], *, name: str = "number", first: int = 1
    ) -> Any:
        """Keep `expression` with a column `name` counting from `first` in the order given.

        `order_by` must be a total order (see `stream`).
        """
        schema = arrow_schema(expression.schema()).append(pa.field(name, pa.int64()))
        batches = self.stream(expression, order_by)
        return self.keep_batches(schema, _iter_numbered(batches, schema, first))


def _iter_numbered(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, first: int
) -> Iterator[pa.RecordBatch]:
    """Batches with a count from `first` on. Memory: one batch."""
    for batch in batches:
        numbers = pa.array(np.arange(first, first + batch.num_rows, dtype=np.int64))
        first += batch.num_rows
        yield cast_columns([*batch.columns, numbers], schema)


def cast_columns(columns: Iterable[pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    """A batch with just the types of `schema` (equal types are not copied)."""
    return pa.RecordBatch.from_arrays(
        [column.cast(field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )


def python_rows(batches: Iterable[pa.RecordBatch]) -> list[tuple[Any, ...]]:
    """The rows of batches as tuples of Python values; structs are dicts, times are aware."""
    return [row for b in batches for row in zip(*(c.to_pylist() for c in b.columns), strict=True)]
