"""Taking one step of a case: an event of the ledger, then the public form anew."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from phonotheque.archive.cases import Case, publish_notice, read_case
from phonotheque.archive.ledger import LedgerEvent, add_events
from phonotheque.archive.ledger_index import renew_index
from phonotheque.rights import CaseState, Lack, Window
from phonotheque.storage.layout import Tree


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """Where a case stands after a step."""

    case: str
    state: CaseState
    window: Window | None = None
    purged_files: int = 0


def step_event(
    case: str,
    state: CaseState,
    at: datetime,
    *,
    actor: str = "operator",
    documents: Sequence[str] = (),
    detail: dict[str, str] | None = None,
) -> LedgerEvent:
    """The event of a step that touches no recording."""
    return LedgerEvent(type=f"takedown/{state}", at=at, actor=actor, case=case,
                       documents=list(documents), detail=detail or {})  # fmt: skip


def add_step(tree: Tree, event: LedgerEvent) -> StepReport:
    """Write one step down; the caller has the lock."""
    add_events(tree, [event])
    return finish_step(tree, event.case or "")


def finish_step(tree: Tree, case: str) -> StepReport:
    """Renew the public form of a case as it stands now. Idempotent."""
    renew_index(tree)
    return _report(tree, read_case(tree, case))


def asked(lacks: Sequence[Lack]) -> list[str]:
    """What to ask the sender for, clause by clause."""
    return [f"{lack.clause}: {lack.ask}" for lack in lacks]


def _report(tree: Tree, found: Case) -> StepReport:
    publish_notice(tree, found)
    return StepReport(case=found.case, state=found.state, window=found.waits_for)
