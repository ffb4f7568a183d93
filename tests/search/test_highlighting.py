"""What of a shown text is marked as found."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.search.highlighting import find_spans
from phonotheque.search.query import Field, Term, parse_query
from phonotheque.search.words import words


def marked(text: str, query: str, field: Field = Field.TITLE) -> list[str]:
    spans = find_spans(text, parse_query(query).terms, field)
    return [text[begin:end] for begin, end in spans]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("Moonlight Sonata", "sonata moon", ["Moon", "Sonata"]),
        ("Moonlight Sonata", "moon ", []),
        ("Für Elise", "fur elise", ["Für", "Elise"]),
        ("Fu\u0308r Elise", "für ", ["Fu\u0308r"]),
        ("Die große Straße", "strasse ", ["Straße"]),
        ("Die große Straße", "gros", ["groß"]),
        ("Die große Straße", "grosse", ["große"]),
        ("Die große Straße", "stras", ["Straß"]),
        ("Don’t Stop", "dont ", ["Don’t"]),
        ("Don’t Stop", "dont st", ["Don’t", "St"]),
        ("東京事変", "京事 ", ["京事"]),
        ("東京事変", "東京事変", ["東京事変"]),
        ("東京事変", "変", ["変"]),
        ("東京の夜", "京", ["京"]),
        ("ガラス", "ガ", ["ガ"]),
        ("½ Love ﬁnd", "find ", ["ﬁnd"]),
        ("Love love LOVE", "love ", ["Love", "love", "LOVE"]),
        ("???", "love", []),
        ("", "love", []),
    ],
)
def test_the_words_found_are_marked_as_they_are_written(
    text: str, query: str, expected: list[str]
) -> None:
    assert marked(text, query) == expected


def test_a_word_of_one_field_is_marked_there_only() -> None:
    assert marked("Love", "artist:love ") == []
    assert marked("Love", "artist:love ", Field.ARTIST) == ["Love"]
    assert marked("Love", "love ", Field.RELEASE) == ["Love"]


@given(st.text(max_size=40))
def test_every_word_of_a_text_is_marked_in_it(text: str) -> None:
    asked = [Term(word) for word in words(text)]
    spans = find_spans(text, asked, Field.TITLE)
    assert list(spans) == sorted(spans)
    assert all(0 <= begin < end <= len(text) for begin, end in spans)
    assert all(a[1] < b[0] for a, b in pairwise(spans))
    if text.isascii():
        assert words(" ".join(text[a:b] for a, b in spans)) == words(text)
