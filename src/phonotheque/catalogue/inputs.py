"""What a build is made from: the newest import of every row and of every listens source."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa

from phonotheque.catalogue.ports import TableEngine
from phonotheque.model import tables
from phonotheque.model.errors import InputError
from phonotheque.storage.tables import check_schema


@dataclass(frozen=True, slots=True)
class ImportFiles:
    """The Parquet files of one import; `ordinal` counts the imports within `source`."""

    source: str
    name: str
    ordinal: int
    paths: tuple[Path, ...]

    @property
    def label(self) -> str:
        """How a manifest names it."""
        return f"{self.source}/{self.name}"


def newest_rows(engine: TableEngine, imports: Sequence[ImportFiles]) -> Any:
    """For each (source, source_key) the row of the newest import, with a column `source`.

    Raises:
        FormatError: a file that does not have the columns of `tables.ROWS`.
        InputError: one import gives a key twice.
    """
    parts = [
        _of_source(engine, source, [i for i in imports if i.source == source])
        for source in sorted({i.source for i in imports})
    ]
    rows = union(engine, parts, _with_source(tables.ROWS))
    _check_unique(engine, rows)
    return rows


def newest_listens(engine: TableEngine, imports: Sequence[ImportFiles]) -> Any:
    """The rows of the newest import of each listens source, with a column `source`."""
    newest = {i.source: i for i in sorted(imports, key=lambda i: i.ordinal)}
    parts = [_labelled(engine, newest[source], tables.LISTENS) for source in sorted(newest)]
    return union(engine, parts, _with_source(tables.LISTENS))


def union(engine: TableEngine, parts: Sequence[Any], schema: pa.Schema) -> Any:
    """All rows of `parts` (all with `schema`); an empty table when there are none."""
    if not parts:
        return engine.read([], schema)
    return parts[0] if len(parts) == 1 else ibis.union(*parts, distinct=False)


def _with_source(schema: pa.Schema) -> pa.Schema:
    return schema.append(pa.field("source", pa.string(), nullable=False))


def _labelled(engine: TableEngine, part: ImportFiles, schema: pa.Schema) -> Any:
    for path in part.paths:
        check_schema(path, schema)
    return engine.read(part.paths, schema).mutate(source=ibis.literal(part.source))


def _of_source(engine: TableEngine, source: str, imports: list[ImportFiles]) -> Any:
    if len(imports) == 1:
        return _labelled(engine, imports[0], tables.ROWS)
    numbered = [
        _labelled(engine, i, tables.ROWS).mutate(ordinal=ibis.literal(i.ordinal, "int64"))
        for i in imports
    ]
    every = ibis.union(*numbered, distinct=False)
    newest = engine.keep(every.group_by("source_key").agg(ordinal=every.ordinal.max()))
    return every.semi_join(newest, ["source_key", "ordinal"]).drop("ordinal")


def _check_unique(engine: TableEngine, rows: Any) -> None:
    counted = rows.group_by("source", "source_key").agg(copies=rows.count())
    twice = counted.filter(counted.copies > 1).order_by("source", "source_key").limit(1)
    for source, key, copies in engine.rows(twice):
        raise InputError(
            f"source {source}: one import gives the key {key!r} {copies} times; "
            "its files were changed by hand: ingest that source again"
        )
