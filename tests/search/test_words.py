"""The words of an index and of a query (docs/formats/text.md)."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.text import fold
from phonotheque.search.spellings import further_words, latin_readings, romanise
from phonotheque.search.words import TERM_BYTES, is_wide, word_spans, words

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "text" / "words-2.json").read_text())


def found_by(text: str) -> set[str]:
    """Every word that leads to `text`."""
    return {*words(text), *further_words(text, words(text))}


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: row["text"][:20])
def test_texts_have_the_words_of_format_two(row: dict[str, Any]) -> None:
    assert words(row["text"]) == row["words"]
    assert further_words(row["text"], row["words"]) == row["further"]


@given(st.text())
def test_a_word_is_short_and_has_no_blank(text: str) -> None:
    for word in found_by(text):
        assert 0 < len(word.encode()) <= TERM_BYTES
        assert not any(c.isspace() for c in word)


@given(st.text())
def test_every_word_has_its_place_in_the_text(text: str) -> None:
    spans = word_spans(text)
    assert [word for word, _, _ in spans] == words(text)
    for word, first, last in spans:
        assert 0 <= first < last <= len(text)
        if len(word.encode()) < TERM_BYTES - 3 and "$" not in text and "!" not in text:
            assert word in fold(text[first:last]).replace("'", "").replace(".", "")


@given(st.text())
def test_further_words_are_no_words_twice(text: str) -> None:
    further = further_words(text, words(text))
    assert len(set(further)) == len(further)
    assert set(further).isdisjoint(words(text))


@given(st.text("abcé .'-&京都カ", max_size=12))
def test_what_stands_before_blanks_changes_no_word(text: str) -> None:
    assert words(f"x  {text}") == ["x", *words(text)]


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("jayz", "Jay-Z"), ("jay z", "Jay-Z"), ("acdc", "AC/DC"), ("rem", "R.E.M."),
        ("r e m", "R.E.M."), ("R.E.M.", "REM"), ("nwa", "N.W.A"), ("js bach", "J. S. Bach"),
        ("pink", "P!nk"), ("P!nk", "Pink"), ("kesha", "Ke$ha"), ("Ke$ha", "Kesha"),
        ("asap rocky", "A$AP Rocky"), ("short", "Too $hort"), ("badass", "Joey Bada$$"),
        ("dont", "Don’t"), ("amour", "L’amour"), ("beethoven", "Beethoven's Fifth"),
        ("no 5", "№5"), ("no5", "Symphony No. 5"), ("op27", "Nocturne Op. 27"),
        ("bwv 1007", "BWV1007"), ("part 2", "Part II"), ("simon and garfunkel", "Simon&Garfunkel"),
        ("rock and roll", "Rock 'n' Roll"), ("featuring", "A feat. B"), ("moskva", "Москва"),
        ("chaykovskiy", "Чайковский"), ("chaikovsky", "Чайковский"), ("beijing", "北京"),
        ("bei jing", "北京"), ("tokyo", "とうきょう"), ("pyotr", "Пётр"), ("gakkou", "がっこう"),
        ("shatsu", "シャツ"), ("seoul", "서울"), ("sarang", "사랑"), ("theodorakis", "Θεοδωράκης"),
        ("hindi", "हिन्दी"), ("京", "東京都"), ("랑해", "사랑해요"), ("กเ", "รักเธอ"),
        ("beyonce", "BeyoncÃ©"),
    ],
)  # fmt: skip
def test_many_ways_to_write_it_lead_to_one_text(typed: str, text: str) -> None:
    assert set(words(typed)) <= found_by(text)


@pytest.mark.parametrize("text", ["us$ 5", "What? No!", "Mr. A. Jones", "Go!", "1980-1990"])
def test_signs_beside_words_make_no_other_words(text: str) -> None:
    plain = fold(text)
    for sign in "$?!.-":
        plain = plain.replace(sign, " ")
    assert words(text) == plain.split()


def test_voiced_kana_stay_other_words() -> None:
    assert found_by("ガ").isdisjoint(found_by("カ"))


def test_only_what_has_no_blanks_is_wide() -> None:
    assert [is_wide(t) for t in ("東京", "の", "사랑", "รั", "ab", "東京都", "мо")] == [
        True, True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "readings"),
    [
        ("Moonlight", []),
        ("Бетховен 5", ["betkhoven 5", "bethoven 5"]),
        ('artist:"Чайковский" щел', ['artist:"chaykovskiy" shchel', 'artist:"chaikovsky" shchel']),
        ("東京の夜 ", ["dongjing no ye"]),
        ("사랑해요", ["salanghaeyo", "saranghaeyo"]),
        ("モーツァルト", ["motsaruto"]),
    ],
)
def test_a_query_is_read_in_latin_letters_in_the_ways_it_is_written(
    query: str, readings: list[str]
) -> None:
    assert latin_readings(query)[: len(readings)] == readings
    assert all(reading.isascii() for reading in latin_readings(query))


def test_any_script_is_read_in_latin_letters() -> None:
    assert romanise("Москва, Ёж!") == "moskva ezh"
    assert romanise("Il’ja Илья") == "ilja ilya"
