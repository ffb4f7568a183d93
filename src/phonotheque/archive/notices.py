"""Notices: received and judged, forwarded, decided.

Each step is a plan that only reads, and an execution that adds to the ledger and renews the public
form. Disabling is `withdraw`, giving back is `restore`; answers to a notice are in `counters`.
Killed anywhere, the same command again completes it.
"""

from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from phonotheque.archive.cases import Case, cases_of_form, next_case_id, read_case
from phonotheque.archive.ledger import LedgerEvent, add_events, keep_document
from phonotheque.archive.ledger_index import current_index
from phonotheque.archive.letters import Letter, keep_letter, make_letter, read_form
from phonotheque.archive.named import find_named
from phonotheque.archive.purging import purge_withdrawn
from phonotheque.archive.steps import StepReport, add_step, asked, finish_step, step_event
from phonotheque.catalogue import open_edition
from phonotheque.model.errors import NotFoundError
from phonotheque.rights import (
    NOT_HERE,
    Answer,
    CaseState,
    Lack,
    Law,
    Notice,
    answer_notice,
    check_move,
    check_notice,
)
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing

ACTORS = {
    CaseState.FORWARDED: "operator",
    CaseState.COURT_HOLD: "complainant",
    CaseState.UPHELD: "operator",
    CaseState.DISMISSED: "operator",
}


_CLOSED = (CaseState.RESTORED, CaseState.DISMISSED)


class ReceivePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a notice comes to. `missing`: clause and what to ask for.

    `already`: this very form is known as `case`, which is `state`.
    """

    case: str
    law: Law
    answer: Answer
    missing: list[str]
    recordings: list[str]  # public ids that it names
    already: bool
    received_at: datetime
    state: CaseState | None = None


def plan_receive(
    tree: Tree, form: Path, now: datetime, *, case: str | None = None, again: bool = False
) -> tuple[ReceivePlan, Letter]:
    """Judge the notice in `form`; `case` is that of an incomplete one which it completes.

    The same form is the same case, so that the command may be repeated; with `again` it opens a
    new one where that case was restored or dismissed, for the letter came once more.

    Raises:
        NotFoundError: no archive, nothing built, no such file or case.
        FormatError: the form does not parse, or its date has no offset.
        UsageError: it came in later than now, or the case is not incomplete.
    """
    read_settings(tree)
    notice, content = read_form(form, Notice)
    letter = make_letter(form, content, notice.original, notice.received_at, now)
    same = cases_of_form(tree, sha256(content).hexdigest())
    known = next((c for c in same if not (again and c.state in _CLOSED)), None)
    if case is not None and known is None:
        check_move(read_case(tree, case).standing, CaseState.RECEIVED, now)
    lacks = check_notice(notice)
    found, unknown = _known(tree, notice)
    kind = {Law.US: "us.material", Law.EU: "eu.url"}.get(notice.law, "other.material")
    lacks += [Lack(kind, NOT_HERE, text) for text in unknown]
    plan = ReceivePlan(
        case=known.case if known else case or next_case_id(tree, now),
        law=notice.law,
        answer=answer_notice(notice, lacks),
        missing=asked(lacks),
        recordings=found,
        already=known is not None,
        received_at=letter.received_at,
        state=known.state if known else None,
    )
    return plan, letter


def execute_receive(tree: Tree, plan: ReceivePlan, letter: Letter, now: datetime) -> StepReport:
    """Keep the letter, open or complete the case, and say whether the notice is complete.

    Raises:
        ArchiveBusyError: somebody else writes.
    """
    with writing(tree.root):
        told = {"law": plan.law.value, "received_at": plan.received_at.isoformat()}
        if not plan.already:
            event = step_event(plan.case, CaseState.RECEIVED, now, actor="complainant",
                               documents=keep_letter(tree, letter), detail=told)  # fmt: skip
            add_events(tree, [event, _judgement(plan, now)])
        elif read_case(tree, plan.case).state is CaseState.RECEIVED:  # killed in between
            add_events(tree, [_judgement(plan, now)])
        return finish_step(tree, plan.case)


def plan_step(tree: Tree, case: str, to: CaseState, now: datetime) -> Case:
    """The case as it stands, if `to` may follow: forwarded, court-hold, upheld, dismissed.

    Raises:
        NotFoundError: no archive, or no such case.
        UsageError: the step is not open; the message says what comes first.
    """
    read_settings(tree)
    found = read_case(tree, case)
    if found.state is not to:
        check_move(found.standing, to, now)
    return found


def execute_step(
    tree: Tree,
    case: str,
    to: CaseState,
    now: datetime,
    *,
    document: bytes | None = None,
    note: str | None = None,
) -> StepReport:
    """Take a step that needs no form; purges by policy once a notice is upheld. Idempotent.

    Raises:
        UsageError: the step is not open.
        ArchiveBusyError: somebody else writes.
    """
    with writing(tree.root):
        found = plan_step(tree, case, to, now)
        if found.state is not to:
            documents = [keep_document(tree, document)] if document is not None else []
            add_step(tree, step_event(case, to, now, actor=ACTORS[to], documents=documents,
                                      detail={"note": note} if note else {}))  # fmt: skip
        purged = 0
        if to is CaseState.UPHELD:
            purged = purge_withdrawn(tree, [i.recording for i in found.items], now, case)
        return msgspec.structs.replace(finish_step(tree, case), purged_files=purged)


def note_tombstones(tree: Tree, edition: str, now: datetime) -> None:
    """Say in the ledger which upheld cases `edition` has the tombstones of; the caller locks."""
    with current_index(tree) as index:
        upheld = [read_case(tree, case) for case in index.iter_upheld()]
    if not upheld:
        return
    reader = open_edition(tree.edition(edition))
    try:
        rows = reader.cursor().execute("SELECT DISTINCT recording FROM tombstones").fetchall()
    finally:
        reader.close()
    stones = {recording for (recording,) in rows}
    for found in upheld:
        if stones.issuperset(item.recording for item in found.items):
            event = step_event(found.case, CaseState.TOMBSTONED, now, detail={"edition": edition})
            add_step(tree, event)


def _known(tree: Tree, notice: Notice) -> tuple[list[str], list[str]]:
    """Public ids of the recordings that a notice names, and what names none."""
    named = list(dict.fromkeys(m.named for m in notice.material if m.named))
    try:
        found, unknown = find_named(tree, named) if named else ([], [])
    except NotFoundError as error:  # nothing was built yet
        return [], [str(error)] * len(named)
    return [r.public_id for r in found], [str(error) for error in unknown]


def _judgement(plan: ReceivePlan, now: datetime) -> LedgerEvent:
    if plan.answer is Answer.ACT:
        return step_event(plan.case, CaseState.VALID, now)
    detail = {"missing": "; ".join(plan.missing), "answer": plan.answer.value}
    return step_event(plan.case, CaseState.INCOMPLETE, now, detail=detail)
