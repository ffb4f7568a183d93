"""The whole way behind the real publisher: plan, sync, damage, repair, withdrawal."""

from collections.abc import Iterator
from pathlib import Path

import bagit
import pytest
from msgspec.structs import replace

from phonotheque.archive import execute_withdraw, plan_withdraw
from phonotheque.mirror import Seeder, Via, verify
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.archive.test_publish import made_up_vault, release
from tests.archive.workshop import Song, Workshop
from tests.mirror.conftest import Follower, files_below, flip
from tests.support.clock import NOW, TufClock
from tests.support.origin import TinyOrigin, WebServer

__all__ = ["made_up_vault"]
SONGS = [
    Song("Hit", "Zaz", listens=900, tier=1, size=200_000),
    Song("Second", "Zaz", listens=800, tier=1, size=90_000),
    Song("Middle", "Ödland", listens=60, tier=2, size=150_000),
    Song("Rare", "Ödland", listens=1, tier=3, size=600_000),
]
FIRST, MIDDLE, LAST = "work-tier1-00001", "work-tier2-00002", "work-tier3-00003"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "archive", publish={"webseeds": []})
    made.build(SONGS)
    release(made.tree)
    return made


@pytest.fixture
def behind(workshop: Workshop, tmp_path: Path, tuf_clock: TufClock) -> Iterator[Follower]:
    """One who follows a real archive, on the day it was signed (signatures run out)."""
    with WebServer(workshop.tree.root) as server:
        follower = Follower(TinyOrigin(workshop.tree.root), server, Tree(tmp_path / "mirror"))
        yield follower


def test_a_mirror_follows_a_real_archive_through_damage_and_withdrawal(
    behind: Follower, workshop: Workshop
) -> None:
    tree = behind.tree
    everything = behind.plan(root=behind.origin.fingerprint)
    plan = behind.plan(disk_bytes=everything.bytes - 1)
    assert [v.volume for v in plan.volumes] == [FIRST, MIDDLE]
    assert [v.volume for v in plan.left_out] == [LAST]
    assert plan.bytes < everything.bytes

    first, second = plan.volumes
    both = [replace(first, via=Via.HTTP), replace(second, via=Via.SWARM)]
    write_document(tree.root / "plan.json", replace(plan, volumes=both))
    with Seeder(workshop.tree, listen="127.0.0.1:0") as seeder:
        report = behind.sync(peers=[("127.0.0.1", seeder.port)])
    assert report.findings == []
    assert (report.files_fetched_http, report.files_fetched_swarm) == (6 + 3, 6 + 2)
    assert behind.server.bytes_of(f"volumes/{MIDDLE}") == 0
    assert files_below(tree.volume(FIRST)) == files_below(workshop.tree.volume(FIRST))
    for name in (FIRST, MIDDLE):
        assert bagit.Bag(str(tree.volume(name))).validate()
    assert behind.verify().clean
    assert verify(workshop.tree, Silent(), now=NOW).clean

    hit = next(p for p in tree.volume(FIRST).rglob("*.ogg") if p.stat().st_size == 200_000)
    middle = next(tree.volume(MIDDLE).rglob("*.ogg"))
    flip(hit, 100_000)
    middle.unlink()
    assert behind.codes() == [
        ("copy.damaged", hit.relative_to(tree.root).as_posix()),
        ("copy.missing", middle.relative_to(tree.root).as_posix()),
    ]
    sent = behind.server.bytes_of("volumes/")
    fetched = behind.repair().bytes_fetched
    assert behind.server.bytes_of("volumes/") - sent == fetched
    assert fetched <= 150_000 + 16_384 * 4
    assert behind.verify().clean

    execute_withdraw(workshop.tree, plan_withdraw(workshop.tree, ["1"], "donor"), NOW, Silent())
    workshop.build(SONGS)
    release(workshop.tree, name="2026-12")
    report = behind.sync()
    assert report.files_deleted == [hit.relative_to(tree.root).as_posix()]
    assert report.edition == "2026-12"
    assert not hit.exists()
    check = behind.verify()
    assert (check.clean, check.withdrawn) == (True, 1)


def test_an_edition_brings_its_follower_only_what_is_new(
    behind: Follower, workshop: Workshop
) -> None:
    behind.plan()
    behind.sync()
    behind.server.served.clear()
    drifted = [Song(s.title, s.artist, 3 * s.listens + 5, s.tier, s.size) for s in SONGS]
    new = [Song(f"New {n}", "Zoe", listens=70, tier=2, size=600_000) for n in range(3)]
    workshop.build([*drifted, *new])
    release(workshop.tree, name="2026-12")
    behind.plan()
    assert behind.sync().edition == "2026-12"
    assert 1_800_000 < behind.server.bytes_of("") <= 1.05 * 1_800_000
    asked = {s.path for s in behind.server.served}
    for volume in (FIRST, MIDDLE, LAST):
        assert not {path for path in asked if volume in path}
    assert files_below(behind.tree.volumes) == files_below(workshop.tree.volumes)
    behind.server.served.clear()
    behind.sync()
    assert {s.path for s in behind.server.served} <= {"metadata/timestamp.json"}
