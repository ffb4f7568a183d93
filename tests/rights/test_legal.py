"""What a volume says of a licence: its text, or a notice that claims to be none."""

import pytest

from phonotheque.rights import legal_text, licence_by_id
from phonotheque.rights.licences import licence_table


@pytest.mark.parametrize("licence", sorted(licence_table().by_id))
def test_every_known_licence_has_a_text_or_a_notice_with_its_address(licence: str) -> None:
    found = licence_by_id(licence)
    assert found is not None
    text = legal_text(found).decode()
    assert text.endswith("\n")
    if len(text) < 2_000:
        assert found.id in text and found.url in text and "notice, not the licence" in text


@pytest.mark.parametrize("licence", ["CC0-1.0", "CC-BY-SA-4.0"])
def test_texts_that_may_be_passed_on_are_whole(licence: str) -> None:
    found = licence_by_id(licence)
    assert found is not None
    text = " ".join(legal_text(found).decode().split())
    assert len(text) > 6_000 and "Creative Commons" in text and "notice, not the" not in text


def test_a_notice_says_what_is_asked_for() -> None:
    found = licence_by_id("CC-BY-NC-ND-3.0")
    assert found is not None
    text = legal_text(found).decode()
    assert "name the author" in text and "commercial" in text and "unchanged" in text
    assert "and change it" not in text and "same licence" not in text
    assert "https://creativecommons.org/licenses/by-nc-nd/3.0/legalcode" in text
