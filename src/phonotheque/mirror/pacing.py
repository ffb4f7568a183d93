"""Not faster than allowed: a limit of bytes a second that several threads keep together."""

import time
from collections.abc import Callable
from threading import Event, Lock

_BURST_SECONDS = 0.25


class Pace:
    """At most `bytes_per_second` on average, over all threads that share it; None: no limit.

    A burst of a quarter of a second is let through. `clock` and `pause` are for tests.
    """

    def __init__(
        self,
        bytes_per_second: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[Event, float], object] = Event.wait,
    ) -> None:
        self.bytes_per_second = bytes_per_second
        self._clock = clock
        self._pause = pause
        self._lock = Lock()
        self._free_at = clock()  # when all that was taken so far is paid for

    def charge(self, amount: int) -> float:
        """Take `amount` bytes without waiting; the seconds to wait for them to be paid for."""
        if not self.bytes_per_second:
            return 0.0
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now - _BURST_SECONDS)
            self._free_at += amount / self.bytes_per_second
            return max(0.0, self._free_at - now)

    def take(self, amount: int, stop: Event) -> None:
        """Take `amount` bytes, and wait until they are paid for, or until `stop` is set."""
        due = self.charge(amount)
        if due > 0:
            self._pause(stop, due)
