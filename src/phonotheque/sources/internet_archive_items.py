"""Items of the Internet Archive wherever their metadata lies, as two XML files or one JSON.

An item is ``<id>_meta.xml`` with ``<id>_files.xml`` beside it, or what the metadata API answers,
``{"metadata": {…}, "files": […]}``. They lie in a folder (any depth), in a tar, in one JSON file,
or one a line in JSON Lines. Items are counted from 1: in a folder in the order of their paths, in
a tar when both halves were seen.
"""

import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.streams import (
    BROKEN,
    is_tar,
    iter_lines,
    iter_members,
    open_stream,
    read_head,
    until_broken,
)
from phonotheque.sources.xml_records import parse_element

__all__ = ["AUDIO", "Item", "iter_items", "looks_like_items"]

AUDIO = frozenset(
    [
        ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".ape", ".au", ".flac", ".m4a", ".mka", ".mp2",
        ".mp3", ".mpc", ".oga", ".ogg", ".opus", ".ra", ".shn", ".snd", ".spx", ".tta", ".wav",
        ".wma", ".wv",
    ]
)  # fmt: skip
"""Endings of audio files; what derivatives the Archive makes of them is its own affair."""

META, FILES = "_meta.xml", "_files.xml"
MAX_DOCUMENT_BYTES = 64 << 20
"""A longer document is refused: an item of a million files has less."""
LOOKED_AT = 1_000
MAX_WAITING = 10_000
"""Halves of items that may wait in a tar for their other halves."""

_JSON = (".json", ".jsonl", ".ndjson")
_PACKED = (".gz", ".bz2", ".xz", ".zst")
_TAR_NAME = re.compile(rb"_(?:meta|files)\.xml\0")
_KEYS = (b'"metadata"', b'"files_count"', b'"item_last_updated"')

Texts = dict[str, list[str]]


class Item(NamedTuple):
    """An item's metadata and its files, every value as a list of texts."""

    metadata: Texts
    files: list[Texts]


Opened = Callable[[], IO[bytes]]
Source = tuple[str, tuple[Callable[[], bytes], ...]]
"""Name of a document and its one (JSON) or two (XML) contents, read only when they are wanted."""


def iter_items(path: Path, after: int = 0) -> Iterator[tuple[int, Item] | Finding]:
    """(number, item) of all behind the first `after`, or a finding. Memory: one item; of a tar,
    the halves that wait for their others."""
    number = 0
    for source in _sources(path):
        if isinstance(source, Finding):
            if source.row is not None:
                number += 1
            if number > after or source.row is None:
                yield source if source.row is None else _numbered(source, number)
            continue
        number += 1
        if number > after:
            yield _read_item(source, number)


def looks_like_items(path: Path, head: bytes) -> bool:
    """Whether a folder or file holds such items, from names and first bytes alone; of a folder, its
    first `LOOKED_AT` files. A folder with audio is one of audio, whatever lies beside it."""
    if path.is_dir():
        files = [p for p in islice(_walk(path), LOOKED_AT) if isinstance(p, Path)]
        if any(p.suffix.lower() in AUDIO for p in files):
            return False
        first = next((p for p in files if _plain_name(p.name).endswith((META, *_JSON))), None)
        return first is not None and (first.name.endswith(META) or _is_document(read_head(first)))
    if not is_tar(head):
        return _is_document(head)
    return bool(_TAR_NAME.search(head)) or (b".json\0" in head and _is_document(head))


def _is_document(head: bytes) -> bool:
    return b'"files"' in head and any(key in head for key in _KEYS)


def _sources(path: Path) -> Iterator[Source | Finding]:
    if path.is_dir():
        yield from _in_folder(path)
    elif is_tar(read_head(path, 512)):
        yield from until_broken(_in_tar(path), path.name)
    else:
        yield from _in_json(path)


# --------------------------------------------------------------------------------- where they lie


def _walk(folder: Path) -> Iterator[Path | Finding]:
    """Every file below the folder in the order of the paths, links left out."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        text = f"cannot be read ({error.strerror}); make it readable for this user"
        yield Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, _legible(folder.name), text)
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _in_folder(folder: Path) -> Iterator[Source | Finding]:
    for path in _walk(folder):
        if isinstance(path, Finding):
            yield path
            continue
        where = _legible(path.relative_to(folder).as_posix())
        if path.name.endswith(META):
            files = path.with_name(path.name.removesuffix(META) + FILES)
            yield where, (_reading(path), _reading(files))
        elif path.name.endswith(FILES):
            if not path.with_name(path.name.removesuffix(FILES) + META).is_file():
                yield _alone(where)
        elif _plain_name(path.name).endswith(_JSON):
            yield from _in_json(path, where)


def _in_tar(path: Path) -> Iterator[Source | Finding]:
    waiting: dict[str, bytes] = {}
    for raw_name, content in iter_members(path):
        name = _legible(raw_name)
        if name.endswith(".json"):
            yield f"{path.name}/{name}", (_held(content.read(MAX_DOCUMENT_BYTES + 1)),)
            continue
        if not name.endswith((META, FILES)):
            continue
        data = content.read(MAX_DOCUMENT_BYTES + 1)
        meta = name.endswith(META)
        stem = name.removesuffix(META if meta else FILES)
        other = waiting.pop(stem + (FILES if meta else META), None)
        if other is None:
            waiting[name] = data
            if len(waiting) > MAX_WAITING:
                oldest = next(iter(waiting))
                del waiting[oldest]
                yield _alone(f"{path.name}/{oldest}")
        else:
            halves = (data, other) if meta else (other, data)
            yield f"{path.name}/{stem}{META}", (_held(halves[0]), _held(halves[1]))
    for name in waiting:
        yield _alone(f"{path.name}/{name}")


def _in_json(path: Path, where: str | None = None) -> Iterator[Source | Finding]:
    """One document over any number of lines (.json), or one a line."""
    where = where or path.name
    if _plain_name(path.name).endswith(".json") and not _has_a_document_a_line(path):
        yield where, (_reading(path),)
        return
    with open_stream(path) as stream:
        for batch in until_broken(iter_lines(stream, MAX_DOCUMENT_BYTES), where):
            if isinstance(batch, Finding):
                yield batch
                continue
            for line in batch:
                if line is None or line.strip():
                    yield where, (_held(line or b""),)


def _has_a_document_a_line(path: Path) -> bool:
    """Whether the first line is a document by itself and others follow."""
    with open_stream(path) as stream:
        try:
            lines = next(iter_lines(stream, MAX_DOCUMENT_BYTES), [])
        except BROKEN:
            return False
    return (
        len(lines) > 1 and bool(lines[0]) and _is_document(lines[0][: 1 << 16] if lines[0] else b"")
    )


def _plain_name(name: str) -> str:
    """The name without the ending of a compression."""
    return name.removesuffix(next((p for p in _PACKED if name.endswith(p)), ""))


def _legible(name: str) -> str:
    """A name as text: bytes of it that are no UTF-8 become U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace")


def _reading(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        with open_stream(path) as stream:
            return stream.read(MAX_DOCUMENT_BYTES + 1)

    return read


def _held(data: bytes) -> Callable[[], bytes]:
    return lambda: data


# ------------------------------------------------------------------------------- what they say


def _read_item(source: Source, number: int) -> tuple[int, Item] | Finding:
    where, contents = source
    try:
        documents = [read() for read in contents]
    except BROKEN as error:
        return _unreadable(where, f"cannot be read ({_reason(error)})", number)
    if any(len(document) > MAX_DOCUMENT_BYTES for document in documents):
        return _unreadable(where, f"is longer than {MAX_DOCUMENT_BYTES} bytes", number)
    try:
        item = _from_json(documents[0]) if len(documents) == 1 else _from_xml(*documents)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        return _unreadable(where, f"is no item ({error})", number)
    return number, item


def _reason(error: BaseException) -> str:
    """What is wrong, without the path."""
    if isinstance(error, FileNotFoundError):
        return f"there is no {FILES} beside it"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _from_xml(meta: bytes, files: bytes) -> Item:
    entries = []
    for file in parse_element(files).iter("file"):
        texts = {name: [value] for name, value in file.attrib.items()}
        for child in file:
            texts.setdefault(child.tag, []).append((child.text or "").strip())
        entries.append(texts)
    metadata: Texts = {}
    for child in parse_element(meta):
        metadata.setdefault(child.tag, []).append((child.text or "").strip())
    return Item(metadata, entries)


def _from_json(document: bytes) -> Item:
    found = msgspec.json.decode(document, type=dict[str, Any])
    metadata, files = found.get("metadata"), found.get("files")
    if not isinstance(metadata, dict) or not isinstance(files, list):
        raise ValueError("it has no metadata or no files")
    return Item(_texts(metadata), [_texts(file) for file in files if isinstance(file, dict)])


def _texts(values: dict[str, Any]) -> Texts:
    return {
        name: [str(v).strip() for v in (value if isinstance(value, list) else [value])]
        for name, value in values.items()
        if value is not None
    }


def _alone(where: str) -> Finding:
    other = FILES if where.endswith(META) else META
    return _unreadable(where, f"has no {other} beside it", 0)


def _numbered(finding: Finding, number: int) -> Finding:
    return Finding(finding.code, finding.severity, finding.where, finding.message, number)


def _unreadable(where: str, what: str, number: int) -> Finding:
    text = f"the item {what}; get it again"
    return Finding(FindingCode.ROW_UNREADABLE, Severity.ERROR, where, text, number)
