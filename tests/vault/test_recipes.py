"""Which masters get a copy, and how one is made: the rules of docs/access-copies.md."""

import msgspec
import pytest

from phonotheque.vault import OpusForm, VaultObject, choose_settings, copy_comments
from phonotheque.vault.examination import Description
from phonotheque.vault.recipes import estimated_bytes, format_recipe, is_of_form, opus_rate

CD = VaultObject(
    sha256="ab" * 32, bytes=1_764_000, pieces_root="cd" * 32, puid="fmt/279",
    media_type="audio/flac", extension="flac", codec="flac", duration_ms=10_000,
    sample_rate_hz=44_100, channels=2, bits=16, lossless=True,
)  # fmt: skip
MP3 = msgspec.structs.replace(CD, codec="mp3", lossless=False, bits=0, bytes=400_000)
FORM = OpusForm(96)


def changed(item: VaultObject, **changes: object) -> VaultObject:
    return msgspec.structs.replace(item, **changes)


def test_bits_are_shared_out_among_channels() -> None:
    for channels, expected in ((1, 48_000), (2, 96_000), (6, 288_000)):
        settings = choose_settings(changed(CD, channels=channels, bytes=9 << 20), FORM, lossy=False)
        assert settings is not None and settings.bits_per_second == expected
        assert settings.channels == channels  # nothing is mixed


def test_a_lossy_master_is_encoded_again_only_where_the_policy_says_so() -> None:
    assert choose_settings(MP3, FORM, lossy=False) is None
    assert choose_settings(MP3, FORM, lossy=True) is not None


@pytest.mark.parametrize(
    "item",
    [
        changed(CD, bytes=120_000),  # 96,000 bits a second, as the copy would have
        changed(CD, channels=9, bytes=9 << 20),
        changed(CD, channels=0),
        changed(CD, sample_rate_hz=0),
        changed(CD, duration_ms=0, bytes=0),
        changed(MP3, bytes=100_000),
    ],
)
def test_some_masters_go_out_as_they_are(item: VaultObject) -> None:
    assert choose_settings(item, FORM, lossy=True) is None


def test_a_rate_of_opus_holds_the_band_of_the_master_and_no_wider_one() -> None:
    rates = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)
    expected = (8_000, 12_000, 16_000, 24_000, 48_000, 48_000, 48_000, 48_000, 48_000)
    assert tuple(map(opus_rate, rates)) == expected


def test_a_recipe_is_of_its_form_whatever_made_it() -> None:
    recipe = format_recipe(FORM, "libopus 1.6.1, FFmpeg 8.1.2")
    assert recipe == "opus 96k/1; libopus 1.6.1, FFmpeg 8.1.2"
    assert is_of_form(recipe, FORM) and not is_of_form(recipe, OpusForm(9))
    settings = choose_settings(CD, FORM, lossy=False)
    assert settings is not None and estimated_bytes(settings, 10_000) == 120_000 + 4_096


def test_comments_are_the_tags_as_mended_and_the_loudness_as_a_note() -> None:
    said = Description(
        tags={"title": ["Ã‰tude"], "artist": ["A", "B\0C"], "comment": ["no"], "isrc": ["X"]},
        tags_repaired={"title": ["Étude"]},
        integrated_lufs=-16.5,
    )
    known = {"title": "other", "artist": "other", "album": "Sung"}
    assert copy_comments(CD, said, known) == [
        ("TITLE", "Étude"), ("ARTIST", "A"), ("ARTIST", "B C"), ("ALBUM", "Sung"), ("ISRC", "X"),
        ("R128_TRACK_GAIN", str(round(-6.5 * 256))), ("MASTER", f"sha256:{CD.sha256}"),
    ]  # fmt: skip


def test_comments_without_a_description_come_from_the_catalogue_and_name_a_lossy_master() -> None:
    assert copy_comments(MP3, None, {"title": "T", "artist": "A", "album": None}) == [
        ("TITLE", "T"), ("ARTIST", "A"), ("MASTER", f"sha256:{CD.sha256}"), ("MASTER_LOSSY", "mp3"),
    ]  # fmt: skip


def test_a_gain_is_never_more_than_its_field_holds() -> None:
    quiet = copy_comments(CD, Description(integrated_lufs=-200.0), {})
    assert ("R128_TRACK_GAIN", "32767") in quiet
