"""The MTG-Jamendo dataset: three tables joined on the track."""

import gzip
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.sources.jamendo import MTG_JAMENDO
from phonotheque.sources.streams import read_head
from tests.support.blocks import GOLDEN_DUMPS, codes, golden, read_all, said

GOLDEN = GOLDEN_DUMPS / "jamendo"
META = GOLDEN / "data" / "raw.meta.tsv"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "dataset"))


@pytest.mark.parametrize("path", [GOLDEN, GOLDEN / "data", META])
def test_the_dataset_is_read_to_the_rows_that_were_written_down(path: Path) -> None:
    rows, findings = read_all(MTG_JAMENDO, path)
    assert [said(row) for row in rows] == golden("jamendo/rows.jsonl")
    assert codes(findings) == [
        ("row.unreadable", None),  # row 3 of autotagging.tsv
        ("row.unreadable", 4),
        ("row.no-key", 5),
    ]


@pytest.mark.parametrize("after", range(1, 7))
def test_reading_behind_some_tracks_gives_the_later_ones(after: int) -> None:
    rows, findings = read_all(MTG_JAMENDO, GOLDEN)
    some, found = read_all(MTG_JAMENDO, GOLDEN, after)
    assert some == [row for row in rows if row["row"] > after]
    assert found == [f for f in findings[1:] if (f.row or 0) > after]


def test_links_to_the_service_are_not_kept() -> None:
    assert "music.example" not in repr(read_all(MTG_JAMENDO, GOLDEN))


def test_folder_and_table_are_recognised() -> None:
    assert MTG_JAMENDO.recognises(GOLDEN, b"")
    assert MTG_JAMENDO.recognises(META, read_head(META))
    assert not MTG_JAMENDO.recognises(GOLDEN / "data" / "autotagging.tsv", b"TRACK_ID\tARTIST_ID")
    assert not MTG_JAMENDO.recognises(GOLDEN.parent / "netlabels", b"")


def test_names_alone_are_rows_without_duration_and_licence(dataset: Path) -> None:
    (dataset / "audio_licenses.txt").unlink()
    (dataset / "data" / "autotagging.tsv").unlink()
    rows, _ = read_all(MTG_JAMENDO, dataset)
    assert len(rows) == 4
    assert not [row for row in rows if row["licence"] or row["duration_ms"] or row["genres"]]


def test_compressed_tables_are_found(dataset: Path) -> None:
    packed = dataset / "data" / "raw.meta.tsv.gz"
    packed.write_bytes(gzip.compress(META.read_bytes()))
    (dataset / "data" / "raw.meta.tsv").unlink()
    assert len(read_all(MTG_JAMENDO, dataset)[0]) == 4


def test_a_title_that_speaks_of_a_licence_is_none(dataset: Path) -> None:
    text = (dataset / "audio_licenses.txt").read_text().replace("Gare by", "License to kill by")
    (dataset / "audio_licenses.txt").write_text(text)
    assert "by/3.0" in read_all(MTG_JAMENDO, dataset)[0][0]["licence"]


@given(
    name=st.sampled_from(["data/raw.meta.tsv", "data/autotagging.tsv", "audio_licenses.txt"]),
    edits=st.lists(st.tuples(st.integers(0, 800), st.binary(max_size=5)), max_size=6),
)
def test_mangled_tables_are_read_and_never_crash(
    tmp_path_factory: pytest.TempPathFactory, name: str, edits: list[tuple[int, bytes]]
) -> None:
    folder = Path(shutil.copytree(GOLDEN, tmp_path_factory.mktemp("jamendo") / "d"))
    data = (folder / name).read_bytes()
    for place, new in edits:
        data = data[:place] + new + data[place + len(new) :]
    (folder / name).write_bytes(data)
    rows, _ = read_all(MTG_JAMENDO, folder)
    assert all(row["source_key"].startswith("track_") for row in rows)
