"""Public ids by the column: as `model.numbers` makes and reads them one by one."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from phonotheque.model.numbers import ALPHABET, IdKey, Kind, permute, unpermute

I64 = npt.NDArray[np.int64]
_CHARACTERS = 10
_BAD = 255
_DOUBLE = np.array([(v << 1) ^ (0b100101 if v & 16 else 0) for v in range(32)])


def _values() -> npt.NDArray[np.uint8]:
    values = np.full(256, _BAD, np.uint8)
    for value, letter in enumerate(ALPHABET):
        values[ord(letter)] = value
    for letter, value in (("o", 0), ("i", 1), ("l", 1)):
        values[ord(letter)] = value
    return values


_VALUES = _values()


def format_id_column(numbers: I64, key: IdKey, kind: Kind) -> pa.Array:
    """Public ids of `numbers` (n,), each from 1 to MAX_NUMBER; a string array (n,)."""
    values = permute(numbers.astype(np.uint64), key, kind).astype(np.int64)
    head = np.full(len(values), ALPHABET.index(kind.value))
    symbols = [head, *((values >> shift) & 31 for shift in range(35, -1, -5))]
    letters = np.frombuffer(ALPHABET.encode(), np.uint8)
    text = letters[np.stack([*symbols, _check(symbols)], axis=1)]
    return pa.array(np.ascontiguousarray(text).view(f"S{_CHARACTERS}").ravel()).cast(pa.string())


def parse_id_column(texts: pa.Array, key: IdKey, kind: Kind) -> I64:
    """The numbers that public ids of `kind` name, (n,); 0 for a text that is none of them."""
    clean = pc.replace_substring(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), "-", "")
    raw = clean.cast(pa.binary())
    whole = np.asarray(pc.fill_null(pc.equal(pc.binary_length(raw), _CHARACTERS), False))
    letters = np.frombuffer(b"".join(raw.filter(pa.array(whole)).to_pylist()), np.uint8)
    letters = letters.reshape(-1, _CHARACTERS)
    symbols = _VALUES[letters].astype(np.int64)
    sound = (letters[:, 0] == ord(kind.value)) & ~np.any(symbols == _BAD, axis=1)
    symbols = np.where(sound[:, None], symbols, 0)
    sound &= _check(list(symbols.T[:-1])) == symbols[:, -1]
    values = np.zeros(len(symbols), np.uint64)
    for symbol in symbols.T[1:-1]:
        values = (values << np.uint64(5)) | symbol.astype(np.uint64)
    numbers = np.zeros(len(texts), np.int64)
    numbers[whole] = np.where(sound, unpermute(values, key, kind).astype(np.int64), 0)
    return numbers


def _check(symbols: list[I64]) -> I64:
    """The check characters' values of columns of symbols; see `model.numbers`."""
    total = np.zeros(len(symbols[0]), np.int64)
    for symbol in reversed(symbols):
        total = _DOUBLE[total] ^ symbol
    return np.asarray(_DOUBLE[total])
