"""The first build of an archive: everything is new, so numbers are counted as rows stream by.

artists ─► releases ─► recordings ─► tracks, each part after part in the order of numbers.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.catalogue import contents, evidence
from phonotheque.catalogue.described import (
    ORDER,
    Described,
    describe_units,
    heads_of,
    part_of_unit,
)
from phonotheque.catalogue.entities import find_artists, find_releases
from phonotheque.catalogue.extras import Extras
from phonotheque.catalogue.inputs import Rows, united
from phonotheque.catalogue.ports import DecideSummary, TableEngine
from phonotheque.catalogue.shards import ShardWriter
from phonotheque.catalogue.units import Units
from phonotheque.model import tables
from phonotheque.model.edition import RecordingFlag, ShardFile
from phonotheque.model.progress import Progress

_NUMBERED = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("unit", pa.int64()),
        pa.field("alone", pa.bool_()),
        pa.field("wording", pa.int64()),
        pa.field("ms", pa.int32()),
        pa.field("number", pa.int64()),
    ]
)
_RELEASE_NUMBERS = pa.schema(
    [pa.field("release_match", pa.int64()), pa.field("release", pa.int64())]
)


class FirstBuild:
    """Writes all tables of a build without a past. Memory: one part (see `inputs.Rows`)."""

    def __init__(
        self, engine: TableEngine, rows: Rows, writer: ShardWriter, progress: Progress
    ) -> None:
        self._engine = engine
        self._rows = rows
        self._writer = writer
        self._progress = progress
        self._parts = range(rows.parts)
        self.shards: list[ShardFile] = []
        self.counts: dict[str, int] = {}

    def write(
        self, units: Units, extras: Extras, decide: DecideSummary, withdrawn: list[int]
    ) -> None:
        """Write artists, releases, recordings and tracks."""
        artists = self._write_artists(extras)
        releases = self._write_releases()
        self._progress.start("describe recordings", None, "parts")
        described = describe_units(self._engine, self._rows, units, extras.groups)
        numbered = self._write_recordings(
            units, described, extras, artists=artists, decide=decide, withdrawn=withdrawn
        )
        self._write_tracks(described, numbered, releases)

    def _write_artists(self, extras: Extras) -> Any:
        self._progress.start("artists", None, "parts")
        found = find_artists(self._engine, self._rows, extras.artists)
        numbered = self._engine.number(found, ["key"])
        self._engine.drop(found)
        self._put("artists", tables.ARTISTS, self._engine.stream(numbered, ["number"]))
        return numbered

    def _write_releases(self) -> list[Any]:
        """Releases; back come release_match → release by part of rows."""
        self._progress.start("releases", self._rows.parts, "parts")
        placed, here = find_releases(self._engine, self._rows)
        sink = self._engine.sink(_RELEASE_NUMBERS)

        def told(_: int, batch: pa.RecordBatch, numbers: pa.Array) -> None:
            columns = [batch.column("release_match"), numbers]
            sink.write(pa.RecordBatch.from_arrays(columns, schema=_RELEASE_NUMBERS))

        batches = self._counted(lambda part: placed[part], contents.RELEASE_ORDER, told)
        self._put("releases", tables.RELEASES, batches)
        numbers = sink.close()
        out = [self._engine.keep(h.inner_join(numbers, "release_match")) for h in here]
        self._engine.drop(numbers, *placed)
        return out

    def _write_recordings(
        self,
        units: Units,
        described: Described,
        extras: Extras,
        *,
        artists: Any,
        decide: DecideSummary,
        withdrawn: list[int],
    ) -> list[Any]:
        """Recordings; back come their numbers by part, with the columns of `_NUMBERED`."""
        self._progress.start("recordings", self._rows.parts, "parts")
        heads = [
            heads_of(self._rows, units, described, extras.groups, part) for part in self._parts
        ]
        summaries = evidence.summaries(
            self._engine, [contents.signatures(h) for h in heads], decide
        )
        named = artists.filter(artists.bucket.notnull())
        by_part = self._engine.scatter(
            [named.select("key", "number", part=self._rows.part_of(named.bucket))],
            "part",
            self._rows.parts,
        )
        sinks = [self._engine.sink(_NUMBERED) for _ in self._parts]

        def table(part: int) -> Any:
            credited = contents.credited_numbers(self._engine, self._rows, part, artists)
            return contents.recordings(heads[part], by_part[part], credited, summaries)

        def told(part: int, batch: pa.RecordBatch, numbers: pa.Array) -> None:
            columns = ["row", "unit", "alone", "wording", "duration_ms"]
            arrays = [*(batch.column(name) for name in columns), numbers]
            made = pa.RecordBatch.from_arrays(arrays, names=_NUMBERED.names)
            sinks[part].write(made.cast(_NUMBERED))

        gone = np.array(sorted(withdrawn), dtype=np.int64)
        batches = (_denied(batch, gone) for batch in self._counted(table, ORDER, told))
        self._put("recordings", tables.RECORDINGS, batches)
        self._engine.drop(*by_part, *described.heads, *units.members)
        return [sink.close() for sink in sinks]

    def _write_tracks(self, described: Described, numbered: list[Any], releases: list[Any]) -> None:
        self._progress.start("tracks", self._rows.parts, "parts")
        told = self._told(described, numbered)

        def table(part: int) -> Any:
            known = united([contents.told_alone(numbered[part]), told[part]])
            rows = self._rows.select(*contents.TRACK_COLUMNS, part=part)
            return contents.tracks(rows, known, releases[part])

        def done(part: int) -> None:
            self._engine.drop(told[part], releases[part], numbered[part])

        self._put("tracks", tables.TRACKS, self._counted(table, ORDER, done=done))

    def _told(self, described: Described, numbered: list[Any]) -> list[Any]:
        """What tracks of shared recordings take from them, by part of rows."""
        shared = [table.filter(~table.alone) for table in numbered]
        pieces = [t.mutate(part=part_of_unit(t.unit, self._rows.parts)) for t in shared]
        by_unit = self._engine.scatter(pieces, "part", self._rows.parts)
        found = []
        for members, known in zip(described.shared, by_unit, strict=True):
            found.append(self._engine.keep(contents.told_shared(members, known)))
            self._engine.drop(members, known)
        pieces = [met.mutate(part=self._rows.part_of(met.bucket)).drop("bucket") for met in found]
        out = self._engine.scatter(pieces, "part", self._rows.parts)
        self._engine.drop(*found)
        return out

    def _counted(
        self,
        table: Callable[[int], Any],
        order: list[str],
        told: Callable[[int, pa.RecordBatch, pa.Array], None] = lambda *_: None,
        done: Callable[[int], None] = lambda _: None,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of all parts in order, with `number` counting from 1."""
        number = 1
        for part in self._parts:
            for batch in self._engine.stream(table(part), order):
                numbers = pa.array(np.arange(number, number + batch.num_rows, dtype=np.int64))
                told(part, batch, numbers)
                yield batch.append_column("number", numbers)
                number += batch.num_rows
            done(part)
            self._progress.advance()

    def _put(self, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        written = self._writer.write_stream(table, schema, batches)
        self.shards += written
        self.counts[table] = sum(shard.rows for shard in written)


def _denied(batch: pa.RecordBatch, withdrawn: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """Recordings, those of numbers that were withdrawn denied."""
    gone = np.isin(batch.column("number").to_numpy(), withdrawn)
    if not gone.any():
        return batch
    mask = pa.array(gone)
    flags = batch.column("flags").to_numpy() | (gone * int(RecordingFlag.WITHDRAWN))
    changed = {"flags": pa.array(flags.astype(np.int32))}
    for name in ("stream", "distribute"):
        changed[name] = pc.if_else(mask, "DENY", batch.column(name))
    columns = [changed.get(name, batch.column(name)) for name in batch.schema.names]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
