"""Netlabel music as freemusi.cc lists it: ``tracks.csv`` and ``releases.csv``, joined on ``id``.

The releases are held in memory (a few hundred bytes each), and 100 bytes of each track to tell
those of one place apart; docs/formats/dumps-netlabels.md.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.readers import Reader
from phonotheque.sources.record_blocks import each_row, gather, in_words
from phonotheque.sources.records import Block, header_names, iter_records

__all__ = ["NETLABEL_CSV"]

TRACKS, RELEASES = "tracks.csv", "releases.csv"
COLUMNS = [
    "source_key", "title", "artist_credit", "release_title", "release_artist", "release_key",
    "release_year", "label", "genres", "disc", "position", "duration_ms", "licence",
]  # fmt: skip
_TRACK_COLUMNS = ("id", "disc", "track", "title", "trackartist", "duration", "trackurl")
_RELEASE_COLUMNS = ("id", "album", "artist", "year", "label", "genre", "style", "licenseurl")

Record = dict[str, Any]


def _recognises(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return (path / TRACKS).is_file() and (path / RELEASES).is_file()
    names = header_names(head.partition(b"\n")[0].decode("utf-8-sig", "replace"))
    return set(_TRACK_COLUMNS) <= set(names) and (path.parent / RELEASES).is_file()


def _iter_blocks(path: Path, after: int) -> Iterator[Block | Finding]:
    tracks = path / TRACKS if path.is_dir() else path
    releases, findings = _read_releases(tracks.parent / RELEASES)
    if after == 0:
        yield from map(in_words, findings)
    records = _joined(tracks, releases)
    yield from gather((item for item in records if _is_behind(item, after)), COLUMNS)


def _is_behind(item: tuple[int, list[Record]] | Finding, after: int) -> bool:
    row = item.row if isinstance(item, Finding) else item[0]
    return row is None or row > after


def _read_releases(path: Path) -> tuple[dict[str, Record], list[Finding]]:
    """The columns of releases by their id; of several with one id the first counts."""
    releases: dict[str, Record] = {}
    findings: list[Finding] = []
    for item in _rows(path, _RELEASE_COLUMNS):
        if isinstance(item, Finding):
            findings.append(item)
            continue
        number, row = item
        if row["id"] and releases.setdefault(row["id"], columns := _release(row)) is not columns:
            text = f"a second release {row['id']}; the first one counts"
            code = FindingCode.ROW_DUPLICATE_KEY
            findings.append(Finding(code, Severity.WARNING, path.name, text, number))
    return releases, findings


def _release(row: Record) -> Record:
    styles = [style.strip() for style in (row["style"] or "").split(",")]
    return {
        "release_title": row["album"] or None,
        "release_artist": row["artist"] or None,
        "release_year": row["year"] or None,
        "label": _known(row["label"]),
        "genres": list(dict.fromkeys(filter(None, [row["genre"], *styles]))) or None,
        "licence": row["licenseurl"] or None,
    }


def _joined(
    path: Path, releases: dict[str, Record]
) -> Iterator[tuple[int, list[Record]] | Finding]:
    """Every line of tracks.csv: its row, or a finding that says why there is none."""
    held: dict[str, list[tuple[str, str]]] = {}  # place: what stands there, in order
    for item in _rows(path, _TRACK_COLUMNS):
        if isinstance(item, Finding):
            yield item
            continue
        number, row = item
        place = f"{row['id']}/{row['disc']}-{row['track']}"
        mine = (row["title"], row["trackurl"])
        others = held.setdefault(place, [])
        if not row["id"]:
            yield _left_out(FindingCode.ROW_NO_KEY, path, number, "has no id; give it its release")
        elif mine in others:
            text = f"is track {place} once more, with the same title and file"
            yield _left_out(FindingCode.ROW_DUPLICATE_KEY, path, number, text)
        else:
            others.append(mine)
            key = place if len(others) == 1 else f"{place}.{len(others)}"
            yield number, [_track(row, key, releases.get(row["id"], {}))]


def _track(row: Record, key: str, release: Record) -> Record:
    seconds = row["duration"].strip()
    return release | {
        "source_key": key,
        "title": row["title"] or None,
        "artist_credit": row["trackartist"] or release.get("release_artist"),
        "release_key": row["id"],
        "disc": _known(row["disc"]),
        "position": _known(row["track"]),
        "duration_ms": int(seconds) * 1000 or None if seconds.isdecimal() else seconds or None,
    }


def _rows(path: Path, names: tuple[str, ...]) -> Iterator[tuple[int, Record] | Finding]:
    """(row number, the row) of a CSV file, empty fields as empty text."""
    for item in each_row(iter_records(path, names), names):
        if isinstance(item, Finding):
            yield item
        else:
            yield item[0], {name: value or "" for name, value in item[1].items()}


def _known(text: str) -> str | None:
    """None for what these tables write where they know nothing."""
    return None if text in ("", "0", "?") else text


def _left_out(code: FindingCode, path: Path, number: int, what: str) -> Finding:
    return Finding(code, Severity.WARNING, path.name, f"the row {what}; it is left out", number)


NETLABEL_CSV = Reader(
    "netlabel-csv",
    "rows",
    "Netlabel tracks.csv and releases.csv (freemusi.cc), a folder or tracks.csv",
    True,
    _recognises,
    _iter_blocks,
)
