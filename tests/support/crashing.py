"""Kill a child process at every line of chosen modules, and look at what it leaves behind."""

import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from types import FrameType, ModuleType
from typing import Any

KILLED = 137
FAILED = 99


def killed_at_every_line(
    modules: list[ModuleType],
    prepare: Callable[[], None],
    action: Callable[[], None],
    *,
    stride: int = 1,
) -> Iterator[int]:
    """Kill `action()` at the n-th line it executes in `modules`, for n = 1, 1 + stride, …

    Before each, `prepare()`; after each, n is yielded for the caller to look around. Ends when
    the action gets through.

    The child dies as by kill -9: nothing is flushed, no `finally` runs.
    """
    files = {str(module.__file__) for module in modules}
    for line in count(1, stride):
        prepare()
        child = os.fork()
        if child == 0:
            _die_at(files, line, action)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == FAILED:
            raise AssertionError(f"the action failed by itself before line {line}")
        yield line
        if code != KILLED:
            return


def _die_at(files: set[str], line: int, action: Callable[[], None]) -> None:
    left = line

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os._exit(KILLED)
        return trace

    sys.settrace(trace)
    try:
        action()
    except BaseException:
        os._exit(FAILED)
    os._exit(0)
