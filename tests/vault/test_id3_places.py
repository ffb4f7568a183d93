"""What ID3 tags say of rights is heard wherever they stand."""

from pathlib import Path

import pytest

from phonotheque.model.audio_tags import Tags
from phonotheque.model.findings import Finding, FindingCode
from phonotheque.sources.provenance import tag_provenance
from phonotheque.vault import id3_places
from tests.support.audio import encode_tone
from tests.support.boxes import box, chunk, id3, id3_frame, id32, wave, with_chunks, written
from tests.support.clock import NOW
from tests.support.tags import read_tags

TAG = id3(
    id3_frame(b"WOAS", b"https://open.spotify.com/x")
    + id3_frame(b"PRIV", b"XMP\0<x>tdm-reservation: 1</x>")
)
TITLE = id3(id3_frame(b"TIT2", b"\3a"))
WAV, AIFF, M4A = encode_tone(".wav", 0.2), encode_tone(".aiff", 0.2), encode_tone(".m4a", 0.2)


def in_rf64(tag: bytes) -> bytes:
    lengths = bytes(8) + (6).to_bytes(8, "little") + bytes(12)
    whole = wave(1, chunk(b"ds64", lengths), riff=b"RF64")
    return whole[:-4] + b"\xff\xff\xff\xff" + b"sample" + chunk(b"id3 ", tag)


PLACES = [
    ("a.wav", with_chunks(WAV, chunk(b"id3 ", TAG))),
    ("a.wav", with_chunks(WAV, chunk(b"id3\0", TAG))),
    ("a.wav", with_chunks(WAV, chunk(b"id3 ", TITLE + TAG))),
    ("a.wav", in_rf64(TAG)),
    ("a.aiff", with_chunks(AIFF, chunk(b"ID3 ", TAG, big=True))),
    ("a.aiff", with_chunks(AIFF, chunk(b"id3 ", TAG, big=True))),
    ("a.m4a", M4A + id32(TAG)),
    ("a.m4a", M4A + box(b"moov", box(b"udta", id32(TAG)))),
    ("a.flac", TAG + encode_tone(".flac", 0.2)),
    ("a.mp3", TAG + encode_tone(".mp3", 0.2)),
    ("a.mp3", TITLE + TAG + encode_tone(".mp3", 0.2)),
]


def tags_of(tmp_path: Path, name: str, content: bytes) -> Tags:
    found = read_tags(written(tmp_path / name, content))
    assert isinstance(found, Tags), found
    return found


@pytest.mark.parametrize(("name", "content"), PLACES)
def test_a_source_and_a_reservation_are_heard_once_wherever_the_tag_stands(
    tmp_path: Path, name: str, content: bytes
) -> None:
    tags = tags_of(tmp_path, name, content)
    assert tags.values["woas"] == ["https://open.spotify.com/x"]
    assert tags.values["xmp"] == ["<x>tdm-reservation: 1</x>"]
    assert [e.value for e in tag_provenance(tags, NOW)] == ["streaming-service"]


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".m4a", ".flac", ".ogg", ".mp3"])
def test_audio_without_such_a_tag_says_nothing_of_it(tmp_path: Path, suffix: str) -> None:
    assert "woas" not in tags_of(tmp_path, f"a{suffix}", encode_tone(suffix, 0.2)).values


def test_a_tag_that_cannot_be_read_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(id3_places, "MAX_TAG_BYTES", 20)
    found = read_tags(written(tmp_path / "a.m4a", M4A + id32(TAG)))
    assert isinstance(found, Finding) and found.code is FindingCode.TAGS_UNREADABLE
