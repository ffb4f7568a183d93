"""Recordings named by people: many at once, each answered in its place."""

from pathlib import Path

import pytest

from phonotheque.archive import named
from phonotheque.archive.named import find_named, find_recordings
from phonotheque.model.errors import NotFoundError, UsageError
from phonotheque.model.numbers import IdKey, Kind, format_public_id
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from tests.archive.workshop import Song, Workshop

SONGS = [
    Song("One", isrcs=["DEAAA2600001"]),
    Song("Two", isrcs=["DEAAA2600002"]),
    Song("Two again", isrcs=["DEAAA2600002", "DEAAA2600003"]),
    *(Song(f"More {n}") for n in range(5)),
]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Workshop(tmp_path / "archive")
    made.build(SONGS)
    return made.tree


def public_id(tree: Tree, number: int, kind: Kind = Kind.RECORDING) -> str:
    return format_public_id(number, IdKey(bytes.fromhex(read_settings(tree).id_key)), kind)


def test_every_way_of_naming_is_answered_in_its_place(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named, "NUMBERS_PER_QUERY", 2)
    asked = ["8", "DE-AAA-26-00003", public_id(tree, 1), "de aaa 26 00001", "8"]
    found, unknown = find_named(tree, asked)
    assert unknown == []
    assert [r.asked_as for r in found] == asked
    assert [r.recording for r in found] == [8, 3, 1, 1, 8]
    assert found[0].title == "More 4" and found[0].files == [SONGS[7].digest]
    assert [r.recording for r in find_recordings(tree, asked)] == [1, 3, 8]


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ("9", NotFoundError, "no recording of this archive has this number"),
        ("9" * 40, NotFoundError, "no recording of this archive has this number"),
        ("DEAAA2600009", NotFoundError, "has this ISRC"),
        ("DEAAA2600002", UsageError, "recordings 2, 3 carry this ISRC"),
        ("what", NotFoundError, "public id, an ISRC or a number"),
    ],
)
def test_what_names_no_recording_or_several_is_said_beside_what_does(
    tree: Tree, asked: str, error: type[Exception], told: str
) -> None:
    found, [why] = find_named(tree, ["1", asked, "2"])
    assert [r.recording for r in found] == [1, 2]
    assert isinstance(why, error) and told in str(why)
    with pytest.raises(error):
        find_recordings(tree, [asked])


def test_the_id_of_something_else_is_no_recording(tree: Tree) -> None:
    _, [why] = find_named(tree, [public_id(tree, 1, Kind.RELEASE)])
    assert "only recordings" in str(why)
