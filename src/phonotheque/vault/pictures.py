"""Pictures inside audio files: what each is and how large, by its first bytes and nothing else.

No picture is ever decoded here. What claims more than 64 million pixels, is larger than 16 MiB, or
is of no form known here is left out; so is every picture after the eighth.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from phonotheque.vault.examination import Picture

MAX_PICTURES = 8
MAX_BYTES = 16 << 20
MAX_PIXELS = 64_000_000
_MAX_SEGMENTS = 10_000
_SIZED_SEGMENTS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15
_BARE_SEGMENTS = frozenset([0x01, *range(0xD0, 0xD9)])


class Found(NamedTuple):
    """A picture as it stands in a tag; `kind` is the picture type of ID3."""

    content: bytes
    kind: int


class Size(NamedTuple):
    """Media type and pixels of a picture."""

    media_type: str
    width: int
    height: int


def sort_pictures(found: Iterator[Found]) -> tuple[tuple[Picture, ...], list[str]]:
    """The pictures that are kept, each once, and why others are left out."""
    kept: dict[tuple[str, int], Picture] = {}
    left_out = []
    for content, kind in found:
        judged = _judge(content, kind)
        if isinstance(judged, str):
            left_out.append(judged)
        elif len(kept) < MAX_PICTURES or (judged.sha256, kind) in kept:
            kept[judged.sha256, kind] = judged
        else:
            left_out.append(f"more than {MAX_PICTURES} pictures")
            break
    return tuple(kept.values()), left_out


def _judge(content: bytes, kind: int) -> Picture | str:
    if len(content) > MAX_BYTES:
        return f"a picture of {len(content):,} bytes"
    size = read_size(content)
    if size is None:
        return "a picture of no form known here (JPEG, PNG, WebP, GIF), or cut off"
    if size.width * size.height > MAX_PIXELS:
        return f"a picture that claims {size.width:,} × {size.height:,} pixels"
    return Picture(
        sha256=sha256(content).hexdigest(),
        media_type=size.media_type,
        bytes=len(content),
        width=size.width,
        height=size.height,
        kind=kind,
        content=content,
    )


def read_size(content: bytes) -> Size | None:
    """Form and pixels by the headers of a picture; None where they do not say."""
    size = None
    if content[:8] == b"\x89PNG\r\n\x1a\n" and content[12:16] == b"IHDR" and len(content) >= 24:
        size = Size("image/png", _big(content, 16, 4), _big(content, 20, 4))
    elif content[:6] in (b"GIF87a", b"GIF89a") and len(content) >= 10:
        size = Size("image/gif", _little(content, 6, 2), _little(content, 8, 2))
    elif content[:3] == b"\xff\xd8\xff":
        size = _jpeg_size(content)
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        size = _webp_size(content)
    return size if size and size.width and size.height else None


def _jpeg_size(content: bytes) -> Size | None:
    """By its frame headers (ITU-T T.81 B.2.2): the largest of what stands before the first scan."""
    width = height = 0
    position = 2
    for _ in range(_MAX_SEGMENTS):
        if content[position : position + 1] != b"\xff":
            break
        marker = _big(content, position + 1, 1)
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker in _BARE_SEGMENTS:
            position += 2
            continue
        if marker in (0xD9, 0xDA):  # end of image, start of scan
            break
        if marker in _SIZED_SEGMENTS and position + 9 <= len(content):
            height = max(height, _big(content, position + 5, 2))
            width = max(width, _big(content, position + 7, 2))
        position += 2 + max(2, _big(content, position + 2, 2))
    return Size("image/jpeg", width, height) if width else None


def _webp_size(content: bytes) -> Size | None:
    """By the first chunk of RFC 9649."""
    kind, body = content[12:16], content[20:30]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return Size("image/webp", _little(body, 4, 3) + 1, _little(body, 7, 3) + 1)
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return Size("image/webp", _little(body, 6, 2) & 0x3FFF, _little(body, 8, 2) & 0x3FFF)
    if kind == b"VP8L" and body[0] == 0x2F:
        packed = _little(body, 1, 4)
        return Size("image/webp", (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1)
    return None


def _big(content: bytes, start: int, length: int) -> int:
    return int.from_bytes(content[start : start + length], "big")


def _little(content: bytes, start: int, length: int) -> int:
    return int.from_bytes(content[start : start + length], "little")
