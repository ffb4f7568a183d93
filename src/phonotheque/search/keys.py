"""Identifiers to numbers: sorted packed arrays, found by bisection.

- ISRC: u64, the first five characters as digits of base 36 (0–9 before A–Z), times ten million,
  plus the last seven as a decimal number; so packed order is the order of the text.
- MBID: two u64, the first and the last eight bytes, big-endian.
- source key: u64, the last eight bytes, little-endian, of the MD5 of ``<source>:<source_key>``
  (what DuckDB calls ``md5_number_lower``; it spreads, it protects nothing).
"""

from collections.abc import Sequence
from hashlib import md5
from pathlib import Path

import numpy as np
import pyarrow as pa

from phonotheque.search.arrays import U64, Array, load_array

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WEIGHTS = np.array(
    [36**p * 10**7 for p in (4, 3, 2, 1, 0)] + [10**p for p in (6, 5, 4, 3, 2, 1, 0)], np.uint64
)


def pack_isrcs(codes: pa.Array) -> U64:
    """Normalised ISRCs (12 characters each, no nulls) as u64."""
    letters = _letters(codes, 12)
    values = np.where(letters >= 65, letters - 55, letters - 48).astype(np.uint64)
    packed: U64 = (values * _WEIGHTS).sum(axis=1, dtype=np.uint64)
    return packed


def pack_isrc(code: str) -> int:
    """One normalised ISRC as an integer."""
    head = 0
    for character in code[:5]:
        head = head * 36 + _DIGITS.index(character)
    return head * 10**7 + int(code[5:])


def pack_mbids(ids: pa.Array) -> tuple[U64, U64]:
    """Canonical MBIDs (36 characters each, no nulls) as their two halves."""
    letters = np.delete(_letters(ids, 36), [8, 13, 18, 23], axis=1)
    nibbles = np.where(letters >= 97, letters - 87, letters - 48).astype(np.uint8)
    raw = np.ascontiguousarray((nibbles[:, 0::2] << 4) | nibbles[:, 1::2])
    halves = raw.view(">u8").astype(np.uint64)
    return halves[:, 0], halves[:, 1]


def source_hash(source_and_key: str) -> int:
    """The hash under which ``<source>:<source_key>`` is filed."""
    digest = md5(source_and_key.encode(errors="replace"), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little")


def _letters(texts: pa.Array, width: int) -> Array:
    fixed = np.asarray(texts.to_numpy(zero_copy_only=False), dtype=f"S{width}")
    return fixed.view(np.uint8).reshape(len(texts), width)


class KeyFile:
    """``<name>_keys.npy`` (u64, sorted) and ``<name>_numbers.npy``; a key may stand repeatedly."""

    def __init__(self, folder: Path, name: str) -> None:
        self._keys = load_array(folder / f"{name}_keys.npy")
        self._numbers = load_array(folder / f"{name}_numbers.npy")

    def find(self, key: int) -> tuple[int, ...]:
        """All numbers filed under `key`, in their order."""
        return self.find_many([key])[0]

    def find_many(self, keys: Sequence[int]) -> list[tuple[int, ...]]:
        """As `find` for each of `keys`, with one bisection for all."""
        wanted = np.array(keys, np.uint64)
        low = np.searchsorted(self._keys, wanted)
        high = np.searchsorted(self._keys, wanted, side="right")
        width = high - low
        out: list[tuple[int, ...]] = [()] * len(keys)
        single = np.flatnonzero(width == 1)
        for at, number in zip(single.tolist(), self._numbers[low[single]].tolist(), strict=True):
            out[at] = (number,)
        for at in np.flatnonzero(width > 1).tolist():
            out[at] = tuple(dict.fromkeys(self._numbers[low[at] : high[at]].tolist()))
        return out


class MbidFile:
    """``mbid_high.npy``, ``mbid_low.npy`` (u64, sorted together) and ``mbid_numbers.npy``."""

    def __init__(self, folder: Path) -> None:
        self._high = load_array(folder / "mbid_high.npy")
        self._low = load_array(folder / "mbid_low.npy")
        self._numbers = load_array(folder / "mbid_numbers.npy")

    def find(self, mbid: str) -> tuple[int, ...]:
        """All numbers filed under a canonical MBID, rising."""
        raw = bytes.fromhex(mbid.replace("-", ""))
        high, low = int.from_bytes(raw[:8]), int.from_bytes(raw[8:])
        begin, end = (
            int(np.searchsorted(self._high, np.uint64(high), side=side))
            for side in ("left", "right")
        )
        same = self._low[begin:end] == np.uint64(low)
        return tuple(int(n) for n in self._numbers[begin:end][same])
