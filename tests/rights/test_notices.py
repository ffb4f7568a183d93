"""Notices, counter-notices, and the course of a case."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.errors import UsageError
from phonotheque.rights import (
    Answer,
    CaseState,
    Contact,
    CounterNotice,
    Ground,
    Law,
    Material,
    Notice,
    Standing,
    answer_notice,
    calendar_of,
    check_counter,
    check_move,
    check_notice,
    complaints_until,
    is_late,
    put_back_window,
)
from phonotheque.rights.cases import HOLDING, MOVES
from phonotheque.rights.notices import Statements

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
WINDOW = put_back_window(calendar_of("US"), NOW)
WHO = Contact(name="Jane Roe", address="1 Main St", phone="+1 555 0100", email="jane@example.org")
US = Notice(
    law=Law.US, signature="/s/ Jane Roe", works=["A Song"], material=[Material(id="1")],
    contact=WHO, statements=Statements(True, True, True),
)  # fmt: skip
EU = Notice(
    law=Law.EU, material=[Material(url="https://a.example/recording/rabc")], contact=WHO,
    reasons="It is mine, and nobody asked.", statements=Statements(good_faith=True),
)  # fmt: skip
COUNTER = CounterNotice(
    signature="/s/ Joe", material=[Material(id="1")], contact=WHO, reasons="It is mine.",
    mistake_under_perjury=True, consents_to_jurisdiction=True, accepts_service=True,
)  # fmt: skip


def lacking(notice: Notice) -> list[str]:
    return [lack.element for lack in check_notice(notice)]


@pytest.mark.parametrize(
    ("changes", "element", "answer"),
    [
        ({"signature": " "}, "us.signature", Answer.ASK),
        ({"works": ["", " "]}, "us.work", Answer.VOID),
        ({"material": []}, "us.material", Answer.VOID),
        ({"material": [Material(url="https://a.example/about")]}, "us.material", Answer.VOID),
        ({"contact": Contact(name="Jane Roe")}, "us.contact", Answer.VOID),
        ({"statements": Statements(False, True, True)}, "us.good-faith", Answer.ASK),
        ({"statements": Statements(True, False, True)}, "us.accuracy", Answer.ASK),
        ({"statements": Statements(True, True, False)}, "us.authority", Answer.ASK),
    ],
)
def test_each_element_of_an_american_notice_is_asked_for(
    changes: dict[str, object], element: str, answer: Answer
) -> None:
    notice = msgspec.structs.replace(US, **changes)
    [lack] = check_notice(notice)
    assert lack.element == element and lack.clause.startswith("17 U.S.C. 512(c)(3)(A)(")
    assert answer_notice(notice, [lack]) is answer


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"reasons": ""}, "eu.reasons"),
        ({"material": [Material(url="not an address")]}, "eu.url"),
        ({"contact": Contact(name="Jane Roe", phone="1")}, "eu.contact"),
        ({"statements": Statements()}, "eu.good-faith"),
    ],
)
def test_each_element_of_a_european_notice_is_asked_for(
    changes: dict[str, object], element: str
) -> None:
    assert lacking(msgspec.structs.replace(EU, **changes)) == [element]


def test_complete_notices_ask_for_action() -> None:
    letter = Notice(law=Law.OTHER, reasons="mine", material=[Material(id="1")], contact=WHO)
    for notice in (US, EU, letter):
        assert answer_notice(notice, check_notice(notice)) is Answer.ACT
    hidden = msgspec.structs.replace(EU, contact=Contact(), anonymous_by_law=True)
    assert lacking(hidden) == []
    assert lacking(Notice(law=Law.OTHER)) == ["other.reasons", "other.material", "other.contact"]


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://a.example/recording/rabc", "rabc"),
        ("http://a.example/stream/rabc?x=1#y", "rabc"),
        ("https://a.example/base/api/v1/recordings/rabc/", "rabc"),
        ("https://a.example/release/dabc", ""),
        ("https://[broken/recording/rabc", ""),
        ("", ""),
    ],
)
def test_the_address_of_a_page_names_its_recording(url: str, named: str) -> None:
    assert Material(url=url).named == named


@pytest.mark.parametrize(
    ("field", "element"),
    [
        ("signature", "us.counter-signature"),
        ("material", "us.counter-material"),
        ("mistake_under_perjury", "us.counter-mistake"),
        ("contact", "us.counter-contact"),
        ("consents_to_jurisdiction", "us.counter-jurisdiction"),
        ("accepts_service", "us.counter-jurisdiction"),
    ],
)
def test_each_element_of_a_counter_notice_is_asked_for(field: str, element: str) -> None:
    empty = getattr(CounterNotice(), field)
    lacks = check_counter(msgspec.structs.replace(COUNTER, **{field: empty}), Law.US)
    assert [lack.element for lack in lacks] == [element]
    assert check_counter(COUNTER, Law.US) == [] == check_counter(COUNTER, Law.EU)
    assert len(check_counter(CounterNotice(), Law.EU)) == 2


# ------------------------------------------------------------------------------- the course


def at(state: CaseState, law: Law = Law.US) -> Standing:
    return Standing("2026-00001", law, state, NOW, WINDOW)


def test_the_whole_course_of_a_counter_notice() -> None:
    states = ["received", "valid", "disabled", "counter-received", "forwarded"]
    for one, two in pairwise(map(CaseState, states)):
        check_move(at(one), two, NOW)
    forwarded = at(CaseState.FORWARDED)
    second = timedelta(seconds=1)
    with pytest.raises(UsageError, match="may be put back from"):
        check_move(forwarded, CaseState.RESTORED, WINDOW.opens - second)
    check_move(forwarded, CaseState.RESTORED, WINDOW.opens)
    check_move(forwarded, CaseState.RESTORED, WINDOW.closes + second)
    assert not is_late(forwarded, WINDOW.closes - second)
    assert is_late(forwarded, WINDOW.closes)


def test_a_court_stops_the_window() -> None:
    check_move(at(CaseState.FORWARDED), CaseState.COURT_HOLD, NOW)
    held = at(CaseState.COURT_HOLD)
    with pytest.raises(UsageError, match="only on another ground"):
        check_move(held, CaseState.RESTORED, WINDOW.opens)
    check_move(held, CaseState.RESTORED, NOW, Ground.COURT)
    check_move(held, CaseState.UPHELD, NOW)


def test_a_forwarded_counter_notice_is_not_simply_overruled() -> None:
    with pytest.raises(UsageError, match="notice court"):
        check_move(at(CaseState.FORWARDED), CaseState.UPHELD, NOW)
    check_move(at(CaseState.FORWARDED, Law.EU), CaseState.UPHELD, NOW)


def test_a_complaint_is_of_european_law_alone() -> None:
    check_move(at(CaseState.FORWARDED, Law.EU), CaseState.RESTORED, NOW, Ground.COMPLAINT)
    with pytest.raises(UsageError, match="knows no complaint"):
        check_move(at(CaseState.FORWARDED), CaseState.RESTORED, NOW, Ground.COMPLAINT)
    with pytest.raises(UsageError, match="notice counter"):
        check_move(at(CaseState.DISABLED, Law.EU), CaseState.RESTORED, NOW, Ground.COMPLAINT)


def test_an_upheld_case_is_answered_once_under_american_law_and_complained_of_elsewhere() -> None:
    for state in (CaseState.UPHELD, CaseState.TOMBSTONED):
        check_move(at(state), CaseState.COUNTER_RECEIVED, NOW)
        answered = replace(at(state), countered=True)
        with pytest.raises(UsageError, match="--because"):
            check_move(answered, CaseState.COUNTER_RECEIVED, NOW)
        check_move(replace(answered, law=Law.EU), CaseState.COUNTER_RECEIVED, NOW)
    with pytest.raises(UsageError, match="notice court"):
        check_move(at(CaseState.COUNTER_RECEIVED), CaseState.UPHELD, NOW)
    check_move(at(CaseState.COUNTER_RECEIVED, Law.EU), CaseState.UPHELD, NOW)


def test_a_dismissal_is_complained_of_where_the_law_knows_it() -> None:
    check_move(at(CaseState.DISMISSED, Law.EU), CaseState.APPEALED, NOW)
    check_move(at(CaseState.APPEALED, Law.EU), CaseState.DISABLED, NOW)
    check_move(at(CaseState.APPEALED, Law.EU), CaseState.DISMISSED, NOW)
    with pytest.raises(UsageError, match="new notice"):
        check_move(at(CaseState.DISMISSED), CaseState.APPEALED, NOW)
    with pytest.raises(UsageError, match="never complete"):
        check_move(
            replace(at(CaseState.DISMISSED, Law.EU), complete=False), CaseState.APPEALED, NOW
        )


@pytest.mark.parametrize(
    ("decided", "last"),
    [
        ("2026-11-23", "2027-05-23"), ("2026-08-31", "2027-02-28"), ("2027-08-31", "2028-02-29"),
        ("2026-12-31", "2027-06-30"), ("2026-06-30", "2026-12-30"),
    ],
)  # fmt: skip
def test_complaints_are_heard_for_six_months(decided: str, last: str) -> None:
    assert complaints_until(date.fromisoformat(decided)) == date.fromisoformat(last)


@pytest.mark.parametrize("state", CaseState)
@pytest.mark.parametrize("to", CaseState)
def test_what_may_not_follow_is_refused(state: CaseState, to: CaseState) -> None:
    ground = Ground.EVIDENCE if to is CaseState.RESTORED else None
    standing = replace(at(state), law=Law.OTHER)
    if to in MOVES[state]:
        check_move(standing, to, NOW, ground)
    else:
        with pytest.raises(UsageError, match="cannot follow"):
            check_move(standing, to, NOW, ground)


def test_a_step_never_goes_back_in_time() -> None:
    with pytest.raises(UsageError, match="clock"):
        check_move(at(CaseState.VALID), CaseState.DISABLED, NOW - timedelta(seconds=1))


@given(st.sampled_from(CaseState), st.integers(0, 60))
def test_nothing_comes_back_by_waiting_alone_but_what_was_forwarded(
    state: CaseState, days: int
) -> None:
    now = NOW + timedelta(days=days)
    try:
        check_move(at(state), CaseState.RESTORED, now)
    except UsageError:
        return
    assert state is CaseState.FORWARDED and now >= WINDOW.opens


def test_every_holding_state_can_be_left_by_a_document_or_a_window() -> None:
    assert all(CaseState.RESTORED in MOVES[state] for state in HOLDING)
    assert all(CaseState.RESTORED not in MOVES[s] for s in CaseState if s not in HOLDING)
