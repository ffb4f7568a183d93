"""Admitting the audio of one folder: examine, judge, keep, and say so in a row."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from phonotheque.archive.claimed_files import read_claimed_files
from phonotheque.archive.row_worker import otherwise
from phonotheque.archive.signals import Signals
from phonotheque.archive.withdrawals import in_force
from phonotheque.model.errors import InputError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.rights import Claim, EvidenceKind, Level, Use, Verdict
from phonotheque.rights import Policy, decide, expression_by_id, facts_of
from phonotheque.sources import (
    AudioFile,
    FolderRights,
    OtherFile,
    RightsFound,
    TagReader,
    Tags,
    Understand,
    folder_batch,
    folder_row,
    iter_folder,
    keep_evidence,
)
from phonotheque.storage.digests import digest_file
from phonotheque.storage.layout import Tree
from phonotheque.vault import Examination, Examiner, Vault

FILES_AT_ONCE = 1_000
Report = Callable[[Finding], None]


@dataclass(slots=True)
class AudioCounts:
    """Audio files of one ingest: seen = admitted + held_already + refused."""

    seen: int = 0
    admitted: int = 0
    held_already: int = 0
    refused: int = 0
    ignored: int = 0


class _Examined(NamedTuple):
    """A file with either the digest it is held under, unchanged, or a fresh examination."""

    file: AudioFile
    held: str | None
    examination: Examination | None


class Audio:
    """The audio below `folder`, as `source`. The vault is written by one thread."""

    def __init__(
        self,
        vault: Vault,
        tree: Tree,
        *,
        source: str,
        folder: Path,
        understand: Understand,
        policy: Policy,
        now: datetime,
    ) -> None:
        self._vault = vault
        self._tree = tree
        self._source = source
        self._folder = folder
        self._rights = FolderRights(folder, understand, now, otherwise)
        self._signals = Signals(folder, now)
        self._policy = policy
        self._now = now
        self._tags = TagReader()
        self._claimed = read_claimed_files(tree, source)
        self._purged = frozenset[str]() if policy.keep_withdrawn else _withdrawn(tree)

    def iter_batches(
        self, counts: AudioCounts, report: Report, advance: Callable[[], None]
    ) -> Iterator[pa.RecordBatch]:
        """The rows, in the order of their keys. Memory: 1,000 files."""
        files = self._iter_files(counts, report)
        with Examiner() as examiner, self._tags:
            while chunk := list(islice(files, FILES_AT_ONCE)):
                rows = []
                for examined in self._examine(chunk, examiner):
                    row = self._take(examined, counts, report)
                    rows += [row] if row else []
                    advance()
                if rows:
                    yield folder_batch(self._source, rows)

    def _iter_files(self, counts: AudioCounts, report: Report) -> Iterator[AudioFile]:
        for found in iter_folder(self._folder):
            if isinstance(found, AudioFile):
                counts.seen += 1
                yield found
            elif isinstance(found, OtherFile):
                counts.ignored += 1
            else:
                report(found)

    def _examine(self, files: list[AudioFile], examiner: Examiner) -> Iterator[_Examined]:
        """Every file in order; only those that are not held unchanged are examined."""
        held = deque((file, self._seen(file)) for file in files)
        fresh = [file.path for file, digest in held if digest is None]
        for examination in examiner.examine_many(fresh):
            while held[0][1] is not None:
                yield _Examined(*held.popleft(), None)
            yield _Examined(*held.popleft(), examination)
        for file, digest in held:
            yield _Examined(file, digest, None)

    def _seen(self, file: AudioFile) -> str | None:
        digest = self._vault.seen(self._source, file.key, file.size_bytes, file.mtime_ns)
        return digest if digest and self._vault.object_path(digest).exists() else None

    def _take(
        self, examined: _Examined, counts: AudioCounts, report: Report
    ) -> dict[str, Any] | None:
        """Judge one file and admit it; its row, or None when it gets none."""
        file, examination = examined.file, examined.examination
        protected = _report_examination(file, examination, report)
        if protected and examination is not None:
            self._record_refusal(file, examination, report)
        tags = self._tags.read(file.path, file.key)
        if isinstance(tags, Finding):
            report(tags)
        no_audio = examination is not None and examination.media_type.startswith("application/")
        sound = examination is None or examination.admissible
        if protected or no_audio or (not sound and isinstance(tags, Finding)):
            counts.refused += 1
            return None
        read = Tags() if isinstance(tags, Finding) else tags
        said = None if isinstance(tags, Finding) else tags
        rights = self._signals.add(file, said, self._rights.of(file, read))
        for finding in rights.findings:
            report(finding)
        row, findings = folder_row(file, read, rights, self._duration(examined))
        told = replace(rights, evidence=(*rights.evidence, *self._claimed.of(row)))
        digest = self._admit(examined, told, report, counts) if sound else None
        counts.refused += digest is None
        for sha256, content in rights.kept.items():
            keep_evidence(self._tree, sha256, content)
        for finding in findings:
            report(finding)
        return row | {"file_sha256": digest}

    def _admit(
        self, examined: _Examined, rights: RightsFound, report: Report, counts: AudioCounts
    ) -> str | None:
        """The digest under which the vault holds the file, or None when it may not be held."""
        file, examination = examined.file, examined.examination
        verdict = self._may_hold(rights)
        for finding in _rights_findings(file, rights, verdict):
            report(finding)
        if not verdict.allows:
            return None
        if examination is None:
            counts.held_already += 1
            return examined.held
        try:
            if self._is_purged(file):
                report(_purged(file))
                return None
            admission = self._vault.admit(file.path, examination, self._now)
        except InputError as error:
            report(Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, file.key, str(error)))
            return None
        self._vault.remember_seen(
            self._source, file.key, examination.size_bytes, examination.mtime_ns, admission.sha256
        )
        counts.admitted += not admission.already_held
        counts.held_already += admission.already_held
        return admission.sha256

    def _record_refusal(self, file: AudioFile, examination: Examination, report: Report) -> None:
        """Protected audio is refused for good, and that goes into the history of the vault."""
        try:
            self._vault.record_refusal(
                file.path, examination, source=self._source, key=file.key, now=self._now
            )
        except InputError as error:
            report(Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, file.key, str(error)))

    def _is_purged(self, file: AudioFile) -> bool:
        """Whether a withdrawal keeps the vault from taking these bytes in (anew)."""
        if not self._purged:
            return False
        try:
            digest = digest_file(file.path).sha256.hex()
        except OSError as error:
            raise InputError(f"{file.path}: cannot be read ({error.strerror}); check it") from error
        return digest in self._purged and self._vault.object(digest) is None

    def _may_hold(self, rights: RightsFound) -> Verdict:
        return decide(
            facts_of(rights.evidence),
            [self._policy.seat],  # the archive holds its copies where it is
            self._now.date(),
            Use.HOLD,
            self._policy,
        )

    def _duration(self, examined: _Examined) -> int | None:
        """Milliseconds as decoded, where the file was or had been decoded."""
        if examined.examination is not None:
            return examined.examination.duration_ms or None
        held = self._vault.object(examined.held) if examined.held else None
        return held.duration_ms if held else None


def _withdrawn(tree: Tree) -> frozenset[str]:
    return frozenset(digest for line in in_force(tree) for digest in line.files)


def _purged(file: AudioFile) -> Finding:
    message = (
        "these bytes are withdrawn, and this archive purges what is (rights.withdrawn_audio); "
        "they are not taken in again before `phonotheque restore` gives them back"
    )
    return Finding(FindingCode.COPY_WITHDRAWN, Severity.WARNING, file.key, message)


def _report_examination(file: AudioFile, examination: Examination | None, report: Report) -> bool:
    """Hand on what the examination found, under the file's key; whether it is protected."""
    findings = examination.findings if examination else ()
    for found in findings:
        report(Finding(found.code, found.severity, file.key, found.message, found.row))
    return any(found.code is FindingCode.AUDIO_DRM for found in findings)


def _rights_findings(file: AudioFile, rights: RightsFound, verdict: Verdict) -> Iterator[Finding]:
    """Why the audio is kept out, or what is doubtful although it is kept."""
    if verdict.allows:
        if "licence.versions-differ" in verdict.rule_ids:
            yield _conflict(file, rights, Severity.INFO)
        return
    if "licence.conflict" in verdict.rule_ids:
        yield _conflict(file, rights, Severity.ERROR)
        return
    code = {Level.DENY: FindingCode.RIGHTS_DENIED}.get(verdict.level, FindingCode.RIGHTS_REVIEW)
    if "evidence.none" in verdict.rule_ids:
        code = FindingCode.RIGHTS_NO_EVIDENCE
    message = (
        f"{' '.join(verdict.reasons)} (rules {', '.join(verdict.rule_ids)}); the audio is kept "
        "out. State the rights in a rights.toml beside it, or build and record them on its "
        "recording with `phonotheque rights claim`; then ingest again"
    )
    yield Finding(code, Severity.ERROR, file.key, message)


def _conflict(file: AudioFile, rights: RightsFound, severity: Severity) -> Finding:
    stated = {
        f"{licence} in {e.source}" if licence else f"something unknown in {e.source}"
        for e in rights.evidence
        if e.claim is Claim.LICENCE and e.kind is not EvidenceKind.INFERENCE
        for licence in [expression_by_id(e.value) if e.value else None]
    }
    kept = severity is Severity.INFO
    message = f"licences differ: {'; '.join(sorted(stated))}. " + (
        "Only in version or port, so the audio is kept"
        if kept
        else "The audio is kept out; find out which holds and state it in a rights.toml"
    )
    return Finding(FindingCode.RIGHTS_CONFLICT, severity, file.key, message)
