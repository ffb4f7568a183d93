"""Which rows are the same recording (docs/formats/catalogue.md, "Identity"): one key at a time.

Within one value of a key, rows gather round the best-attested duration; nothing is chained from
neighbour to neighbour, and nothing depends on the order of rows. What these expressions take and
give are Ibis tables; `units` runs them part by part.
"""

from typing import Any

import ibis

from phonotheque.catalogue.ports import TableEngine

TOLERANCE_MS = 3_000
TOLERANCE_SHARE = 50
"""One in fifty: 2 %."""

ROUNDS = 4
"""So many durations are tried within one value of a key; what is left then stays alone."""

LEAST_SHARE = 5
"""One in five: of a text with several durations, so many rows must gather round one for it to
tell anything. Of a piece that was played at a thousand concerts, some agree by chance."""

ALONE = -1
"""`anchor` of a row that gathers round nothing."""


def anchored(engine: TableEngine, members: Any, key: list[str], *, cautious: bool) -> Any:
    """Members of values of `key` that several rows have, with the column `anchor`.

    `members` has `key`, `row`, `ms` (null where unknown). Anchor 0 is the best-attested duration:
    the one with most rows within 3 s, the smallest of equals; the rows within max(3 s, 2 %) of it
    are taken out, and the next is found. Rows of unknown duration go to anchor 0. Kept.

    With `cautious`, for keys that prove little by themselves, rows of unknown duration go there
    only where it is the only anchor, and an anchor needs its share (`LEAST_SHARE`) of the rows.
    """
    counted = members.group_by(key).agg(
        low=members.ms.min(), high=members.ms.max(), members=members.count()
    )
    counted = counted.filter(counted.members > 1)
    narrow = _within(counted.high, counted.low) | counted.low.isnull()
    counted = counted.mutate(narrow=narrow).select(*key, "narrow")
    met = members.inner_join(counted, key)
    met = engine.keep(met.mutate(ms=met.ms.cast("int64")))
    easy = met.filter(met.narrow).drop("narrow").mutate(anchor=ibis.literal(0, "int8"))
    ((wide,),) = engine.rows(met.agg(wide=(~met.narrow).sum()))
    if not wide:
        return easy
    hard = _apart(engine, engine.keep(met.filter(~met.narrow).drop("narrow")), key, cautious)
    return engine.keep(easy.union(hard.select(easy.columns), distinct=False))


def lasts_as_long(one: int, other: int) -> bool:
    """Whether two durations, in milliseconds, lie within max(3 s, 2 % of the shorter)."""
    allowed = max(TOLERANCE_MS * TOLERANCE_SHARE, min(one, other))
    return abs(one - other) * TOLERANCE_SHARE <= allowed


def _within(duration: Any, anchor: Any) -> Any:
    """Whether a duration lies within max(3 s, 2 %) of an anchor; both in whole milliseconds."""
    far = (duration.cast("int64") - anchor.cast("int64")).abs() * TOLERANCE_SHARE
    allowed = ibis.greatest(
        ibis.literal(TOLERANCE_MS * TOLERANCE_SHARE, "int64"), anchor.cast("int64")
    )
    return far <= allowed


def _apart(engine: TableEngine, members: Any, key: list[str], cautious: bool) -> Any:
    """`members` of values whose durations disagree, with `anchor`."""
    pending = others = members.filter(members.ms.notnull())
    done = []
    for anchor in range(ROUNDS):
        near = ibis.window(group_by=key, order_by="ms", range=(-TOLERANCE_MS, TOLERANCE_MS))
        attested = pending.mutate(near=pending.row.count().over(near))
        first = ibis.window(group_by=key, order_by=[ibis.desc("near"), ibis.asc("ms")])
        best = attested.mutate(place=ibis.row_number().over(first))
        best = best.filter(best.place == 0).select(*key, best_ms="ms")
        tried = pending.inner_join(best, key)
        tried = engine.keep(tried.mutate(hit=_within(tried.ms, tried.best_ms)).drop("best_ms"))
        hits = tried.filter(tried.hit).drop("hit")
        done.append(hits.mutate(anchor=ibis.literal(anchor, "int8")))
        pending = tried.filter(~tried.hit).drop("hit")
        others = pending if anchor == 0 else others
    done.append(pending.mutate(anchor=ibis.literal(ALONE, "int8")))
    unknown = members.filter(members.ms.isnull())
    if cautious:
        done = [_trusted(engine.keep(ibis.union(*done, distinct=False)), key)]
        several = others.select(*key).distinct().mutate(several=ibis.literal(True))
        met = unknown.left_join(several, key, rname="{name}_s")
        left = ibis.ifelse(met.several.notnull(), ALONE, 0).cast("int8")
        done.append(met.mutate(anchor=left).select(*members.columns, "anchor"))
    else:
        done.append(unknown.mutate(anchor=ibis.literal(0, "int8")))
    return engine.keep(ibis.union(*done, distinct=False))


def _trusted(rows: Any, key: list[str]) -> Any:
    """The rows, those alone whose anchor has too small a share of its value's rows."""
    counted = rows.group_by(*key, "anchor").agg(mine=rows.count())
    totals = rows.group_by(key).agg(every=rows.count())
    shares = counted.inner_join(totals, key)
    shares = shares.mutate(enough=shares.mine * LEAST_SHARE >= shares.every)
    met = rows.inner_join(shares.select(*key, "anchor", "enough"), [*key, "anchor"])
    anchor = ibis.ifelse(met.enough, met.anchor, ALONE).cast("int8")
    return met.mutate(anchor=anchor).select(rows.columns)


def first_in(rows: Any, group: list[str], order: list[Any]) -> Any:
    """For each value of `group` its first row in `order` (a total order)."""
    window = ibis.window(group_by=group, order_by=order)
    placed = rows.mutate(place=ibis.row_number().over(window))
    return placed.filter(placed.place == 0).drop("place")
