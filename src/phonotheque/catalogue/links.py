"""Links: text joins a unit with a MusicBrainz id and no code to one with a code and no id."""

from typing import Any

import ibis

from phonotheque.catalogue import identity
from phonotheque.catalogue.inputs import Rows, united
from phonotheque.catalogue.ports import TableEngine


def proposed(units: Any, group: list[str]) -> Any:
    """Links where a group has one unit with an MBID and no code, and one with a code and no MBID:
    `unit` (the coded one), `home`, `votes`, `code`."""
    ids = units.filter(units.strong, ~units.has_isrc)
    codes = units.filter(~units.strong)
    counts = units.group_by(group).agg(units=units.count())
    pairs = (
        codes.select(*group, "unit", "votes", "code")
        .inner_join(ids.select(*group, home="unit", id="code"), group)
        .inner_join(counts.filter(counts.units == 2), group)
    )
    return pairs.select(*group, "unit", "home", "votes", "code", "id")


def resolved(engine: TableEngine, proposed: Any) -> Any:
    """At most one home for a unit, and one unit for a home: those with most votes."""
    counted = proposed.group_by("unit", "home").agg(
        votes=proposed.votes.sum(), code=proposed.code.min(), id=proposed.id.min()
    )
    order = [ibis.desc("votes"), ibis.asc("id"), ibis.asc("code")]
    once = identity.first_in(counted, ["unit"], order)
    once = identity.first_in(once, ["home"], order)
    return engine.keep(once.select(old="unit", home="home"))


def without_codes(engine: TableEngine, rows: Rows, coded: list[Any], proposed: Any) -> Any:
    """Links whose home has no code in any of its rows, under whatever text."""
    ((some,),) = engine.rows(proposed.agg(some=proposed.count()))
    if not some:
        return proposed
    homes = engine.keep(proposed.select(unit="home").distinct())
    found = []
    for number, members in enumerate(coded):
        table = rows.select("isrcs", part=number)
        table = table.filter(table.isrcs.length() > 0)
        mine = members.semi_join(homes, "unit").select("row", "unit")
        found.append(engine.keep(mine.semi_join(table, "row").select(home="unit")))
    every = united(found)
    return engine.keep(proposed.anti_join(every, "home"))
