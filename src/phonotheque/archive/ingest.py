"""Ingest: read folders of audio, tables of rows and tables of listens into the archive's sources.

An audio file goes: seen before? ─ read once ─ held? ─ examine (in workers) ─ policy at the door ─
evidence ─ may it be held? ─ vault ─ row. What is refused gets a finding and keeps its row without
audio; a protected file gets no row.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec
import pyarrow as pa

from phonotheque import __version__
from phonotheque.archive.admission import Audio, AudioCounts, Door
from phonotheque.archive.ingest_plan import AUDIO, IngestPlan, InputPlan, group_inputs, reader_of
from phonotheque.archive.policy import archive_policy
from phonotheque.archive.row_worker import LARGE_BYTES, WORKER, make_maker, understand
from phonotheque.archive.sounding import Sounds, take_in_sounds
from phonotheque.archive.vaults import open_vault
from phonotheque.model.admission import parse_admission
from phonotheque.model.errors import InputError
from phonotheque.model.findings import Finding
from phonotheque.model.progress import Progress
from phonotheque.sources import (
    ImportReport,
    ImportWriter,
    InputRecord,
    Watch,
    Workers,
    iter_made,
    watched,
)
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from phonotheque.vault import Link

FIRST_FINDINGS = 200


class IngestReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. `imports` has one entry for each import that was made; totals are over
    everything that was read, whether an import came of it or not. `findings` are the first ones,
    `findings_by_code` counts all."""

    imports: list[ImportReport]
    nothing_new: list[str]  # sources that hold already all that was read
    rows_read: int
    rows_kept: int
    rows_unchanged: int
    rows_refused: int
    rows_gone: int
    isrcs: dict[str, int]  # rows with codes, by the class of their best code
    files_seen: int
    files_admitted: int
    files_held_already: int
    files_quarantined: int
    files_refused: int
    files_ignored: int
    findings_by_code: dict[str, int]
    findings: list[dict[str, str | int | None]]


def execute_ingest(tree: Tree, plan: IngestPlan, now: datetime, progress: Progress) -> IngestReport:
    """Read the inputs of `plan`; one import for each source that brings something new.

    Killed at any moment and run again, it ends in the same state; what was read of tables and
    dumps up to the last durable part is not read again.

    Raises:
        ArchiveBusyError: another process writes to the archive.
        UsageError: a dump lacks more than half of what its source holds, and `plan` does not say
            that it replaces it surely.
        NoSpaceError: the disk is full; complete imports and admitted audio stay.
    """
    groups = zip(group_inputs(plan.inputs), plan.imports, strict=True)
    with writing(tree.root):
        done = [
            _Source(tree, inputs, now, progress, replace=name in plan.replaces, link=plan.link).run(
                plan.surely
            )
            for inputs, name in groups
        ]
        made = [f"{each.report.source}/{each.report.name}" for each in done if each.made]
        sounds = take_in_sounds(tree, now, progress, made)
    return _summary(done, sounds)


class _Outcome(msgspec.Struct, frozen=True, kw_only=True):
    report: ImportReport
    made: bool
    admitted: int  # by this run; `report.files_held` counts what was held before as well
    held_already: int
    quarantined: int
    first: list[Finding]


class _Source:
    """The inputs of one source on their way into one import."""

    def __init__(
        self,
        tree: Tree,
        inputs: list[InputPlan],
        now: datetime,
        progress: Progress,
        *,
        replace: bool,
        link: Link,
    ) -> None:
        self._tree = tree
        self._link = link
        self._inputs = inputs
        self._progress = progress
        self._replace = replace
        self._writer = ImportWriter(
            tree, inputs[0].source, inputs[0].table, now, wanted=_wanted(inputs, replace=replace)
        )
        self._intake = self._writer.intake
        self._counts = AudioCounts()

    def run(self, surely: bool) -> _Outcome:
        """Read everything, write the import; `surely`: what is missing is gone, however much."""
        self._read()
        replaced = self._replace and not self._intake.broken and self._intake.rows > 0
        if self._replace and not replaced:
            self._progress.note("an input is empty or breaks off, so nothing of the source is gone")
        self._writer.settle(replace=replaced, surely=surely)
        report = self._report(replaces=replaced)
        made = self._writer.commit(report) is not None
        return _Outcome(
            report=report,
            made=made,
            admitted=self._counts.admitted,
            held_already=self._counts.held_already,
            quarantined=self._counts.quarantined,
            first=self._intake.findings.first,
        )

    def _read(self) -> None:
        """Take in all inputs, or those that a killed run left."""
        journal = self._intake.journal
        if journal.finished:
            return
        if self._intake.rows:
            self._progress.note(f"{self._intake.rows:,} rows were read before; going on from there")
        for number, item in enumerate(self._inputs[journal.input :], journal.input):
            if item.kind == AUDIO:
                self._take_audio(item)
            else:
                self._take_input(item, journal.after if number == journal.input else 0)

    def _take_audio(self, item: InputPlan) -> None:
        self._progress.start(f"audio of {item.source}", item.audio_files, "files")
        with ExitStack() as stack:
            audio = Audio(
                stack.enter_context(open_vault(self._tree)),
                self._tree,
                source=item.source,
                folder=Path(item.path),
                understand=understand,
                door=self._door(),
                now=self._writer.read_at,
            )
            report, advance = self._intake.findings.add, self._progress.advance
            for batch in audio.iter_batches(self._counts, report, advance):
                self._intake.add(batch)
            if audio.copied:
                self._progress.note(f"{audio.copied:,} files were copied: no {self._link} here")
        name = Path(item.path).name
        self._intake.end_input(InputRecord(name=name, kind=item.kind, bytes=item.bytes))

    def _door(self) -> Door:
        settings = read_settings(self._tree)
        table = parse_admission(settings.admission)
        return Door(archive_policy(settings), table, self._link)

    def _take_input(self, item: InputPlan, after: int) -> None:
        """Read a table or dump behind its first `after` records."""
        path = Path(item.path)
        read, watch = (path, None) if path.is_dir() else watched(path)
        start = (item.table, item.source, path.name, self._writer.read_at)
        self._progress.start(f"{path.name} into {item.source}", item.bytes, "bytes")
        seen = 0
        with ExitStack() as stack:
            large = item.table == "rows" and item.bytes >= LARGE_BYTES
            workers = stack.enter_context(Workers(WORKER, start)) if large else None
            reader, maker = reader_of(item), make_maker(start)
            for batch, findings in iter_made(reader, read, after, maker, workers):
                self._take(item.source, batch, findings)
                if watch is not None:
                    self._progress.advance(watch.bytes - seen)
                    seen = watch.bytes
        self._progress.advance(item.bytes - seen)
        digest = None if watch is None else _digest(watch, path)
        size = item.bytes if watch is None else watch.bytes
        record = InputRecord(name=path.name, kind=item.kind, bytes=size, sha256=digest)
        self._intake.end_input(record)

    def _take(self, source: str, batch: pa.RecordBatch | None, findings: Sequence[Finding]) -> None:
        parts = len(self._intake.parts)
        self._intake.add(batch, findings)
        if len(self._intake.parts) > parts:
            self._progress.note(f"{self._intake.rows:,} rows of {source} read")

    def _report(self, *, replaces: bool) -> ImportReport:
        writer, counts, intake = self._writer, self._counts, self._intake
        return ImportReport(
            format=1,
            source=writer.source,
            name=writer.name,
            kind=writer.kind,
            read_at=writer.read_at,
            replaces=replaces,
            inputs=intake.inputs,
            parts=writer.part_records(),
            rows_read=writer.rows_read,
            rows_kept=writer.rows_kept,
            rows_unchanged=writer.rows_unchanged,
            rows_refused=writer.rows_refused,
            rows_gone=writer.rows_gone,
            isrcs=dict(sorted(intake.isrcs.items())),
            files_seen=counts.seen,
            files_held=counts.admitted + counts.held_already,
            files_quarantined=counts.quarantined,
            files_refused=counts.refused,
            files_ignored=counts.ignored,
            findings=dict(sorted(intake.findings.counts.items())),
        )


def _digest(watch: Watch, path: Path) -> str:
    try:
        return watch.finish(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); run this again") from error


def _wanted(inputs: list[InputPlan], *, replace: bool) -> str:
    """What tells this ingest from any other; "" for one that cannot go on where it was."""
    if any(Path(item.path).is_dir() for item in inputs):
        return ""
    said = [__version__, inputs[0].table, str(replace)]
    for item in inputs:
        path = Path(item.path)
        stat = path.stat()
        said += [str(path.resolve()), item.kind, str(stat.st_size), str(stat.st_mtime_ns)]
        said += [Path(item.mapping).read_text()] if item.mapping else []
    return sha256("\n".join(said).encode()).hexdigest()


def _summary(done: list[_Outcome], sounds: Sounds) -> IngestReport:
    def total(name: str) -> int:
        return sum(getattr(outcome.report, name) for outcome in done)

    by_code = Counter(sounds.counts)
    isrcs: Counter[str] = Counter()
    for outcome in done:
        by_code.update(outcome.report.findings)
        isrcs.update(outcome.report.isrcs)
    found = [finding for outcome in done for finding in outcome.first]
    first = [finding.as_dict() for finding in [*found, *sounds.first]]
    return IngestReport(
        imports=[outcome.report for outcome in done if outcome.made],
        nothing_new=[outcome.report.source for outcome in done if not outcome.made],
        rows_read=total("rows_read"),
        rows_kept=total("rows_kept"),
        rows_unchanged=total("rows_unchanged"),
        rows_refused=total("rows_refused"),
        rows_gone=total("rows_gone"),
        isrcs=dict(sorted(isrcs.items())),
        files_seen=total("files_seen"),
        files_admitted=sum(outcome.admitted for outcome in done),
        files_held_already=sum(outcome.held_already for outcome in done),
        files_quarantined=sum(outcome.quarantined for outcome in done),
        files_refused=total("files_refused"),
        files_ignored=total("files_ignored"),
        findings_by_code=dict(sorted(by_code.items())),
        findings=first[:FIRST_FINDINGS],
    )
