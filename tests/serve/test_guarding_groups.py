"""Groups in a server: who is in which, what is told, kept, cleared and forgotten."""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from phonotheque.accounts import CHEAP, Accounts, Passwords
from phonotheque.guard import (
    ORDER,
    GroupRow,
    GuardStore,
    Kind,
    State,
    What,
    clear_group,
    hold_group,
    list_groups,
    read_usual,
)
from phonotheque.serve import GuardPolicy, GuardSite
from phonotheque.serve.guarding import groups as following
from phonotheque.serve.guarding.alerting import format_alert, is_alert
from phonotheque.serve.guarding.groups import Groups
from phonotheque.serve.guarding.keeper import Keeper
from phonotheque.serve.guarding.membership import Signups, client_of, groups_of
from phonotheque.serve.guarding.networks import Networks
from phonotheque.serve.guarding.opening import tables_of
from phonotheque.serve.guarding.told import Told
from phonotheque.serve.guarding.tracking import Tracked
from phonotheque.serve.limits import wider_network
from phonotheque.storage.layout import Tree
from tests.guard.test_groups import campaign, people
from tests.serve.conftest import recording_id
from tests.serve.guarding import NOON, Clock, guarded

CAMPAIGN, READERS = "client:taker/1", "client:reader/2"


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learning is a tenth of what it is."""
    monkeypatch.setattr(following, "DRAWS", 10)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GuardStore]:
    with GuardStore(tmp_path / "guard.sqlite", create=True) as opened:
        yield opened


def requests(
    kind: str, openings: following.Openings, *groups: str, pause: float = 1.0
) -> list[Told]:
    """As a gate tells them."""
    return [
        Told(actor=f"account:{kind}{who}", network="network:x", t=NOON.timestamp() + n * pause,
             kind=Kind.MEDIA, item=int(item), bucket=int(bucket), groups=groups)
        for n, (who, item, bucket) in enumerate(
            zip(openings.accounts, openings.items, openings.buckets, strict=True)
        )
    ]  # fmt: skip


def follow(groups: Groups, told: Sequence[Told]) -> None:
    for one in told:
        groups.note(one, is_trusted=True)


@pytest.fixture
def groups(store: GuardStore) -> Groups:
    """Groups that know what people do here."""
    groups = Groups(store)
    follow(groups, requests("p", people(np.random.default_rng(1), 300, each=40), READERS))
    groups.learn()
    assert groups.look(NOON) == []
    return groups


def listed(store: GuardStore, name: str) -> GroupRow:
    return next(row for row in list_groups(store, NOON, limit=100) if row.name == name)


@pytest.mark.parametrize(
    ("agent", "client"),
    [("python-requests/2.31.0", "python-requests/2"), ("Mozilla/5.0 (X11)", "browser"),
     ("curl", "curl"), ("", "unnamed"), ("  \x00", "unnamed"),
     ("Symfonium/12345678", "Symfonium/1234"),
     ("a" * 90, "a" * 40), ("<script>", "unnamed")],
)  # fmt: skip
def test_a_program_is_named_without_what_would_make_it_singular(agent: str, client: str) -> None:
    assert client_of(agent) == client


def test_a_request_is_in_the_groups_that_others_can_be_in_as_well() -> None:
    asked: list[int] = []
    signups = Signups(lambda account: asked.append(account) or (NOON if account == 7 else None))  # type: ignore[func-returns-value]
    mine = groups_of("network:a", "prefix:b", "curl/8.1", 7, signups)
    assert set(mine) == {
        "network:a", "prefix:b", "client:curl/8", "both:b+curl/8", "signup:2027-03-04T12"
    }  # fmt: skip
    assert groups_of("network:a", "prefix:b", "curl/8.1", 7, signups) == mine
    assert asked == [7]
    nobody = groups_of("network:a", "prefix:b", "curl/8.1", None, signups)
    assert set(nobody) == {"prefix:b", "client:curl/8", "both:b+curl/8"}
    assert "signup" not in " ".join(groups_of("network:a", "prefix:b", "", 8, signups))


def test_networks_have_a_pseudonym_for_what_is_round_them(store: GuardStore) -> None:
    assert wider_network("198.51.100.7") == "198.51.100.0/24"
    assert wider_network("::ffff:198.51.100.7") == "198.51.100.0/24"
    assert wider_network("2001:db8:1:2:3::4") == "2001:db8:1::/48"
    assert wider_network("unknown") == "unknown"
    networks = Networks(store)
    one, two = networks.names("198.51.100.7", NOON), networks.names("198.51.100.8", NOON)
    other = networks.names("198.51.101.7", NOON)
    assert one[0] != two[0]
    assert one[1] == two[1] != other[1]
    assert "198.51" not in "".join(one)


def test_a_campaign_is_told_and_people_are_not(groups: Groups, store: GuardStore) -> None:
    rng = np.random.default_rng(2)
    follow(groups, requests("c", campaign(rng, 30, 40, evenly=True), CAMPAIGN, "prefix:c"))
    told = groups.look(NOON)
    assert {group.name for group in told} == {CAMPAIGN, "prefix:c"}
    assert groups.told == 0  # counted the next time
    assert groups.look(NOON) == []  # told once
    assert groups.told == 2
    first, *_ = (e for e in store.iter_audit() if e.what is What.GROUP_TOLD)
    assert is_alert(first, "disable")
    assert b"group.told client:taker/1" in format_alert([first], NOON)
    row = listed(store, CAMPAIGN)
    assert row.told
    assert "accounts" in row.reason
    groups.save(NOON, at_once=True)
    assert not listed(store, READERS).told
    (more,) = requests("d", campaign(rng, 1, 1, evenly=True), CAMPAIGN)
    assert groups.note(more, is_trusted=True).surprise > 10
    assert groups.cohort(more).surprise > 10
    (reader,) = requests("p", people(rng, 1, each=1), READERS)
    assert groups.note(reader, is_trusted=True) == (0.0, False)


def test_before_enough_people_are_known_no_group_is_told(store: GuardStore) -> None:
    groups = Groups(store)
    follow(groups, requests("c", campaign(np.random.default_rng(3), 30, 50, evenly=True), CAMPAIGN))
    groups.learn()
    assert groups.learned is None
    assert groups.look(NOON) == []
    assert groups.people == 30
    assert read_usual(store) is None


def test_who_is_under_a_measure_is_not_learned_from(groups: Groups) -> None:
    (one,) = requests("p", people(np.random.default_rng(4), 1, each=1), READERS)
    before = groups.people
    groups.note(one, is_trusted=False)
    assert groups.people == before - 1


def test_who_would_be_redirected_is_not_learned_from_either() -> None:
    tracked = Tracked("account:1", State(), "allow", None)
    assert tracked.is_trusted(0.0)
    tracked.observed = ORDER["observe"]
    assert tracked.is_trusted(0.0)
    tracked.observed = ORDER["redirect"]
    assert not tracked.is_trusted(0.0)
    under = Tracked("account:1", State(), "slow", 50.0)
    assert [under.is_trusted(at) for at in (49.0, 51.0)] == [False, True]


def test_a_server_that_starts_again_goes_on_where_it_was(groups: Groups, store: GuardStore) -> None:
    asked = requests("c", campaign(np.random.default_rng(5), 20, 40, evenly=False), CAMPAIGN)
    follow(groups, asked[:90])
    groups.save(NOON, at_once=True)
    again = Groups(store)
    again.load()
    assert again.usual == groups.usual
    assert again.usual.people == 300
    assert again.people == 0  # of people nothing is written
    follow(again, asked[90:])
    assert [group.name for group in again.look(NOON)] == [CAMPAIGN]
    assert listed(store, CAMPAIGN).openings == len(asked)
    third = Groups(store)
    third.load()
    assert third.cohort(asked[0]).surprise > 10


def test_what_is_kept_of_a_group_names_neither_accounts_nor_items(
    groups: Groups, store: GuardStore
) -> None:
    some = people(np.random.default_rng(9), 20, each=10)
    follow(groups, requests("q", some, "prefix:q", "both:q"))
    groups.save(NOON, at_once=True)
    kept = store.database.rows(
        "SELECT accounts, items FROM cohort WHERE name IN ('prefix:q', 'both:q')"
    )
    (one, other) = (np.frombuffer(items, "<u8") for _, items in kept)
    assert len(one) == 200
    assert len(np.unique(one)) == len(np.unique(some.items))
    assert not set(one.tolist()) & set(some.items.tolist())
    assert not set(one.tolist()) & set(other.tolist())  # no two groups can be put together
    secrets = store.database.rows("SELECT secret FROM cohort")
    assert len({s for (s,) in secrets}) == len(secrets)


def test_a_group_begins_anew_after_thirty_days_and_after_the_last_look(groups: Groups) -> None:
    rng = np.random.default_rng(6)
    assert len(groups._groups[READERS].items) == 0  # 9,000 were looked at
    slow = requests("c", campaign(rng, 30, 1, evenly=True), CAMPAIGN, pause=40 * 86_400.0)
    follow(groups, slow)
    assert len(groups._groups[CAMPAIGN].items) == 1


def test_there_is_room_for_so_many_groups_and_people(
    store: GuardStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_GROUPS", 5)
    monkeypatch.setattr(following, "MOST_PEOPLE", 50)
    monkeypatch.setattr(following, "MOST_OPENINGS", 40)
    groups = Groups(store)
    for number in range(30):
        told = requests(f"{number}-", people(np.random.default_rng(number), 5, each=4),
                        f"prefix:{number}")  # fmt: skip
        follow(groups, told)
        assert len(groups) <= 5
        assert groups._openings <= 40
        assert groups._openings == sum(len(g.items) for g in groups._groups.values())
        assert groups.people <= 50
    assert groups.people > 10
    assert "prefix:29" in groups._groups
    groups.save(NOON, at_once=True)
    assert {row.name for row in list_groups(store, NOON)} == set(groups._groups)
    follow(groups, requests("z", people(np.random.default_rng(0), 5, each=4), "prefix:30"))
    groups.save(NOON, at_once=True)
    assert {row.name for row in list_groups(store, NOON)} == set(groups._groups)  # and no more


def test_learning_goes_on_beside_and_a_fault_of_it_stops_nothing(
    groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = groups.usual
    begun = threading.Event()

    def fails(*_: object) -> None:
        begun.set()
        raise ValueError

    monkeypatch.setattr(following, "learn_usual", fails)
    assert groups.look(NOON + timedelta(days=2)) == []
    assert begun.wait(20)
    assert groups.look(NOON + timedelta(days=2)) == []
    assert groups.usual == before


def test_a_keeper_redirects_whom_a_told_group_makes_suspect_and_hears_of_clearing(
    store: GuardStore, tmp_path: Path
) -> None:
    clock = Clock()
    site = GuardSite(mode="enforce", store=str(tmp_path / "guard.sqlite"), policy=GuardPolicy(),
                     items=300_000)  # fmt: skip
    keeper = Keeper(store, site, tables_of(site), clock)
    measures: dict[str, str] = {}
    keeper.on_measure(lambda actor, measure, _until, _why: measures.update({actor: measure}))
    rng = np.random.default_rng(7)
    for told in requests("p", people(rng, 250, each=30), READERS, pause=120.0):
        keeper.tell(told)
    keeper.groups.learn()
    keeper.flush()
    alone = dict(measures)
    asked = requests("c", campaign(rng, 20, 40, evenly=True), CAMPAIGN, pause=120.0)
    for told in asked[:600]:
        keeper.tell(told)
    keeper.flush()
    assert listed(store, CAMPAIGN).told
    for told in asked[600:]:
        keeper.tell(told)
    keeper.flush()
    taken = [e for e in store.iter_audit() if e.what is What.MEASURE_TAKEN
             and "its group shares out the catalogue" in " ".join(e.reasons)]  # fmt: skip
    assert taken
    assert all(entry.actor.startswith("account:c") for entry in taken)
    assert {actor for actor in measures if actor.startswith("account:p")} == {
        actor for actor in alone if actor.startswith("account:p")
    }
    clear_group(store, CAMPAIGN, "Ana Silva", "our own test", clock())
    keeper.flush()
    assert keeper.groups.cohort(asked[0]) == (0.0, False)
    (reader,) = requests("new", people(rng, 1, each=1), CAMPAIGN)
    keeper.tell(reader)
    assert reader.actor not in measures
    hold_group(store, (CAMPAIGN, "Ana Silva", "it is"), clock() + timedelta(days=7), clock())
    keeper.flush()
    keeper.tell(msgspec.structs.replace(reader, item=123_456, t=reader.t + 99))
    keeper.flush()
    assert measures[reader.actor] == "redirect"
    (line,) = (e for e in store.iter_audit(actor=reader.actor))
    assert line.reasons == ("people decided that its group shares out the catalogue",)
    keeper.close()


def test_a_server_puts_requests_into_groups_and_shows_them(published: Tree, tmp_path: Path) -> None:
    with Accounts(tmp_path / "accounts.sqlite", create=True,
                  passwords=Passwords(CHEAP)) as accounts:  # fmt: skip
        accounts.add("lea", NOON, "ana")
        key = accounts.add_key("lea", "phone", NOON, "ana").key
    with guarded(published, tmp_path) as server:
        agent = {"user_agent": "Tempo/3.9"}
        assert server.get(f"/stream/{recording_id(1)}", key, **agent).status == 200
        assert server.get(f"/stream/{recording_id(2)}", address="198.51.100.77",
                          **agent).status == 200  # fmt: skip
        server.get("/api/v1/search?q=blue", key, user_agent="other/1")
        server.guard.keeper.groups.save(server.clock(), at_once=True)  # type: ignore[union-attr]
        rows = {row.name: row.openings for row in list_groups(server.store, server.clock())}
        kinds = sorted(name.partition(":")[0] for name in rows)
        assert kinds == ["both", "client", "network", "prefix", "signup"]
        assert rows["client:Tempo/3"] == 2
        assert rows[f"signup:{NOON:%Y-%m-%dT%H}"] == 1
        assert "198.51" not in str(rows)
        figures = server.guard.figures()
        assert 5 in figures


def test_what_people_decide_of_a_group_holds_though_it_left_memory(
    store: GuardStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_GROUPS", 3)
    groups, t = Groups(store), NOON.timestamp()
    groups.hold("prefix:held", t, t + 86_400)
    for number in range(9):
        follow(groups, requests(f"{number}", people(np.random.default_rng(1), 2, each=2),
                                f"prefix:{number}"))  # fmt: skip
    (one,) = requests("x", people(np.random.default_rng(1), 1, each=1), "prefix:held")
    assert groups.cohort(one).held
    assert not groups.cohort(msgspec.structs.replace(one, t=t + 90_000)).held
    groups.clear("prefix:held", t, t + 86_400)
    assert groups.note(one, is_trusted=True) == (0.0, False)
