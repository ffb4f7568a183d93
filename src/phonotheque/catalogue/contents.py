"""The rows of the catalogue's tables, from identified rows and their numbers."""

from typing import Any

import ibis

from phonotheque.catalogue.identity import median
from phonotheque.model.edition import RecordingFlag

RECORDING_ORDER = ["artist_norm", "release_year", "release_norm", "disc", "position", "key"]


def best_attested(rows: Any, key: str, columns: list[str]) -> Any:
    """For each `key` the values of `columns` that most rows give together, then the smallest."""
    counted = rows.group_by(key, *columns).agg(attested=rows.count())
    order = [ibis.desc("attested"), *[ibis.asc(c, nulls_first=False) for c in columns]]
    placed = counted.mutate(place=ibis.row_number().over(ibis.window(group_by=key, order_by=order)))
    return placed.filter(placed.place == 0).select(key, *columns)


def first_of(rows: Any, key: str, order_by: list[str]) -> Any:
    """For each `key` its first row in the order of `order_by` (a total order), nulls last."""
    order = [ibis.asc(c, nulls_first=False) for c in order_by]
    placed = rows.mutate(place=ibis.row_number().over(ibis.window(group_by=key, order_by=order)))
    return placed.filter(placed.place == 0).drop("place")


def recording_order(rows: Any) -> Any:
    """One row for each recording key with the columns of `RECORDING_ORDER`."""
    alone = rows.filter(~rows.grouped).select(RECORDING_ORDER)
    shared = rows.filter(rows.grouped).select(*RECORDING_ORDER, "row_key")
    first = first_of(shared, "key", [*RECORDING_ORDER, "row_key"])
    return alone.union(first.select(RECORDING_ORDER), distinct=False)


def described_recordings(rows: Any) -> Any:
    """One row for each recording key: all its columns but numbers, verdicts and flags."""
    return _alone(rows.filter(~rows.grouped)).union(
        _shared(rows.filter(rows.grouped)), distinct=False
    )


_DESCRIBED = [
    "key", "isrcs", "recording_mbid", "title", "artist_credit", "artist_norm", "duration_ms",
    "first_release_year", "collections", "claims", "conflict",
]  # fmt: skip


def _alone(rows: Any) -> Any:
    return rows.mutate(
        isrcs=rows.isrcs.unique().sort(),
        first_release_year=ibis.least(rows.year, rows.release_year),
        collections=ibis.array([rows.collection]).filter(lambda c: c.notnull()),
    ).select(_DESCRIBED)


def _shared(rows: Any) -> Any:
    named = best_attested(rows, "key", ["title", "artist_credit", "artist_norm"])
    rows = rows.mutate(earliest=ibis.least(rows.year, rows.release_year))
    gathered = rows.group_by("key").agg(
        code=rows.isrcs[0].min(),
        recording_mbid=rows.recording_mbid.min(),
        all_ms=rows.duration_ms.collect().sort(),
        first_release_year=rows.earliest.min(),
        collections=rows.collection.collect().unique().sort(),
        claims=rows.claims.collect().flatten().unique().sort(),
    )
    gathered = gathered.mutate(
        isrcs=ibis.array([gathered.code]),
        duration_ms=median(gathered.all_ms).cast("int32"),
        collections=gathered.collections.fill_null(_no_strings()),
        conflict=ibis.literal(False),
    )
    return gathered.inner_join(named, "key").select(_DESCRIBED)


def _no_strings() -> Any:
    return ibis.literal([], "array<string>")


def recordings(described: Any, numbers: Any, artists: Any, summaries: Any, withdrawn: Any) -> Any:
    """`tables.RECORDINGS`. `withdrawn` has the column `key`."""
    gone = withdrawn.select("key").mutate(withdrawn=ibis.literal(True))
    artist = artists.select(artist_norm="artist_norm", artist_number="number")
    joined = (
        described.inner_join(numbers, "key")
        .inner_join(artist, "artist_norm")
        .inner_join(summaries, "signature")
        .left_join(gone, "key")
    )
    denied = joined.withdrawn.notnull()
    flags = joined.conflict.cast("int32") * int(RecordingFlag.CONFLICT)
    return joined.select(
        "number", "key", "isrcs", "recording_mbid", "title", "artist_credit",
        "duration_ms", "first_release_year", "collections", "licence",
        artist_numbers=ibis.array([joined.artist_number]),
        stream=ibis.ifelse(denied, "DENY", joined.stream),
        distribute=ibis.ifelse(denied, "DENY", joined.distribute),
        flags=(flags + denied.cast("int32") * int(RecordingFlag.WITHDRAWN)).cast("int32"),
    )  # fmt: skip


def tracks(rows: Any, numbers: Any, recordings_: Any, releases_: Any) -> Any:
    """`tables.TRACKS`: every row as reported, less what its recording says already."""
    whole = recordings_.select(
        key="key", recording="number", their_title="title", their_credit="artist_credit",
        their_ms="duration_ms",
    )  # fmt: skip
    joined = (
        rows.inner_join(numbers.select(row_key="key", number="number"), "row_key")
        .inner_join(whole, "key")
        .left_join(releases_.select(release_id="key", release="number"), "release_id")
    )
    return joined.select(
        "number", "recording", "release", "disc", "position", "source", "source_key",
        title=_unless_equal(joined.title, joined.their_title),
        artist_credit=_unless_equal(joined.artist_credit, joined.their_credit),
        duration_ms=_unless_equal(joined.duration_ms, joined.their_ms),
    )  # fmt: skip


def _unless_equal(value: Any, other: Any) -> Any:
    return ibis.ifelse(value.identical_to(other), None, value)


def release_order(rows: Any) -> Any:
    """One row for each release key, with the columns its new number is ordered by."""
    named = rows.filter(rows.release_id.notnull())
    return named.group_by(key=named.release_id).agg(
        artist_norm=named.release_by.min(),
        release_year=named.release_year.min(),
        release_norm=named.release_norm.min(),
    )


def releases(rows: Any, numbers: Any) -> Any:
    """`tables.RELEASES`: what most rows of a release say of it."""
    columns = ["title", "artist_credit", "year", "label", "barcode", "release_mbid"]
    named = rows.filter(rows.release_id.notnull())
    named = named.select(
        "label", "barcode", "release_mbid",
        key="release_id",
        title=named.release_title.fill_null(""),
        artist_credit=ibis.coalesce(named.release_artist, named.artist_credit),
        year=named.release_year,
    )  # fmt: skip
    return best_attested(named, "key", columns).inner_join(numbers, "key")


def artists(rows: Any, numbers: Any) -> Any:
    """`tables.ARTISTS`: the spelling most rows use."""
    named = best_attested(rows, "artist_norm", ["artist_credit"])
    named = named.select(
        key=ibis.literal("name:") + named.artist_norm,
        name="artist_credit",
    )
    return named.inner_join(numbers, "key")


def recording_files(rows: Any, keyed: Any, numbers: Any) -> Any:
    """`tables.RECORDING_FILES`. `rows` are the input rows (with evidence), `keyed` narrow ones.

    Evidence is about bytes: what any source says of a file counts wherever the same file stands.
    """
    held = rows.filter(rows.file_sha256.notnull())
    held = held.select("evidence", sha256="file_sha256")
    named = keyed.filter(keyed.file_sha256.notnull()).inner_join(numbers, "key")
    named = named.select(
        "source", "source_key", "title", "artist_credit", "release_title", "disc", "position",
        recording="number", sha256="file_sha256",
        file=named.number.cast("string") + named.file_sha256,
    )  # fmt: skip
    evidence = held.group_by("sha256").agg(
        evidence=held.evidence.collect().flatten().unique().sort()
    )
    first = first_of(named, "file", ["source", "source_key"])
    return first.inner_join(evidence, "sha256").drop("file", "source", "source_key")
