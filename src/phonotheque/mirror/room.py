"""Room on the disk: looked at before anything is fetched, and held until it is filled.

What is still to come is reserved in a file of its own, which shrinks as it comes, so that what else
is written on the disk meanwhile does not leave a sync half done. Where the file system cannot
reserve (Linux' `fallocate` is asked), the look alone has to do.
"""

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from phonotheque.model.errors import NoSpaceError
from phonotheque.storage.durable import ensure_directory
from phonotheque.storage.layout import Tree

AHEAD_BYTES = 64 << 20  # given free before it is needed
_STEP_BYTES = 16 << 20


class Reservation:
    """Room for `size_bytes`, less what is given free ahead. Threads may share one."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._lock = Lock()
        self._left = size_bytes
        self._handle: int | None = None
        self._held = 0
        if size_bytes - AHEAD_BYTES >= _STEP_BYTES:
            self._take(size_bytes - AHEAD_BYTES)

    @property
    def held_bytes(self) -> int:
        """What is reserved now."""
        return self._held

    def come(self, amount: int) -> None:
        """`amount` bytes came, or are not to come any more: so much room is given free."""
        with self._lock:
            self._left -= amount
            due = max(self._left - AHEAD_BYTES, 0)
            if self._handle is not None and self._held - due >= _STEP_BYTES:
                os.ftruncate(self._handle, due)
                self._held = due

    def close(self) -> None:
        """Give free what is left."""
        with self._lock:
            if self._handle is not None:
                os.close(self._handle)
                self._handle, self._held = None, 0
            self._path.unlink(missing_ok=True)

    def _take(self, size_bytes: int) -> None:
        ensure_directory(self._path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._handle = os.open(self._path, flags, 0o600)
        failed = _allocate(self._handle, size_bytes)
        if not failed:
            self._held = size_bytes
            return
        self.close()
        if failed in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoSpaceError(
                f"{self._path}: {size_bytes:,} bytes cannot be reserved; make room, or plan with "
                "less disk"
            )


def reservation_path(tree: Tree) -> Path:
    """Where a sync reserves room."""
    return tree.root / "incoming" / "reserved"


@contextmanager
def reserving(tree: Tree, size_bytes: int) -> Iterator[Reservation]:
    """Inside, room for `size_bytes` is held; what a killed run held is given free before.

    Raises:
        NoSpaceError: there is not so much.
    """
    give_free(tree)
    held = Reservation(reservation_path(tree), size_bytes)
    try:
        yield held
    finally:
        held.close()


def give_free(tree: Tree) -> None:
    """Give free what a killed run had reserved."""
    reservation_path(tree).unlink(missing_ok=True)


def staged_bytes(tree: Tree) -> int:
    """Room that the beginnings of files in `incoming/` take already."""
    total = 0
    for kind in ("http", "swarm"):
        for folder, _, names in os.walk(tree.root / "incoming" / kind):
            for name in names:
                with suppress(FileNotFoundError):
                    found = (Path(folder) / name).lstat()
                    total += found.st_blocks * 512 if found.st_nlink == 1 else 0
    return total


def _allocate(handle: int, size_bytes: int) -> int:
    """Reserve blocks; the error number, 0 for none. `posix_fallocate` might write zeros instead."""
    try:
        allocate = ctypes.CDLL(None, use_errno=True).fallocate
    except (OSError, AttributeError):  # not Linux
        return errno.ENOSYS
    allocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return 0 if allocate(handle, 0, 0, size_bytes) == 0 else ctypes.get_errno()
