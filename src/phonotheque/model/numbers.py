"""Permanent numbers and the public ids made from them (docs/formats/public-ids.md).

A number is given once and for ever, counted from 1 within its kind. The public id of a number is
ten characters: a letter for the kind, eight of Crockford's base 32 for the number sent through a
keyed permutation of 40 bits, and one check character. The key belongs to the archive and is
published with each edition: ids are not secret, but without an edition at hand nobody gets from
one id to its neighbour's.

The check character is a Reed-Solomon symbol over GF(32): it finds every single wrong character
and every swap of two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from phonotheque.model.errors import InputError

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUE = {c: i for i, c in enumerate(ALPHABET)} | {"o": 0, "i": 1, "l": 1}
_HALF_BITS = 20
_HALF_MASK = (1 << _HALF_BITS) - 1
_ROUNDS = 6
MAX_NUMBER = (1 << 40) - 1

U64 = npt.NDArray[np.uint64]


class Kind(StrEnum):
    """What a number counts. The value is the first letter of the public id."""

    RECORDING = "r"
    TRACK = "t"
    RELEASE = "d"
    ARTIST = "a"


@dataclass(frozen=True, slots=True)
class IdKey:
    """The archive's key: 16 bytes, made at `init`, published in every edition."""

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) != 16:
            raise InputError(f"an id key has 16 bytes, this one has {len(self.secret)}")

    def round_keys(self, kind: Kind) -> list[int]:
        """Odd 64-bit multipliers, one for each round, different for each kind."""
        return _round_keys(self.secret, kind.value)


@cache
def _round_keys(secret: bytes, kind: str) -> list[int]:
    return [
        int.from_bytes(sha256(secret + kind.encode() + bytes([i])).digest()[:8]) | 1
        for i in range(_ROUNDS)
    ]


def _round(half: U64, key: int) -> U64:
    mixed = (half + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(key)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return mixed & np.uint64(_HALF_MASK)


def permute(numbers: U64, key: IdKey, kind: Kind) -> U64:
    """Numbers (1-D, < 2**40) through the archive's Feistel permutation of 40 bits."""
    left, right = numbers >> np.uint64(_HALF_BITS), numbers & np.uint64(_HALF_MASK)
    for round_key in key.round_keys(kind):
        left, right = right, left ^ _round(right, round_key)
    return (left << np.uint64(_HALF_BITS)) | right


def unpermute(values: U64, key: IdKey, kind: Kind) -> U64:
    """The inverse of `permute`."""
    left, right = values >> np.uint64(_HALF_BITS), values & np.uint64(_HALF_MASK)
    for round_key in reversed(key.round_keys(kind)):
        left, right = right ^ _round(left, round_key), left
    return (left << np.uint64(_HALF_BITS)) | right


_MASK_64 = (1 << 64) - 1


def _round_one(half: int, key: int) -> int:
    """`_round` of one number: for so few, arrays cost twenty times as much."""
    mixed = (half + 0x9E3779B97F4A7C15) * key & _MASK_64
    mixed = (mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9 & _MASK_64
    return (mixed ^ mixed >> 32) & _HALF_MASK


def permute_one(number: int, key: IdKey, kind: Kind) -> int:
    """`permute` of one number."""
    left, right = number >> _HALF_BITS, number & _HALF_MASK
    for round_key in key.round_keys(kind):
        left, right = right, left ^ _round_one(right, round_key)
    return left << _HALF_BITS | right


def unpermute_one(value: int, key: IdKey, kind: Kind) -> int:
    """The inverse of `permute_one`."""
    left, right = value >> _HALF_BITS, value & _HALF_MASK
    for round_key in reversed(key.round_keys(kind)):
        left, right = right ^ _round_one(left, round_key), left
    return left << _HALF_BITS | right


def _gf_double(value: int) -> int:
    value <<= 1
    return value ^ 0b100101 if value & 0b100000 else value


def _check(symbols: list[int]) -> int:
    """Sum of alpha**i * s_i over GF(32), alpha = x, polynomial x^5 + x^2 + 1."""
    total = 0
    for symbol in reversed(symbols):
        total = _gf_double(total) ^ symbol
    return _gf_double(total)


_SHIFTS = np.arange(35, -1, -5, dtype=np.uint64)
_LETTERS = np.frombuffer(ALPHABET.encode(), np.uint8)
_PLACES = np.arange(1, 9)
_CHECKS = np.array(  # the check is a sum: what symbol s at place p adds to it is [p, s]
    [[_check([0] * p + [s] + [0] * (8 - p)) for s in range(32)] for p in range(9)], np.uint8
)


def format_public_ids(numbers: npt.ArrayLike, key: IdKey, kind: Kind) -> list[str]:
    """Public ids of many numbers at once."""
    wide = np.atleast_1d(np.asarray(numbers, dtype=np.uint64))
    if wide.size and (int(np.min(wide)) < 1 or int(np.max(wide)) > MAX_NUMBER):
        raise InputError(f"a number lies between 1 and {MAX_NUMBER}")
    symbols = (permute(wide, key, kind)[:, None] >> _SHIFTS) & np.uint64(31)
    checks = np.bitwise_xor.reduce(_CHECKS[_PLACES, symbols], axis=1)
    checks ^= _check([_VALUE[kind.value], *[0] * len(_SHIFTS)])
    letters = np.empty((len(wide), 10), np.uint8)
    letters[:, 0] = ord(kind.value)
    letters[:, 1:9] = _LETTERS[symbols]
    letters[:, 9] = _LETTERS[checks]
    text = letters.tobytes().decode()
    return [text[at : at + 10] for at in range(0, len(text), 10)]


def format_public_id(number: int, key: IdKey, kind: Kind = Kind.RECORDING) -> str:
    """The public id of one number, for example ``r7k2m9qx4d``."""
    if not 1 <= number <= MAX_NUMBER:
        raise InputError(f"a number lies between 1 and {MAX_NUMBER}")
    value = permute_one(number, key, kind)
    symbols = [value >> shift & 31 for shift in range(35, -1, -5)]
    tail = _check([_VALUE[kind.value], *symbols])
    return kind.value + "".join([ALPHABET[symbol] for symbol in (*symbols, tail)])


def parse_public_id(text: str, key: IdKey) -> tuple[Kind, int]:
    """Kind and number of a public id; capitals, and o i l for 0 1 1, are read as meant.

    Raises:
        InputError: the text is no public id, or its check character does not fit.
    """
    kind, value = _parse_payload(text)
    number = unpermute_one(value, key, kind)
    if number == 0:
        raise InputError(f"{text!r} names nothing")
    return kind, number


def parse_public_ids(texts: Sequence[str], key: IdKey) -> list[tuple[Kind, int] | None]:
    """As `parse_public_id` for many at once; None for what is no public id."""
    out: list[tuple[Kind, int] | None] = [None] * len(texts)
    payloads: dict[Kind, tuple[list[int], list[int]]] = {kind: ([], []) for kind in Kind}
    for at, text in enumerate(texts):
        try:
            kind, value = _parse_payload(text)
        except InputError:
            continue
        payloads[kind][0].append(at)
        payloads[kind][1].append(value)
    for kind, (places, values) in payloads.items():
        if not places:
            continue
        numbers = unpermute(np.array(values, dtype=np.uint64), key, kind).tolist()
        for at, number in zip(places, numbers, strict=True):
            out[at] = (kind, number) if number else None
    return out


def _parse_payload(text: str) -> tuple[Kind, int]:
    clean = text.strip().lower().replace("-", "")
    try:
        kind = Kind(clean[:1])
        symbols = [_VALUE[c] for c in clean[1:]]
    except (ValueError, KeyError):
        raise InputError(f"{text!r} is not a public id") from None
    if len(symbols) != 9:
        raise InputError(f"{text!r} is not a public id: it has {len(clean)} characters, not 10")
    *payload, tail = symbols
    if _check([_VALUE[kind.value], *payload]) != tail:
        raise InputError(f"{text!r} is mistyped: its check character does not fit")
    value = 0
    for symbol in payload:
        value = (value << 5) | symbol
    return kind, value
