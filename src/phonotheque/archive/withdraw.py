"""`withdraw`: take recordings back, at once.

The withdrawal is written to withdrawals.jsonl first; then revocations.json and its role are
signed with online keys, so servers and mirrors stop within minutes; then the ledger says so. The
next build and publish add tombstones. Killed in between, the same command again completes it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from phonotheque.archive.cases import publish_notice, read_case, read_notice
from phonotheque.archive.items import record_touched
from phonotheque.archive.named import WithdrawnRecording, find_recordings
from phonotheque.archive.purging import purge_withdrawn
from phonotheque.archive.tombstones import carried_tombstones, next_revocations, tombstones
from phonotheque.archive.vaults import open_vault
from phonotheque.archive.withdrawals import (
    Withdrawal,
    add_withdrawals,
    read_withdrawals,
    withdrawn_among,
)
from phonotheque.archive.workspace import last_edition
from phonotheque.catalogue import open_edition
from phonotheque.edition import publish_revocations
from phonotheque.model.edition import Revocations, WithdrawalReason
from phonotheque.model.errors import UsageError
from phonotheque.model.progress import Progress
from phonotheque.rights import CaseState, check_move
from phonotheque.storage.documents import read_document, read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from phonotheque.vault import copies_of


class WithdrawPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `withdraw` would take back."""

    recordings: list[WithdrawnRecording]
    reason: WithdrawalReason
    note: str | None
    case: str | None = None


class WithdrawReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken back; `revoked_files` counts all files that are revoked by now."""

    withdrawn: list[str]  # public ids
    already: list[str]
    revocations_sequence: int
    revoked_files: int
    case: str | None = None
    purged_files: int = 0


def plan_withdraw(
    tree: Tree, ids: Sequence[str], reason: str, *, note: str | None = None, case: str | None = None
) -> WithdrawPlan:
    """Find the recordings that `ids` name: public ids, ISRCs or numbers. Reads only.

    `case` is that of a valid notice; without ids, those of its notice count.

    Raises:
        NotFoundError: no archive, nothing built yet, an unknown case, or an id that names no
            recording.
        UsageError: an unknown reason, no id, an ISRC that several recordings carry, or a case that
            does not ask for it.
    """
    read_settings(tree)
    if case is not None:
        found = read_case(tree, case)
        if found.state is not CaseState.DISABLED:
            check_move(found.standing, CaseState.DISABLED, found.steps[-1].at)
        ids = ids or [m.named for m in read_notice(tree, found).material]
    if reason not in list(WithdrawalReason):
        allowed = ", ".join(WithdrawalReason)
        raise UsageError(f"{reason!r} is no reason for a withdrawal; one of: {allowed}")
    if not ids:
        raise UsageError("name at least one recording: a public id, an ISRC or a number")
    recordings = find_recordings(tree, ids, case)
    return WithdrawPlan(
        recordings=recordings, reason=WithdrawalReason(reason), note=note, case=case
    )


def execute_withdraw(
    tree: Tree, plan: WithdrawPlan, now: datetime, progress: Progress
) -> WithdrawReport:
    """Write the withdrawals down and revoke what is published of them.

    Raises:
        ArchiveBusyError: somebody else writes.
        NotFoundError: the online keys are not there.
    """
    with writing(tree.root):
        gone = withdrawn_among(tree, [r.recording for r in plan.recordings], plan.case)
        new = [
            Withdrawal(
                recording=r.recording,
                public_id=r.public_id,
                reason=plan.reason,
                since=now,
                note=plan.note,
                files=_with_copies(tree, r.files),
                case=plan.case,
            )
            for r in plan.recordings
            if r.recording not in gone
        ]
        if new:
            add_withdrawals(tree, new)
        progress.start("revocations", None, "")
        revocations = renew_revocations(tree, now)
        purged = _record(tree, plan, now)
    return WithdrawReport(
        withdrawn=[w.public_id for w in new],
        already=[r.public_id for r in plan.recordings if r.recording in gone],
        revocations_sequence=revocations.sequence,
        revoked_files=len(revocations.files),
        case=plan.case,
        purged_files=purged,
    )


def _with_copies(tree: Tree, digests: Sequence[str]) -> list[str]:
    """Files of a recording and the access copies made of them: they go with their masters."""
    if not (tree.vault / "state.sqlite").exists():
        return list(digests)
    with open_vault(tree) as vault:
        made = [copy for digest in digests for copy in copies_of(vault.state, digest)]
    return sorted({*digests, *made})


def _record(tree: Tree, plan: WithdrawPlan, now: datetime) -> int:
    """The ledger's events, once; what a killed run left out, too. Returns the files purged.

    What a notice asked for is purged only when the case is decided (`notice uphold`).
    """
    numbers = [r.recording for r in plan.recordings]
    state = "takedown/disabled" if plan.case else "withdrawal/withdrawn"
    detail = {"reason": plan.reason.value}
    record_touched(tree, numbers, type=state, case=plan.case, at=now, detail=detail)
    if plan.case is not None:
        publish_notice(tree, read_case(tree, plan.case))
        return 0
    return purge_withdrawn(tree, numbers, now)


def renew_revocations(tree: Tree, now: datetime) -> Revocations:
    """Bring revocations.json in line with the withdrawals and the last edition, and sign it."""
    edition = last_edition(tree)
    if edition is not None:
        reader = open_edition(tree.edition(edition.name), edition)
        try:
            carried = carried_tombstones(tree, edition)
            stones = tombstones(reader.cursor(), read_withdrawals(tree), carried)
        finally:
            reader.close()
        publish_revocations(tree, next_revocations(tree, stones), now)
    return read_document(tree.revocations_json, Revocations)
