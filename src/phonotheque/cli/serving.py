"""The command that serves."""

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from phonotheque.cli.admitting import State, state_directory
from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen
from phonotheque.cli.options import TreePath
from phonotheque.cli.serving_options import (
    AccessLog,
    Edition,
    Grace,
    GuardMode,
    GuardPolicyFile,
    HandOver,
    Host,
    LogForm,
    Login,
    Members,
    Metrics,
    Port,
    PublicUrl,
    RateLimit,
    Seed,
    SeedListen,
    Transcodes,
    WorkerCount,
)
from phonotheque.cli.surroundings import importing, tell_supervisor
from phonotheque.model.errors import PhonothequeError, UsageError

if TYPE_CHECKING:
    from phonotheque.serve import GuardSite, Players, Running, Site
    from phonotheque.storage.layout import Tree

RENEW_SECONDS = 6 * 3600
RENEWED_WITHIN_SECONDS = 30
_LOGINS = ("key", "password", "token")
_ACCESS_LOGS = ("none", "anonymous", "full")
_WORKER = (sys.executable, "-P", "-m", "phonotheque.cli.serving_worker")


def add_commands(app: typer.Typer) -> None:
    """Hang this module's command into `app`."""
    app.command()(serve)


def serve(
    path: TreePath,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    edition: Edition = None,
    public_url: PublicUrl = None,
    seed: Seed = False,
    seed_listen: SeedListen = "0.0.0.0:6881",
    state: State = None,
    login: Login = "key",
    members: Members = False,
    transcodes: Transcodes = 2,
    rate_limit: RateLimit = 0,
    guard: GuardMode = "off",
    guard_policy: GuardPolicyFile = None,
    workers: WorkerCount = 1,
    grace: Grace = 3,
    metrics: Metrics = None,
    log: LogForm = "text",
    access_log: AccessLog = "none",
    hand_over: HandOver = "",
) -> None:
    """Serve an archive or a mirror: pages, API, audio, and the files other mirrors fetch."""
    with importing():
        from phonotheque.accounts import ACCOUNTS_FILE
        from phonotheque.serve import FORMS, Running, Site, listen_at, make_ready, newest_name
        from phonotheque.serve import run_site, set_up_logs  # isort: skip
        from phonotheque.storage.layout import Tree

    screen, tree = Screen(), Tree(path)
    name = edition or newest_name(tree)
    site = Site(
        root=str(path), edition=edition, public_url=public_url, hand_over=hand_over,
        accounts=str(state_directory(path, state) / ACCOUNTS_FILE), rate_limit=rate_limit,
        players=_players(login, members=members, transcodes=transcodes),
        guard=_guard(guard, guard_policy, state_directory(path, state)),
    )  # fmt: skip
    running = Running(
        workers=workers, grace_seconds=grace, log_form=_one_of("--log", log, FORMS),
        access_log=_one_of("--access-log", access_log, _ACCESS_LOGS),
    )  # fmt: skip
    with Reporter(screen) as progress, ExitStack() as stack:
        make_ready(tree, name, progress)
        listening = stack.enter_context(listen_at(host, port))
        if seed:
            stack.enter_context(_seeding(tree, progress, seed_listen, screen))
        progress.close()
        set_up_logs(log)
        if metrics is not None:
            running = stack.enter_context(_counted(site, running, metrics, screen))
        stack.enter_context(_kept_fresh(tree, screen))
        address = f"{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"

        def say() -> None:
            screen.note(f"serving edition {name} on http://{address}/ – Ctrl-C stops")
            tell_supervisor("READY=1")

        run_site(site, running, now, listening, worker_command=_WORKER, on_ready=say)


@contextmanager
def _seeding(tree: "Tree", progress: Reporter, listen: str, screen: Screen) -> Iterator[None]:
    from phonotheque.mirror import Seeder

    with Seeder(tree, progress, listen=listen, clock=now) as seeder:
        screen.note(f"seeding {len(seeder.volumes)} volumes on port {seeder.port}")
        yield


@contextmanager
def _counted(site: "Site", running: "Running", listen: str, screen: Screen) -> Iterator["Running"]:
    """Inside, processes count, and Prometheus is told; how to run them."""
    import msgspec

    from phonotheque.serve import Figures, figures_served, record_lines, tree_lines

    with TemporaryDirectory(prefix="phonotheque-serve-") as folder:
        path = Path(folder) / "figures"
        figures = Figures(path, running.workers)

        def render() -> list[str]:
            kept = record_lines(Path(site.guard.store), now()) if site.guard.store else []
            return [*figures.render(), *tree_lines(site.tree), *kept]

        with figures_served(listen, render) as url:
            screen.note(f"figures for Prometheus on {url}")
            yield msgspec.structs.replace(running, figures=str(path))


def _one_of(option: str, given: str, known: tuple[str, ...]) -> str:
    if given not in known:
        raise UsageError(f"{option} {given!r}: take one of {', '.join(known)}")
    return given


def _guard(mode: str, policy: Path | None, state: Path) -> "GuardSite":
    from phonotheque.guard import GUARD_FILE
    from phonotheque.serve import GUARD_MODES, GuardPolicy, GuardSite, read_policy

    if _one_of("--guard", mode, GUARD_MODES) == "off":
        if policy is not None:
            raise UsageError("--guard-policy is for --guard observe or --guard enforce")
        return GuardSite()
    chosen = GuardPolicy() if policy is None else read_policy(policy)
    return GuardSite(mode=mode, store=str(state / GUARD_FILE), policy=chosen)


def _players(login: str, *, members: bool, transcodes: int) -> "Players":
    from phonotheque.serve import Players

    level = _LOGINS.index(_one_of("--player-login", login, _LOGINS))
    return Players(
        anonymous=not members, passwords=level >= 1, tokens=level >= 2, transcodes=transcodes
    )


@contextmanager
def _kept_fresh(tree: "Tree", screen: Screen) -> Iterator[None]:
    """Renew the online signatures of an archive now and every few hours; a mirror has none. Nobody
    waits for it: what it takes to sign is loaded while requests are answered."""
    ended = threading.Event()

    def go_on() -> None:
        while _renew(tree, screen) and not ended.wait(RENEW_SECONDS):
            pass

    renewing = threading.Thread(target=go_on, name="phonotheque-renew", daemon=True)
    if tree.online_keys.is_dir():
        renewing.start()
    try:
        yield
    finally:
        ended.set()
        if renewing.is_alive():  # what is being signed is signed to its end
            renewing.join(RENEWED_WITHIN_SECONDS)


def _renew(tree: "Tree", screen: Screen) -> bool:
    """Whether there are keys to renew with; what goes wrong is noted, and tried again later."""
    from phonotheque.archive import Freshness, keep_fresh

    try:
        report = keep_fresh(tree, now())
    except (PhonothequeError, OSError) as error:
        screen.note(f"the online signatures were not renewed: {error}")
        return True
    if report.state is Freshness.RENEWED:
        screen.note(f"online signatures renewed; they run out {report.expires:%Y-%m-%d %H:%M} UTC")
    return report.state is not Freshness.NO_KEYS
