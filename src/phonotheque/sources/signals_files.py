"""Signals on mining and training that lie beside the audio.

Known by name: ``tdmrep.json``, ``robots.txt``, ``ai.txt``, also in ``.well-known``.
``signals.toml`` says where and when they were fetched, names stored headers and pages, and what was
looked for and not there. What the documents mean is for others to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.signals import SignalDocument, SignalKind
from phonotheque.sources.walk import AudioFile

NAME = "signals.toml"
MAX_BYTES = 1 << 20
MAX_SIGNALS = 1_000
_BY_NAME = {
    "tdmrep.json": SignalKind.TDMREP,
    ".well-known/tdmrep.json": SignalKind.TDMREP,
    "robots.txt": SignalKind.ROBOTS,
    "ai.txt": SignalKind.AI_TXT,
    ".well-known/ai.txt": SignalKind.AI_TXT,
}


class StatedSignal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[[signal]]`` table; without `file` the document was looked for and not there."""

    kind: SignalKind
    url: str
    fetched_at: datetime
    file: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int = 1
    location: str | None = None
    signal: list[StatedSignal] = []


@dataclass(frozen=True, slots=True)
class FolderSignals:
    """The signals of one folder. `location` is where it stood on the web, ending with a slash;
    `kept` has the bytes of what was read, by digest (hex)."""

    documents: tuple[SignalDocument, ...]
    location: str | None
    kept: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class SignalsFound:
    """All that lies above one file; `url` is where the file stood, if that is stated. Findings come
    once, with the first file below the folder they are about."""

    documents: tuple[SignalDocument, ...]
    url: str | None
    kept: dict[str, bytes]
    findings: tuple[Finding, ...]


class SignalFiles:
    """Reads the signals of the folders of an ingest. Files in walking order, so that only those of
    the folders above the current file are held."""

    def __init__(self, root: Path, now: datetime) -> None:
        self._root = root
        self._now = now
        self._folders: dict[str, FolderSignals] = {}

    def of(self, file: AudioFile) -> SignalsFound:
        """What lies in the folders above `file`; the deepest `location` gives its address."""
        findings: list[Finding] = []
        above = [*_folders_above(file.key)]
        self._folders = {key: self._folders[key] for key in above if key in self._folders}
        for key in above:
            if key not in self._folders:
                reading = _FolderReading(self._root / key, key, self._now)
                self._folders[key] = reading.read()
                findings += reading.findings
        signals = [self._folders[key] for key in above]
        url = next(
            (
                folder.location + quote(file.key[len(key) :])
                for key, folder in zip(reversed(above), reversed(signals), strict=True)
                if folder.location
            ),
            None,
        )
        kept = {digest: data for folder in signals for digest, data in folder.kept.items()}
        documents = tuple(one for folder in signals for one in folder.documents)
        return SignalsFound(documents, url, kept, tuple(findings))


class _FolderReading:
    """The signals of one folder, while they are read."""

    def __init__(self, folder: Path, key: str, now: datetime) -> None:
        self._folder = folder
        self._key = key
        self._now = now
        self.findings: list[Finding] = []
        self._kept: dict[str, bytes] = {}

    def read(self) -> FolderSignals:
        """All of them; what cannot be read is a document with a problem, and a finding."""
        documents: list[SignalDocument] = []
        try:
            stated = self._stated()
        except _UnreadableError as error:
            stated = _File()
            documents.append(self._lost(SignalKind.HEADERS, NAME, str(error)))
        documents += [
            self._document(signal.kind, signal.file, signal)
            if signal.file
            else SignalDocument(
                signal.kind, self._key + NAME, signal.url, signal.fetched_at.astimezone(UTC), None
            )
            for signal in stated.signal
        ]
        named = {signal.file for signal in stated.signal}
        for name, kind in _BY_NAME.items():
            if name not in named and (self._folder / name).is_file():
                documents.append(self._document(kind, name, None))
        location = stated.location
        if location is not None and not location.endswith("/"):
            location += "/"
        return FolderSignals(tuple(documents), location, self._kept)

    def _stated(self) -> _File:
        content = _read_bounded(self._folder, NAME)
        if content is None:
            return _File()
        try:
            document = msgspec.toml.decode(content, type=_File)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _UnreadableError(str(error)) from error
        _check(document)
        self._keep(content)
        return document

    def _document(self, kind: SignalKind, name: str, signal: StatedSignal | None) -> SignalDocument:
        try:
            content = _read_bounded(self._folder, name)
        except _UnreadableError as error:
            return self._lost(kind, name, str(error))
        if content is None:
            return self._lost(kind, name, f"{NAME} names it, and it is not there")
        return SignalDocument(
            kind=kind,
            name=self._key + name,
            url=signal.url if signal else None,
            fetched_at=signal.fetched_at.astimezone(UTC) if signal else self._now,
            content=content,
            sha256=self._keep(content),
        )

    def _lost(self, kind: SignalKind, name: str, why: str) -> SignalDocument:
        where = self._key + name
        message = f"{why}; it is taken for a reservation of training and mining until it is mended"
        finding = Finding(FindingCode.RIGHTS_UNREADABLE, Severity.WARNING, where, message)
        self.findings.append(finding)
        return SignalDocument(kind, where, None, self._now, None, problem=why)

    def _keep(self, content: bytes) -> str:
        digest = sha256(content).hexdigest()
        self._kept[digest] = content
        return digest


class _UnreadableError(ValueError):
    """A file cannot be used; the message says why."""


def _check(document: _File) -> None:
    if document.format != 1:
        raise _UnreadableError(f"format {document.format}, this program reads 1")
    if len(document.signal) > MAX_SIGNALS:
        raise _UnreadableError(f"{len(document.signal):,} signals, {MAX_SIGNALS:,} at most")
    if document.location is not None and not _is_web_address(document.location):
        raise _UnreadableError(f"location {document.location!r} is no http(s) address")
    for signal in document.signal:
        if signal.fetched_at.tzinfo is None:
            raise _UnreadableError(f"fetched_at of {signal.url} has no time zone; write …Z")
        if not _is_web_address(signal.url):
            raise _UnreadableError(f"url {signal.url!r} is no http(s) address")


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _read_bounded(folder: Path, name: str) -> bytes | None:
    """The bytes of the file, or None where there is none."""
    path = folder / name
    if not path.exists():
        return None
    if not path.resolve().is_relative_to(folder.resolve()):
        raise _UnreadableError("is not below its folder")
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _UnreadableError(f"cannot be read ({error.strerror})") from error
    if len(content) > MAX_BYTES:
        raise _UnreadableError(f"is longer than {MAX_BYTES} bytes")
    return content


def _folders_above(key: str) -> Iterator[str]:
    """Keys of the folders a file is in, the root ("") first; the others end with a slash."""
    yield ""
    parts = key.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        yield "/".join(parts[:depth]) + "/"
