"""Lists of documents in each of their forms, and hashes that lead to numbers."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotheque.search.postings import CommonDocs, Postings, documents_before, write_postings
from phonotheque.search.shortlists import Shortlists, iter_bounds, write_shortlists
from phonotheque.storage.arrays import Array, offsets_of

DOCUMENTS = 200_000
SIZES = [3, 0, 1_000, 30_000, 5, 150_000, 20_000, 1]


def written(folder: Path) -> tuple[Postings, list[Array]]:
    """Terms of every form: as they are, by lower bits, as a bitmap; the last chunk is cut."""
    rng = np.random.default_rng(5)
    lists = [np.sort(rng.choice(DOCUMENTS, size, replace=False)).astype("u4") for size in SIZES]
    write_postings(folder, DOCUMENTS, offsets_of(np.array(SIZES)), np.concatenate(lists))
    return Postings(folder), lists


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Postings, list[Array]]:
    return written(tmp_path_factory.mktemp("postings"))


def test_lists_of_every_form_come_back(both: tuple[Postings, list[Array]]) -> None:
    postings, lists = both
    forms = [isinstance(postings.of_term(term), CommonDocs) for term in range(len(lists))]
    assert (forms.count(True), forms.count(False)) == (4, 4)
    for term, docs in enumerate(lists):
        assert np.array_equal(postings.of_terms(term, term + 1), docs)
        assert postings.frequency(term, term + 1) == len(docs) == len(postings.of_term(term))


@given(low=st.integers(0, 8), high=st.integers(0, 8))
def test_a_range_of_terms_is_the_union_of_its_lists(
    both: tuple[Postings, list[Array]], low: int, high: int
) -> None:
    postings, lists = both
    low, high = min(low, high), max(low, high)
    union = np.unique(np.concatenate([np.zeros(0, "u4"), *lists[low:high]]))
    assert np.array_equal(postings.of_terms(low, high), union)


@given(term=st.integers(0, 7), begin=st.integers(0, 160_000), size=st.integers(0, 70_000))
@settings(max_examples=50)
def test_slices_are_those_of_the_whole_list(
    both: tuple[Postings, list[Array]], term: int, begin: int, size: int
) -> None:
    postings, lists = both
    docs = postings.of_term(term)
    assert np.array_equal(docs[begin : begin + size], lists[term][begin : begin + size])
    assert documents_before(docs, begin) == np.searchsorted(lists[term], begin)


@given(term=st.integers(0, 7), step=st.integers(1, 20_000), first=st.integers(0, 1_000))
@settings(max_examples=50)
def test_membership_is_that_of_the_whole_list(
    both: tuple[Postings, list[Array]], term: int, step: int, first: int
) -> None:
    postings, lists = both
    asked = np.arange(first, DOCUMENTS, step, dtype="u4")
    assert np.array_equal(postings.has(term, asked), np.isin(asked, lists[term]))


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 99)), max_size=60),
    st.integers(1, 80),
)
def test_a_hash_leads_to_its_numbers_in_order(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[int, int]], part: int
) -> None:
    folder = tmp_path_factory.mktemp("hashes")
    keys = np.array([h << 32 | n for h, n in entries], "u8")
    bounds = list(iter_bounds(len(entries), part))
    assert (bounds[0][0], bounds[-1][1]) == (0, 2**32)
    parts = (keys[(keys >> 32 >= low) & (keys >> 32 < high)] for low, high in bounds)
    write_shortlists(folder, "x", parts, len(entries))
    found = Shortlists(folder, "x")
    for value in {h for h, _ in entries}:
        numbers = found.find(value, 100).tolist()
        assert numbers == sorted(numbers)
        assert {n for h, n in entries if h == value} <= set(numbers)
