"""The MTG-Jamendo dataset: ``raw.meta.tsv`` (names), ``raw.tsv`` or ``autotagging.tsv`` (durations,
tags) and ``audio_licenses.txt``, joined on the track; docs/formats/dumps-jamendo.md.

Durations, tags and licences are held in memory while the names are read: 100 MB for all 56,639
tracks, measured; the names stream.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.readers import Reader
from phonotheque.sources.record_blocks import gather, in_words
from phonotheque.sources.records import Block
from phonotheque.sources.streams import iter_lines, open_stream, until_broken

__all__ = ["MTG_JAMENDO"]

META = "raw.meta.tsv"
LICENCES = "audio_licenses.txt"
FACTS = ("raw.tsv", "raw_30s.tsv", "autotagging.tsv")
"""The first of these that is there gives durations and tags; each has more tracks than the next."""

COLUMNS = [
    "source_key", "title", "artist_credit", "artists", "release_title", "release_key",
    "release_year", "genres", "duration_ms", "licence",
]  # fmt: skip
_HEADER = b"TRACK_ID\tARTIST_ID\tALBUM_ID\tTRACK_NAME\tARTIST_NAME"
_FIELDS = 8
_LINE_BYTES = 1 << 16
_AUDIO = re.compile(r"(?:\d\d/)?(\d+)(?:\.low)?\.mp3")
_YEAR = re.compile(r"[1-9]\d{3}(?=-|$)")
_GENRE = "genre---"


class _Facts(NamedTuple):
    """What the tables beside the names say of a track."""

    duration_ms: int | str | None
    genres: list[str] | None


def _recognises(path: Path, head: bytes) -> bool:
    return _find(path, META) is not None if path.is_dir() else head.startswith(_HEADER)


def _iter_blocks(path: Path, after: int) -> Iterator[Block | Finding]:
    """`path`: the folder of the dataset, or its raw.meta.tsv."""
    meta = (_find(path, META) or path / META) if path.is_dir() else path
    facts, wrong = _read_facts(meta.parent)
    licences, unread = _read_licences(_find(meta.parent, LICENCES) or _find(path, LICENCES))
    if after == 0:
        yield from map(in_words, (*wrong, *unread))
    yield from gather(_rows(meta, facts, licences, after), COLUMNS)


def _find(folder: Path, name: str) -> Path | None:
    """The file in the folder, its ``data`` or the folder above, compressed or not."""
    for place in (folder, folder / "data", folder.parent):
        for ending in ("", ".gz", ".xz", ".zst", ".bz2"):
            if (place / f"{name}{ending}").is_file():
                return place / f"{name}{ending}"
    return None


def _rows(
    path: Path, facts: dict[int, _Facts], licences: dict[int, str], after: int
) -> Iterator[tuple[int, list[dict[str, Any]]] | Finding]:
    for item in _lines(path):
        if isinstance(item, Finding):
            if item.row is None or item.row > after:
                yield item
            continue
        number, fields = item
        if number <= after:
            continue
        if len(fields) == _FIELDS + 1 and not fields[4]:
            del fields[4]  # two lines of the dataset have an empty field too many there
        track = _identifier(fields[0])
        if len(fields) != _FIELDS:
            what = f"has {len(fields)} fields, the header has {_FIELDS}"
            yield _unreadable(path, number, what)
        elif track is None:
            text = "the row has no TRACK_ID; mend it and ingest again"
            yield Finding(FindingCode.ROW_NO_KEY, Severity.ERROR, path.name, text, number)
        else:
            known = facts.get(track, _Facts(None, None))
            yield number, [_row(fields, known, licences.get(track))]


def _row(fields: list[str], facts: _Facts, licence: str | None) -> dict[str, Any]:
    key, artist, album, title, name, release, released, _ = fields
    year = _YEAR.match(released)
    credited = [{"key": f"jamendo:{artist}", "name": name, "join": ""}] if artist and name else None
    return {
        "source_key": key,
        "title": title or None,
        "artist_credit": name or None,
        "artists": credited,
        "release_title": release or None,
        "release_key": album or None,
        "release_year": int(year[0]) if year else None,
        "genres": facts.genres,
        "duration_ms": facts.duration_ms,
        "licence": licence,
    }


def _read_facts(folder: Path) -> tuple[dict[int, _Facts], list[Finding]]:
    """Durations and genres by track, from the largest table there is."""
    path = next((found for name in FACTS if (found := _find(folder, name))), None)
    facts: dict[int, _Facts] = {}
    findings: list[Finding] = []
    for item in _lines(path) if path else ():
        if isinstance(item, Finding):
            findings.append(item)
            continue
        number, fields = item
        track = _identifier(fields[0])
        if track is None or len(fields) < 5:
            what = f"has {len(fields)} fields and no TRACK_ID first, or fewer than 5"
            findings.append(_unreadable(path or folder, number, what))
            continue
        genres = [tag.removeprefix(_GENRE) for tag in fields[5:] if tag.startswith(_GENRE)]
        facts[track] = _Facts(_milliseconds(fields[4]), genres or None)
    return facts, findings


def _read_licences(path: Path | None) -> tuple[dict[int, str], list[Finding]]:
    """What ``audio_licenses.txt`` says of each track, as written: a line with the path of its
    audio, then lines of who and under which licence, to the next empty line."""
    licences: dict[int, str] = {}
    findings: list[Finding] = []
    texts: dict[str, str] = {}  # there are few, and many tracks to each
    track, begun = None, 0
    for item in _texts(path) if path else ():
        if isinstance(item, Finding):
            findings.append(item)
            continue
        number, text = item[0], item[1].strip()
        if match := _AUDIO.fullmatch(text):
            track, begun = int(match[1]), number
        elif track is not None and number > begun + 1 and "licen" in text.lower():
            licences.setdefault(track, texts.setdefault(text, text))
    return licences, findings


def _lines(path: Path) -> Iterator[tuple[int, list[str]] | Finding]:
    """(number from 1 behind the header, fields) of a table; quotes have no meaning in it."""
    for item in _texts(path):
        if isinstance(item, Finding):
            yield item
        elif item[0] and item[1]:
            yield item[0], item[1].split("\t")


def _texts(path: Path) -> Iterator[tuple[int, str] | Finding]:
    """(number from 0, line) of a UTF-8 text; None of a line that is none."""
    with open_stream(path) as stream:
        number = -1
        for batch in until_broken(iter_lines(stream, _LINE_BYTES), path.name):
            if isinstance(batch, Finding):
                yield batch
                continue
            for line in batch:
                number += 1
                text = _decoded(line)
                yield _unreadable(path, number, "is no UTF-8") if text is None else (number, text)


def _decoded(line: bytes | None) -> str | None:
    try:
        return None if line is None else line.decode("utf-8-sig").rstrip("\r")
    except UnicodeDecodeError:
        return None


def _identifier(text: str) -> int | None:
    """214 of "track_0000214"."""
    head, _, digits = text.rpartition("_")
    return int(digits) if head == "track" and digits.isascii() and digits.isdigit() else None


def _milliseconds(seconds: str) -> int | str | None:
    """Of "124.6" seconds; other text as it is, which no number stage accepts."""
    try:
        return round(float(seconds) * 1000) or None
    except (ValueError, OverflowError):
        return seconds or None


def _unreadable(path: Path, number: int, what: str) -> Finding:
    text = f"the row {what}; mend it and ingest again"
    return Finding(FindingCode.ROW_UNREADABLE, Severity.ERROR, path.name, text, number)


MTG_JAMENDO = Reader(
    "mtg-jamendo",
    "rows",
    "MTG-Jamendo dataset: raw.meta.tsv with durations and licences beside it",
    True,
    _recognises,
    _iter_blocks,
)
