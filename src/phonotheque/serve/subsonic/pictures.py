"""Cover art: the picture inside a published file; without one, a pattern of its own.

Pictures are sent as they are, of the forms that browsers show; nothing is decoded here.
"""

import base64
import colorsys
import io
import struct
import zlib
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
from mutagen.flac import Picture as FlacPicture

SMALLEST, USUAL, LARGEST = 16, 300, 1024
MAX_BYTES = 2 << 20
_CELLS = 5
_FORMS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def picture_in(path: Path) -> tuple[bytes, str] | None:
    """The front cover inside an audio file, else its first picture, with its media type; None
    where there is none of a form that is known here."""
    try:
        tagged: Any = mutagen.File(path)
        found = list(_pictures(tagged)) if tagged is not None else []
    except Exception:  # a parser of many formats; what it cannot read has no picture for us
        return None
    for content in sorted(found, key=lambda one: one[0] != 3):
        kind = media_type_of(content[1])
        if kind is not None and len(content[1]) <= MAX_BYTES:
            return content[1], kind
    return None


def _pictures(tagged: Any) -> list[tuple[int, bytes]]:
    """(picture type of ID3, content) of every picture in a file."""
    found = [(p.type, p.data) for p in getattr(tagged, "pictures", ())]  # FLAC
    tags = tagged.tags
    if tags is None:
        return found
    if hasattr(tags, "getall"):  # ID3
        return found + [(frame.type, frame.data) for frame in tags.getall("APIC")]
    if "covr" in tags:  # MP4
        return found + [(3, bytes(cover)) for cover in tags["covr"]]
    for text in tags.get("metadata_block_picture", ()):  # Ogg
        picture = FlacPicture(base64.b64decode(text))
        found.append((picture.type, picture.data))
    return found


def media_type_of(content: bytes) -> str | None:
    """What a picture is, by its first bytes."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _FORMS if content.startswith(start)), None)


def clamp_size(wanted: int) -> int:
    """A size in pixels that is drawn."""
    return max(SMALLEST, min(LARGEST, wanted))


@lru_cache(maxsize=256)
def draw_pattern(name: str, size: int) -> bytes:
    """A PNG of `size` × `size` pixels that stands for a name: the same name, the same picture."""
    digest = sha256(name.encode()).digest()
    hue = digest[0] / 256
    back, fore = _colour(hue, 0.30, 0.28), _colour((hue + 0.08) % 1, 0.55, 0.72)
    bits = np.unpackbits(np.frombuffer(digest[1:3], np.uint8))[: _CELLS * 3]
    half = bits.reshape(_CELLS, 3)
    cells = np.concatenate([half, half[:, 1::-1]], axis=1)
    at = np.arange(size) * (_CELLS + 2) // size - 1  # a margin of one cell
    inside = (at >= 0) & (at < _CELLS)
    place = np.clip(at, 0, _CELLS - 1)
    lit = cells[np.ix_(place, place)].astype(bool) & inside[:, None] & inside[None, :]
    rows = np.zeros((size, (size + 7) // 8 + 1), np.uint8)
    rows[:, 1:] = np.packbits(lit, axis=1)
    out = io.BytesIO(b"")
    out.write(b"\x89PNG\r\n\x1a\n")
    _chunk(out, b"IHDR", struct.pack(">IIBBBBB", size, size, 1, 3, 0, 0, 0))
    _chunk(out, b"PLTE", bytes([*back, *fore]))
    _chunk(out, b"IDAT", zlib.compress(rows.tobytes(), 9))
    _chunk(out, b"IEND", b"")
    return out.getvalue()


def _chunk(out: io.BytesIO, kind: bytes, content: bytes) -> None:
    out.write(struct.pack(">I", len(content)) + kind + content)
    out.write(struct.pack(">I", zlib.crc32(kind + content)))


def _colour(hue: float, saturation: float, lightness: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)
