"""The vault itself: objects under their SHA-256, their state, their history."""

import json
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.errors import ArchiveBusyError, InputError, UsageError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.storage.digests import Digests, FileHasher, digest_file, read_chunks
from phonotheque.storage.durable import TEMPORARY_SUFFIX, fsync_directory, write_then_name
from phonotheque.storage.lock import writing
from phonotheque.vault import events
from phonotheque.vault.events import EventType
from phonotheque.vault.examination import Examination
from phonotheque.vault.objects import Admission, VaultObject
from phonotheque.vault.state import State

AGENT = f"phonotheque/{version('phonotheque')}"
EVENTS_PER_BATCH = 40_000  # 10,000 files


class Vault:
    """The vault at `root`. One writer at a time (the caller holds `storage.lock.writing`);
    readers may look at the same time. For use by one thread, as a context manager or with
    `close()`.
    """

    def __init__(self, root: Path, *, agent: str = AGENT) -> None:
        self.root = root
        self._agent = agent
        self._state = State(root / "state.sqlite")
        self._swept = False

    @classmethod
    def open(cls, root: Path) -> "Vault":
        """Open the vault at `root` (``ARCHIVE/vault``); an empty one is made where none is.

        What a crash left half-done in the history is completed.

        Raises:
            FormatError: it has another version, or an unreadable batch of events.
        """
        vault = cls(root)
        try:
            vault._adopt_batches()
        except BaseException:
            vault.close()
            raise
        return vault

    def __enter__(self) -> "Vault":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.flush_events()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the files; events not yet in a batch stay in the state."""
        self._state.close()

    @property
    def state(self) -> State:
        """The state, for the parts of this room that keep tables of their own in it."""
        return self._state

    def object(self, sha256_hex: str) -> VaultObject | None:
        """What is known of the object, or None when the vault does not hold it."""
        return self._state.object(sha256_hex)

    def object_path(self, sha256_hex: str) -> Path:
        """Where the object stands (or would stand)."""
        return self.root / "objects" / sha256_hex[:2] / sha256_hex[2:4] / sha256_hex

    def iter_objects(self) -> Iterator[VaultObject]:
        """All objects by digest; memory is one page."""
        return self._state.iter_objects()

    def count_objects(self) -> tuple[int, int]:
        """(objects, bytes) held."""
        return self._state.count_objects()

    def seen(self, source: str, path: str, size_bytes: int, mtime_ns: int) -> str | None:
        """The digest (hex) of the held object that this unchanged file was, or None."""
        return self._state.seen(source, path, size_bytes, mtime_ns)

    def remember_seen(
        self, source: str, path: str, size_bytes: int, mtime_ns: int, sha256_hex: str
    ) -> None:
        """Remember what file (source, path) was, so that the next ingest need not read it."""
        self._state.remember_seen(source, path, size_bytes, mtime_ns, sha256_hex)

    def admit(self, path: Path, examination: Examination, now: datetime) -> Admission:
        """Keep the file at `path`, read once: hashed while it is copied.

        Raises:
            UsageError: the examination does not allow it.
            InputError: the file changed since it was examined, or cannot be read.
            NoSpaceError: the disk is full; nothing was admitted.
        """
        if not examination.admissible:
            raise UsageError(f"{path}: was examined and is not fit to be kept")
        self._sweep()
        _check_unchanged(path, examination)
        hasher = FileHasher()
        read: list[VaultObject] = []

        def choose_target() -> Path | None:
            _check_unchanged(path, examination)
            read.append(_object(hasher.finish(), examination))
            return None if self._holds(read[0]) else self.object_path(read[0].sha256)

        chunks = _hashed(path, hasher)
        kept = write_then_name(self.root / "incoming", chunks, choose_target, read_only=True)
        item = read[0]
        if kept is not None:
            self._record(item, examination, now)
        return Admission(
            sha256=item.sha256,
            bytes=item.bytes,
            pieces_root=item.pieces_root,
            already_held=kept is None,
        )

    def record_refusal(
        self, path: Path, examination: Examination, *, source: str, key: str, now: datetime
    ) -> str:
        """Write into the history that the file at `path` was refused, and why, with its digest;
        returns that. An unchanged file of a source is recorded once.

        Raises:
            InputError: the file changed since it was examined, or cannot be read.
        """
        size, mtime = examination.size_bytes, examination.mtime_ns
        if known := self._state.remembered(source, key, size, mtime):
            return known
        _check_unchanged(path, examination)
        try:
            digest = digest_file(path).sha256.hex()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); check it") from error
        rules = [{"rule": f.code.value, "reason": f.message} for f in examination.findings]
        refused = {"refused": rules, "puid": examination.puid, "source": source, "path": key}
        with self._state.transaction():
            detail = json.dumps(refused, ensure_ascii=False)
            self.record_event(
                EventType.VALIDATION, now, outcome="failure", detail=detail, sha256_hex=digest
            )
            self.remember_seen(source, key, size, mtime, digest)
        return digest

    def purge(self, sha256_hex: str, now: datetime, reason: str) -> bool:
        """Remove an object for good; its history stays. False when the vault does not hold it.

        The event is written before the file goes: killed in between, the same call completes it.
        """
        path = self.object_path(sha256_hex)
        known = self._state.object(sha256_hex) is not None
        if known:
            with self._state.transaction():
                self._state.remove_object(sha256_hex)
                self.record_event(EventType.DELETION, now, detail=reason, sha256_hex=sha256_hex)
        if path.exists():
            path.unlink()
            fsync_directory(path.parent)
            return True
        return known

    def record_event(
        self,
        kind: EventType,
        now: datetime,
        *,
        outcome: str = "success",
        detail: str = "",
        sha256_hex: str | None = None,
    ) -> int:
        """Write one line of history; returns the event's number. Durable on return."""
        return self._state.add_event(
            kind, now, detail, outcome=outcome, agent=self._agent, sha256=sha256_hex
        )

    def flush_events(self) -> int:
        """Move the events of the state into batches; returns how many batches were written.

        0 also while another process is doing it: the events stay in the state until the next one.
        """
        if not self._state.count_pending():
            return 0
        try:
            with writing(self.root):
                return self._flush()
        except ArchiveBusyError:
            return 0

    def _flush(self) -> int:
        written = 0
        while pending := self._state.pending_events(EVENTS_PER_BATCH):
            last = self._state.last_batch()
            sequence = last.sequence + 1 if last else 1
            previous = last.sha256 if last else events.FIRST_PREVIOUS
            self._state.adopt_batch(events.write_batch(self.root, sequence, previous, pending))
            written += 1
        return written

    def check_objects(self) -> Iterator[Finding]:
        """Read every object again and compare: missing, damaged, or not known to the vault."""
        for item in self._state.iter_objects():
            finding = self._check_object(item)
            if finding is not None:
                yield finding
        yield from self._iter_unknown()

    def check_events(self) -> Iterator[Finding]:
        """Follow the chain of event batches to the newest one the state knows."""
        return events.check_events(self.root, self._state.last_batch())

    def _holds(self, item: VaultObject) -> bool:
        if self._state.object(item.sha256) is None:
            return False
        try:
            return self.object_path(item.sha256).stat().st_size == item.bytes
        except FileNotFoundError:
            return False

    def _record(self, item: VaultObject, examination: Examination, now: datetime) -> None:
        with self._state.transaction():
            if not self._state.insert_object(item):
                self._event(EventType.RECOVERY, now, "the object's file was put back", item)
                return
            identified = json.dumps({"puid": item.puid, "format": examination.format_name})
            self._event(EventType.FORMAT_IDENTIFICATION, now, identified, item)
            proved = {"decoder": examination.decoder, "duration_ms": item.duration_ms}
            self._event(EventType.VALIDATION, now, json.dumps(proved), item)
            digests = {"sha256": item.sha256, "pieces_root": item.pieces_root}
            self._event(EventType.MESSAGE_DIGEST, now, json.dumps(digests), item)
            self._event(EventType.INGESTION, now, msgspec.json.encode(item).decode(), item)
        if self._state.count_pending() >= EVENTS_PER_BATCH:
            self.flush_events()

    def _event(self, kind: EventType, now: datetime, detail: str, item: VaultObject) -> None:
        self.record_event(kind, now, detail=detail, sha256_hex=item.sha256)

    def _adopt_batches(self) -> None:
        """Batches the state does not know: a crash came in between, or the state was lost."""
        last = self._state.last_batch()
        sequence, previous = (last.sequence, last.sha256) if last else (0, events.FIRST_PREVIOUS)
        while events.batch_path(self.root, sequence + 1).exists():
            sequence += 1
            batch, table = events.read_batch(self.root, sequence, previous)
            self._state.adopt_batch(batch, _objects_of(table), _deleted_in(table))
            previous = batch.sha256

    def _sweep(self) -> None:
        """Remove what a killed writer left; the one writer does this once."""
        if not self._swept:
            for path in (self.root / "incoming").glob(f"*{TEMPORARY_SUFFIX}"):
                path.unlink(missing_ok=True)
            self._swept = True

    def _check_object(self, item: VaultObject) -> Finding | None:
        path = self.object_path(item.sha256)
        try:
            sound = digest_file(path).sha256.hex() == item.sha256
        except FileNotFoundError:
            message = "the object is missing; ingest the file again or take it from a volume"
            return Finding(FindingCode.COPY_MISSING, Severity.ERROR, str(path), message)
        except OSError as error:
            message = f"cannot be read ({error.strerror}); not checked"
            return Finding(FindingCode.COPY_NOT_CHECKED, Severity.ERROR, str(path), message)
        if sound:
            return None
        message = "its bytes have changed; remove it and ingest the file again"
        return Finding(FindingCode.COPY_DAMAGED, Severity.ERROR, str(path), message)

    def _iter_unknown(self) -> Iterator[Finding]:
        for path in sorted((self.root / "objects").glob("*/*/*")):
            if len(path.name) != 64 or self._state.object(path.name) is None:
                message = "not an object of this vault; a crash left it, or somebody put it there"
                yield Finding(FindingCode.COPY_EXTRA, Severity.WARNING, str(path), message)


def _hashed(path: Path, hasher: FileHasher) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            for chunk in read_chunks(stream):
                hasher.update(chunk)
                yield chunk
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check it") from error


def _check_unchanged(path: Path, examination: Examination) -> None:
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check it") from error
    if (stat.st_size, stat.st_mtime_ns) != (examination.size_bytes, examination.mtime_ns):
        raise InputError(f"{path}: changed after it was examined; run this again")


def _object(digests: Digests, examination: Examination) -> VaultObject:
    return VaultObject(
        sha256=digests.sha256.hex(),
        bytes=digests.size_bytes,
        pieces_root=digests.pieces_root.hex(),
        puid=examination.puid,
        media_type=examination.media_type,
        extension=examination.extension,
        codec=examination.codec,
        duration_ms=examination.duration_ms,
        sample_rate_hz=examination.sample_rate_hz,
        channels=examination.channels,
        bits=examination.bits,
        lossless=examination.lossless,
    )


def _deleted_in(table: pa.Table) -> list[str]:
    """Digests whose last word in a batch is a deletion."""
    kinds = (EventType.INGESTION.value, EventType.DELETION.value)
    chosen = table.filter(pc.is_in(table["type"], pa.array(kinds)))
    last = dict(zip(chosen["sha256"].to_pylist(), chosen["type"].to_pylist(), strict=True))
    return [digest for digest, kind in last.items() if kind == EventType.DELETION.value]


def _objects_of(table: pa.Table) -> list[VaultObject]:
    """The objects that the ingestion events of a batch brought in."""
    ingested = table.filter(pc.equal(table["type"], EventType.INGESTION.value))
    return [msgspec.json.decode(text, type=VaultObject) for text in ingested["detail"].to_pylist()]
