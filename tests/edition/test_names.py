"""Names never collide and can be written on every common file system."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.edition.names import (
    MAX_COMPONENT_BYTES,
    MAX_PATH_BYTES,
    Naming,
    distinct_form,
    iter_names,
    portable,
)

nasty = st.text(max_size=80) | st.text(
    alphabet='aAéE\u0301ß./\\:*?"<>|% \u202e\u200f\x00\n~-ıİｆﬁÅ', max_size=12
)
namings = st.builds(
    Naming,
    artist=nasty | st.sampled_from(["Abba", "ABBA", "abba "]),
    title=nasty | st.sampled_from(["con", "Con", "AUX.x", "song", "SONG"]),
    disc=st.none() | st.integers(1, 99),
    position=st.none() | st.integers(0, 99_999),
    sha256=st.sampled_from(["ab" * 32, "ab" * 31 + "cd", "0" * 64]),
    extension=st.sampled_from(["flac", "ogg"]),
)
RESERVED = {"con", "prn", "aux", "nul", "com1", "lpt9"}


@given(st.lists(namings, max_size=25))
def test_no_two_names_are_one_file_anywhere(files: list[Naming]) -> None:
    names = list(iter_names(files))
    assert len(names) == len(files)
    assert len({distinct_form(name) for name in names}) == len(names)
    folders = {name.rsplit("/", 1)[0] for name in names}
    assert len({distinct_form(folder) for folder in folders}) == len(folders)


@given(st.lists(namings, max_size=5))
def test_every_name_can_be_written_anywhere(files: list[Naming]) -> None:
    for name in iter_names(files):
        assert len(name.encode()) <= MAX_PATH_BYTES
        assert name == unicodedata.normalize("NFC", name)
        data, *parts = name.split("/")
        assert data == "data" and len(parts) == 2
        for part in parts:
            assert 0 < len(part.encode()) <= MAX_COMPONENT_BYTES
            assert not set(part) & set('<>:"\\|?*%')
            assert not any(unicodedata.category(c)[0] == "C" for c in part)
            assert part == part.strip(" .~")
            assert part.split(".")[0].strip().lower() not in RESERVED


@given(nasty, st.integers(20, 120))
def test_a_portable_name_stays_as_it_is(text: str, size: int) -> None:
    once = portable(text, "x", size)
    assert portable(once, "x", size) == once


def test_names_are_readable() -> None:
    files = [
        Naming("Björk", "Jóga", 1, 2, "ab" * 32, "flac"),
        Naming("Sigur Rós", "( ) / Untitled: 1?", 2, 1, "cd" * 32, "ogg"),
        Naming("", "", None, None, "ef" * 32, "mp3"),
    ]
    assert list(iter_names(files)) == [
        "data/Björk/02 - Jóga [abababab].flac",
        "data/Sigur Rós/2-01 - ( ) - Untitled- 1_ [cdcdcdcd].ogg",
        "data/Unknown artist/Untitled [efefefef].mp3",
    ]


@pytest.mark.parametrize("text", ["con", "NUL", "com1.x", "Aux", "LPT¹"])
def test_device_names_of_windows_are_avoided(text: str) -> None:
    assert portable(text, "x").startswith("_")
