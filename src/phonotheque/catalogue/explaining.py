"""Why rows stand under one recording, and what shares a key with them but was kept apart."""

from pathlib import Path
from typing import Any

import ibis
import msgspec

from phonotheque.catalogue.build import BuildInputs
from phonotheque.catalogue.inputs import Rows, newest_table
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.previous import Previous
from phonotheque.catalogue.saying import Heard, why_apart, why_together
from phonotheque.catalogue.sounds import pairs_said
from phonotheque.model.edition import BuildManifest
from phonotheque.model.errors import NotFoundError
from phonotheque.model.numbers import Kind
from phonotheque.model.sounds import SoundVerdict
from phonotheque.model.tables import MBID_REDIRECTS

MOST_APART = 50
"""So many rows that were kept apart are shown."""

MOST_TOGETHER = 1000
"""So many rows of the recording are."""

MOST_HEARD = 100_000
"""Of so many pairs of files that sound the same, it is said."""

_SHOWN = [
    "source", "source_key", "title", "artist_credit", "release_title", "duration_ms", "isrcs",
    "recording_mbid", "title_match", "text_match", "release_match", "origin", "origin_row",
    "file_sha256",
]  # fmt: skip


class ExplainedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One reported row; `why` says in words what it has to do with the recording."""

    recording: int
    source: str
    source_key: str
    origin: str
    origin_row: int
    title: str
    artist_credit: str
    release_title: str | None
    duration_ms: int | None
    isrcs: list[str]
    recording_mbid: str | None
    met: str | None
    why: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` are the first of the recording, by source and key; `apart` the first that share a key
    with one of them but are of other recordings, `apart_in_all` how many there are."""

    number: int
    title: str
    artist_credit: str
    duration_ms: int | None
    rows: list[ExplainedRow]
    apart: list[ExplainedRow]
    apart_in_all: int


def explain_from_imports(
    engine: TableEngine,
    inputs: BuildInputs,
    manifest: BuildManifest,
    directory: Path,
    number: int,
) -> Explanation:
    """Explain recording `number` of the build in `directory`, which was made from `inputs`.

    Raises:
        NotFoundError: the build has no such recording.
    """
    redirects = newest_table(engine, inputs.redirects, MBID_REDIRECTS)
    rows = Rows(engine, inputs.rows, redirects, rows_per_part=inputs.rows_per_part)
    heard = None
    if inputs.sounds and rows.has("file_sha256"):
        same, maybe = (
            pairs_said(engine, inputs.sounds, verdict)
            for verdict in (SoundVerdict.SAME, SoundVerdict.MAYBE)
        )
        heard = engine.keep(
            same.mutate(sure=ibis.literal(True)).union(
                maybe.mutate(sure=ibis.literal(False)), distinct=False
            )
        )
    return explain_recording(engine, rows, Previous(engine, manifest, directory), number, heard)


def explain_recording(
    engine: TableEngine, rows: Rows, build: Previous, number: int, heard: Any = None
) -> Explanation:
    """Explain recording `number` of a build, or the one it was merged into, from its rows.

    `heard`: sha256, other, sure of files that are, or may be, the same sound.

    Raises:
        NotFoundError: the build has no such recording.
    """
    number = living_number(engine, build, number)
    recordings = build.content(Kind.RECORDING)
    found = recordings.filter(recordings.number == number)
    said = engine.rows(found.select("title", "artist_credit", "duration_ms"))
    if not said:
        raise NotFoundError(f"recording {number}: the current build has none of this number")
    tracks = build.content(Kind.TRACK)
    mine = engine.keep(
        tracks.filter(tracks.recording == number).select("source", "source_key", "met", "recording")
    )
    members = engine.keep(rows.select(*_SHOWN).inner_join(mine, ["source", "source_key"]))
    own = _rows(engine, members)
    heard = _heard_of(engine, heard, members)
    others = _apart(engine, rows, tracks, members, heard)
    sounds = _sounds(engine, heard)
    ((count,),) = engine.rows(others.agg(rows=others.count()))
    title, credit, duration_ms = said[0]
    return Explanation(
        number=number,
        title=title,
        artist_credit=credit,
        duration_ms=duration_ms,
        rows=[_explained(row, why_together(row, own, sounds)) for row in own],
        apart=[
            _explained(row, why_apart(row, own, sounds))
            for row in _rows(engine, others, limit=MOST_APART)
        ],
        apart_in_all=int(count),
    )


def living_number(engine: TableEngine, build: Previous, number: int) -> int:
    """The number that a recording has now, if it was merged into another."""
    moved = build.redirects(Kind.RECORDING)
    found = engine.rows(moved.filter(moved.old == number).select("new"))
    return int(found[0][0]) if found else number


def _heard_of(engine: TableEngine, heard: Any, members: Any) -> Any:
    """Kept: those of `heard` that begin with a file of the members; None where `heard` is."""
    if heard is None:
        return None
    files = members.filter(members.file_sha256.notnull()).select(sha256="file_sha256")
    return engine.keep(heard.semi_join(engine.keep(files.distinct()), "sha256"))


def _sounds(engine: TableEngine, heard: Any) -> Heard:
    """The first `MOST_HEARD` of them."""
    if heard is None:
        return {}
    found: dict[tuple[str, str], bool] = {}
    for batch in engine.stream(heard, ["sha256", "other"]):
        for row in batch.to_pylist():
            found[row["sha256"], row["other"]] = found[row["other"], row["sha256"]] = row["sure"]
        if len(found) >= MOST_HEARD:
            break
    return found


def _apart(engine: TableEngine, rows: Rows, tracks: Any, members: Any, heard: Any) -> Any:
    """Rows of other recordings that carry a code, an id, a text or a sound of the members. Kept."""
    table = engine.keep(rows.select("isrcs", "recording_mbid", "text_match"))
    codes = members.select(code=members.isrcs.unnest()).distinct()
    each = table.select("row", code=table.isrcs.unnest())
    near = ibis.union(
        each.semi_join(codes, "code").select("row"),
        table.semi_join(members.filter(members.recording_mbid.notnull()), "recording_mbid").select(
            "row"
        ),
        table.semi_join(members.filter(members.text_match.notnull()), "text_match").select("row"),
        distinct=True,
    )
    if heard is not None:
        held = rows.select("file_sha256")
        held = held.semi_join(heard, held.file_sha256 == heard.other)
        near = near.union(held.select("row"), distinct=True)
    near = engine.keep(near.anti_join(members, "row"))
    shown = rows.select(*_SHOWN).semi_join(near, "row")
    of = tracks.select("source", "source_key", "met", "recording")
    return engine.keep(engine.keep(shown).inner_join(of, ["source", "source_key"]))


def _rows(engine: TableEngine, table: Any, limit: int = MOST_TOGETHER) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for batch in engine.stream(table, ["source", "source_key"]):
        out += batch.to_pylist()
        if len(out) >= limit:
            break
    return out[:limit]


def _explained(row: dict[str, Any], why: str) -> ExplainedRow:
    named = {name: row[name] for name in ExplainedRow.__struct_fields__ if name != "why"}
    return ExplainedRow(**{**named, "isrcs": row["isrcs"] or []}, why=why)
