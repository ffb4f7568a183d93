"""A mirror of part of an archive keeps the tables of what it holds, and says what it is without."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from phonotheque.mirror import (
    Limits,
    Seeder,
    get,
    read_mirror,
    read_status,
    verify_edition,
)
from phonotheque.mirror.edition_swarm import catalogue_torrent, offered_files
from phonotheque.mirror.formats import Tables
from phonotheque.mirror.part import kept_volumes
from phonotheque.mirror.planning import plan_path
from phonotheque.mirror.pruning import prune_editions
from phonotheque.mirror.state import open_state
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import NotFoundError, TransferError
from phonotheque.search import SearchIndex, ensure_index
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import volume_of, volumes_lacking
from tests.mirror.conftest import HASTY, LOOPBACK, Follower, Notes, files_below, flip
from tests.mirror.test_getting import public_id
from tests.support.clock import NOW
from tests.support.editions import TinyRecording, write_tiny_edition
from tests.support.origin import TinyOrigin, WebServer, copied, three_volumes

ONE, TWO, THREE = "tiny-tier1-00001", "tiny-tier1-00002", "tiny-tier2-00003"


def with_training(recordings: list[TinyRecording]) -> list[TinyRecording]:
    for recording in recordings:
        recording.ai_train = "DENY"
    return recordings


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> TinyOrigin:
    """Three volumes with all tables that an edition has, its own torrent too."""
    origin = TinyOrigin(tmp_path_factory.mktemp("taught") / "origin", catalogue=True)
    origin.publish(with_training(three_volumes()))
    return origin


@pytest.fixture
def part(taught: TinyOrigin, tmp_path: Path) -> Iterator[Follower]:
    """A mirror of the first of three volumes."""
    origin = copied(taught, tmp_path / "origin")
    with WebServer(origin.root) as server:
        follower = Follower(origin, server, Tree(tmp_path / "mirror"))
        follower.plan(exclude=[TWO, THREE])
        follower.sync()
        yield follower


def tables(tree: Tree, name: str = "2026-11") -> set[str]:
    """Tables of single volumes that are here."""
    return {path for path in files_below(tree.edition(name)) if volume_of(path)}


def of(*volumes: str) -> set[str]:
    return {
        f"{folder}/{volume}.{ending}"
        for volume in volumes
        for folder, ending in (("files", "parquet"), ("torrents", "torrent"),
                               ("ai-training", "parquet"))
    }  # fmt: skip


def manifest_of(tree: Tree, name: str = "2026-11") -> EditionManifest:
    return read_document(tree.edition(name) / "edition.json", EditionManifest)


def test_tables_of_what_is_left_out_are_neither_fetched_nor_missed(part: Follower) -> None:
    assert tables(part.tree) == of(ONE)
    everything = set(files_below(part.origin.tree.edition("2026-11")))
    assert everything - set(files_below(part.tree.edition("2026-11"))) == of(TWO, THREE)
    report = part.verify()
    assert (report.clean, report.complete, report.not_held, report.missing) == (True, True, 6, 0)
    assert part.repair().repaired == []
    status = read_status(part.tree, NOW)
    assert (status.tables_left, status.missing_bytes, status.editions) == (2, 0, ["2026-11"])
    with pytest.raises(NotFoundError, match="the plan leaves it out"):
        part.verify(volumes=[TWO])
    before = len(part.server.served)
    assert part.sync().tables_left == 2
    assert {s.path for s in part.server.served[before:]} <= {"metadata/timestamp.json"}


def test_damage_of_what_is_kept_is_seen_and_mended(part: Follower) -> None:
    edition = part.tree.edition("2026-11")
    (edition / "ai-training" / f"{ONE}.parquet").unlink()
    flip(edition / "torrents" / f"{ONE}.torrent", 200)
    found = {code for code, _ in part.codes()}
    assert {"table.missing", "table.damaged"} <= found
    assert len(part.repair().repaired) == 2
    assert part.verify().clean and tables(part.tree) == of(ONE)


@pytest.mark.full
def test_a_plan_of_more_brings_the_tables_of_more_and_the_index_is_made_anew(
    part: Follower,
) -> None:
    edition, index = part.tree.edition("2026-11"), part.tree.edition_index("2026-11")
    ensure_index(edition, index, Notes())
    rows = SearchIndex.open(index).rows([1, 3])
    assert rows[0].file is not None and rows[1].file is None
    part.plan(exclude=[THREE])
    assert {c for c, _ in part.codes()} == {"copy.not-checked", "table.missing"}
    part.sync()
    assert tables(part.tree) == of(ONE, TWO) and part.verify().clean
    assert ensure_index(edition, index, Notes()).rebuilt
    assert SearchIndex.open(index).rows([3])[0].file is not None
    assert not ensure_index(edition, index, Notes()).rebuilt
    part.plan(exclude=[])
    assert part.sync().tables_left == 0
    assert files_below(part.tree.editions) == files_below(part.origin.tree.editions)


@pytest.mark.full
def test_all_tables_are_kept_where_the_settings_say_so(part: Follower) -> None:
    settings = read_mirror(part.tree)
    write_document(part.tree.mirror_toml, msgspec.structs.replace(settings, tables=Tables.ALL))
    part.sync()
    assert tables(part.tree) == of(ONE, TWO, THREE)
    assert kept_volumes(part.tree, manifest_of(part.tree)) is None
    assert part.verify().not_held == 0


def test_the_next_edition_brings_only_tables_of_what_is_held(part: Follower) -> None:
    more = [*three_volumes(), TinyRecording("Song 8", listens=9, file=(
        "tiny-tier2-00004", "data/x/song-8.ogg", b"eight" * 999))]  # fmt: skip
    part.origin.publish(with_training(more), name="2026-12")
    report = part.sync()
    assert (report.findings, report.tables_left) == ([], 3)
    assert tables(part.tree, "2026-12") == of(ONE)
    assert part.verify().clean
    assert part.tree.edition("2026-11").is_dir(), "all are kept where nothing is said"
    settings = read_mirror(part.tree)
    write_document(part.tree.mirror_toml, msgspec.structs.replace(settings, keep_editions=1))
    before = files_below(part.tree.edition("2026-12"))
    assert part.sync().editions_pruned == ["2026-11"]
    assert not part.tree.edition("2026-11").exists()
    assert files_below(part.tree.edition("2026-12")) == before and part.verify().clean
    assert part.sync().editions_pruned == [], "and nothing was forgotten that is to be read again"


def test_what_is_not_here_is_not_seeded_and_comes_from_elsewhere(
    part: Follower, tmp_path: Path
) -> None:
    manifest = manifest_of(part.tree)
    found = catalogue_torrent(part.tree, manifest)
    assert found is not None
    pieces, hidden = offered_files(part.tree, manifest, found[1])
    assert {f.path for f in found[1].files if f.index in hidden} == of(TWO, THREE)
    assert pieces.count(False) == sum(
        -(-f.size_bytes // found[1].piece_length) for f in found[1].files if f.index in hidden
    )
    report = get(part.tree, public_id(3), tmp_path / "three", Notes(), limits=HASTY)
    assert (report.volume, tables(part.tree)) == (TWO, of(ONE)), "a mirror is only read"
    assert report.bytes_of_tables > 0


def test_a_part_is_an_origin_of_the_same_part_and_of_more_others_are_asked(
    part: Follower, tmp_path: Path
) -> None:
    with WebServer(part.tree.root) as second:
        further = Follower(part.origin, second, Tree(tmp_path / "further"))
        further.plan(exclude=[TWO, THREE])
        assert further.sync().findings == [] and further.verify().clean
        further.plan(exclude=[THREE])
        report = further.sync()
        assert [(f.code, f.where) for f in report.findings] == [("copy.missing", f"volumes/{TWO}")]
        assert "mirror of part of an archive" in report.findings[0].message
        assert report.volumes_complete == [ONE], "what the part has is brought"
        assert report.tables_left == read_status(further.tree, NOW).tables_left == 1, "of THREE"
        assert {c for c, _ in further.codes()} == {"table.missing", "copy.not-checked"}
        with pytest.raises(TransferError, match="has the tables of that part alone"):
            get(second.url, public_id(3), tmp_path, Notes(), limits=HASTY)
        settings = read_mirror(further.tree)
        others = msgspec.structs.replace(settings, others=(part.server.url,))
        write_document(further.tree.mirror_toml, others)
        assert further.sync().findings == [] and further.verify().clean
        assert tables(further.tree) == of(ONE, TWO)


def test_a_part_whose_archive_is_gone_gives_what_it_has_without_long_waits(
    part: Follower, tmp_path: Path
) -> None:
    with WebServer(part.tree.root) as second:
        further = Follower(part.origin, second, Tree(tmp_path / "further"))
        further.plan()
        settings = read_mirror(further.tree)
        gone = msgspec.structs.replace(settings, others=("http://127.0.0.1:9",))
        write_document(further.tree.mirror_toml, gone)
        began = time.monotonic()
        slow = Limits(attempts=3, backoff_seconds=0.05, longest_wait_seconds=30.0)
        report = further.sync(limits=slow)
        assert time.monotonic() - began < 10
        assert report.volumes_complete == [ONE]
        found = {(f.code, f.where) for f in report.findings}
        assert found == {("copy.missing", f"volumes/{volume}") for volume in (TWO, THREE)}


@pytest.mark.full
def test_tables_of_volumes_without_files_here_are_named_where_nobody_has_them(
    part: Follower, tmp_path: Path
) -> None:
    (part.tree.edition("2026-11") / "ai-training" / f"{ONE}.parquet").unlink()
    with WebServer(part.tree.root) as second:
        further = Follower(part.origin, second, Tree(tmp_path / "further"))
        further.plan(exclude=[TWO, THREE])
        report = further.sync()
    assert [(f.code, f.where) for f in report.findings] == [
        ("table.missing", f"editions/2026-11/ai-training/{ONE}.parquet")
    ]
    assert report.volumes_complete == [ONE]


@pytest.mark.full
def test_an_edition_at_rest_is_checked_as_far_as_it_is_here(part: Follower) -> None:
    found = verify_edition(part.tree, "2026-11", Notes(), year=2026)
    checks = {c.name: c.outcome for c in found.checks}
    assert checks["tables"] == checks["references"] == checks["statements"] == "passed"
    assert any("without the tables of 2 volumes" in f.message for f in found.findings)
    assert volumes_lacking(part.tree.edition("2026-11"), manifest_of(part.tree)) == {TWO, THREE}
    shutil.rmtree(part.tree.volume(ONE))
    assert volumes_lacking(part.origin.tree.edition("2026-11"), manifest_of(part.tree)) == set()


def test_what_the_plan_leaves_out_is_not_told_as_withheld(part: Follower) -> None:
    with Seeder(part.tree, listen=LOOPBACK, progress=part.notes, clock=lambda: NOW) as seeding:
        assert len(seeding.info_hashes) == 2, "of the volume, and of the edition"
    assert not [line for line in part.notes.lines if "not given" in line]
    seeded = read_status(part.tree, NOW).seeding
    assert seeded is not None and seeded.withheld_files == 0
    (part.tree.edition("2026-11") / "ai-training" / f"{ONE}.parquet").unlink()
    with Seeder(part.tree, listen=LOOPBACK, progress=part.notes):
        pass
    assert any("files are not given: 1 not here" in line for line in part.notes.lines)


def test_of_single_files_the_others_are_not_told_as_withheld(
    follower: Follower, tmp_path: Path
) -> None:
    plan = follower.plan()
    song = "data/artist 1/song-1.ogg"
    one = msgspec.structs.replace(plan.volumes[0], selection=[song])
    write_document(plan_path(follower.tree), msgspec.structs.replace(plan, volumes=[one]))
    follower.sync()
    with Seeder(follower.tree, listen=LOOPBACK, progress=follower.notes, clock=lambda: NOW):
        pass
    assert not [line for line in follower.notes.lines if "not given" in line]


@pytest.mark.full
def test_a_part_seeds_what_it_has_of_an_edition(part: Follower) -> None:
    with Seeder(part.tree, listen=LOOPBACK, progress=part.notes) as seeding:
        follower = Follower(part.origin, part.server, Tree(part.tree.root.with_name("third")))
        follower.plan(exclude=[TWO, THREE])
        before = part.server.bytes_of("editions/2026-11/files/")
        report = follower.sync(peers=[("127.0.0.1", seeding.port)])
        assert report.findings == [] and follower.verify().clean
        assert part.server.bytes_of("editions/2026-11/files/") == before, (
            "the tables came from peers"
        )


def test_a_plan_reckons_with_the_tables_that_it_will_keep(part: Follower) -> None:
    def size(follower: Follower) -> int:
        edition = follower.tree.edition("2026-11")
        return sum(len(content) for content in files_below(edition).values())

    plan = part.plan(exclude=[TWO, THREE])
    assert (plan.edition_bytes, plan.fetch_bytes) == (size(part), 0)
    assert plan.bytes == plan.edition_bytes + plan.index_bytes + plan.volumes[0].bytes
    everything = part.plan(exclude=[])
    less = part.plan(exclude=[], disk_bytes=everything.bytes - 1)
    assert less.bytes <= everything.bytes - 1 and len(less.volumes) == 2
    part.sync()
    assert size(part) == less.edition_bytes < everything.edition_bytes


def test_an_old_edition_stays_while_it_alone_knows_a_volume_that_is_here(tmp_path: Path) -> None:
    tree, one = Tree(tmp_path), [TinyRecording("A", file=("t-tier1-00001", "data/a.ogg", b"a"))]
    for sequence, name in enumerate(("old", "middle"), 1):
        write_tiny_edition(tree.root, one, name=name, sequence=sequence)
    write_tiny_edition(tree.root, [TinyRecording("B")], name="new", sequence=3)
    (tree.edition("unfinished") / "files").mkdir(parents=True)
    with open_state(tree) as state:
        assert prune_editions(tree, state, None) == []
        assert prune_editions(tree, state, 3) == []
        assert prune_editions(tree, state, 1) == ["old"]
        assert prune_editions(tree, state, 1) == [], "the middle one has the only table"
        shutil.rmtree(tree.volume("t-tier1-00001"))
        assert prune_editions(tree, state, 1) == ["middle"]
    assert sorted(p.name for p in tree.editions.iterdir()) == ["new", "unfinished"]
