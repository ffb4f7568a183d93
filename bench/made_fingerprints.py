"""Fingerprints for an index of a million, made from real ones so that they share their statistics.

Stretches of 16 items (2 s) are drawn from real fingerprints, or from those of composed pieces, and
in each stretch one bit in eight is turned over throughout. Within a stretch items follow each other
as in music, and values that are common in music stay common; between files no more agrees than by
chance.
"""

from collections.abc import Iterator
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from phonotheque.vault import SoundDocument

Items = npt.NDArray[np.uint32]

ITEMS = 1_940  # four minutes
_STRETCH = 16
_TURNED = 1 / 8


class Made:
    """Fingerprints by number, always the same for the same `real` ones."""

    def __init__(self, real: list[Items]) -> None:
        self._real = np.concatenate(real)

    def items(self, number: int) -> Items:
        """The fingerprint of file `number`, shape (1940,)."""
        random = np.random.default_rng(number)
        count = -(-ITEMS // _STRETCH)
        starts = random.integers(0, len(self._real) - _STRETCH, count)
        drawn = self._real[(starts[:, None] + np.arange(_STRETCH)).ravel()]
        turned = np.repeat(_words(random.random((count, 32)) < _TURNED), _STRETCH)
        return (drawn ^ turned)[:ITEMS]

    def documents(self, count: int) -> Iterator[SoundDocument]:
        """Files 0 … `count` - 1."""
        for number in range(count):
            yield SoundDocument(digest(number), self.items(number))


def digest(number: int) -> bytes:
    """The SHA-256 that file `number` goes by."""
    return sha256(number.to_bytes(8, "little")).digest()


def damaged(items: Items, random: np.random.Generator, share: float = 0.05) -> Items:
    """The items with so large a share of all bits turned over."""
    return items ^ _words(random.random((len(items), 32)) < share)


def _words(bits: npt.NDArray[np.bool_]) -> Items:
    return np.packbits(bits, axis=1, bitorder="little").view("<u4").ravel()
