"""Why rows stand under one recording, and what shares a key with them but was kept apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ibis
import msgspec

from phonotheque.catalogue.build import BuildInputs
from phonotheque.catalogue.identity import TOLERANCE_MS, TOLERANCE_SHARE
from phonotheque.catalogue.inputs import Rows, newest_table
from phonotheque.catalogue.ports import TableEngine
from phonotheque.catalogue.previous import Previous
from phonotheque.model.edition import BuildManifest, Met
from phonotheque.model.errors import NotFoundError
from phonotheque.model.matching import artist_key, title_key
from phonotheque.model.numbers import Kind
from phonotheque.model.tables import MBID_REDIRECTS

MOST_APART = 50
"""So many rows that were kept apart are shown."""

_SHOWN = [
    "source", "source_key", "title", "artist_credit", "release_title", "duration_ms", "isrcs",
    "recording_mbid", "title_match", "text_match", "origin", "origin_row",
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
    """`rows` are those of the recording; `apart` the first that share a key with one of them but
    are of other recordings, `apart_in_all` how many there are."""

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
    return explain_recording(engine, rows, Previous(engine, manifest, directory), number)


def explain_recording(engine: TableEngine, rows: Rows, build: Previous, number: int) -> Explanation:
    """Explain recording `number` of a build from the rows it was made of.

    Raises:
        NotFoundError: the build has no such recording.
    """
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
    others = _apart(engine, rows, tracks, members)
    ((count,),) = engine.rows(others.agg(rows=others.count()))
    title, credit, duration_ms = said[0]
    return Explanation(
        number=number,
        title=title,
        artist_credit=credit,
        duration_ms=duration_ms,
        rows=[_explained(row, why_together(row, own)) for row in own],
        apart=[
            _explained(row, why_apart(row, own)) for row in _rows(engine, others, limit=MOST_APART)
        ],
        apart_in_all=int(count),
    )


def _apart(engine: TableEngine, rows: Rows, tracks: Any, members: Any) -> Any:
    """Rows of other recordings that carry a code, an id or a text of the members. Kept."""
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
    near = engine.keep(near.anti_join(members, "row"))
    shown = rows.select(*_SHOWN).semi_join(near, "row")
    of = tracks.select("source", "source_key", "met", "recording")
    return engine.keep(engine.keep(shown).inner_join(of, ["source", "source_key"]))


def _rows(engine: TableEngine, table: Any, limit: int = 1000) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for batch in engine.stream(table, ["source", "source_key"]):
        out += batch.to_pylist()
        if len(out) >= limit:
            break
    return out[:limit]


def _explained(row: dict[str, Any], why: str) -> ExplainedRow:
    named = {name: row[name] for name in ExplainedRow.__struct_fields__ if name != "why"}
    return ExplainedRow(**{**named, "isrcs": row["isrcs"] or []}, why=why)


def why_together(row: dict[str, Any], members: Sequence[dict[str, Any]]) -> str:
    """What made a row meet the others, in words. Pure."""
    others = [m for m in members if m["row"] != row["row"]]
    if not others:
        return "nothing else has its code, its id, or its artist, title and duration"
    if row["met"] == Met.MBID:
        return f"{_carry(others, row, 'recording_mbid')} the MusicBrainz id {row['recording_mbid']}"
    codes = [code for code in row["isrcs"] or [] if any(code in (o["isrcs"] or []) for o in others)]
    if row["met"] == Met.ISRC and codes:
        return f"shares the code {', '.join(codes)}, {_agreement(row, others)}"
    if row["met"] == Met.LINK:
        return f"one side has the MusicBrainz id, the other the code, and {_agreement(row, others)}"
    return f"shares artist “{artist_key(row['artist_credit'])}” and {_agreement(row, others)}"


def why_apart(row: dict[str, Any], members: Sequence[dict[str, Any]]) -> str:
    """What kept a row that shares a key with `members` out, in words. Pure."""
    codes = set(row["isrcs"] or [])
    for member in members:
        shared = codes & set(member["isrcs"] or [])
        if shared:
            return f"the code {min(shared)} stands on both, but {_difference(row, member)}"
    for member in members:
        if row["recording_mbid"] and row["recording_mbid"] == member["recording_mbid"]:
            return f"the MusicBrainz id stands on both, but {_difference(row, member)}"
    near = min(members, key=lambda m: _distance(row, m))
    return f"artist and title agree, but {_difference(row, near)}"


def _carry(others: list[dict[str, Any]], row: dict[str, Any], column: str) -> str:
    count = sum(o[column] == row[column] for o in others)
    return "alone carries" if not count else f"shares with {count:,} other rows"


def _agreement(row: dict[str, Any], others: list[dict[str, Any]]) -> str:
    key, version = title_key(row["title"])
    text = f"title “{key}”" + (f", version “{version}”" if version else "")
    near = min(others, key=lambda o: _distance(row, o))
    if row["duration_ms"] is None or near["duration_ms"] is None:
        return f"{text}, durations not both known"
    apart = abs(row["duration_ms"] - near["duration_ms"]) / 1000
    return f"{text}, durations {apart:.1f} s apart"


def _difference(row: dict[str, Any], member: dict[str, Any]) -> str:
    if row["title_match"] != member["title_match"]:
        return f"the titles differ: “{row['title']}” and “{member['title']}”"
    one, other = row["duration_ms"], member["duration_ms"]
    if one is not None and other is not None and not _near(one, other):
        return f"the durations differ: {one / 1000:.1f} s and {other / 1000:.1f} s"
    mbids = {row["recording_mbid"], member["recording_mbid"]} - {None}
    if len(mbids) > 1:
        return "they carry different MusicBrainz ids"
    if row["isrcs"] and member["isrcs"] and not set(row["isrcs"]) & set(member["isrcs"]):
        return f"they carry different codes: {row['isrcs'][0]} and {member['isrcs'][0]}"
    if one is None or other is None:
        return "a duration is unknown where there are several"
    return "another recording has more rows that agree with it"


def _near(one: int, other: int) -> bool:
    return abs(one - other) * TOLERANCE_SHARE <= max(
        TOLERANCE_MS * TOLERANCE_SHARE, min(one, other)
    )


def _distance(row: dict[str, Any], member: dict[str, Any]) -> int:
    one, other = row["duration_ms"], member["duration_ms"]
    return 1 << 40 if one is None or other is None else abs(one - other)
