"""Fixity rounds: every object read again, at least once in so many days.

A round goes through the digest space, which is uniform, at an even speed: at any time the share
that is due is the share of its days that has gone by. A run checks from the round's cursor to what
is due, so that it does not matter when it runs, how often, or whether it was killed. A round takes
nine tenths of the days, so a run may come up to a tenth of them late.

The next round begins as if the one before had kept to its schedule, but no later: each digest is
due again when the days since it was looked at have gone by. Admission counts as a look: an object
was hashed then. What was bad is looked at again by every run, until it is sound or gone.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta

from phonotheque.model.errors import InputError, TransferError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.progress import Progress
from phonotheque.storage.local_store import LocalStore
from phonotheque.storage.lock import writing
from phonotheque.vault.events import EventType
from phonotheque.vault.fixity_report import (
    FixityReport,
    FixityStatus,
    due_position,
    first_admission,
    fixity_status,
    span_of,
)
from phonotheque.vault.fixity_state import END, Checked, FixityState, Outcome, Round, share_of
from phonotheque.vault.proving import Pace, Readers, iter_checked
from phonotheque.vault.store import Vault

STEP_SECONDS = 10.0  # what a kill can cost
LOST_IN_A_ROW = 1_000  # more is not damage, it is a disk that is not there
UNANSWERED_IN_A_ROW = 20
MOST_FINDINGS = 1_000
_CODES = {
    Outcome.DAMAGED: FindingCode.COPY_DAMAGED,
    Outcome.MISSING: FindingCode.COPY_MISSING,
    Outcome.NOT_CHECKED: FindingCode.COPY_NOT_CHECKED,
}
_WAYS_OUT = {
    Outcome.DAMAGED: "run `phonotheque vault repair`",
    Outcome.MISSING: "run `phonotheque vault repair`",
    Outcome.NOT_CHECKED: "not checked; look at the disk and at permissions, then run this again",
}


def check_fixity(
    vault: Vault,
    now: datetime,
    progress: Progress,
    *,
    days: float = 90,
    everything: bool = False,
    bytes_per_s: float | None = None,
    jobs: int | None = None,
) -> FixityReport:
    """Check what is due at `now` of the round in which every object is read within `days`; with
    `everything`, all objects now (a round of its own, which the next run carries on if need be).

    Cursor, outcomes and events are durable every `STEP_SECONDS`; killed at any moment and run
    again, it goes on from there. `jobs` threads read (None: one for each core, at most 4);
    `bytes_per_s` bounds all of them together.

    Raises:
        ArchiveBusyError: another one is running.
        InputError: nothing at all can be read: a disk is not there. Nothing is recorded of it.
        TransferError: the store does not answer.
    """
    jobs = jobs or min(4, os.cpu_count() or 1)
    with writing(vault.root / "fixity"), ThreadPoolExecutor(jobs) as pool:
        held = vault.count_objects()
        _check_store(vault, held[0])
        run = _Run(vault, now, progress, Readers(pool, jobs, Pace(bytes_per_s)), held[1])
        run.look_at_faults_again()
        if everything:
            run.begin_round_of_everything()
        run.check_due(days)
        return run.report(fixity_status(vault, run.time(), days, held))


def _check_store(vault: Vault, objects: int) -> None:
    """A store without a single object is not where `objects` are."""
    if objects and next(vault.store.names(), None) is None:
        raise InputError(
            f"{vault.store.where('…')}: holds nothing at all, where {objects:,} objects should be: "
            "is the disk mounted, is [vault] store right? Nothing was recorded; if they are lost, "
            "run `phonotheque vault repair --missing`"
        )


def next_start(state: FixityState, days: float) -> datetime:
    """When the round behind a complete one began, at an even speed through its `days`: the
    latest time by which no digest is due later than the days after it was looked at."""
    span = span_of(days)
    return min(s.at + (1 - share_of(s.last)) * span for s in state.iter_coverage())


class _Run:
    """One run: takes what threads found into the state, step by step."""

    def __init__(
        self, vault: Vault, now: datetime, progress: Progress, readers: Readers, held_bytes: int
    ) -> None:
        self._held_bytes = held_bytes
        self._vault = vault
        self._state = FixityState(vault.state)
        self._now, self._begun = now, time.monotonic()
        self._progress = progress
        self._readers = readers
        self._counts = dict.fromkeys(Outcome, 0)
        self._bytes = 0
        self._pictures = LocalStore(vault.root, "pictures")
        self._picture_count = 0
        self._mended = 0
        self._lost_in_a_row = 0
        self._findings: list[Finding] = []
        self._left_out = 0

    def time(self) -> datetime:
        """The time by now."""
        return self._now + timedelta(seconds=time.monotonic() - self._begun)

    def look_at_faults_again(self) -> None:
        """What was bad when it was looked at last: perhaps it was mended, or its disk is back."""
        self._state.drop_idle_faults()
        if not sum(self._state.count_faults().values()):
            return
        self._progress.start("objects found bad before", None, "objects")
        known = ((digest, size) for digest, size, _, _ in self._state.faults())
        for step, _ in self._steps(known):
            with self._vault.state.transaction():
                self._record_bad(step)

    def begin_round_of_everything(self) -> None:
        """Unless such a round is under way already."""
        last = self._state.newest()
        if last is None or last.complete or last.days:
            with self._vault.state.transaction():
                self._state.begin(self._now, 0, self._now)

    def check_due(self, days: float) -> None:
        """Go on with the round, and with the one behind it, to what is due."""
        while True:
            current = self._current_round(days)
            target = due_position(current, self.time())
            if target <= current.cursor:
                return
            self._check_stretch(current, target)
            if target != END or current.days == 0:
                return

    def _current_round(self, days: float) -> Round:
        last = self._state.newest()
        with self._vault.state.transaction():
            if last is None:
                self._state.begin(first_admission(self._vault) or self._now, days, self._now)
            elif last.complete:
                self._state.begin(next_start(self._state, days), days, self._now)
            elif last.days not in (0, days):
                self._state.set_days(last.number, days)
        current = self._state.newest()
        assert current is not None
        return current

    def _check_stretch(self, current: Round, target: bytes) -> None:
        total = round((share_of(target) - share_of(current.cursor)) * self._held_bytes)
        self._progress.start(f"vault, round {current.number}", total, "bytes")
        since = self.time()
        due = self._state.objects(current.cursor, target)
        for step, is_last in self._steps(due):
            upto = target if is_last else step[-1].sha256
            pictures = self._look_at_pictures(current.cursor, upto)
            with self._vault.state.transaction():
                self._record_pictures(pictures)
                kept = self._record_bad(step)
                self._state.advance(current, upto, kept, since)
                self._record_stretch(current, upto, kept)
            current = self._state.newest() or current
            since = self.time()

    def _look_at_pictures(self, after: bytes, upto: bytes) -> list[Checked]:
        """Pictures out of audio, which are files of their own, go along with a stretch; returns
        those that are bad."""
        bad = []
        for item in iter_checked(self._pictures, self._state.pictures(after, upto), self._readers):
            self._bytes += item.bytes
            self._picture_count += 1
            if item.outcome is not Outcome.SOUND:
                bad.append(item)
        return bad

    def _record_pictures(self, bad: Sequence[Checked]) -> None:
        for item in bad:
            self._event(item)
            where = str(self._pictures.local_path(item.sha256.hex()))
            message = (
                f"{item.note}; a picture out of audio that still has it: restore it from a copy of "
                "vault/pictures"
            )
            self._find(Finding(_CODES[item.outcome], Severity.ERROR, where, message))

    def _steps(self, objects: Iterator[tuple[bytes, int]]) -> Iterator[tuple[list[Checked], bool]]:
        """What was found, in steps of `STEP_SECONDS`; with the last one True (it may be empty).

        Interrupted, what was found up to then is a step as well.
        """
        step: list[Checked] = []
        begun = time.monotonic()
        with closing(iter_checked(self._vault.store, objects, self._readers)) as found:
            try:
                for item in found:
                    self._guard(item)
                    step.append(item)
                    self._progress.advance(item.bytes)
                    if time.monotonic() - begun >= STEP_SECONDS:
                        yield step, False
                        step, begun = [], time.monotonic()
            except KeyboardInterrupt:
                if step:
                    yield step, False
                raise
        yield step, True

    def _guard(self, item: Checked) -> None:
        """Many in a row that are not there, or not readable: nothing is concluded from that."""
        if item.outcome in (Outcome.SOUND, Outcome.DAMAGED):
            self._lost_in_a_row = 0
            return
        if self._state.fault(item.sha256) is not None:
            return
        self._lost_in_a_row += 1
        where = self._vault.store.where(item.sha256.hex())
        remote = self._vault.store.local_path(item.sha256.hex()) is None
        if remote and item.outcome is Outcome.NOT_CHECKED:
            if self._lost_in_a_row >= UNANSWERED_IN_A_ROW:
                raise TransferError(f"{item.note}; nothing is concluded about the objects")
        elif self._lost_in_a_row >= LOST_IN_A_ROW:
            raise InputError(
                f"{where} and {LOST_IN_A_ROW - 1:,} objects before it {item.note}: is the disk "
                "mounted? Nothing was recorded of them; if they are lost, run `phonotheque vault "
                "repair --missing`"
            )

    def _record_bad(self, step: Sequence[Checked]) -> list[Checked]:
        """Faults and events of what is bad, or is so no more; returns what the vault still knows:
        it may have been purged meanwhile."""
        kept = []
        for item in step:
            known = self._state.fault(item.sha256)
            if item.outcome is not Outcome.SOUND and not self._vault.object(item.sha256.hex()):
                continue
            kept.append(item)
            if known is None or known.at < self._now or known.outcome is not item.outcome:
                self._count(item)  # else it was counted among those found bad before
            if item.outcome is not Outcome.SOUND or known is not None:
                self._state.set_fault(item, self.time())
                if known is None or known.outcome is not item.outcome:
                    self._mended += item.outcome is Outcome.SOUND
                    self._event(item)
        return kept

    def _event(self, item: Checked) -> None:
        sound = item.outcome is Outcome.SOUND
        said = {"outcome": item.outcome.value}
        if item.note:
            said["note"] = item.note
        self._vault.record_event(
            EventType.FIXITY_CHECK, self.time(), outcome="success" if sound else "failure",
            detail=json.dumps(said, ensure_ascii=False), sha256_hex=item.sha256.hex(),
        )  # fmt: skip

    def _record_stretch(self, current: Round, upto: bytes, checked: Sequence[Checked]) -> None:
        if not checked:
            return
        kinds = [item.outcome for item in checked]
        said = {
            "round": current.number,
            "after": current.cursor.hex(),
            "to": upto.hex(),
            "objects": len(checked),
            "bytes": sum(item.bytes for item in checked),
            **{kind.value.replace(" ", "_"): kinds.count(kind) for kind in Outcome},
        }
        sound = all(kind is Outcome.SOUND for kind in kinds)
        self._vault.record_event(
            EventType.FIXITY_CHECK, self.time(), outcome="success" if sound else "failure",
            detail=json.dumps(said),
        )  # fmt: skip

    def _count(self, item: Checked) -> None:
        self._counts[item.outcome] += 1
        self._bytes += item.bytes if item.outcome in (Outcome.SOUND, Outcome.DAMAGED) else 0
        if item.outcome is Outcome.SOUND:
            return
        where = self._vault.store.where(item.sha256.hex())
        message = f"{item.note}; {_WAYS_OUT[item.outcome]}"
        self._find(Finding(_CODES[item.outcome], Severity.ERROR, where, message))

    def _find(self, finding: Finding) -> None:
        if len(self._findings) < MOST_FINDINGS:
            self._findings.append(finding)
        else:
            self._left_out += 1

    def report(self, status: FixityStatus) -> FixityReport:
        """What this run did, and how the vault stands."""
        return FixityReport(
            sound=self._counts[Outcome.SOUND],
            damaged=self._counts[Outcome.DAMAGED],
            missing=self._counts[Outcome.MISSING],
            not_checked=self._counts[Outcome.NOT_CHECKED],
            mended=self._mended,
            pictures=self._picture_count,
            bytes_read=self._bytes,
            status=status,
            findings=[*self._findings, *status.findings(str(self._vault.root))],
            findings_left_out=self._left_out,
        )
