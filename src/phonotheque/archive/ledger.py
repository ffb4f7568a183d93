"""The ledger of rights, `ARCHIVE/rights/ledger/`: one event a file, with the digest of the one
before it (docs/formats/ledger.md). Events are only ever added.

The letters that events speak of stand in `ARCHIVE/rights/documents/` under their SHA-256.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import msgspec

from phonotheque.model.errors import FormatError, NotFoundError, PhonothequeError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import format_document, read_document, write_document
from phonotheque.storage.durable import write_bytes
from phonotheque.storage.layout import Tree

AGENT = f"phonotheque/{version('phonotheque')}"
FIRST_PREVIOUS = "0" * 64
ITEMS_PER_EVENT = 10_000  # recordings; a step that touches more is several events
LIFTING = ("takedown/restored", "withdrawal/restored")
PREMIS = {
    "withdrawal/withdrawn": "dea",
    "withdrawal/restored": "acc",
    "takedown/disabled": "dea",
    "takedown/restored": "acc",
    "takedown/purged": "del",
}
"""Codes of http://id.loc.gov/vocabulary/preservation/eventType/ where one fits the local type."""


class LedgerFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a recording, and one place where it is published, if it is."""

    sha256: str
    pieces_root: str | None = None
    volume: str | None = None
    path: str | None = None
    torrent: str | None = None  # info hash of version 2, hex


class LedgerItem(msgspec.Struct, frozen=True, kw_only=True):
    """A recording that an event touches, with every file and every place of it."""

    recording: int
    public_id: str
    files: list[LedgerFile]


class LedgerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `previous` is the SHA-256 (hex) of the whole file of the event before it."""

    format: int = FORMAT_VERSION
    event: int = 0  # counted from 1; given when it is added
    previous: str = FIRST_PREVIOUS
    type: str  # takedown/<state>, withdrawal/withdrawn, withdrawal/restored
    premis: str | None = None
    at: datetime
    outcome: str = "success"
    agent: str = AGENT
    actor: str  # operator, complainant, respondent, court
    case: str | None = None
    documents: list[str] = []  # SHA-256 of the letters it rests on
    rules: list[str] = []
    items: list[LedgerItem] = []
    detail: dict[str, str] = {}


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """`head.json`: the newest event that is known to have been written."""

    format: int = FORMAT_VERSION
    event: int
    sha256: str


def rights_directory(tree: Tree) -> Path:
    """Where ledger and letters stand; never served."""
    return tree.root / "rights"


def event_path(tree: Tree, number: int) -> Path:
    """Where event `number` stands."""
    return rights_directory(tree) / "ledger" / f"{number:08d}.json"


def document_path(tree: Tree, digest: str) -> Path:
    """Where the letter with this SHA-256 (hex) stands."""
    return rights_directory(tree) / "documents" / digest


def keep_document(tree: Tree, content: bytes) -> str:
    """Keep a letter for ever, as it came; returns its SHA-256 (hex). Idempotent."""
    digest = sha256(content).hexdigest()
    path = document_path(tree, digest)
    if not path.exists():
        write_bytes(path, content, read_only=True)
    return digest


def iter_ledger(tree: Tree) -> Iterator[LedgerEvent]:
    """Every event, oldest first; memory is one event.

    Raises:
        FormatError: an event cannot be read.
    """
    for number in range(1, last_event(tree) + 1):
        yield read_event(tree, number)


def read_event(tree: Tree, number: int) -> LedgerEvent:
    """One event.

    Raises:
        FormatError: it is missing, or cannot be read.
    """
    path = event_path(tree, number)
    if not path.exists():
        raise FormatError(f"{path}: this event is missing; restore it from a copy")
    return read_document(path, LedgerEvent)


def last_event(tree: Tree) -> int:
    """The number of the newest event; 0 before the first. From the head on, nothing is listed."""
    try:
        number = read_document(_head_path(tree), _Head).event
    except (FormatError, NotFoundError):  # lost or damaged, which `check_ledger` tells
        names = (rights_directory(tree) / "ledger").glob("*.json")
        number = max((int(path.stem) for path in names if path.stem.isdigit()), default=0)
    while event_path(tree, number + 1).exists():  # written just before a crash
        number += 1
    return number


def add_events(tree: Tree, drafts: Sequence[LedgerEvent]) -> list[LedgerEvent]:
    """Write events in their order, durably, each behind the one before; the caller has the lock.

    An event of more than `ITEMS_PER_EVENT` recordings is written as several.
    """
    number = last_event(tree)
    if not number and drafts:  # so that a ledger without a head is always one that lost it
        write_document(_head_path(tree), _Head(event=0, sha256=FIRST_PREVIOUS))
    newest = event_path(tree, number)
    if number and not newest.exists():
        raise FormatError(f"{newest}: this event is missing; restore it from a copy")
    previous = digest_file(newest).sha256.hex() if number else FIRST_PREVIOUS
    written = []
    for draft in drafts:
        for part in _parts(draft.items):
            number += 1
            event = msgspec.structs.replace(
                draft, event=number, previous=previous, items=part, premis=PREMIS.get(draft.type)
            )
            content = format_document(event)
            write_bytes(event_path(tree, number), content, read_only=True)
            previous = sha256(content).hexdigest()
            written.append(event)
    if written:
        write_document(_head_path(tree), _Head(event=number, sha256=previous))
    return written


def check_ledger(tree: Tree) -> Iterator[Finding]:
    """Follow the chain of the ledger to its head, and read again every letter it names.

    An event that was changed shows in the one after it, the last one against `head.json`.
    """
    head_path = _head_path(tree)
    last = last_event(tree)
    head = None
    try:
        head = read_document(head_path, _Head) if head_path.exists() else None
    except FormatError as error:
        yield _finding(FindingCode.LEDGER_DAMAGED, head_path, str(error))
    if last and head is None and not head_path.exists():
        yield _finding(FindingCode.LEDGER_MISSING, head_path, "the head of the ledger is missing")
    previous = FIRST_PREVIOUS
    for number in range(1, max(last, head.event if head else 0) + 1):
        path = event_path(tree, number)
        if not path.exists():
            yield _finding(FindingCode.LEDGER_MISSING, path, "this event of the ledger is missing")
            return
        digest = digest_file(path).sha256.hex()
        try:
            event = read_document(path, LedgerEvent)
            _check_place(path, event, number, previous)
        except PhonothequeError as error:
            yield _finding(FindingCode.LEDGER_DAMAGED, path, str(error))
            return
        if head and number == head.event and digest != head.sha256:
            yield _finding(FindingCode.LEDGER_DAMAGED, path, "it is not the event that was written")
        yield from _check_documents(tree, event)
        previous = digest


def _parts(items: Sequence[LedgerItem]) -> Iterator[list[LedgerItem]]:
    rest = iter(items)
    yield list(islice(rest, ITEMS_PER_EVENT))
    while part := list(islice(rest, ITEMS_PER_EVENT)):
        yield part


def _check_place(path: Path, event: LedgerEvent, number: int, previous: str) -> None:
    if event.event != number or event.previous != previous:
        raise PhonothequeError(f"{path}: does not follow the event before it; one of them was"
                               " changed")  # fmt: skip


def _check_documents(tree: Tree, event: LedgerEvent) -> Iterator[Finding]:
    for digest in event.documents:
        path = document_path(tree, digest)
        if not path.is_file():
            yield _finding(FindingCode.LEDGER_MISSING, path, f"the letter of event {event.event} "
                           "is missing")  # fmt: skip
        elif digest_file(path).sha256.hex() != digest:
            yield _finding(FindingCode.LEDGER_DAMAGED, path, "the letter is not the one that came")


def _head_path(tree: Tree) -> Path:
    return rights_directory(tree) / "ledger" / "head.json"


def _finding(code: FindingCode, path: Path, message: str) -> Finding:
    return Finding(code, Severity.ERROR, str(path), f"{message}; restore it from a copy")
