"""Notices: received and judged, answered by a counter-notice, forwarded, decided.

Each step is a plan that only reads, and an execution that adds to the ledger and renews the public
form. Disabling is `withdraw`, giving back is `restore`.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from phonotheque.archive.cases import (
    Case,
    next_case_id,
    publish_notice,
    read_calendar,
    read_case,
    read_cases,
)
from phonotheque.archive.ledger import LedgerEvent, add_events, keep_document
from phonotheque.archive.letters import Letter, keep_letter, make_letter, read_form
from phonotheque.archive.purging import purge_withdrawn
from phonotheque.archive.withdraw import find_named
from phonotheque.model.errors import NotFoundError, UsageError
from phonotheque.rights import (
    NOT_HERE,
    Answer,
    CaseState,
    CounterNotice,
    Lack,
    Law,
    Notice,
    Window,
    answer_notice,
    check_counter,
    check_move,
    check_notice,
    put_back_window,
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


class ReceivePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a notice comes to. `missing`: clause and what to ask for; `already`: it is known."""

    case: str
    law: Law
    answer: Answer
    missing: list[str]
    recordings: list[str]  # public ids that it names
    already: bool
    received_at: datetime


class CounterPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a counter-notice comes to; nothing is recorded of one that is not complete.

    `calendar_known`: whether more than weekends is known of the seat's free days.
    """

    case: str
    missing: list[str]
    received_at: datetime
    window: Window | None
    calendar_known: bool


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """Where a case stands after a step."""

    case: str
    state: CaseState
    window: Window | None = None
    purged_files: int = 0


def plan_receive(
    tree: Tree, form: Path, now: datetime, *, case: str | None = None
) -> tuple[ReceivePlan, Letter]:
    """Judge the notice in `form`; `case` is that of an incomplete one which it completes.

    Raises:
        NotFoundError: no archive, nothing built, no such file or case.
        FormatError: the form does not parse, or its date has no offset.
        UsageError: it came in later than now, or the case is not incomplete.
    """
    read_settings(tree)
    notice, content = read_form(form, Notice)
    letter = make_letter(form, content, notice.original, notice.received_at, now)
    cases = read_cases(tree)
    digest = sha256(content).hexdigest()
    known = next((c for c in cases if c.notice_sha256 == digest), None)
    if case is not None and known is None:
        check_move(read_case(tree, case).standing, CaseState.RECEIVED, now)
    lacks = check_notice(notice)
    found, unknown = _known(tree, notice)
    kind = {Law.US: "us.material", Law.EU: "eu.url"}.get(notice.law, "other.material")
    lacks += [Lack(kind, NOT_HERE, text) for text in unknown]
    plan = ReceivePlan(
        case=known.case if known else case or next_case_id(cases, now),
        law=notice.law,
        answer=answer_notice(notice, lacks),
        missing=_asked(lacks),
        recordings=found,
        already=known is not None,
        received_at=letter.received_at,
    )
    return plan, letter


def execute_receive(tree: Tree, plan: ReceivePlan, letter: Letter, now: datetime) -> StepReport:
    """Keep the letter, open or complete the case, and say whether the notice is complete.

    Raises:
        ArchiveBusyError: somebody else writes.
    """
    with writing(tree.root):
        if plan.already:
            case = read_case(tree, plan.case)
            return StepReport(case=case.case, state=case.state, window=case.window)
        documents = keep_letter(tree, letter)
        complete = plan.answer is Answer.ACT
        state = CaseState.VALID if complete else CaseState.INCOMPLETE
        told = {"law": plan.law.value, "received_at": plan.received_at.isoformat()}
        judged = {} if complete else {"missing": "; ".join(plan.missing), "answer": plan.answer}
        events = [
            LedgerEvent(type=f"takedown/{CaseState.RECEIVED}", at=now, actor="complainant",
                        case=plan.case, documents=documents, detail=told),
            LedgerEvent(type=f"takedown/{state}", at=now, actor="operator", case=plan.case,
                        detail=judged),
        ]  # fmt: skip
        add_events(tree, events)
        return _done(tree, plan.case)


def plan_counter(tree: Tree, case: str, form: Path, now: datetime) -> tuple[CounterPlan, Letter]:
    """Judge the counter-notice in `form`, and compute the window it opens.

    Raises:
        NotFoundError: no archive, no such file or case.
        FormatError: the form does not parse, or its date has no offset.
        UsageError: the case is not disabled, or the date lies before that or after now.
    """
    settings = read_settings(tree)
    found = read_case(tree, case)
    check_move(found.standing, CaseState.COUNTER_RECEIVED, now)
    counter, content = read_form(form, CounterNotice)
    letter = make_letter(form, content, counter.original, counter.received_at, now)
    if letter.received_at < found.received_at:
        raise UsageError(f"{form}: received_at is before the notice it answers came in")
    calendar = read_calendar(tree, settings.seat)
    us = found.law is Law.US
    plan = CounterPlan(
        case=case,
        missing=_asked(check_counter(counter, found.law)),
        received_at=letter.received_at,
        window=put_back_window(calendar, letter.received_at) if us else None,
        calendar_known=calendar.known,
    )
    return plan, letter


def execute_counter(tree: Tree, plan: CounterPlan, letter: Letter, now: datetime) -> StepReport:
    """Record a complete counter-notice.

    Raises:
        UsageError: it is not complete, or the case moved on meanwhile.
        ArchiveBusyError: somebody else writes.
    """
    if plan.missing:
        raise UsageError(f"{letter.path}: not complete; ask for: {'; '.join(plan.missing)}")
    detail = {"received_at": plan.received_at.isoformat()}
    if plan.window is not None:
        window = plan.window
        detail |= {"opens": window.opens.isoformat(), "closes": window.closes.isoformat(),
                   "tenth": str(window.tenth), "fourteenth": str(window.fourteenth)}  # fmt: skip
    with writing(tree.root):
        case = read_case(tree, plan.case)
        check_move(case.standing, CaseState.COUNTER_RECEIVED, now)
        _add(tree, case, CaseState.COUNTER_RECEIVED, now, actor="respondent",
             documents=keep_letter(tree, letter), detail=detail)  # fmt: skip
        return _done(tree, plan.case)


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
            detail = {"note": note} if note else {}
            _add(tree, found, to, now, actor=ACTORS[to], documents=documents, detail=detail)
        purged = 0
        if to is CaseState.UPHELD:
            purged = purge_withdrawn(tree, [i.recording for i in found.items], now, case)
        return msgspec.structs.replace(_done(tree, case), purged_files=purged)


def note_tombstones(tree: Tree, edition: str, now: datetime) -> None:
    """Say in the ledger that `edition` has the tombstones of upheld cases; the caller locks."""
    for found in read_cases(tree):
        if found.state is CaseState.UPHELD:
            _add(tree, found, CaseState.TOMBSTONED, now, detail={"edition": edition})
            _done(tree, found.case)


def _known(tree: Tree, notice: Notice) -> tuple[list[str], list[str]]:
    """Public ids of the recordings that a notice names, and what names none."""
    named = list(dict.fromkeys(m.named for m in notice.material if m.named))
    try:
        found, unknown = find_named(tree, named) if named else ([], [])
    except NotFoundError as error:  # nothing was built yet
        return [], [str(error)] * len(named)
    return [r.public_id for r in found], [str(error) for error in unknown]


def _asked(lacks: list[Lack]) -> list[str]:
    return [f"{lack.clause}: {lack.ask}" for lack in lacks]


def _add(
    tree: Tree,
    case: Case,
    state: CaseState,
    now: datetime,
    *,
    actor: str = "operator",
    documents: Sequence[str] = (),
    detail: dict[str, str],
) -> None:
    event = LedgerEvent(type=f"takedown/{state}", at=now, actor=actor, case=case.case,
                        documents=list(documents), detail=detail)  # fmt: skip
    add_events(tree, [event])


def _done(tree: Tree, case: str) -> StepReport:
    found = read_case(tree, case)
    publish_notice(tree, found)
    return StepReport(case=case, state=found.state, window=found.window)
