"""`restore`: take a withdrawal back. Its line is answered in withdrawals.jsonl, its entry leaves
revocations.json, the next build and publish give the recording out again.

Files stay where they were published: a volume that lost one to a purge gets it back from the vault.
Killed anywhere, the same command again completes it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from phonotheque.archive.cases import Case, publish_notice, read_case
from phonotheque.archive.items import read_items, record_touched
from phonotheque.archive.ledger import LedgerItem, keep_document
from phonotheque.archive.named import find_recordings
from phonotheque.archive.vaults import open_vault
from phonotheque.archive.withdraw import renew_revocations
from phonotheque.archive.withdrawals import (
    Restoration,
    add_withdrawals,
    in_force_among,
    iter_lines,
)
from phonotheque.model.errors import UsageError
from phonotheque.model.notices import CASE_ID
from phonotheque.model.progress import Progress
from phonotheque.rights import CaseState, Ground, check_move, is_late
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing

_SHOWN_BY_A_LETTER = (Ground.RETRACTED, Ground.COURT, Ground.EVIDENCE)


class RestorePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `restore` would give back. `held`: public id → the other cases that keep it back (an
    empty text stands for a withdrawal without a notice).
    """

    case: str | None
    ground: Ground | None
    recordings: list[int]
    public_ids: list[str]
    held: dict[str, list[str]]
    late: bool
    note: str | None


class RestoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was given back. `missing`: sha256 of files that are neither here nor in a volume."""

    case: str | None
    restored: list[str]
    held: dict[str, list[str]]
    late: bool
    revocations_sequence: int
    revoked_files: int
    missing: list[str]


def plan_restore(
    tree: Tree,
    targets: Sequence[str],
    now: datetime,
    *,
    ground: str | None = None,
    document: bytes | None = None,
    note: str | None = None,
) -> RestorePlan:
    """Find what `targets` name: one case, or recordings withdrawn without a notice. Reads only.

    Raises:
        NotFoundError: an unknown case or recording.
        UsageError: not withdrawn, or the case may not be restored now; the message says when.
    """
    read_settings(tree)
    reason = None if ground is None else _ground(ground)
    if not targets:
        raise UsageError("name a case, or recordings that were withdrawn")
    if len(targets) == 1 and CASE_ID.fullmatch(targets[0]):
        case = read_case(tree, targets[0])
        if reason in _SHOWN_BY_A_LETTER and document is None:
            raise UsageError(f"--because {reason} needs the letter that shows it: --document FILE")
        if case.state is not CaseState.RESTORED:
            check_move(case.standing, CaseState.RESTORED, now, reason)
        numbers = [item.recording for item in case.items]
        return _plan(tree, numbers, case, ground=reason or Ground.WINDOW, now=now, note=note)
    if any(CASE_ID.fullmatch(target) for target in targets):
        raise UsageError("one case at a time, and no recordings beside it")
    numbers = [r.recording for r in find_recordings(tree, targets)]
    strange = set(numbers)
    strange -= {line.recording for line in iter_lines(tree) if line.case is None}
    if strange:
        named = ", ".join(map(str, sorted(strange)))
        raise UsageError(f"{named}: not withdrawn, or only by a notice; restore the case then")
    return _plan(tree, numbers, None, ground=None, now=now, note=note)


def execute_restore(
    tree: Tree,
    plan: RestorePlan,
    now: datetime,
    progress: Progress,
    *,
    document: bytes | None = None,
) -> RestoreReport:
    """Take the withdrawals back, revoke no longer, put files back, and write it down.

    Raises:
        ArchiveBusyError: somebody else writes.
        UsageError: the case moved on meanwhile.
    """
    with writing(tree.root):
        if plan.case is not None:
            case = read_case(tree, plan.case)
            if case.state is not CaseState.RESTORED:
                check_move(case.standing, CaseState.RESTORED, now, plan.ground)
        items = read_items(tree, plan.recordings, plan.case)
        _take_back(tree, plan, items, now)
        progress.start("revocations", None, "")
        revocations = renew_revocations(tree, now)
        missing = _put_back(tree, [i for i in items if i.public_id not in plan.held])
        letters = [keep_document(tree, document)] if document is not None else []
        kind = "takedown/restored" if plan.case else "withdrawal/restored"
        detail = {k: v for k, v in (("ground", plan.ground), ("note", plan.note)) if v}
        record_touched(tree, plan.recordings, type=kind, case=plan.case, at=now, detail=detail,
                       documents=letters)  # fmt: skip
        if plan.case is not None:
            publish_notice(tree, read_case(tree, plan.case))
    return RestoreReport(
        case=plan.case,
        restored=[p for p in plan.public_ids if p not in plan.held],
        held=plan.held,
        late=plan.late,
        revocations_sequence=revocations.sequence,
        revoked_files=len(revocations.files),
        missing=missing,
    )


def _ground(text: str) -> Ground:
    if text not in list(Ground):
        raise UsageError(f"{text!r} is no ground; one of: {', '.join(Ground)}")
    return Ground(text)


def _plan(
    tree: Tree,
    numbers: Sequence[int],
    case: Case | None,
    *,
    ground: Ground | None,
    now: datetime,
    note: str | None,
) -> RestorePlan:
    name = case.case if case else None
    asked = set(numbers)
    ids = {line.recording: line.public_id for line in iter_lines(tree) if line.recording in asked}
    held: dict[str, list[str]] = {}
    for other in in_force_among(tree, asked):
        if other.case != name:
            held.setdefault(other.public_id, []).append(other.case or "")
    return RestorePlan(
        case=name,
        ground=ground,
        recordings=list(numbers),
        public_ids=[ids[n] for n in numbers],
        held=held,
        late=case is not None and is_late(case.standing, now),
        note=note,
    )


def _take_back(tree: Tree, plan: RestorePlan, items: Sequence[LedgerItem], now: datetime) -> None:
    lines = [
        Restoration(recording=w.recording, public_id=w.public_id, restored=now, case=w.case,
                    note=plan.note)
        for w in in_force_among(tree, {item.recording for item in items})
        if w.case == plan.case
    ]  # fmt: skip
    if lines:
        add_withdrawals(tree, lines)


def _put_back(tree: Tree, items: Sequence[LedgerItem]) -> list[str]:
    """Give volumes the files they lost to a purge; returns what is nowhere any more."""
    missing = []
    files = [file for item in items for file in item.files]
    with open_vault(tree) as vault:
        for file in files:
            held = vault.store.size(file.sha256) is not None
            place = tree.volume(file.volume) / file.path if file.volume and file.path else None
            if place is not None and not place.exists() and held:
                vault.store.fetch(file.sha256, place)
            if not held and not (place is not None and place.exists()):
                missing.append(file.sha256)
    return sorted(set(missing))
