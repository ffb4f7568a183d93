"""Running the application: in the foreground, or in a thread of a program that goes on."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import uvicorn
from litestar import Litestar

from phonotheque.model.errors import PhonothequeError, UsageError

KEEP_ALIVE_SECONDS = 30
_START_SECONDS = 30.0


def run_server(
    app: Litestar, host: str, port: int, on_listening: Callable[[int], None] = lambda _port: None
) -> None:
    """Serve `app` until interrupted (Ctrl-C, SIGTERM); open requests are finished first.

    `on_listening` is told the port once it is ours: port 0 takes any free one.

    Raises:
        UsageError: the address cannot be listened on.
    """
    listening = _listen(host, port)
    # uvicorn ends in order and then raises Ctrl-C again, which here is how serving is meant to end
    with listening, suppress(KeyboardInterrupt):
        on_listening(listening.getsockname()[1])
        _make_server(app).run(sockets=[listening])


class Server:
    """`app` served from a thread, as a context manager; port 0 takes any free port.

    with Server(app) as server:
        fetch(server.url)
    """

    def __init__(self, app: Litestar, host: str = "127.0.0.1", port: int = 0) -> None:
        self._socket = _listen(host, port)
        self._server = _make_server(app)
        self._thread = threading.Thread(target=self._run, name="phonotheque-serve", daemon=True)
        self.host = host
        self.port: int = self._socket.getsockname()[1]

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


def _make_server(app: Litestar) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="on",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=3,
            server_header=False,
            h11_max_incomplete_event_size=32 << 10,
        )
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise UsageError(
            f"{host}:{port}: cannot listen there ({error.strerror or error}); choose another port"
        ) from error
    return listening
