"""Why a row is of a recording, or is not, in words. Nothing is read here: rows come as they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from phonotheque.catalogue.identity import lasts_as_long
from phonotheque.model.edition import Met
from phonotheque.model.matching import artist_key, title_key

Heard = Mapping[tuple[str, str], bool]
"""Two files by SHA-256, each pair both ways round: they are the same sound (true), or may be."""

_SILENCE: Heard = {}


def why_together(
    row: dict[str, Any], members: Sequence[dict[str, Any]], sounds: Heard = _SILENCE
) -> str:
    """What made a row meet the others, in words."""
    others = [m for m in members if m["row"] != row["row"]]
    if not others:
        return "nothing else has its code, its id, or its artist, title and duration"
    if row["met"] == Met.SOUND:
        return _by_sound(_sounding(row, others, sounds, sure=True))
    if row["met"] == Met.MBID:
        return f"{_carry(others, row, 'recording_mbid')} the MusicBrainz id {row['recording_mbid']}"
    codes = [code for code in row["isrcs"] or [] if any(code in (o["isrcs"] or []) for o in others)]
    if row["met"] == Met.ISRC and codes:
        return f"shares the code {', '.join(codes)}, {_agreement(row, others)}"
    if row["met"] == Met.LINK:
        return f"one side has the MusicBrainz id, the other the code, and {_agreement(row, others)}"
    same = [o for o in others if o["text_match"] == row["text_match"]] or others
    return f"shares artist key “{artist_key(row['artist_credit'])}” and {_agreement(row, same)}"


def why_apart(
    row: dict[str, Any], members: Sequence[dict[str, Any]], sounds: Heard = _SILENCE
) -> str:
    """What kept a row that shares a key or a sound with `members` out, in words."""
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
    like = _sounding(row, members, sounds, sure=True)
    if like is not None:
        said = _other_names(row, [like]) or _OTHER_CENTRE
        return f"its file is the same sound as that of {_named(like)}, but {said}"
    same_text = [m for m in members if row["text_match"] and m["text_match"] == row["text_match"]]
    if not same_text:
        like = _sounding(row, members, sounds, sure=False)
        of = "another row" if like is None else _named(like)
        return f"its file sounds like that of {of}, but not surely the same: listen to both"
    near = _likest(row, same_text)
    said = (
        _other_duration(row, near)
        or _other_names(row, same_text)
        or _same_release(row, same_text)
        or _no_duration(row, near)
        or _BEATEN
    )
    return f"artist and title agree, but {said}"


def _sounding(
    row: dict[str, Any], members: Sequence[dict[str, Any]], sounds: Heard, *, sure: bool
) -> dict[str, Any] | None:
    """The first of the members with a file that is (`sure`), or may be, the same sound."""
    mine = row["file_sha256"]
    return next((m for m in members if sounds.get((mine, m["file_sha256"])) is sure), None)


def _by_sound(like: dict[str, Any] | None) -> str:
    if like is None:
        return "met rows by its code, id or text of which a file is the same sound as another's"
    return f"its file is the same sound as that of {_named(like)}"


def _named(row: dict[str, Any]) -> str:
    return f"{row['source']}:{row['source_key']} (“{row['title']}”)"


_OTHER_CENTRE = (
    "codes or ids of their recordings differ, or it sounds like more of another recording"
)


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
