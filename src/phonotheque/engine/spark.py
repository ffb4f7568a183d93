"""The engine for more than one machine: the same expressions, computed by Spark.

What `LocalEngine` promises holds here too. How:

* Expressions become Spark SQL through `spark_sql`, which knows where the engines differ; results
  are cast to the types that the expression says, so that nothing widens on the way.
* Kept tables are directories of Parquet parts in `work`, which the executors must reach under the
  same path (a shared file system, where they are on other machines).
* Rows in order: Spark sorts by ranges and writes one part for each, and the parts are read here one
  after another as Arrow batches. Nothing is collected; the driver holds one batch.
* Numbers are counted here while those parts stream by (see `numbering`), so that they are gapless
  and no executor gets the whole table.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

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
from phonotheque.engine.spark_session import Session
from phonotheque.engine.spark_sql import quoted, spark_sql, spark_type


class SparkEngine(Numbering):
    """Spark, driven from this process. `work` is a directory of its own, emptied by its maker.

    `master` is Spark's: ``local[2]``, ``local-cluster[2,1,2048]`` (processes: executors, cores,
    MiB), ``spark://host:7077``, ``yarn``… Memory: `memory` bounds the driver, which with ``local``
    is all there is; executors of a cluster have what its configuration gives them. `threads` counts
    where `master` says no number. `settings` are further ones of Spark (``spark.…``). One engine in
    a process, for one thread.

    Raises:
        UsageError: pyspark is not installed, or a setting makes no sense.
        PhonothequeError: Spark did not start.
    """

    def __init__(
        self,
        work: Path,
        *,
        memory: str = "2GB",
        threads: int = 2,
        master: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._work = work.absolute()
        self._names = count(1)
        self._kept: dict[str, Path] = {}
        self._work.mkdir(parents=True, exist_ok=True)
        self._session = Session(
            self._work,
            master=master or f"local[{threads}]",
            memory=memory,
            threads=threads,
            more=settings or {},
        )
        self._spark = self._session.spark

    def read(self, paths: Sequence[Path], schema: pa.Schema) -> Any:
        """The rows of Parquet files that all have `schema`, as one Ibis table."""
        return self._view([path.absolute() for path in paths], ibis.Schema.from_pyarrow(schema))

    def keep(self, expression: Any) -> Any:
        """Compute `expression` now, keep it on disk, and return it as a table to go on from."""
        path = self._path()
        self._frame(expression).write.parquet(str(path))
        return self._keeping(path, expression.schema())

    def keep_batches(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Any:
        """Keep Arrow batches that were made outside, and return them as a table."""
        sink = self.sink(schema)
        for batch in batches:
            sink.write(batch)
        return sink.close()

    def sink(self, schema: pa.Schema) -> Sink:
        """A table in the making: `write` batches as they come by, `close` gives the table."""
        path = self._path()
        path.mkdir()
        kept = ibis.Schema.from_pyarrow(schema)
        return Sink(path / "part.parquet", schema, lambda: self._keeping(path, kept))

    def scatter(self, pieces: Sequence[Any], by: str, parts: int) -> list[Any]:
        """Compute `pieces`, tables that are alike, into `parts` kept tables: part i has the rows
        whose column `by` (0 … parts-1, never null) is i. The column itself is not kept."""
        expression = all_rows(pieces)
        if parts == 1:
            return [self.keep(expression.drop(by))]
        schema = expression.schema()
        rest = ibis.schema({name: kind for name, kind in schema.items() if name != by})
        folder = self._path()
        frame = self._frame(expression).repartition(quoted(by))
        frame.write.partitionBy(by).parquet(str(folder))
        return [self._keeping(folder / f"{by}={i}", rest) for i in range(parts)]

    def drop(self, *tables: Any) -> None:
        """Remove kept tables from the disk; they must not be used again."""
        for table in tables:
            name = table.get_name()
            if name in self._kept:
                shutil.rmtree(self._kept.pop(name), ignore_errors=True)
            self._spark.catalog.dropTempView(name)

    def stream(self, expression: Any, order_by: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows in the order of the named columns (``-name``: falling), nulls last.

        The columns together must make a total order, else equal rows may change places.
        """
        ordered = expression.order_by([ordering(column) for column in order_by])
        folder = self._path()
        try:
            self._frame(ordered).write.parquet(str(folder))
            yield from _iter_parts(folder, arrow_schema(expression.schema()))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def rows(self, expression: Any) -> list[tuple[Any, ...]]:
        """A small result as Python tuples, in no order."""
        folder = self._path()
        try:
            self._frame(expression).write.parquet(str(folder))
            return python_rows(_iter_parts(folder, arrow_schema(expression.schema())))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of memory, processes and files; the work directory may then be removed."""
        self._session.close()

    def _path(self) -> Path:
        return self._work / f"{next(self._names):05d}"

    def _frame(self, expression: Any) -> Any:
        """The data frame of `expression`, with just the types that its schema says."""
        frame = self._spark.sql(spark_sql(expression.op()))
        wanted = [(name, spark_type(kind)) for name, kind in expression.schema().items()]
        return frame.selectExpr(
            *(f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in wanted)
        )

    def _keeping(self, path: Path, schema: Any) -> Any:
        """A view of all parts in a directory of ours; one that was not written has no rows."""
        table = self._view([path] if path.exists() else [], schema)
        self._kept[table.get_name()] = path
        return table

    def _view(self, paths: list[Path], schema: Any) -> Any:
        schema = without_promises(schema)
        columns = ", ".join(f"{quoted(name)} {spark_type(kind)}" for name, kind in schema.items())
        if paths:
            frame = self._spark.read.schema(columns).parquet(*(_hadoop(path) for path in paths))
        else:
            frame = self._spark.createDataFrame([], columns)
        name = f"t{next(self._names):05d}"
        frame.createOrReplaceTempView(name)
        return ibis.table(schema, name=name)


def _iter_parts(folder: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of the parts that Spark wrote, in the order of their names, which is the rows'."""
    for path in sorted(folder.glob("part-*")):
        with pq.ParquetFile(path) as part:
            for batch in part.iter_batches(BATCH_ROWS):
                yield cast_columns(batch.columns, schema)
        path.unlink()


def _hadoop(path: Path) -> str:
    """A path as Hadoop wants it: its pattern characters escaped."""
    return "".join(f"\\{c}" if c in "\\{}[]*?^" else c for c in str(path))
