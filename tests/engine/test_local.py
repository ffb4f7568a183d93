"""The embedded engine keeps order, numbers and memory as its consumers were promised."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given

from phonotheque.engine import LocalEngine
from tests.engine.contract import ROWS, Contract, Row, texts
from tests.support.properties import costly


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    made = LocalEngine(tmp_path_factory.mktemp("work"), memory="200MB", threads=2)
    yield made
    made.close()


class TestLocalEngine(Contract):
    @given(ROWS)
    @costly(3)
    def test_every_operation_means_what_python_means(
        self, engine: LocalEngine, rows: list[Row]
    ) -> None:
        self.check_meanings(engine, rows)

    @given(ROWS)
    @costly(3)
    def test_rows_leave_in_the_order_that_was_named(
        self, engine: LocalEngine, rows: list[Row]
    ) -> None:
        self.check_order(engine, rows)

    @given(ROWS)
    @costly(3)
    def test_arrays_are_ordered_item_by_item(self, engine: LocalEngine, rows: list[Row]) -> None:
        self.check_order_of_arrays(engine, rows)

    @given(ROWS)
    @costly(3)
    def test_groups_pass_nulls_by(self, engine: LocalEngine, rows: list[Row]) -> None:
        self.check_groups(engine, rows)

    @given(ROWS)
    @costly(3)
    def test_places_in_a_group_follow_a_total_order(
        self, engine: LocalEngine, rows: list[Row]
    ) -> None:
        self.check_places(engine, rows)

    @given(ROWS)
    @costly(3)
    def test_null_meets_nothing_in_a_join(self, engine: LocalEngine, rows: list[Row]) -> None:
        self.check_joins(engine, rows)


def test_a_path_may_hold_quotes_and_equals_signs(tmp_path: Path) -> None:
    work = tmp_path / "it's=here"
    engine = LocalEngine(work, memory="100MB")
    kept = engine.keep(texts(engine, ["a"]).select("id", "text"))
    assert engine.rows(kept) == [(0, "a")]
    assert kept.columns == ("id", "text")
    engine.close()
