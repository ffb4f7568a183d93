"""The level of texts: rows that share artist, title and version, and a duration."""

from typing import Any

import ibis

from phonotheque.catalogue import identity, links
from phonotheque.catalogue.inputs import Rows
from phonotheque.catalogue.ports import TableEngine

_FEW = 4
"""Text groups are narrowed to those of rows without codes where these are under one in four."""


def members(engine: TableEngine, rows: Rows, coded: list[Any]) -> Any:
    """Rows that can meet by text, with the unit that ids and codes gave them and the `part` of
    their text. `coded`: those units' members, one table for each part of `rows`."""
    free = rows.select("text_match", "isrcs")
    free = free.filter(free.isrcs.length() == 0)
    ((without,),) = engine.rows(free.agg(rows=free.count()))
    keys = None
    if without * _FEW < rows.total:
        keys = engine.keep(free.filter(free.text_match.notnull()).select("text_match").distinct())
    parts = []
    for number, known in enumerate(coded):
        table = rows.select(
            "text_match", "isrcs", "recording_mbid", "duration_ms", "release_match", "disc",
            "position", "source", part=number,
        )  # fmt: skip
        table = table.filter(table.text_match.notnull())
        if keys is not None:
            table = table.semi_join(keys, "text_match")
        table = table.left_join(known.select("row", "unit", "strong"), "row")
        first = ibis.ifelse(table.isrcs.length() > 0, table.isrcs[0], None)
        parts.append(
            table.select(
                "row", "bucket", "text_match", "release_match", "disc", "position", "source",
                ms="duration_ms",
                unit=ibis.coalesce(table.unit, table.row),
                strong=table.strong.fill_null(False) | table.recording_mbid.notnull(),
                isrc=first,
                code=ibis.coalesce(table.recording_mbid, first),
            )
        )  # fmt: skip
    every = parts[0] if len(parts) == 1 else ibis.union(*parts, distinct=False)
    return every.mutate(part=(every.text_match & (rows.parts - 1)).cast("int32"))


def groups(engine: TableEngine, part: Any) -> tuple[Any, Any, Any]:
    """Members by text, links between coded units, and joins that codes forbid. All kept."""
    met = identity.anchored(engine, part, ["text_match"], cautious=True)
    group = ["text_match", "anchor"]
    met = engine.keep(_once_a_release(met.filter(met.anchor != identity.ALONE), group))
    known = met.filter(met.code.notnull())
    units = engine.keep(
        known.group_by(*group, "unit").agg(
            votes=known.count(),
            code=known.code.min(),
            strong=known.strong.any(),
            has_isrc=known.isrc.notnull().any(),
            least=known.ms.min(),
        )
    )
    order = [ibis.desc("votes"), ibis.asc("code"), ibis.asc("least"), ibis.asc("unit")]
    best = identity.first_in(units, group, order).select(*group, home="unit")
    free = met.filter(met.code.isnull())
    labels = free.group_by(group).agg(label=free.row.min(), without=free.count())
    labels = engine.keep(labels)
    proposed = engine.keep(links.proposed(units, group))
    pairs = proposed.select(*group, linked=ibis.literal(True)).distinct()
    found = (
        met.left_join(best, group, rname="{name}_b")
        .left_join(labels, group, rname="{name}_l")
        .left_join(pairs, group, rname="{name}_p")
    )
    joined = found.label.notnull() & ((found.without > 1) | found.home.notnull())
    made = found.filter(
        (joined & (found.code.isnull() | (found.unit == found.home)))
        | (found.linked.notnull() & found.code.notnull())
    ).select(
        "row", "bucket", "strong",
        unit=ibis.ifelse(
            found.code.notnull(), found.unit, ibis.coalesce(found.home, found.label)
        ),
        level=ibis.literal(2, "int8"),
        conflict=ibis.literal(False),
    )  # fmt: skip
    counted = units.group_by(group).agg(units=units.count(), code=units.code.min())
    doubts = counted.filter(counted.units > 1).semi_join(labels, group)
    return (
        engine.keep(made),
        proposed,
        engine.keep(doubts.select("code", "units")),
    )


def _once_a_release(met: Any, group: list[str]) -> Any:
    """Without the rows that stand on one release of one source with another of their group, less
    the first (with a code, by place): a release does not list one recording twice for nothing."""
    alone = met.filter(met.release_match.isnull() | met.code.notnull())
    placed = met.filter(met.release_match.notnull())
    order = [
        ibis.asc(placed.code.isnull()),
        *[ibis.asc(column, nulls_first=False) for column in ("disc", "position", "ms", "row")],
    ]
    window = ibis.window(group_by=[*group, "source", "release_match"], order_by=order)
    first = placed.mutate(place=ibis.row_number().over(window))
    first = first.filter(first.place == 0, first.code.isnull()).drop("place")
    return alone.union(first.select(alone.columns), distinct=False)
