"""Admitting the audio of one folder: judge, keep, and say so in a row."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from phonotheque.archive.admission_findings import of_file, purged, rights_findings
from phonotheque.archive.claimed_files import read_claimed_files
from phonotheque.archive.door import Judgement, is_protected, judge_at_door
from phonotheque.archive.looking import Looked, Looking
from phonotheque.archive.row_worker import otherwise
from phonotheque.archive.signals import Signals
from phonotheque.archive.withdrawals import in_force
from phonotheque.model.admission import Action, Table
from phonotheque.model.audio_tags import Tags
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.rights import Use
from phonotheque.rights import Policy, decide, facts_of
from phonotheque.sources import (
    AudioFile,
    FolderRights,
    OtherFile,
    RightsFound,
    Understand,
    folder_batch,
    folder_row,
    iter_folder,
    keep_evidence,
)
from phonotheque.storage.layout import Tree
from phonotheque.vault import Examination, Examiner, Link, Vault, find_no_fingerprint

FILES_AT_ONCE = 1_000
_NOT_EXAMINED = Judgement(Action.ADMIT, (), frozenset())
Report = Callable[[Finding], None]


@dataclass(slots=True)
class AudioCounts:
    """Audio files of one ingest: seen = admitted + held_already + quarantined + refused."""

    seen: int = 0
    admitted: int = 0
    held_already: int = 0
    quarantined: int = 0
    refused: int = 0
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Door:
    """What the archive lets in, and how its bytes come."""

    policy: Policy
    table: Table
    link: Link = Link.COPY


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
        door: Door,
        now: datetime,
    ) -> None:
        self._vault = vault
        self._tree = tree
        self._source = source
        self._folder = folder
        self._rights = FolderRights(folder, understand, now, otherwise)
        self._signals = Signals(folder, now)
        self._door = door
        self._now = now
        self._claimed = read_claimed_files(tree, source)
        self._purged = frozenset[str]() if door.policy.keep_withdrawn else _withdrawn(tree)
        self._look_anew: Callable[[AudioFile], Looked] = Looked  # while batches are made
        self.copied = 0  # files that were to be linked and had to be copied

    def iter_batches(
        self, counts: AudioCounts, report: Report, advance: Callable[[], None]
    ) -> Iterator[pa.RecordBatch]:
        """The rows, in the order of their keys. Memory: 1,000 rows, and a few files."""
        if unheard := find_no_fingerprint(self._source):
            report(unheard)
        with Examiner() as examiner, self._vault.grouped():
            looking = Looking(
                self._vault, examiner, self._source, table=self._door.table, link=self._door.link
            )
            self._look_anew = looking.look
            with closing(looking.iter_looked(self._iter_files(counts, report))) as looked:
                while chunk := self._take_some(looked, counts, report, advance):
                    if rows := [row for row in chunk if row is not None]:
                        yield folder_batch(self._source, rows)

    def _take_some(
        self,
        looked: Iterator[Looked],
        counts: AudioCounts,
        report: Report,
        advance: Callable[[], None],
    ) -> list[dict[str, Any] | None]:
        taken = []
        for one in islice(looked, FILES_AT_ONCE):
            taken.append(self._take(one, counts, report))
            self._vault.settle_if_due()
            advance()
        return taken

    def _iter_files(self, counts: AudioCounts, report: Report) -> Iterator[AudioFile]:
        for found in iter_folder(self._folder):
            if isinstance(found, AudioFile):
                counts.seen += 1
                yield found
            elif isinstance(found, OtherFile):
                counts.ignored += 1
            else:
                report(found)

    def _take(self, looked: Looked, counts: AudioCounts, report: Report) -> dict[str, Any] | None:
        """Judge one file and admit it; its row, or None when it gets none."""
        try:
            return self._judge(looked, counts, report)
        finally:
            looked.close()

    def _judge(self, looked: Looked, counts: AudioCounts, report: Report) -> dict[str, Any] | None:
        file, examination = looked.file, looked.examination
        if looked.unread is not None:
            report(looked.unread)
            counts.refused += 1
            return None
        judged = judge_at_door(examination, self._door.table) if examination else _NOT_EXAMINED
        for finding in judged.findings:
            report(of_file(finding, file))
        protected = is_protected(judged.findings)
        if judged.action is Action.REFUSE and examination is not None:
            self._remember_refusal(looked, examination, protected=protected)
        read = _tags_of(looked, report)
        if read is None or (examination and examination.media_type.startswith("application/")):
            counts.refused += 1
            return None
        tags = read.tags
        rights = self._rights.of(file, tags)
        rights = self._signals.add(file, tags if read.whole else None, rights)
        for finding in rights.findings:
            report(finding)
        row, findings = folder_row(file, tags, rights, self._duration(looked))
        told = replace(rights, evidence=(*rights.evidence, *self._claimed.of(row)))
        digest = self._keep(looked, judged, told, report, counts)
        for sha256, content in rights.kept.items():
            keep_evidence(self._tree, sha256, content)
        for finding in findings:
            report(finding)
        return row | {"file_sha256": digest}

    def _keep(
        self,
        looked: Looked,
        judged: Judgement,
        rights: RightsFound,
        report: Report,
        counts: AudioCounts,
    ) -> str | None:
        """The digest under which the vault holds the file, or None when it does not."""
        if judged.action is Action.REFUSE:
            counts.refused += 1
            return None
        if not self._may_hold(looked, rights, report):
            self._remember_kept_out(looked)
            counts.refused += 1
            return None
        if judged.action is Action.QUARANTINE:
            counts.quarantined += 1
            self._set_aside(looked)
            return None
        if looked.held is not None:
            return self._held_already(looked, looked.held, counts)
        if looked.material is None:
            return self._let_in(looked.file, rights, report, counts)
        return self._admit(looked, judged, counts)

    def _let_in(
        self, file: AudioFile, rights: RightsFound, report: Report, counts: AudioCounts
    ) -> str | None:
        """Keep what was kept out until now and not read this time: it is looked at anew."""
        looked = self._look_anew(file)
        try:
            if looked.unread is not None:
                report(looked.unread)
                counts.refused += 1
                return None
            found = looked.examination
            judged = judge_at_door(found, self._door.table) if found else _NOT_EXAMINED
            return self._keep(looked, judged, rights, report, counts)
        finally:
            looked.close()

    def _may_hold(self, looked: Looked, rights: RightsFound, report: Report) -> bool:
        """Ask the rules of rights, and whether these bytes were withdrawn and purged."""
        verdict = decide(
            facts_of(rights.evidence),
            [self._door.policy.seat],  # the archive holds its copies where it is
            self._now.date(),
            Use.HOLD,
            self._door.policy,
        )
        for finding in rights_findings(looked.file, rights, verdict):
            report(finding)
        if not verdict.allows:
            return False
        material = looked.material
        if looked.held is None and material is not None and material.sha256 in self._purged:
            report(purged(looked.file))
            return False
        return True

    def _held_already(self, looked: Looked, digest: str, counts: AudioCounts) -> str:
        counts.held_already += 1
        if looked.material is not None:
            self._remember(looked, digest)
        return digest

    def _admit(self, looked: Looked, judged: Judgement, counts: AudioCounts) -> str:
        material, examination = looked.material, looked.examination
        assert material is not None and examination is not None  # or it were held
        self.copied += material.link is not self._door.link
        looked.material = None  # the vault's from here on
        admission = self._vault.admit(material, examination, self._now, judged.accepted)
        self._remember(looked, admission.sha256)
        counts.admitted += not admission.already_held
        counts.held_already += admission.already_held
        return admission.sha256

    def _set_aside(self, looked: Looked) -> None:
        material, examination = looked.material, looked.examination
        if material is None or examination is None:  # it was before
            return
        file = looked.file
        looked.material = None  # the vault's from here on
        self._vault.quarantine(
            material, examination, source=self._source, key=file.key, now=self._now
        )
        self._vault.remember_refusal(self._source, file.key, examination)
        self._remember(looked, material.sha256)

    def _remember_refusal(
        self, looked: Looked, examination: Examination, *, protected: bool
    ) -> None:
        """Need not be read again; protected audio is refused for good, which goes into the
        history of the vault."""
        key, material = looked.file.key, looked.material
        if looked.again or material is None:
            return
        self._vault.remember_refusal(self._source, key, examination)
        if protected:
            self._vault.record_refusal(
                material.sha256, examination, source=self._source, key=key, now=self._now
            )

    def _remember_kept_out(self, looked: Looked) -> None:
        """Sound audio without a right need not be decoded again to ask about that right."""
        if looked.examination is not None and looked.held is None and not looked.again:
            plain = msgspec.structs.replace(looked.examination, description=None)
            self._vault.remember_refusal(self._source, looked.file.key, plain)

    def _remember(self, looked: Looked, digest: str) -> None:
        file = looked.file
        self._vault.remember_seen(self._source, file.key, file.size_bytes, file.mtime_ns, digest)

    def _duration(self, looked: Looked) -> int | None:
        """Milliseconds as decoded, where the file was or had been decoded."""
        if looked.examination is not None:
            return looked.examination.duration_ms or None
        held = self._vault.object(looked.held) if looked.held else None
        return held.duration_ms if held else None


class _TagsRead(NamedTuple):
    """The tags of a file, and whether all of them could be read."""

    tags: Tags
    whole: bool


def _tags_of(looked: Looked, report: Report) -> _TagsRead | None:
    """What the file says of itself; None where it is so little audio that it gets no row."""
    read = looked.tags or looked.examination
    if read is None or is_protected(read.findings):
        return None
    whole = all(f.code is not FindingCode.TAGS_UNREADABLE for f in read.findings)
    found = looked.examination.findings if looked.examination else ()
    if looked.again and not whole and any(f.severity is Severity.ERROR for f in found):
        return None
    for finding in looked.tags.findings if looked.tags else ():
        report(of_file(finding, looked.file))
    said = read.description
    if said is None:
        return None if looked.held is None else _TagsRead(Tags(), whole=False)
    return _TagsRead(Tags(said.tags | said.tags_repaired, said.tag_duration_ms), whole)


def _withdrawn(tree: Tree) -> frozenset[str]:
    return frozenset(digest for line in in_force(tree) for digest in line.files)
