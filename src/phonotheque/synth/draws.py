"""Numbers drawn for things that are only counted: the same for the same seed, stream and index.

No state and no transcendental functions, so every machine draws the same, and anything may be drawn
before or without anything else. Source of the mixing: the finaliser of SplitMix64 (Steele, Lea and
Flood 2014).
"""

from zlib import crc32

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Draws = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

_MASK = 2**64 - 1
_STEP = 0x9E3779B97F4A7C15
_M1, _M2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_U = np.uint64


def draw(seed: int, stream: str, ids: npt.NDArray[np.integer]) -> Draws:
    """64 random bits for each of `ids` (shape (n,)); streams are independent of each other."""
    key = (_mix_one((seed * 2 + 1) & _MASK) ^ (crc32(stream.encode()) * _STEP)) & _MASK
    x = ids.astype(np.uint64) * _U(_STEP)
    x += _U(_mix_one(key))
    x ^= x >> _U(30)
    x *= _U(_M1)
    x ^= x >> _U(27)
    x *= _U(_M2)
    x ^= x >> _U(31)
    return x


def _mix_one(x: int) -> int:
    x = ((x ^ (x >> 30)) * _M1) & _MASK
    x = ((x ^ (x >> 27)) * _M2) & _MASK
    return x ^ (x >> 31)


def below(draws: Draws, limit: int | Ints | Draws) -> Ints:
    """Evenly from 0 … limit-1 by the high half of each draw; `limit` below 2**32."""
    top = np.asarray(limit).astype(np.uint64)
    return (((draws >> _U(32)) * top) >> _U(32)).astype(np.int64)


def again(draws: Draws) -> Draws:
    """The low half of each draw made the high one: a second choice out of one draw."""
    return draws << _U(32)


def happens(draws: Draws, share: float) -> Mask:
    """True for `share` of the draws, by their high half."""
    return (draws >> _U(32)) < _U(int(share * 2**32))


def pick(draws: Draws, weights: list[float]) -> Ints:
    """An index into `weights`, as often as its weight says; by the high half."""
    total = sum(weights)
    edges = np.cumsum(np.array(weights[:-1])) / total * 2**32
    found = np.searchsorted(edges.astype(np.uint64), draws >> _U(32), side="right")
    return found.astype(np.int64)


def log2_fixed(values: Ints) -> Ints:
    """Binary logarithm of positive integers, in 1/65536, straight between powers of two."""
    mantissa, exponent = np.frexp(values.astype(np.float64))
    return ((exponent.astype(np.int64) - 1) << 16) + ((mantissa * 2 - 1) * 65536).astype(np.int64)


def exp2_fixed(logs: Ints) -> Ints:
    """The inverse of `log2_fixed`, rounded down; below 2**46."""
    return ((65536 + (logs & 65535)) << (logs >> 16)) >> 16


def log_uniform(draws: Draws, logs: Ints) -> Ints:
    """Ranks from 0 to about 2**(logs/65536), as frequent as 1/(rank+1): Zipf's law."""
    x = ((draws >> _U(32)) * logs.astype(np.uint64)) >> _U(32)
    octave = x >> _U(16)
    rank = ((_U(65536) + (x & _U(65535))) << octave) >> _U(16)
    fine = np.maximum(octave.astype(np.int64) - 16, 0).astype(np.uint64)
    rank += (draws & _U(0xFFFFFFFF)) & ((_U(1) << fine) - _U(1))
    return rank.astype(np.int64) - 1


def scatter30(values: Ints, seed: int) -> Ints:
    """A permutation of 0 … 2**30-1 (a Feistel network of four rounds)."""
    left, right = values >> 15, values & 32767
    for turn in range(4):
        mixed = (draw(seed, f"round {turn}", right) >> _U(49)).astype(np.int64)
        left, right = right, left ^ mixed
    return (left << 15) | right
