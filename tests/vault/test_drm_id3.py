"""ID3 tags in chunks and boxes are read as those at the beginning of an MP3 are."""

from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.vault import chunks
from phonotheque.vault.bounded import UnparseableError
from phonotheque.vault.drm import Inspection, inspect_container
from phonotheque.vault.formats import identify
from tests.support.audio import encode_tone
from tests.support.boxes import box, chunk, id3, id3_frame, id32, movie, wave, with_chunks
from tests.vault.test_drm import PLAIN, track

TITLE = id3(id3_frame(b"TIT2", b"\0a"))
MARKED = id3(id3_frame(b"TIT2", b"\0a") + id3_frame(b"AENC", b"x\0\0"))
WAV, AIFF, M4A = encode_tone(".wav", 0.2), encode_tone(".aiff", 0.2), encode_tone(".m4a", 0.2)


def inspect(content: bytes) -> Inspection:
    found = identify(BytesIO(content))
    assert found is not None
    return inspect_container(BytesIO(content), len(content), found)


def in_wave(tag: bytes, name: bytes = b"id3 ") -> bytes:
    return with_chunks(WAV, chunk(name, tag))


def in_aiff(tag: bytes, name: bytes = b"ID3 ") -> bytes:
    return with_chunks(AIFF, chunk(name, tag, big=True))


def rf64(tag: bytes) -> bytes:
    """Audio longer than a chunk can say, by its length in ``ds64``, and a tag behind it."""
    lengths = bytes(8) + (6).to_bytes(8, "little") + bytes(12)
    whole = wave(1, chunk(b"ds64", lengths), riff=b"RF64")
    return whole[:-4] + b"\xff\xff\xff\xff" + b"sample" + chunk(b"id3 ", tag)


@pytest.mark.parametrize(
    "content",
    [
        *(in_wave(MARKED, name) for name in (b"id3 ", b"ID3 ", b"id3\0", b"ID32")),
        *(in_aiff(MARKED, name) for name in (b"ID3 ", b"id3 ")),
        in_wave(id3(id3_frame(b"TIT2", b"\0a", 0x0004))),
        in_aiff(id3(b"CRA\0\0\2x\0", version=2)),
        in_wave(TITLE + MARKED),
        with_chunks(WAV, chunk(b"odd ", b"x"), chunk(b"id3 ", MARKED)),
        with_chunks(WAV, b"odd \1\0\0\0x" + chunk(b"id3 ", MARKED)),  # not padded
        with_chunks(WAV, bytes(9) + chunk(b"id3 ", MARKED)),  # the chunks lead nowhere
        wave(1, chunk(b"id3 ", MARKED)),  # before the audio
        rf64(MARKED),
        movie(track(PLAIN), id32(MARKED)),
        movie(track(PLAIN), box(b"udta", id32(MARKED))),
        movie(track(PLAIN), tail=id32(MARKED)),
    ],
)
def test_a_mark_is_seen_wherever_the_tag_stands(content: bytes) -> None:
    assert inspect(content).protection is not None


@pytest.mark.parametrize(
    "content",
    [in_wave(TITLE), in_aiff(TITLE), in_wave(TITLE + TITLE), rf64(TITLE),
     in_wave(TITLE + bytes(40)), M4A + id32(TITLE), with_chunks(WAV, bytes(9)),
     with_chunks(AIFF, chunk(b"ANNO", b"odd", big=True)), WAV[:-50]],
)  # fmt: skip
def test_a_tag_without_a_mark_is_clean(content: bytes) -> None:
    assert inspect(content).protection is None


@pytest.mark.parametrize(
    "content",
    [
        in_wave(b"ID3\4\0\0\xff\xff\xff\xff"),
        in_aiff(TITLE[:-3]),
        in_wave(TITLE * 9),
        movie(track(PLAIN), id32(b"not a tag")),
        movie(track(PLAIN), box(b"meta", bytes(4), box(b"hdlr", bytes(8) + b"ID32" + bytes(13)),
                                box(b"pitm", bytes(6)))),
    ],
)  # fmt: skip
def test_a_tag_that_cannot_be_read_is_not_clean(content: bytes) -> None:
    with pytest.raises(UnparseableError):
        inspect(content)


def test_there_is_an_end_to_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MAX_CHUNKS", 10)
    with pytest.raises(UnparseableError, match="chunks"):
        inspect(with_chunks(WAV, *[chunk(b"junk", b"")] * 10))


@given(st.sampled_from([b"RIFF", b"RF64"]), st.binary(max_size=200), st.integers(0, 60))
def test_whatever_stands_in_the_chunks_the_walk_ends(riff: bytes, rest: bytes, cut: int) -> None:
    content = wave(1, chunk(b"ds64", rest), riff=riff) + rest
    with suppress(UnparseableError):
        inspect(content[: max(12, len(content) - cut)])
