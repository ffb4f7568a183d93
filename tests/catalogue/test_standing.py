"""Listens find their recordings; ranks and tiers follow."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phonotheque.catalogue.standing import MatchedListens, matched_listens, standing
from phonotheque.engine import LocalEngine
from phonotheque.model import tables
from phonotheque.model.errors import InputError
from phonotheque.model.numbers import IdKey, format_public_id

KEY = IdKey(bytes(range(16)))
CODE, OTHER = "USABC2000001", "USABC2000002"
MBID = "b1a9c0e9-d987-4042-ae91-78d6a3267d69"
LISTENS = tables.LISTENS.append(pa.field("source", pa.string()))
REDIRECTS = pa.schema([("old", pa.int64()), ("new", pa.int64())])
CUTS = [50.0, 80.0, 100.0]
PARTS = pytest.mark.parametrize("parts", [1, 4])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    made = LocalEngine(tmp_path_factory.mktemp("work"), memory="200MB")
    yield made
    made.close()


class Counted:
    """Recordings, their tracks, and listens for them."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self._recordings: list[dict[str, Any]] = []
        self._tracks: list[dict[str, Any]] = []
        self._listens: list[dict[str, Any]] = []
        self._redirects: list[dict[str, int]] = []

    def recording(self, number: int, *isrcs: str, mbid: str | None = None) -> None:
        """A recording with one track, of the source "a", whose key is the number."""
        self._recordings.append({"number": number, "isrcs": isrcs, "recording_mbid": mbid})
        self._tracks.append({"source": "a", "source_key": str(number), "recording": number})

    def merged(self, old: int, new: int) -> None:
        self._redirects.append({"old": old, "new": new})

    def heard(
        self, kind: str, key: str, listens: int, listeners: int | None = None, source: str = "one"
    ) -> None:
        self._listens.append({
            "key_kind": kind, "key": key, "listens": listens, "listeners": listeners,
            "source": source,
        })  # fmt: skip

    def matched(self, parts: int) -> MatchedListens:
        return matched_listens(
            self._engine,
            self._table(LISTENS, self._listens),
            self.recordings(),
            tracks=self._table(_only(tables.TRACKS, "source", "source_key", "recording"),
                               self._tracks),
            redirects=self._table(REDIRECTS, self._redirects),
            id_key=KEY,
            parts=parts,
        )  # fmt: skip

    def recordings(self) -> Any:
        return self._table(
            _only(tables.RECORDINGS, "number", "isrcs", "recording_mbid"), self._recordings
        )

    def standing(self, parts: int) -> list[dict[str, Any]]:
        made = standing(self._engine, self.recordings(), self.matched(parts), CUTS)
        return [row for batch in made for row in batch.to_pylist()]

    def unmatched(self, parts: int) -> set[tuple[str, str, str, int]]:
        table = self.matched(parts).unmatched
        return set(self._engine.rows(table.select("source", "key_kind", "key", "listens")))

    def _table(self, schema: pa.Schema, rows: list[dict[str, Any]]) -> Any:
        return self._engine.keep_batches(schema, [pa.RecordBatch.from_pylist(rows, schema=schema)])


def _only(schema: pa.Schema, *names: str) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names])


@pytest.fixture
def counted(engine: LocalEngine) -> Counted:
    return Counted(engine)


@PARTS
def test_listens_are_found_by_every_kind_of_key_and_added_up(counted: Counted, parts: int) -> None:
    counted.recording(1, CODE, mbid=MBID)
    counted.recording(2)
    for kind, key, listens in [
        ("isrc", CODE, 1), ("mbid", MBID, 10), ("source", "a:1", 100), ("source", "a:2", 7),
    ]:  # fmt: skip
        counted.heard(kind, key, listens)
    counted.heard("public_id", format_public_id(2, KEY), 1000, source="two")
    first, second = counted.standing(parts)
    assert (first["listens"], first["rank"], first["tier"]) == (111, 2, 3)
    assert (second["listens"], second["rank"], second["tier"]) == (1007, 1, 1)


@PARTS
def test_a_code_of_several_recordings_counts_for_the_smallest_number(
    counted: Counted, parts: int
) -> None:
    counted.recording(2, CODE, OTHER, mbid=MBID)
    counted.recording(9, CODE, mbid=MBID)
    counted.heard("isrc", CODE, 5)
    counted.heard("isrc", OTHER, 7)
    counted.heard("mbid", MBID, 9)
    assert [(r["number"], r["listens"]) for r in counted.standing(parts)] == [(2, 21), (9, 0)]


@PARTS
def test_listens_of_nobody_are_reported_with_source_and_key(counted: Counted, parts: int) -> None:
    counted.recording(1)
    lost = {
        ("one", "isrc", OTHER, 5),
        ("one", "public_id", "r0000", 1),
        ("two", "mbid", MBID, 3),
        ("two", "source", "b:1", 4),
        ("two", "source", "é", 2),
    }
    for source, kind, key, listens in lost:
        counted.heard(kind, key, listens, source=source)
    counted.heard("source", "a:1", 1)
    assert counted.unmatched(parts) == lost
    assert [r["listens"] for r in counted.standing(parts)] == [1]


def test_a_public_id_of_a_merged_recording_counts_for_its_successor(counted: Counted) -> None:
    counted.recording(1)
    counted.merged(2, 1)
    counted.merged(3, 0)
    counted.heard("public_id", format_public_id(2, KEY), 9)
    counted.heard("public_id", format_public_id(3, KEY), 4)
    assert [(r["number"], r["listens"]) for r in counted.standing(1)] == [(1, 9)]
    assert counted.unmatched(1) == {("one", "public_id", format_public_id(3, KEY), 4)}


def test_listeners_are_added_up_where_known_and_else_null(counted: Counted) -> None:
    for number in (1, 2, 3):
        counted.recording(number)
    counted.heard("source", "a:1", 5, 2)
    counted.heard("source", "a:1", 5, None, source="two")
    counted.heard("source", "a:2", 5, None)
    assert [r["listeners"] for r in counted.standing(1)] == [2, None, None]


@PARTS
def test_sums_beyond_what_a_double_holds_are_exact(counted: Counted, parts: int) -> None:
    counted.recording(1)
    counted.heard("source", "a:1", 2**60)
    counted.heard("source", "a:1", 1, source="two")
    assert [r["listens"] for r in counted.standing(parts)] == [2**60 + 1]


def test_a_catalogue_without_listens_or_without_recordings_has_a_standing(
    counted: Counted, engine: LocalEngine
) -> None:
    assert Counted(engine).standing(4) == []
    counted.recording(4)
    counted.recording(6)
    assert [(r["rank"], r["tier"], r["listens"]) for r in counted.standing(4)] == [
        (1, 3, 0),
        (2, 3, 0),
    ]


def test_a_kind_of_key_that_nobody_knows_is_refused(counted: Counted) -> None:
    counted.heard("title", "x", 1)
    with pytest.raises(InputError, match="'title'"):
        counted.matched(1)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), max_size=30),
    st.integers(2, 7),
)
def test_the_number_of_parts_changes_nothing(
    engine: LocalEngine, heard: list[tuple[int, int]], parts: int
) -> None:
    counted = Counted(engine)
    for number in range(1, 21):
        code = f"USABC20000{number % 7:02d}"
        counted.recording(number, code, mbid=f"{number % 5:032x}")
    for key, listens in heard:
        counted.heard("source", f"a:{key}", listens)
        counted.heard("isrc", f"USABC20000{key:02d}", listens)
        counted.heard("mbid", f"{key:032x}", listens)
    assert counted.standing(parts) == counted.standing(1)
    assert counted.unmatched(parts) == counted.unmatched(1)
