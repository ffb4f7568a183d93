"""Who gets which number when there was a build before (docs/formats/registry.md).

Numbers are given once and never again. Everything here works within a *scope*: the numbers whose
rows are made anew. What lies outside keeps its rows, its numbers and its redirects.
"""

from dataclasses import dataclass
from typing import Any

import ibis

from phonotheque.catalogue.identity import first_in
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.previous import GONE, Previous
from phonotheque.model import tables
from phonotheque.model.numbers import Kind


@dataclass(frozen=True, slots=True)
class Numbering:
    """Kept tables of one kind: `numbers` (id, number) of what was made anew, `merges` (old, new),
    `claims` (id, number): numbers that what makes up an id had before."""

    numbers: Any
    merges: Any
    claims: Any


def assign(
    engine: TableEngine,
    previous: Previous,
    kind: Kind,
    *,
    wanted: Any,
    known: Any,
    order: list[str],
) -> Numbering:
    """Number the ids of `wanted` (`id`, and the columns of `order`, a total order).

    `known` (id, number) keep theirs; the others are numbered on, in order.
    """
    known = engine.keep(known.select("id", "number"))
    numbers = _with_new(engine, previous, kind, wanted=wanted, known=known, order=order)
    return Numbering(numbers, _no_merges(engine), known)


def assign_claimed(
    engine: TableEngine,
    previous: Previous,
    kind: Kind,
    *,
    wanted: Any,
    claims: Any,
    order: list[str],
) -> Numbering:
    """As `assign`, for ids whose members may have had numbers of their own.

    `claims` has `id`, `number`, `members` (how many of the id's members the registry has under
    that number), one line each. A number goes to the claimant with most members, of equals to
    the first in `order`. An id takes the smallest number it won; the others it won become
    redirects to that.
    """
    claims = engine.keep(claims.select("id", "number", "members"))
    ranked = claims.inner_join(wanted.select("id", *order), "id")
    right = [ibis.desc("members"), *[ibis.asc(c, nulls_first=False) for c in order]]
    won = engine.keep(first_in(ranked, ["number"], right).select("id", "number"))
    taken = engine.keep(won.group_by("id").agg(number=won.number.min()))
    merges = won.inner_join(taken.select("id", new="number"), "id").select(old="number", new="new")
    merges = engine.keep(merges.filter(merges.old != merges.new))
    numbers = _with_new(engine, previous, kind, wanted=wanted, known=taken, order=order)
    return Numbering(numbers, merges, claims.select("id", "number"))


def _with_new(
    engine: TableEngine,
    previous: Previous,
    kind: Kind,
    *,
    wanted: Any,
    known: Any,
    order: list[str],
) -> Any:
    fresh = wanted.anti_join(known, "id").select("id", *[c for c in order if c != "id"])
    new = engine.number(fresh, order, first=previous.highest(kind) + 1)
    return engine.keep(known.union(new.select("id", "number"), distinct=False))


def _no_merges(engine: TableEngine) -> Any:
    return engine.read([], tables.REDIRECTS).select("old", "new")


def redirects(
    engine: TableEngine, previous: Previous, kind: Kind, numbering: Numbering, scope: Any
) -> Any:
    """All redirects of one kind after this build: `old` → `new`, never in chains. Kept.

    `scope` (number): the live numbers before that were made anew.
    """
    live = numbering.numbers.select("number")
    merges = numbering.merges
    vanished = scope.anti_join(live, "number").select(old="number").anti_join(merges, "old")
    vanished = vanished.mutate(new=ibis.literal(GONE, "int64"))
    fresh = engine.keep(merges.union(vanished.select("old", "new"), distinct=False))
    old = previous.redirects(kind)
    old = old.anti_join(fresh, "old").anti_join(live.select(old="number"), "old")
    further = fresh.select(through="old", last="new")
    old = old.left_join(further, old.new == further.through)
    old = old.select(old="old", new=ibis.coalesce(old.last, old.new))
    return engine.keep(old.union(fresh, distinct=False))


def retired(
    engine: TableEngine, previous: Previous, kind: Kind, *, lost: Any, living: Any, redirected: Any
) -> Any:
    """Keys that hold a number but stand in no table after this build: `key`, `number`.

    `lost` (key, number): keys of the scope before; `living` (key): keys of what was made anew.
    """
    every = ibis.union(previous.retired(kind), lost.select("key", "number"), distinct=False)
    left = every.anti_join(living.select("key"), "key")
    left = left.group_by("key").agg(number=left.number.min())
    moved = redirected.filter(redirected.new != GONE)
    joined = left.left_join(moved, left.number == moved.old)
    return engine.keep(joined.select(key="key", number=ibis.coalesce(joined.new, joined.number)))
