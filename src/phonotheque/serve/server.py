"""Running the application: in the foreground, or in a thread of a program that goes on."""

import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeAlias

import uvicorn

from phonotheque.model.errors import PhonothequeError, UsageError
from phonotheque.serve.connections import Connections, protocol_of, room_for_connections

Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""ASGI 3."""

KEEP_ALIVE_SECONDS = 30
GRACE_SECONDS = 3
BACKLOG = 1024
"""Connections that may wait to be accepted."""
_START_SECONDS = 30.0


def run_server(
    app: Application, host: str, port: int, on_listening: Callable[[int], None] = lambda _port: None
) -> None:
    """Serve `app` until interrupted (Ctrl-C, SIGTERM); open requests are finished first.

    `on_listening` is told the port once it is ours: port 0 takes any free one.

    Raises:
        UsageError: the address cannot be listened on.
    """
    listening = listen_at(host, port)
    # uvicorn ends in order and then raises Ctrl-C again, which here is how serving is meant to end
    with listening, suppress(KeyboardInterrupt):
        on_listening(listening.getsockname()[1])
        make_server(app).run(sockets=[listening])


class Server:
    """`app` served from a thread, as a context manager; port 0 takes any free port.

    with Server(app) as server:
        fetch(server.url)
    """

    def __init__(
        self,
        app: Application,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        connections: Connections | None = None,
    ) -> None:
        self._socket = listen_at(host, port)
        self._server = make_server(app, connections=connections)
        self._thread = threading.Thread(target=self._run, name="phonotheque-serve", daemon=True)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self.protocol = self._socket.proto

    @property
    def url(self) -> str:
        """The base address, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Start, and wait until requests are answered.

        Raises:
            PhonothequeError: it did not start.
        """
        self._thread.start()
        pause = threading.Event()
        waited = 0.0
        while not self._server.started and self._thread.is_alive() and waited < _START_SECONDS:
            pause.wait(0.01)
            waited += 0.01
        if not self._server.started:
            raise PhonothequeError(f"{self.url}: the server did not start; its log says why")

    def stop(self) -> None:
        """Stop: open requests get a moment to finish."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def make_server(
    app: Application,
    *,
    grace_seconds: int = GRACE_SECONDS,
    connections: Connections | None = None,
    accepted_at_once: int = BACKLOG,
) -> uvicorn.Server:
    """A server of `app` that has begun nothing; requests under way get `grace_seconds` to finish
    when it ends. It takes up to `accepted_at_once` waiting connections before it does anything
    else."""
    if connections is None:
        connections = Connections(room_for_connections())
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=protocol_of(connections),
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            backlog=accepted_at_once,
            lifespan="on",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=grace_seconds,
            server_header=False,
            h11_max_incomplete_event_size=32 << 10,
        )
    )


def listen_at(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        UsageError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # said to be TCP, or asyncio leaves Nagle's algorithm on: 40 ms for each answer of two pieces
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"{host}:{port}: cannot listen there ({error.strerror or error}); choose another port"
        ) from error
    return listening
