"""Findings of an admission in the words of its report."""

from collections.abc import Iterator
from dataclasses import replace

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.rights import Claim, EvidenceKind, Level, Verdict
from phonotheque.rights import expression_by_id
from phonotheque.sources import AudioFile, RightsFound


def of_file(finding: Finding, file: AudioFile) -> Finding:
    """A finding of the examination, under the file's key."""
    return replace(finding, where=file.key)


def purged(file: AudioFile) -> Finding:
    """The bytes were withdrawn, and this archive does not keep what is."""
    message = (
        "these bytes are withdrawn, and this archive purges what is (rights.withdrawn_audio); "
        "they are not taken in again before `phonotheque restore` gives them back"
    )
    return Finding(FindingCode.COPY_WITHDRAWN, Severity.WARNING, file.key, message)


def rights_findings(file: AudioFile, rights: RightsFound, verdict: Verdict) -> Iterator[Finding]:
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
