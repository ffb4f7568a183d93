"""Counting in memory for the `limits` library.

Its own memory starts a thread every ten milliseconds of traffic that goes over all keys, which at
65,536 callers is more than a decision may take.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from limits.storage import SlidingWindowCounterSupport, Storage

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
