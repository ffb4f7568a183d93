"""Rows made of raw columns: whole columns and odd values alike."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.findings import FindingCode
from phonotheque.model.identifiers import parse_isrc
from phonotheque.model.matching import BUCKETS, digest64
from phonotheque.model.tables import ROWS
from phonotheque.model.text import normalise
from phonotheque.sources import Block, RowMaker
from phonotheque.sources.columns import MAX_TEXT_CHARS, mbids, numbers, texts
from phonotheque.sources.identifiers import sort_isrcs
from phonotheque.sources.isrc_columns import isrc_columns

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MBID = "b1a9c0e9-d987-4042-ae91-78d6a3267d69"
BASE = {"source_key": ["1"], "title": ["T"], "artist_credit": ["A"]}
SOME_TEXT = st.text(st.sampled_from(" ab9é\u3000\x1c\ud800\x00"), max_size=5)
CODES = st.sampled_from(
    ["DEA450900017", "de-a45-09-00017", "USRC17607839", "OO0000000001", "XX0000000000",
     "AAAAA0000000", "US0000000000", "USRC1760783", "QZ1111111111", "ISRC USRC17607839", " ", "",
     "DEA450900017;USRC17607839", "DEA450900017;DEA450900017", "ÜSRC1760783"]
)  # fmt: skip


def make(**columns: Any) -> tuple[list[dict[str, Any]], list[Any]]:
    rows = len(next(iter(columns.values())))
    block = Block(range(1, rows + 1), {n: v * rows for n, v in BASE.items()} | columns)
    batch, findings = RowMaker("s", "in", lambda raw: raw.upper(), NOW).make(block)
    assert batch.schema == ROWS
    return batch.to_pylist(), findings


@given(st.lists(st.none() | SOME_TEXT | st.integers() | st.floats(allow_nan=False), min_size=1))
def test_texts_are_stripped_and_cut_whatever_they_are(values: list[Any]) -> None:
    def one(value: Any) -> str | None:
        said = "" if value is None else str(value).encode("utf-8", "replace").decode().strip()
        return said[:MAX_TEXT_CHARS] or None

    assert texts(values, len(values)).to_pylist() == [one(value) for value in values]


@given(st.lists(st.none() | st.text(max_size=8), min_size=1))
def test_texts_of_arrays_are_those_of_lists(values: list[str | None]) -> None:
    values = [value and value.encode("utf-8", "replace").decode() for value in values]
    array = pa.array(["x", *values], pa.string()).slice(1)
    assert texts(array, len(values)).equals(texts(values, len(values)))
    assert texts(array.dictionary_encode(), len(values)).equals(texts(values, len(values)))


NUMBERS = st.sampled_from(
    [None, "", " 7 ", "7", "0x1F", "1_0", "+5", "-3", "4.0", 4.0, 4.5, 0, 7, 99, 10**30, "9" * 30,
     True, "seven", float("inf"), b"8", [1]]
)  # fmt: skip


@given(st.lists(NUMBERS, min_size=1))
def test_numbers_of_mixed_columns_are_those_of_each_value_alone(values: list[Any]) -> None:
    together, wrong = numbers(values, len(values), 1, 50)
    for row, value in enumerate(values):
        alone, odd = numbers([value], 1, 1, 50)
        assert (together[row].as_py(), wrong[row]) == (alone[0].as_py(), odd[0])
    assert all(n is None or 1 <= n <= 50 for n in together.to_pylist())


def test_numbers_are_read_as_people_write_them() -> None:
    said = ["7", " 7 ", "0x1F", "x", "", None, "51", "0"]
    values, wrong = numbers(said, 8, 1, 50)
    assert values.to_pylist() == [7, 7, None, None, None, None, None, None]
    assert wrong.tolist() == [False, False, True, True, False, False, True, True]


def test_mbids_are_canonical_or_left_out() -> None:
    values, wrong = mbids([MBID, MBID.upper(), f" {MBID} ", MBID[:-1], MBID[:-1] + "g", None], 6)
    assert values.to_pylist() == [MBID, MBID, MBID, None, None, None]
    assert wrong.tolist() == [False, False, False, True, True, False]


@given(st.lists(st.none() | CODES | st.lists(CODES, max_size=3), min_size=1, max_size=20))
def test_codes_of_a_column_are_those_of_each_row_alone(values: list[Any]) -> None:
    columns, findings = isrc_columns(values, range(1, len(values) + 1), "in")
    expected = []
    for row, value in enumerate(values):
        fields = [f.strip() for f in (value if isinstance(value, list) else [value or ""])]
        usable, written, found = sort_isrcs([f for f in fields if f], "in", row + 1)
        expected += found
        assert columns.usable[row].as_py() == usable
        assert columns.written[row].as_py() == written
        statuses = {parse_isrc(code)[1].value for code in written}
        assert columns.classes[row].as_py() in (statuses or {None})
    assert sorted(findings, key=str) == sorted(expected, key=str)


def test_what_is_computed_follows_the_specification() -> None:
    rows, _ = make(
        release_title=["Night Trains!", "Night Trains", "Night", "", None],
        release_artist=["The Øthers", None, None, None, "X"],
        release_year=[2009, None, 1999, 2000, None],
        release_key=[None, None, "r1", "r1", None],
        release_mbid=[None, None, MBID, None, None],
    )
    assert [row["release_match"] for row in rows] == [
        digest64("name:the others|night trains|2009"),
        digest64("name:a|night trains|"),
        digest64(f"mbid:{MBID}"),
        digest64("source:s:r1"),
        None,
    ]
    assert {row["bucket"] for row in rows} == {digest64(normalise("A")) & (BUCKETS - 1)}
    assert [row["release_norm"] for row in rows] == [
        "night trains",
        "night trains",
        "night",
        "",
        "",
    ]


def test_lists_of_artists_and_genres_are_kept_and_nonsense_is_said() -> None:
    credits = [{"key": f"mbid:{MBID}", "name": "A", "join": ""}, {"name": "B", "join": " & "}]
    rows, findings = make(
        artists=[credits, None, "A & B", []], genres=["Dub; Jazz", ["Dub"], "", []]
    )
    assert rows[0]["artists"][1] == {"key": None, "name": "B", "join": " & "}
    assert [row["artists"] for row in rows[1:]] == [None, None, None]
    assert [row["genres"] for row in rows] == [["Dub", "Jazz"], ["Dub"], None, None]
    assert [(f.code, f.row) for f in findings] == [(FindingCode.ROW_BAD_NUMBER, 3)]


def test_findings_come_by_row_and_refused_rows_are_named_by_their_number() -> None:
    rows, findings = make(
        title=["T", None, "T", " "], year=["soon", 2001, "1", None], source_key=["1", "2", "", "4"]
    )
    assert [row["origin_row"] for row in rows] == [1]
    assert [(f.code, f.row) for f in findings] == [
        (FindingCode.ROW_BAD_NUMBER, 1),
        (FindingCode.ROW_NO_TITLE, 2),
        (FindingCode.ROW_NO_KEY, 3),
        (FindingCode.ROW_NO_TITLE, 4),
    ]


def test_the_word_of_a_catalogue_on_rights_is_evidence() -> None:
    rows, _ = make(licence=["cc0", None, "cc0"], holder=[None, "H", "H"])
    said = [[(e["claim"], e["value"], e["kind"]) for e in row["evidence"]] for row in rows]
    licence, holder = ("licence", "CC0", "catalogue"), ("holder", "H", "catalogue")
    assert said == [[licence], [holder], [licence, holder]]
