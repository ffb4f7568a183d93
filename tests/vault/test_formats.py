"""A file is what its bytes say, whatever its name says."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.vault import formats
from phonotheque.vault.formats import AudioFormat, identify
from tests.support.audio import encode_tone
from tests.support.boxes import id3, movie, ogg_page, wave


def identified(content: bytes) -> AudioFormat | None:
    found = identify(BytesIO(content))
    return None if found is None else found.format


@pytest.mark.parametrize(
    ("suffix", "form"),
    [
        (".flac", formats.FLAC),
        (".ogg", formats.OGG_VORBIS),
        (".opus", formats.OGG_OPUS),
        (".oga", formats.OGG_FLAC),
        (".mp3", formats.MP3),
        (".m4a", formats.M4A),
        (".aiff", formats.AIFF),
        (".wv", formats.WAVPACK),
        (".mka", formats.MATROSKA),
    ],
)
def test_real_files_are_known_by_their_content(suffix: str, form: AudioFormat) -> None:
    assert identified(encode_tone(suffix)) is form


@pytest.mark.parametrize(
    ("content", "puid"),
    [
        (encode_tone(".wav"), "fmt/141"),
        (wave(3), "fmt/142"),
        (wave(0xFFFE), "fmt/143"),
        (wave(2), "fmt/6"),
        (wave(1, b"bext" + (602).to_bytes(4, "little") + bytes(602)), "fmt/703"),
        (
            wave(1, b"bext" + (602).to_bytes(4, "little") + bytes(346) + b"\2\0" + bytes(254)),
            "fmt/705",
        ),
        (wave(1, riff=b"RF64"), "fmt/712"),
        (wave(1, b"bext" + (602).to_bytes(4, "little") + bytes(602), riff=b"RF64"), "fmt/713"),
        (b"FORM\0\0\0\0AIFC", "x-fmt/136"),
        (ogg_page(b"Speex   1.2"), "fmt/948"),
        (ogg_page(b"fishead\0") + ogg_page(b"OpusHead\1"), "fmt/946"),
        (movie(), "fmt/199"),
    ],
)
def test_kinds_of_one_container_have_their_own_puid(content: bytes, puid: str) -> None:
    form = identified(content)
    assert form is not None
    assert form.puid == puid


def test_tags_before_the_audio_do_not_hide_it() -> None:
    tag = id3(bytes(5000))
    for suffix, form in ((".mp3", formats.MP3), (".flac", formats.FLAC)):
        found = identify(BytesIO(tag + tag + encode_tone(suffix)))
        assert found is not None
        assert found.format is form
        assert found.offset_bytes >= 2 * len(tag)


def test_one_frame_header_alone_is_no_mp3() -> None:
    start = encode_tone(".mp3").index(b"\xff\xfb")
    assert identified(encode_tone(".mp3")[start : start + 100] + bytes(2000)) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"RIFF\0\0\0\0AVI ", b"FORM\0\0\0\0ILBM", b"%PDF-1.7", b"PK\3\4" * 99,
     ogg_page(b"\x80theora"), b"OggS", id3(b""), b"<html>" + b"a" * 70_000],
)  # fmt: skip
def test_what_is_no_audio_is_nothing(content: bytes) -> None:
    assert identified(content) is None


@given(
    st.sampled_from([b"", b"OggS", b"RIFF1234WAVE", b"ID3\4\0\0\0\0\1\1", b"\xff\xfb", b"wvpk"]),
    st.binary(max_size=600),
)
def test_no_content_makes_identification_fail(head: bytes, rest: bytes) -> None:
    found = identify(BytesIO(head + rest))
    assert found is None or found.format in formats.ALL_FORMATS


def test_every_admitted_form_names_its_demuxer_and_codecs() -> None:
    for form in formats.ALL_FORMATS:
        assert form.admitted == bool(form.codecs)
        assert form.puid.startswith(("fmt/", "x-fmt/", "phono/"))
        assert "/" in form.media_type
