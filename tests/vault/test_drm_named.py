"""The reason of a refusal names the system of protection; hostile files cost a bounded reading."""

from contextlib import suppress
from io import SEEK_SET, BytesIO
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotheque.vault import formats
from phonotheque.vault.bounded import MAX_READ_BYTES, BoundedStream, UnparseableError
from phonotheque.vault.drm import Inspection, inspect_container
from phonotheque.vault.formats import identify
from phonotheque.vault.systems import PIFF_SYSTEM_HEADER, SYSTEMS
from tests.support.audio import encode_tone
from tests.support.boxes import (
    box,
    id3,
    id3_frame,
    movie,
    protection_scheme,
    sample_entry,
    track,
)

PLAIN = sample_entry(b"mp4a", box(b"esds", bytes(30)))
ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_EXTENSION = bytes.fromhex("b503bf5f2ea9cf118ee300c00c205365")
ASF_ADVANCED = bytes.fromhex("338505438169e6499b74ad12cb86d58c")


def inspect(content: bytes) -> Inspection:
    found = identify(BytesIO(content))
    assert found is not None
    return inspect_container(BytesIO(content), len(content), found)


def pssh(system: str) -> bytes:
    return box(b"pssh", bytes(4), UUID(system).bytes, bytes(4))


@pytest.mark.parametrize(("system", "name"), SYSTEMS.items())
def test_every_known_system_is_named_wherever_it_stands(system: str, name: str) -> None:
    in_movie = movie(track(PLAIN), pssh(system))
    in_fragment = movie(track(PLAIN), tail=box(b"moof", pssh(system)))
    piff = movie(track(PLAIN), box(b"uuid", PIFF_SYSTEM_HEADER, bytes(4), UUID(system).bytes))
    hls = f'#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="x",KEYFORMAT="urn:uuid:{system}"\n'
    dash = f'<MPD><ContentProtection schemeIdUri="urn:uuid:{system.upper()}"/></MPD>'
    for content in (in_movie, in_fragment, piff, hls.encode(), dash.encode()):
        assert name in (inspect(content).protection or "")


def test_all_systems_of_a_file_are_named_and_an_unknown_one_by_its_number() -> None:
    unknown = "00112233-4455-6677-8899-aabbccddeeff"
    said = inspect(movie(track(PLAIN), *map(pssh, SYSTEMS), pssh(unknown))).protection
    assert said is not None
    assert all(name in said for name in [*SYSTEMS.values(), unknown])
    assert "no system named" in (inspect(movie(track(PLAIN), box(b"pssh"))).protection or "")


@pytest.mark.parametrize("scheme", ["cenc", "cens", "cbc1", "cbcs", "piff", "itun", "odkm", "iAEC"])
def test_the_scheme_of_an_encrypted_entry_is_named(scheme: str) -> None:
    entry = sample_entry(b"enca", protection_scheme(scheme.encode()))
    assert f"enca, scheme {scheme}" in (inspect(movie(track(entry))).protection or "")


def test_marks_in_a_meta_box_are_seen_where_a_decoder_would_reach_them() -> None:
    handler = box(b"hdlr", bytes(24))
    for before in (bytes(4), b"", bytes(12)):
        meta = box(b"meta", before, handler, pssh(next(iter(SYSTEMS))))
        assert inspect(movie(track(PLAIN), box(b"udta", meta))).protection is not None


def test_who_bought_a_clear_file_is_told_and_is_no_protection() -> None:
    tags = box(b"ilst", box(b"apID", box(b"data", b"a@example.org")), box(b"ownr", bytes(9)))
    meta = box(b"udta", box(b"meta", bytes(4), box(b"hdlr", bytes(24)), tags))
    seen = inspect(movie(track(PLAIN), meta))
    assert (seen.protection, seen.personal) == (None, ("apID", "ownr"))
    told = box(b"pinf", box(b"frma", b"mp4a"), box(b"schm", b"\0" * 8), box(b"schi", bytes(9)))
    seen = inspect(movie(track(sample_entry(b"mp4a", told))))
    assert (seen.protection, seen.personal) == (None, ("pinf",))


@pytest.mark.parametrize(
    "entry",
    [
        sample_entry(b"enca", box(b"pinf", box(b"schm", bytes(8)))),
        sample_entry(b"mp4a", box(b"pinf", protection_scheme(b"itun"))),
        sample_entry(b"mp4a", box(b"pinf", bytes(8)), box(b"schm", bytes(8))),
        sample_entry(b"mp4a", b"\xff\xff\xff\xffpinf", box(b"schm", bytes(8))),
    ],
)
def test_no_mark_hides_behind_the_name_of_a_buyer(entry: bytes) -> None:
    assert inspect(movie(track(entry))).protection is not None


def test_advanced_encryption_stands_in_the_extension_of_an_asf_header() -> None:
    mark = ASF_ADVANCED + (34).to_bytes(8, "little") + bytes(10)
    extension = ASF_EXTENSION + (46 + len(mark)).to_bytes(8, "little") + bytes(22) + mark
    size = (30 + len(extension)).to_bytes(8, "little")
    content = ASF_HEADER + size + b"\1\0\0\0\1\2" + extension + bytes(90)
    assert inspect(content).protection == "ASF advanced content encryption"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('#EXT-X-KEY:METHOD=AES-128,URI="k"', "method AES-128, key format identity"),
        ('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://a",KEYFORMAT="com.apple.streamingkeydelivery"',
         "method SAMPLE-AES, FairPlay"),
        ('#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES-CTR,URI="k"', "SAMPLE-AES-CTR"),
        ('#EXT-X-KEY:URI="k"', "method not given"),
        ("#EXT-X-MEDIA:URI=skd://a", "FairPlay"),
        ("#EXT-X-KEY:METHOD=NONE", None),
        ("#EXT-X-TARGETDURATION:10", None),
    ],
)  # fmt: skip
def test_a_playlist_of_hls_is_protected_by_any_key_method(keys: str, said: str | None) -> None:
    text = f"#EXTM3U\r\n#EXT-X-VERSION:3\r\n{keys}\r\n#EXTINF:10,\r\na.ts\r\n"
    for content in (text.encode(), b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16")):
        seen = inspect(content)
        assert seen.format is formats.HLS and not seen.format.admitted
        assert (seen.protection is None) == (said is None)
        assert (said or "") in (seen.protection or "")


def test_a_manifest_of_dash_is_known_in_any_encoding() -> None:
    text = '<?xml version="1.0"?>\n<d:MPD xmlns:d="x"><ContentProtection value="cenc"/></d:MPD>'
    for content in (text.encode(), text.encode("utf-16"), text.encode("utf-16-be")):
        assert inspect(content).protection == "DASH ContentProtection"
    clear = inspect(b"<MPD><Period/></MPD>")
    assert clear.protection is None and clear.format is formats.DASH


@pytest.mark.parametrize(
    "content",
    [b"<!DOCTYPE MPD [<!ENTITY a 'b'>]><MPD>&a;</MPD>", b"<MPD>" + b" " * (1 << 20)],
)
def test_a_manifest_that_could_hide_something_is_not_called_clean(content: bytes) -> None:
    with pytest.raises(UnparseableError):
        inspect(content)


@pytest.mark.parametrize("line", ["#EXTM3U\n#EXTINF:1,a\na.mp3\n", "<html></html>", "-- a\nb\n"])
def test_a_plain_list_or_page_is_no_form_known_here(line: str) -> None:
    assert identify(BytesIO(line.encode())) is None


@pytest.mark.parametrize(
    "content",
    [
        b"--b\r\nContent-Type: audio/mpeg\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\xfb",
        b"\x01" + bytes([70, 5]) + b"audio/" + b"x" * 64 + b"cid:a" + bytes(9),
    ],
)
def test_oma_drm_1_is_known_as_message_and_as_container(content: bytes) -> None:
    assert "OMA DRM" in (inspect(content).protection or "")


@pytest.mark.parametrize(
    "tag",
    [
        id3(b"CRM\0\0\2x\0", version=2),
        id3(id3_frame(b"TIT2", b"\0a") + b"\xff\xfe\xfd" + id3_frame(b"AENC", b"x\0")),
        # a length of 2.4 that its writer did not mean as sync-safe
        id3(b"TIT2" + (256).to_bytes(4, "big") + bytes(258) + id3_frame(b"AENC", b"x\0")),
    ],
)
def test_marks_in_odd_tags_are_seen(tag: bytes) -> None:
    assert inspect(tag + encode_tone(".mp3", 0.2)).protection is not None


def test_a_mark_in_an_appended_tag_is_seen() -> None:
    tag = id3(id3_frame(b"AENC", b"x\0"), flags=0x10)
    footer = b"3DI" + tag[3:10]
    whole = encode_tone(".mp3", 0.2) + tag + footer
    for content in (whole, whole + b"TAG" + bytes(125)):
        assert inspect(content).protection == "ID3 AENC frame"


def test_a_tag_with_a_large_picture_is_stepped_over() -> None:
    picture = b"APIC" + bytes([9, 0, 0, 0]) + bytes(2) + bytes(9 << 21)
    content = id3(picture + id3_frame(b"TIT2", b"\0a")) + encode_tone(".mp3", 0.2)
    assert inspect(content).protection is None


class Counting(BytesIO):
    """Counts what is read, and says it is as long as the tests like."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.taken += len(content)
        return content


def deep(levels: int) -> bytes:
    inner = b""
    for _ in range(levels):
        inner = box(b"trak", inner)
    return inner


starts = st.sampled_from(
    [b"", b"\0\0\0\x10ftypM4A \0\0\0\0", ASF_HEADER, b"\x1a\x45\xdf\xa3", b"EA3", b"ea3\3\0\0",
     b"ID3\3\0\x80\x7f\x7f\x7f\x7f", b"ID3\4\0\0\x7f\x7f\x7f\x7f", b"OggS",
     b"RIFF\xff\xff\xff\xffWAVE",
     b"\x01\x05\x05", b"#EXTM3U\n#EXT-X-KEY", b"<MPD><", b"--b\r\n", movie(track(PLAIN)),
     b"\0\0\0\x10ftypM4A \0\0\0\0" + deep(300), b"\0\0\0\x08ftyp\0\0\0\0moov\0\0\0\0moov"]
)  # fmt: skip
pieces = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"\xff" * 8, bytes(8), b"\0\0\0\1moov" + b"\xff" * 8, b"\0\0\0\0moof", b"\x01\xff",
         b"\x18\x53\x80\x67\x01" + b"\xff" * 7, b"\0\0\0\x08meta", b"AENC", b"\0\0\0\1uuid"]
    ),
)  # fmt: skip


@settings(max_examples=200)
@given(starts, st.lists(pieces, max_size=12), st.integers(0, 2**63 - 1), st.integers(0, 600))
def test_whatever_the_bytes_say_the_reading_ends_and_is_bounded(
    start: bytes, rest: list[bytes], stated: int, cut: int
) -> None:
    content = (start + b"".join(rest))[: len(start) + cut]
    stream = Counting(content)
    found = identify(stream)
    assert stream.taken < 2 << 20
    kinds = [found] if found else [formats.Identified(f) for f in formats.ALL_FORMATS]
    for kind in kinds:
        for size in (len(content), stated):
            stream.taken = 0
            with suppress(UnparseableError):
                inspect_container(stream, size, kind)
            assert stream.taken <= MAX_READ_BYTES


def test_a_parser_that_reads_too_much_is_stopped() -> None:
    stream = BoundedStream(BytesIO(bytes(40)), 20)
    assert len(stream.read(15)) == 15
    with pytest.raises(UnparseableError, match="more reading"):
        stream.read(15)
    with pytest.raises(UnparseableError, match="no place"):
        BoundedStream(BytesIO(b"")).seek(2**80, SEEK_SET)
