"""The one way to write something that must survive a power cut.

Sequence (after restic): temporary file beside the target, write, check the size, fsync, rename,
fsync of the directory. A reader sees the old file or the new one, never half of either.
"""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from phonotheque.model.errors import NoSpaceError, PhonothequeError

TEMPORARY_SUFFIX = ".partial"


def fsync_directory(path: Path) -> None:
    """Make the names inside `path` durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _fsync(handle, path)
    finally:
        os.close(handle)


def _fsync(handle: int, path: Path) -> None:
    """Wait until the disk has it; an error names `path`, which the system does not know here."""
    try:
        os.fsync(handle)
    except OSError as error:
        error.filename = str(path)
        raise


def ensure_directory(path: Path) -> None:
    """Create `path` and what is missing above it, each name durable."""
    if path.is_dir():
        return
    ensure_directory(path.parent)
    path.mkdir(exist_ok=True)
    fsync_directory(path.parent)


@contextmanager
def partial_file(target: Path) -> Iterator[Path]:
    """A temporary path beside `target`; on success it takes `target`'s place, durably.

    On any exception the temporary file is removed and `target` stays as it was. What a killed
    process leaves (``*.partial``) is garbage by definition and may be deleted by the next one.
    """
    ensure_directory(target.parent)
    temporary = target.with_name(f".{target.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        yield temporary
        commit_file(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _explained(error, target) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def commit_file(temporary: Path, target: Path) -> None:
    """Second half of the sequence: fsync, rename to `target`, fsync the directory."""
    handle = os.open(temporary, os.O_RDONLY)
    try:
        _fsync(handle, target)
    finally:
        os.close(handle)
    temporary.replace(target)
    fsync_directory(target.parent)


def write_bytes(target: Path, content: bytes, *, read_only: bool = False) -> None:
    """Write `content` to `target` durably."""
    write_chunks(target, [content], expected_bytes=len(content), read_only=read_only)


def write_chunks(
    target: Path,
    chunks: Iterable[bytes],
    *,
    expected_bytes: int | None = None,
    read_only: bool = False,
) -> int:
    """Write `chunks` to `target` durably and return how many bytes that were.

    Raises:
        PhonothequeError: the size differs from `expected_bytes`; `target` stays as it was.
        NoSpaceError: the disk is full; `target` stays as it was.
    """
    with partial_file(target) as temporary:
        with temporary.open("wb") as out:
            for chunk in chunks:
                out.write(chunk)
            size = out.tell()
        if expected_bytes is not None and size != expected_bytes:
            raise PhonothequeError(f"{target}: wrote {size} bytes where {expected_bytes} were due")
        if read_only:
            temporary.chmod(0o444)
    return size


def write_then_name(
    staging: Path,
    chunks: Iterable[bytes],
    choose_target: Callable[[], Path | None],
    *,
    read_only: bool = False,
) -> Path | None:
    """Write `chunks` into the directory `staging`, then give the file the name `choose_target()`.

    For content whose name is its digest: the name is known only when the last byte has been
    read. None as name drops the file. `staging` and the target share a file system; what a killed
    process leaves in `staging` is garbage.

    Raises:
        NoSpaceError: the disk is full; nothing is left behind.
    """
    ensure_directory(staging)
    temporary = staging / f"{os.getpid()}-{threading.get_ident()}{TEMPORARY_SUFFIX}"
    try:
        with temporary.open("wb") as out:
            for chunk in chunks:
                out.write(chunk)
        target = choose_target()
        if target is not None:
            if read_only:
                temporary.chmod(0o444)
            ensure_directory(target.parent)
            commit_file(temporary, target)
        return target
    except OSError as error:
        raise _explained(error, staging) from error
    finally:
        temporary.unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Give `source` a second name at `target`: a hard link where possible, else a durable copy.

    `target` is replaced atomically when it exists.
    """
    ensure_directory(target.parent)
    temporary = target.with_name(f".{target.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        with partial_file(target) as copy:
            shutil.copyfile(source, copy)
            copy.chmod(source.stat().st_mode & 0o777)
        return
    try:
        # renaming one hard link of a file over another is a no-op that keeps both names
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_directory(target.parent)


def commit_directory(temporary: Path, target: Path) -> None:
    """Make a whole directory appear at once: fsync everything in it, rename, fsync the parent.

    `target` must not exist.
    """
    for folder, _, names in os.walk(temporary):
        for name in names:
            handle = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                _fsync(handle, Path(folder) / name)
            finally:
                os.close(handle)
        fsync_directory(Path(folder))
    ensure_directory(target.parent)
    temporary.rename(target)
    fsync_directory(target.parent)


def free_bytes(path: Path) -> int:
    """Bytes a normal user may still write on the disk that holds `path`."""
    while not path.exists():
        path = path.parent
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize


@contextmanager
def naming(target: Path) -> Iterator[None]:
    """Inside, an error of writing to the open file `target` names it.

    Raises:
        NoSpaceError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise _explained(error, target) from error


def _explained(error: OSError, target: Path) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpaceError(f"{target}: the disk is full; free some room and run this again")
    if error.filename is None and error.errno:  # of a call that knows only the open file
        error.filename = str(target)
    return error
