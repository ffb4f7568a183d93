"""Work done ahead in threads, its results in order, with a bound on what is under way."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Bounds(NamedTuple):
    """What may be under way: begun and not yet handed over."""

    jobs: int
    bytes: int  # beyond it, one job at a time


def iter_in_order(
    jobs: Iterable[tuple[int, Callable[[], T]]],
    *,
    threads: int,
    bounds: Bounds,
    drop: Callable[[T], None] = lambda _: None,
    hurry: Callable[[], None] = lambda: None,
) -> Iterator[T]:
    """The results of `jobs` (bytes each holds, work) in their order, worked on by `threads`.

    `jobs` is read in the caller's thread, as far ahead as `bounds` allows. What a job raises, the
    iterator raises in its place. When it ends early, `hurry` is called, and results that nobody
    got go to `drop`.
    """
    waiting: deque[tuple[int, Future[T]]] = deque()
    held, more = 0, True
    source = iter(jobs)
    with ThreadPoolExecutor(threads, thread_name_prefix="vault") as pool:
        try:
            while True:
                while more and len(waiting) < bounds.jobs and held < bounds.bytes:
                    following = next(source, None)
                    if following is None:
                        more = False
                        break
                    waiting.append((following[0], pool.submit(following[1])))
                    held += following[0]
                if not waiting:
                    return
                size, future = waiting.popleft()
                yield future.result()
                held -= size
        finally:
            if waiting:
                hurry()
            for _, future in waiting:
                future.cancel()
            for _, future in waiting:
                with suppress(BaseException):
                    drop(future.result())
