"""Online signatures are renewed in time, by the server or a timer, and python-tuf agrees."""

import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tuf.api.exceptions import RepositoryError
from tuf.ngclient import Updater, UpdaterConfig
from typer.testing import CliRunner

from phonotheque.archive import (
    Freshness,
    execute_withdraw,
    keep_fresh,
    plan_withdraw,
)
from phonotheque.cli import serving
from phonotheque.cli.main import app, main
from phonotheque.model.progress import Silent
from phonotheque.serve import Server, create_app
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from tests.archive.test_publish import SONGS, made_up_vault, release, snapshot
from tests.archive.workshop import Workshop
from tests.edition.test_signing import Follower
from tests.support.clock import NOW, TufClock

__all__ = ["made_up_vault"]
WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    with pytest.MonkeyPatch.context() as patch:
        made_up_vault.__wrapped__(patch)
        made = Workshop(tmp_path_factory.mktemp("published") / "archive")
        made.build(SONGS[:2])
        release(made.tree)
    return made.tree


@pytest.fixture
def tree(published: Tree, tmp_path: Path, tuf_clock: TufClock) -> Tree:
    """A published archive without its offline keys."""
    shutil.copytree(published.root, tmp_path / "archive", symlinks=True)
    return Tree(tmp_path / "archive")


@pytest.fixture
def follower(tree: Tree, tmp_path: Path) -> Follower:
    return Follower(tree, tmp_path / "follower")


def test_kept_fresh_an_archive_that_says_nothing_new_is_followed_for_months(
    tree: Tree, follower: Follower, tuf_clock: TufClock
) -> None:
    before = snapshot(tree.volumes), tree.latest_json.read_bytes()
    for hours in range(0, 24 * 90, 36):
        tuf_clock.now = NOW + timedelta(hours=hours)
        report = keep_fresh(tree, tuf_clock.now)
        assert report.expires is not None
        assert report.expires - tuf_clock.now > WEEK / 2
        assert follower.read("latest.json") == tree.latest_json.read_bytes()
        assert follower.read("revocations.json") == tree.revocations_json.read_bytes()
    assert (snapshot(tree.volumes), tree.latest_json.read_bytes()) == before


def test_left_alone_it_runs_out_and_is_brought_back(
    tree: Tree, follower: Follower, tuf_clock: TufClock
) -> None:
    tuf_clock.now = NOW + timedelta(days=30)
    with pytest.raises(RepositoryError, match="expired"):
        follower.read("latest.json")
    report = keep_fresh(tree, tuf_clock.now)
    assert (report.state, report.expires) == (Freshness.RENEWED, tuf_clock.now + WEEK)
    assert follower.read("latest.json") == tree.latest_json.read_bytes()


def test_what_is_fresh_is_not_touched(tree: Tree) -> None:
    before = snapshot(tree.root)
    report = keep_fresh(tree, NOW + timedelta(days=3))
    assert (report.state, report.expires) == (Freshness.FRESH, NOW + WEEK)
    after = snapshot(tree.root)
    after.pop(".lock", None)
    before.pop(".lock", None)
    assert after == before


def test_a_writer_at_work_is_not_disturbed(tree: Tree) -> None:
    before = snapshot(tree.metadata)
    with writing(tree.root):
        report = keep_fresh(tree, NOW + timedelta(days=5))
    assert (report.state, report.expires) == (Freshness.BUSY, NOW + WEEK)
    assert snapshot(tree.metadata) == before


@pytest.mark.parametrize("key", ["snapshot", "timestamp", "revocations"])
def test_a_tree_without_all_online_keys_is_left_unread(tree: Tree, key: str) -> None:
    (tree.online_keys / f"{key}.pem").unlink()
    (tree.metadata / "timestamp.json").write_bytes(b"unreadable")
    before = snapshot(tree.root)
    report = keep_fresh(tree, NOW + timedelta(days=5))
    assert (report.state, report.expires) == (Freshness.NO_KEYS, None)
    assert snapshot(tree.root) == before


def test_a_withdrawal_outlives_every_renewal(
    tree: Tree, follower: Follower, tuf_clock: TufClock
) -> None:
    execute_withdraw(tree, plan_withdraw(tree, ["1"], "rights"), NOW, Silent())
    revoked = tree.revocations_json.read_bytes()
    for days in (4, 8, 12):
        tuf_clock.now = NOW + timedelta(days=days)
        assert keep_fresh(tree, tuf_clock.now).state is Freshness.RENEWED
        assert follower.read("revocations.json") == revoked


def test_a_running_server_gives_out_the_renewed_signatures(
    tree: Tree, tuf_clock: TufClock, tmp_path: Path
) -> None:
    for folder in ("state", "targets"):
        (tmp_path / folder).mkdir()
    with Server(create_app(tree)) as server:

        def latest() -> bytes:
            updater = Updater(
                str(tmp_path / "state"), f"{server.url}/metadata/",
                str(tmp_path / "targets"), f"{server.url}/",
                config=UpdaterConfig(prefix_targets_with_hash=False),
                bootstrap=(tree.metadata / "1.root.json").read_bytes(),
            )  # fmt: skip
            target = updater.get_targetinfo("latest.json")
            assert target is not None
            return Path(updater.download_target(target)).read_bytes()

        assert latest() == tree.latest_json.read_bytes()
        tuf_clock.now = NOW + timedelta(days=8)
        with pytest.raises(RepositoryError, match="expired"):
            latest()
        keep_fresh(tree, tuf_clock.now)
        assert latest() == tree.latest_json.read_bytes()


def test_a_publish_with_nothing_new_renews_too_without_offline_keys(
    tree: Tree, follower: Follower, tuf_clock: TufClock
) -> None:
    assert not tree.offline_keys.exists()
    tuf_clock.now = NOW + timedelta(days=8)
    assert release(tree, name=None, days=8).nothing_new
    assert follower.read("latest.json") == tree.latest_json.read_bytes()


def test_with_offline_keys_at_hand_publish_renews_root_and_targets_in_time(
    tree: Tree, published: Tree, follower: Follower, tuf_clock: TufClock
) -> None:
    shutil.copytree(published.offline_keys, tree.offline_keys)
    for days in (200, 400):
        tuf_clock.now = NOW + timedelta(days=days)
        assert release(tree, name=None, days=days).nothing_new
        assert follower.read("latest.json") == tree.latest_json.read_bytes()
    assert len(list(tree.metadata.glob("*.root.json"))) == 3


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets what the command line takes for the time."""

    def turn(now: datetime) -> None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(now.astimezone(UTC).timestamp())))

    turn(NOW)
    return turn


def test_a_timer_renews_with_publish_renew_and_publishes_nothing(
    tree: Tree, follower: Follower, tuf_clock: TufClock, clock: Callable[[datetime], None]
) -> None:
    shutil.rmtree(tree.catalogue)  # a build that is half done is no reason to run out
    editions = snapshot(tree.editions)
    for days in range(0, 60, 1):
        tuf_clock.now = NOW + timedelta(days=days)
        clock(tuf_clock.now)
        assert main(["publish", str(tree.root), "--renew", "--json"]) == 0
        assert follower.read("latest.json") == tree.latest_json.read_bytes()
    assert snapshot(tree.editions) == editions


def test_publish_renew_tried_dry_says_so_and_does_nothing(
    tree: Tree, clock: Callable[[datetime], None]
) -> None:
    clock(NOW + timedelta(days=5))
    before = snapshot(tree.root)
    ran = CliRunner().invoke(app, ["publish", str(tree.root), "--renew", "--dry-run"])
    assert "would be renewed; they run out 2026-11-29 12:00 UTC" in ran.output
    assert snapshot(tree.root) == before


def test_publish_renew_without_online_keys_is_a_loud_failure(tree: Tree) -> None:
    shutil.rmtree(tree.online_keys)
    assert main(["publish", str(tree.root), "--renew"]) == 66


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Tree, float], int]]:
    """`phonotheque serve` for so many seconds, without a web server."""

    def run(tree: Tree, seconds: float) -> int:
        def wait(*_: object, **__: object) -> None:
            threading.Event().wait(seconds)

        monkeypatch.setattr("phonotheque.serve.run_site", wait)
        monkeypatch.setattr("phonotheque.serve.set_up_logs", lambda _: None)
        return main(["serve", str(tree.root), "--port", "0"])

    yield run


def test_serve_renews_at_its_start_and_then_regularly(
    tree: Tree,
    clock: Callable[[datetime], None],
    served: Callable[[Tree, float], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions = [NOW + timedelta(days=5), NOW + timedelta(days=10), NOW + timedelta(days=15)]
    monkeypatch.setattr(
        serving, "now", lambda: versions.pop(0) if len(versions) > 1 else versions[0]
    )
    monkeypatch.setattr(serving, "RENEW_SECONDS", 0.05)
    assert served(tree, 0.5) == 0
    assert (tree.metadata / "4.revocations.json").exists()
    assert keep_fresh(tree, NOW).expires == NOW + timedelta(days=22)
    assert not [t for t in threading.enumerate() if t.name == "phonotheque-renew" and not t.daemon]


def test_serving_a_mirror_writes_nothing_but_its_index_and_starts_no_timer(
    tree: Tree, served: Callable[[Tree, float], int], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(tree.online_keys)
    (tree.root / ".lock").unlink()
    before = snapshot(tree.root)
    assert served(tree, 0.1) == 0
    after = {p: d for p, d in snapshot(tree.root).items() if not p.startswith("index/")}
    assert after == before
    assert "renewed" not in capsys.readouterr().err


def test_a_server_goes_on_when_signatures_cannot_be_renewed(
    tree: Tree, clock: Callable[[datetime], None], served: Callable[[Tree, float], int],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    clock(NOW + timedelta(days=5))
    (tree.metadata / "timestamp.json").write_bytes(b"damaged")
    assert served(tree, 0.05) == 0
    assert "were not renewed" in capsys.readouterr().err
