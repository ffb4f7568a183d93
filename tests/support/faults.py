"""Calls of the system that fail, or at which the process dies: each in its turn, below one folder.

`killed_at_every_call` kills a child as by kill -9 before the n-th call that changes something below
`root`; `failing_at_every_call` makes that call fail with an error of the system instead.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.crashing import FAILED, KILLED

WRITING = ("write", "pwrite", "fsync", "rename", "replace", "link", "mkdir", "chmod", "fchmod",
           "copy_file_range", "unlink", "rmdir", "truncate", "ftruncate")  # fmt: skip
READING = ("read", "pread", "readv", "preadv")


def killed_at_every_call(
    root: Path, prepare: Callable[[], None], action: Callable[[], object], *, stride: int = 1
) -> Iterator[int]:
    """Kill `action()` before its n-th call below `root`, for n = 1, 1 + stride, …; after each, n is
    yielded for the caller to look around. Ends when the action gets through."""
    for number in count(1, stride):
        prepare()
        child = os.fork()
        if child == 0:
            _act(root, number, action)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code not in (0, KILLED):
            raise AssertionError(f"the action failed by itself before call {number}")
        yield number
        if code == 0:
            return


def _act(root: Path, number: int, action: Callable[[], object]) -> None:
    try:
        with pytest.MonkeyPatch.context() as patch:
            _watch(patch, root, WRITING, number, lambda: os._exit(KILLED))
            action()
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(FAILED)


@contextmanager
def failing_at(root: Path, number: int, error: int, calls: tuple[str, ...]) -> Iterator[list[str]]:
    """Inside, the `number`-th of `calls` below `root` fails with `error`, and all after it when the
    error is that of a full disk. The list gets the name of each call that failed."""
    failed: list[str] = []

    def fail() -> None:
        raise OSError(error, os.strerror(error))

    with pytest.MonkeyPatch.context() as patch:
        _watch(patch, root, calls, number, fail, failed, lasting=error == errno.ENOSPC)
        yield failed


def _watch(
    patch: pytest.MonkeyPatch,
    root: Path,
    calls: tuple[str, ...],
    number: int,
    happen: Callable[[], None],
    happened: list[str] | None = None,
    *,
    lasting: bool = False,
) -> None:
    seen, lock = 0, threading.Lock()

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal seen
            if _is_below(root, args[:2] if name in ("rename", "replace", "link") else args[:1]):
                with lock:
                    seen += 1
                    now = seen == number or (lasting and seen > number and _takes_room(name))
                if now:
                    if happened is not None:
                        happened.append(name)
                    happen()
            return real(*args, **kwargs)

        return call

    for name in calls:
        if hasattr(os, name):
            patch.setattr(os, name, watched(name, getattr(os, name)))


def _takes_room(name: str) -> bool:
    return name not in ("unlink", "rmdir", "chmod", "fchmod", "fsync", *READING)


def _is_below(root: Path, targets: tuple[Any, ...]) -> bool:
    return any(_path(target).startswith(f"{root}/") for target in targets)


def _path(target: Any) -> str:
    if not isinstance(target, int):
        return os.fsdecode(target)
    try:
        return str(Path(f"/proc/self/fd/{target}").readlink())
    except OSError:
        return ""
