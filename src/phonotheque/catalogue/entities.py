"""Artists and releases: what most rows say of each, by the keys that rows bring."""

from collections.abc import Iterator
from typing import Any

import ibis
import pyarrow as pa

from phonotheque.catalogue.identity import first_in
from phonotheque.catalogue.inputs import Rows, closed, united
from phonotheque.catalogue.ports import TableEngine
from phonotheque.model.text import normalise

_NAMES = pa.schema([pa.field("name", pa.string()), pa.field("key", pa.string())])
_RELEASE = ["title", "artist_credit", "year", "country", "label", "barcode", "release_mbid"]


def find_artists(engine: TableEngine, rows: Rows, said: Any) -> Any:
    """Kept: `key`, `name`, `sort_name`, `aliases`, `bucket` (null: only credited with others).

    A credit that names no artists apart is an artist by itself, key ``name:<normalised>``. `said`
    is what sources say of artists (`tables.ARTIST_ROWS`), or None.
    """
    counted = [_credits(engine, rows, part) for part in range(rows.parts)]
    every = united(counted)
    if rows.has("artists"):
        named = _credited(engine, rows)
        every = every.union(named.select(every.columns), distinct=False)
        every = every.group_by("key", "name").agg(
            attested=every.attested.sum(), bucket=every.bucket.max()
        )
        buckets = every.group_by("key").agg(home=every.bucket.max())
        best = first_in(every, ["key"], [ibis.desc("attested"), ibis.asc("name")])
        every = best.inner_join(buckets, "key").drop("bucket").rename(bucket="home")
    every = every.select("key", "name", "bucket")
    if said is None:
        nothing = ibis.literal([], "array<string>")
        return engine.keep(every.mutate(sort_name=ibis.null("string"), aliases=nothing))
    told = first_in(said, ["source_key"], [ibis.asc("origin"), ibis.asc("origin_row")])
    told = told.select(key="source_key", sort_name="sort_name", aliases="aliases")
    joined = every.left_join(told, "key")
    return engine.keep(
        joined.select(
            "key", "name", "bucket", "sort_name",
            aliases=joined.aliases.fill_null(ibis.literal([], "array<string>")),
        )
    )  # fmt: skip


def _credits(engine: TableEngine, rows: Rows, part: int) -> Any:
    """Best-attested spelling of each credit that stands for one artist; one part of rows."""
    table = rows.select("artist_norm", "artist_credit", "artists", part=part)
    if rows.has("artists"):
        table = table.filter(table.artists.isnull() | (table.artists.length() == 0))
    counted = table.group_by("artist_norm", "artist_credit").agg(
        attested=table.count(), bucket=table.bucket.max()
    )
    best = first_in(counted, ["artist_norm"], [ibis.desc("attested"), ibis.asc("artist_credit")])
    return engine.keep(
        best.select(
            "attested", "bucket", key=ibis.literal("name:") + best.artist_norm, name="artist_credit"
        )
    )


def _credited(engine: TableEngine, rows: Rows) -> Any:
    """Artists that credits name apart, by their keys."""
    each = engine.keep(credited_artists(rows.select("artists")))
    known = normalised_names(engine, each)
    each = with_artist_key(each, known)
    counted = each.group_by("key", "name").agg(attested=each.count())
    return engine.keep(counted.mutate(bucket=ibis.null("int16")))


def credited_artists(table: Any) -> Any:
    """`row`, `given` (key, or null), `name` of each artist that `artists` names apart."""
    table = table.filter(table.artists.notnull())
    each = table.select("row", artist=table.artists.unnest())
    return each.select("row", given=each.artist["key"], name=each.artist["name"])


def with_artist_key(each: Any, known: Any) -> Any:
    """`each` (see `credited_artists`) with `key`."""
    joined = each.left_join(known.rename(by_name="key"), "name")
    return closed(joined.select("row", "name", key=ibis.coalesce(joined.given, joined.by_name)))


def normalised_names(engine: TableEngine, each: Any) -> Any:
    """``name:<normalised>`` of names that came without a key."""
    asked = each.filter(each.given.isnull()).select("name").distinct()

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in engine.stream(asked, ["name"]):
            names = batch.column(0).to_pylist()
            keys = [f"name:{normalise(name)}" for name in names]
            yield pa.RecordBatch.from_pydict({"name": names, "key": keys}, schema=_NAMES)

    return engine.keep_batches(_NAMES, batches())


def find_releases(engine: TableEngine, rows: Rows) -> tuple[list[Any], list[Any]]:
    """The releases, kept by the part of their home bucket: `tables.RELEASES` less the number, and
    `release_match`, `bucket`, `artist_norm`, `release_norm`; and by part of rows `release_match`
    of all releases that rows of it stand on."""
    variants = [_variants(engine, rows, part) for part in range(rows.parts)]
    here = [v.select("release_match").distinct() for v in variants]
    pieces = [v.mutate(part=(v.release_match & (rows.parts - 1)).cast("int32")) for v in variants]
    homes = []
    for part in engine.scatter(pieces, "part", rows.parts):
        homes.append(engine.keep(_best_release(part)))
        engine.drop(part)
    best = [home.mutate(part=rows.part_of(home.bucket)) for home in homes]
    placed = engine.scatter(best, "part", rows.parts)
    engine.drop(*homes)
    return placed, here


def _variants(engine: TableEngine, rows: Rows, part: int) -> Any:
    table = rows.select(
        "release_match", "release_title", "release_artist", "artist_credit", "release_year",
        "release_country", "label", "barcode", "release_mbid", "release_key", "genres", "source",
        "artist_norm", "release_norm", part=part,
    )  # fmt: skip
    table = table.filter(table.release_match.notnull())
    table = table.select(
        "release_match", "bucket", "label", "barcode", "release_mbid", "genres", "release_norm",
        "artist_norm",
        key=release_key(table),
        title=table.release_title.fill_null(""),
        artist_credit=ibis.coalesce(table.release_artist, table.artist_credit),
        year="release_year",
        country="release_country",
    )  # fmt: skip
    counted = table.group_by("release_match", "key", *_RELEASE, "genres", "release_norm").agg(
        attested=table.count(), bucket=table.bucket.min(), artist_norm=table.artist_norm.min()
    )
    return engine.keep(counted)


def release_keys(rows: Rows) -> Any:
    """`release_match`, `key` of the rows that stand on a release."""
    table = rows.select("release_match", "release_mbid", "release_key", "source")
    table = table.filter(table.release_match.notnull())
    return table.select("release_match", key=release_key(table))


def release_key(table: Any) -> Any:
    """docs/formats/catalogue.md: ``mbid:…``, ``source:…``, or ``name:`` and the digest."""
    by_source = ibis.literal("source:") + table.source + ":" + table.release_key
    by_name = ibis.literal("name:") + table.release_match.cast("string")
    by_mbid = ibis.literal("mbid:") + table.release_mbid
    return ibis.coalesce(by_mbid, by_source, by_name)


def _best_release(part: Any) -> Any:
    """What most rows say; among equals the smallest, and never nothing instead of something."""
    columns = ["key", *_RELEASE, "release_norm", "genres"]
    order = [ibis.desc("attested"), *[ibis.asc(c, nulls_first=False) for c in columns]]
    order += [ibis.asc("bucket"), ibis.asc("artist_norm")]
    return first_in(part, ["release_match"], order).drop("attested")
