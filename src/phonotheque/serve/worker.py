"""One of several processes that serve."""

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime

import msgspec

from phonotheque.serve.guarding import Outlet
from phonotheque.serve.logs import set_up_logs
from phonotheque.serve.running import Orders, make_watched_server, on_guard
from phonotheque.serve.server import BACKLOG
from phonotheque.serve.site import open_site
from phonotheque.serve.workers import READY, RENEW


def be_worker(clock: Callable[[], datetime]) -> None:
    """Be a worker, until told to end or the parent has gone.

    Raises:
        NotFoundError, FormatError: the edition cannot be opened.
    """
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    set_up_logs(orders.running.log_form)
    outlet = None if orders.relay is None else Outlet(orders.relay)
    front, guard = open_site(orders.site, clock, outlet)
    server = make_watched_server(front, orders.running, orders.worker, guard)
    listening = socket.socket(fileno=orders.socket)

    def obey() -> None:
        for line in sys.stdin.buffer:
            if line == RENEW:
                front.renew()
        server.should_exit = True

    def tell() -> None:
        while not server.started and not server.should_exit:
            time.sleep(0.01)
        listening.listen(BACKLOG)  # asyncio takes how many to accept at once for this as well
        with contextlib.suppress(OSError):
            os.write(sys.stdout.fileno(), READY)

    for act in (obey, tell):
        threading.Thread(target=act, daemon=True).start()
    with on_guard(guard), contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
