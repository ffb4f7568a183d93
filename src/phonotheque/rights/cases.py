"""The course of a notice: which step may follow which, and when. Pure: no clock, no file.

received ─► valid ─► disabled ─► counter-received ─► forwarded ─► (window) restored
  ▲  └► incomplete   ▲    │            ▲                  └─► court-hold ─► restored, upheld
  └──────────┘       │    └─► upheld ─► tombstoned ─► (on a document) restored
                     └─ appealed ◄─► dismissed

An upheld case can still be answered once under 17 U.S.C. 512(g), which sets no term for that, and
at any time by a complaint. Regulation (EU) 2022/2065, article 20(1) and (2) (read): for at least
six months from the day on which they were told, whoever gave the notice, too, may complain of a
decision to act or not to act.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from phonotheque.model.errors import UsageError
from phonotheque.rights.business_days import Window
from phonotheque.rights.notices import Law


class CaseState(StrEnum):
    """Where a case stands; each step in the ledger is named after the state it leads to."""

    RECEIVED = "received"
    INCOMPLETE = "incomplete"
    VALID = "valid"
    DISMISSED = "dismissed"
    APPEALED = "appealed"  # whoever gave the notice complains that nothing was disabled
    DISABLED = "disabled"
    COUNTER_INCOMPLETE = "counter-incomplete"  # a step that leaves the case where it stands
    COUNTER_RECEIVED = "counter-received"
    FORWARDED = "forwarded"
    COURT_HOLD = "court-hold"
    UPHELD = "upheld"
    TOMBSTONED = "tombstoned"
    RESTORED = "restored"


class Ground(StrEnum):
    """Why something is put back."""

    WINDOW = "window"  # the counter-notice's window is open and no court was called on
    RETRACTED = "retracted"  # the complainant took the notice back
    COURT = "court"  # a court decided so
    COMPLAINT = "complaint"  # the operator found the complaint (DSA art. 20) right
    EVIDENCE = "evidence"  # a licence or another proof came in


_S = CaseState
MOVES: dict[CaseState, frozenset[CaseState]] = {
    _S.RECEIVED: frozenset({_S.INCOMPLETE, _S.VALID}),
    _S.INCOMPLETE: frozenset({_S.RECEIVED, _S.DISMISSED}),  # the sender may complete it
    _S.VALID: frozenset({_S.DISABLED, _S.DISMISSED}),
    _S.DISABLED: frozenset({_S.COUNTER_RECEIVED, _S.COURT_HOLD, _S.UPHELD, _S.RESTORED}),
    _S.COUNTER_INCOMPLETE: frozenset(),
    _S.COUNTER_RECEIVED: frozenset({_S.FORWARDED, _S.COURT_HOLD, _S.UPHELD, _S.RESTORED}),
    _S.FORWARDED: frozenset({_S.COURT_HOLD, _S.UPHELD, _S.RESTORED}),
    _S.COURT_HOLD: frozenset({_S.UPHELD, _S.RESTORED}),
    _S.UPHELD: frozenset({_S.TOMBSTONED, _S.COUNTER_RECEIVED, _S.RESTORED}),
    _S.TOMBSTONED: frozenset({_S.COUNTER_RECEIVED, _S.RESTORED}),
    _S.RESTORED: frozenset(),
    _S.DISMISSED: frozenset({_S.APPEALED}),
    _S.APPEALED: frozenset({_S.DISABLED, _S.DISMISSED}),
}
"""What may follow what, before the guards of `check_move`."""

HOLDING = frozenset(
    {_S.DISABLED, _S.COUNTER_RECEIVED, _S.FORWARDED, _S.COURT_HOLD, _S.UPHELD, _S.TOMBSTONED}
)
"""States in which what a case names is out of reach."""

DECISIONS = frozenset({_S.DISABLED, _S.UPHELD, _S.DISMISSED})
"""Steps that are decisions of the archive, of which somebody may complain."""

COMPLAINT_MONTHS = 6


@dataclass(frozen=True, slots=True)
class Standing:
    """What the next step of a case depends on. `at` is the time of its last step.

    `complete`: its notice lacked nothing. `countered`: a counter-notice was recorded before.
    """

    case: str
    law: Law
    state: CaseState
    at: datetime
    window: Window | None = None
    complete: bool = True
    countered: bool = False


def complaints_until(decided: date) -> date:
    """The last day on which a complaint of a decision must be heard (DSA art. 20(1) and (2)).

    `decided`: the day on which those whom it concerns were told.
    """
    months = decided.month - 1 + COMPLAINT_MONTHS
    year, month = decided.year + months // 12, months % 12 + 1
    return date(year, month, min(decided.day, monthrange(year, month)[1]))


def check_move(
    standing: Standing, to: CaseState, now: datetime, ground: Ground | None = None
) -> None:
    """Refuse a step that may not follow. `ground` says why something is put back.

    Raises:
        UsageError: the step is not open; the message says what comes first, or when.
    """
    case, state = standing.case, standing.state
    if to not in MOVES[state]:
        allowed = ", ".join(sorted(MOVES[state])) or "nothing; a new notice opens a new case"
        raise UsageError(f"{case}: is {state}, which {to} cannot follow; what can: {allowed}")
    if now < standing.at:
        raise UsageError(f"{case}: the last step was on {_day(standing.at)}, which is later; see to"
                         " the clock")  # fmt: skip
    _check_american(standing, to)
    if to is _S.APPEALED and not standing.complete:
        raise UsageError(f"{case}: its notice was never complete; a whole one opens a new case")
    if to is _S.RESTORED:
        _check_restoring(standing, now, ground or Ground.WINDOW)


def _check_american(standing: Standing, to: CaseState) -> None:
    """17 U.S.C. 512(g) lets nobody but a court decide against a counter-notice."""
    case, state = standing.case, standing.state
    if standing.law is not Law.US:
        return
    if to is _S.UPHELD and state in (_S.COUNTER_RECEIVED, _S.FORWARDED):
        raise UsageError(
            f"{case}: a counter-notice came in; it is put back unless a court is called on "
            "(`notice court`)"
        )
    if to is _S.APPEALED:
        raise UsageError(f"{case}: 17 U.S.C. 512 knows no complaint; a new notice opens a new case")
    if to is _S.COUNTER_RECEIVED and standing.countered:
        raise UsageError(f"{case}: was upheld after a counter-notice; it is put back only on a "
                         "document (`restore --because`)")  # fmt: skip


def _check_restoring(standing: Standing, now: datetime, ground: Ground) -> None:
    case, state, window = standing.case, standing.state, standing.window
    if ground is not Ground.WINDOW:
        if ground is Ground.COMPLAINT and standing.law is Law.US:
            raise UsageError(f"{case}: 17 U.S.C. 512 knows no complaint; take the counter-notice")
        if ground is Ground.COMPLAINT and state not in (_S.COUNTER_RECEIVED, _S.FORWARDED):
            raise UsageError(f"{case}: is {state}; record the complaint with `notice counter`")
        return
    if state is not _S.FORWARDED or window is None:
        raise UsageError(
            f"{case}: is {state}; without a forwarded counter-notice it is put back only on "
            "another ground (retracted, court, complaint, evidence), which a document shows"
        )
    if now < window.opens:
        raise UsageError(
            f"{case}: may be put back from {window.opens:%Y-%m-%d %H:%M} UTC on, when the tenth "
            f"business day ({window.tenth}) is over, and before {window.closes:%Y-%m-%d %H:%M} UTC"
        )


def is_late(standing: Standing, now: datetime) -> bool:
    """Whether a case that waits for its window has missed the end of it."""
    waiting = standing.state in (_S.COUNTER_RECEIVED, _S.FORWARDED)
    return waiting and standing.window is not None and now >= standing.window.closes


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
