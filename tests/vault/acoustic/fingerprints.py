"""Made fingerprints, for tests."""

import numpy as np

from phonotheque.vault.acoustic.codec import Items


def drifting(count: int, seed: int = 1) -> Items:
    """Items that change in a few bits from one to the next, as those of music do."""
    random = np.random.default_rng(seed)
    flips = random.random((count, 32)) < 0.15
    flips[0] = random.random(32) < 0.5
    changes = np.packbits(flips, axis=1, bitorder="little").view("<u4").ravel()
    return np.bitwise_xor.accumulate(changes).astype(np.uint32)


def damaged(items: Items, share: float, seed: int = 1) -> Items:
    """The items with so large a share of all bits turned over."""
    flips = np.random.default_rng(seed).random((len(items), 32)) < share
    return items ^ np.packbits(flips, axis=1, bitorder="little").view("<u4").ravel()


def without_part(items: Items, share: float, seed: int = 1) -> Items:
    """The items, a share of them in the middle replaced by others."""
    other, size = items.copy(), int(len(items) * share)
    start = (len(items) - size) // 2
    other[start : start + size] = drifting(size, seed + 1000)
    return other
