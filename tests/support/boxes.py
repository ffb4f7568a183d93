"""Tiny synthetic containers for tests of the protection rules. No real protected file is here,
and none is needed: a mark is a few bytes of structure."""

from pathlib import Path


def box(kind: bytes, *content: bytes) -> bytes:
    """An ISO-BMFF box."""
    body = b"".join(content)
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def large_box(kind: bytes, *content: bytes) -> bytes:
    """The same with a 64-bit length."""
    body = b"".join(content)
    return (1).to_bytes(4, "big") + kind + (16 + len(body)).to_bytes(8, "big") + body


def sample_entry(kind: bytes, *children: bytes) -> bytes:
    """An audio sample entry of version 0."""
    fields = bytes(6) + b"\0\1" + bytes(8) + b"\0\2\0\x10" + bytes(4) + b"\xac\x44\0\0"
    return box(kind, fields, *children)


def sample_table(*entries: bytes) -> bytes:
    """An ``stsd`` box."""
    return box(b"stsd", bytes(4), len(entries).to_bytes(4, "big"), *entries)


def track(*entries: bytes) -> bytes:
    """A ``trak`` box with these sample entries."""
    table = box(b"stbl", sample_table(*entries), box(b"stts", bytes(8)))
    return box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", box(b"minf", table)))


def protection_scheme(scheme: bytes, original: bytes = b"mp4a") -> bytes:
    """A ``sinf`` box."""
    kind = box(b"schm", bytes(4), scheme, b"\0\1\0\0")
    return box(b"sinf", box(b"frma", original), kind, box(b"schi"))


def movie(*children: bytes, brand: bytes = b"M4A ", tail: bytes = b"") -> bytes:
    """A whole file: ``ftyp``, ``moov`` with `children`, ``mdat``, then `tail`."""
    brands = box(b"ftyp", brand, bytes(4), b"isom", brand)
    return brands + box(b"moov", box(b"mvhd", bytes(100)), *children) + box(b"mdat", b"x") + tail


def ogg_page(packet: bytes, *, first: bool = True) -> bytes:
    """A page with one packet shorter than 255 bytes (its checksum is not computed)."""
    return b"OggS\0" + bytes([2 if first else 0]) + bytes(20) + bytes([1, len(packet)]) + packet


def wave(tag: int, *chunks: bytes, riff: bytes = b"RIFF") -> bytes:
    """A WAVE file with a ``fmt`` chunk of this tag and no samples."""
    fmt = b"fmt " + (16).to_bytes(4, "little") + tag.to_bytes(2, "little") + bytes(14)
    body = b"WAVE" + b"".join(chunks) + fmt + b"data" + bytes(4)
    return riff + len(body).to_bytes(4, "little") + body


def id3(body: bytes, *, version: int = 4, flags: int = 0) -> bytes:
    """An ID3v2 tag around `body`."""
    size = len(body)
    sync_safe = bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    return b"ID3" + bytes([version, 0, flags]) + sync_safe + body


def id3_frame(name: bytes, content: bytes, flags: int = 0) -> bytes:
    """A frame of ID3 2.3 or 2.4 shorter than 128 bytes."""
    return name + len(content).to_bytes(4, "big") + flags.to_bytes(2, "big") + content


def written(path: Path, content: bytes) -> Path:
    """`path`, holding `content`."""
    path.write_bytes(content)
    return path


def chunk(name: bytes, content: bytes, *, big: bool = False) -> bytes:
    """A chunk of RIFF, or (`big`) of AIFF, padded to an even length."""
    length = len(content).to_bytes(4, "big" if big else "little")
    return name + length + content + bytes(len(content) % 2)


def with_chunks(audio: bytes, *chunks: bytes) -> bytes:
    """A whole WAVE or AIFF file with more chunks at its end."""
    body = audio[8:] + b"".join(chunks)
    return audio[:4] + len(body).to_bytes(4, "big" if audio[:4] == b"FORM" else "little") + body


def id32(tag: bytes) -> bytes:
    """A ``meta`` box that holds an ID3 tag (mp4ra.org, ID3 version 2 meta-data)."""
    handler = box(b"hdlr", bytes(8) + b"ID32" + bytes(13))
    return box(b"meta", bytes(4), handler, box(b"ID32", bytes(4) + b"\x15\xc7" + tag))
