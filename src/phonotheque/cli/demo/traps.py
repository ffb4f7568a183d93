"""Files that an archive must refuse, made here so that the demo can show that it does."""

import struct
from pathlib import Path


def lay_traps(folder: Path, music: list[Path]) -> int:
    """Write a DRM-marked MP4, a truncated track and a track without rights; returns how many.

    The protected file is a synthetic shell of a few boxes: no real protected content is used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "protected.m4a").write_bytes(_protected_mp4())
    shortest = min(music, key=lambda path: path.stat().st_size)
    content = shortest.read_bytes()
    (folder / f"broken{shortest.suffix}").write_bytes(content[: len(content) // 3] + bytes(4096))
    (folder / "rights.toml").write_text(
        '[[rights]]\nfiles = ["broken*", "protected*"]\nlicence = "CC0-1.0"\n'
        'holder = "the demo"\nstatement = "A trap laid by the demo."\n',
        encoding="utf-8",
    )
    return 2


def _protected_mp4() -> bytes:
    scheme = _box(b"schm", struct.pack(">I4sI", 0, b"cenc", 0x10000))
    original = _box(b"frma", b"mp4a")
    entry = _box(
        b"enca",
        bytes(6) + struct.pack(">H8xHHHHI", 1, 2, 16, 0, 0, 44100 << 16)
        + _box(b"sinf", original + scheme),
    )  # fmt: skip
    table = _box(b"stsd", struct.pack(">II", 0, 1) + entry)
    track = _box(b"trak", _box(b"mdia", _box(b"minf", _box(b"stbl", table))))
    return (
        _box(b"ftyp", b"M4A \x00\x00\x00\x00M4A isom")
        + _box(b"moov", track)
        + _box(b"mdat", bytes(256))
    )


def _box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", 8 + len(payload)) + kind + payload
