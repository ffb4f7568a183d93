"""Planning what to hold, before anything of it is fetched."""

import msgspec
import pytest

from phonotheque.mirror import MirrorPlan, plan_sync, read_plan
from phonotheque.mirror.planning import INDEX_BYTES_PER_RECORDING
from phonotheque.model.errors import NoSpaceError, UsageError
from phonotheque.storage.documents import write_document
from tests.mirror.conftest import Follower

ALL = ["tiny-tier1-00001", "tiny-tier1-00002", "tiny-tier2-00003"]


def names(plan: MirrorPlan) -> list[str]:
    return [volume.volume for volume in plan.volumes]


def test_a_plan_accounts_for_edition_index_and_volumes(follower: Follower) -> None:
    plan = follower.plan()
    assert names(plan) == ALL
    assert plan.index_bytes == 7 * INDEX_BYTES_PER_RECORDING
    edition = follower.origin.tree.edition("2026-11")
    on_disk = sum(p.stat().st_size for p in edition.rglob("*") if p.is_file())
    assert plan.edition_bytes == on_disk
    assert plan.bytes == on_disk + plan.index_bytes + sum(v.bytes for v in plan.volumes)
    assert (plan.files, plan.listens, plan.listens_share) == (7, 1673, 1.0)


def test_less_disk_than_everything_leaves_the_least_listened_out(follower: Follower) -> None:
    everything = follower.plan().bytes
    plan = follower.plan(disk_bytes=everything - 1)
    assert names(plan) == ALL[:2]
    assert [(v.volume, v.reason) for v in plan.left_out] == [(ALL[2], "no-room")]
    assert plan.bytes <= everything - 1
    assert plan.listens_share == pytest.approx(1670 / 1673)


def test_a_disk_too_small_for_the_edition_is_said_so(follower: Follower) -> None:
    with pytest.raises(NoSpaceError, match="more than the 1,000 given"):
        follower.plan(disk_bytes=1000)


def test_only_the_manifest_and_the_table_of_volumes_are_read(follower: Follower) -> None:
    follower.plan()
    read = {s.path for s in follower.server.served if s.path.startswith("editions/")}
    assert read == {"editions/2026-11/edition.json", "editions/2026-11/volumes.parquet"}


def test_planning_again_reads_what_the_mirror_holds(synced: Follower) -> None:
    synced.server.served.clear()
    synced.plan()
    assert {s.path for s in synced.server.served} <= {"metadata/timestamp.json"}


def test_every_request_says_who_asks(follower: Follower) -> None:
    follower.plan()
    follower.sync()
    assert {s.agent for s in follower.server.served} == {"phonotheque/0.1.0"}


def test_wishes_are_heard_and_misspelt_volumes_are_not_ignored(follower: Follower) -> None:
    assert names(follower.plan(tiers=[2])) == [ALL[2]]
    assert names(follower.plan(exclude=[ALL[0]])) == ALL[1:]
    with pytest.raises(UsageError, match=r"no licence CC0-1\.0"):
        follower.plan(licences=["CC0-1.0"])
    with pytest.raises(UsageError, match="no volume tiny-9"):
        follower.plan(include=["tiny-9"])


def test_a_plan_may_be_edited_by_hand_down_to_single_files(follower: Follower) -> None:
    plan = follower.plan()
    chosen = "data/artist 4/song-4.ogg"
    edited = [msgspec.structs.replace(plan.volumes[1], selection=[chosen])]
    write_document(follower.tree.root / "plan.json", msgspec.structs.replace(plan, volumes=edited))
    assert read_plan(follower.tree).volumes == edited
    follower.sync()
    held = sorted(
        p.relative_to(follower.tree.volumes).as_posix()
        for p in follower.tree.volumes.rglob("*.ogg")
    )
    assert held == [f"{ALL[1]}/{chosen}"]
    assert follower.verify().clean


def test_what_is_due_shrinks_as_files_come_and_asking_changes_nothing(follower: Follower) -> None:
    plan = follower.plan()
    due = plan_sync(follower.tree)
    assert [v.volume for v in due.volumes] == names(plan)
    assert due.missing_bytes == sum(v.bytes for v in plan.volumes)
    follower.sync()
    assert plan_sync(follower.tree).missing_bytes == 0
