"""Spark keeps what the embedded engine promises. Slow to start, so for `make test-full` only."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given

from phonotheque.engine import SparkEngine
from phonotheque.model.errors import UsageError
from tests.engine.contract import ROWS, Contract, Row, texts
from tests.support.properties import costly
from tests.support.spark import open_spark

pytestmark = [pytest.mark.full, pytest.mark.spark]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkEngine]:
    made = open_spark(tmp_path_factory.mktemp("work"))
    yield made
    made.close()


class TestSparkEngine(Contract):
    @given(ROWS)
    @costly(50)
    def test_every_operation_means_what_python_means(
        self, engine: SparkEngine, rows: list[Row]
    ) -> None:
        self.check_meanings(engine, rows)

    @given(ROWS)
    @costly(50)
    def test_rows_leave_in_the_order_that_was_named(
        self, engine: SparkEngine, rows: list[Row]
    ) -> None:
        self.check_order(engine, rows)

    @given(ROWS)
    @costly(50)
    def test_arrays_are_ordered_item_by_item(self, engine: SparkEngine, rows: list[Row]) -> None:
        self.check_order_of_arrays(engine, rows)

    @given(ROWS)
    @costly(50)
    def test_groups_pass_nulls_by(self, engine: SparkEngine, rows: list[Row]) -> None:
        self.check_groups(engine, rows)

    @given(ROWS)
    @costly(50)
    def test_places_in_a_group_follow_a_total_order(
        self, engine: SparkEngine, rows: list[Row]
    ) -> None:
        self.check_places(engine, rows)

    @given(ROWS)
    @costly(100)
    def test_null_meets_nothing_in_a_join(self, engine: SparkEngine, rows: list[Row]) -> None:
        self.check_joins(engine, rows)


def test_order_holds_over_the_ranges_that_spark_sorts_by(engine: SparkEngine) -> None:
    rows = 200_000
    schema = pa.schema([("n", pa.int64()), ("text", pa.string())])
    numbers = [i * 7_919 % rows for i in range(rows)]
    batch = pa.RecordBatch.from_pydict({"n": numbers, "text": [f"{n:x}" for n in numbers]}, schema)
    halves = [
        engine.keep_batches(schema, [batch.slice(start, rows // 2)]) for start in (0, 100_000)
    ]
    both = halves[0].union(halves[1], distinct=False)
    found = [v for b in engine.stream(both, ["text"]) for v in b.column("text").to_pylist()]
    assert found == sorted(f"{n:x}" for n in numbers)


def test_a_second_engine_in_one_process_is_refused_and_the_first_goes_on(
    engine: SparkEngine, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="close that engine first"):
        SparkEngine(tmp_path)
    assert len(engine.rows(texts(engine, ["a"]))) == 1
