"""Origins that drip: what gives less than a least rate is left, and another is asked.

A read timeout alone does not help: a server that sends a byte now and then never times out. Only
the time spent waiting for it counts, not what we take to write or to keep to a rate of our own.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import urllib3

from phonotheque.model.errors import TransferError


@dataclass(frozen=True, slots=True)
class Least:
    """The least that an origin has to give: `bytes_per_second` over `seconds`; 0: anything."""

    bytes_per_second: int = 1000
    seconds: float = 30.0


class DrippingError(TransferError):
    """The origin answers, but gives so little that it may as well not."""


class DripGuard:
    """Counts what one answer brings in the time it makes us wait."""

    def __init__(self, least: Least, where: str) -> None:
        self._least = least
        self._where = where
        self._seconds, self._bytes = 0.0, 0

    def count(self, amount: int, seconds: float) -> None:
        """`amount` bytes came after `seconds` of waiting.

        Raises:
            DrippingError: that was too little for too long.
        """
        self._bytes += amount
        self._seconds += seconds
        if self._seconds < self._least.seconds:
            return
        rate = self._bytes / self._seconds
        if rate < self._least.bytes_per_second:
            raise DrippingError(
                f"{self._where}: it gave {rate:.0f} bytes a second, less than the "
                f"{self._least.bytes_per_second:,} asked for"
            )
        self._seconds, self._bytes = 0.0, 0


class _Deadline:
    """Shuts down sockets that have not answered in time; one thread for all, while needed."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._due: dict[int, tuple[float, socket.socket]] = {}
        self._running = False

    @contextmanager
    def within(self, seconds: float, held: Any) -> Iterator[None]:
        """Inside, `held` is shut down after `seconds`: whoever reads from it sees its end."""
        key = id(held)
        with self._lock:
            self._due[key] = time.monotonic() + seconds, held
            if not self._running:
                self._running = True
                threading.Thread(target=self._watch, name="deadlines", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._due.pop(key, None)

    def _watch(self) -> None:
        idle = 0
        while idle < 5:
            with self._lock:
                self._lock.wait(1.0)
                now = time.monotonic()
                for key, (due, held) in list(self._due.items()):
                    if now > due:
                        del self._due[key]
                        _shut(held)
                idle = 0 if self._due else idle + 1
                if idle == 5:
                    self._running = False


def _shut(held: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        held.shutdown(socket.SHUT_RDWR)


_deadlines = _Deadline()


class TimedConnection(urllib3.connection.HTTPConnection):
    """A connection whose headers have to come within twice the timeout in all, not a byte each."""

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as in urllib3
        """See urllib3."""
        return answered(self, super().getresponse)


class TimedSecureConnection(urllib3.connection.HTTPSConnection):
    """The same over TLS."""

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as in urllib3
        """See urllib3."""
        return answered(self, super().getresponse)


def answered(connection: Any, ask: Callable[[], urllib3.HTTPResponse]) -> urllib3.HTTPResponse:
    """What `ask` returns, if it does so within twice the connection's own timeout."""
    timeout = connection.timeout
    if connection.sock is None or not isinstance(timeout, int | float):
        return ask()
    with _deadlines.within(2 * float(timeout), connection.sock):
        return ask()


def timed_pools(**options: Any) -> urllib3.PoolManager:
    """A pool of connections that do not wait for ever for the headers of an answer."""
    pools = urllib3.PoolManager(**options)
    pools.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return pools


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = TimedConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = TimedSecureConnection
