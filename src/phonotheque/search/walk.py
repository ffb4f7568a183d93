"""The conjunctive walk: the rarest list in growing blocks, every other condition tested on it.

Documents are numbered by rank, so the first ones found are the most listened ones, and the walk
may stop as soon as it has enough.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from phonotheque.search.postings import Docs, documents_before
from phonotheque.storage.arrays import Array, Mask

Test = Callable[[Array], Mask]
_FIRST_BLOCK, _LARGEST_BLOCK = 1_024, 65_536


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock after which no new block is begun."""

    at_seconds: float

    @classmethod
    def after(cls, milliseconds: float) -> "Deadline":
        """The deadline `milliseconds` from now."""
        return cls(time.monotonic() + milliseconds / 1000)

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return time.monotonic() > self.at_seconds


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that a document must satisfy. Where `size` is known, so many documents at most
    have a word, and `load` gives them, sorted, so that they may drive the walk. `head`: the first
    documents that can satisfy it, all up to its last.
    """

    test: Test
    size: int | None = None
    load: Callable[[], Docs] | None = None
    head: Array | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Documents in rank order; `after` is where the next walk begins. `exhausted`: no more come.
    `partial`: the deadline ended it."""

    docs: Array
    after: int
    exhausted: bool
    partial: bool = False


NOTHING = Found(np.zeros(0, np.uint32), 0, exhausted=True)


def walk(
    conditions: Sequence[Condition], documents: int, start: int, limit: int, deadline: Deadline
) -> Found:
    """The first `limit` documents from `start` on that satisfy all conditions; those from
    `documents` on need not be looked at."""
    if start >= documents:
        return Found(NOTHING.docs, start, exhausted=True)
    rising = sorted(conditions, key=_size)
    driver = rising[0] if rising and rising[0].load is not None else None
    tests = [c.test for c in rising if c is not driver]
    found: list[Array] = []
    count, after = 0, start
    for block, after in _iter_blocks(driver, conditions, documents, start):
        kept = block
        for test in tests:
            kept = kept[test(kept)] if len(kept) else kept
        found.append(kept)
        count += len(kept)
        if count > limit:
            docs = np.concatenate(found)[:limit]
            return Found(docs, int(docs[-1]) + 1, exhausted=False)
        if after >= documents:
            break
        if deadline.is_over:
            return Found(_joined(found), after, exhausted=False, partial=True)
    return Found(_joined(found), max(after, documents), exhausted=True)


def _size(condition: Condition) -> float:
    """Short lists come first, and what has none last: testing it reads more."""
    return math.inf if condition.size is None else condition.size


def _iter_blocks(
    driver: Condition | None, conditions: Sequence[Condition], documents: int, start: int
) -> Iterator[tuple[Array, int]]:
    """Blocks of documents, each with the place where the rest begins."""
    if driver is not None and driver.load is not None:
        yield from _iter_list(driver.load(), documents, start)
        return
    head = next((c.head for c in conditions if c.head is not None and len(c.head)), None)
    if head is not None and start <= int(head[-1]):
        rest = head[int(np.searchsorted(head, start)) :]
        start = int(head[-1]) + 1
        yield rest, start
    size = _FIRST_BLOCK
    while start < documents:
        end = min(start + size, documents)
        yield np.arange(start, end, dtype=np.uint32), end
        start, size = end, min(size * 2, _LARGEST_BLOCK)


def _iter_list(docs: Docs, documents: int, start: int) -> Iterator[tuple[Array, int]]:
    at, size = documents_before(docs, start), _FIRST_BLOCK
    while at < len(docs):
        block = docs[at : at + size]
        at, size = at + size, min(size * 2, _LARGEST_BLOCK)
        yield block, documents if at >= len(docs) else int(block[-1]) + 1


def _joined(found: list[Array]) -> Array:
    return np.concatenate(found) if found else np.zeros(0, np.uint32)
