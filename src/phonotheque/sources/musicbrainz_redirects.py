"""MBIDs that were merged into others (docs/formats/dumps-musicbrainz.md)."""

from collections.abc import Iterator
from pathlib import Path

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.identifiers import parse_mbid
from phonotheque.sources.records import Block
from phonotheque.sources.streams import iter_lines, iter_members, until_broken

BLOCK_ROWS = 65_536
ENTITIES = ("recording", "release", "artist")
MAX_LINE_BYTES = 1 << 16
_Row = tuple[int, str, str, str]


def entity_of(name: str) -> str | None:
    """What a table of this name is about: the one entity named in it, and no release group."""
    low = name.lower().replace("-", "_")
    if "canonical" in low or "release_group" in low:
        return None
    found = [entity for entity in ENTITIES if entity in low]
    return found[0] if len(found) == 1 else None


def iter_redirects(path: Path, after: int) -> Iterator[Block | Finding]:
    """Blocks of kind redirects: entity, old and new MBID; findings for lines that say neither."""
    held: list[_Row] = []
    for item in until_broken(_iter_lines(path, after), path.name):
        if isinstance(item, Finding):
            yield item
            continue
        held.append(item)
        if len(held) == BLOCK_ROWS:
            yield _block(held)
            held = []
    if held:
        yield _block(held)


def _block(held: list[_Row]) -> Block:
    rows, *columns = zip(*held, strict=True)
    names = ("entity", "old", "new")
    return Block(list(rows), {n: list(c) for n, c in zip(names, columns, strict=True)})


def _iter_lines(path: Path, after: int) -> Iterator[_Row | Finding]:
    """A first line without an MBID is a header and no record."""
    number = 0
    for name, stream in iter_members(path):
        entity = entity_of(name)
        columns: dict[str, int] = {"old": 0, "new": 1}
        first = True
        for lines in iter_lines(stream, MAX_LINE_BYTES):
            for line in lines:
                fields = _fields(line)
                header = first and parse_mbid(fields[0]) is None
                columns = _header(fields) if header else columns
                if first and entity is None and "entity" not in columns:
                    yield _unknown(path)
                    return
                first = False
                if header or fields == [""]:
                    continue
                number += 1
                if number > after:
                    yield _row(fields, columns, entity, path, number)


def _fields(line: bytes | None) -> list[str]:
    text = (line or b"?").decode("utf-8", "replace").strip("\r\ufeff")
    return [field.strip().strip('"') for field in text.split("\t" if "\t" in text else ",")]


def _header(fields: list[str]) -> dict[str, int]:
    """Where the columns stand: by name, else the first two."""
    names = [field.lower() for field in fields]
    places = {"old": 0, "new": 1}
    places |= {name: names.index(name) for name in ("entity", "old", "new") if name in names}
    return places


def _row(
    fields: list[str], columns: dict[str, int], entity: str | None, path: Path, number: int
) -> _Row | Finding:
    if max(columns.values()) >= len(fields):
        return _unreadable(path, number, "has too few fields")
    named = fields[columns["entity"]].lower() if "entity" in columns else entity
    old, new = (parse_mbid(fields[columns[name]]) for name in ("old", "new"))
    if named not in ENTITIES:
        return _unreadable(path, number, f"is about no {', '.join(ENTITIES)}")
    if old is None or new is None:
        return _unreadable(path, number, "lacks one of the two MusicBrainz ids")
    if old == new:
        return _unreadable(path, number, "leads from an id to itself")
    return number, str(named), old, new


def _unreadable(path: Path, number: int, what: str) -> Finding:
    message = f"the line {what}; mend it and ingest again"
    return Finding(FindingCode.ROW_UNREADABLE, Severity.ERROR, path.name, message, number)


def _unknown(path: Path) -> Finding:
    if "canonical" in path.name.lower():
        message = (
            "a table of canonical recordings says which of several ListenBrainz prefers, not "
            "that they are one; leave it out"
        )
    else:
        message = (
            "does not say what it is about; add a column entity (recording, release, artist), or "
            "put that word into the file's name"
        )
    return Finding(FindingCode.FILE_UNKNOWN_FORMAT, Severity.ERROR, path.name, message)
