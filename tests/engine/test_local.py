"""The embedded engine keeps order, numbers and memory as its consumers were promised."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.engine import LocalEngine

TEXTS = pa.schema([("text", pa.string()), ("n", pa.int64())])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    made = LocalEngine(tmp_path_factory.mktemp("work"), memory="200MB", threads=2)
    yield made
    made.close()


def table(engine: LocalEngine, texts: list[str | None]) -> object:
    batch = pa.RecordBatch.from_pydict({"text": texts, "n": list(range(len(texts)))}, schema=TEXTS)
    return engine.keep_batches(TEXTS, [batch])


def texts_of(batches: Iterator[pa.RecordBatch]) -> list[str | None]:
    return [text for batch in batches for text in batch.column("text").to_pylist()]


@given(st.lists(st.text(max_size=6)))
def test_strings_are_ordered_by_code_point_and_by_nothing_else(
    engine: LocalEngine, texts: list[str]
) -> None:
    made = table(engine, texts)
    assert texts_of(engine.stream(made, ["text", "n"])) == sorted(texts)


def test_no_collation_folds_case_accents_or_width(engine: LocalEngine) -> None:
    texts = ["b", "B", "ä", "a", "Ａ", "z", "𝄞", "\uffee"]
    expected = ["B", "a", "b", "z", "ä", "Ａ", "\uffee", "𝄞"]
    assert texts_of(engine.stream(table(engine, texts), ["text"])) == expected


def test_nulls_come_last_whether_rising_or_falling(engine: LocalEngine) -> None:
    made = table(engine, ["a", None, "b"])
    assert texts_of(engine.stream(made, ["text"])) == ["a", "b", None]
    assert texts_of(engine.stream(made, ["-text"])) == ["b", "a", None]


def test_numbers_count_on_over_the_batches_of_a_large_table(engine: LocalEngine) -> None:
    rows = 300_000
    batch = pa.RecordBatch.from_pydict({"text": ["x"] * rows, "n": range(rows, 0, -1)}, TEXTS)
    made = engine.number(engine.keep_batches(TEXTS, [batch]), ["n"], first=7, running="n")
    ((off, last_before),) = engine.rows(
        made.agg(off=(made.number != made.n + 6).sum(), last=made.n_before.max())
    )
    assert off == 0
    assert last_before == rows * (rows - 1) // 2


def test_an_empty_table_keeps_its_columns(engine: LocalEngine) -> None:
    empty = engine.read([], TEXTS)
    assert engine.rows(empty) == []
    assert engine.number(empty, ["text"], running="n").columns == (
        "text", "n", "number", "n_before",
    )  # fmt: skip


def test_a_path_may_hold_quotes_and_equals_signs(tmp_path: Path) -> None:
    work = tmp_path / "it's=here"
    engine = LocalEngine(work, memory="100MB")
    kept = engine.keep(table(engine, ["a"]))
    assert engine.rows(kept) == [("a", 0)]
    assert kept.columns == ("text", "n")
    engine.close()
