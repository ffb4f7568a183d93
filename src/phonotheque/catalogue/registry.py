"""Who gets which number (docs/formats/registry.md). Numbers are given once and never again."""

from dataclasses import dataclass
from typing import Any

import ibis

from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.previous import Previous, keys_of_tables
from phonotheque.model import tables
from phonotheque.model.numbers import Kind

GONE = 0
"""`redirects.new` of a number that names nothing any more."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """The numbers of one kind: `numbers` (key, number) of all that live, `merges` (old, new)."""

    numbers: Any
    merges: Any
    claims: Any  # key, number: numbers that the members of a key had before


def assign(
    engine: TableEngine, previous: Previous, kind: Kind, wanted: Any, order_by: list[str]
) -> Numbering:
    """Number the keys of `wanted` (one row each; `key`, and the columns of `order_by`).

    A key that the registry knows keeps its number; the others are numbered on, in order.
    """
    if not previous.exists:
        return _first(engine, wanted, order_by)
    registry = previous.registry(kind)
    known = engine.keep(wanted.select("key").inner_join(registry, "key").select("key", "number"))
    numbers = _with_new(engine, previous, kind, wanted=wanted, known=known, order_by=order_by)
    return Numbering(numbers, _no_merges(engine), known)


def assign_claimed(
    engine: TableEngine,
    previous: Previous,
    kind: Kind,
    wanted: Any,
    *,
    members: Any,
    order_by: list[str],
) -> Numbering:
    """As `assign`, for keys whose members may have had numbers of their own.

    `members` has `key` and `member` (another registered key that now belongs to it). Each old
    number goes to the claimant with most right to it: the one registered under its own key, else
    with most member keys, else the smallest key. A key takes the smallest number it won; the
    other ones it won become redirects to that.
    """
    if not previous.exists:
        return _first(engine, wanted, order_by)
    registry = previous.registry(kind)
    claims = engine.keep(_claims(wanted, members, registry))
    right = ibis.window(
        group_by="number", order_by=[ibis.desc("own"), ibis.desc("members"), ibis.asc("key")]
    )
    won = claims.mutate(place=ibis.row_number().over(right))
    won = engine.keep(won.filter(won.place == 0).select("key", "number"))
    taken = engine.keep(won.group_by("key").agg(number=won.number.min()))
    kept = taken.select(key="key", new="number")
    merges = won.inner_join(kept, "key").select(old="number", new="new")
    merges = engine.keep(merges.filter(merges.old != merges.new))
    numbers = _with_new(engine, previous, kind, wanted=wanted, known=taken, order_by=order_by)
    return Numbering(numbers, merges, claims.select("key", "number"))


def _first(engine: TableEngine, wanted: Any, order_by: list[str]) -> Numbering:
    """The numbers of a build without a past."""
    numbers = engine.number(wanted, order_by).select("key", "number")
    return Numbering(numbers, _no_merges(engine), numbers)


def _claims(wanted: Any, members: Any, registry: Any) -> Any:
    own = wanted.select(key="key", member="key").mutate(own=ibis.literal(1))
    others = members.select("key", "member").mutate(own=ibis.literal(0))
    every = own.union(others, distinct=False)
    met = every.inner_join(registry.select(member="key", number="number"), "member")
    return met.group_by("key", "number").agg(own=met.own.max(), members=met.count())


def _with_new(
    engine: TableEngine,
    previous: Previous,
    kind: Kind,
    *,
    wanted: Any,
    known: Any,
    order_by: list[str],
) -> Any:
    fresh = wanted.anti_join(known, "key").select("key", *[c for c in order_by if c != "key"])
    new = engine.number(fresh, order_by, first=previous.highest(kind) + 1)
    new = new.select("key", "number")
    return engine.keep(known.union(new, distinct=False))


def _no_merges(engine: TableEngine) -> Any:
    return engine.read([], tables.REDIRECTS).select("old", "new")


def redirects(engine: TableEngine, previous: Previous, kind: Kind, numbering: Numbering) -> Any:
    """All redirects of one kind after this build: `old` → `new`, never in chains."""
    if not previous.exists:
        return numbering.merges
    live = numbering.numbers.select("number")
    merges = numbering.merges
    before = previous.redirects(kind)
    vanished = previous.content(kind).select("number").anti_join(live, "number")
    vanished = vanished.select(old="number").anti_join(merges, "old").mutate(new=_gone())
    fresh = engine.keep(merges.union(vanished.select("old", "new"), distinct=False))
    further = fresh.select(through="old", last="new")
    old = before.anti_join(fresh, "old").anti_join(live.select(old="number"), "old")
    old = old.left_join(further, old.new == further.through)
    old = old.select(old="old", new=ibis.coalesce(old.last, old.new))
    return engine.keep(old.union(fresh, distinct=False))


def _gone() -> Any:
    return ibis.literal(GONE, "int64")


def retired_keys(previous: Previous, kind: Kind, content: Any, redirected: Any) -> Any:
    """Keys that still hold a number but stand in no table of this build: `key`, `number`."""
    current = ibis.union(*_two(keys_of_tables(kind, content)), distinct=False).select("key")
    left = previous.registry(kind).anti_join(current, "key")
    moved = redirected.filter(redirected.new != GONE)
    joined = left.left_join(moved, left.number == moved.old)
    return joined.select(key="key", number=ibis.coalesce(joined.new, joined.number))


def _two(parts: list[Any]) -> list[Any]:
    return parts if len(parts) > 1 else [parts[0], parts[0].limit(0)]
