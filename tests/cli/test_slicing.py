"""`export` and `verify --catalogue`, as a person at the keyboard meets them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from phonotheque.catalogue import CatalogueFiles
from phonotheque.cli.main import main
from phonotheque.model.edition import BuildManifest
from phonotheque.model.errors import ExitCode
from phonotheque.storage.documents import write_document
from phonotheque.storage.durable import write_bytes
from phonotheque.storage.layout import Tree
from tests.catalogue.by_hand import ByHand


def write_build(root: Path, number: int, hand: ByHand) -> CatalogueFiles:
    """The catalogue of `hand` as the current build of the archive at `root`."""
    made = hand.write()
    rows = made.counts
    manifest = BuildManifest(
        format=1, build=number, inputs=[], rows_per_shard=made.rows_per_shard,
        shards=list(made.shards), recording_files=[], recordings=rows["recordings"],
        tracks=rows["tracks"], releases=rows["releases"], artists=rows["artists"], conflicts=0,
        unmatched_listens=0, tier_cuts_percent=list(made.cuts_percent),
    )  # fmt: skip
    write_document(made.directory / "build.json", manifest)
    current = json.dumps({"format": 1, "build": number}).encode()
    write_bytes(Tree(root).catalogue / "current.json", current)
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in (1, 2):
        folder = tmp_path / "archive" / "catalogue" / "builds" / f"{number:04d}"
        write_build(tmp_path / "archive", number, ByHand(folder))
    return tmp_path / "archive"


def test_a_sound_catalogue_ends_in_success(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(root), "--catalogue"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "3 recordings, 4 tracks, 2 releases, 2 artists, 100 listens" in shown


def test_damage_ends_in_findings_and_json_has_all_figures(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand = ByHand(root / "catalogue" / "builds" / "0003")
    hand.tracks.pop()
    write_build(root, 3, hand)
    assert main(["verify", str(root), "--catalogue", "--json"]) == ExitCode.FINDINGS
    report = json.loads(capsys.readouterr().out)
    found = {f["code"] for f in report["findings"]}
    assert found == {"catalogue.rows-lost", "catalogue.nulls-rose"}
    assert (report["compared_with"], report["complete"]) == ("build 2", True)
    assert report["figures"]["tables"]["tracks"]["rows"] == 3
    assert report["before"]["tables"]["tracks"]["columns"]["met"]["nulls"] == 2
    tolerant = ["verify", str(root), "--catalogue", "--tolerate", "rows=30,nulls=40"]
    assert main(tolerant) == ExitCode.OK


@pytest.mark.parametrize("text", ["rows", "rows=many", "columns=1"])
def test_a_tolerance_that_says_nothing_is_refused(root: Path, text: str) -> None:
    assert main(["verify", str(root), "--catalogue", "--tolerate", text]) == ExitCode.USAGE


def test_a_tree_without_a_catalogue_is_told_so(tmp_path: Path) -> None:
    assert main(["verify", str(tmp_path), "--catalogue"]) == ExitCode.NOT_FOUND
    assert main(["export", str(tmp_path), str(tmp_path / "o.csv")]) == ExitCode.NOT_FOUND


def test_export_writes_what_was_asked_and_says_so(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    asked = ["--of", "tracks", "--columns", "number, title", "--year", "1990..1999"]
    assert main(["export", str(root), str(out), *asked, "--tier", "3"]) == ExitCode.OK
    with out.open(newline="", encoding="utf-8") as stream:
        assert [row[0] for row in csv.reader(stream)] == ["number", "1", "3", "5"]
    assert "3 tracks of build 2" in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "archive",
        "out.csv",
        "out.csv.export.json",
    ]


def test_a_dry_run_plans_and_writes_nothing(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [str(root), str(tmp_path / "o.sqlite"), "--min-listens", "10", "--dry-run", "--json"]
    assert main(["export", *asked]) == ExitCode.OK
    plan = json.loads(capsys.readouterr().out)
    assert plan["rows"] == {"recordings": 2, "tracks": 3, "releases": 1, "artists": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["archive"]


@pytest.mark.parametrize(
    "asked",
    [
        ["o.xls"],
        ["o.csv", "--of", "songs"],
        ["o.csv", "--year", "soon"],
        ["o.csv", "--edition", "x", "--build"],
        ["o.csv", "--columns", "public_id"],
        ["archive"],
    ],
)
def test_what_makes_no_sense_is_refused(root: Path, tmp_path: Path, asked: list[str]) -> None:
    out, *options = asked
    assert main(["export", str(root), str(tmp_path / out), *options]) == ExitCode.USAGE


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"x" * 99)])
def test_a_damaged_catalogue_is_not_exported_and_the_way_out_is_told(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    path = sorted((root / "catalogue" / "builds" / "0002" / "tracks").iterdir())[-1]
    path.chmod(0o644)
    damage(path)
    assert main(["export", str(root), str(tmp_path / "o.csv"), "--of", "tracks"]) in (
        ExitCode.NOT_FOUND,
        ExitCode.INPUT,
    )
    assert "verify --catalogue" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["archive"]
