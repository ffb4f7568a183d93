"""What a recording says: of a row that is alone, what the row says; of several, what most say.

Of the rows of a unit one stands for it, its *head*: the wording (title and artist credit) that
most rows give, and of those rows the earliest. Title, credit, duration and place in the order are
the head's, so no text has to travel: only digests and numbers are gathered by unit.
"""

from dataclasses import dataclass
from typing import Any

import ibis

from phonotheque.catalogue import evidence
from phonotheque.catalogue.identity import first_in
from phonotheque.catalogue.inputs import Rows
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.units import Units

ORDER = [
    "bucket", "artist_norm", "release_year", "release_norm", "disc", "position", "source",
    "source_key",
]  # fmt: skip
"""The order new numbers are given in (nulls last): neighbours in it are alike, so they compress."""

_HEAD = ["title", "artist_credit", "artist_norm", "release_norm", "release_year", "disc",
         "position", "wording", "source", "source_key"]  # fmt: skip
_SAID = ["isrcs", "recording_mbid", "duration_ms", "year", "release_year", "collection",
         "evidence", "release_group", "release_match"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Described:
    """Kept tables of rows that are not alone. `shared`, by part of unit: each row with what is
    gathered; `heads`, by part of rows: `row` of each head, with what its unit comes to."""

    shared: list[Any]
    heads: list[Any]


def describe_units(engine: TableEngine, rows: Rows, units: Units, groups: Any) -> Described:
    """Gather what the rows of each unit say. `groups` are release groups with years, or None."""
    parts = [
        _said(rows, groups, part).inner_join(members, "row", rname="{name}_m")
        for part, members in enumerate(units.members)
    ]
    pieces = [
        p.select(
            "row", "bucket", "unit", "level", "conflict", "wording", "isrcs", "mbid", "ms",
            "earliest", "collection", "claims", "release_match", "disc", "position",
            "source", "source_key", part=part_of_unit(p.unit, rows.parts),
        )
        for p in parts
    ]  # fmt: skip
    shared = engine.scatter(pieces, "part", rows.parts)
    found = [_gathered(engine, part) for part in shared]
    heads = [head.mutate(part=rows.part_of(head.bucket)) for head in found]
    placed = engine.scatter(heads, "part", rows.parts)
    engine.drop(*found)
    return Described(shared, placed)


def heads_of(rows: Rows, units: Units, described: Described, groups: Any, part: int) -> Any:
    """One row for each recording of one part, with the columns of `_HEAD`, `unit`, and `isrcs`,
    `mbid`, `ms`, `earliest`, `collections`, `claims`, `conflict`, `alone` (no other row is)."""
    alone = _said(rows, groups, part).anti_join(units.members[part], "row")
    gathered = ["isrcs", "mbid", "ms", "earliest", "collections", "claims", "conflict"]
    columns = [*_HEAD, "artists", "row", "bucket", "unit", "alone", *gathered]
    alone = alone.mutate(
        unit=alone.row,
        isrcs=alone.isrcs.unique().sort(),
        collections=ibis.ifelse(
            alone.collection.notnull(), ibis.array([alone.collection]), no_strings()
        ),
        conflict=ibis.literal(False),
        alone=ibis.literal(True),
    )
    head = rows.select(*_HEAD, "artists", part=part)
    shared = head.inner_join(described.heads[part].drop("bucket"), "row")
    return alone.select(columns).union(shared.select(columns), distinct=False)


def part_of_unit(unit: Any, parts: int) -> Any:
    """Column expression: the part of a unit, or of any row id."""
    return (unit & (parts - 1)).cast("int32")


def no_strings() -> Any:
    """An empty list of strings."""
    return ibis.literal([], "array<string>")


def _said(rows: Rows, groups: Any, part: int) -> Any:
    """Rows of one part with what they say of their recording."""
    table = rows.select(*_SAID, *_HEAD, "artists", part=part)
    earliest = ibis.least(table.year, table.release_year)
    if groups is not None and rows.has("release_group"):
        table = table.left_join(groups, table.release_group == groups.group_key)
        earliest = ibis.least(table.year, table.release_year, table.group_year)
    claims = ibis.null("array<string>")
    if rows.has("evidence"):
        some = table.evidence.length() > 0
        claims = ibis.ifelse(some, evidence.claims(table.evidence), None)
    return table.select(
        "row", "bucket", *_HEAD, "artists", "isrcs", "collection", "release_match",
        mbid="recording_mbid", ms="duration_ms", earliest=earliest, claims=claims,
    )  # fmt: skip


def _gathered(engine: TableEngine, shared: Any) -> Any:
    """One line for each unit of a part: the head's `row` and `bucket`, and what is gathered."""
    counted = shared.group_by("unit", "wording").agg(attested=shared.count())
    ties = ["earliest", "release_match", "disc", "position", "ms"]
    ranked = shared.select("unit", "wording", "row", "bucket", "source", "source_key", *ties)
    ranked = ranked.inner_join(counted, ["unit", "wording"])
    order = [ibis.desc("attested"), ibis.asc("wording")]
    order += [ibis.asc(column, nulls_first=False) for column in [*ties, "source", "source_key"]]
    head = first_in(ranked, ["unit"], order).select("unit", "row", "bucket", head_ms="ms")
    summed = shared.group_by("unit").agg(
        isrcs=shared.isrcs.collect().flatten().unique().sort(),
        mbid=shared.mbid.min(),
        least_ms=shared.ms.min(),
        earliest=shared.earliest.min(),
        collections=shared.collection.collect().unique().sort(),
        claims=shared.claims.collect().flatten().unique().sort(),
        conflict=shared.conflict.any(),
        alone=shared.count() == 1,
    )
    joined = head.inner_join(summed, "unit")
    return engine.keep(
        joined.select(
            "unit", "row", "bucket", "mbid", "earliest", "claims", "conflict", "alone",
            isrcs=joined.isrcs.fill_null(no_strings()),
            collections=joined.collections.fill_null(no_strings()),
            ms=ibis.coalesce(joined.head_ms, joined.least_ms),
        )
    )  # fmt: skip
