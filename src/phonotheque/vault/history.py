"""The history of a vault on its way: from rows that wait in the state into batches of events with
the descriptions that belong to them, and back when the state was lost."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.errors import ArchiveBusyError
from phonotheque.model.findings import Finding
from phonotheque.storage.digests import digest_file
from phonotheque.storage.lock import writing
from phonotheque.vault import events, pending, quarantine
from phonotheque.vault.derivatives import adopt_creations
from phonotheque.vault.descriptions import (
    Described,
    descriptions_path,
    find_description,
    read_descriptions,
    write_descriptions,
)
from phonotheque.vault.events import Batch, EventType
from phonotheque.vault.examination import Description
from phonotheque.vault.objects import VaultObject
from phonotheque.vault.state import State

EVENTS_PER_BATCH = 200_000
"""40,000 files. 430 million events make 2,150 files of some 4 MB; the descriptions beside them
hold 200 MB each, and as much waits in the state at most."""

_DESCRIBED_AT_ONCE = 500


class History:
    """Events and descriptions of the vault at `root`, whose state is `state`."""

    def __init__(self, root: Path, state: State) -> None:
        self._root = root
        self._state = state

    def is_due(self) -> bool:
        """Whether a whole batch waits."""
        waiting = self._state.pending_range()
        return waiting is not None and waiting[1] - waiting[0] + 1 >= EVENTS_PER_BATCH

    def flush(self) -> int:
        """Move what waits into batches; returns how many were written.

        0 also while another process is doing it: the events stay in the state until the next one.
        """
        if self._state.pending_range() is None:
            return 0
        try:
            with writing(self._root):
                return self._flush()
        except ArchiveBusyError:
            return 0

    def _flush(self) -> int:
        written = 0
        while waiting := self._state.pending_range():
            first, last = waiting[0], min(waiting[1], waiting[0] + EVENTS_PER_BATCH - 1)
            before = self._state.last_batch()
            sequence = before.sequence + 1 if before else 1
            batch = events.write_batch(
                self._root,
                sequence,
                before.sha256 if before else events.FIRST_PREVIOUS,
                self._state.iter_pending(first, last),
                descriptions=self._write_descriptions(sequence, first, last),
            )
            self._forget(batch)
            written += 1
        return written

    def _write_descriptions(self, sequence: int, first: int, last: int) -> str:
        """The digest of the file; "" when there is nothing to describe."""
        pages = pending.iter_pending_descriptions(self._state, first, last, _DESCRIBED_AT_ONCE)
        page = next(pages, None)
        if page is None:
            return ""
        path = descriptions_path(self._root, sequence)
        write_descriptions(path, _again(page, pages))
        return digest_file(path).sha256.hex()

    def _forget(self, batch: Batch) -> None:
        with self._state.transaction():
            self._state.adopt_batch(batch)
            pending.forget_descriptions(self._state, batch.last)

    def adopt(self) -> None:
        """Batches the state does not know: a crash came in between, or the state was lost."""
        last = self._state.last_batch()
        sequence, previous = (last.sequence, last.sha256) if last else (0, events.FIRST_PREVIOUS)
        while events.batch_path(self._root, sequence + 1).exists():
            sequence += 1
            batch, table = events.read_batch(self._root, sequence, previous)
            with self._state.transaction():
                self._adopt(batch, table)
            previous = batch.sha256

    def _adopt(self, batch: Batch, table: pa.Table) -> None:
        """What a batch brought in and took away, but for what events behind it say."""
        later = self._state.deleted_after(batch.last)
        new = {
            event
            for item, event in _ingested(table)
            if item.sha256 not in later and self._state.insert_object(item, event)
        }
        if events.described_by(table):
            self._count_pictures(batch.sequence, new)
        self._state.adopt_batch(batch)
        adopt_creations(self._state, table)
        self._adopt_quarantined(table)
        for digest, event in _deleted(table).items():
            if self._state.event_of(digest) < event:
                self.remove(digest)
        pending.forget_descriptions(self._state, batch.last)

    def _adopt_quarantined(self, table: pa.Table) -> None:
        """What was set aside, and is still there."""
        chosen = table.filter(pc.equal(table["type"], EventType.QUARANTINE.value))
        for row in chosen.select(["sha256", "at", "detail"]).to_pylist():
            path = quarantine.quarantine_path(self._root, row["sha256"] or "")
            if row["sha256"] and path.exists():
                item = quarantine.Quarantined(
                    sha256=row["sha256"],
                    bytes=path.stat().st_size,
                    at=row["at"],
                    reason=row["detail"],
                )
                quarantine.add_quarantined(self._state, item)

    def _count_pictures(self, sequence: int, new: set[int]) -> None:
        path = descriptions_path(self._root, sequence)
        if not new or not path.exists():
            return
        for rows in read_descriptions(path):
            chosen = rows.select(["event", "pictures"]).to_pylist()
            for row in chosen:
                if row["event"] in new:
                    used = [(p["sha256"], p["bytes"]) for p in row["pictures"]]
                    pending.use_pictures(self._state, used)

    def remove(self, sha256: str) -> bool:
        """Forget an object and its use of its pictures; False where it is not known."""
        said = self.description(sha256)
        if not self._state.remove_object(sha256):
            return False
        if said is not None:
            pending.release_pictures(self._state, [p.sha256 for p in said.pictures])
        return True

    def check(self) -> Iterator[Finding]:
        """Follow the chain of batches to the newest one the state knows."""
        return events.check_events(self._root, self._state.last_batch())

    def description(self, sha256: str) -> Description | None:
        """What is known of an object, or None where nothing was written down.

        Raises:
            FormatError: the file that holds it cannot be read.
        """
        event = self._state.event_of(sha256)
        sequence = self._state.batch_of(event) if event else None
        if sequence is None:
            return pending.pending_description(self._state, sha256)
        path = descriptions_path(self._root, sequence)
        return find_description(path, event) if path.exists() else None

    def iter_descriptions(self, after_batch: int = 0) -> Iterator[pa.RecordBatch]:
        """All descriptions in batches behind `after_batch`, with a column `batch` (int64) besides.

        Raises:
            FormatError: a file cannot be read.
        """
        last = self._state.last_batch()
        for sequence in range(after_batch + 1, last.sequence + 1 if last else 1):
            path = descriptions_path(self._root, sequence)
            for rows in read_descriptions(path) if path.exists() else ():
                number = pa.array([sequence], pa.int64()).take(pa.array([0] * rows.num_rows))
                yield rows.append_column(pa.field("batch", pa.int64(), nullable=False), number)


def _again(page: list[Described], pages: Iterator[list[Described]]) -> Iterator[list[Described]]:
    yield page
    yield from pages


def _ingested(table: pa.Table) -> list[tuple[VaultObject, int]]:
    """The objects that the events of a batch brought in, each with the number of its event."""
    chosen = table.filter(pc.equal(table["type"], EventType.INGESTION.value))
    numbers, details = chosen["event"].to_pylist(), chosen["detail"].to_pylist()
    items = [msgspec.json.decode(text, type=VaultObject) for text in details]
    return list(zip(items, numbers, strict=True))


def _deleted(table: pa.Table) -> dict[str, int]:
    """Digests whose last word in a batch is a deletion, with the number of that event."""
    kinds = (EventType.INGESTION.value, EventType.DELETION.value)
    chosen = table.filter(pc.is_in(table["type"], pa.array(kinds)))
    rows = zip(*(chosen[name].to_pylist() for name in ("sha256", "type", "event")), strict=True)
    last = {digest: (kind, event) for digest, kind, event in rows}
    return {
        digest: event for digest, (kind, event) in last.items() if kind == EventType.DELETION.value
    }
