"""Listens find their recordings, and the standing follows (docs/formats/standing.md).

Keys are compared as strings, exactly; only the work is split. A key's part is computed from its
last digits (those of its MD5 where its end says little), so equal keys always meet, and no result
depends on the number of parts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import ibis
import numpy as np
import pyarrow as pa

from phonotheque.catalogue.id_columns import parse_id_column
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.ranking import Histogram, iter_standing
from phonotheque.model.errors import InputError
from phonotheque.model.numbers import IdKey, Kind

_BY_PUBLIC_ID = pa.schema([pa.field("key", pa.string()), pa.field("number", pa.int64())])
_DIGITS = "0123456789abcdef"
_DIGITS_USED = 3
_UNMATCHED = ("source", "key_kind", "key", "listens")


@dataclass(frozen=True, slots=True)
class MatchedListens:
    """Listens by recording, and those of nobody.

    `ranges[i]` is a kept table (number, listens, listeners), a row for each recording that has
    listens and a number from i·`step` to (i + 1)·`step` - 1; `listeners` is null where no source
    knows them. `unmatched` has the columns source, key_kind, key, listens.
    """

    ranges: tuple[Any, ...]
    step: int
    unmatched: Any

    @property
    def counted(self) -> Any:
        """All ranges as one table."""
        return ibis.union(*self.ranges, distinct=False)


@dataclass(frozen=True, slots=True)
class _Way:
    """How one kind of key finds recordings: `known` has `key` and `number`; where `shared`, a key
    may stand there several times, and the smallest number counts."""

    known: Any
    base: int
    digested: bool = False
    shared: bool = False


def matched_listens(
    engine: TableEngine,
    listens: Any,
    recordings: Any,
    *,
    tracks: Any,
    redirects: Any,
    id_key: IdKey | None,
    parts: int = 1,
) -> MatchedListens:
    """The listens of each recording, added up over sources and keys.

    A code or MBID that several recordings carry counts for the one with the smallest number.
    `listens` has source, key_kind, key, listens, listeners; `recordings` number, isrcs,
    recording_mbid; `tracks` source, source_key, recording; `redirects` old and new of recordings.
    With `parts` above 1 each join sees one part of the keys, and each sum one range of numbers:
    about 1/parts of the memory for one more pass over both sides.
    """
    found: list[Any] = []
    lost: list[Any] = []
    for kind in _kinds_in_use(engine, listens):
        asked = listens.filter(listens.key_kind == kind).drop("key_kind")
        if kind == "public_id":
            way = _by_public_id(engine, asked, recordings, redirects, id_key)
        else:
            way = _by_key(kind, recordings, tracks)
        for hits, misses in _looked_up(engine, asked, way, parts):
            found.append(hits)
            lost.append(misses.mutate(key_kind=ibis.literal(kind)).select(_UNMATCHED))
    ((highest,),) = engine.rows(recordings.agg(highest=recordings.number.max()))
    step = int(highest or 0) // parts + 1
    ranges = _added_up(engine, found, step, parts)
    return MatchedListens(ranges, step, _union(engine, lost, _EMPTY_UNMATCHED))


def standing(
    engine: TableEngine, recordings: Any, matched: MatchedListens, cuts_percent: Sequence[float]
) -> Iterator[pa.RecordBatch]:
    """`tables.STANDING` of all `recordings` (has `number`), rising by number."""
    histogram = _histogram(engine, recordings, matched)
    yield from iter_standing(_in_order(engine, recordings, matched), histogram, cuts_percent)


def _kinds_in_use(engine: TableEngine, listens: Any) -> list[str]:
    return sorted(kind for (kind,) in engine.rows(listens.select("key_kind").distinct()))


def _by_key(kind: str, recordings: Any, tracks: Any) -> _Way:
    match kind:
        case "isrc":
            codes = recordings.select("number", key=recordings.isrcs.unnest())
            return _Way(codes, base=10, shared=True)
        case "mbid":
            ids = recordings.select("number", key=recordings.recording_mbid)
            return _Way(ids.filter(ids.key.notnull()), base=16, shared=True)
        case "source":
            key = tracks.source + ":" + tracks.source_key
            return _Way(tracks.select(key=key, number="recording"), base=16, digested=True)
    raise InputError(
        f"listens with keys of the kind {kind!r}: isrc, mbid, source and public_id are known; "
        "ingest that source again"
    )


def _looked_up(engine: TableEngine, asked: Any, way: _Way, parts: int) -> Iterator[tuple[Any, Any]]:
    """For each part of the keys: (number, listens, listeners) found, and the rows that were not."""
    both = [_split(engine, table, way, parts) for table in (asked, way.known)]
    for wanted, known in zip(*both, strict=True):
        first = known.group_by("key").agg(number=known.number.min()) if way.shared else known
        met = engine.keep(wanted.left_join(first, "key").drop("key_right"))
        hits = engine.keep(met.filter(met.number.notnull()).select("number", *_COUNTS))
        misses = engine.keep(met.filter(met.number.isnull()).select("source", "key", "listens"))
        engine.drop(met)
        if parts > 1:
            engine.drop(wanted, known)
        yield hits, misses


_COUNTS = ("listens", "listeners")


def _split(engine: TableEngine, table: Any, way: _Way, parts: int) -> list[Any]:
    if parts == 1:
        return [table]
    return engine.scatter([table.mutate(part=part_of(table.key, way, parts))], "part", parts)


def part_of(key: Any, way: _Way, parts: int) -> Any:
    """0 … parts - 1 for a key, from its last digits in the base of `way`; any key has one."""
    text = key.hexdigest("md5") if way.digested else key
    digits = ibis.literal(_DIGITS)
    ends = [text.right(i + 1).left(1) for i in range(_DIGITS_USED)]
    # `find` gives -1 for what is no digit: one more makes it a number from 0
    value = reduce(add, [(digits.find(c) + 1) * way.base**i for i, c in enumerate(ends)])
    return (value % parts).cast("int32")


def _added_up(engine: TableEngine, found: list[Any], step: int, parts: int) -> tuple[Any, ...]:
    """Kept sums by number, one table for each range of numbers."""
    every = _union(engine, found, _EMPTY_COUNTED)
    split = [every]
    if parts > 1:
        of_range = (every.number // step).cast("int32")
        split = engine.scatter([every.mutate(part=of_range)], "part", parts)
    ranges = tuple(engine.keep(_summed(part)) for part in split)
    engine.drop(*found, *(split if parts > 1 else ()))
    return ranges


def _summed(table: Any) -> Any:
    return table.group_by("number").agg(**{name: _total(table[name]) for name in _COUNTS})


def _total(column: Any) -> Any:
    # DuckDB sums 64-bit integers in 128 bits, which Parquet has no type for; Ibis takes the sum
    # for 64 bits and would leave out a plain cast
    return column.sum().cast("decimal(38, 0)").cast("int64")


def _histogram(engine: TableEngine, recordings: Any, matched: MatchedListens) -> Histogram:
    """Counted where listens are; the rest of the recordings have none."""
    ((rows,),) = engine.rows(recordings.agg(rows=recordings.count()))
    ((heard,),) = engine.rows(matched.counted.agg(rows=matched.counted.count()))

    def pieces() -> Iterator[tuple[Any, Any]]:
        yield np.array([0], np.int64), np.array([int(rows) - int(heard)], np.int64)
        for part in matched.ranges:
            counted = part.group_by("listens").agg(rows=part.count())
            for batch in engine.stream(counted, ["listens"]):
                yield batch.column("listens").to_numpy(), batch.column("rows").to_numpy()

    return Histogram.from_counts(pieces())


def _in_order(
    engine: TableEngine, recordings: Any, matched: MatchedListens
) -> Iterator[pa.RecordBatch]:
    """number, listens (0 where nobody counted), listeners of all recordings, by number."""
    for i, part in enumerate(matched.ranges):
        numbers = recordings.select("number")
        if len(matched.ranges) > 1:
            low = i * matched.step
            numbers = numbers.filter(numbers.number.between(low, low + matched.step - 1))
        met = numbers.left_join(part, "number")
        met = met.select("number", "listeners", listens=met.listens.fill_null(0))
        yield from engine.stream(met, ["number"])


def _by_public_id(
    engine: TableEngine, asked: Any, recordings: Any, redirects: Any, id_key: IdKey | None
) -> _Way:
    distinct = asked.select("key").distinct()

    def parsed() -> Iterator[pa.RecordBatch]:
        if id_key is None:
            return
        for batch in engine.stream(distinct, ["key"]):
            keys = batch.column(0).cast(pa.string())
            numbers = parse_id_column(keys, id_key, Kind.RECORDING)
            yield pa.RecordBatch.from_arrays([keys, pa.array(numbers)], schema=_BY_PUBLIC_ID)

    read = engine.keep_batches(_BY_PUBLIC_ID, parsed())
    moved = read.left_join(redirects, read.number == redirects.old)
    moved = engine.keep(moved.select("key", number=ibis.coalesce(moved.new, moved.number)))
    return _Way(moved.semi_join(recordings, "number"), base=16, digested=True)


_EMPTY_COUNTED = pa.schema(
    [("number", pa.int64()), ("listens", pa.int64()), ("listeners", pa.int64())]
)
_EMPTY_UNMATCHED = pa.schema(
    [
        ("source", pa.string()),
        ("key_kind", pa.string()),
        ("key", pa.string()),
        ("listens", pa.int64()),
    ]
)


def _union(engine: TableEngine, parts: list[Any], schema: pa.Schema) -> Any:
    if not parts:
        return engine.read([], schema)
    return ibis.union(*parts, distinct=False)
