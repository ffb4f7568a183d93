"""Bencoding (BEP 3), both ways, strict: what another order or spelling could say is refused.

Values are int, bytes, list and dict with bytes keys; text is encoded by the caller.
"""

from collections.abc import Iterator
from typing import TypeAlias

from phonotheque.model.errors import FormatError

Bencoded: TypeAlias = int | bytes | list["Bencoded"] | dict[bytes, "Bencoded"]
_MAX_DEPTH = 100
_MAX_DIGITS = 20
_DIGITS = frozenset(b"0123456789")


def encode(value: Bencoded) -> bytes:
    """The one bencoding of `value`; dictionary keys are sorted as raw bytes."""
    return b"".join(_parts(value))


def decode(content: bytes) -> Bencoded:
    """The value that `content` is the bencoding of.

    Raises:
        FormatError: not bencoded, trailing bytes, unsorted or repeated keys, ``-0``, leading
            zeros, or nested more than 100 deep.
    """
    value, end = _read(content, 0, 0)
    if end != len(content):
        raise FormatError(f"bencoding: {len(content) - end} bytes follow the value")
    return value


def slice_of(content: bytes, key: bytes) -> bytes:
    """The original bytes of the value under `key` in the dictionary `content`.

    Info hashes are made over original bytes, never over a re-encoding (BEP 52).

    Raises:
        FormatError: `content` is no dictionary, or has no such key.
    """
    if content[:1] != b"d":
        raise FormatError("bencoding: not a dictionary")
    at = 1
    while content[at : at + 1] != b"e":
        found, at = _read_bytes(content, at)
        _, end = _read(content, at, 1)
        if found == key:
            return content[at:end]
        at = end
    raise FormatError(f"bencoding: no key {key!r}")


def _parts(value: Bencoded) -> Iterator[bytes]:
    match value:
        case int():
            yield b"i%de" % value
        case bytes():
            yield b"%d:" % len(value)
            yield value
        case list():
            yield b"l"
            for item in value:
                yield from _parts(item)
            yield b"e"
        case dict():
            yield b"d"
            for key in sorted(value):
                yield from _parts(key)
                yield from _parts(value[key])
            yield b"e"


def _read(content: bytes, at: int, depth: int) -> tuple[Bencoded, int]:
    if depth > _MAX_DEPTH:
        raise FormatError(f"bencoding: nested more than {_MAX_DEPTH} deep")
    match content[at : at + 1]:
        case b"i":
            return _read_number(content, at + 1, b"e")
        case b"l":
            return _read_list(content, at + 1, depth)
        case b"d":
            return _read_dictionary(content, at + 1, depth)
        case _:
            return _read_bytes(content, at)


def _read_number(content: bytes, at: int, closing: bytes) -> tuple[int, int]:
    end = content.find(closing, at, at + _MAX_DIGITS + 2)
    digits = content[at:end]
    plain = digits.removeprefix(b"-")
    wrong = end < 0 or not plain or not _DIGITS.issuperset(plain)
    if wrong or (plain[:1] == b"0" and digits != b"0"):
        raise FormatError(f"bencoding: no number at byte {at}")
    return int(digits), end + 1


def _read_bytes(content: bytes, at: int) -> tuple[bytes, int]:
    length, start = _read_number(content, at, b":")
    end = start + length
    if length < 0 or end > len(content):
        raise FormatError(f"bencoding: the string at byte {at} does not end in time")
    return content[start:end], end


def _read_list(content: bytes, at: int, depth: int) -> tuple[list[Bencoded], int]:
    items: list[Bencoded] = []
    while content[at : at + 1] != b"e":
        item, at = _read(content, at, depth + 1)
        items.append(item)
    return items, at + 1


def _read_dictionary(content: bytes, at: int, depth: int) -> tuple[dict[bytes, Bencoded], int]:
    items: dict[bytes, Bencoded] = {}
    last: bytes | None = None
    while content[at : at + 1] != b"e":
        key, at = _read_bytes(content, at)
        if last is not None and key <= last:
            raise FormatError(f"bencoding: key {key!r} is not in order")
        items[key], at = _read(content, at, depth + 1)
        last = key
    return items, at + 1
