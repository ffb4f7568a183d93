"""How alike two fingerprints are, and when they are the same sound. Pure.

The measure is Chromaprint's own: the share of bits that differ, over all items that stand beside
each other when one fingerprint is laid upon the other at the best offset.
"""

from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from phonotheque.vault.acoustic.codec import ITEM_SECONDS, Items
from phonotheque.vault.acoustic.sampling import SILENCE
from phonotheque.vault.acoustic.segments import SKETCH_ITEMS

SAME_ERROR_RATE: Final = 0.13
MAYBE_ERROR_RATE: Final = 0.25
"""Largest shares of bits that differ. Other music that lies upon a piece best differs in 0.3 and
more; docs/decisions has how both were found."""

UNLIKE_ERROR_RATE: Final = 0.25
MOST_UNLIKE: Final = 0.04
"""Stretches of ten seconds that differ more are *unlike*; the same sound has hardly any. Another
arrangement or edit has some, however alike the rest is."""

LEAST_SECONDS: Final = 8.0
"""Less sound than this beside each other tells nothing."""

COVERED, LONGER_COVERED = 0.8, 0.5
"""Two files are the same only when so much of the shorter and of the longer one lies upon the
other; where the longer one has more to it, the shorter is a part."""

_BITS = 32
_WINDOW = 20  # items of a sketch: ten seconds
_REFINE = np.arange(-6, 7)
"""Offsets round the one that votes gave, which counts in halves of seconds."""


class Likeness(StrEnum):
    """What a comparison of a sound with a file says."""

    SAME = "same"  # one is the other
    PART = "part"  # the sound is a part of the file
    WHOLE = "whole"  # the file is a part of the sound
    MAYBE = "maybe"  # much of it is alike: another arrangement, edit or mix
    DIFFERENT = "different"


class Alignment(NamedTuple):
    """One fingerprint laid upon another: item i of the one stands beside item i + `offset` of the
    other, `overlap` items long; `error_rate` is the share of bits that differ there, `unlike` the
    share of stretches of ten seconds that differ much."""

    offset: int
    overlap: int
    error_rate: float
    unlike: float


def align(items: Items, sketch: Items, length: int, offset: int) -> Alignment:
    """Lay `items` upon a document of `length` items, of which a segment keeps `sketch`, near
    `offset`; the best alignment there. Silence upon silence counts for nothing; where less than
    half of `LEAST_SECONDS` is left, or of a shorter sound, the error rate is 1."""
    offsets = offset + _REFINE
    first = max(int(offsets[0]) // SKETCH_ITEMS, 0)
    last = min((len(items) + int(offsets[-1])) // SKETCH_ITEMS + 1, len(sketch))
    if last <= first:
        return Alignment(offset, 0, 1.0, 1.0)
    at = np.arange(first, last) * SKETCH_ITEMS - offsets[:, None]
    beside = (at >= 0) & (at < len(items))
    mine = items[np.where(beside, at, 0)]
    beside &= (mine != SILENCE) | (sketch[first:last] != SILENCE)
    wrong = np.bitwise_count(mine ^ sketch[first:last])
    counts = np.count_nonzero(beside, axis=1)
    rates = np.where(beside, wrong, 0).sum(axis=1) / (_BITS * np.maximum(counts, 1))
    rates[counts < -(-int(counts.max()) // 2)] = 1.0
    best = int(np.argmin(rates))
    near = int(offsets[best])
    overlap = min(len(items), length - near) - max(0, -near)
    least = min(LEAST_SECONDS / ITEM_SECONDS, len(items), length) / (2 * SKETCH_ITEMS)
    if overlap <= 0 or counts[best] < least:
        return Alignment(near, 0, 1.0, 1.0)
    errors = wrong[best][beside[best]]
    return Alignment(near, overlap, float(rates[best]), _unlike(errors))


def score_of(alignment: Alignment) -> float:
    """From 0, no more alike than chance (half of the bits), to 1, the same bits."""
    return max(1 - 2 * alignment.error_rate, 0.0)


def judge(alignment: Alignment, items: int, others: int) -> Likeness:
    """What a sound of so many items is to a file of `others`, upon which it was laid."""
    shorter, longer = sorted((items, others))
    overlap = alignment.overlap
    least = max(min(LEAST_SECONDS / ITEM_SECONDS, COVERED * shorter), shorter / 2)
    if overlap < least or alignment.error_rate > MAYBE_ERROR_RATE:
        return Likeness.DIFFERENT
    if alignment.error_rate > SAME_ERROR_RATE or alignment.unlike > MOST_UNLIKE:
        return Likeness.MAYBE
    if overlap >= max(COVERED * shorter, LONGER_COVERED * longer):
        return Likeness.SAME
    if overlap >= COVERED * items:
        return Likeness.PART
    return Likeness.WHOLE if overlap >= COVERED * others else Likeness.MAYBE


def _unlike(errors: npt.NDArray[np.uint8]) -> float:
    """The share of windows in which more than `UNLIKE_ERROR_RATE` of the bits differ; what is
    left behind the last whole window belongs to it."""
    starts = np.arange(max(len(errors) // _WINDOW, 1)) * _WINDOW
    sizes = np.diff(np.append(starts, len(errors)))
    wrong = np.add.reduceat(errors, starts, dtype=np.int64)
    return float(np.mean(wrong > UNLIKE_ERROR_RATE * _BITS * sizes))
