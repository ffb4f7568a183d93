"""What fuzzing begins with: small files of every form and of every family of protection."""

import struct
from collections.abc import Iterator
from functools import cache

import msgspec
import numpy as np

from phonotheque.vault.acoustic.codec import compress_fingerprint, format_fingerprint
from phonotheque.vault.examination import Examination
from tests.support.audio_bombs import PICTURES
from tests.support.audio_corpus import FORMS, sound_file
from tests.support.audio_structure import parts_of
from tests.support.boxes import (
    box,
    chunk,
    id3,
    id3_frame,
    id32,
    movie,
    protection_scheme,
    sample_entry,
    track,
    wave,
    with_chunks,
)

LONGEST = 4_096
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_MARK = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")
_HLS = b'#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple"\na.ts\n'
_WIDEVINE = b"urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
_DASH = b'<MPD><ContentProtection schemeIdUri="' + _WIDEVINE + b'"/></MPD>'


@cache
def seeds() -> tuple[bytes, ...]:
    """All of them, none longer than 4 KiB."""
    return tuple(content[:LONGEST] for content in _iter_seeds())


def _iter_seeds() -> Iterator[bytes]:
    for name in FORMS:
        whole = sound_file(name, 0.1)
        yield whole
        yield _without_sound(whole)
    yield from (picture()[:LONGEST] for picture in PICTURES)
    entry = sample_entry(b"enca", protection_scheme(b"cenc"))
    yield movie(track(entry), box(b"pssh", bytes(24)))
    yield movie(track(sample_entry(b"mp4a")), id32(id3(id3_frame(b"AENC", b"a\0b"))))
    yield id3(id3_frame(b"AENC", b"abc") + id3_frame(b"TIT2", b"\3x", 4)) + b"\xff\xfb\x90\0" * 9
    yield id3(b"TT2\0\0\2\0x", version=2, flags=0x80)
    yield with_chunks(wave(1), chunk(b"id3 ", id3(id3_frame(b"TXXX", b"\3a\0b"))))
    marked = _ASF_MARK + struct.pack("<Q", 24)
    yield _ASF + struct.pack("<QIBB", 30 + len(marked), 1, 1, 2) + marked
    track_entry = b"\xae\x88\x6d\x80\x85\x62\x40\x82\x50\x35\x80"
    yield b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff\x16\x54\xae\x6b\x8c" + track_entry
    yield from (b"EA3\2\0\x60\xff\xff" + bytes(90), b"ea3\3\0\0\0\0\0\x0aEA3" + bytes(99))
    yield from (_HLS, _DASH, _DASH.decode().encode("utf-16"))
    for text in ("Björk", "Кино", "ユニコード", "Ł"):
        for wrong in ("latin-1", "cp1252"):
            yield text.encode().decode(wrong, "replace").encode()
    yield "Кино - Группа крови".encode("cp1251")
    yield "日本語".encode("shift_jis")
    yield b"GIF89a\x05\0\x05\0\0\0\0"
    yield b"RIFF\x1a\0\0\0WEBPVP8 \x0e\0\0\0\x10\0\0\x9d\x01\x2a\x05\0\x05\0" + bytes(9)
    items = np.random.default_rng(1).integers(0, 1 << 32, 40, np.uint32)
    yield compress_fingerprint(items)
    yield format_fingerprint(items).encode()
    frame = msgspec.msgpack.encode(Examination(path="a"))
    yield struct.pack(">I", len(frame)) + frame


def _without_sound(content: bytes) -> bytes:
    """Only the structure, with what stands between it left out."""
    parts = [p for p in parts_of(content) if p.label not in ("riff", "subblock")]
    return b"".join(content[p.start : min(p.head, p.end)] for p in parts)
