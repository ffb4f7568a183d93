"""What a typed line is understood as; whatever it is, it never raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.search.query import MAX_TERMS, Field, Term, parse_query


def test_words_fields_and_filters_are_told_apart() -> None:
    query = parse_query('artist:Björk "All Is Full" title:love tier:2 licence:CC-BY year:1990..')
    assert query.terms == (
        Term("bjork", Field.ARTIST), Term("all"), Term("is"), Term("full"),
        Term("love", Field.TITLE),
    )  # fmt: skip
    assert query.phrases[0].terms == ("all", "is", "full")
    assert (query.tiers, query.years, query.licences) == ((2, 2), (1990, 9999), ("cc-by",))


@pytest.mark.parametrize(
    ("text", "prefix"), [("love", True), ("love ", False), ('"love"', False), ("title:love", True)]
)
def test_the_last_word_is_a_beginning_until_it_is_ended(text: str, prefix: bool) -> None:
    assert parse_query(text).terms[-1].prefix is prefix


@pytest.mark.parametrize("text", ["year:soon", "http://x", "AC:DC", 'never "closed', "tier:..",
                                  "year:1..2..3"])  # fmt: skip
def test_what_is_no_filter_is_words(text: str) -> None:
    query = parse_query(text)
    assert query.terms
    assert not query.has_filters


def test_signs_nobody_sees_separate_words_and_are_gone() -> None:
    assert [t.text for t in parse_query("a\u202eb\x00c ").terms] == ["a", "b", "c"]


def test_too_much_is_cut_and_said_so() -> None:
    many = parse_query(" ".join(f"w{i}" for i in range(60)))
    assert len(many.terms) == MAX_TERMS
    assert many.cut
    assert parse_query("x" * 10_000).cut
    assert not parse_query("x y z").cut


def test_words_of_a_release_or_label_belong_together() -> None:
    query = parse_query('moon release:"Abbey Road" label:apple album:ab')
    assert query.terms == (Term("moon"),)
    assert [(r.field, r.terms, r.prefix) for r in query.related] == [
        (Field.RELEASE, ("abbey", "road"), False),
        (Field.LABEL, ("apple",), False),
        (Field.RELEASE, ("ab",), True),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('12" mix', ["12", "mix"]),
        (
            '#2 CD 5.25" Floppy Set MASTER Box',
            ["2", "cd", "5", "25", "floppy", "set", "master", "box"],
        ),
        ('7" and 12" mix', ["7", "and", "12", "mix"]),
        ('"moonlight son', ["moonlight", "son"]),
        ('""', []),
    ],
)
def test_a_quote_sign_that_quotes_nothing_counts_for_nothing(text: str, words: list[str]) -> None:
    query = parse_query(text)
    assert [t.text for t in query.terms] == words
    assert query.phrases == ()


def test_a_quotation_not_closed_yet_may_end_in_the_beginning_of_a_word() -> None:
    assert parse_query('"moonlight son').terms[-1].prefix


def test_a_quoted_text_behind_what_is_no_field_stays_a_phrase() -> None:
    query = parse_query('see:"moonlight sonata"')
    assert [t.text for t in query.terms] == ["see", "moonlight", "sonata"]
    assert query.phrases[0].terms == ("moonlight", "sonata")


@given(st.text(max_size=600))
def test_any_text_is_understood_somehow(text: str) -> None:
    query = parse_query(text)
    assert len(query.terms) <= MAX_TERMS
    assert len(set(query.terms)) == len(query.terms)
