"""Damaged files: nothing crashes, nothing hangs, and what a checksum could tell never passes for
sound. Judged in child processes; what is admitted is listened to and compared with the whole file.
"""

from collections import Counter

import pytest

from phonotheque.model.findings import FindingCode
from tests.support.audio_bombs import iter_bombs
from tests.support.audio_corpus import EVERYDAY, FORMS, sound_file
from tests.support.audio_damage import iter_damages, sample
from tests.support.audio_oracle import Verdict, examine_bytes, judge_all, sound_of

_PCM = frozenset({"flip-sound", "flip-structure", "zeros-over", "zeros-put-in", "length", "joined"})
MAY_PASS: dict[str, frozenset[str]] = {
    # every frame of MP3 stands for itself and has no checksum; only a header that counts the frames
    # tells that some are missing
    "mp3": _PCM | {"cut", "part-lost", "part-doubled", "parts-swapped"},
    "wav": _PCM, "bwf": _PCM, "rf64": _PCM, "aiff": _PCM, "aifc": _PCM,
    "aac": frozenset({"flip-sound", "flip-structure", "zeros-over", "length", "joined"}),
    "alac": frozenset({"flip-sound", "flip-structure", "zeros-over", "length", "joined"}),
    "flac-mono-without-md5": frozenset({"parts-swapped"}),
    "wavpack": frozenset({"flip-structure"}),  # the flags of a block: its rate, its scale
}  # fmt: skip
"""Kinds of damage that may pass for sound although the audio is another one: the form has nothing
that would tell (docs/audio.md). Not named here: none."""


def judged(name: str, count: int | None = None) -> list[Verdict]:
    """The verdicts on damaged copies of a file of form `name`: all, or about `count`."""
    whole = sound_file(name, 0.3)
    other = sound_file("flac" if name == "wav-16" else "wav-16", 0.2)
    damages = iter_damages(whole, other)
    return list(judge_all(list(damages) if count is None else sample(damages, count), whole, other))


def check(name: str, verdicts: list[Verdict]) -> None:
    died = [v for v in verdicts if v.died]
    assert not died, died[:5]
    allowed = MAY_PASS.get(name) or MAY_PASS.get(name.partition("-")[0], frozenset())
    wrong = [v for v in verdicts if v.sound and not v.same and v.kind not in allowed]
    assert not wrong, f"{len(wrong)} of {len(verdicts)} pass for sound, as {wrong[:5]}"
    assert any(v.admitted for v in verdicts)
    assert any(not v.admitted for v in verdicts)


@pytest.mark.parametrize("name", EVERYDAY)
def test_a_sample_of_damaged_files_never_passes_for_sound(name: str) -> None:
    check(name, judged(name, 50))


@pytest.mark.full
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("name", FORMS)
def test_no_damaged_file_at_all_passes_for_sound(name: str) -> None:
    verdicts = judged(name)
    print(name, len(verdicts), Counter(v.kind for v in verdicts if v.sound and not v.same))
    check(name, verdicts)


@pytest.mark.parametrize("name", FORMS)
def test_the_undamaged_file_of_each_form_is_sound(name: str) -> None:
    seen = examine_bytes(sound_file(name, 0.3))
    assert (seen.admissible, seen.findings) == (True, ()), seen.findings


def test_a_second_opinion_hears_one_changed_sample() -> None:
    whole = sound_file("wav-16", 0.3)
    assert sound_of(whole) == sound_of(bytes(whole))
    assert sound_of(whole) != sound_of(whole[:20_000] + b"\x55" + whole[20_001:])


@pytest.mark.parametrize("one_in", [5, pytest.param(1, marks=pytest.mark.full)])
def test_files_that_claim_more_than_they_hold_do_no_harm(one_in: int) -> None:
    verdicts = list(judge_all(iter_bombs()[::one_in], sound_file("flac", 0.3)))
    assert [v for v in verdicts if v.died] == []
    assert len(verdicts) > 50 // one_in


@pytest.mark.parametrize("name", ["vorbis", "opus", "ogg-flac", "speex"])
def test_two_pieces_of_ogg_behind_one_another_are_not_taken_for_one(name: str) -> None:
    seen = examine_bytes(sound_file(name, 0.3) * 2)
    assert not seen.admissible
    assert seen.findings[0].code is FindingCode.AUDIO_DECODE_FAILED


def test_a_wavpack_block_that_was_shortened_is_told_by_the_samples_that_its_header_counts() -> None:
    whole = bytearray(sound_file("wavpack", 0.3))
    whole[20] ^= 1
    seen = examine_bytes(bytes(whole))
    assert [f.code for f in seen.findings] == [FindingCode.AUDIO_DECODE_FAILED]
    assert "samples" in seen.findings[0].message
