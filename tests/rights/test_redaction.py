"""What is published of a notice leads to nobody who did not agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.rights import (
    Contact,
    Law,
    Notice,
    published_lacks,
    published_sender,
    published_works,
    redact,
)
from phonotheque.rights.redaction import MAX_CHARACTERS, REDACTED

JANE = Contact(
    name="Jane Roe", organisation="Roe Music Ltd", address="1 Main Street, Springfield",
    phone="+1 (555) 0100-22", email="jroe@example.org",
)  # fmt: skip
WORDS = st.text(st.characters(categories=("Ll", "Lo")), min_size=4, max_size=12)


@pytest.mark.parametrize(
    "text",
    [
        "by JANE ROE", "by Roe, Jane", "ask Jane\nRoe", "Roe Music Ltd owns it", "in springfield",
        "call +1 (555) 0100-22", "call 555 0100 22 33", "jroe@example.org", "jane+x@other.example",
        "as jroe on the forum", "see https://roe.example/blue", "see www.roe.example",
    ],
)  # fmt: skip
def test_names_places_and_numbers_are_taken_out(text: str) -> None:
    shown = redact(f"Blue Hour, 1987 ({text})", JANE).lower()
    assert shown.startswith("blue hour, 1987 ")
    for private in ("jane", "roe", "springfield", "555", "0100", "@"):
        assert private not in shown


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("José Núñez", "composed by Jose\u0301 Nu\u0301n\u0303ez"),
        ("Li Bo", "Bo, Li: a song"),
        ("王芳", "作曲王芳的歌"),
        ("Ｊａｎｅ Roe", "Jane Roe wrote it"),
    ],
)
def test_a_name_is_known_in_whatever_form_it_is_written(name: str, text: str) -> None:
    shown = redact(text, Contact(name=name))
    assert REDACTED in shown
    for part in ("Jos", "Bo", "Li", "王", "Jane"):
        assert part not in shown


def test_one_who_signs_for_another_is_not_named_either() -> None:
    notice = Notice(law=Law.US, works=["A song, signed Jane Roe"], signature="/s/ Jane Roe",
                    contact=Contact(organisation="A Firm"))  # fmt: skip
    assert published_works(notice) == [f"A song, signed {REDACTED}"]
    assert published_sender(notice) == REDACTED


def test_who_agrees_is_named_and_still_not_to_be_reached() -> None:
    notice = Notice(law=Law.US, works=["By Jane Roe, jroe@example.org"], contact=JANE,
                    publish_name=True)  # fmt: skip
    assert published_sender(notice) == "Roe Music Ltd"
    assert published_works(notice) == [f"By Jane Roe, {REDACTED}"]


def test_very_short_names_do_not_eat_the_text() -> None:
    assert redact("Banana e Mare", Contact(name="e")) == f"Banana {REDACTED} Mare"


@given(WORDS, WORDS, WORDS, st.text(max_size=40), st.text(max_size=40))
def test_whatever_the_contact_says_is_gone_from_the_text(
    name: str, street: str, mail: str, before: str, after: str
) -> None:
    contact = Contact(name=name, address=f"{street} 7", email=f"{mail}@example.org")
    shown = redact(f"{before} {name} of {street} 7, {mail}@example.org {after}", contact)
    rest = shown.replace(REDACTED, " ")
    kept = {*before.split(), *after.split()}
    assert name not in rest or any(name in word for word in kept)
    assert "@example" not in rest


def test_long_texts_are_cut_and_searched_in_bounded_time() -> None:
    assert len(redact("Jane Roe " * 500_000, JANE)) <= MAX_CHARACTERS
    many = Contact(name="Jane Roe", address=" ".join(f"word{n}" for n in range(20_000)))
    assert "word7" not in redact("a word7 of Jane", many)


def test_what_a_notice_lacks_is_said_in_our_words_alone() -> None:
    notice = Notice(law=Law.US, signature="x", works=["w"])
    told = "17 U.S.C. 512(c)(3)(A)(iii): the id; which recording: jane@example.org; give an id"
    lacks = published_lacks(notice, told)
    assert len(lacks) == 6 and lacks[-1].startswith("which recording: some")
    assert "jane" not in " ".join(lacks)
    assert len(published_lacks(notice, "")) == 5
