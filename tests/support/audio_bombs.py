"""Files that claim far more than they hold: lengths of 4 GiB, pictures of 60,000 × 60,000, tags
without end, boxes within boxes, tables with absurd counts. Small themselves."""

import base64
import struct
import zlib
from collections.abc import Callable
from functools import cache

from mutagen.flac import Picture

from phonotheque.vault.ogg import checksum
from tests.support.audio_corpus import png, png_chunk, sound_file
from tests.support.audio_damage import Damage
from tests.support.audio_structure import parts_of
from tests.support.boxes import box, chunk, id3, id3_frame, movie, sample_entry, with_chunks

WIDE = 60_000


def iter_bombs() -> list[Damage]:
    """All of them, made when looked at."""
    return [Damage("bomb", make.__doc__ or make.__name__, make) for make in _BOMBS]


def wide_png() -> bytes:
    """A PNG whose header says 60,000 × 60,000, with next to nothing in it."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", WIDE, WIDE, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + png_chunk(b"IDAT", zlib.compress(bytes(9))) + png()[-12:]


@cache
def texts_png() -> bytes:
    """A PNG with a compressed text that unfolds to 200 MB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    text = png_chunk(b"zTXt", b"Comment\0\0" + packed)
    return png()[:33] + text + png()[33:]


def long_png() -> bytes:
    """A PNG whose second chunk says it has 200 MB."""
    return png()[:33] + (200_000_000).to_bytes(4, "big") + png()[37:]


def wide_jpeg() -> bytes:
    """A JPEG whose frame says 65,535 × 65,535."""
    frame = b"\xff\xc0\0\x11\x08\xff\xff\xff\xff\3\1\x11\0\2\x11\0\3\x11\0"
    return b"\xff\xd8" + frame + b"\xff\xda\0\x0c\3\1\0\2\0\3\0\0\x3f\0\0\xff\xd9"


def endless_jpeg() -> bytes:
    """A JPEG of a hundred thousand empty segments, and no frame."""
    return b"\xff\xd8" + b"\xff\xe0\0\2" * 100_000


PICTURES = (wide_png, texts_png, long_png, wide_jpeg, endless_jpeg)


def _flac_with(block: int, content: bytes, length: int | None = None) -> bytes:
    whole = sound_file("flac", 0.3, tagged=False)
    said = len(content) if length is None else length
    return whole[:42] + bytes([block]) + said.to_bytes(3, "big") + content + whole[42:]


def _picture_block(data: bytes, length: int | None = None) -> bytes:
    picture = Picture()
    picture.data, picture.type, picture.mime = data, 3, "image/png"
    content = picture.write()
    if length is not None:
        content = content[: -len(data) - 4] + length.to_bytes(4, "big") + data
    return content


def _mp3_with(tag: bytes) -> bytes:
    return tag + sound_file("mp3", 0.3, tagged=False)


def _wav_with(*chunks: bytes) -> bytes:
    return with_chunks(sound_file("wav-16", 0.3, tagged=False), *chunks)


def ogg_page(packet: bytes, number: int, flags: int = 0, serial: int = 1) -> bytes:
    """A page with one whole packet of up to 64,770 bytes, with its checksum (RFC 3533)."""
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = b"OggS\0" + bytes([flags]) + bytes(8) + serial.to_bytes(4, "little")
    page = head + number.to_bytes(4, "little") + bytes(4) + bytes([len(lacing)]) + lacing + packet
    return page[:22] + checksum(page).to_bytes(4, "little") + page[26:]


def comments(count: int) -> bytes:
    """A Vorbis comment block of so many comments."""
    each = struct.pack("<I", 9) + b"TITLE=abc"
    return struct.pack("<I", 1) + b"x" + struct.pack("<I", count) + each * count


# ------------------------------------------------------------------------------- the bombs


def flac_of_fifty_thousand_comments() -> bytes:
    """FLAC with 50,000 comments"""
    return _flac_with(4, comments(50_000))


def flac_that_claims_comments() -> bytes:
    """FLAC whose comments are said to be four billion"""
    return _flac_with(4, struct.pack("<I", 1) + b"x" + b"\xff\xff\xff\xff" + b"\xff" * 40)


def flac_of_empty_comments() -> bytes:
    """FLAC with 400,000 empty comments"""
    count = 400_000
    return _flac_with(4, struct.pack("<II", 0, count) + bytes(4 * count))


def flac_of_a_long_block() -> bytes:
    """FLAC with a block of padding that is said to be 16 MB and ends with the file"""
    return _flac_with(1, bytes(100), 0xFFFFFF)


def flac_of_a_picture_claim() -> bytes:
    """FLAC whose picture is said to have four billion bytes"""
    return _flac_with(6, _picture_block(png(), 0xFFFFFFFF))


def flac_of_many_blocks() -> bytes:
    """FLAC with 100,000 empty blocks of application data"""
    whole = sound_file("flac", 0.3, tagged=False)
    return whole[:42] + b"\2\0\0\4abcd" * 100_000 + whole[42:]


def flac_of_absurd_streaminfo() -> bytes:
    """FLAC that claims 8 channels of 32 bits, 655,350 Hz and 2^36 - 1 samples"""
    whole = sound_file("flac", 0.3, tagged=False)
    packed = 655_350 << 44 | 7 << 41 | 31 << 36 | (1 << 36) - 1
    return whole[:18] + packed.to_bytes(8, "big") + whole[26:]


def mp3_of_a_long_tag() -> bytes:
    """MP3 whose ID3 tag claims 100 MB of padding and ends with the file"""
    return b"ID3\4\0\0" + bytes([47, 87, 47, 87]) + bytes(1000) + sound_file("mp3", 0.3)


def mp3_of_long_padding() -> bytes:
    """MP3 behind 100 MB of real padding in its ID3 tag"""
    return _mp3_with(id3(bytes(100_000_000)))


def mp3_of_many_frames() -> bytes:
    """MP3 with 50,000 frames in its ID3 tag"""
    return _mp3_with(id3(id3_frame(b"TXXX", b"\3a\0b") * 50_000))


def mp3_of_packed_frames() -> bytes:
    """MP3 with an ID3 frame that unfolds to 200 MB"""
    packed = zlib.compress(b"\3" + bytes(200_000_000), 9)
    head = b"TIT2" + len(packed).to_bytes(4, "big") + b"\0\x80" + (200_000_001).to_bytes(4, "big")
    return _mp3_with(id3(head + packed, version=3))


def mp3_of_a_frame_claim() -> bytes:
    """MP3 with an ID3 picture said to have four billion bytes"""
    frame = b"APIC\xff\xff\xff\xff\0\0" + b"\0image/png\0\3\0" + png()
    return _mp3_with(id3(frame, version=3))


def mp3_of_tags_in_a_row() -> bytes:
    """MP3 behind 20,000 empty ID3 tags"""
    return _mp3_with(id3(b"") * 20_000)


def mp3_of_an_ape_claim() -> bytes:
    """MP3 with an APE tag said to have four billion items"""
    footer = b"APETAGEX" + struct.pack("<IIII", 2000, 0x7FFFFFFF, 0xFFFFFFFF, 0) + bytes(8)
    return sound_file("mp3", 0.3) + footer


def wav_of_a_long_chunk() -> bytes:
    """WAVE with a chunk before its data that claims 4 GiB"""
    whole = sound_file("wav-16", 0.3, tagged=False)
    return whole[:12] + b"LIST\xff\xff\xff\xff" + b"INFO" + whole[12:]


def wav_of_many_chunks() -> bytes:
    """WAVE with 20,000 empty chunks"""
    return _wav_with(*[chunk(b"junk", b"")] * 20_000)


def wav_of_absurd_format() -> bytes:
    """WAVE of 65,535 channels of 65,535 bits at 4 GHz"""
    whole = bytearray(sound_file("wav-16", 0.3, tagged=False))
    whole[22:36] = b"\xff" * 14
    return bytes(whole)


def wav_of_no_alignment() -> bytes:
    """WAVE whose blocks have no bytes and whose rate is nothing"""
    whole = bytearray(sound_file("wav-16", 0.3, tagged=False))
    whole[22:36] = bytes(14)
    return bytes(whole)


def rf64_of_absurd_sizes() -> bytes:
    """RF64 whose ds64 claims 2^64 - 1 bytes, and a table of four billion entries"""
    whole = bytearray(sound_file("rf64", 0.3))
    at = whole.index(b"ds64") + 8
    whole[at : at + 28] = b"\xff" * 28
    return bytes(whole)


def rf64_of_negative_data() -> bytes:
    """RF64 whose data is said to have 2^63 bytes"""
    whole = bytearray(sound_file("rf64", 0.3))
    at = whole.index(b"ds64") + 16
    whole[at : at + 8] = (1 << 63).to_bytes(8, "little")
    return bytes(whole)


def aiff_of_absurd_rate() -> bytes:
    """AIFF whose rate is an infinite number"""
    whole = bytearray(sound_file("aiff", 0.3))
    at = whole.index(b"COMM") + 16
    whole[at : at + 10] = b"\x7f\xff" + b"\xff" * 8
    return bytes(whole)


def mp4_of_nested_boxes() -> bytes:
    """MPEG-4 with boxes 50,000 deep"""
    length = 8 * 50_000
    heads = [(length - 8 * n).to_bytes(4, "big") + b"moov" for n in range(50_000)]
    return box(b"ftyp", b"M4A ", bytes(4)) + b"".join(heads)


def mp4_of_many_boxes() -> bytes:
    """MPEG-4 with 520,000 empty boxes"""
    return box(b"ftyp", b"M4A ", bytes(4)) + box(b"free") * 520_000 + box(b"moov")


def mp4_of_a_looping_box() -> bytes:
    """MPEG-4 with a box whose length of 64 bits leads back before it"""
    back = b"\0\0\0\1free" + ((1 << 64) - 24).to_bytes(8, "big")
    return movie(tail=back)


def _mp4_table(name: bytes, said: int) -> bytes:
    whole = bytearray(sound_file("aac", 0.3))
    at = whole.index(name) + 8
    whole[at + (4 if name == b"stsz" else 0) : at + (8 if name == b"stsz" else 4)] = said.to_bytes(
        4, "big"
    )
    return bytes(whole)


def mp4_of_absurd_stts() -> bytes:
    """MPEG-4 whose table of times has four billion entries"""
    return _mp4_table(b"stts", 0xFFFFFFFF)


def mp4_of_absurd_stsz() -> bytes:
    """MPEG-4 whose table of sizes has two billion entries"""
    return _mp4_table(b"stsz", 0x7FFFFFFF)


def mp4_of_absurd_stco() -> bytes:
    """MPEG-4 whose table of places has four billion entries"""
    return _mp4_table(b"stco", 0xFFFFFFFF)


def mp4_of_long_samples() -> bytes:
    """MPEG-4 whose samples all have one size, of two billion bytes, and are two billion"""
    whole = bytearray(sound_file("aac", 0.3))
    at = whole.index(b"stsz") + 8
    whole[at : at + 8] = b"\x7f\xff\xff\xff" * 2
    return bytes(whole)


def mp4_of_slow_samples() -> bytes:
    """MPEG-4 whose every sample lasts two billion ticks"""
    whole = bytearray(sound_file("aac", 0.3))
    at = whole.index(b"stts") + 16
    whole[at : at + 4] = b"\x7f\xff\xff\xff"
    return bytes(whole)


def mp4_of_an_absurd_entry() -> bytes:
    """MPEG-4 whose sample entry claims 65,535 channels at no rate"""
    entry = bytearray(sample_entry(b"alac", box(b"alac", bytes(4) + b"\xff" * 24)))
    entry[24:28] = b"\xff" * 4
    whole = sound_file("alac", 0.3)
    at = whole.index(b"stsd") + 12
    size = int.from_bytes(whole[at : at + 4], "big")
    return whole[:at] + bytes(entry[:size]).ljust(size, b"\0") + whole[at + size :]


def ogg_that_refers_to_itself() -> bytes:
    """Ogg whose pages all have the same number and packet that never ends"""
    whole = sound_file("vorbis", 0.3)
    first = next(p for p in parts_of(whole) if p.label == "page")
    return whole[: first.end] + ogg_page(b"\xff" * 255, 1)[:-1] * 3 + whole


def ogg_of_endless_packets() -> bytes:
    """Ogg Vorbis whose second header never ends"""
    whole = sound_file("vorbis", 0.3)
    first = next(p for p in parts_of(whole) if p.label == "page")
    serial = int.from_bytes(whole[14:18], "little")
    pages = []
    for number in range(1, 300):
        page = bytearray(ogg_page(bytes(254 * 255 + 254), number, 0 if number == 1 else 1, serial))
        pages.append(bytes(page))
    return whole[: first.end] + b"".join(pages)


def ogg_of_many_streams() -> bytes:
    """Ogg of 5,000 streams that only begin"""
    head = sound_file("opus", 0.3)[28:47]
    return b"".join(ogg_page(head, 0, 2, serial) for serial in range(5_000))


def opus_of_many_channels() -> bytes:
    """Opus of 255 channels"""
    head = b"OpusHead\1\xff" + bytes(6) + b"\0\0\xff" + b"\x01\0" + bytes(range(255))
    return ogg_page(head, 0, 2) + ogg_page(b"OpusTags" + bytes(8), 1) + ogg_page(b"\0" * 99, 2, 4)


def wavpack_of_absurd_samples() -> bytes:
    """WavPack whose first block claims four billion samples"""
    whole = bytearray(sound_file("wavpack", 0.3))
    whole[12:16] = whole[20:24] = b"\xff" * 4
    return bytes(whole)


def _with_cover(picture: Callable[[], bytes]) -> list[Callable[[], bytes]]:
    def flac() -> bytes:
        return _flac_with(6, _picture_block(picture()))

    def mp3() -> bytes:
        return _mp3_with(id3(id3_frame(b"APIC", b"\0image/png\0\3\0" + picture()), version=3))

    def m4a() -> bytes:
        cover = box(b"covr", box(b"data", b"\0\0\0\x0e" + bytes(4), picture()))
        meta = box(b"meta", bytes(4), box(b"hdlr", bytes(25)), box(b"ilst", cover))
        return sound_file("aac", 0.3, tagged=False) + box(b"moov", box(b"udta", meta))

    def ogg() -> bytes:
        block = base64.b64encode(_picture_block(picture()[:40_000]))
        text = b"METADATA_BLOCK_PICTURE=" + block
        packet = b"OpusTags\0\0\0\0\1\0\0\0" + struct.pack("<I", len(text)) + text
        whole = sound_file("opus", 0.3)
        pages = [p for p in parts_of(whole) if p.label == "page"]
        page = ogg_page(packet[:64_000], 1, 0, int.from_bytes(whole[14:18], "little"))
        return whole[: pages[0].end] + page + whole[pages[2].start :]

    made = [flac, mp3, m4a, ogg]
    for make in made:
        make.__doc__ = f"{make.__name__} with a cover: {(picture.__doc__ or '').rstrip('.')}"
    return made


_BOMBS: list[Callable[[], bytes]] = [
    flac_of_fifty_thousand_comments, flac_that_claims_comments, flac_of_empty_comments,
    flac_of_a_long_block, flac_of_a_picture_claim, flac_of_many_blocks, flac_of_absurd_streaminfo,
    mp3_of_a_long_tag, mp3_of_long_padding, mp3_of_many_frames, mp3_of_packed_frames,
    mp3_of_a_frame_claim, mp3_of_tags_in_a_row, mp3_of_an_ape_claim,
    wav_of_a_long_chunk, wav_of_many_chunks, wav_of_absurd_format, wav_of_no_alignment,
    rf64_of_absurd_sizes, rf64_of_negative_data, aiff_of_absurd_rate,
    mp4_of_nested_boxes, mp4_of_many_boxes, mp4_of_a_looping_box, mp4_of_absurd_stts,
    mp4_of_absurd_stsz, mp4_of_absurd_stco, mp4_of_long_samples, mp4_of_slow_samples,
    mp4_of_an_absurd_entry, ogg_that_refers_to_itself, ogg_of_endless_packets,
    ogg_of_many_streams, opus_of_many_channels, wavpack_of_absurd_samples,
    *(make for picture in PICTURES for make in _with_cover(picture)),
]  # fmt: skip
