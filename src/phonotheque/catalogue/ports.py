"""What the catalogue asks of others: an engine for tables, and an opinion on evidence."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from phonotheque.model.rights import Evidence


class TableSink(Protocol):
    """A table in the making."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows."""

    def close(self) -> Any:
        """The table."""


class TableEngine(Protocol):
    """Computes Ibis expressions. The contract of each method is that of `engine.LocalEngine`."""

    def read(self, paths: Sequence[Path], schema: pa.Schema) -> Any:
        """Parquet files with `schema` as one table."""

    def keep(self, expression: Any) -> Any:
        """Compute now, keep, go on from there."""

    def keep_batches(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Any:
        """Keep Arrow batches made outside."""

    def sink(self, schema: pa.Schema) -> TableSink:
        """Keep batches as they come by."""

    def scatter(self, pieces: Sequence[Any], by: str, parts: int) -> list[Any]:
        """Compute tables that are alike, one after the other, into kept tables by an integer
        column 0 … parts-1. What one piece needs is needed at once."""

    def drop(self, *tables: Any) -> None:
        """Remove kept tables that are used up."""

    def number(
        self,
        expression: Any,
        order_by: Sequence[str],
        *,
        name: str = "number",
        first: int = 1,
    ) -> Any:
        """Keep with a count in a total order."""

    def stream(self, expression: Any, order_by: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows in a total order, nulls last."""

    def rows(self, expression: Any) -> list[tuple[Any, ...]]:
        """A small result."""


class Summary(NamedTuple):
    """What the evidence of a recording comes to: an SPDX id, and two names of `model.rights.Level`.

    Coarse, for showing and filtering; what is published is decided afresh, file by file.
    """

    licence: str | None
    stream: str
    distribute: str


DecideSummary = Callable[[tuple[Evidence, ...]], Summary]
"""Gives the summary of one signature: evidence of which only claim, value, kind and
witness are true.

The value of a holder's claim is replaced by `HOLDER_PRESENT`: who it is changes no verdict, and
names would make every signature its own.
"""

HOLDER_PRESENT = "present"
