"""A packed column is the MessagePack of its values."""

from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.search.packing import pack_column, pack_tuples

INTEGERS = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-40, 300))
TEXTS = st.lists(st.none() | st.text(max_size=40))


def unpacked(packed: pa.Array) -> list[Any]:
    return [msgspec.msgpack.decode(value) for value in packed.to_pylist()]


@given(INTEGERS)
def test_integers(values: list[int | None]) -> None:
    assert unpacked(pack_column(pa.array(values, pa.int64()))) == values


@pytest.mark.parametrize("length", [0, 31, 32, 255, 256, 65_535, 65_536, 70_000])
def test_texts_of_every_length(length: int) -> None:
    values = ["é" * (length // 2) + "x" * (length % 2), None, ""]
    assert unpacked(pack_column(pa.array(values))) == values


@given(TEXTS)
def test_texts(values: list[str | None]) -> None:
    assert unpacked(pack_column(pa.array(values, pa.string()))) == values


@given(st.lists(st.none() | TEXTS))
def test_lists_of_which_a_null_one_is_empty(values: list[list[str | None] | None]) -> None:
    packed = pack_column(pa.array(values, pa.list_(pa.string())))
    assert unpacked(packed) == [value or [] for value in values]


def test_long_lists() -> None:
    values = [list(range(n)) for n in (15, 16, 70_000)]
    assert unpacked(pack_column(pa.array(values))) == values


def test_structs_become_arrays() -> None:
    column = pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}])
    assert unpacked(pack_column(column)) == [[1, "x"], None, [None, "y"]]


@given(st.lists(st.tuples(st.none() | st.text(max_size=5), st.integers(0, 9)), max_size=9))
def test_a_slice_is_packed_as_itself(rows: list[tuple[str | None, int]]) -> None:
    texts = pa.array([t for t, _ in rows], pa.string()).slice(1)
    numbers = pa.array([n for _, n in rows], pa.int16()).slice(1)
    packed = pack_tuples([pack_column(texts), pack_column(numbers)])
    assert unpacked(packed) == [list(row) for row in rows[1:]]


def test_what_cannot_be_packed_is_refused() -> None:
    with pytest.raises(TypeError):
        pack_column(pa.array([1.5]))
