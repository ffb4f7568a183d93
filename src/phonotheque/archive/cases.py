"""Cases of notices as the ledger tells them, their letters, and what of them is public."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from phonotheque.archive.ledger import (
    LedgerEvent,
    LedgerItem,
    document_path,
    event_path,
    read_event,
    rights_directory,
)
from phonotheque.archive.ledger_index import open_index
from phonotheque.model.errors import NotFoundError
from phonotheque.model.notices import PublicNotice, PublicStep
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.rights import (
    DECISIONS,
    BusinessCalendar,
    CaseState,
    Law,
    Notice,
    Standing,
    Window,
    calendar_of,
    complaints_until,
    published_lacks,
    published_sender,
    published_works,
)
from phonotheque.storage.digests import digest_file
from phonotheque.storage.documents import parse_document, read_document, write_document
from phonotheque.storage.layout import Tree

PREFIX = "takedown/"


class CaseStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a case, as the ledger has it."""

    event: int
    state: CaseState
    at: datetime
    actor: str
    documents: list[str]
    detail: dict[str, str]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A case as it stands. `items`: recordings that were disabled, with all files and places."""

    case: str
    law: Law
    state: CaseState
    received_at: datetime
    notice_sha256: str
    steps: list[CaseStep]
    items: list[LedgerItem] = []
    window: Window | None = None

    @property
    def standing(self) -> Standing:
        """What the next step depends on."""
        taken = {step.state for step in self.steps}
        return Standing(
            self.case, self.law, self.state, self.steps[-1].at, self.window,
            complete=CaseState.VALID in taken, countered=CaseState.COUNTER_RECEIVED in taken,
        )  # fmt: skip

    @property
    def waits_for(self) -> Window | None:
        """The window in which it is to be put back, as long as it waits for that."""
        waiting = self.state in (CaseState.COUNTER_RECEIVED, CaseState.FORWARDED)
        return self.window if waiting else None

    @property
    def heard_until(self) -> date | None:
        """The last day on which a complaint of the newest decision must be heard, where one must.

        By the date in UTC of that decision; whoever it concerns is told on the same day.
        """
        decided = [s.at for s in self.steps if s.state in DECISIONS]
        if self.law is not Law.EU or not decided or self.state is CaseState.RESTORED:
            return None
        return complaints_until(decided[-1].astimezone(UTC).date())


class _Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`rights/holidays.toml`: the operator's own."""

    zone: str | None = None
    closed: list[date] = []


def read_calendar(tree: Tree, seat: str) -> BusinessCalendar:
    """The calendar of the seat, with the operator's own days (``rights/holidays.toml``).

    Raises:
        FormatError: that file does not parse.
        UsageError: it names no time zone.
    """
    path = rights_directory(tree) / "holidays.toml"
    own = read_document(path, _Closed) if path.exists() else _Closed()
    return calendar_of(seat, zone=own.zone, closed=frozenset(own.closed))


def read_cases(tree: Tree) -> list[Case]:
    """Every case, oldest first, without the recordings it touches."""
    return list(iter_cases(tree))


def iter_cases(tree: Tree) -> Iterator[Case]:
    """The same; memory is one case."""
    with open_index(tree) as index:
        for case in index.iter_cases():
            events = (read_event(tree, number) for number in index.events_of(case))
            bare = (msgspec.structs.replace(event, items=[]) for event in events)
            if (found := _case_of(bare)) is not None:
                yield found


def read_case(tree: Tree, case: str) -> Case:
    """One case, with the recordings it touches.

    Raises:
        NotFoundError: the ledger knows no such case.
    """
    with open_index(tree) as index:
        numbers = index.events_of(case)
    found = _case_of(read_event(tree, number) for number in numbers)
    if found is None:
        raise NotFoundError(f"{case}: no such case; `phonotheque notice list` names them")
    return found


def cases_of_form(tree: Tree, digest: str) -> list[Case]:
    """The cases, oldest first, that a form with this SHA-256 (hex) was received for."""
    with open_index(tree) as index:
        names = index.cases_of_form(digest)
    return [read_case(tree, name) for name in names]


def read_notice(tree: Tree, case: Case) -> Notice:
    """The form of the newest notice of a case.

    Raises:
        NotFoundError: the letter is gone.
    """
    path = document_path(tree, case.notice_sha256)
    if not path.exists():
        raise NotFoundError(f"{path}: the form of {case.case} is missing; restore it from a copy")
    return parse_document(path.read_bytes(), Notice, f"{path}.toml")


def next_case_id(tree: Tree, now: datetime) -> str:
    """The id of a new case: the year, and a number that rises over all years."""
    with open_index(tree) as index:
        return f"{now.year}-{index.greatest() + 1:05d}"


def publish_notice(tree: Tree, case: Case) -> Path:
    """Write what everybody may know of a case to ``notices/<case>.json``."""
    notice = read_notice(tree, case)
    private = "privacy" in [step.detail.get("reason") for step in case.steps]
    last = case.steps[-1]
    told = last.detail.get("missing", "")
    missing = published_lacks(notice, told) if case.state is CaseState.INCOMPLETE else []
    public = PublicNotice(
        format=FORMAT_VERSION,
        case=case.case,
        law=case.law.value,
        state=case.state.value,
        received_at=case.received_at,
        sender=published_sender(notice),
        works=[] if private else published_works(notice),
        missing=missing,
        recordings=[item.public_id for item in case.items],
        files=sorted({file.sha256 for item in case.items for file in item.files}),
        steps=[PublicStep(state=step.state.value, at=step.at) for step in case.steps],
        opens=case.window.opens if case.window else None,
        closes=case.window.closes if case.window else None,
        ledger_event=last.event,
        ledger_sha256=digest_file(event_path(tree, last.event)).sha256.hex(),
    )
    path = tree.notices / f"{case.case}.json"
    write_document(path, public)
    return path


def _case_of(events: Iterable[LedgerEvent]) -> Case | None:
    states = {PREFIX + state.value for state in CaseState}
    found: Case | None = None
    for event in events:
        if event.type in states:
            found = _after(found, event)
    return found


def _after(case: Case | None, event: LedgerEvent) -> Case:
    state = CaseState(event.type.removeprefix(PREFIX))
    step = CaseStep(event=event.event, state=state, at=event.at, actor=event.actor,
                    documents=event.documents, detail=event.detail)  # fmt: skip
    if state is CaseState.RECEIVED:
        return Case(
            case=event.case or "",
            law=Law(event.detail["law"]),
            state=state,
            received_at=datetime.fromisoformat(event.detail["received_at"]),
            notice_sha256=event.documents[0],
            steps=[*(case.steps if case else []), step],
        )
    assert case is not None, f"event {event.event}: a step of a case that was never received"
    if state is CaseState.COUNTER_INCOMPLETE:
        return msgspec.structs.replace(case, steps=[*case.steps, step])
    items = [*case.items, *event.items] if state is CaseState.DISABLED else case.items
    window = case.window
    if "opens" in event.detail:
        moments = [datetime.fromisoformat(event.detail[n]) for n in ("opens", "closes")]
        days = [date.fromisoformat(event.detail[n]) for n in ("tenth", "fourteenth")]
        window = Window(*moments, *days)
    return msgspec.structs.replace(
        case, state=state, steps=[*case.steps, step], items=items, window=window
    )
