"""Text in a wrong encoding is mended where that is sure, and nothing that is right is touched."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import ID3, TIT2, TPE1

from phonotheque.model.findings import FindingCode, Severity
from phonotheque.vault.tag_encodings import repair
from tests.support.audio import make_audio
from tests.support.tags import look_at_tags

RIGHT = """
Motörhead | Björk | Sigur~Rós | Beyoncé | José~González | Été | Noël | Ça~ira | Françoise~Hardy
| Die~Ärzte | Größe | ÄÖÜ | Mötley~Crüe | Blue~Öyster~Cult | À~la~claire~fontaine | L'été |
CAFÉ’S | JOSÉ’S | “MANHÃ” | MANHÃ” | AMANHÃ… | NÃO | São~Paulo | SÃO~PAULO | Coração | Ação |
Æther | Øresund | Ågot | Þórunn | Ísland | ¿Qué? | ¡Olé! | SÍ¡ | Señor | ¥€$ | ½ | 30° | Nº~5 |
«Été» | Å | Ö | Óó | Ñandú | ÿ | Château | Voilà | Œuvre | cœur | Übermut | Straße | Åäö |
Öyvind | İstanbul | Élégie | Édith~Piaf | Où | Ménage~à~trois | naïve | Ààà | Óòó | Ææææ | ØØØØ
| ÅÅÅÅÅ | ööööö | ÄÄÄÄ | éééé | Dvořák | Алиса | 周杰倫
| ひらがな | Ελλάδα | שלום | é | ÉÉ | Þú | Áá |
Ôé | åäö~åäö | ÅÄÖ | ÆØÅ | æøå | Æøå | üöä | ÜÖÄ | àéèùç | ÀÉÈÙÇ | ñ | ÄÖÜäöüß | ¡¡¡Ñ!!! |
Ó~Ó~Ó~Ó | à~â~é~è~ê | áéíóú | ÁÉÍÓÚ | âêîôû | ãõ | ÃÕ | öäüÖ | –— | … | “” | Don’t | ’74–’75 |
©~2009~Größe | ® | ™ | Jamiroquai~–~Cosmic | ÉÀ | Éé~Éé | ÐÞ | úíó | Úí | Öö~Ää
"""
WRONG = {
    "utf-8": [
        "Beyoncé", "Björk", "Motörhead", "Sigur Rós", "Dvořák", "Алиса", "周杰倫", "ひらがな",
        "Ελλάδα", "שלום", "Émile", "Noël", "Antonín Dvořák", "فيروز", "เพลง", "Don’t Stop",
        "Mylène Farmer", "Ñandú", "हिन्दी", "방탄소년단", "Größe", "Çelik", "Łódź",
    ],
    "cp1251": [
        "Бьонсе", "Алиса", "Кино", "Группа крови", "Виктор Цой - Пачка сигарет", "Мумий Тролль",
        "Земфира", "Ночные снайперы", "Океан Ельзи", "Аквариум", "ДДТ Осень",
    ],
    "koi8-r": ["Кино", "Группа крови", "Земфира", "Ночные снайперы", "Аквариум", "ДДТ Осень"],
    "cp932": ["さくら", "宇多田ヒカル", "スピッツ", "きゃりーぱみゅぱみゅ", "浜崎あゆみ"],
}  # fmt: skip
ACCENTS = "éèüöäñçãôåø"
WESTERN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ '-,.!?0123456789"


def right_names() -> list[str]:
    return [name.strip().replace("~", " ") for name in " ".join(RIGHT.split()).split("|")]


@pytest.mark.parametrize("name", right_names())
def test_no_right_name_is_mended(name: str) -> None:
    assert repair(name) is None
    for encoding in ("latin-1", "cp1252"):  # as mutagen reads a frame said to be Latin-1
        raw = name.encode(encoding, "ignore")
        assert repair(raw.decode("latin-1")) is None


@pytest.mark.parametrize(
    ("encoding", "name"), [(e, name) for e, names in WRONG.items() for name in names]
)
def test_names_in_a_wrong_encoding_are_mended(encoding: str, name: str) -> None:
    wrong = name.encode(encoding).decode("latin-1")
    assert repair(wrong) == name
    try:
        wrong = name.encode(encoding).decode("cp1252")
    except UnicodeDecodeError:
        return
    assert repair(wrong) == name


@given(
    st.lists(st.tuples(st.text(WESTERN, min_size=1, max_size=3), st.sampled_from("éèüöäñçãôåø")))
)
def test_accents_among_plain_letters_are_never_touched(parts: list[tuple[str, str]]) -> None:
    assert repair("".join(plain + accent for plain, accent in parts)) is None


@given(st.text(max_size=60))
def test_whatever_the_text_is_there_is_an_answer(text: str) -> None:
    mended = repair(text)
    assert mended is None or mended != text


def test_what_is_mended_stands_beside_what_was_found(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.mp3")
    tags = ID3()
    tags.add(TIT2(encoding=0, text=["Группа крови".encode("cp1251").decode("latin-1")]))
    tags.add(TPE1(encoding=3, text=["Кино"]))
    tags.save(path)
    seen = look_at_tags(path)
    assert seen.description is not None
    assert seen.description.tags["title"] == ["Ãðóïïà êðîâè"]
    assert seen.description.tags_repaired == {"title": ["Группа крови"]}
    (finding,) = seen.findings
    assert (finding.code, finding.severity) == (FindingCode.TAGS_REPAIRED, Severity.INFO)
