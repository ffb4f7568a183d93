"""Words of releases, labels and other names, facets, filters and cut answers, against the plainest
matcher there is, on small random catalogues."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotheque.model.progress import Silent
from phonotheque.search import SearchIndex
from phonotheque.search.build import build_index
from phonotheque.search.query import Field, Query, Term, parse_query
from phonotheque.search.spellings import further_words
from phonotheque.search.words import words
from tests.support.editions import TinyRecording, write_tiny_edition
from tests.support.searching import every_hit

WORDS = ["love", "loved", "night", "nights", "moon", "the", "東京", "blue"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
LICENCES = ["CC-BY-4.0", "CC-BY-SA-4.0", "CC0-1.0"]
RECORDINGS = st.builds(
    TinyRecording,
    title=TEXTS,
    artist=TEXTS,
    release=st.none() | TEXTS,
    label=st.none() | TEXTS,
    aliases=st.lists(TEXTS, max_size=2),
    listens=st.integers(0, 9),
    year=st.none() | st.sampled_from([1969, 1970, 1999, 2000]),
    tier=st.integers(1, 2),
    licence=st.none() | st.sampled_from(LICENCES),
)
CATALOGUES = st.lists(RECORDINGS, min_size=1, max_size=12)
ONE_WORD = st.sampled_from([*WORDS, "lov", "mo", "京"])
PARTS = st.one_of(
    ONE_WORD,
    ONE_WORD,
    ONE_WORD.map("artist:{}".format),
    ONE_WORD.map("title:{}".format),
    ONE_WORD.map("release:{}".format),
    TEXTS.map('release:"{}"'.format),
    ONE_WORD.map("label:{}".format),
    TEXTS.map('"{}"'.format),
    st.sampled_from(["year:1969..1970", "year:..1999", "tier:2", "licence:cc-by", "licence:none",
                     "licence:cc-by-sa licence:cc0-1.0"]),
)  # fmt: skip
QUERIES = st.lists(PARTS, min_size=1, max_size=3).map(" ".join)


@contextmanager
def opened(recordings: list[TinyRecording]) -> Iterator[SearchIndex]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_tiny_edition(root, recordings)
        build_index(root / "editions/2026-11", root / "index", Silent())
        index = SearchIndex.open(root / "index")
        yield index
        index.close()


def all_words(*texts: str | None) -> set[str]:
    found = {word for text in texts if text for word in words(text)}
    return found.union(*(further_words(text, words(text)) for text in texts if text))


class Plain:
    """One recording with all that is known of it."""

    def __init__(self, r: TinyRecording, first: dict[str, list[str]], label: str | None) -> None:
        self.r, self.title, self.artist = r, words(r.title), words(r.artist)
        self.own = all_words(r.title, r.artist, r.collection)
        self.release = all_words(r.release)
        self.label = all_words(label) if r.release else set()
        self.names = all_words(r.artist, *first[r.artist])

    def has_own(self, term: Term) -> bool:
        """Of its own: a word bound to a field stands in its text as it is."""
        places: dict[Field, Sequence[str] | set[str]] = {
            Field.TITLE: self.title, Field.ARTIST: self.artist,
        }  # fmt: skip
        return stands(term.text, term.prefix, places.get(term.field, self.own))

    def has(self, term: Term) -> bool:
        """Of its own, or through others."""
        others = {Field.TITLE: set(), Field.ARTIST: self.names}.get(
            term.field, self.release | self.label | self.names
        )
        return self.has_own(term) or stands(term.text, term.prefix, others)

    def passes(self, query: Query) -> bool:
        """Phrases and filters."""
        r = self.r
        return (
            all(
                any(holds(text, phrase.terms) for text in (self.title, self.artist))
                for phrase in query.phrases
            )
            and all(
                all(
                    stands(word, related.prefix and at == len(related.terms) - 1, where)
                    for at, word in enumerate(related.terms)
                )
                for related in query.related
                for where in [self.release if related.field is Field.RELEASE else self.label]
            )
            and (not query.tiers or query.tiers[0] <= r.tier <= query.tiers[1])
            and (not query.years or query.years[0] <= (r.year or -1) <= query.years[1])
            and (not query.licences or any(fits(asked, r.licence) for asked in query.licences))
        )


def stands(word: str, prefix: bool, where: Sequence[str] | set[str]) -> bool:
    return any(w.startswith(word) if prefix else w == word for w in where)


def holds(text: Sequence[str], phrase: Sequence[str]) -> bool:
    return any(list(text[at : at + len(phrase)]) == list(phrase) for at in range(len(text)))


def fits(asked: str, licence: str | None) -> bool:
    known = "none" if licence is None else licence.lower()
    return known == asked or known.rpartition("-")[0] == asked


def brute_force(recordings: list[TinyRecording], query: Query, *, reach: bool) -> set[int]:
    """What has every word and passes the filters; through others only if nothing has them of its
    own, unless `reach`."""
    first: dict[str, list[str]] = {}
    labels: dict[tuple[str | None, str], str | None] = {}
    for r in recordings:
        first.setdefault(r.artist, r.aliases)
        labels.setdefault((r.release, r.artist), r.label)
    plain = [Plain(r, first, labels[r.release, r.artist]) for r in recordings]
    own, every = (
        {n for n, p in enumerate(plain, 1) if p.passes(query) and all(map(has(p), query.terms))}
        for has in (lambda p: p.has_own, lambda p: p.has)
    )
    return every if reach or not own else own


def assert_same(numbers: list[int], relaxed: bool, expected: set[int]) -> None:
    assert len(numbers) == len(set(numbers))
    if expected or not relaxed:
        assert set(numbers) == expected
        assert not relaxed


@given(recordings=CATALOGUES, query=QUERIES, limit=st.integers(1, 7))
@settings(max_examples=8)
def test_words_are_found_through_releases_labels_and_other_names(
    recordings: list[TinyRecording], query: str, limit: int
) -> None:
    with opened(recordings) as index:
        numbers, relaxed = every_hit(index, query, limit)
    assert_same(numbers, relaxed, brute_force(recordings, parse_query(query), reach=True))


@pytest.mark.full
@given(recordings=CATALOGUES, query=QUERIES, reach=st.booleans())
@settings(max_examples=8)
def test_no_early_stop_leaves_anything_out(
    recordings: list[TinyRecording], query: str, reach: bool
) -> None:
    """Windows of two, blocks of two, and whatever is far."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phonotheque.search.windows.CANDIDATES", 2)
        patch.setattr("phonotheque.search.windows.EXACT_TITLES", 1)
        patch.setattr("phonotheque.search.searches.FAR", 0)
        patch.setattr("phonotheque.search.walk._FIRST_BLOCK", 2)
        patch.setattr("phonotheque.search.walk._LARGEST_BLOCK", 4)
        patch.setattr("phonotheque.search.related._AT_ONCE", 1)
        patch.setattr("phonotheque.search.windows.RELATED_MOST", 65_536 if reach else 0)
        with opened(recordings) as index:
            numbers, relaxed = every_hit(index, query, 3)
    assert_same(numbers, relaxed, brute_force(recordings, parse_query(query), reach=reach))


@pytest.mark.full
@given(recordings=CATALOGUES, query=QUERIES, most=st.integers(1, 20))
@settings(max_examples=8)
def test_facets_count_what_is_there_or_say_at_least(
    recordings: list[TinyRecording], query: str, most: int
) -> None:
    expected = brute_force(recordings, parse_query(query), reach=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phonotheque.search.pages.FACETS_MOST", most)
        with opened(recordings) as index:
            page = index.search(query, limit=1, facets=True, deadline_ms=60_000)
    facets = page.facets
    if not expected or facets is None:
        return
    there = [recordings[number - 1] for number in expected]
    counted = {
        "licences": Counter(r.licence or "none" for r in there),
        "decades": Counter(f"{r.year // 10 * 10}s" if r.year else "none" for r in there),
        "tiers": Counter(str(r.tier) for r in there),
    }
    assert facets.exact == (len(expected) <= most)
    assert facets.counted == min(len(expected), most)
    for name, truth in counted.items():
        found = {value.value: value.count for value in getattr(facets, name)}
        assert sum(found.values()) == facets.counted
        assert found == truth if facets.exact else all(n <= truth[v] for v, n in found.items())


@given(recordings=CATALOGUES, query=QUERIES)
@settings(max_examples=8)
def test_an_answer_that_no_time_was_left_for_is_right_or_says_so(
    recordings: list[TinyRecording], query: str
) -> None:
    expected = brute_force(recordings, parse_query(query), reach=True)
    with opened(recordings) as index:
        page = index.search(query, limit=200, deadline_ms=-1)
    numbers = {hit.number for hit in page.hits}
    if not page.relaxed:
        assert numbers <= expected
        assert page.partial or numbers == expected or page.next_cursor
