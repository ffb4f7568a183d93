"""The embedded engine: Ibis expressions compiled for DuckDB, within a memory limit.

What no result may depend on, and how that is kept:

* Strings compare by code point. DuckDB's VARCHAR order is the order of the UTF-8 bytes, which is
  the same; no collation is ever named. (Tested; Spark's binary order is the same too.)
* Rows leave in the total order the caller names, nulls last. Inside, order is not preserved.
* Numbers over an order are counted while the sorted rows stream by (see `numbering`).
* Batches have the types that the expression says, whatever DuckDB widened on the way.
* No `hash()` of an engine is used anywhere.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
from ibis.backends.sql.datatypes import DuckDBType
from ibis.expr.operations import UnboundTable

from phonotheque.engine.numbering import (
    Numbering,
    all_rows,
    arrow_schema,
    cast_columns,
    ordering,
    python_rows,
    without_promises,
)
from phonotheque.engine.sink import BATCH_ROWS, Sink


class LocalEngine(Numbering):
    """DuckDB in this process. `work` is a directory of its own, emptied by whoever made it.

    Memory: `memory` bounds DuckDB's buffers (what does not fit spills to `work`); one batch of
    Arrow rows comes on top. One engine serves one thread.
    """

    def __init__(self, work: Path, *, memory: str = "2GB", threads: int = 2) -> None:
        self._work = work
        self._names = count(1)
        work.mkdir(parents=True, exist_ok=True)
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": memory,
                "threads": threads,
                "temp_directory": str(work / "spill"),
                "preserve_insertion_order": False,
            },
        )
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(f"SET partitioned_write_flush_threshold = {BATCH_ROWS // 2}")
        self._kept: dict[str, list[Path]] = {}

    def read(self, paths: Sequence[Path], schema: pa.Schema) -> Any:
        """The rows of Parquet files that all have `schema`, as one Ibis table."""
        return self._view(list(paths), ibis.Schema.from_pyarrow(schema))

    def keep(self, expression: Any) -> Any:
        """Compute `expression` now, keep it on disk, and return it as a table to go on from."""
        path = self._path()
        self._connection.execute(
            f"COPY ({self._sql(expression)}) TO {_quoted(path)} "
            f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        )
        return self._view([path], expression.schema())

    def keep_batches(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Any:
        """Keep Arrow batches that were made outside, and return them as a table."""
        sink = self.sink(schema)
        for batch in batches:
            sink.write(batch)
        return sink.close()

    def sink(self, schema: pa.Schema) -> Sink:
        """A table in the making: `write` batches as they come by, `close` gives the table."""
        path = self._path()
        return Sink(path, schema, lambda: self.read([path], schema))

    def scatter(self, pieces: Sequence[Any], by: str, parts: int) -> list[Any]:
        """Compute `pieces`, tables that are alike, into `parts` kept tables: part i has the rows
        whose column `by` (0 … parts-1, never null) is i. The column itself is not kept.

        One piece after the other: a union of many is worked on all at once, and its half-filled
        buffers and file footers (2,000 readers at full size) took 3 GB beyond `memory`.
        """
        schema = pieces[0].schema()
        rest = ibis.schema({name: kind for name, kind in schema.items() if name != by})
        if parts == 1:
            return [self.keep(all_rows(pieces).drop(by))]
        folder = self._work / f"{next(self._names):05d}"
        for number, piece in enumerate(pieces):
            self._connection.execute(
                f"COPY ({self._sql(piece)}) TO {_quoted(folder)} "
                f"(FORMAT parquet, PARTITION_BY ({by}), COMPRESSION zstd, COMPRESSION_LEVEL 1, "
                f"FILENAME_PATTERN 'piece-{number:05d}-{{i}}', OVERWRITE_OR_IGNORE)"
            )
        return [self._view(sorted((folder / f"{by}={i}").glob("*")), rest) for i in range(parts)]

    def drop(self, *tables: Any) -> None:
        """Remove kept tables from the disk; they must not be used again."""
        for table in tables:
            name = table.get_name()
            for path in self._kept.pop(name, []):
                path.unlink(missing_ok=True)
            self._connection.execute(f"DROP VIEW IF EXISTS {name}")

    def stream(self, expression: Any, order_by: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows in the order of the named columns (``-name``: falling), nulls last.

        The columns together must make a total order, else equal rows may change places.
        """
        schema = arrow_schema(expression.schema())
        ordered = expression.order_by([ordering(column) for column in order_by])
        for batch in self._connection.sql(self._sql(ordered)).to_arrow_reader(BATCH_ROWS):
            yield cast_columns(batch.columns, schema)

    def rows(self, expression: Any) -> list[tuple[Any, ...]]:
        """A small result as Python tuples, in no order."""
        schema = arrow_schema(expression.schema())
        return python_rows(
            cast_columns(batch.columns, schema)
            for batch in self._connection.sql(self._sql(expression)).to_arrow_reader(BATCH_ROWS)
        )

    def close(self) -> None:
        """Let go of memory and files; the work directory may then be removed."""
        self._connection.close()

    def _path(self) -> Path:
        return self._work / f"{next(self._names):05d}.parquet"

    def _sql(self, expression: Any) -> str:
        return _sql_of(expression.op())

    def _view(self, paths: list[Path], schema: Any) -> Any:
        schema = without_promises(schema)
        name = f"t{next(self._names):05d}"
        if paths:
            kept = all(path.is_relative_to(self._work) for path in paths)
            source = _reading(paths, schema, grown=not kept)
        else:
            self._connection.register(f"{name}_empty", schema.to_pyarrow().empty_table())
            source = f"SELECT * FROM {name}_empty"
        self._connection.execute(f"CREATE VIEW {name} AS {source}")
        self._kept[name] = [path for path in paths if path.is_relative_to(self._work)]
        return ibis.table(schema, name=name)


def _sql_of(operation: Any) -> str:
    """SQL of an expression. Compiling takes longer than running on a small archive, so it is kept
    by what the expression is but for the names of its tables, which are put in last: the levels
    and parts of a build, and the builds that follow one another in a process, ask the same of
    other tables."""
    tables = operation.find(UnboundTable)
    nameless = operation.replace(
        {table: table.copy(name=f"{_TABLE} {place}") for place, table in enumerate(tables)}
    )
    return _PLACE.sub(lambda place: f'"{tables[int(place[1])].name}"', _compiled(nameless))


_TABLE = "table in place"
_PLACE = re.compile(f'"{_TABLE} ([0-9]+)"')


@lru_cache(maxsize=512)
def _compiled(operation: Any) -> str:
    """An expression weighs some 65 kB; one build has 80 to 200 of them."""
    return str(ibis.to_sql(operation.to_expr(), dialect="duckdb", pretty=False))


def _reading(paths: Sequence[Path], schema: Any, *, grown: bool) -> str:
    """SQL that reads the files. With `grown`, structures in some may lack the fields that were
    added last; these are null then."""
    columns, union = [], ""
    for column, kind in schema.items():
        name = '"' + column.replace('"', '""') + '"'
        if grown and kind.is_array() and kind.value_type.is_struct():
            union = ", union_by_name = true"
            wanted = DuckDBType.to_string(kind)
            columns.append(f"CAST({name} AS {wanted}) AS {name}")
        else:
            columns.append(name)
    listed = ", ".join(_quoted(_no_pattern(path)) for path in paths)
    options = f"hive_partitioning = false{union}"
    return f"SELECT {', '.join(columns)} FROM read_parquet([{listed}], {options})"


def _no_pattern(path: Path) -> str:
    """The path as a pattern that means only itself."""
    return "".join(f"[{c}]" if c in "[*?" else c for c in str(path))


def _quoted(path: Path | str) -> str:
    return "'" + str(path).replace("'", "''") + "'"
