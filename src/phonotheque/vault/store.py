"""The vault itself: objects under their SHA-256, their state, their history."""

import os
from collections.abc import Iterator, Set
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from phonotheque.model.errors import UsageError
from phonotheque.model.findings import Finding, FindingCode
from phonotheque.storage.durable import TEMPORARY_SUFFIX
from phonotheque.storage.local_store import LocalStore
from phonotheque.storage.stores import Store
from phonotheque.vault import admitting, kept_pictures, pending, quarantine, refusals
from phonotheque.vault.derivatives import copies_of
from phonotheque.vault.events import EventType
from phonotheque.vault.examination import Description, Examination
from phonotheque.vault.examiner import EXAMINER
from phonotheque.vault.grouping import Grouping
from phonotheque.vault.history import History
from phonotheque.vault.material import Link, Material, take_material
from phonotheque.vault.objects import Admission, VaultObject
from phonotheque.vault.quarantine import Quarantined
from phonotheque.vault.state import State

AGENT = f"phonotheque/{version('phonotheque')}"


class Vault:
    """The vault at `root`, whose bytes are in `store` (the directory itself, unless another is
    named). One writer at a time (the caller holds `storage.lock.writing`); readers may look at the
    same time. For use by one thread but for `take`, `holds` and `store`; a context manager, or to
    be closed.
    """

    def __init__(self, root: Path, *, agent: str = AGENT, store: Store | None = None) -> None:
        self.root = root
        self.store: Store = store or LocalStore(root)
        self._agent = agent
        self._state = State(root / "state.sqlite")
        self._history = History(root, self._state)
        self._grouping = Grouping(self._state)
        self._swept = False

    @classmethod
    def open(cls, root: Path, store: Store | None = None) -> "Vault":
        """Open the vault at `root` (``ARCHIVE/vault``); an empty one is made where none is.

        What a crash left half-done in the history is completed.

        Raises:
            FormatError: it has another version, or an unreadable batch of events.
        """
        vault = cls(root, store=store)
        try:
            vault._history.adopt()
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
        if self._grouping.is_arriving(sha256_hex):
            self._grouping.settle()
        return self._state.object(sha256_hex)

    def object_path(self, sha256_hex: str) -> Path:
        """Where the object stands (or would stand) in a vault that is a directory."""
        return self.root / "objects" / sha256_hex[:2] / sha256_hex[2:4] / sha256_hex

    def picture_path(self, sha256_hex: str) -> Path:
        """Where the picture stands (or would stand)."""
        return kept_pictures.picture_path(self.root, sha256_hex)

    def iter_objects(self) -> Iterator[VaultObject]:
        """All objects by digest; memory is one page."""
        return self._state.iter_objects()

    def count_objects(self) -> tuple[int, int]:
        """(objects, bytes) held."""
        return self._state.count_objects()

    def description(self, sha256_hex: str) -> Description | None:
        """What the object says of itself and what was heard in it, or None where that was not
        written down. Pictures are without their content.

        Raises:
            FormatError: the file that holds it cannot be read.
        """
        return self._history.description(sha256_hex)

    def iter_descriptions(self, after_batch: int = 0) -> Iterator[pa.RecordBatch]:
        """The descriptions in batches behind `after_batch`: the columns of docs/formats/vault.md
        and `batch`. Objects that were deleted since are among them."""
        return self._history.iter_descriptions(after_batch)

    def seen(self, source: str, path: str, size_bytes: int, mtime_ns: int) -> str | None:
        """The digest (hex) of the held object that this unchanged file was, or None."""
        return self._state.seen(source, path, size_bytes, mtime_ns)

    def remember_seen(
        self, source: str, path: str, size_bytes: int, mtime_ns: int, sha256_hex: str
    ) -> None:
        """Remember what file (source, path) was, so that the next ingest need not read it."""
        row = (source, path, size_bytes, mtime_ns, sha256_hex)
        self._grouping.write(partial(self._state.remember_seen, *row), sha256_hex)

    def take(self, path: Path, link: Link = Link.COPY) -> Material:
        """Read a file once, for `admit`; see `take_material`. In any thread."""
        return take_material(path, self.root / "incoming", link)

    def holds(self, sha256_hex: str, size_bytes: int) -> bool:
        """Whether the vault has these bytes already, row and file, or is about to. In any
        thread."""
        if self._grouping.is_arriving(sha256_hex):
            return True
        return self._state.is_known(sha256_hex) and self.store.size(sha256_hex) == size_bytes

    def grouped(self) -> AbstractContextManager[None]:
        """Inside, files are put side by side and rows written in groups (about 100 files, or one
        second). A file that could not be kept shows at the end of its group: its error is raised,
        the rest of the group is kept."""
        return self._grouping.grouped()

    def admit(
        self,
        material: Material,
        examination: Examination,
        now: datetime,
        accepted: Set[FindingCode] = frozenset(),
    ) -> Admission:
        """Keep `material`, which now belongs to the vault, with the pictures of its description.

        `accepted` are codes of findings that do not keep it out although they are errors.

        Raises:
            UsageError: the examination does not allow it.
            TrustError: the bytes are not those that were hashed.
            NoSpaceError: the disk is full; nothing was admitted.
        """
        try:
            if not admitting.may_enter(examination, accepted):
                text = f"{material.source}: was examined and is not fit to be kept"
                raise UsageError(text)
            self.sweep()
            item = admitting.object_of(material, examination)
            held = self.holds(item.sha256, item.bytes)
            if not held:
                self._keep(material, item, examination, now)
        except BaseException:
            material.close()
            raise
        if held:
            material.close()
        self.settle_if_due()
        return Admission(
            sha256=item.sha256, bytes=item.bytes, pieces_root=item.pieces_root, already_held=held
        )

    def _keep(
        self, material: Material, item: VaultObject, examination: Examination, now: datetime
    ) -> None:
        said = examination.description
        seen = admitting.without_contents(examination)
        size = material.memory_bytes + sum(p.bytes for p in (said.pictures if said else ()))
        put = partial(admitting.put, self.store, self.root, material, said)
        self._grouping.put(item.sha256, size, put)
        self._grouping.write(partial(self._record, item, seen, now), item.sha256)

    def settle_if_due(self) -> None:
        """Inside `grouped`: write the rows of a full group, and a batch when there is one."""
        self._grouping.settle_if_due()
        if self._history.is_due():
            self.flush_events()

    def _record(self, item: VaultObject, examination: Examination, now: datetime) -> None:
        if self._state.object(item.sha256) is not None:
            text = "the object's file was put back"
            self.record_event(EventType.RECOVERY, now, detail=text, sha256_hex=item.sha256)
            return
        event = 0
        for told in admitting.events_of(item, examination):
            event = self.record_event(
                told.kind, now, outcome=told.outcome, detail=told.detail, sha256_hex=item.sha256
            )
        self._state.insert_object(item, event)
        said = examination.description
        if said is not None:
            pending.add_description(self._state, event, item.sha256, said)
            pending.use_pictures(self._state, [(p.sha256, p.bytes) for p in said.pictures])

    def record_refusal(
        self, sha256_hex: str, examination: Examination, *, source: str, key: str, now: datetime
    ) -> None:
        """Write into the history that a file of this content was refused, and why. An unchanged
        file of a source is recorded once."""
        size, mtime = examination.size_bytes, examination.mtime_ns
        if self._state.remembered(source, key, size, mtime) == sha256_hex:
            return
        detail = admitting.refusal_detail(examination, source, key)

        def rows() -> None:
            self.record_event(
                EventType.VALIDATION, now, outcome="failure", detail=detail, sha256_hex=sha256_hex
            )
            self._state.remember_seen(source, key, size, mtime, sha256_hex)

        self._grouping.write(rows)

    def quarantine(
        self,
        material: Material,
        examination: Examination,
        *,
        source: str,
        key: str,
        now: datetime,
    ) -> None:
        """Set `material`, which now belongs to the vault, aside: kept, but no object.

        Raises:
            TrustError, NoSpaceError: it could not be kept; nothing was done.
        """
        reason = admitting.refusal_detail(examination, source, key)
        digest, size = material.sha256, material.size_bytes
        item = Quarantined(sha256=digest, bytes=size, at=now, reason=reason)
        with material:
            self.sweep()
            quarantine.keep_aside(self.root, material)

        def rows() -> None:
            if not quarantine.is_quarantined(self._state, digest):
                quarantine.add_quarantined(self._state, item)
                self.record_event(EventType.QUARANTINE, now, detail=reason, sha256_hex=digest)

        self._grouping.write(rows)

    def is_quarantined(self, source: str, key: str, size_bytes: int, mtime_ns: int) -> bool:
        """Whether this unchanged file of a source was set aside, and still is."""
        digest = self._state.remembered(source, key, size_bytes, mtime_ns)
        return digest is not None and quarantine.is_quarantined(self._state, digest)

    def refused(self, source: str, key: str, size_bytes: int, mtime_ns: int) -> Examination | None:
        """What was found in this unchanged file of a source, if it was not admitted and the same
        program and decoder looked at it."""
        return refusals.find_refusal(
            self._state, source, key, size_bytes, mtime_ns=mtime_ns, examiner=EXAMINER
        )

    def remember_refusal(self, source: str, key: str, examination: Examination) -> None:
        """Remember what was found in a file that was not admitted, so that it need not be read
        again while it is unchanged."""
        row = (self._state, source, key, examination, EXAMINER)
        self._grouping.write(partial(refusals.remember_refusal, *row))

    def purge(self, sha256_hex: str, now: datetime, reason: str) -> bool:
        """Remove an object for good, with the access copies made of it and the pictures that no
        other object has; its history stays. False when the vault does not hold it.

        The event is written before the file goes: killed in between, the same call completes it.
        """
        for copy in copies_of(self._state, sha256_hex):
            self.purge(copy, now, reason)
        known = self._state.object(sha256_hex) is not None
        if known:
            with self._state.transaction():
                self._history.remove(sha256_hex)
                self.record_event(EventType.DELETION, now, detail=reason, sha256_hex=sha256_hex)
        kept_pictures.remove_unused(self.root, self._state)
        return self.store.remove(sha256_hex) or known

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
        return self._history.flush()

    def check_events(self) -> Iterator[Finding]:
        """Follow the chain of event batches, and of the descriptions beside them, to the newest
        one the state knows."""
        return self._history.check()

    def sweep(self) -> None:
        """Remove what a killed writer left; the one writer does this once. Files that begin with
        the number of this process are on their way."""
        if not self._swept:
            for path in (self.root / "incoming").glob(f"*{TEMPORARY_SUFFIX}"):
                if not path.name.startswith(f"{os.getpid()}-"):
                    path.unlink(missing_ok=True)
            kept_pictures.remove_unused(self.root, self._state)
            self._swept = True
