"""What a piece of work costs, measured in a process of its own: time, processor time, memory."""

import os
import resource
import time
from collections.abc import Callable

import msgspec


class Cost(msgspec.Struct, frozen=True):
    """`cpu_seconds` are of the process and the children that it waited for; peaks are of resident
    memory, of the process itself and of the largest of its children."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    children_peak_mib: float


def cost_apart(work: Callable[[], object]) -> Cost:
    """What `work` costs in a forked process.

    Raises:
        RuntimeError: it failed there; the trace is on standard error.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work_and_tell(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    if not said:
        raise RuntimeError("the work that was to be measured failed")
    return msgspec.json.decode(said, type=Cost)


def _work_and_tell(work: Callable[[], object], answer: int) -> None:
    try:
        begin, before = time.perf_counter(), _used()
        work()
        seconds, used = time.perf_counter() - begin, _used()
        own, children = (
            resource.getrusage(who).ru_maxrss / 1024
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        os.write(answer, msgspec.json.encode(Cost(seconds, used - before, own, children)))
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(1)


def _used() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in both)
