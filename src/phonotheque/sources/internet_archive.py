"""Items of the Internet Archive as rows, one an original audio file
(docs/formats/dumps-internet-archive.md)."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.rights import Claim
from phonotheque.sources.internet_archive_items import AUDIO, Item, iter_items, looks_like_items
from phonotheque.sources.readers import Reader
from phonotheque.sources.record_blocks import gather
from phonotheque.sources.records import Block
from phonotheque.sources.stated import claim_value, recorded_by, rights_statement

__all__ = ["INTERNET_ARCHIVE"]

COLUMNS = [
    "source_key", "title", "artist_credit", "artists", "release_title", "release_artist",
    "release_key", "release_year", "genres", "position", "position_text", "duration_ms",
    "collection", "licence", "claims",
]  # fmt: skip
UNKNOWN = "[unknown]"
WITNESS = "internet-archive"
_SURE = 0.4
"""Whoever uploads an item dates it: by its recording, its release, its composition, or the upload.
So it is shown, and bears nothing out."""
_YEAR = re.compile(r"[1-9]\d{3}(?!\d)")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d+)?)")
_NUMBER = re.compile(r"0*(\d{1,5})(?:\s*(?:/|of)\s*\d*)?")

Texts = dict[str, list[str]]


def _iter_blocks(path: Path, after: int) -> Iterator[Block | Finding]:
    yield from gather(_records(path, after), COLUMNS)


def _records(path: Path, after: int) -> Iterator[tuple[int, list[dict[str, Any]]] | Finding]:
    for found in iter_items(path, after):
        if isinstance(found, Finding):
            yield found
            continue
        number, item = found
        identifier = _first(item.metadata, "identifier")
        rows = _item_rows(item, identifier) if identifier else []
        if rows:
            yield number, rows
        elif identifier:
            text = f"{identifier} has no original audio file; it is left out"
            yield Finding(FindingCode.ROW_NO_TRACKS, Severity.INFO, path.name, text, number)
        else:
            text = "the item has no identifier; get it again"
            yield Finding(FindingCode.ROW_NO_KEY, Severity.ERROR, path.name, text, number)


def _item_rows(item: Item, identifier: str) -> list[dict[str, Any]]:
    about = item.metadata
    creators = [creator for creator in about.get("creator", ()) if creator]
    year = _YEAR.match(_first(about, "year") or _first(about, "date") or "")
    rights = _first(about, "licenseurl") or _first(about, "rights")
    statement = rights_statement(rights or "")
    claims = recorded_by(int(year[0]) if year else None, year[0] if year else "", WITNESS, _SURE)
    if statement and rights:
        claims.append(claim_value(Claim.STATEMENT, statement, rights, WITNESS))
    shared: dict[str, Any] = {
        "release_title": _first(about, "title"),
        "release_artist": "; ".join(creators) or None,
        "release_key": identifier,
        "release_year": int(year[0]) if year else None,
        "collection": _first(about, "collection"),
        "licence": None if statement else rights,
        "claims": claims,
    }
    return [
        shared | _file_row(file, name, identifier, creators)
        for file in item.files
        if (name := _first(file, "name"))
        and _first(file, "source") == "original"
        and PurePosixPath(name).suffix.lower() in AUDIO
    ]


def _file_row(file: Texts, name: str, identifier: str, creators: list[str]) -> dict[str, Any]:
    """What a file says of itself; where it names no artist, the creators of the item are it."""
    track = _first(file, "track")
    number = _NUMBER.fullmatch(track or "")
    artist = _first(file, "artist") or _first(file, "creator")
    album = _first(file, "album")
    return ({"release_title": album} if album else {}) | {
        "source_key": f"{identifier}/{name}",
        "title": _first(file, "title") or PurePosixPath(name).stem,
        "artist_credit": artist or "; ".join(creators) or UNKNOWN,
        "artists": _credited(creators) if not artist and len(creators) > 1 else None,
        "genres": [genre for genre in file.get("genre", ()) if genre] or None,
        "position": int(number[1]) or None if number else None,
        "position_text": None if number else track,
        "duration_ms": _milliseconds(_first(file, "length") or ""),
    }


def _credited(names: list[str]) -> list[dict[str, str | None]]:
    """Several creators as artists that are known by name."""
    joins = ["; "] * (len(names) - 1) + [""]
    pairs = zip(names, joins, strict=True)
    return [{"key": None, "name": name, "join": join} for name, join in pairs]


def _first(texts: Texts, name: str) -> str | None:
    return next((text for text in texts.get(name, ()) if text), None)


def _milliseconds(length: str) -> int | str | None:
    """Of "3:45", "1:02:03" or seconds ("225.33"); other text as it is, which no number stage
    accepts."""
    match = _CLOCK.fullmatch(length)
    try:
        seconds = float(match[3] if match else length or 0)
        if match:
            seconds += int(match[1] or 0) * 3600 + int(match[2]) * 60
        return round(seconds * 1000) or None
    except (ValueError, OverflowError):
        return length


INTERNET_ARCHIVE = Reader(
    "internet-archive",
    "rows",
    "Internet Archive items: _meta.xml and _files.xml, or JSON of the metadata API",
    False,
    looks_like_items,
    _iter_blocks,
)
