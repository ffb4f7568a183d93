"""Writing tables in shards by number range; what did not change keeps its bytes and its name."""

from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa

from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.previous import Previous
from phonotheque.model.edition import ShardFile
from phonotheque.storage.digests import digest_file
from phonotheque.storage.durable import ensure_directory, link_or_copy
from phonotheque.storage.tables import write_table

COMPACT_ABOVE = 10
"""A shard is written anew when more than one in this many of its rows stand in the overlay."""


class ShardWriter:
    """Writes the files of one build below `root`, sharing equal ones with the previous build."""

    def __init__(
        self, engine: TableEngine, previous: Previous, root: Path, rows_per_shard: int
    ) -> None:
        self._engine = engine
        self._previous = previous
        self._root = root
        self._rows_per_shard = rows_per_shard

    def write_layered(
        self, table: str, schema: pa.Schema, rows: Any, before: Any, hidden: Any
    ) -> list[ShardFile]:
        """Write `rows` (made anew; has `number`) as bases and overlays of `table`.

        `before` (number): the live rows they take the place of, None: all there are. `hidden`
        (number): rows that redirects hide from now on. A shard's overlay holds what differs from
        its base; where that is more than a tenth of the base, or there is no base, the shard is
        written anew as a base. Other shards keep their bytes.
        """
        bases = self._bases(table)
        overlay = self._overlay(table, schema, rows, before, hidden)
        over = self._by_shard_counts(overlay)
        anew = [
            k
            for k, count in over.items()
            if k not in bases or count * COMPACT_ABOVE > bases[k].rows
        ]
        written = [self._keep(shard) for k, shard in bases.items() if k not in anew]
        if anew:
            base = self._previous.layer(table, "base", set(anew) & set(bases))
            whole = base.anti_join(overlay, "number").anti_join(hidden, "number")
            fresh = self._in_shards(overlay, anew, over)
            content = whole.union(fresh.select(whole.columns), distinct=False)
            written += self._write(table, schema, content, "base")
        layered = [k for k in over if k not in anew]
        if layered:
            part = self._in_shards(overlay, layered, over)
            written += self._write(table, schema, part, "overlay")
        return sorted(written, key=lambda s: (s.shard, s.layer))

    def _overlay(self, table: str, schema: pa.Schema, rows: Any, before: Any, hidden: Any) -> Any:
        """All rows that differ from their base row, or have none. Kept."""
        touched = set(self._by_shard_counts(rows)) & set(self._bases(table))
        base = self._previous.layer(table, "base", touched).mutate(in_base=ibis.literal(True))
        met = rows.left_join(base, "number", lname="", rname="{name}_then")
        same = met.in_base.fill_null(False)
        for column in schema.names:
            if column != "number":
                same &= met[column].identical_to(met[f"{column}_then"])
        changed = met.filter(~same).select(schema.names)
        if before is None or not self._previous.files(table, "overlay"):
            return self._engine.keep(changed)
        kept = self._previous.layer(table, "overlay").anti_join(before, "number")
        kept = kept.anti_join(rows, "number").anti_join(hidden, "number")
        return self._engine.keep(kept.select(schema.names).union(changed, distinct=False))

    def write_plain(
        self, table: str, schema: pa.Schema, content: Any, *, order_by: list[str] | None = None
    ) -> list[ShardFile]:
        """Write `content` whole, in shards of its column `number`, each in `order_by`."""
        if order_by is None:
            return self._write(table, schema, content, "base")
        content = content.mutate(shard=self._shard_of(content))
        return self._write(table, schema, content, "base", ["shard", *order_by])

    def write_stream(
        self, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
    ) -> list[ShardFile]:
        """Write rows that come in the order of their number, each shard as a base."""
        column = self._number_column(schema)
        return [
            self._write_file(table, schema, k, "base", part)
            for k, part in by_shard(batches, self._rows_per_shard, column)
        ]

    def write_single(
        self, table: str, schema: pa.Schema, content: Any, order_by: list[str]
    ) -> list[ShardFile]:
        """Write `content` as one file, or none when it has no rows."""
        batches = (b for b in self._engine.stream(content, order_by) if b.num_rows)
        first = next(batches, None)
        if first is None:
            return []
        return [self._write_file(table, schema, 0, "base", _chained(first, batches))]

    def _bases(self, table: str) -> dict[int, ShardFile]:
        """The bases to build on: none where shards had another size."""
        manifest = self._previous.manifest
        if manifest is None or manifest.rows_per_shard != self._rows_per_shard:
            return {}
        return self._previous.files(table, "base")

    def _shard_of(self, table: Any) -> Any:
        return (table.number // self._rows_per_shard).cast("int64")

    def _by_shard_counts(self, table: Any) -> dict[int, int]:
        counted = table.group_by(shard=self._shard_of(table)).agg(rows=table.count())
        return dict(sorted((int(k), int(rows)) for k, rows in self._engine.rows(counted)))

    def _in_shards(self, table: Any, wanted: list[int], every: dict[int, int]) -> Any:
        if len(wanted) == len(every):
            return table
        return table.filter(self._shard_of(table).isin(wanted))

    def _write(
        self,
        table: str,
        schema: pa.Schema,
        content: Any,
        layer: str,
        order_by: list[str] | None = None,
    ) -> list[ShardFile]:
        batches = self._engine.stream(content, order_by or self._natural_order(schema))
        return [
            self._write_file(table, schema, k, layer, part)
            for k, part in by_shard(batches, self._rows_per_shard, self._number_column(schema))
        ]

    @staticmethod
    def _number_column(schema: pa.Schema) -> str:
        return "number" if "number" in schema.names else "recording"

    def _natural_order(self, schema: pa.Schema) -> list[str]:
        return ["number"] if "number" in schema.names else ["recording", "sha256"]

    def _write_file(
        self, table: str, schema: pa.Schema, k: int, layer: str, batches: Iterable[pa.RecordBatch]
    ) -> ShardFile:
        folder = self._root / folder_of(table)
        ensure_directory(folder)
        temporary = folder / f"writing-{layer}-{k:05d}.parquet"
        rows = write_table(temporary, schema, batches)
        digests = digest_file(temporary)
        digest = digests.sha256.hex()
        name = f"{k:05d}-{'overlay-' if layer == 'overlay' else ''}{digest[:16]}.parquet"
        path = f"{folder_of(table)}/{name}"
        made = ShardFile(
            table=table, shard=k, layer=layer, path=path, rows=rows, bytes=digests.size_bytes,
            sha256=digest,
        )  # fmt: skip
        before = self._previous.directory
        if before is not None and (before / path).exists():
            temporary.unlink()
            return self._keep(made)
        temporary.rename(self._root / path)
        return made

    def _keep(self, shard: ShardFile) -> ShardFile:
        assert self._previous.directory is not None
        link_or_copy(self._previous.directory / shard.path, self._root / shard.path)
        return shard


def folder_of(table: str) -> str:
    """Where the files of `table` stand in a build and in an edition."""
    return table if table in ("standing", "recording_files") else f"catalogue/{table}"


def by_shard(
    batches: Iterable[pa.RecordBatch], rows_per_shard: int, column: str = "number"
) -> Iterator[tuple[int, Iterator[pa.RecordBatch]]]:
    """Batches whose shards follow one another, cut where the shard changes.

    Each inner iterator must be used up before the next pair is asked for.
    """
    for k, parts in groupby(_cut(batches, rows_per_shard, column), key=lambda pair: pair[0]):
        yield k, (part for _, part in parts)


def _cut(
    batches: Iterable[pa.RecordBatch], rows_per_shard: int, column: str
) -> Iterator[tuple[int, pa.RecordBatch]]:
    for batch in batches:
        if not batch.num_rows:
            continue
        shards = batch.column(column).to_numpy() // rows_per_shard
        starts = [0, *(np.flatnonzero(np.diff(shards)) + 1).tolist(), batch.num_rows]
        for start, end in pairwise(starts):
            yield int(shards[start]), batch.slice(start, end - start)


def _chained(first: pa.RecordBatch, rest: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest
