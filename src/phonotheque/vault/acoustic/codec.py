"""Chromaprint's encoded fingerprints, written and read without libchromaprint. Pure.

A fingerprint is a row of 32-bit items, one for every 0.12381 s of sound. Encoded (docs/formats/
acoustic.md): a byte with the algorithm, three with the number of items (big-endian); then for
every item the gaps between the bits in which it differs from the item before, as numbers of 3 bits
that end with 0, where 7 says that a number of 5 bits, in a second row, is to be added. As text the
same bytes stand in base64url without padding.

Content may come from anywhere: a decoder allocates in proportion to the content, which is held to
`MAX_ITEMS`, and refuses what does not add up.
"""

import base64
import binascii

import numpy as np
import numpy.typing as npt

from phonotheque.model.errors import InputError

Items = npt.NDArray[np.uint32]

ALGORITHM = 1
"""Chromaprint's TEST2, its default and the only one that AcoustID takes."""

ITEM_SECONDS = 1365 / 11025
"""Sound that one item moves on by."""

MAX_ITEMS = 1 << 20
"""36 hours of sound; longer fingerprints are cut here by who computes them."""

_HEADER_BYTES = 4
_ESCAPE = 7
_BITS = 32
_MAX_CONTENT_BYTES = _HEADER_BYTES + MAX_ITEMS * 15  # 33 numbers of 3 bits, 4 of 5 bits
_BLOCK_ITEMS = 1 << 15


def compress_fingerprint(items: Items, algorithm: int = ALGORITHM) -> bytes:
    """The encoded form of `items`, shape (n,); the bytes that libchromaprint gives for them.

    Raises:
        InputError: more than `MAX_ITEMS` items.
    """
    items = np.ascontiguousarray(items, dtype=np.uint32)
    if len(items) > MAX_ITEMS:
        raise InputError(
            f"a fingerprint of {len(items):,} items; at most {MAX_ITEMS:,} (36 hours) are kept: "
            "cut it there"
        )
    changes = items.copy()
    changes[1:] ^= items[:-1]
    blocks = range(0, len(changes), _BLOCK_ITEMS)
    parts = [_gaps(changes[start : start + _BLOCK_ITEMS]) for start in blocks]
    gaps = np.concatenate(parts) if parts else np.empty(0, np.uint8)
    beyond = gaps[gaps >= _ESCAPE] - _ESCAPE
    header = bytes([algorithm]) + len(items).to_bytes(3, "big")
    return header + _packed(np.minimum(gaps, _ESCAPE), 3) + _packed(beyond, 5)


def decode_fingerprint(content: bytes) -> Items:
    """The items of an encoded fingerprint of algorithm 1, shape (n,).

    Raises:
        InputError: another algorithm, or bytes that are no encoded fingerprint: too short, too
            long, a bit beyond the 32nd.
    """
    count = _promised(content)
    values = _unpacked(content[_HEADER_BYTES:], 3)
    ends = np.flatnonzero(values == 0)[:count]
    if len(ends) < count:
        raise _damaged(f"it promises {count:,} items and ends within them")
    lengths = np.diff(ends, prepend=-1) - 1
    if count and int(lengths.max()) > _BITS:
        raise _damaged("an item with more than 32 bits")
    used = int(ends[-1]) + 1 if count else 0
    values = values[:used]
    escapes = int(np.count_nonzero(values == _ESCAPE))
    rest = content[_HEADER_BYTES + -(-used * 3 // 8) :]
    if len(rest) != -(-escapes * 5 // 8):
        said = "ends within its exceptions" if len(rest) * 8 < escapes * 5 else "goes on after them"
        raise _damaged(f"it {said}")
    beyond = _unpacked(rest, 5)[:escapes]
    items = np.empty(count, np.uint32)
    start = taken = 0
    for first in range(0, count, _BLOCK_ITEMS):
        last = min(first + _BLOCK_ITEMS, count)
        end = int(ends[last - 1]) + 1
        gaps = values[start:end]
        wide = gaps == _ESCAPE
        more = int(np.count_nonzero(wide))
        gaps[wide] += beyond[taken : taken + more]
        items[first:last] = _changes(gaps, ends[first:last] - start)
        start, taken = end, taken + more
    return np.bitwise_xor.accumulate(items) if count else items


def parse_fingerprint(text: str) -> Items:
    """The items of a fingerprint as text, as `fpcalc` prints it, shape (n,).

    Raises:
        InputError: no base64url text, or what `decode_fingerprint` refuses.
    """
    text = text.strip().rstrip("=")
    if len(text) > _MAX_CONTENT_BYTES * 4 // 3 + 4:
        raise _damaged("longer than any fingerprint")
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _damaged("it is no base64url text; give what fpcalc prints after FINGERPRINT=") from (
            None
        )
    return decode_fingerprint(content)


def format_fingerprint(items: Items) -> str:
    """The text that `parse_fingerprint` reads and AcoustID takes."""
    return base64.urlsafe_b64encode(compress_fingerprint(items)).decode().rstrip("=")


def raw_fingerprint(content: bytes) -> Items:
    """Items from their plain form, 32-bit little-endian words (`Description.fingerprint`).

    Raises:
        InputError: a length that is no multiple of 4.
    """
    if len(content) % 4:
        raise _damaged("its plain form is no row of 32-bit words")
    return np.frombuffer(content, "<u4").astype(np.uint32)


def _promised(content: bytes) -> int:
    if len(content) < _HEADER_BYTES:
        raise _damaged("shorter than its header")
    if content[0] != ALGORITHM:
        raise InputError(
            f"a fingerprint of Chromaprint's algorithm {content[0]}, and only {ALGORITHM} (TEST2, "
            "the default) can be compared here; compute it anew"
        )
    count = int.from_bytes(content[1:_HEADER_BYTES], "big")
    if count > MAX_ITEMS or len(content) > _MAX_CONTENT_BYTES:
        raise _damaged(f"longer than the {MAX_ITEMS:,} items (36 hours) that are read")
    if len(content) * 8 < count * 3:
        raise _damaged(f"it promises {count:,} items and ends within them")
    return count


def _damaged(why: str) -> InputError:
    return InputError(f"not a Chromaprint fingerprint: {why}")


def _gaps(changes: Items) -> npt.NDArray[np.uint8]:
    """For every item the gaps between its set bits, counted from 1, and a 0 at its end."""
    bits = np.unpackbits(changes.astype("<u4").view(np.uint8), bitorder="little")
    marks = np.ones((len(changes), _BITS + 1), np.bool_)  # the last column is the end
    marks[:, :_BITS] = bits.reshape(-1, _BITS)
    column = np.flatnonzero(marks.ravel()) % (_BITS + 1)
    before = np.empty_like(column)
    before[0], before[1:] = _BITS, column[:-1]
    before[before == _BITS] = -1
    return np.where(column == _BITS, 0, column - before).astype(np.uint8)


def _changes(gaps: npt.NDArray[np.uint8], ends: npt.NDArray[np.intp]) -> Items:
    """What each item changes in the one before; `ends` are the places of the closing zeros."""
    reached = np.cumsum(gaps, dtype=np.int64)
    starts = np.empty_like(ends)
    starts[0], starts[1:] = 0, ends[:-1] + 1
    bases = np.repeat(reached[ends], ends - starts + 1)
    lengths = reached[ends].copy()
    lengths[1:] -= reached[ends[:-1]]
    if int(lengths.max()) > _BITS:
        raise _damaged("a bit beyond the 32nd")
    place = reached - bases + np.repeat(lengths, ends - starts + 1) - 1
    bits = np.where(gaps == 0, 0, np.left_shift(np.int64(1), np.maximum(place, 0)))
    return np.add.reduceat(bits, starts).astype(np.uint32)


def _packed(values: npt.NDArray[np.uint8], width: int) -> bytes:
    """Numbers of `width` bits one after another, the lowest bit first."""
    bits = np.unpackbits(values[:, None], axis=1, count=width, bitorder="little")
    return np.packbits(bits.ravel(), bitorder="little").tobytes()


def _unpacked(content: bytes, width: int) -> npt.NDArray[np.uint8]:
    """The numbers of `width` bits (below 8) that `content` has room for."""
    count = len(content) * 8 // width
    groups = -(-len(content) // width)  # of `width` bytes, 8 numbers each
    whole = content.ljust(groups * width, b"\0")
    padded = np.frombuffer(whole, np.uint8).reshape(groups, width)
    found: npt.NDArray[np.uint8] = np.zeros((groups, 8), np.uint8)
    for number in range(8):
        byte, shift = divmod(number * width, 8)
        found[:, number] = padded[:, byte] >> shift
        if shift + width > 8:
            found[:, number] |= padded[:, byte + 1] << (8 - shift)
    return found.ravel()[:count] & np.uint8((1 << width) - 1)
