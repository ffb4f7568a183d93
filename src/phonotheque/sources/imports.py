"""Imports on disk: ``sources/<source>/<import>/`` (docs/formats/import.md).

An import is complete when its ``report.json`` stands, which is written last. What a killed ingest
left behind has none; the next ingest of that source removes it.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from phonotheque.model.errors import UsageError
from phonotheque.model.text import fold
from phonotheque.storage.documents import read_document
from phonotheque.storage.durable import ensure_directory, write_bytes
from phonotheque.storage.layout import Tree

EVIDENCE = "evidence"
GONE_PREFIX = "gone-"
MAX_EVIDENCE_BYTES = 16 << 20
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_IMPORT_NAME = re.compile(r"[0-9]{4,}")
_ENDINGS = re.compile(r"(\.(csv|jsonl|ndjson|json|parquet))?(\.(gz|zst|xz|bz2))?$", re.IGNORECASE)


class InputRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One input as it was read: `sha256` only of a file, not of a folder."""

    name: str
    kind: str  # "folder", or the reader that read it
    bytes: int
    sha256: str | None = None


class PartRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file of an import."""

    path: str
    rows: int
    bytes: int
    sha256: str


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """``report.json``: accounts for every row and file that was read.

    rows_read = rows_kept + rows_unchanged + rows_refused; rows_kept is what the import holds.
    `isrcs` counts the rows read by class of their codes.
    """

    format: int
    source: str
    name: str
    kind: str  # rows | listens | artists | groups | redirects
    read_at: datetime
    replaces: bool = False  # what the source held and this reading has not is gone
    inputs: list[InputRecord]
    parts: list[PartRecord]
    rows_read: int
    rows_kept: int
    rows_unchanged: int
    rows_refused: int
    rows_gone: int = 0
    isrcs: dict[str, int] = {}
    files_seen: int
    files_held: int  # whether admitted by this import or before: a killed run leaves no trace here
    files_quarantined: int = 0
    files_refused: int
    files_ignored: int
    findings: dict[str, int]


@dataclass(frozen=True, slots=True)
class ImportRef:
    """One complete import; `ordinal` counts the imports of its source from 1."""

    source: str
    name: str
    ordinal: int
    kind: str  # rows | listens | artists | groups | redirects
    paths: tuple[Path, ...]
    gone: tuple[Path, ...] = ()  # files of keys that are no longer there

    @property
    def label(self) -> str:
        """How a build manifest names it: ``<source>/<import>``."""
        return f"{self.source}/{self.name}"


def iter_imports(tree: Tree) -> Iterator[ImportRef]:
    """All complete imports, by source, then in the order they were made.

    Raises:
        FormatError: a report.json of another format.
    """
    if not tree.sources.is_dir():
        return
    for folder in sorted(p for p in tree.sources.iterdir() if p.is_dir() and p.name != EVIDENCE):
        for place in sorted(folder.iterdir(), key=lambda p: (len(p.name), p.name)):
            if _IMPORT_NAME.fullmatch(place.name) and (place / "report.json").exists():
                report = read_document(place / "report.json", ImportReport)
                yield _reference(folder.name, place, report)


def _reference(source: str, place: Path, report: ImportReport) -> ImportRef:
    paths = [place / part.path for part in report.parts]
    return ImportRef(
        source=source,
        name=place.name,
        ordinal=int(place.name),
        kind=report.kind,
        paths=tuple(path for path in paths if not path.name.startswith(GONE_PREFIX)),
        gone=tuple(path for path in paths if path.name.startswith(GONE_PREFIX)),
    )


def imports_of(tree: Tree, source: str) -> list[ImportRef]:
    """The complete imports of one source, oldest first."""
    return [ref for ref in iter_imports(tree) if ref.source == source]


def next_import(tree: Tree, source: str) -> str:
    """The name of the import that would be made now."""
    return f"{max((r.ordinal for r in imports_of(tree, source)), default=0) + 1:04d}"


def discard_incomplete(tree: Tree, source: str, keep: Path | None = None) -> int:
    """Remove what killed ingests of `source` left, but not `keep`; returns how many. The caller
    has the lock."""
    folder, removed = tree.sources / source, 0
    if not folder.is_dir():
        return 0
    for place in folder.iterdir():
        if (place / "report.json").exists():
            discard_leftovers(place)
        elif place != keep:
            shutil.rmtree(place)
            removed += 1
    return removed


def discard_leftovers(place: Path) -> None:
    """Remove what an import needed only while it was made."""
    for path in place.glob(".*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def source_name(path: Path) -> str:
    """The name of the source that a folder or file is, made from its own name.

    Raises:
        UsageError: the name has no letter or digit to make one from.
    """
    name = path.name if path.is_dir() else _ENDINGS.sub("", path.name)
    slug = "-".join(re.findall(r"[a-z0-9]+", fold(name)))
    if not slug:
        raise UsageError(f"{path}: no source name can be made of this; give one with --source")
    return check_source_name(slug)


def check_source_name(name: str) -> str:
    """`name` if it can be the name of a source.

    Raises:
        UsageError: it cannot.
    """
    if not _SLUG.fullmatch(name) or name == EVIDENCE or len(name) > 60:
        raise UsageError(
            f"{name!r} cannot name a source: use lower-case letters, digits and single hyphens, "
            f"60 at most, and not “{EVIDENCE}”"
        )
    return name


def keep_evidence(tree: Tree, sha256_hex: str, content: bytes) -> None:
    """Keep a file of evidence under its digest; what is held already is left alone."""
    target = tree.sources / EVIDENCE / sha256_hex
    if not target.exists():
        ensure_directory(target.parent)
        write_bytes(target, content, read_only=True)
