"""Giving files their places durably without waiting for the disk once a file.

What must be on the disk before a file is named and noted is its content. That a name is lost by a
power cut costs no more than fetching the file again, so names are settled folder by folder, when a
volume is done.
"""

import ctypes
import errno
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from phonotheque.storage.durable import fsync_directory, link_or_copy

_MANY = 8  # files of which it is cheaper to settle the whole file system


class Names:
    """Folders with names that are not on the disk yet. Threads may share one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._folders: set[Path] = set()

    def add(self, folder: Path) -> None:
        """A name in `folder` is new."""
        with self._lock:
            self._folders.add(folder)

    def settle(self) -> None:
        """Have all names on the disk."""
        with self._lock:
            folders, self._folders = self._folders, set()
        for folder in sorted(folders):
            if folder.is_dir():
                fsync_directory(folder)


def settle_contents(files: Sequence[Path]) -> None:
    """Have the contents of `files`, which stand on one file system, on the disk.

    Raises:
        OSError: the disk failed.
    """
    if len(files) >= _MANY and _sync_file_system(files[0]):
        return
    for path in files:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(handle)
        except OSError as error:
            error.filename = str(path)  # the system does not know it here
            raise
        finally:
            os.close(handle)


def link_into(source: Path, target: Path, names: Names) -> None:
    """Give `source`, whose content is on the disk, a second name at `target`; the folder exists.
    Where there are no links, a copy."""
    try:
        os.link(source, target)
    except OSError:  # something stands there, or this file system has no links
        link_or_copy(source, target)
    names.add(target.parent)


def _sync_file_system(inside: Path) -> bool:
    """Whether all of the file system that holds `inside` could be settled at once."""
    try:
        settle = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):  # not Linux
        return False
    handle = os.open(inside, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if settle(handle) == 0:
            return True
        failed = ctypes.get_errno()
    finally:
        os.close(handle)
    if failed in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
        raise OSError(failed, os.strerror(failed), str(inside))
    return False
