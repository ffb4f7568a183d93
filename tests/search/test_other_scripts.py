"""Queries in one script, texts in another."""

from collections.abc import Iterator

import pytest

from phonotheque.model.progress import Silent
from phonotheque.search import Matched, SearchIndex
from phonotheque.search.build import build_index
from tests.support.editions import TinyRecording, write_tiny_edition

RECORDINGS = [
    TinyRecording("Щелкунчик", "Пётр Чайковский"),
    TinyRecording("Swan Lake", "Tchaikovsky"),
    TinyRecording("Für Elise", "Ludwig van Beethoven"),
    TinyRecording("東京の夜", "椎名林檎"),
    TinyRecording("Tokyo Nights", "Tomoko"),
    TinyRecording("사랑해요", "아이유"),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchIndex]:
    root = tmp_path_factory.mktemp("scripts")
    write_tiny_edition(root, RECORDINGS)
    build_index(root / "editions/2026-11", root / "index", Silent())
    index = SearchIndex.open(root / "index")
    yield index
    index.close()


@pytest.mark.parametrize(
    ("query", "number"),
    [("shchelkunchik", 1), ("pyotr chaikovsky", 1), ("dongjing", 4), ("saranghaeyo", 6),
     ("쌀", None), ("東京", 4), ("Щелкунчик", 1)],
)  # fmt: skip
def test_what_is_typed_in_latin_letters_finds_other_scripts(
    index: SearchIndex, query: str, number: int | None
) -> None:
    page = index.search(query)
    assert [hit.number for hit in page.hits] == ([] if number is None else [number])
    assert not page.relaxed


@pytest.mark.parametrize(
    ("query", "number", "meant"),
    [("Бетховен", 3, "beethoven"), ("Бетховен elise", 3, "beethoven elise"), ("токио", 5, "tokyo"),
     ("лебедь", None, None)],
)  # fmt: skip
def test_another_script_than_the_texts_is_read_in_latin_letters_and_said_so(
    index: SearchIndex, query: str, number: int | None, meant: str | None
) -> None:
    page = index.search(query, facets=True, highlights=True)
    if number is None:
        assert not page.hits
        return
    assert [hit.number for hit in page.hits] == [number]
    assert (page.relaxed, page.matched, page.did_you_mean) == (True, Matched.OTHER_SPELLING, meant)


def test_what_has_the_words_as_typed_goes_before_other_scripts(index: SearchIndex) -> None:
    page = index.search("Чайковский")
    assert [hit.number for hit in page.hits] == [1]
    assert (page.relaxed, page.did_you_mean) == (False, None)
