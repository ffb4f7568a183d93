"""The self-test of a catalogue sees every kind of damage, and says what it could not check."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.catalogue.checking import CatalogueReport, check_catalogue
from phonotheque.catalogue.measuring import Tolerance
from phonotheque.catalogue.number_set import NumberSet
from phonotheque.catalogue.published import Bounds, CatalogueFiles
from phonotheque.model.findings import FindingCode
from phonotheque.model.progress import Silent
from tests.catalogue.by_hand import ByHand, recording, release, stands, track


def check(
    made: CatalogueFiles,
    before: CatalogueFiles | None = None,
    tolerance: Tolerance | None = None,
) -> CatalogueReport:
    bounds = Bounds(made.directory / "spill", memory="200MB", threads=1, part_rows=2)
    return check_catalogue(
        made, before, Silent(), year=2026, bounds=bounds, tolerance=tolerance
    )  # fmt: skip


@pytest.fixture
def hand(tmp_path: Path) -> ByHand:
    return ByHand(tmp_path / "now")


@pytest.fixture
def before(tmp_path: Path) -> CatalogueFiles:
    return ByHand(tmp_path / "before", label="build 1").write()


def test_a_sound_catalogue_passes_every_check(hand: ByHand, before: CatalogueFiles) -> None:
    report = check(hand.write(), before)
    assert (report.findings, report.clean, report.complete) == ([], True, True)
    assert {c.outcome for c in report.checks} == {"passed"}
    assert [c.name for c in report.checks] == [
        "files", "order", "counts", "rows", "keys", "references", "redirects", "standing",
        "differences",
    ]  # fmt: skip


def test_a_first_catalogue_is_compared_with_nothing_and_says_so(hand: ByHand) -> None:
    report = check(hand.write())
    assert (report.clean, report.complete, report.compared_with) == (True, False, None)
    assert [c.name for c in report.checks if c.outcome == "not-checked"] == ["differences"]


def test_figures_tell_nulls_and_ranges_of_every_column(hand: ByHand) -> None:
    figures = check(hand.write()).figures
    assert figures is not None
    assert figures.listens == 100
    recordings = figures.tables["recordings"]
    assert recordings.rows == 3
    duration, isrcs = recordings.columns["duration_ms"], recordings.columns["isrcs"]
    assert (duration.nulls, duration.least, duration.most) == (1, 180_000, 180_000)
    assert (isrcs.nulls, isrcs.least) == (2, None)


Damage = Callable[[ByHand], None]


def _set(table: str, row: int, **values: object) -> Damage:
    def damage(hand: ByHand) -> None:
        getattr(hand, table)[row].update(values)

    return damage


def _insert(table: str, *rows: dict[str, object], at: int = 0) -> Damage:
    def damage(hand: ByHand) -> None:
        getattr(hand, table)[at:at] = rows

    return damage


def _hide_a_new_row(hand: ByHand) -> None:
    hand.redirects.append({"kind": "r", "old": 5, "new": 1})
    hand.overlay.append(recording(5, "x", 1))


def _redirects(*rows: tuple[str, int, int]) -> Damage:
    named = [{"kind": kind, "old": old, "new": new} for kind, old, new in rows]
    return _insert("redirects", *named)


CODES = ["USABC2000009", "USABC2000003"]
DAMAGES: dict[str, tuple[str, str, Damage]] = {
    "a count": ("catalogue.count", "tracks", lambda hand: hand.counts.update(tracks=7)),
    "numbers that fall": (
        "catalogue.order", "tracks/00001-base.parquet", _insert("tracks", track(2, 1, 1), at=3),
    ),
    "a number twice": (
        "catalogue.order", "releases/00000-base.parquet", _insert("releases", release(1, "x")),
    ),
    "the number 0": (
        "catalogue.order", "releases/00000-base.parquet", _insert("releases", release(0, "x")),
    ),
    "a source's key twice": (
        "catalogue.duplicate-key", "tracks", _set("tracks", 3, source_key="t1"),
    ),
    "a release's key twice": (
        "catalogue.duplicate-key", "releases", _set("releases", 1, key="source:a:r1"),
    ),
    "a malformed code": (
        "catalogue.identifier", "recordings", _set("recordings", 1, isrcs=["US-ABC-20-00001"]),
    ),
    "codes out of order": (
        "catalogue.identifier", "recordings", _set("recordings", 1, isrcs=CODES),
    ),
    "an MBID that is none": (
        "catalogue.identifier", "recordings", _set("recordings", 1, recording_mbid="x"),
    ),
    "a duration of 0": ("catalogue.range", "recordings", _set("recordings", 1, duration_ms=0)),
    "no verdict": ("catalogue.range", "recordings", _set("recordings", 1, stream="MAYBE")),
    "an unknown flag": ("catalogue.range", "recordings", _set("recordings", 1, flags=64)),
    "an unknown way to meet": ("catalogue.range", "tracks", _set("tracks", 1, met="luck")),
    "a track of no recording": ("catalogue.reference", "tracks", _set("tracks", 1, recording=3)),
    "a track far away": ("catalogue.reference", "tracks", _set("tracks", 1, recording=2**62)),
    "a track of no release": ("catalogue.reference", "tracks", _set("tracks", 1, release=2)),
    "a recording of no artist": (
        "catalogue.reference", "recordings", _set("recordings", 1, artist_numbers=[1, 3]),
    ),
    "a chain of redirects": (
        "catalogue.redirect", "recordings", _redirects(("r", 5, 6), ("r", 6, 1)),
    ),
    "a redirect to nowhere": ("catalogue.redirect", "artists", _redirects(("a", 5, 3))),
    "a redirect twice": ("catalogue.redirect", "tracks", _redirects(("t", 9, 1), ("t", 9, 2))),
    "a redirect of nothing known": ("catalogue.redirect", "redirects", _redirects(("x", 9, 1))),
    "a redirect that hides a new row": ("catalogue.redirect", "recordings", _hide_a_new_row),
    "a rank": ("catalogue.standing", "standing", _set("standing", 0, rank=1)),
    "a tier": ("catalogue.standing", "standing", _set("standing", 0, tier=1)),
    "a recording without standing": (
        "catalogue.standing", "standing", lambda hand: hand.standing.remove(hand.standing[2]),
    ),
    "a standing of nobody": (
        "catalogue.standing", "standing", _insert("standing", stands(5, 0, 4, 3), at=3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_found_and_placed(hand: ByHand, kind: str) -> None:
    code, where, damage = DAMAGES[kind]
    damage(hand)
    report = check(hand.write())
    assert (code, where) in {(f.code, f.where) for f in report.findings}
    assert not report.clean


def test_one_kind_of_damage_is_not_taken_for_another(hand: ByHand) -> None:
    hand.recordings[1]["duration_ms"] = 0
    (finding,) = check(hand.write()).findings
    assert "1 rows with a duration that is not above 0, for example number 2" in finding.message


def test_doubtful_values_are_warnings_and_the_catalogue_stays_clean(hand: ByHand) -> None:
    hand.recordings[0]["first_release_year"] = 1066
    hand.recordings[1]["duration_ms"] = 90_000_000
    hand.standing[0]["listeners"] = 11
    report = check(hand.write())
    assert [(f.code, f.severity) for f in report.findings] == [
        (FindingCode.CATALOGUE_RANGE, "warning")
    ] * 3
    assert report.clean


def test_a_row_in_the_overlay_counts_instead_of_the_base(hand: ByHand) -> None:
    hand.recordings[1]["duration_ms"] = 0
    hand.overlay = [recording(2, "Sum", 2)]
    assert check(hand.write()).clean


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        (FindingCode.TABLE_MISSING, lambda path: path.unlink()),
        (FindingCode.TABLE_DAMAGED, lambda path: path.write_bytes(b"PAR1")),
    ],
)
def test_nothing_is_concluded_from_files_that_are_missing_or_damaged(
    hand: ByHand, code: FindingCode, damage: Callable[[Path], None]
) -> None:
    made = hand.write()
    path = made.directory / made.shards[0].path
    path.chmod(0o644)
    damage(path)
    report = check(made)
    assert [f.code for f in report.findings] == [code]
    assert {c.outcome for c in report.checks[1:]} == {"not-checked"}
    assert not report.complete


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"x" * 99)])
def test_a_catalogue_before_that_is_damaged_is_said_not_to_be_compared(
    hand: ByHand, before: CatalogueFiles, damage: Callable[[Path], None]
) -> None:
    path = before.directory / before.shards[0].path
    path.chmod(0o644)
    damage(path)
    report = check(hand.write(), before)
    (skipped,) = [c for c in report.checks if c.outcome == "not-checked"]
    assert (skipped.name, report.clean) == ("differences", True)
    assert "build 1 cannot be read" in skipped.why


def test_a_shard_listed_twice_is_found(hand: ByHand) -> None:
    made = hand.write()
    again = replace(made, shards=[*made.shards, made.shards[0]])
    assert FindingCode.CATALOGUE_ORDER in {f.code for f in check(again).findings}


def test_what_got_lost_since_the_catalogue_before_is_found_beyond_the_threshold(
    hand: ByHand, before: CatalogueFiles
) -> None:
    hand.tracks.pop()
    hand.recordings[0]["isrcs"] = []
    hand.standing[1]["listens"] = 20
    made = hand.write()
    found = {(f.code.value, f.where) for f in check(made, before).findings}
    assert found >= {
        ("catalogue.rows-lost", "tracks"),
        ("catalogue.nulls-rose", "recordings.isrcs"),
        ("catalogue.listens-fell", "standing"),
    }
    lenient = Tolerance(rows_percent=25, null_points=34, listens_percent=70)
    left = {f.code.value for f in check(made, before, lenient).findings}
    assert not left & {"catalogue.rows-lost", "catalogue.nulls-rose", "catalogue.listens-fell"}


@given(st.lists(st.lists(st.integers(-3, 70), max_size=20), max_size=6))
def test_a_set_of_numbers_knows_what_was_added(lists: list[list[int]]) -> None:
    bits, known = NumberSet(64), set[int]()
    for numbers in lists:
        fresh = {n for n in numbers if 0 <= n < 64} - known
        assert bits.add(np.array(numbers, np.int64)) == len(numbers) - len(fresh)
        known |= fresh
    every = np.arange(-5, 80)
    assert bits.contains(every).tolist() == [n in known for n in every.tolist()]
    assert len(bits) == len(known)
