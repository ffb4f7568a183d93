"""The level of texts: rows that share artist, title and version, and a duration."""

from typing import Any

import ibis

from phonotheque.catalogue import identity, links
from phonotheque.catalogue.inputs import Rows
from phonotheque.catalogue.ports import TableEngine

_FEW = 4
"""Text groups are narrowed to those of rows without codes where these are under one in four."""


def members(engine: TableEngine, rows: Rows, coded: list[Any]) -> list[Any]:
    """Rows that can meet by text, with the unit that ids and codes gave them and the `part` of
    their text; by parts of `rows`, as `coded` is: those units' members."""
    free = rows.select("text_match", "isrcs")
    free = free.filter(free.isrcs.length() == 0)
    ((without,),) = engine.rows(free.agg(rows=free.count()))
    keys = None
    if without * _FEW < rows.total:
        keys = engine.keep(free.filter(free.text_match.notnull()).select("text_match").distinct())
    parts = []
    for number, known in enumerate(coded):
        table = rows.select(
            "text_match", "isrcs", "recording_mbid", "duration_ms", "release_match", "release_norm",
            "wording", "disc", "position", "source", part=number,
        )  # fmt: skip
        table = table.filter(table.text_match.notnull())
        if keys is not None:
            table = table.semi_join(keys, "text_match")
        table = table.left_join(known.select("row", "unit", "strong"), "row")
        first = ibis.ifelse(table.isrcs.length() > 0, table.isrcs[0], None)
        parts.append(
            table.select(
                "row", "bucket", "text_match", "release_match", "release_norm", "wording", "disc",
                "position", "source",
                ms="duration_ms",
                unit=ibis.coalesce(table.unit, table.row),
                strong=table.strong.fill_null(False) | table.recording_mbid.notnull(),
                isrc=first,
                code=ibis.coalesce(table.recording_mbid, first),
            )
        )  # fmt: skip
    return [p.mutate(part=(p.text_match & (rows.parts - 1)).cast("int32")) for p in parts]


def groups(engine: TableEngine, part: Any) -> tuple[Any, Any, Any]:
    """Members by text, links between coded units, and joins that codes forbid. All kept."""
    met = identity.anchored(engine, part, ["text_match"], cautious=True)
    met = engine.keep(_known_or_of_one_album(met.filter(met.anchor != identity.ALONE)))
    group = ["text_match", "anchor", "album"]
    met = engine.keep(_once_a_release(met, group))
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


def _known_or_of_one_album(met: Any) -> Any:
    """With `album`: rows of unknown duration meet only under one release title, for two concerts
    have the same pieces. They meet each other under it where nothing of the text is known, else
    the rows of known duration, where one of these has it."""
    spans = met.group_by("text_match").agg(known=met.ms.count())
    met = met.inner_join(spans, "text_match").view()
    timed = met.filter(met.ms.notnull()).mutate(album=ibis.literal(""))
    albums = timed.filter(timed.release_norm != "")
    albums = albums.select("text_match", "anchor", "release_norm").distinct()
    untimed = met.filter(met.ms.isnull(), met.release_norm != "")
    beside = untimed.filter(untimed.known > 0)
    beside = beside.semi_join(albums, ["text_match", "anchor", "release_norm"])
    beside = beside.mutate(album=ibis.literal(""))
    alone = untimed.filter(untimed.known == 0)
    alone = alone.mutate(album=alone.release_norm)
    every = [table.select(timed.columns) for table in (timed, beside, alone)]
    return ibis.union(*every, distinct=False)


def _once_a_release(met: Any, group: list[str]) -> Any:
    """Without the rows that stand on one release of one source with another of their group, less
    the first (with a code, by place) and those that are its very repetition: a release does not
    list one recording twice under different words or with another duration."""
    apart = met.filter(met.release_match.isnull() | met.code.notnull())
    placed = met.filter(met.release_match.notnull())
    order = [
        ibis.asc(placed.code.isnull()),
        *[
            ibis.asc(column, nulls_first=False)
            for column in ("disc", "position", "ms", "wording", "row")
        ],
    ]
    of_release = [*group, "source", "release_match"]
    first = identity.first_in(placed, of_release, order)
    first = first.select(*of_release, first="row", first_ms="ms", first_wording="wording")
    free = placed.filter(placed.code.isnull()).inner_join(first, of_release)
    again = (free.ms == free.first_ms) & (free.wording == free.first_wording)
    kept = free.filter((free.row == free.first) | again.fill_null(False))
    return apart.union(kept.select(apart.columns), distinct=False)
