"""The bytes of one file, read once: hashed while they are taken to a place where nobody can change
them any more. What was hashed is what is decoded, and what is kept.

Up to 64 MiB that place is memory (a sealed memfd); more goes into a staging file, which later
becomes the object by a new name. On request the staging file shares the extents of the source
(reflink) or is the source under a second name (hard link); where the file system cannot do that,
the bytes are copied, and `Material.link` says so.
"""

import fcntl
import itertools
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from phonotheque.model.errors import InputError, NoSpaceError
from phonotheque.storage.digests import FileHasher
from phonotheque.storage.durable import TEMPORARY_SUFFIX, ensure_directory

MEMORY_BYTES = 64 << 20
READ_BYTES = 1 << 20
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
_FICLONE = 0x40049409  # linux/fs.h: share the other file's extents
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_NUMBER = itertools.count()


class Link(StrEnum):
    """How the bytes of a source come into the vault."""

    COPY = "copy"
    REFLINK = "reflink"  # share the source's extents; the source may change afterwards
    HARD = "hard"  # the source itself; it becomes read-only and must not be changed in place


class Material:
    """One file's bytes, whole, with their digests. To be closed; `close` forgets what was not
    given away meanwhile.

    `sha256` and `pieces_root` are 64 hex digits. `link` is how it was really taken.
    """

    def __init__(
        self,
        source: Path,
        descriptor: int,
        staging: Path | None,
        *,
        hasher: FileHasher,
        mtime_ns: int,
        link: Link = Link.COPY,
    ) -> None:
        digests = hasher.finish()
        self.source = source
        self.descriptor = descriptor
        self.staging = staging
        self.sha256 = digests.sha256.hex()
        self.pieces_root = digests.pieces_root.hex()
        self.size_bytes = digests.size_bytes
        self.mtime_ns = mtime_ns
        self.link = link

    @property
    def content(self) -> Path:
        """A path by which this process reads the bytes, until `close`."""
        return self.staging or Path(f"/proc/self/fd/{self.descriptor}")

    @property
    def memory_bytes(self) -> int:
        """What it holds of memory."""
        return 0 if self.staging else self.size_bytes

    def __enter__(self) -> "Material":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the bytes; any number of times."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
        if self.staging is not None:
            self.staging.unlink(missing_ok=True)


def take_material(path: Path, incoming: Path, link: Link = Link.COPY) -> Material:
    """Read the file at `path` once. `incoming` is the vault's directory for staging files, used
    for large files and links; what a killed process leaves there ends in ``.partial``.

    May run in any thread: reading and hashing let other threads run.

    Raises:
        InputError: it cannot be read, is no file, or changed while it was read.
        NoSpaceError: no room for the staging file.
    """
    with _reading(path):
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        before = os.fstat(source)
        if not stat.S_ISREG(before.st_mode):
            raise InputError(f"{path}: is no file; leave it out")
        if link is not Link.COPY:
            staging = _staging(incoming)
            linked = _linked(path, source, before, staging, link)
            if linked is not None:
                return _take_linked(path, source, before, staging, linked)
        return _take_copy(path, source, before, incoming)
    finally:
        os.close(source)


def _take_copy(path: Path, source: int, before: os.stat_result, incoming: Path) -> Material:
    staging = _staging(incoming) if before.st_size > MEMORY_BYTES else None
    with _writing(incoming):
        target = os.open(staging, _NEW, 0o600) if staging else _new_memory()
    try:
        hasher = FileHasher()
        for chunk in _chunks(path, source, before.st_size):
            hasher.update(chunk)
            with _writing(incoming):
                _write_all(target, chunk)
        _check_unchanged(path, source, before)
        if staging is None:
            fcntl.fcntl(target, fcntl.F_ADD_SEALS, _SEALS)
        else:
            written, target = target, os.open(staging, os.O_RDONLY | os.O_CLOEXEC)
            os.close(written)
        return Material(path, target, staging, hasher=hasher, mtime_ns=before.st_mtime_ns)
    except BaseException:
        os.close(target)
        if staging is not None:
            staging.unlink(missing_ok=True)
        raise


def _take_linked(
    path: Path, source: int, before: os.stat_result, staging: Path, link: Link
) -> Material:
    """Hash what stands in `staging` already."""
    try:
        target = os.open(staging, os.O_RDONLY | os.O_CLOEXEC)
        try:
            hasher = FileHasher()
            for chunk in _chunks(path, target, before.st_size):
                hasher.update(chunk)
            _check_unchanged(path, source, before)
            return Material(
                path, target, staging, hasher=hasher, mtime_ns=before.st_mtime_ns, link=link
            )
        except BaseException:
            os.close(target)
            raise
    except BaseException:
        staging.unlink(missing_ok=True)
        raise


def _linked(
    path: Path, source: int, before: os.stat_result, staging: Path, link: Link
) -> Link | None:
    """Make `staging` a clone or a second name of the source; None where that cannot be done."""
    try:
        if link is Link.REFLINK:
            target = os.open(staging, _NEW, 0o600)
            try:
                fcntl.ioctl(target, _FICLONE, source)
            finally:
                os.close(target)
        else:
            os.link(path.resolve(), staging)
            named = staging.stat()
            if (named.st_dev, named.st_ino) != (before.st_dev, before.st_ino):
                raise InputError(f"{path}: changed while it was read; run this again")
    except OSError:  # another file system, or one that cannot do it
        staging.unlink(missing_ok=True)
        return None
    except BaseException:
        staging.unlink(missing_ok=True)
        raise
    return link


def _staging(incoming: Path) -> Path:
    ensure_directory(incoming)
    name = f"{os.getpid()}-{threading.get_ident()}-{next(_NUMBER)}{TEMPORARY_SUFFIX}"
    return incoming / name


def _new_memory() -> int:
    return os.memfd_create("phonotheque", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _chunks(path: Path, descriptor: int, size_bytes: int) -> Iterator[bytes]:
    """The bytes up to the end of the file, not more than were there at first."""
    left = size_bytes
    while left:
        with _reading(path):
            chunk = os.read(descriptor, min(READ_BYTES, left))
        if not chunk:
            raise InputError(f"{path}: became shorter while it was read; run this again")
        left -= len(chunk)
        yield chunk


def _check_unchanged(path: Path, source: int, before: os.stat_result) -> None:
    with _reading(path):
        after, named = os.fstat(source), path.stat()
    for now in (after, named):
        if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise InputError(f"{path}: changed while it was read; run this again")


def _write_all(target: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(target, view) :]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path}: cannot be read ({reason}); check it") from error


@contextmanager
def _writing(incoming: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = f"{incoming}: cannot be written ({error.strerror}); free some room, run this again"
        raise NoSpaceError(text) from error
