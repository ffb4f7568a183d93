"""What one request says, as one of a few symbols: heard before, or new, how rare and how reached.

Ranks are cut into eight buckets of growing shares of the catalogue. A new item is also told by
its step from the one before: the next in the catalogue on the same release; the next, but across
the end of a release; the next, but *away* across the end of an artist, where people stop and a walk
along the catalogue goes on; elsewhere, by an artist that the account knows or on the same release
(a shuffled compilation has many artists, and is one choice); elsewhere, by one that it does not.
Only the first step onto a release tells the bucket, and going on along it is never evidence of
harvesting: items of one release are alike, and a box of a hundred tracks must not count as a
hundred witnesses. The next by rank is told from other well-known items: every archive shows a
list of the hundred played most, and people play it from its top; beyond it they do not.
"""

import numpy as np
from numpy.typing import NDArray

BUCKETS = 8
EDGE_SHARES = (0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.4)
NEXT, ACROSS, AWAY, KNOWN, UNKNOWN = range(5)
"""Steps by which a new item is reached."""
REPEAT = 0
NEXT_SYMBOL = 1
LISTED_SYMBOL = 2
BEYOND_SYMBOL = 3
STEPPED = 4
"""The first symbol that tells a step and a bucket."""
SYMBOLS = STEPPED + 4 * BUCKETS
LISTED = 100
"""Ranks that the list of what was played most shows."""
STAGE_ENDS = (100, 1000)
"""Media requests at which an account is no longer new, then old."""
STAGES = 3
TAIL_BUCKET = 6
"""From here on it is the long tail: nine tenths of a catalogue, under 1 % of its plays."""


def bucket_edges(size: int) -> NDArray[np.int64]:
    """Ranks (from 0) at which the buckets 1 to 7 begin, in a catalogue of `size` items."""
    edges: NDArray[np.int64] = np.ceil(np.array(EDGE_SHARES) * size).astype(np.int64)
    return edges


def rank_buckets(ranks: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket of each rank (from 0)."""
    found: NDArray[np.int64] = np.searchsorted(edges, ranks, side="right").astype(np.int64)
    return found


def rank_bucket(rank: int, size: int) -> int:
    """The bucket of one rank (from 0) in a catalogue of `size` items."""
    return sum(1 for share in EDGE_SHARES if rank >= -int(-share * size // 1))


def symbol(step: int, bucket: int) -> int:
    """The symbol of a new item."""
    return NEXT_SYMBOL if step == NEXT else STEPPED + (step - 1) * BUCKETS + bucket


def stage(media: int) -> int:
    """How old an account is that has made `media` media requests."""
    return (media >= STAGE_ENDS[0]) + (media >= STAGE_ENDS[1])


def describe_symbol(number: int) -> str:
    """A symbol in words."""
    if number == REPEAT:
        return "heard before"
    if number == NEXT_SYMBOL:
        return "new, next on the release"
    if number == LISTED_SYMBOL:
        return "new, next on the list of what was played most"
    if number == BEYOND_SYMBOL:
        return "new, next by rank beyond what a list shows"
    step, bucket = divmod(number - STEPPED, BUCKETS)
    reached = (
        "next, across releases", "next, across artists", "by a known artist",
        "by an unknown artist",
    )[step]  # fmt: skip
    return f"new, {reached}, bucket {bucket}"
