"""`phonotheque lookup`: one identifier or a file of them, as text, CSV, JSON lines or JSON."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from phonotheque.cli.main import main
from phonotheque.model.numbers import IdKey, Kind, format_public_id
from phonotheque.search import SearchIndex, iter_found
from tests.support.editions import ID_KEY, TinyRecording, write_tiny_edition

RELEASE = format_public_id(1, IdKey(bytes.fromhex(ID_KEY)), Kind.RELEASE)
ARTIST = format_public_id(2, IdKey(bytes.fromhex(ID_KEY)), Kind.ARTIST)
RECORDINGS = [
    TinyRecording("One", "Ann", release="First", isrcs=["USRC17607839"], position_text="A1"),
    TinyRecording("Two, too", "Ann", release="First", isrcs=["GBAYE0601498"]),
    TinyRecording("Three", "Bob", release=None, file=("v-tier1-00001", "data/3.ogg", b"three")),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("archive")
    write_tiny_edition(folder, RECORDINGS)
    return str(folder)


def run(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    code = main(["lookup", *arguments, "--edition", "2026-11"])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_people_are_told_where_a_recording_stands(root: str, capsys: Any) -> None:
    code, out, _ = run(capsys, root, "us-rc1-76-07839")
    assert code == 0
    assert "Ann – One" in out
    assert "First A1" in out


def test_a_release_brings_its_recordings_and_an_artist_too(root: str, capsys: Any) -> None:
    code, out, _ = run(capsys, root, RELEASE, ARTIST, "--json")
    release, artist = json.loads(out)
    assert code == 0
    assert [row["title"] for row in release["releases"]] == ["First"]
    assert [row["title"] for row in release["recordings"]] == ["One", "Two, too"]
    assert [row["name"] for row in artist["artists"]] == ["Bob"]
    assert artist["recordings"][0]["file"]["volume"] == "v-tier1-00001"


def test_a_file_of_codes_is_answered_line_by_line_in_csv(
    root: str, capsys: Any, tmp_path: Path
) -> None:
    codes = tmp_path / "codes.txt"
    codes.write_text(f"GBAYE0601498\n\n  nonsense \n{RELEASE}\n", encoding="utf-8")
    code, out, _ = run(capsys, root, "--from", str(codes), "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [(row["query"], row["title"]) for row in rows] == [
        ("GBAYE0601498", "Two, too"), ("nonsense", ""), (RELEASE, "One"), (RELEASE, "Two, too"),
    ]  # fmt: skip
    assert rows[0]["isrcs"] == "GBAYE0601498"


def test_json_lines_come_one_for_each_id(
    root: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"3\nx\n")))
    code, out, _ = run(capsys, root, "-", "--format", "jsonl")
    first, second = (json.loads(line) for line in out.splitlines())
    assert code == 0
    assert first["recordings"][0]["title"] == "Three"
    assert (second["recognised"], second["recordings"]) == ("none", [])


def test_what_is_not_known_exits_with_sixty_six(root: str, capsys: Any, tmp_path: Path) -> None:
    code, out, err = run(capsys, root, "GBAYE0601499")
    assert (code, out) == (66, "")
    assert "not known here" in err
    assert run(capsys, root)[0] == 2
    assert run(capsys, root, "1", "--format", "xml")[0] == 2
    assert run(capsys, root, "--from", str(tmp_path / "nowhere"))[0] == 65


def test_recordings_of_one_answer_are_bounded_and_counted(root: str, capsys: Any) -> None:
    run(capsys, root, "1")  # the index is there now
    index = SearchIndex.open(Path(root) / "index/2026-11")
    (found,) = iter_found(index, [RELEASE], most=1)
    assert (found.recordings_in_all, len(found.recordings)) == (2, 1)
    many = list(iter_found(index, ["1", "x"] * 1_500))
    assert [answer.query for answer in many] == ["1", "x"] * 1_500
    assert {len(answer.recordings) for answer in many} == {0, 1}
