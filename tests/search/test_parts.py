"""The pieces an index is made of, each by itself."""

from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.search import SearchIndex
from phonotheque.search.dictionary import deletion_hashes, form_hashes
from phonotheque.search.keys import pack_isrc, pack_isrcs
from phonotheque.search.matching import licence_fits
from phonotheque.search.spelling import within_one_edit
from phonotheque.storage.arrays import distinct, load_array, offsets_of, ranges

CODES = st.from_regex(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", fullmatch=True)


@given(st.lists(CODES, min_size=1, max_size=20))
def test_packed_isrcs_sort_as_their_text_does(codes: list[str]) -> None:
    packed = pack_isrcs(pa.array(codes)).tolist()
    assert packed == [pack_isrc(code) for code in codes]
    assert [c for _, c in sorted(zip(packed, codes, strict=True))] == sorted(codes)


def one_edit(text: str, letters: str) -> set[str]:
    """Every text within one edit."""
    out = {text}
    for i in range(len(text) + 1):
        out |= {text[:i] + c + text[i:] for c in letters}
        if i < len(text):
            out |= {text[:i] + text[i + 1 :]} | {text[:i] + c + text[i + 1 :] for c in letters}
        if i < len(text) - 1:
            out.add(text[:i] + text[i + 1] + text[i] + text[i + 2 :])
    return out


@pytest.mark.parametrize("text", ["abab", "aabc", "cba", "aaaa"])
def test_one_edit_is_one_letter_or_one_swap(text: str) -> None:
    near = one_edit(text, "abc")
    for size in range(len(text) - 1, len(text) + 2):
        for other in map("".join, product("abc", repeat=size)):
            assert within_one_edit(text, other) == (other in near), other
            assert within_one_edit(other, text) == (other in near), other


@given(st.text("abcdé京", min_size=4, max_size=8), st.data())
def test_terms_within_one_edit_share_a_form(text: str, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from(sorted(one_edit(text, "xé"))))
    assert set(deletion_hashes([text]).ravel()) & set(deletion_hashes([other]).ravel())
    assert form_hashes(text).tolist() == deletion_hashes([text])[:, 0].tolist()


@given(st.lists(st.integers(0, 30), max_size=50))
@example([])
def test_distinct_is_sorted_and_without_repetition(values: list[int]) -> None:
    assert distinct(np.array(values, np.uint32)).tolist() == sorted(set(values))


def test_ranges_of_slices_follow_each_other() -> None:
    assert ranges(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
    assert offsets_of(np.array([2, 0, 3], np.uint8)).tolist() == [0, 2, 2, 5]


@pytest.mark.parametrize(
    ("asked", "known", "fits"),
    [("cc-by", "CC-BY-4.0", True), ("cc-by", "CC-BY-SA-4.0", False),
     ("CC-BY-SA-4.0", "CC-BY-SA-4.0", True), ("cc", "CC-BY-4.0", False)],
)  # fmt: skip
def test_a_licence_is_asked_for_by_family_or_version(asked: str, known: str, fits: bool) -> None:
    assert licence_fits(asked, known) is fits


def test_what_is_no_index_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        SearchIndex.open(tmp_path)
    (tmp_path / "a.npy").write_bytes(b"nonsense")
    with pytest.raises(FormatError, match="build the index again"):
        load_array(tmp_path / "a.npy")
    with pytest.raises(FormatError, match="build the index again"):
        load_array(tmp_path / "missing.npy")
