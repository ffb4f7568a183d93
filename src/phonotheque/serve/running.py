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
from phonotheque.serve.readiness import EditionWatch
from phonotheque.serve.server import GRACE_SECONDS, make_server
from phonotheque.serve.site import Site, open_front
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
    """What a worker is told at its start; `socket` is a descriptor that it inherits."""

    site: Site
    running: Running
    socket: int
    worker: int


def make_watched_server(front: Front, running: Running, worker: int = 0) -> uvicorn.Server:
    """A server of `front` as process number `worker` of those that run."""
    connections = Connections(room_for_connections())
    row = None
    if running.figures:
        row = Figures(Path(running.figures), running.workers).row(worker)
    app = Watched(front, connections, row, running.access_log)
    return make_server(app, grace_seconds=running.grace_seconds, connections=connections)


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
    if running.workers == 1:
        front = open_front(site, clock)
        server = make_watched_server(front, running)

        def stop() -> None:  # uvicorn hears SIGTERM, ends in order, and raises it again
            server.should_exit = True

        with (
            _on(signal.SIGTERM, stop),
            _watching(site, front.renew),
            contextlib.suppress(KeyboardInterrupt),
        ):
            on_ready()
            server.run(sockets=[listening])
        return
    orders = [
        msgspec.json.encode(
            Orders(site=site, running=running, socket=listening.fileno(), worker=number)
        )
        for number in range(running.workers)
    ]
    workers = Workers(
        worker_command, orders, listening.fileno(), grace_seconds=running.grace_seconds
    )
    with (
        workers,
        _watching(site, workers.renew),
        contextlib.suppress(KeyboardInterrupt),
        _on(signal.SIGTERM, workers.stop),
    ):
        workers.wait_ready()
        on_ready()
        workers.look_after()


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
