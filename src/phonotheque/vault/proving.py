"""Reading objects again and comparing them with their names: in threads, at a bounded rate, and
answered in the order of the digests, which is the order of the directories."""

import errno
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256 as new_sha256

from phonotheque.model.errors import NotFoundError, TransferError
from phonotheque.storage.stores import Store
from phonotheque.vault.fixity_state import Checked, Outcome

_UNIT_BYTES, _UNIT_OBJECTS = 8 << 20, 64  # one task of a thread
_READ_BYTES = 1 << 20
_FAILING = frozenset({errno.EIO, errno.EUCLEAN, errno.EBADMSG, errno.ENODATA})


class Pace:
    """No more than `bytes_per_s`, over all threads; None: as fast as it goes."""

    def __init__(self, bytes_per_s: float | None) -> None:
        self._rate = bytes_per_s
        self._lock = threading.Lock()
        self._free_at = time.monotonic()
        self._stopped = False

    def stop(self) -> None:
        """Let every thread that reads end at once."""
        self._stopped = True

    def spend(self, size: int) -> None:
        """Wait until `size` more bytes may be read.

        Raises:
            InterruptedError: nobody wants them any more.
        """
        if self._stopped:
            raise InterruptedError("stopped")
        if self._rate is None:
            return
        with self._lock:
            begin = max(self._free_at, time.monotonic())
            self._free_at = begin + size / self._rate
        time.sleep(max(0.0, begin - time.monotonic()))


@dataclass(frozen=True, slots=True)
class Readers:
    """Threads, how many of them, and how fast they may read together."""

    pool: ThreadPoolExecutor
    jobs: int
    pace: Pace


def iter_checked(
    store: Store, objects: Iterable[tuple[bytes, int]], readers: Readers
) -> Generator[Checked]:
    """Look at `objects` (digest, bytes), in their order. Memory: some units of work.

    Closed early, what was begun is broken off and thrown away, and the readers read no more.
    """
    running: deque[Future[list[Checked]]] = deque()
    try:
        for unit in _units(objects):
            running.append(readers.pool.submit(_check_unit, store, unit, readers.pace))
            if len(running) > 2 * readers.jobs:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()
    finally:
        if running:
            readers.pace.stop()
        for future in running:
            future.cancel()


def _units(objects: Iterable[tuple[bytes, int]]) -> Iterator[list[tuple[bytes, int]]]:
    unit: list[tuple[bytes, int]] = []
    filled = 0
    for digest, size in objects:
        unit.append((digest, size))
        filled += size
        if filled >= _UNIT_BYTES or len(unit) >= _UNIT_OBJECTS:
            yield unit
            unit, filled = [], 0
    if unit:
        yield unit


def _check_unit(store: Store, unit: list[tuple[bytes, int]], pace: Pace) -> list[Checked]:
    buffer = memoryview(bytearray(_READ_BYTES))
    return [check_one(store, digest, size, pace, buffer) for digest, size in unit]


def check_one(
    store: Store, digest: bytes, size: int, pace: Pace, buffer: memoryview | None = None
) -> Checked:
    """Look at one object: sound only when every byte was read and the digest is its name."""
    try:
        found = _read_digest(store, digest.hex(), pace, buffer)
    except (FileNotFoundError, NotFoundError):
        return Checked(digest, size, Outcome.MISSING, "it is not there")
    except OSError as error:
        note = f"cannot be read ({error.strerror})"
        failing = error.errno in _FAILING
        return Checked(digest, size, Outcome.NOT_CHECKED, note, unreadable=failing)
    except TransferError as error:
        return Checked(digest, size, Outcome.NOT_CHECKED, str(error))
    if found == digest:
        return Checked(digest, size, Outcome.SOUND)
    note = f"its SHA-256 is now {found.hex()}"
    return Checked(digest, size, Outcome.DAMAGED, note, found.hex())


def _read_digest(store: Store, name: str, pace: Pace, buffer: memoryview | None) -> bytes:
    hasher = new_sha256()
    path = store.local_path(name)
    if path is None:
        for chunk in store.iter_chunks(name):
            pace.spend(len(chunk))
            hasher.update(chunk)
        return hasher.digest()
    buffer = memoryview(bytearray(_READ_BYTES)) if buffer is None else buffer
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            pace.spend(count)
            hasher.update(buffer[:count])
    return hasher.digest()
