"""Shards keep their bytes and names; overlays and bases read as one; equal input, equal bytes."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotheque.catalogue import is_up_to_date
from phonotheque.model.edition import BuildManifest
from tests.support.catalogues import Archive, Row, row

TABLES = ("recordings", "tracks", "releases", "artists", "standing", "recording_files")
EVIDENCE = {
    "claim": "licence", "value": "CC-BY-4.0", "raw": "CC BY", "kind": "sidecar",
    "source": "rights.toml", "captured_at": 0, "sha256": None,
}  # fmt: skip


def many(count: int) -> list[Row]:
    return [
        row(
            f"k{i:03d}", f"Title {i % 7}", f"Artist {i % 5}",
            release_title=f"R{i % 3}" if i % 4 else None, release_year=1990 + i % 3,
            position=i, duration_ms=100_000 + i,
            isrcs=[f"USABC20{i // 2:05d}"] if i % 3 else [],
            evidence=[EVIDENCE] if i % 2 else [], file_sha256=f"{i:064x}" if i % 5 == 0 else None,
        )
        for i in range(count)
    ]  # fmt: skip


def paths(made: BuildManifest, table: str) -> dict[tuple[int, str], str]:
    return {(s.shard, s.layer): s.path for s in made.shards if s.table == table}


def everything(made: BuildManifest) -> set[tuple[str, str]]:
    return {(s.path, s.sha256) for s in [*made.shards, *made.recording_files]}


@pytest.mark.full
@settings(max_examples=2)
@given(st.integers(min_value=0), st.sampled_from([1, 2]), st.sampled_from([1, 3]))
def test_order_of_rows_files_and_threads_do_not_change_a_byte(
    seed: int, threads: int, files: int
) -> None:
    rows = many(30)
    shuffled = random.Random(seed).sample(rows, len(rows))
    listens = [("isrc", f"USABC20{i:05d}", i % 4) for i in range(15)]
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        plain, mixed = Archive(Path(one), rows_per_shard=8), Archive(Path(two), rows_per_shard=8)
        plain.add_rows("a", rows)
        plain.add_listens("l", listens)
        # the same newest rows, in another order, in other files, after an import they replace
        mixed.add_rows("a", [r | {"title": "old"} for r in shuffled[:9]])
        mixed.add_rows("a", shuffled, files=files)
        mixed.add_listens("l", shuffled_listens(listens, seed))
        assert everything(plain.build()) == everything(mixed.build(threads=threads))


def shuffled_listens(listens: list[tuple[str, str, int]], seed: int) -> list[tuple[str, str, int]]:
    return random.Random(seed).sample(listens, len(listens))


def test_a_shard_without_changes_keeps_its_name_and_its_bytes(tmp_path: Path) -> None:
    archive = Archive(tmp_path, rows_per_shard=10)
    archive.add_rows("a", many(60))
    first = archive.build()
    archive.add_rows("b", [row("new", "New", "Zzz")])
    second = archive.build()
    before, after = paths(first, "recordings"), paths(second, "recordings")
    last = max(before)
    assert len(before) > 3
    assert {k: p for k, p in before.items() if k != last}.items() <= after.items()
    kept = archive.tree.catalogue / "builds" / "0002" / after[0, "base"]
    assert kept.stat().st_nlink == 2, "an unchanged file is shared by hard link"


@pytest.mark.full
def test_changed_rows_go_to_the_overlay_until_they_are_more_than_a_tenth(tmp_path: Path) -> None:
    archive = Archive(tmp_path, rows_per_shard=100)
    archive.add_rows("a", [row(f"{i:02d}", f"T{i:02d}") for i in range(50)])
    base = paths(archive.build(), "recordings")
    archive.add_rows("a", [row(f"{i:02d}", f"Changed {i}") for i in range(5)])
    second = archive.build()
    layers = paths(second, "recordings")
    assert layers[0, "base"] == base[0, "base"]
    assert "-overlay-" in layers[0, "overlay"]
    (overlay,) = [s for s in second.shards if s.table == "recordings" and s.layer == "overlay"]
    assert overlay.rows == 5
    archive.add_rows("a", [row("05", "Changed 5")])
    third = paths(archive.build(), "recordings")
    assert list(third) == [(0, "base")]
    assert third != base


@pytest.mark.full
def test_overlays_over_bases_read_as_a_build_without_a_past(tmp_path: Path) -> None:
    layered, fresh = Archive(tmp_path / "l", rows_per_shard=64), Archive(tmp_path / "f")
    rows = many(60)
    layered.add_rows("a", rows)
    fresh.add_rows("a", rows)
    layered.build()
    changed = [r | {"label": "Label", "collection": "x"} for r in rows[:2]]
    layered.add_rows("a", changed)
    fresh.add_rows("a", changed)
    made, whole = layered.build(), fresh.build()
    assert any(s.layer == "overlay" for s in made.shards)
    assert not any(s.layer == "overlay" for s in whole.shards)
    for table in TABLES:
        assert layered.table(table, made) == fresh.table(table, whole), table


@pytest.mark.full
def test_a_row_that_changes_back_leaves_no_overlay(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    rows = [row(f"{i:02d}", f"T{i:02d}") for i in range(30)]
    archive.add_rows("a", rows)
    first = archive.build()
    archive.add_rows("a", [row("00", "Other")])
    archive.build()
    archive.add_rows("a", rows)
    assert paths(archive.build(), "recordings") == paths(first, "recordings")


def test_shards_hold_the_numbers_of_their_range(tmp_path: Path) -> None:
    archive = Archive(tmp_path, rows_per_shard=7)
    archive.add_rows("a", many(40))
    made = archive.build()
    total = 0
    for shard in made.shards:
        if shard.table == "tracks":
            assert shard.rows == (6 if shard.shard == 0 else min(7, 41 - 7 * shard.shard))
            total += shard.rows
    assert total == made.tracks == 40


@pytest.mark.full
def test_a_build_of_nothing_has_no_rows_and_can_be_read(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    made = archive.build()
    assert (made.recordings, made.tracks, made.releases, made.artists) == (0, 0, 0, 0)
    assert all(archive.table(table, made) == [] for table in TABLES)
    archive.add_rows("a", [row("1")])
    assert archive.build().recordings == 1


def test_the_same_inputs_and_settings_are_nothing_new(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.add_rows("a", [row("1")])
    made = archive.build()
    assert is_up_to_date(made, archive.inputs())
    archive.withdrawn = [1]
    assert not is_up_to_date(made, archive.inputs())
    assert not is_up_to_date(None, archive.inputs())


@pytest.mark.full
def test_only_the_last_two_builds_are_kept(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for i in range(3):
        archive.add_rows("a", [row(str(i))])
        archive.build()
    names = sorted(p.name for p in (archive.tree.catalogue / "builds").iterdir())
    assert names == ["0002", "0003"]


def test_what_any_source_says_of_a_file_counts_wherever_the_file_stands(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    stricter = EVIDENCE | {"value": "CC-BY-NC-4.0", "raw": "CC BY-NC"}
    archive.add_rows("a", [row("1", "One", evidence=[EVIDENCE], file_sha256="aa" * 32)])
    archive.add_rows("b", [row("1", "Other", evidence=[stricter], file_sha256="aa" * 32)])
    made = archive.table("recording_files", archive.build())
    assert [f["recording"] for f in made] == [1, 2]
    for file in made:
        assert {e["value"] for e in file["evidence"]} == {"CC-BY-4.0", "CC-BY-NC-4.0"}
