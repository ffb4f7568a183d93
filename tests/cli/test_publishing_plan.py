"""What `publish --dry-run` shows of a plan."""

import json
from datetime import UTC, datetime

import pytest

from phonotheque.archive import PublishPlan
from phonotheque.archive.publish_plan import TierPlan, VolumePlan, WaitingPlan
from phonotheque.cli.console import Screen
from phonotheque.cli.publishing_plan import bar, show_plan

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def made_plan(volumes: int = 2) -> PublishPlan:
    """A plan of one tier with volumes and one that waits."""
    listed = [
        VolumePlan(
            volume=f"work-tier1-{n:05d}", tier=1, files=3, bytes=750_000, listens=40,
            listens_percent=40.0, fill_percent=99.5, metainfo_bytes=9_000,
        )
        for n in range(1, volumes + 1)
    ]  # fmt: skip
    tiers = [
        TierPlan(
            tier=1, volumes=volumes, files=3 * volumes, bytes=750_000 * volumes, listens=80,
            listens_percent=80.0, fill_percent=99.5, metainfo_bytes=9_000 * volumes,
            waiting_files=0, waiting_bytes=0,
        ),
        TierPlan(
            tier=2, volumes=0, files=0, bytes=0, listens=0, listens_percent=0.0, fill_percent=0.0,
            metainfo_bytes=0, waiting_files=2, waiting_bytes=500,
        ),
    ]  # fmt: skip
    waiting = [
        WaitingPlan(
            tier=2, files=2, new_files=1, bytes=500, listens=1, listens_percent=1.0,
            fill_percent=10.0,
        )
    ]  # fmt: skip
    return PublishPlan(
        name="one", sequence=1, previous=None, build=1, published_at=NOW, nothing_new=False,
        volumes=listed, files=3 * volumes, bytes=750_000 * volumes, refused={}, withdrawn=0,
        tiers=tiers, waiting=waiting, listens=100,
    )  # fmt: skip


def test_tiers_volumes_shares_and_what_waits_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(Screen(), made_plan())
    out = capsys.readouterr().out
    assert "work-tier1-00001" in out and "750.0 kB" in out and "40.00 %" in out
    assert "listens " + "█" * 24 + " " in out and "80.00%" in out
    assert "6 new files, 1.5 MB, in 2 volumes; shares are of all 100 listens counted" in out
    assert "2 files wait for the next edition, 1 of them since this one (500 bytes)" in out


def test_of_thousands_of_volumes_some_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(Screen(), made_plan(3000))
    out = capsys.readouterr().out
    assert "… and 2,960 more" in out and len(out.splitlines()) < 60


def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(Screen(json_mode=True), made_plan(100))
    found = json.loads(capsys.readouterr().out)
    assert len(found["volumes"]) == 100
    assert found["tiers"][1]["waiting_files"] == found["waiting"][0]["files"] == 2


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0, ""), (1e-9, "▏"), (0.5, "█████"), (0.55, "█████▌"), (1, "█" * 10), (7, "█" * 10)],
)
def test_a_bar_is_true_to_an_eighth(share: float, drawn: str) -> None:
    assert bar(share, 10) == drawn
