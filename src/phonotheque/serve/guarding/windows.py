"""Budgets in windows that slide, counted through the `limits` library.

In memory by `LeanMemory`: the library's own memory starts a thread every ten milliseconds of
traffic that goes over all keys, which at 65,536 callers is more than a decision may take. Redis
and Valkey are the library's; servers that share one share budgets.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import Any, Final

from limits.storage import SlidingWindowCounterSupport, Storage, storage_from_string

from phonotheque.model.errors import UsageError
from phonotheque.serve.limits import Allowance, Caller, Quota

_LOG = logging.getLogger(__name__)
MEMORY: Final = "memory://"
_PATIENCE_S: Final = 0.25
_AWAY_S: Final = 5.0  # so long a server that failed is not asked again
_MOST_KEYS: Final = 1 << 16  # about 300 bytes each; who has not asked for longest is forgotten


class LeanMemory(Storage, SlidingWindowCounterSupport):
    """Counts in memory: one entry a key, bounded, no thread. `clock` gives seconds."""

    STORAGE_SCHEME = ["phonotheque-memory"]  # noqa: RUF012 - the library's registry reads it

    def __init__(self, clock: Callable[[], float], most_keys: int = _MOST_KEYS) -> None:
        super().__init__()
        self._clock, self._most = clock, most_keys
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What goes wrong here."""
        return ValueError

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Take `amount` of `limit` in `expiry` seconds; whether there was so much."""
        with self._lock:
            window, now, before, part = self._window(key, expiry)
            if int(before * (1 - part)) + now + amount > limit:
                return False
            self._counts[key] = (window, now + amount, before)
            self._counts.move_to_end(key)
            if len(self._counts) > self._most:
                self._counts.popitem(last=False)
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Count and seconds left of the window before, and of the current one."""
        with self._lock:
            _, now, before, part = self._window(key, expiry)
        return before, (1 - part) * expiry, now, (2 - part) * expiry

    def _window(self, key: str, expiry: int) -> tuple[int, int, int, float]:
        """(number of the window, count in it, count in the one before, part of it that is over)."""
        window, over = divmod(self._clock(), expiry)
        last, now, before = self._counts.get(key, (0, 0, 0))
        if last != int(window):
            now, before = 0, now if last == int(window) - 1 else 0
        return int(window), now, before, over / expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget a key."""
        self.clear(key)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count on, whatever the limit."""
        with self._lock:
            window, now, before, _ = self._window(key, expiry)
            self._counts[key] = (window, now + amount, before)
        return now + amount

    def get(self, key: str) -> int:
        """The count of a key."""
        return self._counts.get(key, (0, 0, 0))[1]

    def get_expiry(self, key: str) -> float:
        """When a key is forgotten: as soon as its window is asked for later."""
        del key
        return self._clock()

    def check(self) -> bool:
        """It is there."""
        return True

    def reset(self) -> int:
        """Forget all; how many there were."""
        count = len(self._counts)
        self._counts.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget a key."""
        self._counts.pop(key, None)


class Windows:
    """Takes from budgets. What cannot be counted (Redis is away) is allowed, and counted in
    `failures`. For any number of threads; `is_remote`: it may make its caller wait."""

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self.is_remote = url != MEMORY
        self._storage: Any = LeanMemory(clock)
        if self.is_remote:
            try:
                self._storage = storage_from_string(
                    url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S
                )
            except Exception as error:
                raise UsageError(
                    f"{url}: cannot count there ({error}); write redis://HOST:PORT/0 or "
                    "valkey://HOST:PORT/0, and install the client library redis or valkey"
                ) from error
        self._away_until = 0.0
        self.failures = 0

    def take(self, quota: Quota, who: str, cost: int = 1) -> Allowance | None:
        """Take `cost` of `quota`; None: allowed without further words. What costs more than all of
        it is allowed where nothing is used."""
        try:
            if self._take(quota, who, min(cost, quota.requests)):
                return None
            return self._refused(quota, who)
        except Exception as error:
            self._fail(error)
            return None

    def stock(self, quota: Quota, who: str) -> Allowance | None:
        """As `take` of the least there is, without taking it."""
        try:
            return None if self._told(quota, who).remaining else self._refused(quota, who)
        except Exception as error:
            self._fail(error)
            return None

    def draw(self, quota: Quota, who: str, cost: int) -> None:
        """Take `cost`, or as much as there is left: for what was given out already."""
        try:
            if not self._take(quota, who, min(cost, quota.requests)):
                left = self._told(quota, who).remaining
                if left:
                    self._take(quota, who, left)
        except Exception as error:
            self._fail(error)

    def told(self, quota: Quota, who: str) -> Allowance:
        """What is left."""
        try:
            return self._told(quota, who)
        except Exception as error:
            self._fail(error)
            return Allowance(quota, quota.requests, 0)

    # the library's storages are asked without its strategies: those do no more than this, and take
    # as long again to put a key together

    def _take(self, quota: Quota, who: str, cost: int) -> bool:
        self._ask()
        taken: bool = self._storage.acquire_sliding_window_entry(
            _key(quota, who), quota.requests, quota.seconds, cost
        )
        return taken

    def _told(self, quota: Quota, who: str) -> Allowance:
        self._ask()
        before, before_s, now, now_s = self._storage.get_sliding_window(
            _key(quota, who), quota.seconds
        )
        used = int(before * before_s / quota.seconds) + now
        whole = ceil(now_s if now else before_s if before else 0)
        return Allowance(quota, max(0, quota.requests - used), whole)

    def _refused(self, quota: Quota, who: str) -> Allowance:
        whole = self._told(quota, who).whole_after_seconds
        return Allowance(quota, 0, whole, max(1, min(whole, ceil(quota.seconds / 2))))

    def _ask(self) -> None:
        """Raises where a server failed just now, so that nobody waits for it."""
        if self._away_until and monotonic() < self._away_until:
            raise TimeoutError("it failed a moment ago")

    def _fail(self, error: Exception) -> None:
        self.failures += 1
        if self.is_remote and not isinstance(error, TimeoutError):
            self._away_until = monotonic() + _AWAY_S
        _LOG.warning("budgets cannot be counted, all is answered all the same: %s", error)


def _key(quota: Quota, who: str) -> str:
    return f"phonotheque/{quota.name}/{quota.seconds}/{who}"


class WindowLimiter:
    """A `Limiter` of the API over `Windows`: `requests` a minute, an account ten times as many."""

    def __init__(self, windows: Windows, requests: int, seconds: int = 60) -> None:
        self._windows = windows
        self._anonymous = Quota("anonymous", requests, seconds)
        self._known = Quota("account", 10 * requests, seconds)

    def take(self, caller: Caller, cost: int) -> Allowance | None:
        """Take `cost` from what `caller` has."""
        quota = self._known if caller.has_account else self._anonymous
        return self._windows.take(quota, caller.key, cost) or self._windows.told(quota, caller.key)
