"""Tables of listens: whole columns of plain lines, and each odd line by itself."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.findings import FindingCode
from phonotheque.sources.listens import COLUMNS, make_listens, parse_listens_key
from phonotheque.sources.records import Block

KEYS = [
    "isrc:USUM71703861", "GBAYE0601498", "isrc:gb-aye-06-01498", "ISRC:FRZ039800212", "",
    "isrc:ZZ", "isrc:XX0000000000", "mbid:b1a9c0e9-d987-4042-ae91-78d6a3267d69",
    "source:discogs:1-2", "r0123456789", "isrc:é", " USUM71703861 ", "isrc:USUM7170386１",
]  # fmt: skip
COUNTS = ["0", "7", "", "-1", "1.5", "9223372036854775807", "9223372036854775808", " 12 ", "٣"]


def _expected(rows: list[tuple[Any, Any, Any]]) -> list[dict[str, Any]]:
    kept = []
    for key, *counts in rows:
        parsed, whole = parse_listens_key(key or ""), []
        for count in counts:
            text = str("" if count is None else count).strip()
            good = text.isascii() and text.isdigit() and int(text) < 1 << 63
            whole.append(int(text) if good else None)
        if parsed and whole[0] is not None and (whole[1] is not None or counts[1] in (None, "")):
            names = ("key_kind", "key", "listens", "listeners")
            kept.append(dict(zip(names, (*parsed, *whole), strict=True)))
    return kept


def _block(rows: list[tuple[Any, Any, Any]], *, arrow: bool) -> Block:
    columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    made = {name: pa.array(column) for name, column in columns.items()} if arrow else columns
    return Block(list(range(1, len(rows) + 1)), made)


@pytest.mark.parametrize("arrow", [True, False])
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(KEYS), st.sampled_from(COUNTS), st.sampled_from(COUNTS)),
        min_size=1,
        max_size=30,
    )
)
def test_lines_of_texts_are_as_each_by_itself(
    arrow: bool, rows: list[tuple[str, str, str]]
) -> None:
    batch, findings = make_listens(_block(rows, arrow=arrow), "a.csv")
    assert batch.to_pylist() == _expected(rows)
    assert batch.num_rows + len(findings) == len(rows)


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(KEYS),
            st.one_of(st.none(), st.integers(-3, 1 << 62)),
            st.one_of(st.none(), st.integers(-3, 9)),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_lines_of_numbers_are_as_each_by_itself(
    rows: list[tuple[str, int | None, int | None]],
) -> None:
    batch, findings = make_listens(_block(rows, arrow=True), "a.parquet")
    assert batch.to_pylist() == _expected(rows)
    assert batch.num_rows + len(findings) == len(rows)


def test_odd_lines_keep_their_place_and_are_named_by_row() -> None:
    rows = [("isrc:USUM71703861", 3, 1), ("no key", 4, 1), ("mbid:nothing", 5, 1)]
    rows += [("gb-aye-06-01498", 6, 2), ("GBAYE0601499", -1, 2), ("GBAYE0601500", 8, 2)]
    batch, findings = make_listens(_block(rows, arrow=True), "a.parquet")
    assert batch.column("listens").to_pylist() == [3, 6, 8]
    assert [(f.row, f.code) for f in findings] == [
        (2, FindingCode.ROW_NO_KEY),
        (3, FindingCode.ROW_NO_KEY),
        (5, FindingCode.ROW_BAD_NUMBER),
    ]
