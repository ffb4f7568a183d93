"""Collections of the Library of Congress as JSON: items with title, year, contributors and rights
(docs/formats/dumps-library-of-congress.md).

Three forms: items as objects (``{"items": [{"id": …}]}``), as lists under headings with numbered
names (``itemHeadings``, ``groups``), and pages of the loc.gov API (``{"results": […]}``). A file is
read whole; the keys of the items are held to know those that several collections have.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.rights import Claim
from phonotheque.sources.contributors import author_values, performers
from phonotheque.sources.readers import Reader
from phonotheque.sources.record_blocks import gather
from phonotheque.sources.records import Block
from phonotheque.sources.stated import ClaimValue, claim_value, recorded_by, rights_statement
from phonotheque.sources.streams import BROKEN, open_stream, read_head

__all__ = ["LOC_COLLECTION"]

COLUMNS = [
    "source_key", "title", "artist_credit", "artists", "year", "collection", "licence", "claims",
]  # fmt: skip
UNKNOWN = "[unknown]"
WITNESS = "loc"
_JUKEBOX = "jukebox-"
MAX_FILE_BYTES = 256 << 20

_ENDINGS = (".json", ".json.gz", ".json.bz2", ".json.xz", ".json.zst")
_YEAR = re.compile(r"(?<!\d)(1[89]\d{2}|20\d{2})(?!\d)")
_MARKS = (b'"packages"', b'"segmentCount"', b'"itemHeadings"', b"loc.gov/item/")
_SHAPES = (b'"items"', b'"results"', b'"clips"', b'"itemHeadings"')
_RIGHTS = ("rights", "rights_information", "rights_advisory")
_NAMES = ("contributors", "contributor_names", "contributor")

Item = dict[str, Any]


def _recognises(path: Path, head: bytes) -> bool:
    if path.is_dir():
        first = next(iter(_files(path)), None)
        return first is not None and _is_collection(read_head(first))
    return _is_collection(head)


def _is_collection(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    return start and any(m in head for m in _MARKS) and any(shape in head for shape in _SHAPES)


def _files(path: Path) -> list[Path]:
    """The JSON files of a folder in the order of their names, or the file itself."""
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.iterdir() if p.name.endswith(_ENDINGS) and p.is_file())


def _iter_blocks(path: Path, after: int) -> Iterator[Block | Finding]:
    yield from gather(_rows(path, after), COLUMNS)


def _rows(path: Path, after: int) -> Iterator[tuple[int, list[dict[str, Any]]] | Finding]:
    number = 0
    seen: set[str] = set()
    for file in _files(path):
        items = _read_items(file)
        if isinstance(items, Finding):
            if number >= after:
                yield items
            continue
        for item in items:
            number += 1
            key = _key(item) if isinstance(item, dict) else None
            repeated = key in seen
            if key:
                seen.add(key)
            if number > after:
                yield _row(item, key, repeated, file, number)


def _row(
    item: Any, key: str | None, repeated: bool, file: Path, number: int
) -> tuple[int, list[dict[str, Any]]] | Finding:
    if key is None:
        text = "the item has no id and no link to one; it is left out"
        return Finding(FindingCode.ROW_NO_KEY, Severity.ERROR, file.name, text, number)
    if repeated:
        text = f"{key} was in a collection before this one as well; its first row counts"
        return Finding(FindingCode.ROW_DUPLICATE_KEY, Severity.WARNING, file.name, text, number)
    written = next((names for n in _NAMES if (names := _texts(item.get(n)))), [])
    names = performers(written)
    dated = " ".join(_texts(item.get("year")) or _texts(item.get("date")))
    year = _YEAR.search(dated)
    rights = [text for name in _RIGHTS for text in _texts(item.get(name))]
    said = dict.fromkeys(text for text in rights if rights_statement(text) is None)
    credited = [{"key": None, "name": name, "join": "; "} for name in names]
    if credited:
        credited[-1]["join"] = ""
    row = {
        "source_key": key,
        "title": next(iter(_texts(item.get("title"))), None),
        "artist_credit": "; ".join(names) or UNKNOWN,
        "artists": credited or None,
        "year": int(year[0]) if year else None,
        "collection": file.name.partition(".")[0],
        "licence": " ".join(said) or None,
        "claims": [
            *_dates(key, int(year[0]) if year else None, dated),
            *_authors(written),
            *_statements(rights),
        ],
    }
    return number, [row]


def _dates(key: str, year: int | None, dated: str) -> list[ClaimValue]:
    """The Jukebox dates its items by the day of recording; elsewhere a date may be that of the
    recording or of its publication, so that it was recorded by then is all that is said."""
    if year is None:
        return []
    if key.startswith(_JUKEBOX):
        return [claim_value(Claim.FIXED, str(year), dated, WITNESS)]
    return recorded_by(year, dated, WITNESS)


def _authors(written: list[str]) -> list[ClaimValue]:
    """Those who wrote, in the order they are named. That there were no others is not said."""
    claims = [
        claim_value(Claim.AUTHOR, value, text, WITNESS)
        for text in written
        for value in author_values(text)
    ]
    return list({claim["value"]: claim for claim in reversed(claims)}.values())[::-1]


def _statements(rights: list[str]) -> list[ClaimValue]:
    found = {rights_statement(text): text for text in rights}
    return [
        claim_value(Claim.STATEMENT, statement, text, WITNESS)
        for statement, text in found.items()
        if statement
    ]


def _key(item: Item) -> str | None:
    """The id of an item: given, or the last part of its link, or the name of its file."""
    for name in ("id", "url", "filename"):
        for text in _texts(item.get(name)):
            path = PurePosixPath(text.partition("?")[0])
            key = path.stem if name == "filename" else path.name
            if key:
                return key
    return None


def _texts(value: Any) -> list[str]:
    """The texts in a value: one, a list, or nothing."""
    values = value if isinstance(value, list) else [value]
    return [str(v).strip() for v in values if isinstance(v, str | int) and str(v).strip()]


# -------------------------------------------------------------------------------------- one file


def _read_items(path: Path) -> list[Any] | Finding:
    try:
        with open_stream(path) as stream:
            text = stream.read(MAX_FILE_BYTES + 1)
        if len(text) > MAX_FILE_BYTES:
            raise ValueError(f"it is longer than {MAX_FILE_BYTES} bytes")
        return _items_of(msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf")))
    except (*BROKEN, ValueError, msgspec.MsgspecError, RecursionError) as error:
        message = f"cannot be read as a collection ({error}); get it again"
        return Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, path.name, message)


def _items_of(document: Any) -> list[Any]:
    """The items of a collection, in any of the three forms, with the rights of all of them."""
    if not isinstance(document, dict):
        raise ValueError("it is no object")
    found = document.get("items", document.get("results"))
    if found is None and isinstance(document.get("item"), dict):
        found = [document["item"]]
    if not isinstance(found, list):
        raise ValueError("it has no items")
    headings = document.get("itemHeadings")
    if isinstance(headings, list):
        found = [_under_headings(values, headings, document) for values in found]
    rights = {name: document[name] for name in _RIGHTS if name in document}
    return [rights | item if isinstance(item, dict) else item for item in found]


def _under_headings(values: Any, headings: list[Any], document: Item) -> Any:
    """A list of values as an object; numbers in listed columns stand for names of a group."""
    if not isinstance(values, list):
        return values
    groups, lists = document.get("groups"), document.get("lists")
    item = dict(zip(map(str, headings), values, strict=False))
    if not isinstance(groups, dict) or not isinstance(lists, list):
        return item
    for name in lists:
        names = groups.get(name) if isinstance(name, str) else None
        numbers = item.get(name) if isinstance(name, str) else None
        if isinstance(names, list) and isinstance(numbers, list):
            item[name] = [names[n] for n in numbers if type(n) is int and 0 <= n < len(names)]
    return item


LOC_COLLECTION = Reader(
    "loc-collection",
    "rows",
    "Library of Congress collections, JSON: one row an item",
    False,
    _recognises,
    _iter_blocks,
)
