"""The monthly dumps of Discogs: releases, artists and masters (docs/formats/dumps-discogs.md).

One ``.xml.gz`` each, read as a stream; the releases are some 60 GB unpacked. A record is one
release, artist or master, and rows carry its number in the file.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.discogs_credits import ARTIST_KEY, credit, plain_name
from phonotheque.sources.discogs_releases import COLUMNS, release_rows, unplaced_codes
from phonotheque.sources.readers import Reader
from phonotheque.sources.record_blocks import gather
from phonotheque.sources.records import Block
from phonotheque.sources.streams import open_stream, until_broken
from phonotheque.sources.xml_records import iter_elements

__all__ = ["DISCOGS_ARTISTS", "DISCOGS_MASTERS", "DISCOGS_RELEASES"]

BLOCK_ROWS = 16_384
"""Smaller than other readers' blocks: the rows of a release are long."""

_UNREAD = ("images", "videos", "notes", "profile", "extraartists", "companies", "urls")
"""What is not kept, links to other services among it."""

Row = dict[str, Any]
Pick = Callable[[Element, str, int], "tuple[list[Row], list[Finding]]"]


def _reader(entity: str, kind: str, about: str, names: Sequence[str], pick: Pick) -> Reader:
    tag = entity.removesuffix("s")
    root = re.compile(rb"^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<" + entity.encode() + rb"\s*>")

    def recognises(path: Path, head: bytes) -> bool:
        return bool(root.match(head)) or (
            path.name.startswith("discogs_") and f"<{tag} ".encode() in head
        )

    def iter_blocks(path: Path, after: int) -> Iterator[Block | Finding]:
        with open_stream(path) as stream:
            elements = iter_elements(stream, tag, path.name, after, _UNREAD)
            elements = until_broken(elements, path.name)
            yield from gather(_records(elements, path.name, pick), names, BLOCK_ROWS)

    return Reader(f"discogs-{entity}", kind, about, True, recognises, iter_blocks)


def _records(
    elements: Iterator[tuple[int, Element] | Finding], where: str, pick: Pick
) -> Iterator[tuple[int, list[Row]] | Finding]:
    for item in elements:
        if isinstance(item, Finding):
            yield item
            continue
        number, element = item
        rows, findings = pick(element, where, number)
        yield from findings
        if rows:
            yield number, rows


def _releases(element: Element, where: str, number: int) -> tuple[list[Row], list[Finding]]:
    key = _identifier(element)
    if key is None:
        return [], [_no_key("release", where, number)]
    rows = release_rows(element, key)
    if not rows:
        text = f"release {key} has no track; add its tracklist at Discogs"
        return [], [Finding(FindingCode.ROW_NO_TRACKS, Severity.INFO, where, text, number)]
    findings = [
        Finding(
            FindingCode.ISRC_NO_TRACK,
            Severity.INFO,
            where,
            f"{code} of release {key} names no track of it and is left out; at Discogs, give the"
            " position of the track as its description",
            number,
        )
        for code in unplaced_codes(element, rows)
    ]
    return rows, findings


def _artists(element: Element, where: str, number: int) -> tuple[list[Row], list[Finding]]:
    key = _identifier(element)
    if key is None:
        return [], [_no_key("artist", where, number)]
    name = plain_name(element.findtext("name") or "")
    written = [plain_name(e.text or "") for e in element.iterfind("namevariations/name")]
    aliases = [alias for alias in dict.fromkeys(written) if alias and alias != name]
    row = {"source_key": ARTIST_KEY.format(key), "name": name or None, "aliases": aliases}
    return [row], []


def _masters(element: Element, where: str, number: int) -> tuple[list[Row], list[Finding]]:
    key = _identifier(element)
    if key is None:
        return [], [_no_key("master", where, number)]
    year = (element.findtext("year") or "").strip()
    row = {
        "source_key": key,
        "title": element.findtext("title"),
        "artist_credit": credit(element.find("artists"))[0],
        "year": year if year.strip("0") else None,
    }
    return [row], []


def _identifier(element: Element) -> str | None:
    """The id of a record: an attribute of releases and masters, an element of artists."""
    key = (element.get("id") or element.findtext("id") or "").strip()
    return key if key.isascii() and key.isdigit() and int(key) else None


def _no_key(entity: str, where: str, number: int) -> Finding:
    text = f"the {entity} has no id and is left out; get a sound copy of the dump"
    return Finding(FindingCode.ROW_NO_KEY, Severity.ERROR, where, text, number)


DISCOGS_RELEASES = _reader(
    "releases", "rows", "Discogs releases, monthly XML: one row a track", COLUMNS, _releases
)
DISCOGS_ARTISTS = _reader(
    "artists",
    "artists",
    "Discogs artists, monthly XML: names and name variations",
    ["source_key", "name", "aliases"],
    _artists,
)
DISCOGS_MASTERS = _reader(
    "masters",
    "groups",
    "Discogs masters, monthly XML: what releases are versions of",
    ["source_key", "title", "artist_credit", "year"],
    _masters,
)
