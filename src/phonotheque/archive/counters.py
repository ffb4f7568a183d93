"""Answers to a notice: counter-notices (17 U.S.C. 512(g)) and complaints (DSA art. 20).

One that is not complete is kept as well, with what its sender was asked for, and leaves the case
where it stands.
"""

from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from phonotheque.archive.cases import Case, read_calendar, read_case
from phonotheque.archive.letters import Letter, keep_letter, make_letter, read_form
from phonotheque.archive.steps import StepReport, add_step, asked, finish_step, step_event
from phonotheque.model.errors import UsageError
from phonotheque.rights import (
    CaseState,
    CounterNotice,
    Law,
    Window,
    check_counter,
    check_move,
    put_back_window,
)
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing

_KEPT = (CaseState.COUNTER_INCOMPLETE, CaseState.COUNTER_RECEIVED, CaseState.APPEALED)


class CounterPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a counter-notice or complaint comes to. `to`: the step it is; `already`: it is known.

    `calendar_known`: whether more than weekends is known of the seat's free days.
    `heard_until`: the last day on which a complaint of the newest decision must be heard.
    """

    case: str
    to: CaseState
    missing: list[str]
    received_at: datetime
    window: Window | None
    calendar_known: bool
    heard_until: date | None = None
    already: bool = False


def plan_counter(tree: Tree, case: str, form: Path, now: datetime) -> tuple[CounterPlan, Letter]:
    """Judge the counter-notice or complaint in `form`, and compute the window it opens.

    Raises:
        NotFoundError: no archive, no such file or case.
        FormatError: the form does not parse, or its date has no offset.
        UsageError: nothing was decided that it could be an answer to, or the date lies before the
            notice or after now.
    """
    settings = read_settings(tree)
    found = read_case(tree, case)
    counter, content = read_form(form, CounterNotice)
    letter = make_letter(form, content, counter.original, counter.received_at, now)
    known = _known(found, sha256(content).hexdigest())
    to = known or _step_of(found)
    if known is None:
        check_move(found.standing, to, now)
    if letter.received_at < found.received_at:
        raise UsageError(f"{form}: received_at is before the notice it answers came in")
    calendar = read_calendar(tree, settings.seat)
    us = found.law is Law.US
    plan = CounterPlan(
        case=case,
        to=to,
        missing=asked(check_counter(counter, found.law)),
        received_at=letter.received_at,
        window=put_back_window(calendar, letter.received_at) if us else None,
        calendar_known=calendar.known,
        heard_until=found.heard_until,
        already=known is not None,
    )
    return plan, letter


def execute_counter(tree: Tree, plan: CounterPlan, letter: Letter, now: datetime) -> StepReport:
    """Keep the letter; take the step, or write down what it lacks to be one. Idempotent.

    Raises:
        UsageError: the case moved on meanwhile.
        ArchiveBusyError: somebody else writes.
    """
    with writing(tree.root):
        found = read_case(tree, plan.case)
        if _known(found, sha256(letter.form).hexdigest()):
            return finish_step(tree, plan.case)
        check_move(found.standing, plan.to, now)
        to = CaseState.COUNTER_INCOMPLETE if plan.missing else plan.to
        actor = "complainant" if plan.to is CaseState.APPEALED else "respondent"
        documents = keep_letter(tree, letter)
        event = step_event(plan.case, to, now, actor=actor, documents=documents,
                           detail=_detail(plan))  # fmt: skip
        return add_step(tree, event)


def _detail(plan: CounterPlan) -> dict[str, str]:
    detail = {"received_at": plan.received_at.isoformat()}
    if plan.missing:
        return detail | {"missing": "; ".join(plan.missing)}
    if (window := plan.window) is not None:
        detail |= {"opens": window.opens.isoformat(), "closes": window.closes.isoformat(),
                   "tenth": str(window.tenth), "fourteenth": str(window.fourteenth)}  # fmt: skip
    return detail


def _step_of(case: Case) -> CaseState:
    """Of a dismissal complains whoever gave the notice; of anything else whom it hits."""
    dismissed = case.state is CaseState.DISMISSED
    return CaseState.APPEALED if dismissed else CaseState.COUNTER_RECEIVED


def _known(case: Case, digest: str) -> CaseState | None:
    """The step that this very form is in the ledger as, since the last decision."""
    for step in reversed(case.steps):
        if step.state in _KEPT and step.documents[:1] == [digest]:
            return step.state
        if step.state in (CaseState.UPHELD, CaseState.DISMISSED):
            break
    return None
