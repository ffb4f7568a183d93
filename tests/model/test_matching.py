"""Keys and digests of titles and credits (docs/formats/matching.md)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model import title_words
from phonotheque.model.matching import (
    artist_key,
    digest64,
    identifies,
    match_columns,
    title_key,
)
from phonotheque.model.text import fold

BITS = (
    *("(", ")", "[", " - ", "~", "feat. ", "Live", "Remix", "Pt. ", "II", "03", " & ", "The "),
    *("Remaster", "'", "ü", "Ã¤", "ラ", "\u3099", "현", ", ", "No. ", "5", "ing", "ss", " = "),
)
texts = st.one_of(st.text(), st.lists(st.one_of(st.sampled_from(BITS), st.text())).map("".join))


@given(texts)
def test_any_text_has_keys_and_the_same_ones_in_every_unicode_form(text: str) -> None:
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, text)
        assert title_key(other)[0] == title_key(unicodedata.normalize("NFC", text))[0]
        assert artist_key(other) == artist_key(unicodedata.normalize("NFC", text))
    assert match_columns([text], [text]).text_match.shape == (1,)


@given(st.lists(st.tuples(texts, texts), max_size=6), st.randoms())
def test_rows_have_the_same_columns_whatever_stands_beside_them(rows, random) -> None:
    alone = {row: match_columns([row[0]], [row[1]]) for row in rows}
    random.shuffle(rows)
    block = match_columns([t for t, _ in rows], [a for _, a in rows])
    for at, row in enumerate(rows):
        for name in ("title_match", "text_match", "text_usable", "wording", "bucket"):
            assert getattr(block, name)[at] == getattr(alone[row], name)[0]
        assert block.artist_norm[at] == alone[row].artist_norm[0]


def test_the_lists_of_words_are_folded() -> None:
    for name, words in vars(title_words).items():
        if name.isupper():
            values = words.values() if isinstance(words, dict) else ()
            assert [w for w in (*words, *values) if fold(w) != w] == [], name


def test_the_digest_is_signed_little_endian_blake2b() -> None:
    assert digest64("") == -5426141060434712860
    assert digest64("夜") == 5751941376870330022


@pytest.mark.parametrize("artist", ["Various", "[unknown]", "V.A.", "Various Artists"])
def test_nobody_in_particular_identifies_nothing(artist: str) -> None:
    assert not identifies(artist_key(artist), title_key("Night Train")[0])
