"""The guard watched: its page for admins, its alerts, and what is kept for how long."""

import hashlib
import hmac
import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from phonotheque.accounts import CHEAP, Accounts, Passwords, Role
from phonotheque.guard import (
    Decision,
    GroupEvidence,
    GuardStore,
    Kept,
    KeptGroup,
    Proceedings,
    Seen,
    State,
    Update,
    What,
    format_state,
    note_told,
    read_profile,
    read_report,
    read_shipped_tables,
    read_top,
)
from phonotheque.guard.store import day_of
from phonotheque.model.errors import NotFoundError, TransferError, UsageError
from phonotheque.serve import record_lines
from phonotheque.serve.guarding.alerting import SIGNATURE, AlertSettings, check_alerts, read_secret
from phonotheque.serve.guarding.alerts import Alerts
from phonotheque.storage.layout import Tree
from tests.serve.guarding import NOON, Clock, Guarded, guarded

LEA = "account:1"
REASON = "it walks along the <catalogue>"
SECRET = b"0123456789abcdef"


def fill(store: GuardStore) -> None:
    """Ten days of one account, a measure, an appeal."""
    days = [
        Seen(actor=LEA, day=day_of(NOON) - n, requests=120, media=100, metadata=20,
             distinct_items=90, repeats=10, bytes=10**9, buckets=(0, 0, 5, 5, 10, 20, 30, 20),
             score=float(5 - n if n < 5 else 0))
        for n in range(10)
    ]  # fmt: skip
    state = format_state(State(sums=(50.0, 3.0)))
    store.save([Update(actor=LEA, kind="account", at=NOON, state=state)], days)
    take(store)
    Proceedings(store).appeal(LEA, "it was <my> sister", NOON)


def take(store: GuardStore, measure: str = "suspend", actor: str = LEA) -> None:
    until = NOON + timedelta(days=1)
    store.decide(Decision(actor=actor, kind="account", measure=measure, until=until,
                          reasons=(REASON,)), NOON)  # fmt: skip


@pytest.fixture(scope="module")
def watched(
    published: Tree, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Guarded, dict[str, str]]]:
    """A server with records, and the keys of a reader and an admin."""
    state = tmp_path_factory.mktemp("watched")
    keys = {}
    with Accounts(state / "accounts.sqlite", create=True, passwords=Passwords(CHEAP)) as accounts:
        for name, role in (("lea", Role.READER), ("ana", Role.ADMIN)):
            accounts.add(name, NOON, "cli", role=role)
            keys[name] = accounts.add_key(name, "k", NOON, "cli").key
        accounts.set_password("ana", "open sesame please", NOON, "cli")
    with GuardStore(state / "guard.sqlite", create=True) as store:
        fill(store)
    with guarded(published, state, mode="observe") as running:
        yield running, keys


@pytest.mark.parametrize("path", ["/guard", f"/guard/actor/{LEA}"])
def test_only_admins_see_the_pages(watched: tuple[Guarded, dict[str, str]], path: str) -> None:
    server, keys = watched
    nobody = server.get(path)
    assert nobody.status == 401
    assert "www-authenticate" in nobody.headers
    assert server.get(path, "pho_wrong").status == 401
    assert server.get(path, keys["lea"]).status == 404
    assert b"account:1" not in nobody.body
    found = server.get(path, keys["ana"], accept="application/json")
    assert found.status == 200
    assert found.headers["cache-control"] == "no-store"
    assert server.get(path, keys["ana"], method="POST").status == 405


def test_a_password_opens_the_page_as_browsers_send_it(
    watched: tuple[Guarded, dict[str, str]],
) -> None:
    word = b64encode(b"ana:open sesame please").decode()
    found = watched[0].get("/guard", authorization=f"Basic {word}", accept="application/json")
    assert found.status == 200


def test_programs_get_the_same_as_json(watched: tuple[Guarded, dict[str, str]]) -> None:
    server, keys = watched
    report = server.get("/guard?days=30", keys["ana"], accept="application/json").json
    assert report["totals"]["media"] == 1000
    assert len(report["days"]) == 10
    assert report["in_force"]["suspend"] == 1
    assert report["appeals"][0]["text"] == "it was <my> sister"
    assert report["damaged_line"] is None
    path = f"/guard/actor/{LEA}"
    profile = server.get(path, keys["ana"], accept="application/json").json
    assert profile["measure"] == "suspend"
    assert profile["popularity"][7] == pytest.approx(20 / 90)
    assert sum(profile["of_people"]) == pytest.approx(1)
    assert profile["leading"][0] == ["s1", 50.0]
    assert server.get("/guard/actor/account:9", keys["ana"]).status == 404
    assert server.get("/guard/actor/x", keys["ana"]).status == 404


def test_the_page_shows_pictures_and_tables_and_escapes_what_strangers_wrote(
    watched: tuple[Guarded, dict[str, str]],
) -> None:
    server, keys = watched
    found = server.get("/guard?days=30", keys["ana"])
    page = found.body.decode()
    assert page.count("<svg") == 4
    assert "it was &lt;my&gt; sister" in page
    assert "<my>" not in page
    assert "style-src 'self'" in found.headers["content-security-policy"]
    again = server.get("/guard?days=30", keys["ana"]).body.decode()
    svg = page[page.index("<svg") : page.rindex("</svg>")]
    assert svg in again  # kept, whatever happened meanwhile


@pytest.mark.full
def test_the_page_of_an_account_shows_all_its_pictures(
    watched: tuple[Guarded, dict[str, str]],
) -> None:
    server, keys = watched
    actor = server.get(f"/guard/actor/{LEA}", keys["ana"]).body.decode()
    for title in ("Coverage growth", "Share of repeats by day", "Popularity of what is opened",
                  "Highest evidence by day", "Requests by day"):  # fmt: skip
        assert title in actor
    assert actor.count("<svg") == 5
    assert "&lt;catalogue&gt;" in actor


def test_the_page_tells_of_groups_that_share_out_the_catalogue(
    watched: tuple[Guarded, dict[str, str]],
) -> None:
    server, keys = watched
    evidence = GroupEvidence(1500, 40, 3, 80.0, -21.4, 10, 90.0, 0.0)
    for name, held in (("client:<taker>/1", None), ("prefix:ab", NOON + timedelta(days=3))):
        note_told(server.store, KeptGroup(
            name=name, secret=b"s", began_at=NOON, last_at=NOON, surprise=21.1, held_until=held,
            told_until=NOON + timedelta(days=7), evidence=evidence), NOON)  # fmt: skip
    page = server.get("/guard", keys["ana"]).body.decode()
    section = page[page.index('<h2 id="groups">') : page.index('<h2 id="audit">')]
    assert "<bdi>client:&lt;taker&gt;/1</bdi>: 40 accounts hardly ever meet" in section
    assert "<bdi>prefix:ab</bdi>, held until 2027-03-07" in section
    assert "chance 10<sup>−21</sup>" in section
    report = server.get("/guard", keys["ana"], accept="application/json").json
    assert {group["name"] for group in report["groups"]} == {"client:<taker>/1", "prefix:ab"}


def test_without_accounts_there_is_no_such_page(published: Tree, tmp_path: Path) -> None:
    with guarded(published, tmp_path) as server:
        assert server.get("/guard").status == 404


# ------------------------------------------------------------------------------------ alerts


class Receiver:
    """A web server that takes alerts, or refuses them."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append((dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("location", "http://127.0.0.1:1/")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GuardStore]:
    with GuardStore(tmp_path / "guard.sqlite", create=True) as opened:
        yield opened


def alerts_to(store: GuardStore, url: str) -> Alerts:
    return Alerts(store, AlertSettings(url=url, secret_file="x"), SECRET, Clock(), look_s=0.01)


def test_alerts_are_signed_and_tell_what_people_should_know_and_nothing_twice(
    store: GuardStore,
) -> None:
    take(store)  # before the first start: no old ones
    with Receiver() as receiver:
        alerts = alerts_to(store, receiver.url)
        assert alerts.send_due() == 0
        take(store, "redirect", "account:2")
        store.note(What.OBSERVED, "guard", NOON, actor=LEA, evidence={"measure": "suspend"})
        Proceedings(store).appeal("account:2", "no", NOON)
        assert alerts.send_due() == 2
        assert alerts.send_due() == 0
        again = alerts_to(store, receiver.url)  # after a restart
        assert again.send_due() == 0
        alerts.close()
    ((headers, body),) = receiver.got
    assert [e["what"] for e in json.loads(body)["events"]] == ["measure.taken", "appeal.made"]
    assert json.loads(body)["events"][0]["reasons"] == [REASON]
    seconds, _, digest = headers[SIGNATURE].removeprefix("t=").partition(",v1=")
    assert int(seconds) == int(NOON.timestamp())
    assert digest == hmac.new(SECRET, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("status", [301, 404, 500])
def test_what_did_not_arrive_is_sent_again(store: GuardStore, status: int) -> None:
    with Receiver() as receiver:
        alerts = alerts_to(store, receiver.url)
        alerts.send_due()
        take(store)
        receiver.status = status
        with pytest.raises(TransferError, match=str(status)):
            alerts.send_due()
        receiver.status = 200
        assert alerts.send_due() == 1
    assert len(receiver.got) == 2
    nobody = alerts_to(store, "http://127.0.0.1:9/")
    take(store, "redirect", "account:3")
    with pytest.raises(TransferError):
        nobody.send_due()


def test_a_thread_of_its_own_sends_and_ends(store: GuardStore) -> None:
    with Receiver() as receiver:
        alerts = alerts_to(store, receiver.url)
        alerts.send_due()
        alerts.start()
        take(store)
        for _ in range(500):
            if alerts.sent:
                break
            threading.Event().wait(0.01)
        alerts.close()
    assert alerts.sent == 1
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "settings",
    [
        AlertSettings(url="http://example.org/hook", secret_file="x"),
        AlertSettings(url="ftp://example.org/", secret_file="x"),
        AlertSettings(url="https://ana:word@example.org/", secret_file="x"),
        AlertSettings(url="https://example.org/"),
        AlertSettings(url="https://example.org/", secret_file="x", from_measure="anger"),
    ],
)
def test_alerts_that_would_not_be_safe_are_refused(settings: AlertSettings) -> None:
    with pytest.raises(UsageError):
        check_alerts(settings)


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("short\n")
    with pytest.raises(UsageError, match="16 bytes"):
        read_secret(path)
    path.write_bytes(SECRET + b"\n")
    assert read_secret(path) == SECRET


def test_prometheus_is_told_of_the_audit_log_of_alerts_and_of_today(store: GuardStore) -> None:
    fill(store)
    path = Path(store.database.rows("PRAGMA database_list")[0][2])
    lines = record_lines(path, NOON)
    assert 'phonotheque_guard_audit_lines_total{what="measure.taken"} 1' in lines
    assert 'phonotheque_guard_audit_lines_total{what="appeal.made"} 1' in lines
    assert 'phonotheque_guard_actors_today{evidence="5"} 1' in lines
    assert not any("alerts_behind" in line for line in lines)  # nobody is told
    with Receiver() as receiver:
        alerts = alerts_to(store, receiver.url)
        alerts.send_due()
        take(store, "slow", "account:5")
        assert "phonotheque_guard_alerts_behind 1" in record_lines(path, NOON)
        alerts.send_due()
    assert "phonotheque_guard_alerts_behind 0" in record_lines(path, NOON)
    names = [line.split("{")[0].split(" ")[0] for line in lines if line[0] != "#"]
    assert {line.split(" ")[2] for line in lines if line.startswith("# TYPE")} == set(names)


def test_after_its_time_nothing_is_left_to_be_watched(store: GuardStore) -> None:
    fill(store)
    event = Kept(actor=LEA, network="network:ab", at=NOON, kind="media", item=7, bucket=2,
                 status=200, bytes=1)  # fmt: skip
    store.save([], [], [event])
    later = NOON + timedelta(days=31)
    store.end_due(later)
    store.drop_old(later)
    assert store.events(LEA) == []  # raw events: thirty days
    assert len(read_profile(store, LEA, read_shipped_tables(), later).days) == 10
    later = NOON + timedelta(days=91)
    store.drop_old(later)  # sketches: ninety
    assert read_top(store, later, since=timedelta(days=90)) == []
    with pytest.raises(NotFoundError, match="keeps nothing of it"):
        read_profile(store, LEA, read_shipped_tables(), later)
    report = read_report(store, later, since=timedelta(days=90))
    assert (report.actors, report.totals.media, report.damaged_line) == (0, 0, None)


def test_no_page_or_record_has_the_address_that_somebody_came_from(
    published: Tree, tmp_path: Path
) -> None:
    with guarded(published, tmp_path) as server:
        for _ in range(3):
            server.get("/api/v1/search?q=a", address="203.0.113.77")
        server.flush()
        today = timedelta(days=1)
        (row,) = read_top(server.store, server.clock(), since=today)
        assert row.actor.startswith("network:")
        server.clock.pass_(31 * 86_400)
        server.get("/api/v1/search?q=a", address="203.0.113.77")
        server.flush()
        names = {row.actor for row in read_top(server.store, server.clock(), since=32 * today)}
        assert len(names) == 2  # under another key it is another network
    content = b"".join(p.read_bytes() for p in tmp_path.iterdir() if "guard" in p.name)
    assert b"203.0.113" not in content
