"""Twelve monthly editions and one who follows them: what is fetched against what is really new.

Made by the program's own commands (`tests/support/months.py`): rows of `synth`, audio of some, new
and mended rows, drifting listens, withdrawals. `small` is 3 months; `large` 12, with 400,000 tracks
and 2,000 songs of 0.9 MB, and takes 5 GB of disk. Really new is the audio and the rows of the
catalogue that came or changed, written by themselves; standing is told apart.

`packed_…`: the planner alone, 86 million files (`small`: 860,000), then 1 % more in each month,
with remainders published at once and with `min_fill_percent = 50`.
"""

import os
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tests.support.months import Fetched, GrowingArchive, MonthlyFollower, Pace, really_new
from tests.support.origin import WebServer

from bench.planning import made_files, made_listens, ranked
from phonotheque.edition import FilesToPack, PackingLimits, order_files, plan_volumes
from phonotheque.model.archive import VolumeSettings

PACES = {
    "small": Pace(months=3, tracks=1_280, more_tracks=128, songs=24, more_songs=12, shorter=100),
    "large": Pace(
        tracks=400_000, more_tracks=4_096, mended_rows=2_000, songs=1_000, more_songs=90,
        withdrawn=5, shorter=40, settings={"rows_per_shard": 32_768, "max_files": 500},
    ),
}  # fmt: skip
FILES = {"small": 860_000, "large": 86_000_000}
MONTHS, GROWTH = 12, 0.01


def run(scale: str, *, files: str = "") -> dict[str, Any]:
    """Ratios of the worst month and of all after the first; bytes by kind of file, all together."""
    with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as folder:
        figures = follow(Path(folder), PACES[scale])
    count = int(files) if files else FILES[scale]
    at_once, waiting = (pack_a_year(count, percent) for percent in (0.0, 50.0))
    ours = figures | {f"packed_{k}": v for k, v in at_once.items()}
    ours |= {f"packed_waiting_{k}": v for k, v in waiting.items()}
    return {
        "ours": ours,
        "limits": {"fetched_vs_really_new": 1.05},
        "ratios": {"fetched_vs_limit": figures["fetched_vs_really_new"] / 1.05},
    }


def follow(folder: Path, pace: Pace) -> dict[str, Any]:
    """Figures of a year and its follower."""
    archive = GrowingArchive(folder, pace)
    fetched: list[Fetched] = []
    new = []
    with WebServer(archive.tree.root) as server:
        follower = MonthlyFollower(archive, server, folder / "mirror")
        for _ in range(pace.months):
            archive.next_month()
            fetched.append(follower.follow())
            new.append(really_new(archive.tree, [archive.edition], folder))
    kinds: Counter[str] = Counter()
    for month in fetched[1:]:
        kinds.update(month.by_kind)
    later = list(zip(fetched[1:], new[1:], strict=True))
    really = sum(n.bytes for _, n in later)
    rows = sum(n.row_bytes for _, n in later)
    tables = sum(size for kind, size in kinds.items() if kind.startswith(("cat", "over", "chan")))
    return {
        "months": pace.months,
        "fetched_vs_really_new": sum(f.bytes for f, _ in later) / really,
        "worst_month": max(f.bytes / n.bytes for f, n in later),
        "without_standing": (sum(f.bytes for f, _ in later) - kinds["standing"]) / really,
        "catalogue_vs_changed_rows": tables / rows,
        "volumes": archive.published[-1]["volumes"],
        "new_files": sum(report["new_files"] for report in archive.published[1:]),
        "really_new_bytes": really,
        "changed_row_bytes": rows,
        **{f"fetched_{kind.replace(' ', '_')}": size for kind, size in sorted(kinds.items())},
    }


def pack_a_year(count: int, min_fill_percent: float) -> dict[str, Any]:
    """Volumes after twelve months, of `count` files in the first and a hundredth more in each."""
    rng = np.random.default_rng(5)
    settings = VolumeSettings()
    limits = PackingLimits(
        settings.max_bytes, settings.max_files, settings.max_metainfo_bytes, min_fill_percent,
        settings.hold_editions,
    )  # fmt: skip
    volumes, fills, waiting = 0, list[float](), 0
    kept: FilesToPack | None = None
    for month in range(MONTHS):
        new = count if month == 0 else int(count * GROWTH)
        tiers, ranks = ranked(made_listens(new, rng))
        order = order_files(tiers, ranks, np.arange(new))
        files = made_files(tiers[order], np.zeros(new, np.int64), rng)
        files = files if kept is None else _together(files, kept)
        plan = plan_volumes(files, limits)
        volumes += int((~plan.waits).sum())
        fills += plan.fill[~plan.waits].tolist()
        mask = np.repeat(plan.waits, plan.files)
        waiting = int(mask.sum())
        kept = _older(files, mask)
    return {
        "volumes": volumes,
        "mean_fill": float(np.mean(fills)),
        "below_half": sum(fill < 0.5 for fill in fills),
        "files_waiting": waiting,
    }


def _older(files: FilesToPack, mask: Any) -> FilesToPack:
    return FilesToPack(
        files.tiers[mask], files.sizes_bytes[mask], files.name_bytes[mask], files.listens[mask],
        files.kept_back[mask] + 1,
    )  # fmt: skip


def _together(new: FilesToPack, kept: FilesToPack) -> FilesToPack:
    """Those that wait before the new ones of their tier."""
    order = np.argsort(np.concatenate([kept.tiers, new.tiers]), kind="stable")
    pairs = (
        (kept.tiers, new.tiers), (kept.sizes_bytes, new.sizes_bytes),
        (kept.name_bytes, new.name_bytes), (kept.listens, new.listens),
        (kept.kept_back, new.kept_back),
    )  # fmt: skip
    return FilesToPack(*(np.concatenate(pair)[order] for pair in pairs))
