"""Which items of a fingerprint the index keeps, and what a look-up asks for. Pure.

An item is kept when its mixed value lies under a limit: a choice by content, so that the same
sound gives the same choice wherever a clip begins. Of a sound file of n items about n / `every`
stay. The mixed value, below 2^32 / `every`, is the *key*; mixing is one to one.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from phonotheque.vault.acoustic.codec import Items

Keys = npt.NDArray[np.uint32]

PLACE_ITEMS: Final = 4
"""A place counts in so many items: half a second."""

MAX_PLACES: Final = 1 << 16
"""What begins later (9 hours) is not sampled."""

SILENCE: Final = 627964279
"""The item of silence (AcoustID leaves it out too)."""

_MOST_REPEATS = 4
"""How often one item of a file is kept: a held tone would fill the lists."""

_BITS = 32


class Postings(NamedTuple):
    """Shape (n,) each: which key, in which document, at which place."""

    keys: Keys
    docs: npt.NDArray[np.uint32]
    places: npt.NDArray[np.uint16]


class Probes(NamedTuple):
    """Keys to ask for, shape (n,), and the item of the sound that each comes of."""

    keys: Keys
    at: npt.NDArray[np.int64]


def mixed(items: Items) -> Keys:
    """Items with their bits spread evenly, one to one (the finaliser of MurmurHash3)."""
    keys = items.astype(np.uint32)
    keys ^= keys >> np.uint32(16)
    keys *= np.uint32(0x85EBCA6B)
    keys ^= keys >> np.uint32(13)
    keys *= np.uint32(0xC2B2AE35)
    keys ^= keys >> np.uint32(16)
    return keys


def key_limit(every: int) -> int:
    """Keys lie below it."""
    return (1 << _BITS) // every


def sample(items: Items, lengths: npt.NDArray[np.int64], every: int) -> Postings:
    """What the index keeps of fingerprints of these lengths that stand one after another in
    `items`: postings with rising keys, up to four of one key in one document."""
    at = np.flatnonzero(_first_of_runs(items))
    keys = mixed(items[at])
    kept = keys < key_limit(every)
    keys, at = keys[kept], at[kept]
    ends = np.cumsum(lengths)
    docs = np.searchsorted(ends, at, side="right")
    at -= (ends - lengths)[docs]
    early = at < MAX_PLACES * PLACE_ITEMS
    keys, docs, at = keys[early], docs[early], at[early]
    both = keys.astype(np.uint64) << np.uint64(_BITS) | docs.astype(np.uint64)
    order = np.argsort(both, kind="stable")
    both, at = both[order], at[order]
    few = np.ones(len(both), np.bool_)
    few[_MOST_REPEATS:] = both[_MOST_REPEATS:] != both[:-_MOST_REPEATS]
    both, at = both[few], at[few]
    keys, numbers = (both >> np.uint64(_BITS)).astype(np.uint32), both.astype(np.uint32)
    return Postings(keys, numbers, (at // PLACE_ITEMS).astype(np.uint16))


def probe(items: Items, every: int, flips: int, most: int) -> Probes:
    """What a look-up asks for: the keys of `most` items or fewer, spread evenly, and of all that
    differ from one of them in up to `flips` (0, 1 or 2) bits."""
    at = np.flatnonzero(_first_of_runs(items))
    if len(at) > most:
        at = at[np.linspace(0, len(at) - 1, most).astype(np.int64)]
    near = items[at][:, None] ^ _masks(flips)[None, :]
    keys = mixed(near.ravel())
    kept = np.flatnonzero(keys < key_limit(every))
    kept = kept[np.argsort(keys[kept])]  # so that they are read from the front to the back
    return Probes(keys[kept], at[kept // near.shape[1]])


def _first_of_runs(items: Items) -> npt.NDArray[np.bool_]:
    """Items that are not silence and differ from the one before."""
    first: npt.NDArray[np.bool_] = items != SILENCE
    first[1:] &= items[1:] != items[:-1]
    return first


def _masks(flips: int) -> Items:
    """All words of 32 bits with at most `flips` bits, the empty one first."""
    single = np.uint32(1) << np.arange(_BITS, dtype=np.uint32)
    masks = [np.zeros(1, np.uint32)]
    if flips:
        masks.append(single)
    if flips > 1:
        one, other = np.triu_indices(_BITS, 1)
        masks.append(single[one] | single[other])
    return np.concatenate(masks)
