"""Rows that come after their files: many files are made durable side by side, then their rows are
written in one transaction. A crash costs at most one group, whose files are found again."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from phonotheque.vault.state import State

GROUP_FILES = 100
GROUP_SECONDS = 1.0
PUT_THREADS = 4  # they wait for the disk, which waits for several at once in the same time
MAX_WAITING_BYTES = 256 << 20


class Grouping:
    """Puts files and writes rows for one vault; outside of `grouped`, each at once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._pool: ThreadPoolExecutor | None = None
        self._puts: dict[str, tuple[int, Future[None]]] = {}
        self._rows: list[tuple[str, Callable[[], None]]] = []
        self._began = 0.0

    @contextmanager
    def grouped(self) -> Iterator[None]:
        """Inside, rows are written about every 100 files or every second, and at the end."""
        with ThreadPoolExecutor(PUT_THREADS, thread_name_prefix="vault-put") as pool:
            self._pool = pool
            try:
                yield
            finally:
                self._pool = None
                self.settle()

    def is_arriving(self, digest: str) -> bool:
        """Whether the file of this content is being put, its row not yet written."""
        return digest in self._puts

    def put(self, digest: str, size_bytes: int, work: Callable[[], None]) -> None:
        """Have `work` make the content durable. What goes wrong shows at once, or in `settle`."""
        if self._pool is None:
            work()
            return
        self._wait_for_room(size_bytes)
        self._begin()
        self._puts[digest] = (size_bytes, self._pool.submit(work))

    def write(self, rows: Callable[[], None], digest: str = "") -> None:
        """Have `rows` written, after the content `digest` is durable, and only if it is."""
        if self._pool is None:
            with self._state.transaction():
                rows()
            return
        self._begin()
        self._rows.append((digest, rows))

    def settle_if_due(self) -> None:
        """Write the rows of a full group."""
        waited = time.monotonic() - self._began
        if self._rows and (len(self._puts) >= GROUP_FILES or waited >= GROUP_SECONDS):
            self.settle()

    def settle(self) -> None:
        """Wait for the files under way and write their rows.

        Raises:
            NoSpaceError, TrustError, TransferError: of the first file that could not be kept; the
                rows of all others are written.
        """
        puts, rows = self._puts, self._rows
        self._puts, self._rows = {}, []
        errors = {digest: future.exception() for digest, (_, future) in puts.items()}
        if rows:
            with self._state.transaction():
                for digest, write in rows:
                    if errors.get(digest) is None:
                        write()
        for error in errors.values():
            if error is not None:
                raise error

    def _begin(self) -> None:
        if not self._puts and not self._rows:
            self._began = time.monotonic()

    def _wait_for_room(self, size_bytes: int) -> None:
        """Files that are being put hold their bytes in memory: wait for the first of them."""
        waiting = sum(held for held, future in self._puts.values() if not future.done())
        for held, future in self._puts.values():
            if waiting + size_bytes <= MAX_WAITING_BYTES:
                return
            if not future.done():
                future.exception()
                waiting -= held
