"""Normalised text (docs/formats/text.md)."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.text import fold, normalise

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "text" / "v1" / "vectors.json").read_text()
)


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: row["text"][:20])
def test_texts_are_normalised_as_in_version_one_for_ever(row: dict[str, Any]) -> None:
    assert fold(row["text"]) == row["fold"]
    assert normalise(row["text"]) == row["normalise"]


@given(st.text())
def test_folding_and_normalising_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_composed_and_decomposed_spellings_are_one_text(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert normalise(unicodedata.normalize(form, text)) == normalise(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_takes_the_short_way_to_the_same_place(text: str) -> None:
    assert fold(text) == fold(text + "é").removesuffix("e")


def test_voiced_kana_are_other_syllables() -> None:
    assert normalise("ガ") != normalise("カ")
