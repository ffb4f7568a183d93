"""The rows of the catalogue's tables, from heads of units and rows, and their numbers."""

from typing import Any

import ibis

from phonotheque.catalogue import evidence
from phonotheque.catalogue.entities import credited_artists, normalised_names, with_artist_key
from phonotheque.catalogue.identity import first_in
from phonotheque.catalogue.inputs import Rows
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.units import level_name
from phonotheque.model.edition import RecordingFlag
from phonotheque.model.tables import RECORDING_FILES

RELEASE_ORDER = ["bucket", "artist_norm", "year", "release_norm", "key", "release_match"]


def recordings(heads: Any, artists: Any, credited: Any, summaries: Any) -> Any:
    """`tables.RECORDINGS` less the number, with what numbers are given by and kept for.

    `artists` (key, number) has the artists of whole credits, `credited` (row, numbers) those that
    are named apart; None: none are.
    """
    table = heads.mutate(
        signature=evidence.signature(heads.claims),
        artist_key=ibis.literal("name:") + heads.artist_norm,
    )
    table = table.inner_join(summaries, "signature")
    whole = artists.select(artist_key="key", artist="number")
    table = table.left_join(whole, "artist_key", rname="{name}_a")
    numbers = ibis.array([table.artist])
    if credited is not None:
        table = table.left_join(credited, "row", rname="{name}_c")
        numbers = ibis.coalesce(table.numbers, numbers)
    return table.select(
        "title", "artist_credit", "collections", "licence", "stream", "distribute",
        "artist_norm", "release_year", "release_norm", "disc", "position", "bucket", "row",
        "source", "source_key", "unit", "alone", "wording", "isrcs",
        recording_mbid="mbid",
        artist_numbers=numbers,
        duration_ms="ms",
        first_release_year="earliest",
        signature="signature",
        flags=table.conflict.cast("int32") * int(RecordingFlag.CONFLICT),
    )  # fmt: skip


def signatures(heads: Any) -> Any:
    """Distinct `signature` of some heads."""
    return heads.select(signature=evidence.signature(heads.claims)).distinct()


def credited_numbers(engine: TableEngine, rows: Rows, part: int, artists: Any) -> Any:
    """`row`, `numbers` of rows whose credit names its artists apart; None where none does."""
    if not rows.has("artists"):
        return None
    each = engine.keep(credited_artists(rows.select("artists", part=part)))
    each = with_artist_key(each, normalised_names(engine, each))
    met = each.inner_join(artists.select("key", "number"), "key")
    grouped = met.group_by("row").agg(numbers=met.number.collect().unique().sort())
    return engine.keep(grouped)


def tracks(rows: Any, told: Any, releases: Any) -> Any:
    """`tables.TRACKS` less the number, and the columns of the order.

    `told`: row, recording, same_words, same_ms, level; `releases`: release_match, release.
    """
    table = rows.inner_join(told, "row").left_join(releases, "release_match", rname="{name}_r")
    return table.select(
        "recording", "release", "disc", "position", "position_text", "source", "source_key",
        "bucket", "artist_norm", "release_year", "release_norm", "row",
        title=ibis.ifelse(table.same_words, None, table.title),
        artist_credit=ibis.ifelse(table.same_words, None, table.artist_credit),
        duration_ms=ibis.ifelse(table.same_ms, None, table.duration_ms),
        met=level_name(table.level),
    )  # fmt: skip


TRACK_COLUMNS = [
    "title", "artist_credit", "artist_norm", "release_year", "release_norm", "release_match",
    "disc", "position", "position_text", "duration_ms", "source", "source_key",
]  # fmt: skip


def told_alone(numbered: Any) -> Any:
    """What tracks take from recordings they are alone in; `numbered`: row, number, alone."""
    alone = numbered.filter(numbered.alone)
    return alone.select(
        "row",
        recording="number",
        same_words=ibis.literal(True),
        same_ms=ibis.literal(True),
        level=ibis.null("int8"),
    )


def told_shared(shared: Any, numbered: Any) -> Any:
    """What the other tracks take; `numbered`: unit, number, wording, ms. With `bucket`."""
    met = shared.inner_join(
        numbered.select("unit", "number", whole="wording", whole_ms="ms"), "unit"
    )
    return met.select(
        "row", "bucket",
        recording="number",
        same_words=met.wording == met.whole,
        same_ms=met.ms.identical_to(met.whole_ms),
        level="level",
    )  # fmt: skip


def recording_files(engine: TableEngine, rows: Rows, tracks_: Any, claimed: Any = None) -> Any:
    """`tables.RECORDING_FILES`; `tracks_` are the live ones, for the recordings of rows.

    Evidence is about bytes: what any source says of a file counts wherever the same file stands,
    and so does what is claimed of a recording it stands for. `claimed`: recording, told; or None.
    """
    held = rows.select(
        "file_sha256", "evidence", "source", "source_key", "title", "artist_credit",
        "release_title", "disc", "position",
    )  # fmt: skip
    held = engine.keep(held.filter(held.file_sha256.notnull()).rename(sha256="file_sha256"))
    told = tracks_.select("source", "source_key", "recording")
    named = held.drop("evidence").inner_join(told, ["source", "source_key"])
    said = held.select("sha256", "evidence")
    if claimed is not None:
        named = engine.keep(named)
        theirs = named.select("sha256", "recording").distinct().inner_join(claimed, "recording")
        said = engine.keep(said.union(theirs.select("sha256", evidence="told"), distinct=False))
    gathered = said.group_by("sha256").agg(
        evidence=said.evidence.collect().flatten().unique().sort()
    )
    order = [ibis.asc("source"), ibis.asc("source_key")]
    first = first_in(named, ["recording", "sha256"], order)
    return first.inner_join(gathered, "sha256").select(RECORDING_FILES.names)
