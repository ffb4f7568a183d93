"""A mirror follows superseded volumes without fetching again what it holds."""

import os
from collections.abc import Iterator
from pathlib import Path

import bagit
import pytest

from phonotheque.archive import execute_withdraw, plan_withdraw
from phonotheque.mirror import Seeder, bringing, get, read_plan, syncing, verify, verify_edition
from phonotheque.model.numbers import IdKey, Kind, format_public_id
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from tests.archive.test_publish import made_up_vault, release
from tests.archive.workshop import Song, Workshop, cut_off_at
from tests.mirror.conftest import Follower, files_below
from tests.support.clock import NOW, TufClock
from tests.support.origin import TinyOrigin, WebServer

__all__ = ["made_up_vault"]
SONGS = [Song(f"Song {n}", "Zaz", listens=900 - n, tier=1, size=90_000 + n) for n in range(8)]
ONE, TWO, THREE, FOUR, FIVE = (f"work-tier1-0000{n}" for n in range(1, 6))


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Volumes of 3, 3 and 2 songs; one of each of the first two withdrawn makes a batch."""
    settings = {"max_files": 3, "supersede_batch_bytes": 100_000}
    made = Workshop(tmp_path / "archive", publish={"webseeds": []}, volumes=settings)
    made.build(SONGS)
    release(made.tree)
    return made


@pytest.fixture
def behind(workshop: Workshop, tmp_path: Path, tuf_clock: TufClock) -> Iterator[Follower]:
    with WebServer(workshop.tree.root) as server:
        yield Follower(TinyOrigin(workshop.tree.root), server, Tree(tmp_path / "mirror"))


def supersede(workshop: Workshop) -> None:
    tree = workshop.tree
    execute_withdraw(tree, plan_withdraw(tree, ["1", "4"], "rights"), NOW, Silent())
    workshop.build(SONGS)
    assert [v.volume for v in release(tree, "two").new_volumes] == [FOUR, FIVE]


def audio_sent(behind: Follower) -> list[str]:
    return [s.path for s in behind.server.served if "/data/" in s.path]


@pytest.mark.full
def test_a_follower_fetches_tag_files_links_the_rest_and_drops_the_old(
    behind: Follower, workshop: Workshop
) -> None:
    behind.plan()
    behind.sync()
    supersede(workshop)
    behind.server.served.clear()
    report = behind.sync()
    assert (report.findings, audio_sent(behind)) == ([], [])
    assert (report.files_linked, report.volumes_superseded) == (4, [ONE, TWO])
    assert {v.volume: v.selection for v in read_plan(behind.tree).volumes} == {
        THREE: None, FOUR: None, FIVE: None
    }  # fmt: skip
    for name in (THREE, FOUR, FIVE):
        assert files_below(behind.tree.volume(name)) == files_below(workshop.tree.volume(name))
        assert bagit.Bag(str(behind.tree.volume(name))).validate()
    assert not behind.tree.volume(ONE).exists()
    assert behind.verify().clean and verify(workshop.tree, Silent(), now=NOW).clean
    checks = {c.name: c.outcome for c in
              verify_edition(workshop.tree, "two", Silent(), year=2026).checks}  # fmt: skip
    assert {checks[n] for n in ("tables", "volumes", "references")} == {"passed"}
    behind.server.served.clear()
    behind.sync()
    assert {s.path for s in behind.server.served} <= {"metadata/timestamp.json"}


def test_who_held_one_of_two_volumes_holds_its_files_and_no_more(
    behind: Follower, workshop: Workshop
) -> None:
    behind.plan(include=[ONE], exclude=[TWO, THREE])
    behind.sync()
    supersede(workshop)
    behind.server.served.clear()
    report = behind.sync()
    assert (report.findings, audio_sent(behind), report.files_linked) == ([], [], 2)
    [planned] = read_plan(behind.tree).volumes
    assert planned.volume == FOUR and planned.selection is not None
    assert sorted(p.name for p in behind.tree.volume(FOUR).rglob("*.ogg")) == sorted(
        Path(path).name for path in planned.selection
    )
    assert behind.verify().clean


def test_a_new_mirror_chooses_no_superseded_volume_and_one_recording_comes_from_its_heir(
    behind: Follower, workshop: Workshop, tmp_path: Path
) -> None:
    supersede(workshop)
    plan = behind.plan()
    assert sorted(v.volume for v in plan.volumes) == [THREE, FOUR, FIVE] and plan.left_out == []
    key = IdKey(bytes.fromhex(read_settings(workshop.tree).id_key))
    wanted = format_public_id(2, key, Kind.RECORDING)
    assert get(workshop.tree, wanted, tmp_path / "song", Silent()).volume == FOUR


def test_a_plan_for_less_disk_keeps_what_is_held_under_its_new_name(
    behind: Follower, workshop: Workshop
) -> None:
    full = behind.plan()
    behind.plan(include=[TWO], exclude=[ONE, THREE])
    behind.sync()
    supersede(workshop)
    plan = behind.plan(disk_bytes=full.edition_bytes + full.index_bytes + 330_000)
    assert {FOUR, FIVE} & {v.volume for v in plan.volumes}


def test_the_origin_seeds_old_and_new(workshop: Workshop, tuf_clock: TufClock) -> None:
    supersede(workshop)
    with Seeder(workshop.tree, listen="127.0.0.1:0") as seeder:
        assert seeder.volumes == [ONE, TWO, THREE, FOUR, FIVE]


@pytest.mark.parametrize("function", ["link_held", "drop_superseded"])
def test_cut_off_on_the_way_the_next_sync_completes_it(
    behind: Follower, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    behind.plan()
    behind.sync()
    supersede(workshop)
    behind.server.served.clear()
    with cut_off_at(monkeypatch, bringing if function == "link_held" else syncing, function):
        behind.sync()
    report = behind.sync()
    assert (audio_sent(behind), report.volumes_superseded) == ([], [ONE, TWO])
    assert behind.verify().clean


@pytest.mark.full
@pytest.mark.parametrize("renames", range(0, 60, 3))
def test_killed_anywhere_no_audio_is_fetched_again(
    behind: Follower, workshop: Workshop, renames: int
) -> None:
    behind.plan()
    behind.sync()
    supersede(workshop)
    behind.server.served.clear()
    child = os.fork()
    if child == 0:
        left, real = renames, os.fsync

        def fsync(handle: int) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(137)
            real(handle)

        os.fsync = fsync
        behind.sync()
        os._exit(0)
    os.waitpid(child, 0)
    behind.sync()
    assert audio_sent(behind) == [] and behind.verify().clean
    assert not behind.tree.volume(ONE).exists()
