"""What a plan was asked for, kept and repeated; and what it answers besides volumes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.cli.main import main
from phonotheque.mirror import (
    Candidate,
    MirrorPlan,
    PlanWishes,
    Preference,
    Via,
    Wishes,
    choose_volumes,
    kept_wishes,
    merge_wishes,
    read_plan,
)
from phonotheque.mirror.curves import STEP_BYTES, next_terabyte, share_curve
from phonotheque.mirror.picking import Pickable, pick_files
from phonotheque.storage.layout import Tree
from tests.mirror.conftest import Follower
from tests.mirror.test_choosing import make, volumes
from tests.mirror.test_formats import GOLDEN


def test_what_is_given_replaces_what_was_kept_and_the_rest_is_repeated_in_words() -> None:
    kept = PlanWishes(
        disk_bytes=8_000_000, tiers=(1, 2), exclude=("v",), prefer=Preference.COMPLETE_TIERS,
        via=Via.SWARM, index=False, bytes_per_second=6_000_000,
    )  # fmt: skip
    wishes, repeated = merge_wishes({"tiers": (3,), "licences": None}, kept)
    assert (wishes.tiers, wishes.exclude, wishes.disk_bytes) == ((3,), ("v",), 8_000_000)
    assert repeated == (
        "disk 8,000,000 bytes", "prefer complete-tiers", "exclude v", "via swarm", "no index",
        "bandwidth 6,000,000 bytes a second",
    )  # fmt: skip
    wishes, repeated = merge_wishes({}, kept, no_limit=True)
    assert wishes.disk_bytes is None and "disk 8,000,000 bytes" not in repeated
    assert merge_wishes({"tiers": (3,)}, None) == (PlanWishes(tiers=(3,)), ())


def test_of_a_plan_from_before_wishes_were_kept_disk_and_preference_are_known(
    tmp_path: Path,
) -> None:
    assert kept_wishes(Tree(tmp_path)) is None
    shutil.copy(GOLDEN / "plan.json", tmp_path)
    assert kept_wishes(Tree(tmp_path)) == PlanWishes(disk_bytes=8_000_000_000_000)


def test_the_command_repeats_its_wishes_says_so_and_forgets_when_told(
    follower: Follower, capsys: Any
) -> None:
    mirror = str(follower.tree.root)

    def plan(*words: str) -> tuple[MirrorPlan, str]:
        assert main(["plan", mirror, *words]) == 0
        return read_plan(follower.tree), capsys.readouterr().err

    first, _ = plan("--origin", follower.server.url, "--tier", "1", "--bandwidth", "1MB")
    assert [v.tier for v in first.volumes] == [1, 1]
    assert first.seconds == pytest.approx(first.fetch_bytes / 1e6)
    again, said = plan()
    assert (again.volumes, again.wishes, again.added) == (first.volumes, first.wishes, [])
    assert "As before: tier 1; bandwidth 1,000,000 bytes a second (--forget plans anew)" in said
    other, said = plan("--tier", "2")
    assert [v.tier for v in other.volumes] == [2] and "tier" not in said.partition("(")[0]
    assert other.dropped == [v.volume for v in first.volumes]
    everything, said = plan("--forget")
    assert len(everything.volumes) == 3 and "As before" not in said
    assert main(["plan", mirror, "--json", "--dry-run", "--prefer", "complete-tiers"]) == 0
    assert json.loads(capsys.readouterr().out)["wishes"]["prefer"] == "complete-tiers"
    assert main(["plan", mirror, "--prefer", "rarest"]) != 0


def test_a_first_plan_without_an_origin_is_told_how_to_name_one(
    tmp_path: Path, capsys: Any
) -> None:
    assert main(["plan", str(tmp_path / "m1"), "--disk", "1GB"]) == 2
    said = capsys.readouterr().err
    assert "no mirror here yet; say with --origin where to copy from" in said
    assert main(["plan", str(tmp_path / "m1"), "--origin", "localhost:8000"]) == 2
    assert "write for example http://localhost:8000" in capsys.readouterr().err


def test_a_plan_without_room_for_the_index_is_asked_for(follower: Follower, capsys: Any) -> None:
    words = ["plan", str(follower.tree.root), "--origin", follower.server.url]
    assert main([*words, "--disk", "2kB"]) == 74
    assert "(--no-index)" in capsys.readouterr().err
    assert main(words) == 0 and read_plan(follower.tree).index_bytes > 0
    assert main([*words, "--no-index"]) == 0 and read_plan(follower.tree).index_bytes == 0
    assert main(words) == 0 and read_plan(follower.tree).index_bytes == 0
    assert "As before: no index" in capsys.readouterr().err


def test_whole_tiers_come_before_denser_volumes_of_the_next() -> None:
    thin, dense = make("thin", 50, 1), Candidate("dense", 2, 1, 60, 900)
    assert choose_volumes([thin, dense], 100).taken == (dense,)
    assert choose_volumes([thin, dense], 100, Wishes(complete_tiers=True)).taken == (thin,)


@given(volumes, st.integers(0, 50), st.one_of(st.none(), st.integers(50, 2000)))
def test_the_curve_rises_to_everything_and_says_what_a_terabyte_more_would_add(
    candidates: list[Candidate], fixed: int, disk: int | None
) -> None:
    curve = share_curve(candidates, Wishes(), fixed, disk)
    sizes, shares = [p.disk_bytes for p in curve], [p.listens_share for p in curve]
    assert sizes == sorted(set(sizes)) and shares == sorted(shares)
    assert sizes[-1] == fixed + sum(c.bytes for c in candidates)
    assert shares[-1] in (0.0, 1.0)
    assert all(p.bytes <= p.disk_bytes for p in curve)
    more = next_terabyte(curve, disk)
    if disk is not None:
        share = share_curve(candidates, Wishes(), fixed, disk + STEP_BYTES)
        assert shares[-1] - more <= share[-1].listens_share and more >= 0
    else:
        assert more == 0.0


def test_what_is_held_is_not_to_be_fetched_and_an_old_volume_does_not_move_the_curve(
    synced: Follower,
) -> None:
    plan = synced.plan()
    assert (plan.fetch_bytes, plan.added, plan.dropped) == (0, [], [])
    assert plan.curve[-1].listens_share == 1.0
    less = synced.plan(disk_bytes=plan.bytes - 1)
    assert less.dropped == [left.volume for left in less.left_out] and less.curve


def test_single_files_fill_the_room_that_whole_volumes_leave_and_stay_when_planned_again(
    follower: Follower,
) -> None:
    everything = follower.plan()
    last = everything.volumes[-1]
    disk = everything.bytes - 5_000  # song 7, which nobody listened to
    whole = follower.plan(disk_bytes=disk)
    assert [v.selection for v in whole.volumes] == [None, None]
    plan = follower.plan(disk_bytes=disk, single_files=True)
    part = plan.volumes[-1]
    assert (part.volume, part.selection, part.rows) == (last.volume, [], "0")
    assert (part.bytes, part.listens, plan.bytes) == (last.bytes - 5_000, 3, disk)
    assert (plan.left_out, plan.listens_share) == ([], 1.0)
    assert whole.next_terabyte_share == pytest.approx(3 / 1673)
    assert plan.next_terabyte_share == pytest.approx(0, abs=1e-12)
    follower.sync()
    assert follower.verify().clean
    again = follower.plan(disk_bytes=disk + 1, single_files=True)
    assert again.volumes == plan.volumes
    assert again.added == again.dropped == []


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 50), st.integers(0, 9))),
    st.integers(0, 300),
)
def test_picked_files_never_pass_the_room_with_the_tag_files_they_bring(
    sizes: list[tuple[str, int, int]], room: int
) -> None:
    files = [Pickable(v, n, size, heard) for n, (v, size, heard) in enumerate(sizes)]
    overheads = {"a": 10, "b": 40}
    picked = pick_files(files, room, overheads)
    assert sum(f.bytes for f in picked) + sum(overheads[v] for v in {f.volume for f in picked}) <= (
        room
    )
    assert all(f.listens for f in picked)
