"""Budgets in windows that slide, counted through the `limits` library.

In memory by `LeanMemory`; Redis and Valkey are the library's, and servers that share one share
budgets. The library is imported where budgets are counted: not by a server without a guard.
"""

import logging
from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import Any, Final

from phonotheque.model.errors import UsageError
from phonotheque.serve.limits import Allowance, Caller, Quota

_LOG = logging.getLogger(__name__)
MEMORY: Final = "memory://"
_PATIENCE_S: Final = 0.25
_AWAY_S: Final = 5.0  # so long a server that failed is not asked again


class Windows:
    """Takes from budgets. What cannot be counted (Redis is away) is allowed, and counted in
    `failures`. For any number of threads; `is_remote`: it may make its caller wait."""

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        from limits.storage import storage_from_string  # noqa: PLC0415 - see above

        from phonotheque.serve.guarding.lean_memory import LeanMemory  # noqa: PLC0415

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

    def share(self, name: str, secret: bytes, seconds: int) -> bytes | None:
        """What all who count here have by this name for so long: `secret`, where nobody came
        before. None where nothing is shared, or it cannot be asked."""
        if not self.is_remote:
            return None
        try:
            self._ask()
            server = self._storage.storage
            server.set(f"phonotheque/{name}", secret, nx=True, ex=seconds)
            found: bytes | None = server.get(f"phonotheque/{name}")
        except Exception as error:
            self._fail(error)
            return None
        return found

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
