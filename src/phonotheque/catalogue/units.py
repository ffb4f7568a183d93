"""Which unit each row belongs to: MusicBrainz ids, then codes, then text, each in parts.

```
rows ─► by MBID ─► mbid units ─► by ISRC ─► + rows that share a code ─► by text ─► + rows without
                                             (join the one MBID there)      a code, or alone
```
(stars.py then joins units by sound.)
A unit is named by the `row` of one of its rows. Level by level a row joins at most one unit, and
units that carry different MBIDs, or different codes, are never joined: so there is no chain of
joins that could run away, and nothing depends on the order of rows.
"""

from dataclasses import dataclass
from typing import Any

import ibis
import pyarrow as pa

from phonotheque.catalogue import identity, links, texts
from phonotheque.catalogue.inputs import Rows, united
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.scope import Scope
from phonotheque.model.edition import Met
from phonotheque.model.matching import BUCKETS
from phonotheque.model.progress import Progress, Silent

LEVELS = (Met.MBID, Met.ISRC, Met.TEXT, Met.LINK, Met.SOUND)
"""`level` 0 … 4 of a member, smaller counting first; links and sounds overrule."""

_MEMBERS = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("bucket", pa.int16()),
        pa.field("unit", pa.int64()),
        pa.field("level", pa.int8()),
        pa.field("conflict", pa.bool_()),
        pa.field("strong", pa.bool_()),
    ]
)

_CODES_IN_DOUBT = pa.schema([pa.field("code", pa.string()), pa.field("reason", pa.string())])

_NOT_A_ROW, _CODES = 1 << 60, 16
"""Units that no row can name, from here on: (row * 256 + part) * 16 + a count of the row's codes.
Row ids are below 2^48 (inputs.py), so that units stay below 2^61."""

_SILENT = Silent()


@dataclass(frozen=True, slots=True)
class Units:
    """Kept tables. `members`, one for each part of rows: row, bucket, unit, level, conflict; a row
    that does not stand there is a unit by itself without doubts. `codes`: code, reason (why its
    rows were kept apart). `refused`: code, units (joins by text that codes forbid)."""

    members: list[Any]
    codes: Any
    refused: Any

    def within(self, engine: TableEngine, scope: Scope) -> "Units":
        """What of this concerns the target of a scope whose context it was found in."""
        if scope.everything:
            return self
        rows = [scope.target.select(part=part) for part in range(scope.target.parts)]
        members = [
            engine.keep(table.semi_join(mine, "row"))
            for table, mine in zip(self.members, rows, strict=True)
        ]
        codes = self.codes.semi_join(scope.codes, "code")
        refused = self.refused.semi_join(scope.codes, "code")
        return Units(members, engine.keep(codes), engine.keep(refused))


def find_units(engine: TableEngine, rows: Rows, progress: Progress = _SILENT) -> Units:
    """Gather the rows. Memory: what one part needs."""
    by_mbid = _by_mbid(engine, rows, progress)
    by_isrc, codes = _by_isrc(engine, rows, by_mbid, progress)
    coded = [_merged(engine, [m, c]) for m, c in zip(by_mbid, by_isrc, strict=True)]
    engine.drop(*{t.get_name(): t for t in [*by_mbid, *by_isrc]}.values())
    by_text, moved, refused = _by_text(engine, rows, coded, progress)
    members = [_linked(engine, c, t, moved) for c, t in zip(coded, by_text, strict=True)]
    engine.drop(*coded, *by_text)
    return Units(members, codes, refused)


# ------------------------------------------------------------------------------ MusicBrainz ids


def _by_mbid(engine: TableEngine, rows: Rows, progress: Progress) -> list[Any]:
    progress.start("meet by MusicBrainz ids", rows.parts, "parts")
    if not rows.has("recording_mbid"):
        return [engine.read([], _MEMBERS)] * rows.parts
    table = rows.select("recording_mbid", "duration_ms")
    table = table.filter(table.recording_mbid.notnull())
    table = table.select("row", "bucket", mbid="recording_mbid", ms="duration_ms")
    pieces = [table.mutate(part=_part_of_mbid(table.mbid, rows.parts))]
    parts = engine.scatter(pieces, "part", rows.parts)
    out = []
    for part in parts:
        met = identity.anchored(engine, part, ["mbid"], cautious=False)
        groups = met.group_by("mbid", "anchor").agg(unit=met.row.min())
        split = met.group_by("mbid").agg(anchors=met.anchor.nunique())
        found = met.inner_join(groups, ["mbid", "anchor"]).inner_join(split, "mbid")
        alone = found.anchor == identity.ALONE
        out.append(
            engine.keep(
                found.select(
                    "row",
                    "bucket",
                    unit=ibis.ifelse(alone, found.row, found.unit),
                    level=ibis.literal(0, "int8"),
                    conflict=found.anchors > 1,
                    strong=ibis.literal(True),
                )
            )
        )
        engine.drop(part)
        progress.advance()
    return _regrouped(engine, rows, out)


def _part_of_mbid(mbid: Any, parts: int) -> Any:
    """A part for a MusicBrainz id, by its last two hex digits."""
    value = ibis.literal(0, "int64")
    for place in (34, 35):
        code = mbid.substr(place, 1).ascii_str().cast("int64")
        value = value * 16 + ibis.ifelse(code >= 97, code - 87, code - 48)
    return (value * parts // 256).cast("int32")


def _regrouped(engine: TableEngine, rows: Rows, tables: list[Any]) -> list[Any]:
    """Members by the parts of rows instead of those of keys."""
    pieces = [table.mutate(part=rows.part_of(table.bucket)) for table in tables]
    parts = engine.scatter(pieces, "part", rows.parts)
    engine.drop(*tables)
    return parts


# ---------------------------------------------------------------------------------------- codes


def _by_isrc(
    engine: TableEngine, rows: Rows, by_mbid: list[Any], progress: Progress
) -> tuple[list[Any], Any]:
    progress.start("meet by codes", rows.parts, "parts")
    if not rows.has("isrcs"):
        return [engine.read([], _MEMBERS)] * rows.parts, engine.read([], _CODES_IN_DOUBT)
    found, codes = [], []
    scattered = engine.scatter(_code_members(engine, rows, by_mbid), "part", rows.parts)
    for number, part in enumerate(scattered):
        made, doubts = _code_groups(engine, part, number)
        found.append(made)
        codes.append(doubts)
        engine.drop(part)
        progress.advance()
    every = united(codes)
    members = _regrouped(engine, rows, found)
    return [_one_each(engine, part) for part in members], engine.keep(every)


def _code_members(engine: TableEngine, rows: Rows, by_mbid: list[Any]) -> list[Any]:
    """Each row with each of its codes, the MBID unit it is of, and the `part` of the code; by
    parts of rows."""
    pieces = []
    for number, members in enumerate(by_mbid):
        table = rows.select("isrcs", "recording_mbid", "title_match", "duration_ms", part=number)
        table = table.filter(table.isrcs.length() > 0)
        table = table.left_join(members.select("row", "unit"), "row")
        piece = table.select(
            "row", "bucket", "title_match",
            ms="duration_ms", mbid="recording_mbid",
            own=ibis.coalesce(table.unit, table.row),
            several=table.isrcs.unique().length() > 1,
            isrc=table.isrcs.unique().unnest(),
        )  # fmt: skip
        digits = piece.isrc.substr(9, 3).cast("int64")
        pieces.append(piece.mutate(part=(digits * rows.parts // 1000).cast("int32")))
    return pieces


def _code_groups(engine: TableEngine, part: Any, number: int) -> tuple[Any, Any]:
    """Members by codes (with `strong`, `votes`, `several`, `isrc`), and the codes in doubt."""
    key = ["isrc", "title_match"]
    met = identity.anchored(engine, part, key, cautious=False)
    group = [*key, "anchor"]
    known = met.filter(met.mbid.notnull())
    votes = known.group_by(*group, "own").agg(votes=known.count(), mbid=known.mbid.min())
    best = identity.first_in(votes, group, [ibis.desc("votes"), ibis.asc("mbid"), ibis.asc("own")])
    best = best.select(*group, home="own")
    labels = _labels(met.filter(met.mbid.isnull()), group, number)
    sizes = met.group_by(group).agg(votes=met.count(), mbids=met.mbid.nunique())
    doubts = engine.keep(_doubtful_codes(part, met, sizes))
    found = (
        met.filter(met.anchor != identity.ALONE)
        .left_join(best, group, rname="{name}_b")
        .left_join(labels, group, rname="{name}_l")
        .inner_join(sizes.filter(sizes.votes > 1).select(*group, "votes"), group)
    )
    joined = found.filter(found.mbid.isnull() | (found.own == found.home)).select(
        "row", "bucket", "isrc", "several", "votes",
        unit=ibis.ifelse(found.mbid.notnull(), found.own, ibis.coalesce(found.home, found.label)),
        level=ibis.literal(1, "int8"),
        conflict=ibis.literal(False),
        strong=found.home.notnull(),
    )  # fmt: skip
    apart = part.semi_join(doubts, part.isrc == doubts.code).select(
        "row", "bucket", "isrc", "several",
        votes=ibis.literal(0, "int64"),
        unit="own",
        level=ibis.literal(1, "int8"),
        conflict=ibis.literal(True),
        strong=part.mbid.notnull(),
    )  # fmt: skip
    return engine.keep(joined.union(apart.select(joined.columns), distinct=False)), doubts


def _labels(free: Any, group: list[str], number: int) -> Any:
    """A name for each group that no other group has, whichever of its codes a row then goes by.

    A row that has no other code; where all have several, the smallest with a count of its groups.
    """
    named = free.group_by(group).agg(label=free.row.min(where=~free.several), least=free.row.min())
    sure = named.filter(named.label.notnull()).select(*group, "label")
    places = ibis.window(group_by="least", order_by=group)
    rest = named.filter(named.label.isnull()).mutate(count=ibis.row_number().over(places))
    own = (rest["least"] * BUCKETS + number) * _CODES + rest["count"] + _NOT_A_ROW
    return sure.union(rest.select(*group, label=own), distinct=False)


def _doubtful_codes(part: Any, met: Any, sizes: Any) -> Any:
    """Codes whose rows disagree: `code`, `reason`."""
    titles = part.group_by("isrc").agg(titles=part.title_match.nunique())
    titles = titles.filter(titles.titles > 1).select("isrc", reason=ibis.literal("titles"))
    spans = met.group_by("isrc", "title_match").agg(anchors=met.anchor.nunique())
    spans = spans.filter(spans.anchors > 1).select("isrc", reason=ibis.literal("durations"))
    ids = sizes.filter(sizes.mbids > 1).select("isrc", reason=ibis.literal("ids"))
    every = ibis.union(titles, spans, ids, distinct=False)
    return every.group_by(code=every.isrc).agg(reason=every.reason.min())


def _one_each(engine: TableEngine, members: Any) -> Any:
    """One unit for each row: with several codes the strong one, the largest, the first code."""
    flags = members.group_by("row").agg(doubt=members.conflict.any())
    sure = members.filter(~members.conflict)
    order = [ibis.desc("strong"), ibis.desc("votes"), ibis.asc("isrc")]
    many = identity.first_in(sure.filter(sure.several), ["row"], order)
    chosen = sure.filter(~sure.several).union(many, distinct=False).drop("conflict")
    alone = identity.first_in(
        members.filter(members.conflict).anti_join(chosen, "row"), ["row"], [ibis.asc("isrc")]
    )
    every = chosen.union(alone.drop("conflict").select(chosen.columns), distinct=False)
    every = every.inner_join(flags, "row")
    kept = engine.keep(
        every.select("row", "bucket", "unit", "level", conflict="doubt", strong="strong")
    )
    engine.drop(members)
    return kept


def _merged(engine: TableEngine, tables: list[Any]) -> Any:
    """Members of several levels, one line a row: they agree on the unit where they overlap."""
    every = ibis.union(*tables, distinct=False)
    return engine.keep(
        every.group_by("row", "bucket").agg(
            level=every.level.min(),
            unit=_unit_of_first(every),
            conflict=every.conflict.any(),
            strong=every.strong.any(),
        )
    )


def _unit_of_first(every: Any) -> Any:
    """The unit of the smallest level: where a row has an MBID, that unit."""
    ranked = every.level.cast("int64") * (1 << 61) + every.unit
    return ranked.min() % (1 << 61)


# ----------------------------------------------------------------------------------------- text


def _by_text(
    engine: TableEngine, rows: Rows, coded: list[Any], progress: Progress
) -> tuple[list[Any], Any, Any]:
    progress.start("meet by artist and title", rows.parts, "parts")
    found, pairs, refused = [], [], []
    for part in engine.scatter(texts.members(engine, rows, coded), "part", rows.parts):
        made, proposed, doubts = texts.groups(engine, part)
        found.append(made)
        pairs.append(proposed)
        refused.append(doubts)
        engine.drop(part)
        progress.advance()
    every = [united(tables) for tables in (pairs, refused)]
    proposed = links.without_codes(engine, rows, coded, engine.keep(every[0]))
    return _regrouped(engine, rows, found), links.resolved(engine, proposed), engine.keep(every[1])


def _linked(engine: TableEngine, coded: Any, by_text: Any, homes: Any) -> Any:
    """All members of one part, after links."""
    merged = _merged(engine, [coded, by_text])
    ((some,),) = engine.rows(homes.agg(some=homes.count()))
    if not some:
        return merged
    moved = merged.left_join(homes, merged.unit == homes.old)
    out = engine.keep(
        moved.select(
            "row", "bucket", "conflict", "strong",
            unit=ibis.coalesce(moved.home, moved.unit),
            level=ibis.ifelse(moved.home.notnull(), ibis.literal(3, "int8"), moved.level),
        )
    )  # fmt: skip
    engine.drop(merged)
    return out


def level_name(level: Any) -> Any:
    """`tracks.met` of a column of levels; null stays null."""
    branches = [(level == i, met.value) for i, met in enumerate(LEVELS)]
    return ibis.cases(*branches, else_=None)
