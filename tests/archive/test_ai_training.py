"""Whether published files may train models, as each edition says it anew."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phonotheque.archive import execute_publish, plan_publish, publish
from phonotheque.model import tables
from phonotheque.model.progress import Silent
from phonotheque.storage.tables import check_schema
from tests.archive import workshop as workshops
from tests.archive.workshop import FolderVault, Song, Workshop
from tests.support.clock import NOW

pytestmark = pytest.mark.usefixtures("tuf_clock")

SONGS = [
    Song("Free", licence="CC0-1.0"),
    Song("Credited", licence="CC-BY-4.0"),
    Song("Fixed", licence="CC-BY-ND-4.0"),
    Song("Alike", licence="CC-BY-SA-4.0", tier=2),
]


@pytest.fixture(autouse=True)
def made_up_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "open_vault", FolderVault.of)
    monkeypatch.setattr(publish, "plan_build", lambda *_: SimpleNamespace(nothing_new=True))


def said(claim: str, value: str, raw: str, source: str, **more: Any) -> dict[str, Any]:
    told = {"claim": claim, "value": value, "raw": raw, "kind": "sidecar", "source": source}
    return {**told, "captured_at": NOW, "sha256": None, "witness": None, "confidence": None, **more}


def table(workshop: Workshop, edition: str, volume: str) -> dict[str, dict[str, Any]]:
    path = workshop.tree.edition(edition) / "ai-training" / f"{volume}.parquet"
    check_schema(path, tables.AI_TRAINING)
    return {Path(row["path"]).stem[5:-11]: row for row in pq.read_table(path).to_pylist()}


def release(workshop: Workshop, name: str, days: int = 0) -> bool:
    now = NOW + timedelta(days=days)
    plan = plan_publish(workshop.tree, now, name=name if days == 0 else None)
    execute_publish(workshop.tree, plan, now, Silent(), workers=1)
    return plan.nothing_new


def test_each_edition_says_of_each_file_whether_it_may_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = Workshop(tmp_path / "archive")
    workshop.build(SONGS)
    release(workshop, "one")
    first = table(workshop, "one", "work-tier1-00001")
    assert {title: row["ai_train"] for title, row in first.items()} == {
        "Free": "ALLOW", "Credited": "ALLOW_IF", "Fixed": "DENY",
    }  # fmt: skip
    assert first["Credited"]["conditions"] == ["attribution in the dataset card"]
    assert first["Free"]["licence"] == "CC0-1.0" and first["Free"]["signals"] == []
    assert "cc.no-derivatives" in first["Fixed"]["rule_ids"]
    assert table(workshop, "one", "work-tier2-00002")["Alike"]["ai_train"] == "REVIEW"

    usual = workshops._recording_files

    def reserved(songs: list[Song]) -> list[dict[str, Any]]:
        rows = usual(songs)
        url = "https://label.example/free.flac"
        rows[0]["evidence"] += [
            said("provenance", "web", url, "signals.toml"),
            said("reservation", "ai", "Content-Usage: train-ai=n", "headers/1 " + url, sha256="ab"),
            said("checked", "tags", "nothing reserved", "tags/1"),
        ]
        return rows

    monkeypatch.setattr(workshops, "_recording_files", reserved)
    workshop.build(SONGS)
    assert not release(workshop, "two", days=1), "a reservation alone is worth an edition"
    second = table(workshop, "2026-11-23", "work-tier1-00001")
    assert second["Free"]["ai_train"] == "DENY"
    assert second["Free"]["source_url"] == "https://label.example/free.flac"
    assert [(s["claim"], s["sha256"]) for s in second["Free"]["signals"]] == [
        ("reservation", "ab"), ("checked", None),
    ]  # fmt: skip
    one, two = (
        workshop.tree.edition(name) / "ai-training/work-tier2-00002.parquet"
        for name in ("one", "2026-11-23")
    )
    assert one.stat().st_ino == two.stat().st_ino, "what says the same is a link"
    assert release(workshop, "three", days=2), "and then there is nothing new"
    assert isinstance(pq.read_table(two), pa.Table)
