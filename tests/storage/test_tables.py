"""Parquet as we write it: equal rows give equal bytes, and another's file is told apart."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model import tables
from phonotheque.model.errors import FormatError
from phonotheque.storage.tables import ROW_GROUP_ROWS, check_schema, write_table
from tests.support.properties import costly

NUMBERS = pa.schema(
    [pa.field("n", pa.int64(), nullable=False)],
    metadata={"phonotheque.table": "numbers", "phonotheque.format": "1"},
)


def numbers(start: int, stop: int) -> pa.Table:
    return pa.table({"n": pa.array(range(start, stop), pa.int64())})


@costly(10)
@given(st.lists(st.integers(0, ROW_GROUP_ROWS * 2), max_size=4))
def test_the_sizes_of_the_batches_do_not_show_in_the_bytes(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    total = ROW_GROUP_ROWS * 2 + 17
    edges = [0, *sorted(cuts), total]
    batches = [numbers(a, b) for a, b in pairwise(edges)]
    assert write_table(folder / "cut", NUMBERS, batches) == total
    write_table(folder / "whole", NUMBERS, [numbers(0, total)])
    assert (folder / "cut").read_bytes() == (folder / "whole").read_bytes()
    assert pq.read_table(folder / "cut")["n"].to_pylist() == list(range(total))
    assert pq.ParquetFile(folder / "cut").metadata.row_group(0).num_rows == ROW_GROUP_ROWS


def test_columns_are_put_in_order_and_cast(tmp_path: Path) -> None:
    schema = NUMBERS.append(pa.field("s", pa.string()))
    table = pa.table({"s": ["a"], "extra": [1.5], "n": pa.array([7], pa.int32())})
    write_table(tmp_path / "t", schema, [table.to_batches()[0]])
    assert pq.read_table(tmp_path / "t").to_pylist() == [{"n": 7, "s": "a"}]


def test_a_table_without_rows_still_has_its_columns(tmp_path: Path) -> None:
    assert write_table(tmp_path / "t", tables.RECORDINGS, []) == 0
    check_schema(tmp_path / "t", tables.RECORDINGS)
    assert pq.read_table(tmp_path / "t").schema.equals(tables.RECORDINGS)


def test_a_written_table_is_read_only(tmp_path: Path) -> None:
    write_table(tmp_path / "t", NUMBERS, [numbers(0, 3)])
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o444


def test_batches_that_fail_half_way_leave_no_table(tmp_path: Path) -> None:
    def batches() -> object:
        yield numbers(0, 10)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_table(tmp_path / "t", NUMBERS, batches())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_a_newer_format_is_refused_with_the_way_out(tmp_path: Path) -> None:
    newer = NUMBERS.with_metadata({"phonotheque.format": "2"})
    write_table(tmp_path / "t", newer, [numbers(0, 1)])
    with pytest.raises(FormatError, match=r"format 2, this program reads 1; use the version"):
        check_schema(tmp_path / "t", NUMBERS)


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "t", NUMBERS, [numbers(0, 1)])
    with pytest.raises(FormatError, match="not those of docs/formats"):
        check_schema(tmp_path / "t", tables.REGISTRY)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a table at all"])
def test_what_is_not_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(FormatError, match="not a readable Parquet file"):
        check_schema(tmp_path / "t", NUMBERS)


@pytest.mark.parametrize(
    "schema",
    [t for t in vars(tables).values() if isinstance(t, pa.Schema)],
    ids=lambda schema: schema.metadata[b"phonotheque.table"].decode(),
)
def test_every_table_is_written_in_encodings_that_duckdb_and_polars_read(
    tmp_path: Path, schema: pa.Schema
) -> None:
    rows = [{field.name: _something(field.type, i) for field in schema} for i in range(3)]
    path = tmp_path / "table.parquet"
    write_table(path, schema, [pa.Table.from_pylist(rows, schema=schema)])
    assert duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall() == [(3,)]
    read = duckdb.sql(f"SELECT * FROM '{path}'").to_arrow_table().to_pylist()
    assert [list(row.values()) for row in read] == [list(row.values()) for row in rows]
    assert polars.read_parquet(path).height == 3


def test_a_table_with_evidence_from_before_it_had_a_witness_is_read(tmp_path: Path) -> None:
    before = tables.earlier(tables.RECORDING_FILES)
    rows = [{field.name: _something(field.type, 1) for field in before}]
    write_table(tmp_path / "t", before, [pa.Table.from_pylist(rows, schema=before)])
    check_schema(tmp_path / "t", tables.RECORDING_FILES)
    with pytest.raises(FormatError, match="columns"):
        check_schema(tmp_path / "t", tables.ROWS)


def _something(kind: pa.DataType, i: int) -> object:
    """A value of an Arrow type."""
    if pa.types.is_list(kind):
        return [_something(kind.value_type, i)]
    if pa.types.is_struct(kind):
        return {field.name: _something(field.type, i) for field in kind}
    if pa.types.is_timestamp(kind):
        return datetime(2026, 1, 1 + i, tzinfo=UTC)
    if pa.types.is_integer(kind):
        return i
    if pa.types.is_floating(kind):
        return i / 2
    return f"text {i}"
