"""The index against the plainest matcher there is, on small random catalogues."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phonotheque.model.progress import Silent
from phonotheque.model.text import normalise
from phonotheque.search import SearchIndex, build, text_worker
from phonotheque.search.build import build_index
from phonotheque.search.query import parse_query
from phonotheque.search.spellings import further_words
from phonotheque.search.words import words
from tests.support.editions import TinyRecording, write_tiny_edition
from tests.support.searching import every_hit

WORDS = ["love", "loved", "lo", "Élan", "elan", "night", "nights", "the", "東京", "京都の夜",
         "ガ", "カ", "a", "ab", "Straße", "x1", "don't", "R.E.M."]  # fmt: skip
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
RECORDINGS = st.builds(
    TinyRecording,
    title=TEXTS,
    artist=TEXTS,
    release=st.none() | TEXTS,
    listens=st.integers(0, 50),
    year=st.none() | st.integers(1999, 2002),
    tier=st.integers(1, 2),
    collection=st.sampled_from(["jazz", "love"]),
)
CATALOGUES = st.lists(RECORDINGS, min_size=1, max_size=12)


@contextmanager
def opened(recordings: list[TinyRecording], memory_bytes: int) -> Iterator[SearchIndex]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_tiny_edition(root, recordings)
        edition, target = root / "editions/2026-11", root / "index/2026-11"
        build_index(edition, target, Silent(), memory_bytes=memory_bytes)
        index = SearchIndex.open(target)
        yield index
        index.close()


def brute_force(recordings: list[TinyRecording], query: str) -> set[int]:
    """Numbers of the recordings that have every word; the last one may be a beginning."""
    asked = parse_query(query).terms
    found = set()
    for number, r in enumerate(recordings, 1):
        has: set[str] = set()
        for text in (r.title, r.artist, r.release or "", r.collection):
            has.update(words(text))
            has.update(further_words(text, words(text)))
        if all(
            any(w.startswith(t.text) for w in has) if t.prefix else t.text in has for t in asked
        ):
            found.add(number)
    return found


QUERIES = st.one_of(
    TEXTS,
    TEXTS.map(lambda text: text + " "),
    TEXTS.map(lambda text: text[:-1]),
    st.sampled_from(["l", "n", "京", "夜", "jazz", "love ab", "r e", "zzz"]),
)


@given(recordings=CATALOGUES, query=QUERIES, limit=st.integers(1, 7))
@settings(max_examples=8)
@example([TinyRecording("love", "x", listens=2), TinyRecording("loved", "x")], "love", 1)
def test_hits_are_those_that_have_all_the_words(
    recordings: list[TinyRecording], query: str, limit: int
) -> None:
    expected = brute_force(recordings, query) if parse_query(query).terms else set()
    with opened(recordings, 1 << 30) as index:
        numbers, relaxed = every_hit(index, query, limit)
    assert len(numbers) == len(set(numbers))
    if expected or not relaxed:
        assert set(numbers) == expected
        assert not relaxed


@given(recordings=st.lists(RECORDINGS, min_size=3, max_size=12), query=QUERIES)
@settings(max_examples=6)
def test_early_stops_and_wide_prefixes_leave_nothing_out(
    recordings: list[TinyRecording], query: str
) -> None:
    """As above, with windows of two documents, and every prefix too wide for a union;
    then a wide prefix is looked for in titles and artist credits alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phonotheque.search.windows.CANDIDATES", 2)
        patch.setattr("phonotheque.search.windows.EXACT_TITLES", 1)
        patch.setattr(build, "HEAD_POSTINGS", 0)
        patch.setattr("phonotheque.search.dictionary.HEAD_DOCS", 2)
        patch.setattr("phonotheque.search.dictionary.SHORT_HEAD_DOCS", 2)
        plain = [
            TinyRecording(r.title, r.artist, release=None, listens=r.listens, collection="")
            for r in recordings
        ]
        expected = brute_force(plain, query) if parse_query(query).terms else set()
        with opened(plain, 1 << 30) as index:
            numbers, relaxed = every_hit(index, query, 5)
    one_wide = any(len(t.text) == 1 and t.text >= "\u3040" for t in parse_query(query).terms)
    if (expected or not relaxed) and not one_wide:
        assert set(numbers) == expected
    assert len(numbers) == len(set(numbers))


@given(recordings=CATALOGUES)
@settings(max_examples=5)
def test_every_title_finds_itself(recordings: list[TinyRecording]) -> None:
    titles = [normalise(r.title) for r in recordings]
    with opened(recordings, 1 << 30) as index:
        for number, r in enumerate(recordings, 1):
            if titles.count(titles[number - 1]) == 1:
                found = [hit.number for hit in index.search(r.title + " ", 10).hits]
                assert number in found


@given(recordings=st.lists(RECORDINGS, min_size=2, max_size=12))
@settings(max_examples=3)
def test_little_memory_gives_the_same_files(recordings: list[TinyRecording]) -> None:
    """Two recordings a run, and one term a span, against all at once."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_tiny_edition(root, recordings)
        edition = root / "editions/2026-11"
        build_index(edition, root / "much", Silent())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text_worker, "BYTES_PER_ROW", 1 << 29)
            patch.setattr(build, "_BYTES_PER_POSTING_OF_A_SPAN", 1 << 30)
            patch.setattr("phonotheque.search.forward._BYTES_A_DOCUMENT", 1 << 31)
            patch.setattr("phonotheque.search.forward._BYTES_A_KEY", 1 << 30)
            patch.setattr("phonotheque.search.dictionary._BYTES_A_KEY", 1 << 28)
            build_index(edition, root / "little", Silent())
        much = {p.name: p.read_bytes() for p in (root / "much").glob("*.[nj]*")}
        little = {p.name: p.read_bytes() for p in (root / "little").glob("*.[nj]*")}
    assert much == little
