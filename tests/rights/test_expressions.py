"""Licence expressions: the better of alternatives, the worst of what has to be kept together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.rights import Level
from phonotheque.rights.expressions import best_alternative, parse_expression
from phonotheque.rights.licences import Family, Licence


def level(licence: Licence) -> Level:
    return {Family.CC0: Level.ALLOW, Family.CC: Level.ALLOW_IF}.get(licence.family, Level.REVIEW)


@pytest.mark.parametrize(
    ("raw", "text", "best"),
    [
        ("CC-BY-4.0", "CC-BY-4.0", Level.ALLOW_IF),
        ("GPL-2+ or CC-BY-SA-3.0", "CC-BY-SA-3.0 OR GPL-2.0-or-later", Level.ALLOW_IF),
        ("CC0-1.0 AND GPL-3.0-only", "CC0-1.0 AND GPL-3.0-only", Level.REVIEW),
        ("(MIT OR CC0-1.0) AND CC-BY-4.0", "CC-BY-4.0 AND CC0-1.0 OR CC-BY-4.0 AND MIT", 2),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only", Level.REVIEW),
    ],
)
def test_an_expression_is_read_and_its_best_alternative_found(raw, text, best) -> None:
    found = parse_expression(raw)
    assert found is not None
    assert str(found) == text
    assert best_alternative(found, level)[0] == best
    assert parse_expression(text) == found


@pytest.mark.parametrize(
    "raw",
    ["", "CC-BY-4.0 OR", "CC-BY-4.0 OR Unknown-1.0", "(CC-BY-4.0 OR MIT", "MIT WITH Commons-Clause",
     "CC-BY-4.0 OR all rights reserved", "(" * 20 + "MIT" + ")" * 20, "MIT MIT OR CC0"],
)  # fmt: skip
def test_what_is_no_expression_or_has_an_unknown_part_is_none(raw: str) -> None:
    assert parse_expression(raw) is None


@given(st.lists(st.sampled_from(["MIT", "CC0", "(", ")", "AND", "or", "WITH", "x"]), max_size=14))
def test_no_text_breaks_the_reader(words: list[str]) -> None:
    parse_expression(" ".join(words))
