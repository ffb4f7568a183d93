"""What is kept is whole, plain audio: every form proved by decoding, every damage told."""

import os
import re
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from phonotheque.model.findings import FindingCode, Severity
from phonotheque.vault import Examination, Examiner, Limits, examine
from phonotheque.vault.ogg import checksum
from tests.support.audio import encode_tone, make_audio
from tests.support.boxes import box, movie, sample_entry, track, written
from tests.support.examining import examine_here

if TYPE_CHECKING:
    from collections.abc import Callable


def codes(examination: Examination) -> list[FindingCode]:
    return [f.code for f in examination.findings]


@pytest.mark.parametrize(
    ("suffix", "codec", "puid", "bits"),
    [
        (".flac", "flac", "fmt/279", 16),
        (".ogg", "vorbis", "fmt/203", 0),
        (".opus", "opus", "fmt/946", 0),
        (".oga", "flac", "fmt/947", 16),
        (".mp3", "mp3", "fmt/134", 0),
        (".wav", "pcm_s16le", "fmt/141", 16),
        (".m4a", "aac", "fmt/199", 0),
        (".alac.m4a", "alac", "fmt/596", 24),
        (".aiff", "pcm_s16be", "fmt/414", 16),
        (".wv", "wavpack", "phono/wavpack", 16),
    ],
)
def test_sound_audio_of_every_form_is_admissible(
    tmp_path: Path, suffix: str, codec: str, puid: str, bits: int
) -> None:
    path = make_audio(tmp_path / f"tone{suffix}", seconds=1.5)
    seen = examine_here(path)
    assert seen.admissible, seen.findings
    assert (seen.codec, seen.puid, seen.bits, seen.channels) == (codec, puid, bits, 2)
    assert seen.lossless == (bits > 0)
    assert abs(seen.duration_ms - 1500) < 60
    assert seen.sample_rate_hz == (48_000 if suffix == ".opus" else 44_100)
    assert (seen.size_bytes, seen.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)


def test_a_name_that_lies_does_not_matter(tmp_path: Path) -> None:
    seen = examine_here(written(tmp_path / "song.mp3", encode_tone(".flac")))
    assert (seen.admissible, seen.extension, seen.media_type) == (True, "flac", "audio/flac")


def test_a_name_that_a_decoder_could_take_for_an_order_is_only_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "concat:a|b"
    assert examine_here(make_audio(folder / "http:%2f.flac")).admissible


def test_the_worker_process_says_the_same(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "tone.opus")
    assert examine(path) == examine_here(path)


def test_too_little_memory_for_the_decoder_is_a_finding(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "tone.flac")
    seen = examine(path, Limits(memory_bytes=0))
    assert not seen.admissible
    assert codes(seen)[0] in (FindingCode.AUDIO_LIMIT, FindingCode.AUDIO_DECODE_FAILED)


@pytest.mark.parametrize(
    "suffix", [".flac", ".ogg", ".opus", ".oga", ".mp3", ".wav", ".aiff", ".wv"]
)
def test_audio_cut_off_is_truncated(tmp_path: Path, suffix: str) -> None:
    content = encode_tone(suffix, 4.0)
    seen = examine_here(written(tmp_path / "cut", content[: len(content) * 6 // 10]))
    assert FindingCode.AUDIO_TRUNCATED in codes(seen)
    assert not seen.admissible


def test_an_mpeg_4_file_cut_off_before_its_movie_box_is_not_parseable(tmp_path: Path) -> None:
    content = encode_tone(".m4a", 4.0)
    seen = examine_here(written(tmp_path / "cut", content[: len(content) // 2]))
    assert codes(seen) == [FindingCode.AUDIO_UNPARSEABLE]
    assert seen.puid == "fmt/199"


def damaged(content: bytes, share: float, length: int = 24) -> bytes:
    start = int(len(content) * share)
    broken = bytes(255 - b for b in content[start : start + length])
    return content[:start] + broken + content[start + length :]


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".opus", ".oga", ".wv"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_flipped_bytes_inside_checked_audio_never_pass(
    tmp_path: Path, suffix: str, share: float
) -> None:
    seen = examine_here(written(tmp_path / "bad", damaged(encode_tone(suffix, 4.0), share)))
    assert not seen.admissible
    assert set(codes(seen)) <= {
        FindingCode.AUDIO_DECODE_FAILED,
        FindingCode.AUDIO_TRUNCATED,
        FindingCode.AUDIO_MD5_MISMATCH,
    }


def test_an_ogg_stream_that_does_not_say_it_ends_is_kept_with_a_doubt(tmp_path: Path) -> None:
    content = encode_tone(".opus", 2.0)
    start = content.rindex(b"OggS")
    page = bytearray(content[start:])
    page[5] &= ~4
    page[22:26] = checksum(bytes(page)).to_bytes(4, "little")
    seen = examine_here(written(tmp_path / "a.opus", content[:start] + bytes(page)))
    assert codes(seen) == [FindingCode.AUDIO_TRUNCATED]
    assert seen.findings[0].severity is Severity.WARNING
    assert seen.admissible


def test_an_ogg_page_that_is_missing_in_the_middle_is_told(tmp_path: Path) -> None:
    content = encode_tone(".ogg", 30.0)
    starts = [m.start() for m in re.finditer(b"OggS", content)]
    assert len(starts) > 5
    seen = examine_here(written(tmp_path / "a", content[: starts[3]] + content[starts[4] :]))
    assert set(codes(seen)) & {FindingCode.AUDIO_DECODE_FAILED, FindingCode.AUDIO_TRUNCATED}
    assert not seen.admissible


def test_tags_appended_to_an_ogg_file_do_no_harm(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ogg", encode_tone(".ogg") + b"TAG" + bytes(125))
    assert examine_here(path).findings == ()


def test_flac_whose_audio_is_not_what_the_encoder_was_given_is_told(tmp_path: Path) -> None:
    content = bytearray(encode_tone(".flac"))
    digest = content.index(b"fLaC") + 4 + 4 + 18
    assert content[digest : digest + 16] != bytes(16)
    content[digest] ^= 1
    seen = examine_here(written(tmp_path / "a.flac", bytes(content)))
    assert codes(seen) == [FindingCode.AUDIO_MD5_MISMATCH]
    assert seen.codec == "flac"


def test_flac_without_a_digest_is_not_blamed_for_it(tmp_path: Path) -> None:
    content = bytearray(encode_tone(".flac"))
    digest = content.index(b"fLaC") + 4 + 4 + 18
    content[digest : digest + 16] = bytes(16)
    assert examine_here(written(tmp_path / "a.flac", bytes(content))).findings == ()


def test_the_digest_in_a_test_tone_is_that_of_its_samples() -> None:
    """The encoder's MD5 is over what WAVE holds, so ours is checked against a third opinion."""
    flac, wav = encode_tone(".flac"), encode_tone(".wav")
    digest = flac.index(b"fLaC") + 4 + 4 + 18
    samples = wav[wav.index(b"data") + 8 :]
    assert flac[digest : digest + 16] == md5(samples, usedforsecurity=False).digest()


def test_a_header_that_lies_about_whole_audio_is_a_warning(tmp_path: Path) -> None:
    content = bytearray(encode_tone(".flac"))
    total = content.index(b"fLaC") + 4 + 4 + 13
    content[total : total + 5] = bytes([content[total] & 0xF0, 0, 0, 0, 100])
    seen = examine_here(written(tmp_path / "a.flac", bytes(content)))
    assert codes(seen) == [FindingCode.AUDIO_WRONG_HEADER]
    assert seen.admissible
    assert seen.duration_ms == 1000


def test_protected_audio_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = written(tmp_path / "a.m4a", movie(track(sample_entry(b"drms", box(b"esds", bytes(9))))))
    seen = examine_here(path)
    assert codes(seen) == [FindingCode.AUDIO_DRM]
    assert "drms" in seen.findings[0].message
    assert seen.codec == ""


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.flac", b"", FindingCode.FILE_UNKNOWN_FORMAT),
        ("page.html", b"<html>" * 50, FindingCode.FILE_UNKNOWN_FORMAT),
        ("a.mka", encode_tone(".mka"), FindingCode.FILE_UNKNOWN_FORMAT),
        ("a.wav", encode_tone(".adpcm.wav"), FindingCode.FILE_UNKNOWN_FORMAT),
        ("head.flac", encode_tone(".flac")[:60], FindingCode.AUDIO_DECODE_FAILED),
        ("head.wav", encode_tone(".wav")[:44], FindingCode.AUDIO_NO_AUDIO),
        ("silent.m4a", movie(), FindingCode.AUDIO_NO_AUDIO),
    ],
)
def test_what_is_no_whole_audio_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, code: FindingCode
) -> None:
    seen = examine_here(written(tmp_path / name, content))
    assert codes(seen)[0] is code
    assert seen.findings[0].where.endswith(name)
    assert not seen.admissible


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.flac", tmp_path):
        seen = examine_here(path)
        assert codes(seen) == [FindingCode.FILE_UNREADABLE]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_finding(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.flac")
    path.chmod(0)
    assert codes(examine_here(path)) == [FindingCode.FILE_UNREADABLE]


@pytest.mark.full
@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".opus", ".mp3", ".wav", ".m4a", ".wv"])
def test_no_damage_at_all_makes_an_examination_fail(tmp_path: Path, suffix: str) -> None:
    """A worker may crash on it; what comes back is always an answer."""
    content = encode_tone(suffix, 2.0)
    spoil: list[Callable[[float], bytes]] = [
        lambda share: content[: int(len(content) * share)],
        lambda share: damaged(content, share, 1),
        lambda share: damaged(content, share, 200),
    ]
    with Examiner(1, Limits(seconds=20)) as examiner:
        for step in range(40):
            for how in spoil:
                seen = examiner.examine(written(tmp_path / "bad", how(step / 40)))
                assert seen.path.endswith("bad")
