"""What a Range header means (RFC 9110 §14)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.serve.ranges import (
    Span,
    UnsatisfiableError,
    etag_matches,
    parse_range,
    range_applies,
)

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        ("bytes=0-0", [Span(0, 1)]),
        ("bytes=0-499", [Span(0, 500)]),
        ("bytes=500-", [Span(500, 1000)]),
        ("bytes=-1", [Span(999, 1000)]),
        ("bytes=-5000", [Span(0, 1000)]),
        ("bytes=990-2000", [Span(990, 1000)]),
        ("BYTES = 0-1", [Span(0, 2)]),
        ("bytes=0-1, 10-11", [Span(0, 2), Span(10, 12)]),
        ("bytes=10-11,0-1", [Span(0, 2), Span(10, 12)]),
        ("bytes=0-9,5-14,15-19", [Span(0, 20)]),
        ("bytes=5000-,0-0", [Span(0, 1)]),
    ],
)
def test_a_header_names_these_bytes(header: str, spans: list[Span]) -> None:
    assert parse_range(header, SIZE) == spans


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "items=0-1", "bytes=a-b", "bytes=-", "bytes=5-1", "bytes=0-1;2",
     "bytes=0-1,x", "bytes=+1-2", "bytes=٣-٤", "bytes=1-2-3"],
)  # fmt: skip
def test_what_is_malformed_is_ignored(header: str | None) -> None:
    assert parse_range(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=9999-"])
def test_bytes_that_do_not_exist_cannot_be_had(header: str) -> None:
    with pytest.raises(UnsatisfiableError):
        parse_range(header, SIZE)


def test_an_empty_file_has_no_ranges() -> None:
    with pytest.raises(UnsatisfiableError):
        parse_range("bytes=0-", 0)


def test_too_many_ranges_are_refused() -> None:
    header = "bytes=" + ",".join(f"{2 * i}-{2 * i}" for i in range(65))
    with pytest.raises(UnsatisfiableError):
        parse_range(header, SIZE)


@given(header=st.text(max_size=60), size=st.integers(0, 10**12))
def test_no_text_breaks_it(header: str, size: int) -> None:
    try:
        spans = parse_range(f"bytes={header}", size)
    except UnsatisfiableError:
        return
    assert spans is None or spans


SPECS = st.one_of(
    st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda p: (min(p), max(p))),
    st.tuples(st.integers(0, 300), st.none()),
    st.tuples(st.none(), st.integers(0, 300)),
)


@given(specs=st.lists(SPECS, min_size=1, max_size=20), size=st.integers(1, 250))
def test_the_spans_are_exactly_the_bytes_asked_for(
    specs: list[tuple[int | None, int | None]], size: int
) -> None:
    asked: set[int] = set()
    for first, last in specs:
        if first is None:
            asked |= set(range(max(size - (last or 0), 0), size))
        else:
            asked |= set(range(first, size if last is None else min(last + 1, size)))
    text = [f"{'' if a is None else a}-{'' if b is None else b}" for a, b in specs]
    try:
        spans = parse_range("bytes=" + ",".join(text), size)
    except UnsatisfiableError:
        spans = []
    assert spans is not None
    assert {i for s in spans for i in range(s.start, s.stop)} == asked
    assert sum(s.size_bytes for s in spans) == len(asked)
    assert all(a.stop < b.start for a, b in pairwise(spans))


def test_a_range_is_honoured_only_for_the_version_it_was_meant_for() -> None:
    assert range_applies(None, '"a"')
    assert range_applies('"a"', '"a"')
    assert not range_applies('"b"', '"a"')
    assert not range_applies('W/"a"', 'W/"a"')
    assert not range_applies("Sun, 22 Nov 2026 15:00:00 GMT", '"a"')


def test_etags_are_compared_weakly_and_in_lists() -> None:
    assert etag_matches('"x", W/"a"', '"a"')
    assert etag_matches("*", '"a"')
    assert not etag_matches('"x"', '"a"')
    assert not etag_matches(None, '"a"')
