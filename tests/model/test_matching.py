"""Keys and digests of titles and credits (docs/formats/matching.md)."""

import json
import random
import re
import time
import unicodedata
from pathlib import Path
from typing import Any

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
from phonotheque.model.plain_titles import lines_of, plain_keys
from phonotheque.model.text import fold

REPOSITORY = Path(__file__).parents[2]
GOLDEN = json.loads((REPOSITORY / "tests/golden/matching/v1/vectors.json").read_text())
SPECIFICATION = (REPOSITORY / "docs/formats/matching.md").read_text()
COLUMNS = ("title_match", "text_match", "text_usable", "wording", "bucket")

BITS = (
    *("(", ")", "[", " - ", "~", "feat. ", "Live", "Remix", "Pt. ", "II", "03", " & ", "The "),
    *("Remaster", "'", "ü", "Ã¤", "ラ", "\u3099", "현", ", ", "No. ", "5", "ing", "ss", " = "),
    *("and ", " an", " A ", "The", "et", "''", " n ", "one", ", The", "king", "\n", "w/", "$"),
    *(
        ",  The",
        "part2",
        "07 ",
        "1 ",
        "夜",
        "Ελλ",
        "singing",
        "(Live)",
        " - Remix",
        "soundtrack",
        "_",
    ),
)
texts = st.one_of(
    st.text(),
    st.text("abdeghinorst' ,.-&", max_size=30),
    st.lists(st.one_of(st.sampled_from(BITS), st.text(max_size=3))).map("".join),
)


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: row["title"][:20])
def test_rows_have_the_keys_and_digests_of_version_one_for_ever(row: dict[str, Any]) -> None:
    columns = match_columns([row["title"]], [row["artist_credit"]])
    found = {
        "title_key": title_key(row["title"])[0],
        "version": title_key(row["title"])[1],
        "artist_key": artist_key(row["artist_credit"]),
    }
    found |= {name: getattr(columns, name)[0].item() for name in COLUMNS}
    assert found == {name: row[name] for name in found}


@given(texts)
def test_any_text_has_keys_and_the_same_ones_in_every_unicode_form(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    decomposed = unicodedata.normalize("NFD", composed)
    assert title_key(composed) == title_key(decomposed)
    assert artist_key(composed) == artist_key(decomposed)


@given(texts)
def test_the_short_way_leads_to_the_same_keys(text: str) -> None:
    (key,) = plain_keys(lines_of([text]))
    assert key is None or (key.decode(), "") == title_key(text)


@given(texts)
def test_the_columns_are_of_the_keys_however_they_were_found(text: str) -> None:
    name, version = title_key(text)
    (found,) = match_columns([text], ["Ann Lee"]).title_match
    assert found == digest64(f"{name}\x1f{version}" if version else name)


@given(st.lists(texts, max_size=8))
def test_a_title_has_the_same_short_way_in_any_company(titles: list[str]) -> None:
    lines = lines_of(titles)
    assert plain_keys(lines) == [key for line in lines for key in plain_keys([line])]


@given(st.lists(st.tuples(texts, texts), max_size=6), st.randoms())
def test_rows_have_the_same_columns_whatever_stands_beside_them(
    rows: list[tuple[str, str]], dice: random.Random
) -> None:
    alone = {row: match_columns([row[0]], [row[1]]) for row in rows}
    dice.shuffle(rows)
    block = match_columns([t for t, _ in rows], [a for _, a in rows])
    for at, row in enumerate(rows):
        assert block.artist_norm[at] == alone[row].artist_norm[0]
        for name in COLUMNS:
            assert getattr(block, name)[at] == getattr(alone[row], name)[0]


@given(st.permutations(["Ann Lee", "Bob Day", "Cy Coe"]))
def test_the_order_of_artists_does_not_count(names: list[str]) -> None:
    assert artist_key(", ".join(names)) == artist_key("Ann Lee, Bob Day & Cy Coe")


@pytest.mark.parametrize("bit", ["(", "- ", " -", "a - live", "[b]", " ", "~-", "feat. ", ", a"])
def test_a_long_title_takes_no_long_time(bit: str) -> None:
    start = time.process_time()
    match_columns([bit * (4000 // len(bit)), "é" + bit * 1500], [bit * 1500, "é" + bit * 1500])
    assert time.process_time() - start < 1


@pytest.mark.parametrize("artist", ["Various", "[unknown]", "V.A.", "Various Artists", "群星"])
def test_nobody_in_particular_identifies_nothing(artist: str) -> None:
    assert not identifies(artist_key(artist), title_key("Night Train")[0])


@pytest.mark.parametrize("title", ["Untitled 2", "Track 01", "Intro", "1. Allegro", "7", "...", ""])
def test_a_title_that_many_tracks_have_identifies_nothing(title: str) -> None:
    assert not identifies(artist_key("Björk"), title_key(title)[0])


def test_a_version_keeps_a_row_apart_and_a_word_in_the_name_does_not() -> None:
    assert title_key("Porcelain (Futureshock Rmx)") == title_key("Porcelain - Remix by Futureshock")
    assert title_key("Porcelain (Futureshock Rmx)")[1] != ""
    assert title_key("Live and Let Die")[1] == ""


def test_the_artist_said_again_in_the_title_is_left_out() -> None:
    twice = match_columns(["Nine Inch Nails - Hurt", "Hurt"], ["Nine Inch Nails"] * 2)
    assert twice.text_match[0] == twice.text_match[1]


def test_the_digest_is_signed_little_endian_blake2b() -> None:
    assert digest64("") == -5426141060434712860
    assert digest64("夜") == 5751941376870330022


def test_the_lists_of_words_are_folded() -> None:
    for name, words in vars(title_words).items():
        if name.isupper():
            values = words.values() if isinstance(words, dict) else ()
            assert [w for w in (*words, *values) if fold(w) != w] == [], name


def test_the_specification_has_every_list_of_words() -> None:
    for name, words in vars(title_words).items():
        if name.isupper():
            section = re.search(rf"^### {name}\n(.*?)(?=^#|\Z)", SPECIFICATION, re.M | re.S)
            assert section, f"docs/formats/matching.md has no list {name}"
            told = re.findall(r"`([^`]+)`", section[1])
            want = (
                [f"{k} → {v}" for k, v in words.items()] if isinstance(words, dict) else list(words)
            )
            assert sorted(told) == sorted(want), name
