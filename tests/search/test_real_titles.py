"""21,502 real titles of netlabel music, where they are at hand."""

import csv
from pathlib import Path

import pytest

from phonotheque.model.progress import Silent
from phonotheque.model.text import fold, normalise
from phonotheque.search import SearchIndex
from phonotheque.search.build import build_index
from tests.support.editions import TinyRecording, write_tiny_edition


@pytest.fixture(scope="module")
def tracks(shared_data: Path) -> list[tuple[str, str]]:
    with (shared_data / "freemusi" / "tracks.csv").open(newline="") as lines:
        return [(row["title"], row["trackartist"]) for row in csv.DictReader(lines)]


@pytest.fixture(scope="module")
def index(tracks: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    root = tmp_path_factory.mktemp("freemusi")
    write_tiny_edition(root, [TinyRecording(title, artist) for title, artist in tracks])
    build_index(root / "editions/2026-11", root / "index", Silent())
    return SearchIndex.open(root / "index")


def success(index: SearchIndex, asked: list[tuple[str, str, str]]) -> float:
    """Share of (query, title, artist) where the same title and artist is in the first ten."""
    found = 0
    for query, title, artist in asked:
        meant = (normalise(title), normalise(artist))
        hits = index.search(query, 10).hits
        found += any((normalise(h.row.title), normalise(h.row.artist)) == meant for h in hits)
    return found / len(asked)


def test_real_tracks_are_found_by_artist_and_title(
    index: SearchIndex, tracks: list[tuple[str, str]]
) -> None:
    some = tracks[::97]
    assert success(index, [(f"{a} {t}", t, a) for t, a in some]) >= 0.99
    assert success(index, [(fold(f"{t} {a}"), t, a) for t, a in some]) >= 0.99


def test_real_tracks_are_found_in_spite_of_a_letter_left_out(
    index: SearchIndex, tracks: list[tuple[str, str]]
) -> None:
    asked = [
        (f"{a} {t[:3]}{t[4:]} ", t, a) for t, a in tracks[::97] if len(t) > 8 and t[:9].isalpha()
    ]
    assert success(index, asked) >= 0.97


def test_real_tracks_are_found_by_title_alone(
    index: SearchIndex, tracks: list[tuple[str, str]]
) -> None:
    assert success(index, [(t, t, a) for t, a in tracks[::97]]) >= 0.97
