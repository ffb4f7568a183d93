"""A store in a directory: ``objects/ab/cd/<sha256>``, each file of mode 0444.

A name is made by linking a finished file of the same file system to it, after fsync of the file
and before fsync of the directory.
"""

import errno
import fcntl
import itertools
import os
import shutil
from collections.abc import Iterator
from hashlib import sha256 as new_sha256
from pathlib import Path
from typing import BinaryIO

from phonotheque.model.errors import NoSpaceError, NotFoundError, TrustError
from phonotheque.storage.durable import (
    TEMPORARY_SUFFIX,
    commit_file,
    ensure_directory,
    fsync_directory,
    link_or_copy,
)
from phonotheque.storage.stores import CHUNK_BYTES, is_name

_FICLONE = 0x40049409  # linux/fs.h: share the other file's extents
_NUMBER = itertools.count()


class LocalStore:
    """The store below `root` (of a vault: ``ARCHIVE/vault``), on one file system; contents are in
    `folder` there."""

    def __init__(self, root: Path, folder: str = "objects") -> None:
        self.root = root
        self._objects = root / folder
        self._incoming = root / "incoming"

    def _path(self, sha256: str) -> Path:
        return self._objects / sha256[:2] / sha256[2:4] / sha256

    def local_path(self, sha256: str) -> Path:
        """See `Store`."""
        return self._path(sha256)

    def where(self, sha256: str) -> str:
        """See `Store`."""
        return str(self._path(sha256))

    def put(self, sha256: str, content: Path, *, move: bool = False) -> bool:
        """See `Store`. `move` renames within the file system, and never reads."""
        target = self._path(sha256)
        if target.exists():
            return False
        try:
            ensure_directory(target.parent)
            if move and _same_device(content, target.parent):
                content.chmod(0o444)
                return _give_name(content, target)
            kept = self._copy(sha256, content, target)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                text = f"{target}: the disk is full; free some room and run this again"
                raise NoSpaceError(text) from error
            raise
        if kept and move:
            content.unlink(missing_ok=True)
        return kept

    def _copy(self, sha256: str, content: Path, target: Path) -> bool:
        ensure_directory(self._incoming)
        temporary = self._incoming / f"{os.getpid()}-put-{next(_NUMBER)}{TEMPORARY_SUFFIX}"
        try:
            if copy_hashed(content, temporary) != sha256:
                raise TrustError(f"{content}: is not {sha256}, it changed; run this again")
            temporary.chmod(0o444)
            return _give_name(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def open(self, sha256: str) -> BinaryIO:
        """See `Store`."""
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError:
            raise NotFoundError(f"{self._path(sha256)}: there is no such object") from None

    def iter_chunks(
        self, sha256: str, start: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """See `Store`."""
        with self.open(sha256) as stream:
            stream.seek(start)
            left = length
            while left is None or left > 0:
                chunk = stream.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk

    def size(self, sha256: str) -> int | None:
        """See `Store`."""
        try:
            return self._path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def remove(self, sha256: str) -> bool:
        """See `Store`."""
        path = self._path(sha256)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        fsync_directory(path.parent)
        return True

    def set_aside(self, sha256: str, target: Path) -> bool:
        """See `Store`. On one file system it is renamed, so that a file which cannot be read can
        be moved as well."""
        path = self._path(sha256)
        if not path.exists():
            return False
        ensure_directory(target.parent)
        if not _same_device(path, target.parent):
            shutil.copyfile(path, target)
            commit_file(target, target)
            path.unlink()
        else:
            path.rename(target)
            fsync_directory(target.parent)
        fsync_directory(path.parent)
        return True

    def names(self, after: str = "") -> Iterator[tuple[str, int]]:
        """See `Store`. Memory: one directory of the 65,536."""
        for folder in self._folders(after):
            for name in sorted(_list(folder)):
                if name > after and name[:4] == folder.parent.name + folder.name and is_name(name):
                    try:
                        stat = (folder / name).lstat()
                    except FileNotFoundError:
                        continue
                    yield name, stat.st_size

    def _folders(self, after: str) -> Iterator[Path]:
        for first in sorted(_list(self._objects)):
            if first >= after[:2]:
                for second in sorted(_list(self._objects / first)):
                    if first + second >= after[:4]:
                        yield self._objects / first / second

    def strays(self) -> Iterator[str]:
        """See `Store`: files of another name, or in another place than their name's."""
        for folder, _, names in os.walk(self._objects):
            for name in sorted(names):
                path = Path(folder) / name
                if not is_name(name) or path != self._path(name):
                    yield str(path)

    def fetch(self, sha256: str, target: Path) -> None:
        """See `Store`. A hard link, so that it takes no room; where none can be made, a reflink
        or a copy that is hashed."""
        path = self._path(sha256)
        if not path.exists():
            raise NotFoundError(f"{path}: there is no such object")
        if _same_device(path, _existing(target)):
            link_or_copy(path, target)
            return
        ensure_directory(target.parent)
        temporary = target.with_name(f".{target.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
        try:
            if copy_hashed(path, temporary) != sha256:
                raise TrustError(f"{path}: its bytes have changed; repair the vault")
            temporary.chmod(0o444)
            commit_file(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


def copy_hashed(source: Path, target: Path) -> str:
    """Make the new file `target` out of `source`: sharing its extents where the file system can,
    else by copying; returns the SHA-256 (hex) of what `target` holds. Not durable yet."""
    hasher = new_sha256()
    with source.open("rb") as taken, target.open("wb+") as out:
        shared = _clone(taken, out)
        stream = out if shared else taken
        while chunk := stream.read(CHUNK_BYTES):
            hasher.update(chunk)
            if not shared:
                out.write(chunk)
    return hasher.hexdigest()


def _clone(source: BinaryIO, target: BinaryIO) -> bool:
    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError:
        return False  # another file system, or one without shared extents
    return True


def _give_name(temporary: Path, target: Path) -> bool:
    """fsync, name, fsync the directory; False when `target` is there already (`temporary` stays).

    A link, because a rename would take the place of what another thread has just put there.
    """
    handle = os.open(temporary, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if target.exists():
            return False
        temporary.rename(target)
    temporary.unlink(missing_ok=True)
    fsync_directory(target.parent)
    return True


def _same_device(path: Path, other: Path) -> bool:
    return path.stat().st_dev == other.stat().st_dev


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _list(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
