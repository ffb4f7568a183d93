"""Listens find their recordings; ranks and tiers follow."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.catalogue.standing import standing
from phonotheque.engine import LocalEngine
from phonotheque.model.numbers import IdKey, format_public_id
from tests.support.catalogues import Archive, row

KEY = IdKey(bytes(range(16)))
CODE = "USABC2000001"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path, more={"id_key": KEY})


def test_listens_are_found_by_every_kind_of_key_and_added_up(archive: Archive) -> None:
    archive.add_rows("a", [row("1", isrcs=[CODE], recording_mbid="m"), row("2", "Other")])
    archive.add_listens("one", [
        ("isrc", CODE, 1), ("mbid", "m", 10), ("source", "a:1", 100), ("source", "a:2", 7),
    ])  # fmt: skip
    archive.add_listens("two", [("public_id", format_public_id(2, KEY), 1000)])
    first, second = archive.table("standing", archive.build())
    assert (first["listens"], first["rank"], first["tier"]) == (111, 2, 3)
    assert (second["listens"], second["rank"], second["tier"]) == (1007, 1, 1)


def test_the_newest_import_of_a_listens_source_replaces_the_older(archive: Archive) -> None:
    archive.add_rows("a", [row("1")])
    archive.add_listens("one", [("source", "a:1", 5)])
    archive.add_listens("one", [("source", "a:1", 3)])
    assert archive.table("standing", archive.build())[0]["listens"] == 3


def test_listens_of_nobody_are_findings_that_name_them(archive: Archive) -> None:
    archive.add_rows("a", [row("1")])
    archive.add_listens("one", [
        ("isrc", "USABC2099999", 5), ("public_id", "r0000", 1), ("source", "a:1", 1),
    ])  # fmt: skip
    made = archive.build()
    assert made.unmatched_listens == 2
    assert [f["where"] for f in archive.findings(made)] == [
        "one: isrc:USABC2099999", "one: public_id:r0000",
    ]  # fmt: skip
    assert {f["code"] for f in archive.findings(made)} == {"listens.unmatched"}


def test_a_public_id_of_a_merged_recording_counts_for_its_successor(archive: Archive) -> None:
    archive.add_rows("a", [row("1", artist="A"), row("2", artist="B")])
    archive.build()
    archive.add_rows("a", [row("1", artist="A", isrcs=[CODE]), row("2", artist="B", isrcs=[CODE])])
    archive.add_listens("l", [("public_id", format_public_id(2, KEY), 9)])
    (found,) = archive.table("standing", archive.build())
    assert (found["number"], found["listens"]) == (1, 9)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    made = LocalEngine(tmp_path_factory.mktemp("work"), memory="200MB")
    yield made
    made.close()


def expected(listens: list[int], cuts: list[float]) -> list[tuple[int, int]]:
    """(rank, tier) by the rule of docs/formats/standing.md, the slow way."""
    order = sorted(range(len(listens)), key=lambda i: (-listens[i], i))
    total, before, out = sum(listens), 0, {}
    for rank, i in enumerate(order, 1):
        tier = len(cuts)
        if listens[i]:
            tier = next(t for t, cut in enumerate(cuts, 1) if before * 100 < cut * total)
        out[i] = (rank, tier)
        before += listens[i]
    return [out[i] for i in range(len(listens))]


@given(
    st.lists(st.sampled_from([0, 0, 1, 2, 50, 1000, 10**12]), min_size=1, max_size=12),
    st.sampled_from([[100.0], [50.0, 80.0, 100.0], [99.6, 100.0]]),
)
def test_ranks_and_tiers_follow_the_rule(
    engine: LocalEngine, listens: list[int], cuts: list[float]
) -> None:
    schema = pa.schema([("number", pa.int64()), ("listens", pa.int64()), ("listeners", pa.int64())])
    numbers = list(range(1, len(listens) + 1))
    batch = pa.RecordBatch.from_pydict(
        {"number": numbers, "listens": listens, "listeners": [None] * len(listens)}, schema
    )
    table = engine.keep_batches(schema, [batch])
    made = standing(engine, table, table, cuts)
    rows = [r for b in engine.stream(made, ["number"]) for r in b.to_pylist()]
    assert [(r["rank"], r["tier"]) for r in rows] == expected(listens, cuts)
