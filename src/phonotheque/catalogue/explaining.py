"""Why rows stand under one recording, and what shares a key with them but was kept apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ibis
import msgspec

from phonotheque.catalogue.build import BuildInputs
from phonotheque.catalogue.identity import lasts_as_long
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

MOST_TOGETHER = 1000
"""So many rows of the recording are."""

_SHOWN = [
    "source", "source_key", "title", "artist_credit", "release_title", "duration_ms", "isrcs",
    "recording_mbid", "title_match", "text_match", "release_match", "origin", "origin_row",
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
    return explain_recording(engine, rows, Previous(engine, manifest, directory), number)


def explain_recording(engine: TableEngine, rows: Rows, build: Previous, number: int) -> Explanation:
    """Explain recording `number` of a build, or the one it was merged into, from its rows.

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


def living_number(engine: TableEngine, build: Previous, number: int) -> int:
    """The number that a recording has now, if it was merged into another."""
    moved = build.redirects(Kind.RECORDING)
    found = engine.rows(moved.filter(moved.old == number).select("new"))
    return int(found[0][0]) if found else number


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
    return f"shares artist key “{artist_key(row['artist_credit'])}” and {_agreement(row, others)}"


def why_apart(row: dict[str, Any], members: Sequence[dict[str, Any]]) -> str:
    """What kept a row that shares a key with `members` out, in words. Pure."""
    mbid, codes = row["recording_mbid"], set(row["isrcs"] or [])
    same_id = [m for m in members if mbid and m["recording_mbid"] == mbid]
    if same_id:
        said = _other_duration(row, _likest(row, same_id)) or _BEATEN
        return f"the MusicBrainz id stands on both, but {said}"
    same_code = [m for m in members if codes & set(m["isrcs"] or [])]
    if same_code:
        near = _likest(row, same_code)
        said = (
            _other_title(row, near)
            or _other_duration(row, near)
            or _other_names(row, same_code)
            or _several_codes(row, near)
            or _BEATEN
        )
        return f"the code {min(codes & set(near['isrcs']))} stands on both, but {said}"
    same_text = [m for m in members if m["text_match"] == row["text_match"]]
    near = _likest(row, same_text)
    said = (
        _other_duration(row, near)
        or _other_names(row, same_text)
        or _same_release(row, same_text)
        or _no_duration(row, near)
        or _BEATEN
    )
    return f"artist and title agree, but {said}"


def _carry(others: list[dict[str, Any]], row: dict[str, Any], column: str) -> str:
    count = sum(o[column] == row[column] for o in others)
    if not count:
        return "alone carries"
    return f"shares with {count:,} other {'row' if count == 1 else 'rows'}"


def _agreement(row: dict[str, Any], others: list[dict[str, Any]]) -> str:
    key, version = title_key(row["title"])
    text = f"title key “{key}”" + (f", version “{version}”" if version else "")
    near = min(others, key=lambda o: _distance(row, o))
    if row["duration_ms"] is None or near["duration_ms"] is None:
        return f"{text}, durations not both known"
    apart = abs(row["duration_ms"] - near["duration_ms"]) / 1000
    return f"{text}, durations {apart:.1f} s apart"


_BEATEN = "another recording has more rows that agree with it"


def _other_title(row: dict[str, Any], member: dict[str, Any]) -> str | None:
    if row["title_match"] == member["title_match"]:
        return None
    return f"the titles differ: “{row['title']}” and “{member['title']}”"


def _other_duration(row: dict[str, Any], member: dict[str, Any]) -> str | None:
    one, other = row["duration_ms"], member["duration_ms"]
    if one is None or other is None or lasts_as_long(one, other):
        return None
    return f"the durations differ: {one / 1000:.1f} s and {other / 1000:.1f} s"


def _other_names(row: dict[str, Any], members: Sequence[dict[str, Any]]) -> str | None:
    """Ids and codes that keep apart what agrees in all else."""
    ids = {m["recording_mbid"] for m in members} - {None}
    if row["recording_mbid"] and ids:
        return "they carry different MusicBrainz ids"
    codes = sorted({code for m in members for code in m["isrcs"] or []})
    own = row["isrcs"] or []
    if own and codes and not set(own) & set(codes):
        return f"they carry different codes: {min(own)} and {codes[0]}"
    if (row["recording_mbid"] and codes and not own) or (ids and own and not codes):
        return "one carries a MusicBrainz id, the other a code, and other rows agree with both"
    return None


def _several_codes(row: dict[str, Any], member: dict[str, Any]) -> str | None:
    if max(len(row["isrcs"]), len(member["isrcs"])) == 1:
        return None
    return "a row with several codes goes by the one that most rows agree on"


def _same_release(row: dict[str, Any], members: Sequence[dict[str, Any]]) -> str | None:
    place = row["source"], row["release_match"]
    if place[1] is None or all((m["source"], m["release_match"]) != place for m in members):
        return None
    return "one release lists both, so they are two"


def _no_duration(row: dict[str, Any], member: dict[str, Any]) -> str | None:
    if row["duration_ms"] is not None and member["duration_ms"] is not None:
        return None
    return "a duration is unknown, and then only a release of the same title counts"


def _likest(row: dict[str, Any], members: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return min(members, key=lambda m: (m["title_match"] != row["title_match"], _distance(row, m)))


def _distance(row: dict[str, Any], member: dict[str, Any]) -> int:
    one, other = row["duration_ms"], member["duration_ms"]
    return 1 << 40 if one is None or other is None else abs(one - other)
