"""What the bytes of a file tell of it besides decoding: frames out of step, stray chunks, headers
that lie, further streams, endings of names."""

from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from phonotheque.model.findings import FindingCode, Severity
from phonotheque.vault import Examination
from phonotheque.vault.formats import identify
from phonotheque.vault.mpeg_walk import walk_mpeg
from tests.support.audio import encode_tone
from tests.support.boxes import chunk, with_chunks, written
from tests.support.examining import examine_here

WARNED = Severity.WARNING


def judged(tmp_path: Path, content: bytes, name: str = "a") -> Examination:
    return examine_here(written(tmp_path / name, content))


def told(seen: Examination) -> list[tuple[FindingCode, Severity]]:
    return [(f.code, f.severity) for f in seen.findings]


def frames_of(content: bytes) -> list[int]:
    """Where the frames of an MP3 begin."""
    found = identify(BytesIO(content))
    assert found is not None
    position, starts = found.offset_bytes, []
    while position < len(content) - 4:
        starts.append(position)
        short = content[: position + 4]
        position += walk_mpeg(BytesIO(short), len(short), found).lacking_bytes + 4
    return starts


MP3 = encode_tone(".mp3", 3.0)


def test_an_mp3_of_whole_frames_has_no_doubts(tmp_path: Path) -> None:
    assert judged(tmp_path, MP3).findings == ()
    assert judged(tmp_path, MP3 + bytes(500)).findings == ()
    assert judged(tmp_path, MP3 + b"TAG" + bytes(125)).findings == ()


def test_bytes_between_frames_are_told(tmp_path: Path) -> None:
    at = frames_of(MP3)[40]
    seen = judged(tmp_path, MP3[:at] + b"garbage!" * 20 + MP3[at:])
    codes = [code for code, _ in told(seen)]
    assert FindingCode.AUDIO_LOST_SYNC in codes or FindingCode.AUDIO_DECODE_FAILED in codes
    if seen.admissible:
        (finding,) = (f for f in seen.findings if f.code is FindingCode.AUDIO_LOST_SYNC)
        assert (finding.severity, f"byte {at}" in finding.message) == (WARNED, True)


def test_stray_bytes_are_counted_by_place() -> None:
    starts = frames_of(MP3)
    spoilt = MP3[: starts[9]] + b"x" * 33 + MP3[starts[9] : starts[50]] + b"y" * 7
    spoilt += MP3[starts[50] : -5]
    found = identify(BytesIO(spoilt))
    assert found is not None
    seen = walk_mpeg(BytesIO(spoilt), len(spoilt), found)
    assert (seen.stray_places, seen.stray_bytes, seen.first_stray) == (2, 40, starts[9])
    assert (seen.frames, seen.lacking_bytes) == (len(starts), 5)


def test_an_mp3_that_lacks_some_of_the_frames_it_counts_is_told(tmp_path: Path) -> None:
    starts = frames_of(MP3)
    seen = judged(tmp_path, MP3[: starts[50]] + MP3[starts[53] :])
    assert told(seen) == [(FindingCode.AUDIO_LOST_SYNC, WARNED)]


def without_frame_count(content: bytes) -> bytes:
    """An MP3 whose first frame does not say how many there are."""
    starts = frames_of(content)
    return content[starts[1] :]


def test_a_last_frame_that_is_cut_is_told(tmp_path: Path) -> None:
    seen = judged(tmp_path, without_frame_count(MP3)[:-100])
    assert (FindingCode.AUDIO_TRUNCATED, WARNED) in told(seen) or not seen.admissible


def test_an_mp3_without_a_count_of_frames_is_sound(tmp_path: Path) -> None:
    assert told(judged(tmp_path, without_frame_count(MP3))) == []


def test_an_mp3_that_counts_fewer_frames_than_it_has_is_told(tmp_path: Path) -> None:
    content = bytearray(MP3)
    at = content.index(b"Xing" if b"Xing" in content else b"Info")
    content[at + 8 : at + 12] = (30).to_bytes(4, "big")
    seen = judged(tmp_path, bytes(content))
    assert (FindingCode.AUDIO_WRONG_HEADER, WARNED) in told(seen) or not seen.admissible


WAV, AIFF = encode_tone(".wav", 1.0), encode_tone(".aiff", 1.0)


def test_bytes_behind_the_last_chunk_are_told(tmp_path: Path) -> None:
    for content in (WAV, AIFF):
        seen = judged(tmp_path, content + b"\xff\xfe" * 300)
        assert told(seen) == [(FindingCode.AUDIO_WRONG_HEADER, WARNED)]
        assert "600 bytes" in seen.findings[0].message
        assert judged(tmp_path, content + bytes(600)).findings == ()


def test_a_chunk_behind_the_audio_that_is_cut_is_told_and_the_audio_kept(tmp_path: Path) -> None:
    content = with_chunks(WAV, chunk(b"LIST", b"INFO" + bytes(200)))[:-50]
    assert told(judged(tmp_path, content)) == [(FindingCode.AUDIO_WRONG_HEADER, WARNED)]


def test_aiff_that_counts_more_than_its_sound_chunk_holds_is_truncated(tmp_path: Path) -> None:
    content = bytearray(AIFF)
    at = content.index(b"COMM") + 10
    frames = int.from_bytes(content[at : at + 4], "big")
    content[at : at + 4] = (frames * 2).to_bytes(4, "big")
    seen = judged(tmp_path, bytes(content))
    assert told(seen)[0] == (FindingCode.AUDIO_TRUNCATED, Severity.ERROR)


def rf64(claimed_bytes: int) -> bytes:
    """WAV as RF64 that says its audio has so many bytes."""
    at = WAV.index(b"data")
    lengths = len(WAV).to_bytes(8, "little") + claimed_bytes.to_bytes(8, "little") + bytes(12)
    head = b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", lengths)
    return head + WAV[12:at] + b"data\xff\xff\xff\xff" + WAV[at + 8 :]


def test_rf64_is_held_to_its_long_lengths(tmp_path: Path) -> None:
    whole = len(WAV) - WAV.index(b"data") - 8
    assert judged(tmp_path, rf64(whole)).findings == ()
    seen = judged(tmp_path, rf64(whole * 2))
    assert told(seen)[0] == (FindingCode.AUDIO_TRUNCATED, Severity.ERROR)


def test_a_second_stream_is_told(tmp_path: Path) -> None:
    out = BytesIO()
    with av.open(out, "w", format="mp4") as container:
        streams = [container.add_stream("aac", rate=44_100) for _ in range(2)]
        for stream in streams:
            stream.layout = "stereo"
        for stream in streams:
            for part in range(20):
                frame = av.AudioFrame.from_ndarray(
                    np.zeros((2, 1024), np.float32) + 0.1, format="fltp", layout="stereo"
                )
                frame.rate, frame.pts = 44_100, part * 1024
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    seen = judged(tmp_path, out.getvalue())
    assert (FindingCode.AUDIO_OTHER_STREAMS, WARNED) in told(seen)
    assert seen.admissible


@pytest.mark.parametrize(
    ("name", "suffix", "wrong"),
    [
        ("a.mp3", ".flac", True), ("a.flac", ".mp3", True), ("a.WAV", ".wav", False),
        ("a.oga", ".ogg", False), ("a.ogg", ".opus", False), ("a.mp4", ".m4a", False),
        ("a", ".flac", False), ("a.b", ".flac", False), ("a.flac.wma", ".flac", True),
    ],
)  # fmt: skip
def test_an_ending_of_another_form_is_told(
    tmp_path: Path, name: str, suffix: str, wrong: bool
) -> None:
    seen = judged(tmp_path, encode_tone(suffix), name)
    assert told(seen) == ([(FindingCode.FILE_WRONG_EXTENSION, Severity.INFO)] if wrong else [])


def test_an_empty_file_is_called_that(tmp_path: Path) -> None:
    seen = judged(tmp_path, b"", "a.flac")
    assert told(seen) == [(FindingCode.FILE_UNKNOWN_FORMAT, Severity.ERROR)]
    assert "empty" in seen.findings[0].message
