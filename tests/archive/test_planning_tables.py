"""What an edition says of its files for those who plan a mirror."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from phonotheque.archive import execute_publish, plan_publish, planning_tables, publish
from phonotheque.model import tables
from phonotheque.model.progress import Silent
from phonotheque.storage.tables import check_schema
from tests.archive import workshop as workshops
from tests.archive.workshop import FolderVault, Song, Workshop
from tests.support.clock import NOW

pytestmark = pytest.mark.usefixtures("tuf_clock")

ONE, TWO = "work-tier1-00001", "work-tier2-00002"
SONGS = [
    Song("Free", listens=9, licence="CC0-1.0"),
    Song("Credited", listens=5, licence="CC-BY-4.0"),
    Song("Alike", tier=2, licence="CC-BY-SA-4.0"),
]


@pytest.fixture(autouse=True)
def made_up_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "open_vault", FolderVault.of)
    monkeypatch.setattr(publish, "plan_build", lambda *_: SimpleNamespace(nothing_new=True))


def release(workshop: Workshop, name: str, days: int) -> Path:
    now = NOW + timedelta(days=days)
    plan = plan_publish(workshop.tree, now, name=name)
    execute_publish(workshop.tree, plan, now, Silent(), workers=1)
    return workshop.tree.edition(name)


def rows(edition: Path, name: str) -> list[dict[str, Any]]:
    return list(pq.read_table(edition / "planning" / f"{name}.parquet").to_pylist())


def test_each_edition_tells_planners_what_its_files_are_and_writes_anew_only_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = Workshop(tmp_path / "archive")
    monkeypatch.setattr(planning_tables, "jurisdictions", lambda: dict.fromkeys(["US", "ZZ", "CN"]))
    decide = planning_tables.decide

    def nowhere_in_china(facts: Any, where: tuple[str, ...], *rest: Any) -> Any:
        verdict = decide(facts, where, *rest)
        no = "CN" in where and "BY-SA" in repr(facts)
        return SimpleNamespace(allows=verdict.allows and not no)

    monkeypatch.setattr(planning_tables, "decide", nowhere_in_china)
    workshop.build(SONGS)
    first = release(workshop, "one", 0)
    check_schema(first / f"planning/{ONE}.parquet", tables.PLANNING)
    check_schema(first / "planning/listens.parquet", tables.PLANNING_LISTENS)
    named = pq.read_table(first / f"files/{ONE}.parquet").to_pylist()
    told = rows(first, ONE)
    assert [r["place"] for r in told] == [0, 1]
    assert [(r["file_bytes"], r["licence"]) for r in told] == [
        (f["bytes"], f["licence"]) for f in named
    ]  # fmt: skip
    assert all(r["barred"] == [] for r in told) and rows(first, TWO)[0]["barred"] == ["CN"]
    heard = {(r["volume"], r["place"]): r["listens"] for r in rows(first, "listens")}
    assert heard == {(ONE, 0): 9, (ONE, 1): 5, (TWO, 0): 0}

    monkeypatch.setattr(planning_tables, "_decided", None)  # old verdicts are taken over
    usual_rows = workshops._recordings

    def renamed(songs: list[Song], *rest: Any) -> list[dict[str, Any]]:
        found = usual_rows(songs, *rest)
        found[2]["artist_numbers"] = [77]
        return found

    monkeypatch.setattr(workshops, "_recordings", renamed)
    workshop.build([*SONGS[:2], Song("Alike", tier=2, listens=3, licence="CC-BY-SA-4.0")])
    second = release(workshop, "two", 1)
    same, other = (
        [(e / f"planning/{v}.parquet").stat().st_ino for e in (first, second)] for v in (ONE, TWO)
    )
    assert same[0] == same[1] and other[0] != other[1]
    assert rows(second, TWO)[0] == rows(first, TWO)[0] | {"artist_numbers": [77]}
    assert {(r["volume"], r["listens"]) for r in rows(second, "listens")} == {
        (ONE, 5), (ONE, 9), (TWO, 3),
    }  # fmt: skip

    monkeypatch.setattr(planning_tables, "STALE_SHARE", 1.0)
    monkeypatch.setattr(workshops, "_recordings", usual_rows)
    workshop.build(SONGS)
    third = release(workshop, "three", 2)
    assert rows(third, TWO)[0]["artist_numbers"] == [77], "a little stale, and not fetched again"
