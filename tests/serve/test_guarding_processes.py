"""Several processes behind one guard, and several servers that share budgets."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import fakeredis
import pytest

from phonotheque.accounts import CHEAP, Accounts, Passwords
from phonotheque.guard import KEY_DAYS, GuardStore, Proceedings
from phonotheque.guard import Kind as GuardKind
from phonotheque.model.errors import UsageError
from phonotheque.model.numbers import Kind, format_public_id
from phonotheque.search import SearchIndex
from phonotheque.serve import GuardSite, Site
from phonotheque.serve.guarding import Keeping, Outlet, WindowLimiter, Windows, open_guard
from phonotheque.serve.guarding.gate import Gate
from phonotheque.serve.guarding.items import Way
from phonotheque.serve.guarding.networks import Networks, Share
from phonotheque.serve.guarding.told import Told
from phonotheque.serve.limits import Caller, Quota
from phonotheque.serve.publication import Publication, read_edition
from phonotheque.serve.site import with_size
from phonotheque.storage.layout import Tree
from tests.serve.conftest import KEY, recording_id
from tests.serve.guarding import NOON, Clock
from tests.support.serving import ServedTree

FOUR = Quota("media", 4, 3600)


def wait_until(done: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(gate: Gate, public_id: str) -> str:
    """The measure by which account 1 is refused a stream; empty where it is not."""
    visit = gate.visit("198.51.100.1", None, Way.MEDIA)
    refusal = visit.admit(1, media=True, public_id=public_id)
    visit.answered(404, 0)
    visit.leave()
    return refusal.measure if refusal else ""


def test_what_one_process_is_asked_another_one_acts_on(published: Tree, tmp_path: Path) -> None:
    clock = Clock()
    site = GuardSite(mode="enforce", store=str(tmp_path / "guard.sqlite"))
    manifest, digest = read_edition(published, None)
    index = SearchIndex.open(published.edition_index(manifest.name))
    publication = Publication(published, manifest, digest, index)
    with closing(publication), Keeping(site, clock) as keeping:
        outlets = [Outlet(os.dup(keeping.sending.fileno())) for _ in range(2)]
        guards = [open_guard(site, clock, lambda: publication, outlet=o) for o in outlets]
        first, second = (guard.gate for guard in guards)
        canaries = [format_public_id(n, KEY, Kind.RECORDING) for n in sorted(first.canaries)]
        assert first.canaries == second.canaries
        assert ask(second, recording_id(1)) == ""
        assert [ask(first, i) for i in canaries[:2]] == ["", ""]
        wait_until(lambda: keeping.keeper.told == 3)
        keeping.keeper.flush()
        for guard in guards:
            assert guard.follower is not None
            guard.follower.look()
        assert ask(second, recording_id(2)) == "redirect"
        assert ask(first, recording_id(2)) == "redirect"
        with GuardStore(Path(site.store)) as store:
            people = Proceedings(store)
            people.decide_appeal(people.appeal("account:1", "a probe", NOON), "Ana", "yes", NOON,
                                 granted=True)  # fmt: skip
        for guard in guards:
            assert guard.follower is not None
            guard.follower.look()
        assert [ask(gate, recording_id(3)) for gate in (first, second)] == ["", ""]
        assert [outlet.lost for outlet in outlets] == [0, 0]
        for guard in guards:
            guard.close()


def test_a_keeper_that_is_gone_holds_nobody_up_and_is_counted(tmp_path: Path) -> None:
    site = GuardSite(mode="enforce", store=str(tmp_path / "guard.sqlite"))
    with Keeping(site, Clock()) as keeping:
        outlet = Outlet(os.dup(keeping.sending.fileno()))
        keeping._inlet._socket.shutdown(2)
    guard = open_guard(site, Clock(), lambda: None, outlet=outlet)
    with closing(guard):
        assert ask(guard.gate, "x") == ""
        assert outlet.lost == 1


def test_servers_share_budgets_in_redis_and_answer_all_when_it_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = fakeredis.FakeServer()
    monkeypatch.setattr("redis.from_url", lambda *_, **__: fakeredis.FakeRedis(server=shared))
    one, other = (Windows("redis://redis.example/0", time.time) for _ in range(2))
    told = [windows.take(FOUR, "lea") for windows in (one, other, one, other, one)]
    assert [t is None for t in told] == [True, True, True, True, False]
    assert one.told(FOUR, "lea").remaining == 0
    assert other.stock(FOUR, "lea") is not None
    assert one.take(FOUR, "bo") is None
    one.draw(FOUR, "bo", 100)
    assert other.take(FOUR, "bo") is not None
    allowance = WindowLimiter(one, 2).take(Caller("198.51.100.1"), 1)
    assert allowance is not None
    assert (allowance.allowed, allowance.remaining) == (True, 1)
    assert one.failures == other.failures == 0
    shared.connected = False
    began = time.monotonic()
    assert [one.take(FOUR, "lea") for _ in range(100)] == [None] * 100
    assert time.monotonic() - began < 5
    assert one.failures == 100
    assert one.told(FOUR, "lea").remaining == 4


def test_servers_that_share_budgets_name_networks_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = fakeredis.FakeServer()
    monkeypatch.setattr("redis.from_url", lambda *_, **__: fakeredis.FakeRedis(server=shared))
    windows = Windows("redis://redis.example/0", time.time)
    later = NOON + timedelta(days=KEY_DAYS)

    def names(share: Share, now: datetime = NOON) -> list[str]:
        found = []
        for name in ("a", "b"):
            with GuardStore(tmp_path / name / "guard.sqlite", create=True) as store:
                found.append(Networks(store, share).name("198.51.100.1", now))
        return found

    apart = names(Windows("memory://", time.time).share)
    assert apart[0] != apart[1]
    one, other = names(windows.share)
    assert one == other
    shared.connected = False
    assert names(windows.share) == [one, one]  # kept
    shared.connected = True
    fresh = Windows("redis://redis.example/0", time.time)
    first, second = names(fresh.share, later)
    assert first == second != one


def test_a_redis_that_nobody_answers_for_holds_nobody_up() -> None:
    windows = Windows("redis://127.0.0.1:1/0", time.time)
    assert windows.is_remote
    began = time.monotonic()
    assert [windows.take(FOUR, "lea") for _ in range(50)] == [None] * 50
    assert time.monotonic() - began < 10
    with pytest.raises(UsageError, match="cannot count there"):
        Windows("carrier-pigeon://roof", time.time)


@pytest.mark.full
def test_two_workers_act_as_one_and_a_scrape_says_so(own_tree: Tree, tmp_path: Path) -> None:
    own_tree.archive_toml.unlink()
    state = tmp_path / "state"
    with Accounts(state / "accounts.sqlite", create=True, passwords=Passwords(CHEAP)) as accounts:
        accounts.add("lea", NOON, "ana")
        key = accounts.add_key("lea", "x", NOON, "ana", expires_at=NOON + timedelta(999)).key
    shown = {"authorization": f"Bearer {key}"}
    options = ("--state", str(state), "--workers", "2", "--guard", "enforce")
    with ServedTree(own_tree, tmp_path, *options) as served:
        decoys = served.get("/stream/")[2].decode().split('href="/stream/')[1:]
        for line in decoys[:2]:
            assert served.get("/stream/" + line.partition('"')[0], shown)[0] == 404
        with GuardStore(state / "guard.sqlite") as store:
            wait_until(lambda: (row := store.actor("account:1")) is not None
                       and row.measure == "redirect")  # fmt: skip
            time.sleep(1.5)  # and each worker has read it
            for _ in range(12):  # connections of their own, so that both answer some
                assert served.get(f"/stream/{recording_id(1)}", shown)[0] == 429
            assert served.get(f"/stream/{recording_id(1)}")[0] == 200
            assert store.check_audit() is None
        assert served.figure("guard_actors_under")[0] == 1
        wait_until(lambda: sum(served.figure("guard_refused_total")) >= 12)
    assert served.process.returncode == 0


@pytest.mark.parametrize(("items", "sums_tell"), [(9_999, False), (10_000, True), (None, True)])
def test_in_a_catalogue_too_small_for_the_tables_canaries_alone_tell(
    published: Tree, tmp_path: Path, items: int | None, sums_tell: bool
) -> None:
    site = GuardSite(mode="enforce", store=str(tmp_path / "guard.sqlite"), items=items)
    manifest, digest = read_edition(published, None)
    index = SearchIndex.open(published.edition_index(manifest.name))
    publication = Publication(published, manifest, digest, index)
    clock = Clock()
    guard = open_guard(site, clock, lambda: publication)
    assert guard.keeper is not None
    with closing(publication), closing(guard):
        for item in range(200):  # evenly over a great catalogue, all in the tail
            told = Told(actor="account:1", network="n", t=clock.now.timestamp() + 60 * item,
                        kind=GuardKind.MEDIA, item=7919 * item, bucket=7, artist=item, release=item,
                        rank=7919 * item)  # fmt: skip
            guard.keeper.tell(told)
        guard.keeper.flush()
        row = guard.store.actor("account:1")
        assert row is not None
        assert (row.measure != "allow") is sums_tell
        canaries = [format_public_id(n, KEY, Kind.RECORDING) for n in sorted(guard.gate.canaries)]
        if not sums_tell:
            assert [ask(guard.gate, i) for i in canaries[:2]] == ["", ""]
            assert ask(guard.gate, recording_id(2)) == "redirect"


def test_a_server_counts_what_can_be_heard_before_it_chooses_tables(published: Tree) -> None:
    site = with_size(Site(root=str(published.root), guard=GuardSite(mode="observe")))
    index = SearchIndex.open(published.edition_index(read_edition(published, None)[0].name))
    files = [index.rows([n]) for n in index.most_listened(count=1000)]
    assert site.guard.items == sum(1 for rows in files if rows and rows[0].file is not None) > 0
    assert with_size(Site(root="/nowhere")) == Site(root="/nowhere")  # without a guard: not read
    index.close()


@contextmanager
def redis_at(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A true Redis there, in memory."""
    command = ("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
               "--appendonly", "no", "--dir", str(folder))  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def answers() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as peer:
            peer.sendall(b"PING\r\n")
            return peer.recv(7) == b"+PONG\r\n"
        return False

    try:
        wait_until(answers)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.full
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server: NOT tried")
def test_servers_share_budgets_in_a_true_redis(own_tree: Tree, tmp_path: Path) -> None:
    own_tree.archive_toml.unlink()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'limits_url = "redis://127.0.0.1:{port}/0"\n[network]\nmedia_per_minute = 6\n'
    )

    def options(name: str) -> tuple[str, ...]:
        return ("--state", str(tmp_path / name), "--guard", "enforce", "--guard-policy",
                str(policy), "--workers", "2")  # fmt: skip

    songs = [f"/stream/{recording_id(n)}" for n in range(1, 41)]  # a song again is no request

    def ask_both(count: int) -> list[bool]:
        """Which of so many requests, by turns to both servers, were refused for the budget."""
        return [(one, other)[n % 2].get(songs.pop())[0] == 429 for n in range(count)]

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with (
        redis_at(port, tmp_path) as redis,
        ServedTree(own_tree, tmp_path / "a", *options("a")) as one,
        ServedTree(own_tree, tmp_path / "b", *options("b")) as other,
    ):
        assert ask_both(9) == [False] * 6 + [True] * 3
        assert int(other.get(songs.pop())[1]["retry-after"]) <= 60
        wait_until(lambda: one.figure("guard_limit_failures_total") == [0])
        redis.kill()
        redis.wait()
        began = time.monotonic()
        assert ask_both(4) == [False] * 4
        assert time.monotonic() - began < 5
        wait_until(lambda: sum(one.figure("guard_limit_failures_total")) >= 1)
        with redis_at(port, tmp_path):  # what was counted is lost
            time.sleep(5.5)  # so long it is left alone
            assert ask_both(9) == [False] * 6 + [True] * 3
