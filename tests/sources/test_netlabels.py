"""Netlabel tracks and releases, two CSV files joined."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.sources.netlabels import NETLABEL_CSV
from phonotheque.sources.streams import read_head
from tests.support.blocks import GOLDEN_DUMPS, codes, golden, made, read_all, said

GOLDEN = GOLDEN_DUMPS / "netlabels"
TRACKS = (GOLDEN / "tracks.csv").read_bytes()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("netlabels")
    shutil.copy(GOLDEN / "releases.csv", folder)
    return folder


@pytest.mark.parametrize("path", [GOLDEN, GOLDEN / "tracks.csv"])
def test_folder_and_file_are_read_to_the_rows_that_were_written_down(path: Path) -> None:
    rows, findings = read_all(NETLABEL_CSV, path)
    assert [said(row) for row in rows] == golden("netlabels/rows.jsonl")
    assert codes(findings) == [
        ("row.duplicate-key", None),  # row 3 of releases.csv
        ("row.duplicate-key", 3),
        ("row.no-key", 7),
        ("row.unreadable", 8),
    ]


@pytest.mark.parametrize("after", range(1, 9))
def test_keys_are_the_same_when_reading_goes_on_in_the_middle(after: int) -> None:
    rows, findings = read_all(NETLABEL_CSV, GOLDEN)
    some, found = read_all(NETLABEL_CSV, GOLDEN, after)
    assert some == [row for row in rows if row["row"] > after]
    assert found == [f for f in findings[1:] if (f.row or 0) > after]


def test_both_files_together_are_recognised(tmp_path: Path) -> None:
    assert NETLABEL_CSV.recognises(GOLDEN, b"")
    assert NETLABEL_CSV.recognises(GOLDEN / "tracks.csv", read_head(GOLDEN / "tracks.csv"))
    (tmp_path / "tracks.csv").write_bytes(TRACKS)
    assert not NETLABEL_CSV.recognises(tmp_path, b"")
    assert not NETLABEL_CSV.recognises(tmp_path / "tracks.csv", TRACKS)


@given(st.lists(st.tuples(st.integers(0, len(TRACKS)), st.binary(max_size=5)), max_size=6))
def test_mangled_tracks_are_all_accounted_for(
    scratch: Path, edits: list[tuple[int, bytes]]
) -> None:
    data = TRACKS
    for place, new in edits:
        data = data[:place] + new + data[place + len(new) :]
    (scratch / "tracks.csv").write_bytes(data)
    rows, findings = read_all(NETLABEL_CSV, scratch)
    numbers = [row["row"] for row in rows] + [f.row for f in findings[1:] if f.row]
    assert max(Counter(numbers).values(), default=1) == 1
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_every_real_row_is_kept_or_named(shared_data: Path) -> None:
    rows, findings = read_all(NETLABEL_CSV, shared_data / "freemusi")
    assert len(rows) + len(findings) == 21_502
    assert Counter(finding.code.value for finding in findings) == {"row.duplicate-key": 33}
    assert len({row["source_key"] for row in rows}) == len(rows) == 21_469
    assert sum(row["title"] is None for row in rows) == 20  # left out behind the reader
    assert not [row for row in rows if row["artist_credit"] is None]
    assert not [row for row in rows if isinstance(row["duration_ms"], str)]
    assert len({row["release_key"] for row in rows}) == 2_289
    assert sum(row["licence"] is None for row in rows) == 2_238


def test_real_rows_say_what_their_files_say(shared_data: Path) -> None:
    rows, _ = read_all(NETLABEL_CSV, shared_data / "freemusi")
    assert said(rows[1]) == {
        "row": 2,
        "source_key": "dt006/1-1",
        "title": "Orange Horizon",
        "artist_credit": "(Val)liam",
        "release_title": "Early Reflections",
        "release_artist": "(Val)liam",
        "release_key": "dt006",
        "release_year": "2005",
        "label": "Dewtone",
        "genres": ["Electronic", "Ambient"],
        "disc": "1",
        "position": "1",
        "duration_ms": 245_000,
    }


def test_the_real_import_has_all_rows_but_those_named(shared_data: Path) -> None:
    refused = {"row.duplicate-key": 33, "row.no-title": 20}
    assert made(NETLABEL_CSV, shared_data / "freemusi") == (21_502 - 33 - 20, refused)
