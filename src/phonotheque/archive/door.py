"""The policy at the door: what is done with a file in which something was found."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from phonotheque.model.admission import NEVER_ADMITTED, Action, Table, action_on, strictest
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.vault import Examination


class Judgement(NamedTuple):
    """What is done with the file, what is said of it, and the errors that do not keep it out."""

    action: Action
    findings: tuple[Finding, ...]
    accepted: frozenset[FindingCode]


def judge_at_door(examination: Examination, table: Table) -> Judgement:
    """Apply `table` to what was found. Without proof that the file holds audio it is never
    admitted, whatever the table says.

    A finding that keeps the file out is an error; one that is reported of audio that is kept, at
    most a warning.
    """
    asked = {finding: action_on(finding, table) for finding in examination.findings}
    action = strictest(list(asked.values()))
    if action in (Action.ADMIT, Action.REPORT) and not examination.codec:
        action = Action.REFUSE
    kept = action in (Action.ADMIT, Action.REPORT)
    said = tuple(
        _said(finding, wish)
        for finding, wish in asked.items()
        if not (kept and wish is Action.ADMIT)
    )
    return Judgement(action, said, frozenset(f.code for f in asked) if kept else frozenset())


def is_protected(findings: Iterable[Finding]) -> bool:
    """Whether a mark of technical protection was found."""
    return any(finding.code is FindingCode.AUDIO_DRM for finding in findings)


def _said(finding: Finding, action: Action) -> Finding:
    if action in (Action.REFUSE, Action.QUARANTINE):
        return replace(finding, severity=Severity.ERROR)
    if finding.severity is Severity.ERROR and finding.code not in NEVER_ADMITTED:
        return replace(finding, severity=Severity.WARNING)
    return finding
