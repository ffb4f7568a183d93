"""What the guard keeps: states, days, measures, proposals, appeals, tokens, and the audit log."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from phonotheque.guard import (
    ActorRow,
    Decision,
    GuardStore,
    Kept,
    Proceedings,
    Seen,
    State,
    Update,
    What,
    format_state,
    pardon,
    parse_state,
)
from phonotheque.guard.store import day_of
from phonotheque.model.errors import FormatError, NotFoundError, UsageError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEA = "account:7"
GUILTY = State(sums=(50.0, 3.0), mood=(0.5, 0.5), last_item=9, alarmed_at=20, slow=4.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GuardStore]:
    with GuardStore(tmp_path / "state" / "guard.sqlite", create=True) as opened:
        yield opened


def met(actor: str = LEA, state: State = GUILTY, at: datetime = NOON) -> Update:
    return Update(actor=actor, kind="account", at=at, state=format_state(state))


def suspended(actor: str = LEA, until: datetime = NOON + DAY) -> Decision:
    return Decision(actor=actor, kind="account", measure="suspend", until=until,
                    reasons=("it walks along the catalogue",), evidence={"odds": 5.2},
                    tables="v1")  # fmt: skip


def found(store: GuardStore, actor: str = LEA) -> ActorRow:
    row = store.actor(actor)
    assert row is not None
    return row


def test_where_there_is_no_file_it_is_said_so_and_a_newer_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no records of a guard here"):
        GuardStore(tmp_path / "guard.sqlite")
    place = tmp_path / "newer.sqlite"
    with sqlite3.connect(place) as raw:
        raw.execute("PRAGMA user_version=99")
    with pytest.raises(FormatError, match="version 99, this program reads up to 2"):
        GuardStore(place)


def test_states_are_replaced_and_days_added_up(store: GuardStore) -> None:
    day = Seen(actor=LEA, day=day_of(NOON), requests=3, media=2, distinct_items=1, repeats=1,
               bytes=10, buckets=(1, 0, 0, 0, 0, 0, 0, 1), score=1.5)  # fmt: skip
    store.save([met()], [day])
    store.save([met(at=NOON + HOUR, state=State())], [day])
    row = found(store)
    assert (row.first_at, row.last_at) == (NOON, NOON + HOUR)
    assert parse_state(row.state) == State()
    (seen,) = store.seen(LEA)
    assert (seen.requests, seen.bytes, seen.buckets[7], seen.score) == (6, 20, 2, 1.5)
    assert store.highest(day_of(NOON)) == [(LEA, 1.5)]
    assert [row.actor for row in store.actors()] == [LEA]


def test_a_measure_ends_with_its_time_and_the_actor_begins_anew(store: GuardStore) -> None:
    store.save([met()], [])
    store.decide(suspended(), NOON)
    assert found(store).in_force(NOON) == "suspend"
    assert [row.actor for row in store.in_force(NOON)] == [LEA]
    assert store.end_due(NOON + HOUR) == []
    store.extend(LEA, NOON + 2 * DAY)
    assert found(store).in_force(NOON + DAY) == "suspend"
    assert store.end_due(NOON + 2 * DAY) == [LEA]
    assert store.end_due(NOON + 2 * DAY) == []
    row = found(store)
    assert (row.measure, row.measure_until, row.reasons) == ("allow", None, ())
    assert parse_state(row.state) == pardon(GUILTY)
    assert parse_state(row.state).last_item == 9
    assert not parse_state(row.state).sums
    assert [e.what for e in store.iter_audit()] == [What.MEASURE_TAKEN, What.MEASURE_ENDED]


def test_an_account_is_disabled_by_two_named_people_and_by_no_fewer(store: GuardStore) -> None:
    people = Proceedings(store)
    store.save([met()], [])
    number = people.propose(LEA, ("it takes everything",), {"odds": 6.0}, "v1", NOON)
    assert number is not None
    assert people.propose(LEA, (), {}, "v1", NOON) is None
    with pytest.raises(UsageError, match="name of the person"):
        people.confirm(number, " ", NOON)
    assert people.confirm(number, "Ana", NOON).state == "open"
    with pytest.raises(UsageError, match="takes a second person"):
        people.confirm(number, "ANA", NOON)
    assert found(store).measure == "allow"
    done = people.confirm(number, "Bo", NOON)
    assert (done.state, done.first_person, done.second_person) == ("confirmed", "Ana", "Bo")
    assert found(store).in_force(NOON + 1000 * DAY) == "disable"
    assert found(store).reasons == ("it takes everything",)
    with pytest.raises(UsageError, match="was confirmed already"):
        people.reject(number, "Cy", "no", NOON)
    with pytest.raises(NotFoundError):
        people.confirm(99, "Ana", NOON)
    assert store.counts(NOON) == {"disable": 1, "proposals": 0, "appeals": 0}
    # and it is undone by an appeal
    appeal = people.appeal(LEA, "I was moving to a new telephone.", NOON)
    decided = people.decide_appeal(appeal, "Cy", "so it was; sorry", NOON, granted=True)
    assert (decided.outcome, decided.answer) == ("granted", "so it was; sorry")
    assert found(store).measure == "allow"
    whats = [e.what.value for e in store.iter_audit()]
    assert whats == ["disabling.proposed", "disabling.confirmed", "disabling.confirmed",
                     "appeal.made", "appeal.granted", "measure.lifted"]  # fmt: skip
    assert [e.by for e in store.iter_audit()][1:] == ["Ana", "Bo", LEA, "Cy", "Cy"]
    assert store.check_audit() is None


def test_a_rejected_proposal_lifts_what_was_in_force(store: GuardStore) -> None:
    people = Proceedings(store)
    store.decide(suspended(), NOON)
    number = people.propose(LEA, ("x",), {}, "v1", NOON)
    assert number is not None
    assert people.reject(number, "Ana", "a radio bot", NOON).state == "rejected"
    assert found(store).measure == "allow"
    assert people.proposals() == []
    assert len(people.proposals(only_open=False)) == 1


def test_appeals_want_a_measure_one_at_a_time_and_an_answer(store: GuardStore) -> None:
    people = Proceedings(store)
    with pytest.raises(UsageError, match="nothing was held against you"):
        people.appeal(LEA, "why?", NOON)
    store.decide(suspended(), NOON)
    with pytest.raises(UsageError, match="1 to 4000 characters"):
        people.appeal(LEA, " ", NOON)
    number = people.appeal(LEA, "why?", NOON)
    with pytest.raises(UsageError, match="open already"):
        people.appeal(LEA, "why??", NOON)
    with pytest.raises(UsageError, match="say why"):
        people.decide_appeal(number, "Ana", "", NOON, granted=False)
    assert people.decide_appeal(number, "Ana", "no", NOON, granted=False).outcome == "refused"
    with pytest.raises(UsageError, match="was refused already, by Ana"):
        people.decide_appeal(number, "Bo", "yes", NOON, granted=True)
    assert found(store).measure == "suspend"
    assert people.appeals(only_open=True) == []
    store.lift(LEA, "Ana", "second thoughts", NOON)
    assert not store.lift(LEA, "Ana", "again", NOON)
    people.appeal(LEA, "it should not stand in your log", NOON + 13 * DAY)
    with pytest.raises(UsageError, match="nothing was held"):
        people.appeal("account:8", "me too", NOON)


def test_bulk_tokens_are_told_once_and_end(store: GuardStore) -> None:
    people = Proceedings(store)
    with pytest.raises(UsageError, match="contact"):
        people.issue_token("uni", "", "Ana", NOON)
    token, row = people.issue_token("uni", "a@uni.example", "Ana", NOON, expires_at=NOON + DAY)
    assert row.opens(NOON)
    assert not row.opens(NOON + DAY)
    found_row = people.find_token(token)
    assert found_row is not None
    assert found_row.token == row.token
    assert people.find_token("phb_" + "x" * 43) is None
    assert people.find_token("something else") is None
    people.use_token(row.token, NOON)
    people.revoke_token(row.token, "Ana", NOON)
    assert not people.tokens()[0].opens(NOON)
    with pytest.raises(NotFoundError):
        people.revoke_token(row.token, "Ana", NOON)
    with sqlite3.connect(f"{store.database._path}") as raw:
        assert token.encode() not in b"".join(
            str(line).encode() for line in raw.execute("SELECT * FROM bulk_token")
        )


def test_the_audit_log_is_append_only_and_shows_who_changed_it_all_the_same(
    store: GuardStore,
) -> None:
    for n in range(3):
        store.note(What.POLICY_CHANGED, "Ana", NOON, reasons=(f"the {n}th",))
    assert store.last_line() == 3
    assert store.check_audit() is None
    assert [e.reasons for e in store.iter_audit(after=2)] == [("the 2th",)]
    with sqlite3.connect(store.database._path) as raw:
        for change in ("UPDATE audit SET by = 'Bo'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.DatabaseError, match="append-only"):
                raw.execute(change)
        raw.execute("DROP TRIGGER audit_is_not_changed")
        raw.execute("UPDATE audit SET by = 'Bo' WHERE event = 3")  # the last one too is covered
    assert store.check_audit() == 3


def test_keys_change_every_thirty_days_and_old_data_goes(store: GuardStore) -> None:
    first = store.network_key(NOON)
    assert store.network_key(NOON + 29 * DAY) == first
    second = store.network_key(NOON + 30 * DAY)
    assert second != first
    kept = Kept(actor=LEA, network="network:x", at=NOON, kind="media", item=1, bucket=0,
                status=200, bytes=5)  # fmt: skip
    seen = Seen(actor=LEA, day=day_of(NOON), requests=1)
    store.save([met(), met("account:8")], [seen], [kept])
    store.decide(Decision(actor=LEA, kind="account", measure="disable", until=None), NOON)
    assert store.events(LEA) == [kept]
    assert store.drop_old(NOON + 29 * DAY)["events"] == 0
    assert store.drop_old(NOON + 31 * DAY)["events"] == 1
    assert store.seen(LEA) == [seen]
    dropped = store.drop_old(NOON + 91 * DAY)
    assert dropped == {"events": 0, "days": 1, "actors": 1, "groups": 0, "keys": 0}
    assert store.actor("account:8") is None
    assert found(store).measure == "disable"
    assert store.drop_old(NOON + 121 * DAY)["keys"] == 1
    assert store.check_audit() is None


def test_settings_are_kept_from_the_first_time_on(store: GuardStore) -> None:
    assert store.setting("canaries", b"one") == b"one"
    assert store.setting("canaries", b"two") == b"one"
    assert store.change_setting("policy", b"a")
    assert not store.change_setting("policy", b"a")
