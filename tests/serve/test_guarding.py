"""The guard in a server: budgets, measures, canaries, tokens, appeals; records that are lost."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from phonotheque.accounts import CHEAP, Accounts, Passwords
from phonotheque.guard import Decision, Kind, Policy, Proceedings, What
from phonotheque.model.errors import NotFoundError, UsageError
from phonotheque.serve import Figures, GuardPolicy, read_policy, record_lines
from phonotheque.serve.guarding import Budget, check_policy
from phonotheque.serve.guarding.items import Way, id_in, way_of
from phonotheque.serve.guarding.ladder import Standing, leave, pass_by, refuse
from phonotheque.serve.guarding.told import TokenUsed, Told, decode, encode
from phonotheque.storage.layout import Tree
from tests.serve.conftest import WITHOUT_AUDIO, recording_id
from tests.serve.guarding import NOON, Clock, Guarded, guarded

LEA = "account:1"


@pytest.fixture(scope="module")
def lea(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with accounts, and the key of one."""
    state = tmp_path_factory.mktemp("state")
    with Accounts(state / "accounts.sqlite", create=True, passwords=Passwords(CHEAP)) as accounts:
        accounts.add("lea", NOON, "ana")
        return state, accounts.add_key("lea", "phone", NOON, "ana").key


@pytest.fixture
def server(published: Tree, lea: tuple[Path, str], tmp_path: Path) -> Iterator[Guarded]:
    (tmp_path / "accounts.sqlite").write_bytes((lea[0] / "accounts.sqlite").read_bytes())
    with guarded(published, tmp_path) as running:
        yield running


@pytest.fixture
def key(lea: tuple[Path, str]) -> str:
    return lea[1]


def take(server: Guarded, measure: str, actor: str = LEA, seconds: float = 3600) -> None:
    """Put a measure in force, as another process might."""
    until = server.clock() + timedelta(seconds=seconds)
    decision = Decision(actor=actor, kind="account", measure=measure, until=until,
                        reasons=("it walks along the catalogue",))  # fmt: skip
    server.store.decide(decision, server.clock())
    server.guard.gate.standings.forget(actor)


@pytest.mark.parametrize(
    ("path", "way", "public_id"),
    [("/stream/r1", Way.MEDIA, "r1"), ("/rest/stream.view", Way.PLAYER, None),
     ("/recording/r2/rights", Way.METADATA, "r2"), ("/api/v1/recordings/r3", Way.METADATA, "r3"),
     ("/api/v1/search", Way.METADATA, None), ("/", Way.METADATA, None),
     ("/volumes/v/data/a", Way.FREE, None), ("/editions/x/edition.json", Way.FREE, None),
     ("/mirror", Way.FREE, None), ("/health", Way.FREE, None),
     ("/guard/account", Way.OURS, None), ("/guard", Way.METADATA, None)],
)  # fmt: skip
def test_an_address_says_what_is_asked_for(path: str, way: Way, public_id: str | None) -> None:
    assert way_of(path) is way
    assert id_in(path) == public_id


def test_who_asks_and_what_for_is_put_down_to_accounts_and_to_pseudonyms(
    server: Guarded, key: str
) -> None:
    assert server.get(f"/stream/{recording_id(1)}", key).status == 200
    assert server.get(f"/rest/stream?id={recording_id(2)}&apiKey={key}").status == 200
    assert server.get("/rest/getArtists?f=json").status == 200
    assert server.get("/api/v1/search?q=blue", key).status == 200
    assert server.get(f"/stream/{recording_id(3)}", address="198.51.100.9").status == 200
    assert server.get("/static/page.css").status == 200
    assert server.get(f"/stream/{recording_id(WITHOUT_AUDIO)}", key).status == 404
    server.flush()
    found = {row.actor: row.kind for row in server.store.actors()}
    assert found.pop(LEA) == "account"
    assert set(found.values()) == {"network"}
    assert len(found) == 2
    assert "198.51.100" not in str(found)
    (seen,) = server.store.seen(LEA)
    assert (seen.requests, seen.media, seen.metadata, seen.distinct_items) == (4, 2, 2, 2)
    assert seen.bytes > 10_000
    assert sum(seen.buckets) == 2
    anonymous = {actor: server.store.seen(actor)[0] for actor in found}
    assert sorted((s.media, s.metadata) for s in anonymous.values()) == [(0, 1), (1, 0)]


def test_a_range_of_what_plays_is_no_further_request(server: Guarded, key: str) -> None:
    for start in (0, 1000, 2000):
        answer = server.get(f"/stream/{recording_id(1)}", key, range=f"bytes={start}-{start + 99}")
        assert answer.status == 206
    server.flush()
    assert server.store.seen(LEA)[0].media == 1


def test_a_budget_that_is_used_up_says_when_and_leads_to_the_dumps(
    published: Tree, tmp_path: Path
) -> None:
    policy = GuardPolicy(network=Budget(requests_per_minute=3, media_per_minute=2))
    with guarded(published, tmp_path, policy=policy) as server:
        path = f"/stream/{recording_id(1)}"
        assert [server.get(path).status for _ in range(3)] == [200, 200, 429]
        refused = server.get("/rest/ping?f=json")
        assert refused.status == 429
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert '</mirror>; rel="alternate"' in refused.headers["link"]
        assert "Everything is yours to take in bulk" in refused.json["detail"]
        assert server.get("/api/v1/search?q=x").status == 429
        assert server.get("/latest.json").status == 200
        assert server.get("/mirror").status == 200
        assert server.get(path, address="198.51.100.2").status == 200
        server.clock.pass_(121)
        assert server.get(path).status == 200
        assert server.guard.gate.counts.refused["budget"] == 3


def test_a_day_s_bytes_are_a_budget_too(published: Tree, tmp_path: Path) -> None:
    policy = GuardPolicy(network=Budget(bytes_per_day=6000))
    with guarded(published, tmp_path, policy=policy) as server:
        statuses = [server.get(f"/stream/{recording_id(n)}").status for n in (1, 2, 3)]
        assert statuses == [200, 429, 429]
        server.clock.pass_(2 * 86_400)
        assert server.get(f"/stream/{recording_id(2)}").status == 200


def test_who_is_redirected_pauses_is_told_why_and_goes_on(server: Guarded, key: str) -> None:
    take(server, "redirect")
    paused = server.get(f"/stream/{recording_id(1)}", key)
    assert (paused.status, paused.headers["retry-after"]) == (429, "60")
    assert paused.json["reasons"] == ["it walks along the catalogue"]
    assert paused.json["appeal"] == "/guard/appeal"
    assert 'rel="alternate"' in paused.headers["link"]
    played = server.get(f"/rest/stream?id={recording_id(1)}&apiKey={key}&f=json")
    assert (played.status, played.headers["retry-after"]) == (429, "60")
    assert played.json["subsonic-response"]["status"] == "failed"
    assert server.get("/api/v1/search?q=blue", key).status == 200
    server.clock.pass_(60)
    for number in (1, 2):
        went_on = server.get(f"/stream/{recording_id(number)}", key)
        assert went_on.status == 200
        assert 'rel="alternate"' in went_on.headers["link"]
    server.clock.pass_(541)
    assert server.get(f"/stream/{recording_id(3)}", key).status == 429
    server.flush()
    (seen,) = server.store.seen(LEA)
    assert (seen.media, seen.refused) == (2, 3)  # what is refused is no evidence


def test_who_is_slowed_hears_one_at_a_time_as_fast_as_it_plays(server: Guarded, key: str) -> None:
    take(server, "slow", seconds=6 * 3600)
    assert server.get(f"/stream/{recording_id(1)}", key).status == 200
    assert server.get(f"/stream/{recording_id(1)}", key, range="bytes=9-").status == 206
    refused = server.get(f"/stream/{recording_id(2)}", key)
    assert (refused.status, refused.headers["retry-after"]) == (429, "150")  # 180 s at 1.2
    assert refused.json["measure"] == "slow"
    server.clock.pass_(150)
    assert server.get(f"/stream/{recording_id(2)}", key).status == 200


def test_one_at_a_time_means_while_another_is_being_given_out() -> None:
    standing, policy = Standing(), GuardPolicy()
    standing.measure, standing.duration_s = "slow", 10.0
    pass_by(standing, 0.0, 1)
    again = refuse(standing, 500.0, 2, policy, lambda: True)
    assert again is not None
    assert again.wait_s == 5
    assert refuse(standing, 500.0, 1, policy, lambda: True) is None
    leave(standing, 1)
    leave(standing, 1)
    assert refuse(standing, 500.0, 2, policy, lambda: True) is None


def test_degraded_means_only_what_everybody_may_copy() -> None:
    standing, policy = Standing(), GuardPolicy()
    standing.measure = "degrade"
    refused = refuse(standing, 0.0, 2, policy, lambda: False)
    assert refused is not None
    assert refused.status == 403
    assert refuse(standing, 0.0, 2, policy, lambda: True) is None
    assert refuse(standing, 0.0, None, policy, lambda: False) is None


def test_suspension_is_of_audio_ends_by_itself_and_is_a_new_start(
    server: Guarded, key: str
) -> None:
    take(server, "suspend", seconds=86_400)
    refused = server.get(f"/stream/{recording_id(1)}", key)
    assert (refused.status, refused.headers["retry-after"]) == (429, "86400")
    assert server.get("/api/v1/search?q=blue", key).status == 200
    assert server.get(f"/stream/{recording_id(1)}").status == 200  # somebody else at this address
    server.clock.pass_(86_400)
    assert server.get(f"/stream/{recording_id(1)}", key).status == 200
    assert server.measure(LEA) == "allow"
    assert What.MEASURE_ENDED in [e.what for e in server.store.iter_audit(actor=LEA)]


def test_a_disabled_account_may_read_why_and_appeal_and_comes_back(
    server: Guarded, key: str
) -> None:
    people = Proceedings(server.store)
    number = people.propose(LEA, ("it takes everything",), {}, "v1", NOON)
    assert number is not None
    people.confirm(number, "Ana", NOON)
    people.confirm(number, "Bo", NOON)
    server.flush()
    for path in (f"/stream/{recording_id(1)}", "/api/v1/search?q=x", "/recording/x"):
        refused = server.get(path, key)
        assert refused.status == 403
        assert "retry-after" not in refused.headers
    assert server.get(f"/rest/ping?apiKey={key}&f=json").status == 403
    assert server.get("/latest.json", key).status == 200
    told = server.get("/guard/account", key).json
    assert (told["measure"], told["reasons"]) == ("disable", ["it takes everything"])
    assert told["decided"] == "by two people"
    made = server.get("/guard/appeal", key, method="POST", body=b'{"text": "a new telephone"}')
    assert (made.status, made.json) == (202, {"appeal": 1, "outcome": "open"})
    assert server.get("/guard/appeal", key, method="POST", body=b'{"text": "!"}').status == 409
    assert server.get("/guard/appeal", key, method="POST", body=b"text").status == 400
    assert server.get("/guard/appeal", key).headers["allow"] == "POST"
    people.decide_appeal(1, "Cy", "so it was", NOON, granted=True)
    server.flush()
    assert server.get(f"/stream/{recording_id(1)}", key).status == 200
    told = server.get("/guard/account", key).json
    assert (told["measure"], told["appeals"][0]["answer"]) == ("allow", "so it was")
    assert server.store.check_audit() is None


def test_canaries_are_unknown_shown_nowhere_and_noted(server: Guarded, key: str) -> None:
    gate = server.guard.gate
    decoy = server.get("/stream/")
    assert decoy.status == 200
    ids = [line.partition('"')[0] for line in decoy.body.decode().split('href="/stream/')[1:]]
    assert len(ids) == 16
    assert b"Disallow: /stream/" in server.get("/robots.txt").body
    unknown = recording_id(987_654_321)
    for place in ("/stream/{}", "/recording/{}", "/api/v1/recordings/{}"):
        canary, other = (server.get(place.format(i), key) for i in (ids[0], unknown))
        assert (canary.status, other.status) == (404, 404)
        assert canary.body.replace(ids[0].encode(), b"ID") == other.body.replace(
            unknown.encode(), b"ID"
        )
    assert server.measure(LEA) == "redirect"  # of any layer three counts at most
    assert gate.counts.canaries == 3
    entry = [e for e in server.store.iter_audit(actor=LEA) if e.what is What.MEASURE_TAKEN][-1]
    assert "ids that no list, search or dump shows" in entry.reasons[0]
    everything = b"".join(
        server.get(path).body
        for path in ("/sitemap/1.xml", "/api/v1/search?q=blue&limit=200", "/",
                     "/rest/search3?query=&songCount=500&f=json")
    )  # fmt: skip
    assert not any(i.encode() in everything for i in ids)


def test_a_bulk_token_is_under_budgets_alone_and_lifts_suspension(
    server: Guarded, key: str
) -> None:
    people = Proceedings(server.store)
    token, row = people.issue_token("uni", "a@uni.example", "Ana", NOON)
    take(server, "suspend", seconds=86_400)
    path = f"/stream/{recording_id(1)}"
    assert server.get(path, key).status == 429
    assert server.get(path, authorization=f"Bearer {token}").status == 200
    assert server.get("/api/v1/search?q=x", authorization=f"Bearer {token}").status == 200
    assert server.get(path, key, phonotheque_bulk_token=token).status == 200
    server.flush()
    server.flush()
    assert server.get(path, key).status == 200
    whats = [e.what for e in server.store.iter_audit()]
    assert What.BULK_USED in whats
    assert whats[-1] is What.MEASURE_LIFTED
    people.revoke_token(row.token, "Ana", NOON)
    server.clock.pass_(20)
    refused = server.get(path, authorization=f"Bearer {token}")
    assert refused.status == 401
    assert "bulk token" in refused.json["detail"]


def test_outside_its_hours_a_bulk_token_has_what_an_account_has(
    published: Tree, tmp_path: Path
) -> None:
    here = NOON.astimezone()
    hours = f"{here + timedelta(hours=2):%H:%M}-{here + timedelta(hours=4):%H:%M}"
    policy = GuardPolicy(account=Budget(requests_per_minute=2), bulk_hours=hours)
    with guarded(published, tmp_path, policy=policy) as server:
        token, _ = Proceedings(server.store).issue_token("uni", "a@uni.example", "Ana", NOON)
        path, shown = f"/stream/{recording_id(1)}", f"Bearer {token}"
        assert [server.get(path, authorization=shown).status for _ in range(3)] == [200, 200, 429]
        server.clock.pass_(3 * 3600)
        assert {server.get(path, authorization=shown).status for _ in range(5)} == {200}


def test_observing_refuses_nobody_and_says_what_it_would_have_done(
    published: Tree, tmp_path: Path
) -> None:
    policy = GuardPolicy(most_for_networks="degrade", network=Budget(requests_per_minute=1))
    with guarded(published, tmp_path, "observe", policy) as server:
        canaries = sorted(server.guard.gate.canaries)
        for number in canaries[:3]:
            server.get(f"/stream/{recording_id(number)}")
        assert server.get(f"/stream/{recording_id(1)}").status == 200
        server.flush()
        (actor,) = server.store.actors()
        assert actor.measure == "allow"
        noted = [e for e in server.store.iter_audit() if e.what is What.OBSERVED]
        assert [e.evidence["measure"] for e in noted][:2] == ["observe", "redirect"]


def test_records_that_are_lost_refuse_nobody_and_are_counted_and_noted(
    server: Guarded, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/stream/{recording_id(1)}"
    keeper = server.guard.keeper
    assert keeper is not None

    def broken(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    store = server.guard.store
    with monkeypatch.context() as patch:
        for name in ("actor", "save", "end_due"):
            patch.setattr(store, name, broken)
        assert server.get(path, key).status == 200
        server.flush()
        assert keeper.is_lost
        assert server.guard.figures()[10] == 1
        assert server.get(path, key, address="198.51.100.77").status == 200
        assert server.guard.gate.standings.failures > 0
    server.flush()
    assert not keeper.is_lost
    lost = [e for e in server.store.iter_audit() if e.what is What.STORE_LOST]
    assert lost[0].evidence["failures"] == keeper.failures
    assert server.store.seen(LEA)[0].requests == 2  # nothing of it is missing


def test_an_operator_may_choose_that_no_audio_goes_out_while_records_are_lost(
    published: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = GuardPolicy(when_store_is_lost="closed")
    with guarded(published, tmp_path, policy=policy) as server:

        def broken(*_: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(server.guard.store, "actor", broken)
        refused = server.get(f"/stream/{recording_id(1)}")
        assert (refused.status, refused.headers["retry-after"]) == (503, "30")
        assert server.get("/api/v1/search?q=x").status == 200
        assert server.guard.gate.counts.refused["lost"] == 1


def test_a_fault_of_the_guard_refuses_nobody_and_is_counted(
    server: Guarded, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = server.guard.gate

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    for place in ("facts", "number"):
        with monkeypatch.context() as patch:
            patch.setattr(gate, place, broken)
            assert server.get(f"/stream/{recording_id(1)}", key).status == 200
    assert gate.counts.faults == 2


def test_what_the_guard_does_is_told_in_figures(server: Guarded, tmp_path: Path) -> None:
    server.get(f"/stream/{recording_id(1)}")
    server.get("/stream/x", authorization="Bearer phb_nonsense")
    figures = Figures(tmp_path / "figures", 2)
    assert not any("guard" in line for line in figures.render())
    figures.row(1).set_guard(server.guard.figures())
    lines = figures.render()
    assert "phonotheque_guard_admitted_total 1" in lines
    assert 'phonotheque_guard_refused_total{measure="token"} 1' in lines
    assert any(line.startswith("phonotheque_guard_decision_seconds_count") for line in lines)
    take(server, "slow")
    kept = record_lines(tmp_path / "guard.sqlite", server.clock())
    assert 'phonotheque_guard_actors_under{measure="slow"} 1' in kept
    assert "phonotheque_guard_open_appeals 0" in kept
    assert record_lines(tmp_path / "nothing.sqlite", server.clock()) == []


def test_a_restart_forgets_nothing(published: Tree, tmp_path: Path) -> None:
    clock = Clock()
    with guarded(published, tmp_path, clock=clock) as server:
        assert server.get(f"/stream/{recording_id(1)}").status == 200
        server.flush()
        (actor,) = server.store.actors()
        server.store.decide(Decision(actor=actor.actor, kind="network", measure="suspend",
                                     until=NOON + timedelta(days=1)), NOON)  # fmt: skip
    with guarded(published, tmp_path, clock=clock) as server:
        assert server.get(f"/stream/{recording_id(1)}").status == 429
        server.flush()
        assert [a.actor for a in server.store.actors()] == [actor.actor]
        changes = [e for e in server.store.iter_audit() if e.what is What.POLICY_CHANGED]
        assert len(changes) == 1


def test_raw_events_are_kept_where_the_policy_says_so(published: Tree, tmp_path: Path) -> None:
    with guarded(published, tmp_path, policy=GuardPolicy(keep_events=True)) as server:
        server.get(f"/stream/{recording_id(2)}")
        server.flush()
        (actor,) = server.store.actors()
        (event,) = server.store.events(actor.actor)
        assert (event.item, event.kind, event.status) == (2, "media", 200)
        assert event.network == actor.actor


def test_what_processes_tell_each_other_comes_over_whole() -> None:
    told = Told(actor=LEA, network="network:x", t=1.5, kind=Kind.MEDIA, item=7, bucket=3,
                artist=1, duration_s=2.5, status=206, bytes=10, canary=True)  # fmt: skip
    assert decode(encode(told)) == told
    assert decode(encode(TokenUsed(token=3, t=2.0))) == TokenUsed(token=3, t=2.0)


def test_a_policy_file_is_read_and_its_mistakes_are_named(tmp_path: Path) -> None:
    place = tmp_path / "guard.toml"
    with pytest.raises(NotFoundError):
        read_policy(place)
    place.write_text("pace = 2.0\n[account]\nmedia_per_day = 9\n[ladder]\nobserve = 1.0\n")
    found = read_policy(place)
    assert (found.pace, found.account.media_per_day, found.ladder.observe) == (2.0, 9, 1.0)
    place.write_text("paces = 2.0\n")
    with pytest.raises(UsageError, match="paces"):
        read_policy(place)
    for wrong, said in (
        (GuardPolicy(ladder=Policy(slow=9.0)), "must rise"),
        (GuardPolicy(most_for_networks="disable"), "most_for_networks"),
        (GuardPolicy(bulk_hours="10 to 12"), "no hours"),
        (GuardPolicy(pace=0.0), "pace"),
        (GuardPolicy(actors_in_memory=1), "actors_in_memory"),
        (GuardPolicy(dumps="javascript:x"), "dumps"),
    ):
        with pytest.raises(UsageError, match=said):
            check_policy(wrong, "guard.toml")
    assert (
        msgspec.json.decode(msgspec.json.encode(GuardPolicy()), type=GuardPolicy) == GuardPolicy()
    )


def test_the_policy_that_the_page_shows_is_the_one_by_default(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations" / "guard.md").read_text()
    place = tmp_path / "guard.toml"
    place.write_text(page.partition("```toml\n")[2].partition("```")[0])
    assert read_policy(place) == GuardPolicy()
    told = place.read_text()
    assert [f for f in GuardPolicy.__struct_fields__ if f not in told] == ["usual_duration_s"]
