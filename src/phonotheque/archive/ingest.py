"""Ingest: read folders of audio, tables of rows and tables of listens into the archive's sources.

An audio file goes: seen before? ─ examine (in workers) ─ evidence ─ may it be held? ─ vault ─ row.
What is refused gets a finding and keeps its row without audio; a protected file gets no row.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from hashlib import file_digest
from pathlib import Path

import msgspec
import pyarrow as pa

from phonotheque.archive.admission import Audio, AudioCounts
from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.model.findings import Finding
from phonotheque.model.progress import Progress
from phonotheque.rights import parse_licence
from phonotheque.sources import (
    ImportReport,
    ImportWriter,
    InputRecord,
    check_listens_file,
    check_rows_file,
    check_source_name,
    is_listens_file,
    iter_listens,
    iter_rows,
    next_import,
    plan_folder,
    source_name,
)
from phonotheque.storage.documents import read_settings
from phonotheque.storage.durable import free_bytes
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from phonotheque.vault import Vault

FIRST_FINDINGS = 200
KINDS = ("auto", "folder", "rows", "listens")


class InputPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One input: what it is, how large, what will not be read of it."""

    path: str
    kind: str  # folder | rows | listens
    source: str
    audio_files: int
    bytes: int
    ignored_files: int
    ignored_columns: list[str]


class IngestPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `execute_ingest` will read. `needed_bytes` is an upper bound of what is written."""

    inputs: list[InputPlan]
    imports: list[str]  # "<source>/<import>" that would be made
    audio_files: int
    bytes: int
    needed_bytes: int
    free_bytes: int


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
    files_seen: int
    files_admitted: int
    files_held_already: int
    files_refused: int
    files_ignored: int
    findings_by_code: dict[str, int]
    findings: list[dict[str, str | int | None]]


def understand(raw: str) -> str | None:
    """The id of the licence that a statement names, or None."""
    licence = parse_licence(raw)
    return licence.id if licence else None


def plan_ingest(
    tree: Tree, inputs: Sequence[Path], *, source: str | None, kind: str, now: datetime
) -> IngestPlan:
    """Look at the inputs without writing anything.

    Raises:
        NotFoundError: no archive at `tree`, or an input does not exist.
        InputError: an input cannot be read or lacks a required column.
        UsageError: no inputs, a bad source name, an input of another kind than `kind`, or a folder
            without audio.
    """
    read_settings(tree)
    if not inputs or kind not in KINDS:
        raise UsageError(f"give at least one folder or file, and a kind of {', '.join(KINDS)}")
    planned = [_plan_input(path, source, kind) for path in inputs]
    groups = _groups(planned)
    audio_bytes = sum(p.bytes for p in planned if p.kind == "folder")
    total = sum(p.bytes for p in planned)
    return IngestPlan(
        inputs=planned,
        imports=[f"{name}/{next_import(tree, name)}" for name, _ in groups],
        audio_files=sum(p.audio_files for p in planned),
        bytes=total,
        needed_bytes=audio_bytes + 2 * (total - audio_bytes),
        free_bytes=free_bytes(tree.root),
    )


def _plan_input(path: Path, source: str | None, kind: str) -> InputPlan:
    if not path.exists():
        raise NotFoundError(f"{path}: there is no such file or folder")
    found = _kind_of(path, kind)
    name = check_source_name(source) if source else source_name(path.resolve())
    if found == "folder":
        size = plan_folder(path)
        if not size.audio_files and not size.findings:
            raise UsageError(
                f"{path}: holds no audio ({size.other_files:,} other files); give a folder of "
                "audio, or name tables of rows and listens one by one"
            )
        return InputPlan(
            path=str(path),
            kind=found,
            source=name,
            audio_files=size.audio_files,
            bytes=size.audio_bytes,
            ignored_files=size.other_files,
            ignored_columns=[],
        )
    check = check_rows_file if found == "rows" else check_listens_file
    return InputPlan(
        path=str(path),
        kind=found,
        source=name,
        audio_files=0,
        bytes=path.stat().st_size,
        ignored_files=0,
        ignored_columns=check(path),
    )


def _kind_of(path: Path, kind: str) -> str:
    if kind != "auto":
        if path.is_dir() != (kind == "folder"):
            raise UsageError(f"{path}: is {'a folder' if path.is_dir() else 'no folder'}")
        return kind
    if path.is_dir():
        return "folder"
    return "listens" if is_listens_file(path) else "rows"


def _groups(inputs: Sequence[InputPlan]) -> list[tuple[str, list[InputPlan]]]:
    """Inputs by source, in order; one import each.

    Raises:
        UsageError: rows and listens are to go into one source.
    """
    groups: dict[str, list[InputPlan]] = {}
    for item in inputs:
        groups.setdefault(item.source, []).append(item)
    for name, items in groups.items():
        if len({item.kind == "listens" for item in items}) > 1:
            raise UsageError(f"source {name}: rows and listens cannot be one source; name two")
    return list(groups.items())


def execute_ingest(tree: Tree, plan: IngestPlan, now: datetime, progress: Progress) -> IngestReport:
    """Read the inputs of `plan`; one import for each source that brings something new.

    Killed at any moment and run again, it ends in the same state.

    Raises:
        ArchiveBusyError: another process writes to the archive.
        NoSpaceError: the disk is full; complete imports and admitted audio stay.
    """
    with writing(tree.root):
        done = [
            _Source(tree, name, inputs, now, progress).run()
            for name, inputs in _groups(plan.inputs)
        ]
    return _summary(done)


class _Outcome(msgspec.Struct, frozen=True, kw_only=True):
    report: ImportReport
    made: bool
    admitted: int  # by this run; `report.files_held` counts what was held before as well
    held_already: int
    first: list[Finding]


class _Source:
    """The inputs of one source on their way into one import."""

    def __init__(
        self, tree: Tree, name: str, inputs: list[InputPlan], now: datetime, progress: Progress
    ) -> None:
        kind = "listens" if inputs[0].kind == "listens" else "rows"
        self._tree = tree
        self._inputs = inputs
        self._now = now
        self._progress = progress
        self._writer = ImportWriter(tree, name, kind)
        self._counts = AudioCounts()
        self._refused_rows = 0
        self._records: list[InputRecord] = []

    def run(self) -> _Outcome:
        """Read everything, write the import."""
        self._writer.write_rows(self._iter_batches())
        report = self._report()
        made = self._writer.commit(report) is not None
        return _Outcome(
            report=report,
            made=made,
            admitted=self._counts.admitted,
            held_already=self._counts.held_already,
            first=self._writer.findings.first,
        )

    def _iter_batches(self) -> Iterator[pa.RecordBatch]:
        for item in self._inputs:
            path = Path(item.path)
            if item.kind == "folder":
                yield from self._iter_folder(path, item)
            else:
                yield from self._iter_table(path, item)

    def _iter_folder(self, path: Path, item: InputPlan) -> Iterator[pa.RecordBatch]:
        self._progress.start(f"audio of {item.source}", item.audio_files, "files")
        with ExitStack() as stack:
            audio = Audio(
                stack.enter_context(Vault.open(self._tree.vault)),
                self._tree,
                source=item.source,
                folder=path,
                understand=understand,
                settings=read_settings(self._tree).rights,
                now=self._now,
            )
            yield from audio.iter_batches(
                self._counts, self._writer.findings.add, self._progress.advance
            )
        self._records.append(InputRecord(name=path.name, kind=item.kind, bytes=item.bytes))

    def _iter_table(self, path: Path, item: InputPlan) -> Iterator[pa.RecordBatch]:
        self._progress.start(f"{item.kind} of {item.source}", None, "rows")
        reader = (
            iter_listens(path)
            if item.kind == "listens"
            else iter_rows(path, understand, self._now, item.source)
        )
        for found in reader:
            if isinstance(found, Finding):
                self._writer.findings.add(found)
                self._refused_rows += _refuses_row(found)
            else:
                self._progress.advance(found.num_rows)
                yield found
        digest = _sha256(path)
        self._records.append(
            InputRecord(name=path.name, kind=item.kind, bytes=path.stat().st_size, sha256=digest)
        )

    def _report(self) -> ImportReport:
        writer, counts = self._writer, self._counts
        return ImportReport(
            format=1,
            source=writer.source,
            name=writer.name,
            kind=writer.kind,
            read_at=self._now,
            inputs=self._records,
            parts=writer.part_records(),
            rows_read=writer.rows_read + self._refused_rows,
            rows_kept=writer.rows_kept,
            rows_unchanged=writer.rows_unchanged,
            rows_refused=writer.rows_refused + self._refused_rows,
            files_seen=counts.seen,
            files_held=counts.admitted + counts.held_already,
            files_refused=counts.refused,
            files_ignored=counts.ignored,
            findings=dict(sorted(writer.findings.counts.items())),
        )


def _refuses_row(finding: Finding) -> bool:
    """Whether a finding of a table reader means that a row was left out."""
    return finding.severity == "error" and finding.row is not None


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); run this again") from error


def _summary(done: list[_Outcome]) -> IngestReport:
    def total(name: str) -> int:
        return sum(getattr(outcome.report, name) for outcome in done)

    by_code: dict[str, int] = {}
    for outcome in done:
        for code, count in outcome.report.findings.items():
            by_code[code] = by_code.get(code, 0) + count
    first = [finding.as_dict() for outcome in done for finding in outcome.first]
    return IngestReport(
        imports=[outcome.report for outcome in done if outcome.made],
        nothing_new=[outcome.report.source for outcome in done if not outcome.made],
        rows_read=total("rows_read"),
        rows_kept=total("rows_kept"),
        rows_unchanged=total("rows_unchanged"),
        rows_refused=total("rows_refused"),
        files_seen=total("files_seen"),
        files_admitted=sum(outcome.admitted for outcome in done),
        files_held_already=sum(outcome.held_already for outcome in done),
        files_refused=total("files_refused"),
        files_ignored=total("files_ignored"),
        findings_by_code=dict(sorted(by_code.items())),
        findings=first[:FIRST_FINDINGS],
    )
