"""Serving a site: by this process, or by several that this one looks after."""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import uvicorn

from phonotheque.serve.connections import Connections, room_for_connections
from phonotheque.serve.figures import Figures
from phonotheque.serve.front import Front
from phonotheque.serve.guarding import Guard, Keeping, is_guarded
from phonotheque.serve.readiness import EditionWatch
from phonotheque.serve.server import BACKLOG, GRACE_SECONDS, make_server
from phonotheque.serve.site import Site, open_site, with_size
from phonotheque.serve.watched import Watched
from phonotheque.serve.workers import Workers


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """How a site is served: by how many processes, how long what is under way may take at the end,
    what is logged (`access_log`: none, anonymous or full; `log_form`: text or json), and in which
    file its processes count ("": they do not)."""

    workers: int = 1
    grace_seconds: int = GRACE_SECONDS
    access_log: str = "none"
    log_form: str = "text"
    figures: str = ""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is told at its start; `socket` is a descriptor that it inherits, and so is
    `relay`, the way to the guard's keeper, where there is one."""

    site: Site
    running: Running
    socket: int
    worker: int
    relay: int | None = None


def make_watched_server(
    front: Front, running: Running, worker: int = 0, guard: Guard | None = None
) -> uvicorn.Server:
    """A server of `front` as process number `worker` of those that run."""
    connections = Connections(room_for_connections())
    row = None
    if running.figures:
        row = Figures(Path(running.figures), running.workers).row(worker)
    app = Watched(front, connections, row, running.access_log, guard)
    # one by one where there are several: the first to wake would take all that wait
    at_once = BACKLOG if running.workers == 1 else 1
    return make_server(
        app,
        grace_seconds=running.grace_seconds,
        connections=connections,
        accepted_at_once=at_once,
    )


def run_site(
    site: Site,
    running: Running,
    clock: Callable[[], datetime],
    listening: socket.socket,
    *,
    worker_command: Sequence[str],
    on_ready: Callable[[], None],
) -> None:
    """Serve until interrupted (Ctrl-C, SIGTERM); SIGHUP has it look for a newer edition.

    The edition has to be ready (`make_ready`); newer ones are made ready as they come. `on_ready`
    is called when requests are answered. Several processes are started by `worker_command`, a
    program that calls `be_worker`.

    Raises:
        NotFoundError, FormatError: the edition cannot be opened.
        PhonothequeError: a worker did not start.
    """
    site = with_size(site)
    if running.workers == 1:
        front, guard = open_site(site, clock)
        server = make_watched_server(front, running, guard=guard)

        def stop() -> None:  # uvicorn hears SIGTERM, ends in order, and raises it again
            server.should_exit = True

        with (
            on_guard(guard),
            _on(signal.SIGTERM, stop),
            _watching(site, front.renew),
            contextlib.suppress(KeyboardInterrupt),
        ):
            on_ready()
            server.run(sockets=[listening])
        return
    with _keeping(site, running, clock) as keeping:
        workers = _workers(site, running, listening, worker_command, keeping)
        with (
            workers,
            _watching(site, workers.renew),
            contextlib.suppress(KeyboardInterrupt),
            _on(signal.SIGTERM, workers.stop),
        ):
            workers.wait_ready()
            on_ready()
            workers.look_after()


def _workers(
    site: Site,
    running: Running,
    listening: socket.socket,
    command: Sequence[str],
    keeping: Keeping | None,
) -> Workers:
    relay = None if keeping is None else keeping.sending.fileno()
    orders = [
        msgspec.json.encode(
            Orders(site=site, running=running, socket=listening.fileno(), worker=number,
                   relay=relay)
        )
        for number in range(running.workers)
    ]  # fmt: skip
    inherited = [handle for handle in (listening.fileno(), relay) if handle is not None]
    return Workers(command, orders, inherited, grace_seconds=running.grace_seconds)


@contextlib.contextmanager
def _keeping(
    site: Site, running: Running, clock: Callable[[], datetime]
) -> Iterator[Keeping | None]:
    """The guard's keeper, which is this process where several answer."""
    if not is_guarded(site.guard):
        yield None
        return
    count = None
    if running.figures:
        count = Figures(Path(running.figures), running.workers).row_above().set_guard
    with Keeping(site.guard, clock, count) as keeping:
        yield keeping


@contextlib.contextmanager
def on_guard(guard: Guard | None) -> Iterator[None]:
    """Inside, the guard goes on beside the answers; then it writes what is to be written."""
    if guard is None:
        yield
        return
    guard.start()
    try:
        yield
    finally:
        guard.close()


@contextlib.contextmanager
def _watching(site: Site, renew: Callable[[], None]) -> Iterator[None]:
    if site.edition is not None:
        yield
        return
    with EditionWatch(site.tree, renew) as watch, _on(signal.SIGHUP, watch.look):
        yield


@contextlib.contextmanager
def _on(number: signal.Signals, act: Callable[[], None]) -> Iterator[None]:
    """Inside, a signal has `act` done; in the main thread, the only one that hears signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, lambda *_: act())
    try:
        yield
    finally:
        signal.signal(number, before)
