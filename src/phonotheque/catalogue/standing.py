"""Listens, ranks and tiers of one build (docs/formats/standing.md)."""

from collections.abc import Iterator, Sequence
from typing import Any

import ibis
import pyarrow as pa

from phonotheque.catalogue.ports import TableEngine
from phonotheque.model.errors import InputError
from phonotheque.model.numbers import IdKey, Kind, parse_public_id
from phonotheque.model.tables import STANDING

_BY_PUBLIC_ID = pa.schema([pa.field("key", pa.string()), pa.field("number", pa.int64())])


def matched_listens(
    engine: TableEngine,
    listens: Any,
    recordings: Any,
    *,
    row_numbers: Any,
    redirects: Any,
    id_key: IdKey | None,
) -> Any:
    """`listens` with `number` of the recording, null where nothing matches. Kept.

    A code or MBID that several recordings carry counts for the one with the smallest number.
    `row_numbers` has `row_key`, `number`; `redirects` has `old`, `new` of recordings.
    """
    wanted = engine.keep(listens)
    ways = [
        _by_isrc(recordings),
        _tagged("mbid", recordings.group_by(key=recordings.recording_mbid).agg(
            number=recordings.number.min())),
        _tagged("source", row_numbers.select(key=row_numbers.row_key.substr(len("source:")),
                                             number="number")),
        _tagged("public_id", _by_public_id(engine, wanted, recordings, redirects, id_key)),
    ]  # fmt: skip
    known = ibis.union(*[way.select("key_kind", "key", "number") for way in ways], distinct=False)
    return engine.keep(wanted.left_join(known, ["key_kind", "key"]).select(
        "source", "key_kind", "key", "listens", "listeners", "number"))  # fmt: skip


def standing(
    engine: TableEngine, recordings: Any, matched: Any, cuts_percent: Sequence[float]
) -> Any:
    """`tables.STANDING` of all recordings."""
    counted = matched.filter(matched.number.notnull()).group_by("number").agg(
        listens=matched.listens.sum(), listeners=matched.listeners.sum()
    )  # fmt: skip
    joined = recordings.select("number").left_join(counted, "number")
    every = joined.select("number", "listeners", listens=joined.listens.fill_null(0).cast("int64"))
    ranked = engine.number(every, ["-listens", "number"], name="rank", running="listens")
    ((total,),) = engine.rows(ranked.agg(total=ranked.listens.sum()))
    tier = tier_of(ranked.listens, ranked.listens_before, int(total or 0), cuts_percent)
    return ranked.mutate(tier=tier).select(STANDING.names)


def tier_of(listens: Any, before: Any, total: int, cuts_percent: Sequence[float]) -> Any:
    """The first tier whose cut lies above the share of listens that come before."""
    last = len(cuts_percent)
    share = before.cast("float64") * 100.0
    branches = [
        (share < float(cut) * total, ibis.literal(i, "int8"))
        for i, cut in enumerate(cuts_percent, 1)
    ]
    in_order = ibis.cases(*branches, else_=ibis.literal(last, "int8"))
    return ibis.ifelse(listens > 0, in_order, ibis.literal(last, "int8"))


def _tagged(kind: str, table: Any) -> Any:
    return table.mutate(key_kind=ibis.literal(kind))


def _by_isrc(recordings: Any) -> Any:
    each = recordings.select("number", key=recordings.isrcs.unnest())
    return _tagged("isrc", each.group_by("key").agg(number=each.number.min()))


def _by_public_id(
    engine: TableEngine, listens: Any, recordings: Any, redirects: Any, id_key: IdKey | None
) -> Any:
    asked = listens.filter(listens.key_kind == "public_id").select("key").distinct()

    def parsed() -> Iterator[pa.RecordBatch]:
        for batch in engine.stream(asked, ["key"]):
            keys = batch.column(0).to_pylist()
            yield pa.RecordBatch.from_pydict(
                {"key": keys, "number": [_parse(key, id_key) for key in keys]},
                schema=_BY_PUBLIC_ID,
            )

    read = engine.keep_batches(_BY_PUBLIC_ID, parsed())
    moved = read.left_join(redirects, read.number == redirects.old)
    moved = engine.keep(moved.select("key", number=ibis.coalesce(moved.new, moved.number)))
    return moved.semi_join(recordings, "number")


def _parse(text: str, id_key: IdKey | None) -> int | None:
    if id_key is None:
        return None
    try:
        kind, number = parse_public_id(text, id_key)
    except InputError:
        return None
    return number if kind is Kind.RECORDING else None
