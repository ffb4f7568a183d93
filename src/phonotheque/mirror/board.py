"""What is being waited for, in words, so that no wait is silent."""

from collections.abc import Callable
from threading import Lock


class Board:
    """Who is waited for, by the name of who waits. Threads may share one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._said: dict[str, Callable[[], str]] = {}

    def put(self, name: str, said: str | Callable[[], str]) -> None:
        """`name` waits for that from now on; a function is asked when somebody looks."""
        with self._lock:
            self._said[name] = said if callable(said) else lambda: said

    def clear(self) -> None:
        """Nobody waits."""
        with self._lock:
            self._said.clear()

    def read(self) -> str:
        """What is waited for; empty where nothing is known."""
        with self._lock:
            asked = list(self._said.values())
        return "; ".join(text for text in (ask() for ask in asked) if text)
