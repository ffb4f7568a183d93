"""When a mirror may fetch: hours of the day, and a pause that lasts until it is taken away."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

import msgspec

from phonotheque.model.hours import Hours
from phonotheque.storage.durable import write_bytes
from phonotheque.storage.layout import Tree


class TransferSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[transfer]` of `mirror.toml`; what a command is told counts more."""

    max_bytes_per_second: int | None = None  # of all that is fetched; None: as fast as it comes
    hours: str | None = None  # "23:00-07:00", local time; None: at any time
    connections: int = 4  # over HTTP, to all origins together
    keep_free_bytes: int = 1_000_000_000  # of the disk, whatever is fetched
    least_bytes_per_second: int = 1000  # an origin that gives less is left for another; 0: none is


@contextmanager
def halting(stop: Event, allowed: Callable[[], bool], look_seconds: float = 1.0) -> Iterator[Event]:
    """Inside, an event that is set as soon as `stop` is, or `allowed()` is not any more."""
    halt, over = Event(), Event()

    def look() -> None:
        while not over.is_set():
            if stop.is_set() or not allowed():
                halt.set()
                return
            over.wait(look_seconds)

    if stop.is_set() or not allowed():
        halt.set()
    thread = Thread(target=look, name="hours", daemon=True)
    thread.start()
    try:
        yield halt
    finally:
        over.set()
        thread.join()


def pause_path(tree: Tree) -> Path:
    """The file that stands while a mirror rests."""
    return tree.root / "paused"


def pause(tree: Tree, now: datetime) -> None:
    """Let the mirror fetch nothing until `resume`; withdrawals are still obeyed."""
    write_bytes(pause_path(tree), f"{now.isoformat()}\n".encode())


def resume(tree: Tree) -> bool:
    """Take the pause away; whether there was one."""
    was = pause_path(tree).exists()
    pause_path(tree).unlink(missing_ok=True)
    return was


def is_paused(tree: Tree) -> bool:
    """Whether `pause` was called, and `resume` not since."""
    return pause_path(tree).exists()


def may_fetch(tree: Tree, hours: Hours | None, local: datetime) -> bool:
    """Whether files may be fetched at `local`, the time where the mirror stands."""
    return not is_paused(tree) and (hours is None or hours.holds(local))
