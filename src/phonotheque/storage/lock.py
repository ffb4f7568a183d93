"""One writer at a time. The lock is the kernel's, so a killed process leaves none behind."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phonotheque.model.errors import ArchiveBusyError
from phonotheque.storage.durable import ensure_directory


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Hold the writer's lock of the archive or mirror at `root`.

    Raises:
        ArchiveBusyError: another process holds it.
    """
    ensure_directory(root)
    handle = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveBusyError(
                f"{root}: another phonotheque process is writing here; wait for it to end"
            ) from None
        yield
    finally:
        os.close(handle)
