"""The walk over the frames of an MP3 ends, whatever stands between them."""

from io import BytesIO

import pytest

from phonotheque.vault import formats
from phonotheque.vault.formats import Identified
from phonotheque.vault.mpeg_walk import MpegFrames, walk_mpeg
from tests.support.audio_corpus import sound_file


def walked(content: bytes) -> MpegFrames:
    return walk_mpeg(BytesIO(content), len(content), Identified(formats.MP3))


def test_a_whole_file_has_nothing_stray() -> None:
    seen = walked(sound_file("mp3", 0.6))
    assert (seen.stray_places, seen.lacking_bytes) == (0, 0)
    assert seen.frames > 20


@pytest.mark.parametrize("cut", range(8, 32))
def test_a_tag_that_is_cut_off_at_the_end_is_no_error(cut: int) -> None:
    tag = (b"APETAGEX" + b"\xff" * 24)[:cut]
    assert walked(sound_file("mp3", 0.3) + tag).frames > 10
    assert walked(b"x" * 30 + tag).frames == 0


def test_what_looks_like_the_beginning_of_frames_costs_little() -> None:
    """A second at most: each place was once looked at through half a megabyte."""
    whole = sound_file("mp3", 0.3)
    seen = walked(whole + b"\xff\xfb" * 700_000 + whole)
    assert seen.frames == 2 * walked(whole).frames
    assert seen.stray_places == 1


@pytest.mark.parametrize("gap", [1, 700, 524_287, 524_288, 600_000, 1_048_576])
def test_frames_are_found_again_behind_a_gap_of_any_length(gap: int) -> None:
    whole = sound_file("mp3", 0.3, tagged=False)
    seen = walked(whole + b"\x11" * gap + whole)
    assert seen.frames == 2 * walked(whole).frames
    assert (seen.stray_bytes, seen.stray_places) == (gap, 1)
