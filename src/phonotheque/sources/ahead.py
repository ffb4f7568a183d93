"""Decompressing in a thread, ahead of whoever reads: xz takes longer than parsing what comes out.

The decompressors let go of Python's lock while they work, so on two cores both go on at once. Only
streams that turn out to be long get a thread.
"""

from collections.abc import Generator, Iterator
from itertools import islice
from queue import Empty, Full, Queue
from threading import Event, Thread

DIRECT_PIECES = 4
"""Pieces that are made where they are read, before a thread is worth it."""
AHEAD_PIECES = 3

_Item = bytes | BaseException | None


def iter_ahead(pieces: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    """The same pieces, then the same error; at most `AHEAD_PIECES` + 1 are made ahead.

    Closing the generator ends the thread and closes `pieces`.
    """
    try:
        yield from islice(pieces, DIRECT_PIECES)
        yield from _threaded(pieces)
    finally:
        pieces.close()


def _threaded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    queue: Queue[_Item] = Queue(AHEAD_PIECES)
    stop = Event()
    thread = Thread(target=_make, args=(pieces, queue, stop), name="decompress", daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        _empty(queue)
        thread.join()


def _make(pieces: Iterator[bytes], queue: Queue[_Item], stop: Event) -> None:
    last: _Item = None
    try:
        for piece in pieces:
            if not _put(piece, queue, stop):
                return
    except Exception as error:  # whatever it is, the reader is to see it
        last = error
    _put(last, queue, stop)


def _put(item: _Item, queue: Queue[_Item], stop: Event) -> bool:
    """Whether it was taken before the reader went away."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=0.1)
        except Full:
            continue
        return True
    return False


def _empty(queue: Queue[_Item]) -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        pass
