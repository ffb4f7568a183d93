"""Every page of an Ogg file, by its checksum and number (RFC 3533): libav drops a page with a bad
checksum without a word."""

import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

HEADER_BYTES = 27
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(slots=True)
class OggPages:
    """What a walk saw: the first `damage` in words, and streams that do not say they end."""

    damage: str | None = None
    unended: set[bytes] = field(default_factory=set)


def walk_ogg(stream: BinaryIO, size_bytes: int) -> OggPages:
    """Walk the pages of the file of `size_bytes` open in `stream`. Memory: one page.

    Bytes behind the end of all streams (tags that some programs append) are left alone.
    """
    seen = OggPages()
    expected: dict[bytes, int] = {}
    position = 0
    while position < size_bytes and seen.damage is None:
        stream.seek(position)
        page = _read_page(stream)
        if page[:4] != b"OggS":
            if not expected or seen.unended:
                seen.damage = f"no Ogg page at byte {position}"
            break
        seen.damage = _check_page(page, position, expected)
        serial = page[14:18]
        expected[serial] = int.from_bytes(page[18:22], "little") + 1
        (seen.unended.discard if page[5] & 4 else seen.unended.add)(serial)
        position += len(page)
    return seen


def _read_page(stream: BinaryIO) -> bytes:
    header = stream.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return header + bytes(HEADER_BYTES - len(header))
    lacing = stream.read(header[26])
    return header + lacing + stream.read(sum(lacing))


def _check_page(page: bytes, position: int, expected: dict[bytes, int]) -> str | None:
    lacing = page[HEADER_BYTES : HEADER_BYTES + page[26]]
    missing = HEADER_BYTES + page[26] + sum(lacing) - len(page)
    if missing > 0 or len(lacing) < page[26]:
        return f"the Ogg page at byte {position} is cut off"
    if checksum(page) != int.from_bytes(page[22:26], "little"):
        return f"the Ogg page at byte {position} has a wrong checksum"
    serial, number = page[14:18], int.from_bytes(page[18:22], "little")
    if not page[5] & 2 and number != expected.get(serial):
        return f"an Ogg page is missing before byte {position}"
    return _check_begin(page, position, expected)


def _check_begin(page: bytes, position: int, expected: dict[bytes, int]) -> str | None:
    """Streams begin together, before any goes on: what begins later is a page put there again, or
    another piece behind the first (RFC 3533 §4: chained), of which a decoder may hear one alone.
    """
    begins = page[5] & 2
    if begins and (page[14:18] in expected or any(number > 1 for number in expected.values())):
        return f"a stream begins anew at byte {position}"
    return None


def checksum(page: bytes) -> int:
    """The CRC-32 of RFC 3533 (not reflected, no inversion), by way of zlib's reflected one."""
    cleared = page[:22] + bytes(4) + page[26:]
    reflected = zlib.crc32(cleared.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
