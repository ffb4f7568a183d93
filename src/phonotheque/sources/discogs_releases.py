"""One release of the Discogs dump as rows, one a track.

Rows: tracks and sub-tracks. No rows: headings (no position, no duration, while other tracks of the
release have a position) and index tracks, which only hold sub-tracks together; an index track
whose sub-tracks have no durations while it has one is what can be heard, so it is a row as well.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from phonotheque.model.identifiers import parse_gtin
from phonotheque.sources.discogs_credits import Credited, credit, plain_name
from phonotheque.sources.discogs_positions import Places, parse_duration
from phonotheque.sources.stated import ClaimValue, published_by, recorded_by

__all__ = ["COLUMNS", "release_rows", "unplaced_codes"]

COLUMNS = [
    "source_key", "title", "artist_credit", "artists", "release_title",
    "release_artist", "release_key", "release_group", "release_year",
    "release_country", "label", "barcode", "genres", "disc",
    "position", "position_text", "duration_ms", "isrcs", "claims",
]  # fmt: skip

WITNESS = "discography:discogs"
_NO_PUBLICATION = frozenset(
    ["Unofficial Release", "Promo", "Test Pressing", "White Label", "Acetate", "Lathe Cut"]
)
_YEAR = re.compile(r"[1-9]\d{3}(?!\d)")
_TRACK_WORD = re.compile(r"^\s*(?:isrc\b)?[\s:]*(?:tracks?\b)?[\s:.#]*", re.IGNORECASE)
_TOKEN = re.compile(r"[^\s,;:]+")

Row = dict[str, Any]


class _Track(NamedTuple):
    """A track, index track or sub-track; `under`: the index track that a sub-track is of."""

    position: str
    title: str
    duration: str
    artists: Element | None
    sub_tracks: Element | None
    under: "_Track | None"

    @property
    def silent(self) -> bool:
        """An index track that only holds its sub-tracks together."""
        subs = self.sub_tracks
        return subs is not None and (
            not self.duration or any((sub.findtext("duration") or "").strip() for sub in subs)
        )


def release_rows(release: Element, key: str) -> list[Row]:
    """The tracks of ``<release>``; empty where its tracklist names none. `key`: the release's id.

    Keys are ``<release>-<ordinal>``: tracks, sub-tracks and index tracks counted from 1.
    """
    shared, artists = _release_columns(release, key)
    tracks = list(_tracks(release.find("tracklist")))
    codes = _codes(release)
    placed = _placed_codes(codes, tracks)
    places = Places(several=_discs(release) > 1)
    rows = []
    for ordinal, track in enumerate(tracks, 1):
        if track.silent:
            continue
        disc, position, text = places.place(track.position, part=track.under is not None)
        named, credited = _track_credit(track)
        rows.append(
            shared
            | {
                "source_key": f"{key}-{ordinal}",
                "title": _title(track) or None,
                "artist_credit": named or shared["release_artist"],
                "artists": credited or artists,
                "disc": disc,
                "position": position,
                "position_text": text,
                "duration_ms": parse_duration(track.duration),
                "isrcs": placed.get(ordinal),
            }
        )
    return rows


def unplaced_codes(release: Element, rows: Sequence[Row]) -> list[str]:
    """The ISRCs of the release that name no track of it, as written."""
    placed = {code for row in rows for code in row["isrcs"] or ()}
    return [code for code, _ in _codes(release) if code not in placed]


def _release_columns(release: Element, key: str) -> tuple[Row, list[Credited] | None]:
    """The columns that all tracks of the release share, and its artists."""
    release_artist, artists = credit(release.find("artists"))
    labels = [plain_name(label.get("name") or "") for label in release.iterfind("labels/label")]
    genres = [e.text for e in release.iterfind("genres/genre") if e.text]
    genres += [e.text for e in release.iterfind("styles/style") if e.text]
    year = _YEAR.match(release.findtext("released") or "")
    group = (release.findtext("master_id") or "").strip()
    columns = {
        "release_title": release.findtext("title"),
        "release_artist": release_artist,
        "release_key": key,
        "release_group": group if group.isdigit() and int(group) else None,
        "release_year": int(year[0]) if year else None,
        "release_country": release.findtext("country"),
        "label": "; ".join(dict.fromkeys(filter(None, labels))) or None,
        "barcode": _barcode(release),
        "genres": genres or None,
        "claims": _claims(release, int(year[0]) if year else None) or None,
    }
    return columns, artists


def _claims(release: Element, year: int | None) -> list[ClaimValue]:
    """A release says that its recordings were published by its year, whatever came before; one
    that was no lawful publication, or none at all, that they were made by then."""
    kinds = {e.text or "" for e in release.iterfind("formats/format/descriptions/description")}
    names = {e.get("name") or "" for e in release.iterfind("formats/format")}
    stated = recorded_by if (kinds | names) & _NO_PUBLICATION else published_by
    return stated(year, release.findtext("released") or "", WITNESS)


def _tracks(tracklist: Element | None) -> Iterator[_Track]:
    """The tracks, index tracks and sub-tracks of a tracklist, in its order; no headings."""
    every = [_read_track(e) for e in (tracklist if tracklist is not None else ())]
    # where no track has a position, those without one are no headings
    positions = any(t.position or t.sub_tracks is not None for t in every)
    for track in every:
        if track.sub_tracks is None:
            if track.position or track.duration or not positions:
                yield track
            continue
        yield track
        yield from (_read_track(part, track) for part in track.sub_tracks)


def _read_track(track: Element, under: _Track | None = None) -> _Track:
    parts = {child.tag: child for child in track}
    texts = [
        (child.text or "").strip() if (child := parts.get(name)) is not None else ""
        for name in ("position", "title", "duration")
    ]
    subs = parts.get("sub_tracks")
    subs = subs if subs is not None and len(subs) else None
    return _Track(texts[0], texts[1], texts[2], parts.get("artists"), subs, under)


def _title(track: _Track) -> str:
    """A sub-track is named after its index track as well: "12 Etudes: Nr. 1 C-Dur"."""
    above = track.under.title if track.under else ""
    return f"{above}: {track.title}" if above and track.title else track.title or above


def _track_credit(track: _Track) -> tuple[str | None, list[Credited] | None]:
    """The credit of a track, else that of its index track; (None, None): the release's."""
    artists = track.artists
    if artists is None and track.under is not None:
        artists = track.under.artists
    return credit(artists) if artists is not None else (None, None)


def _discs(release: Element) -> int:
    """How many discs, tapes and so on the release has; files are none."""
    formats = [e for e in release.iterfind("formats/format") if e.get("name") != "File"]
    quantities = [e.get("qty") or "1" for e in formats]
    return sum(int(q) if q.isdecimal() and len(q) < 4 else 1 for q in quantities)


def _barcode(release: Element) -> str | None:
    """The first barcode whose check digit holds, else the first one."""
    codes = [
        (e.get("value") or "").strip()
        for e in release.iterfind("identifiers/identifier")
        if e.get("type") == "Barcode"
    ]
    return next((c for c in codes if parse_gtin(c)), next(filter(None, codes), None))


def _codes(release: Element) -> list[tuple[str, str]]:
    """(ISRC as written, what the release says of it)."""
    return [
        ((e.get("value") or "").strip(), (e.get("description") or "").strip())
        for e in release.iterfind("identifiers/identifier")
        if e.get("type") == "ISRC" and (e.get("value") or "").strip()
    ]


def _placed_codes(
    codes: Sequence[tuple[str, str]], tracks: Sequence[_Track]
) -> dict[int, list[str]]:
    """ISRCs by the ordinal of their track: that whose position the description names, or the only
    one. Nothing is guessed from the order of the codes."""
    placed: dict[int, list[str]] = {}
    if not codes:
        return placed
    known: dict[str, int] = {}
    for ordinal, track in enumerate(tracks, 1):
        known.setdefault(_plain_position(track.position), ordinal)
    known.pop("", None)
    for code, description in codes:
        token = _TOKEN.match(_TRACK_WORD.sub("", description))
        found = known.get(_plain_position(token[0])) if token else None
        if found is None and len(tracks) == 1:  # then it is no index track
            found = 1
        if found is not None:
            placed.setdefault(found, []).append(code)
    return placed


def _plain_position(text: str) -> str:
    """A position for comparing: "01" is "1", "a2" is "A2"."""
    return text.strip(" .()[]").upper().lstrip("0")
