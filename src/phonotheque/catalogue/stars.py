"""The level of sounds: units whose files are the same sound become one, in stars.

```
units ─► single rows go where their sound and codes are ─► stars of units ─► members, conflicts
```
A unit joins the one that outranks its neighbours, never a neighbour's neighbour: so a chain of
files of which each sounds a little different from the last does not run away. Units with different
ids or codes are not joined; they are told of.
"""

from dataclasses import dataclass, replace
from typing import Any

import ibis
import pyarrow as pa

from phonotheque.catalogue.identity import first_in
from phonotheque.catalogue.inputs import Rows, closed, united
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.sounds import Sounds
from phonotheque.catalogue.units import LEVELS, Units
from phonotheque.model.edition import Met
from phonotheque.model.progress import Progress

ROUNDS = 4
"""So often stars are sought in what is left; what then is left stays as it is."""

_SOUND = LEVELS.index(Met.SOUND)
_MOVES = pa.schema([pa.field("old", pa.int64()), pa.field("home", pa.int64())])


@dataclass(frozen=True, slots=True)
class _Heard:
    """Kept tables. `rows`: row, bucket, sha256, coded (it has a code or id itself), unit: the rows
    whose files are the same sound as others. `ids`: unit, mbid; `codes`: unit, code, of the units
    of these rows, of all their rows."""

    rows: Any
    ids: Any
    codes: Any

    def moved(self, engine: TableEngine, homes: Any) -> "_Heard":
        """The same after units (`old`) became others (`home`)."""
        tables = [
            engine.keep(_renamed(table, homes).distinct())
            for table in (self.rows, self.ids, self.codes)
        ]
        return _Heard(*tables)


def join_by_sound(
    engine: TableEngine, rows: Rows, units: Units, sounds: Sounds | None, progress: Progress
) -> tuple[Units, Any]:
    """The units of `rows` with those joined that sound the same, and what codes forbade: kept,
    `sha256`, `other`, `key`, `other_key` (id or code), a line for each two units; or None.

    Memory: what one part needs. Only rows with files that are the same sound as others travel.
    """
    if sounds is None or not rows.has("file_sha256"):
        return units, None
    progress.start("meet by sound", None, "rows")
    heard = _heard(engine, rows, units, sounds)
    ((some,),) = engine.rows(heard.rows.agg(some=heard.rows.count()))
    if not some:
        return units, None
    edges = _edges(engine, heard, sounds)
    moves = _single_moves(engine, heard, sounds, edges)
    ((some,),) = engine.rows(moves.agg(some=moves.count()))
    if some:
        left = heard.rows.left_join(moves, "row", rname="{name}_m")
        there = left.mutate(unit=ibis.coalesce(left.home, left.unit))
        heard = replace(heard, rows=engine.keep(there.select(heard.rows.columns)))
        edges = _edges(engine, heard, sounds)
    homes = _stars(engine, heard, edges.filter(~edges.conflict))
    members = _moved(engine, rows, units.members, heard, moves=moves, homes=homes)
    engine.drop(*{t.get_name(): t for t in units.members}.values())
    after = heard.moved(engine, homes)
    return replace(units, members=members), _refused(engine, after, sounds)


def _renamed(table: Any, homes: Any) -> Any:
    met = table.left_join(homes, table.unit == homes.old)
    return met.mutate(unit=ibis.coalesce(met.home, met.unit)).select(table.columns)


def _heard(engine: TableEngine, rows: Rows, units: Units, sounds: Sounds) -> _Heard:
    found = []
    for number, members in enumerate(units.members):
        table = rows.select("file_sha256", "isrcs", "recording_mbid", part=number)
        table = table.semi_join(sounds.files, table.file_sha256 == sounds.files.sha256).view()
        table = table.left_join(members.select("row", "unit"), "row")
        coded = table.recording_mbid.notnull() | (table.isrcs.length() > 0)
        found.append(
            engine.keep(
                table.select(
                    "row", "bucket",
                    sha256="file_sha256",
                    coded=coded,
                    unit=ibis.coalesce(table.unit, table.row),
                )
            )
        )  # fmt: skip
    heard = engine.keep(united(found))
    wanted = engine.keep(heard.select("unit").distinct())
    said = [
        _said(engine, rows, members, wanted, part) for part, members in enumerate(units.members)
    ]
    every = engine.keep(united(said))
    ids = every.filter(every.recording_mbid.notnull())
    codes = every.filter(every.isrcs.length() > 0).select("unit", code=every.isrcs.unnest())
    return _Heard(
        heard,
        engine.keep(ids.select("unit", mbid="recording_mbid").distinct()),
        engine.keep(closed(codes).distinct()),
    )


def _said(engine: TableEngine, rows: Rows, members: Any, wanted: Any, part: int) -> Any:
    """Kept: unit, recording_mbid, isrcs of the rows of one part that have any and are of `wanted`
    units."""
    table = rows.select("isrcs", "recording_mbid", part=part)
    table = table.filter(table.recording_mbid.notnull() | (table.isrcs.length() > 0))
    table = table.left_join(members.select("row", "unit"), "row")
    table = table.select("isrcs", "recording_mbid", unit=ibis.coalesce(table.unit, table.row))
    return engine.keep(closed(table).semi_join(wanted, "unit"))


def _edges(engine: TableEngine, heard: _Heard, sounds: Sounds) -> Any:
    """Kept: unit, far, files (pairs of files that are the same sound), sha256, other (the first of
    them), key, far_key, conflict (their ids or codes forbid to join them); both ways round."""
    of = heard.rows.select("sha256", "unit").distinct()
    far = of.select(other="sha256", far="unit")
    met = sounds.pairs.inner_join(of, "sha256").inner_join(far, "other")
    met = engine.keep(met.filter(met.unit != met.far).select("unit", "far", "sha256", "other"))
    counted = met.group_by("unit", "far").agg(files=met.count())
    order = [ibis.asc("sha256"), ibis.asc("other")]
    edges = counted.inner_join(first_in(met, ["unit", "far"], order), ["unit", "far"])
    edges = engine.keep(edges.select("unit", "far", "files", "sha256", "other"))
    keys = _keys(heard)
    shared = edges.inner_join(heard.codes, "unit").inner_join(
        heard.codes.select(far="unit", code="code"), ["far", "code"]
    )
    shared = engine.keep(shared.select("unit", "far", shared=ibis.literal(True)).distinct())
    told = (
        edges.left_join(keys, "unit", rname="{name}_k")
        .left_join(
            keys.select(far="unit", far_mbid="mbid", far_code="code"), "far", rname="{name}_f"
        )
        .left_join(shared, ["unit", "far"], rname="{name}_s")
    )
    ids = (told.mbid != told.far_mbid).fill_null(False)
    codes = told.code.notnull() & told.far_code.notnull() & told.shared.isnull()
    return engine.keep(
        told.select(
            "unit", "far", "files", "sha256", "other",
            key=ibis.ifelse(ids, told.mbid, told.code),
            far_key=ibis.ifelse(ids, told.far_mbid, told.far_code),
            conflict=ids | codes,
        )
    )  # fmt: skip


def _keys(heard: _Heard) -> Any:
    """unit, mbid, code of the units of rows heard: the smallest of each, or null."""
    ids = heard.ids.group_by("unit").agg(mbid=heard.ids.mbid.min())
    codes = heard.codes.group_by("unit").agg(code=heard.codes.code.min())
    table = heard.rows.select("unit").distinct()
    table = table.left_join(ids, "unit", rname="{name}_i").left_join(
        codes, "unit", rname="{name}_c"
    )
    return closed(table.select("unit", "mbid", "code"))


def _single_moves(engine: TableEngine, heard: _Heard, sounds: Sounds, edges: Any) -> Any:
    """Kept: `row`, `home` of rows without code or id that text gave to a unit with other codes than
    those of the row they sound like; unless they sound like a row of their own unit, too."""
    rows = heard.rows
    free = rows.filter(~rows.coded).select("row", "unit", "sha256")
    near = free.inner_join(sounds.pairs, "sha256")
    others = rows.select(other="sha256", far="unit", far_row="row", far_coded="coded")
    met = engine.keep(near.inner_join(others, "other").filter(lambda t: t.row != t.far_row))
    at_home = met.filter(met.unit == met.far).select("row").distinct()
    forbidden = edges.filter(edges.conflict).select("unit", "far")
    away = met.filter(met.far_coded).semi_join(forbidden, ["unit", "far"]).anti_join(at_home, "row")
    votes = away.group_by("row", "far").agg(files=away.other.nunique(), least=away.far_row.min())
    keys = _keys(heard).select(far="unit", mbid="mbid", code="code")
    ranked = engine.keep(votes).inner_join(keys, "far")
    order = [
        ibis.desc("files"),
        *[ibis.asc(name, nulls_first=False) for name in ("mbid", "code", "least")],
    ]
    return engine.keep(first_in(ranked, ["row"], order).select("row", home="far"))


def _stars(engine: TableEngine, heard: _Heard, edges: Any) -> Any:
    """Kept: `old`, `home` of the units that join another."""
    placed = _ranked(engine, heard, edges)
    one = placed.select("unit", "rank", "coded", "open")
    far = placed.select(far="unit", far_rank="rank", far_open="open")
    free = engine.keep(edges.select("unit", "far").inner_join(one, "unit").inner_join(far, "far"))
    found = []
    for _ in range(ROUNDS):
        ((some,),) = engine.rows(free.agg(some=free.count()))
        if not some:
            break
        best = free.group_by("unit", "rank").agg(best=free.far_rank.min())
        centres = engine.keep(best.filter(best["rank"] < best.best).select(far="unit"))
        offers = free.semi_join(centres, "far")
        chosen = engine.keep(first_in(offers, ["unit"], [ibis.asc("far_rank")]))
        taken = engine.keep(_one_with_codes(chosen))
        found.append(taken)
        gone = engine.keep(taken.select(unit="old").union(taken.select(unit="home"), distinct=True))
        free = free.anti_join(gone, "unit").anti_join(gone.select(far="unit"), "far")
        free = engine.keep(free)
    return engine.keep(united(found)) if found else engine.read([], _MOVES)


def _ranked(engine: TableEngine, heard: _Heard, edges: Any) -> Any:
    """Kept: unit, `rank` (from 1: those with an id and a code, with an id, with a code, then the
    others; then those that sound like most files), coded (it has a code), open (it has an id and
    no code)."""
    degrees = edges.group_by("unit").agg(files=edges.files.sum())
    rows = heard.rows
    least = rows.group_by("unit").agg(sha256=rows.sha256.min(), row=rows.row.min())
    met = degrees.inner_join(least, "unit").inner_join(_keys(heard), "unit")
    ranked = met.select(
        "unit", "files", "sha256", "row",
        kind=met.mbid.notnull().cast("int8") * 2 + met.code.notnull().cast("int8"),
        coded=met.code.notnull(),
        open=met.mbid.notnull() & met.code.isnull(),
    )  # fmt: skip
    return engine.number(ranked, ["-kind", "-files", "sha256", "row"], name="rank")


def _one_with_codes(chosen: Any) -> Any:
    """`old`, `home`: to a home without a code only the first unit that has one may come."""
    limited = chosen.far_open & chosen.coded
    first = first_in(chosen.filter(limited), ["far"], [ibis.asc("rank")])
    every = chosen.filter(~limited).select(old="unit", home="far")
    return every.union(first.select(old="unit", home="far"), distinct=False)


def _moved(
    engine: TableEngine, rows: Rows, members: list[Any], heard: _Heard, *, moves: Any, homes: Any
) -> list[Any]:
    """Members by parts of rows, after single rows and units moved."""
    ends = ibis.union(
        homes.select(unit="old"), homes.select(unit="home"), moves.select(unit="home"),
        distinct=True,
    )  # fmt: skip
    ends = engine.keep(ends)
    sound = ibis.literal(_SOUND, "int8")
    out = []
    for number, known in enumerate(members):
        alone = heard.rows.filter(rows.part_of(heard.rows.bucket) == number)
        alone = alone.filter(alone.unit == alone.row).select("row", "bucket", "unit").distinct()
        alone = alone.semi_join(ends, "unit").anti_join(known, "row").mutate(
            level=sound, conflict=ibis.literal(False), strong=ibis.literal(False)
        )  # fmt: skip
        every = closed(known.union(alone.select(known.columns), distinct=False))
        every = every.left_join(moves, "row", rname="{name}_m")
        every = every.mutate(
            unit=ibis.coalesce(every.home, every.unit),
            level=ibis.ifelse(every.home.notnull(), sound, every.level),
        ).select(known.columns)
        every = closed(every)
        every = every.left_join(homes, every.unit == homes.old)
        every = every.mutate(
            unit=ibis.coalesce(every.home, every.unit),
            level=ibis.ifelse(every.home.notnull(), sound, every.level),
        )
        out.append(engine.keep(every.select(known.columns)))
    return out


def _refused(engine: TableEngine, heard: _Heard, sounds: Sounds) -> Any:
    """Kept: sha256, other, key, other_key of units that sound the same and may not be one."""
    edges = _edges(engine, heard, sounds)
    edges = edges.filter(edges.conflict)  # the keys of two in conflict are never equal
    first = edges.filter(edges.key < edges.far_key)
    return engine.keep(first.select("sha256", "other", "key", other_key="far_key").distinct())
