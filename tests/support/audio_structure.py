"""Where the parts of a sound file begin and end, and which of its bytes are structure: for damaging
them. Trusts its input, which comes from `audio_corpus`."""

from collections.abc import Iterator
from typing import NamedTuple

from phonotheque.vault.formats import id3_tag_bytes, parse_mpeg_header

_BOXES_OF_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta", b"ilst", b"dinf", b"edts",
                   b"mvex", b"moof", b"traf", b"mfra")  # fmt: skip
_CRC8 = []
for _value in range(256):
    for _ in range(8):
        _value = (_value << 1 ^ (7 if _value & 128 else 0)) & 255
    _CRC8.append(_value)


class Part(NamedTuple):
    """Bytes `start` to `end`; up to `head` they are structure, not sound. `length_at`: (offset,
    bytes, byte order) of the field that states its length, where it has one."""

    label: str
    start: int
    head: int
    end: int
    length_at: tuple[int, int, str] | None = None


def parts_of(content: bytes) -> list[Part]:
    """The parts of a file, in order; those of containers lie within one another."""
    start = id3_tag_bytes(content[:10])
    tags = [Part("id3", 0, min(start, 120), start, (6, 4, "big"))] if start else []
    return tags + list(_walk(content, start))


def _walk(content: bytes, start: int) -> Iterator[Part]:
    head = content[start : start + 4]
    if head == b"fLaC":
        return _flac(content, start)
    if head == b"OggS":
        return _ogg(content)
    if head in (b"RIFF", b"RF64", b"FORM"):
        return _chunks(content, "big" if head == b"FORM" else "little")
    if content[4:8] == b"ftyp":
        return _boxes(content, 0, len(content))
    return _wavpack(content) if head == b"wvpk" else _mpeg(content, start)


def _flac(content: bytes, start: int) -> Iterator[Part]:
    yield Part("marker", start, start + 4, start + 4)
    at, last = start + 4, False
    while not last:
        last, kind = bool(content[at] & 128), content[at] & 127
        end = at + 4 + int.from_bytes(content[at + 1 : at + 4], "big")
        head = min(end, at + 4 + (34 if kind == 0 else 16))
        yield Part(f"block{kind}", at, head, end, (at + 1, 3, "big"))
        at = end
    starts = list(_flac_frames(content, at))
    for begin, end in zip(starts, [*starts[1:], len(content)], strict=True):
        yield Part("frame", begin, begin + 8, end)
        yield Part("footer", end - 2, end, end)


def _flac_frames(content: bytes, at: int) -> Iterator[int]:
    sync, number = content[at : at + 2], 0
    while (at := content.find(sync, at)) >= 0:
        if content[at + 4] == number and _flac_head_is_sound(content[at : at + 10]):
            yield at
            number += 1
        at += 2


def _flac_head_is_sound(head: bytes) -> bool:
    size, rate = head[2] >> 4, head[2] & 15
    length = 5 + {6: 1, 7: 2}.get(size, 0) + {12: 1, 13: 2, 14: 2}.get(rate, 0)
    return crc8_of(head[:length]) == head[length]


def crc8_of(head: bytes) -> int:
    """The checksum of a frame header (RFC 9639 §9.1.8)."""
    crc = 0
    for byte in head:
        crc = _CRC8[crc ^ byte]
    return crc


def _ogg(content: bytes) -> Iterator[Part]:
    at = 0
    while content[at : at + 4] == b"OggS":
        lacing = content[at + 27 : at + 27 + content[at + 26]]
        head = at + 27 + len(lacing)
        yield Part("page", at, head, head + sum(lacing))
        at = head + sum(lacing)


def _chunks(content: bytes, order: str) -> Iterator[Part]:
    yield Part("riff", 0, 12, len(content), (4, 4, order))
    at = 12
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], order)
        if size == 0xFFFFFFFF:
            size = len(content) - at - 8
        end = min(at + 8 + size + size % 2, len(content))
        head = end if name in (b"fmt ", b"ds64", b"COMM", b"SSND", b"FVER") else at + 64
        label = name.decode("latin-1").strip()
        if name in (b"data", b"SSND"):
            head = at + (8 if name == b"data" else 16)
        yield Part(label, at, min(head, end), end, (at + 4, 4, order))
        at = end


def _boxes(content: bytes, start: int, end: int) -> Iterator[Part]:
    at = start
    while at + 8 <= end:
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        stop = at + size
        inner = at + (12 if kind == b"meta" else 8)
        of_boxes = kind in _BOXES_OF_BOXES or kind == b"meta"
        head = inner if of_boxes else min(stop, at + (8 if kind == b"mdat" else 120))
        yield Part(kind.decode("latin-1"), at, head, stop, (at, 4, "big"))
        if of_boxes:
            yield from _boxes(content, inner, stop)
        at = stop


def _mpeg(content: bytes, start: int) -> Iterator[Part]:
    at = start
    while (frame := parse_mpeg_header(content[at : at + 4])) is not None:
        end = min(at + frame.size_bytes, len(content))
        yield Part("mpeg", at, min(at + 36, end), end)
        at = end


def _wavpack(content: bytes) -> Iterator[Part]:
    at = 0
    while content[at : at + 4] == b"wvpk":
        end = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
        yield Part("block", at, at + 32, end, (at + 4, 4, "little"))
        inner = at + 32
        while inner + 2 <= end:
            large = content[inner] & 128
            words = int.from_bytes(content[inner + 1 : inner + (4 if large else 2)], "little")
            stop = inner + (4 if large else 2) + words * 2
            yield Part("subblock", inner, min(inner + 12, stop), stop)
            inner = stop
        at = end
