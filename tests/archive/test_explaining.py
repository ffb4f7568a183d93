"""`explain`: which rows are one recording and why, and what was kept apart, in words."""

import json
from datetime import date
from pathlib import Path

import pytest

from phonotheque.archive import (
    execute_build,
    execute_ingest,
    execute_init,
    explain,
    plan_build,
    plan_ingest,
    plan_init,
)
from phonotheque.catalogue import current_build, open_build
from phonotheque.catalogue.explaining import MOST_APART, Explanation
from phonotheque.cli.main import main
from phonotheque.model.errors import ExitCode, InputError, NotFoundError
from phonotheque.model.numbers import IdKey, Kind, format_public_id
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from tests.support.clock import NOW

COLUMNS = ("source_key", "artist_credit", "title", "duration_ms", "isrcs", "recording_mbid",
           "release_title", "position")  # fmt: skip
MBID = "00000000-0000-4000-8000-0000000000{:02d}"
CODE = "DEA0126000{:02d}"
TITLES = {
    "id": "Morning on the Harbour", "code": "Evening Market", "ids": "Glass Staircase",
    "several": "Paper Lantern Street", "text": "Winter Orchard", "codes": "Copper Kettle",
    "three": "Northern Railway", "link": "Silver Compass", "release": "Second Interlude",
    "beaten": "Wooden Horses", "alone": "Nobody Else Plays This",
}  # fmt: skip


def row(key: str, *, ms: int | None = 200_000, code: str = "", mbid: int = 0, album: str = "",
        title: str = "", position: int = 0) -> str:  # fmt: skip
    """One line of the input; the case is the first part of the key and names artist and title."""
    case = key.split("-", maxsplit=1)[0]
    said = (key, f"The {case} Players", title or TITLES[case], ms or "", code,
            MBID.format(mbid) if mbid else "", album, position or "")  # fmt: skip
    return ",".join(map(str, said))


ROWS = [
    row("id-1", mbid=1), row("id-2", mbid=1, ms=200_500), row("id-3", mbid=1, ms=300_000),
    row("code-1", code=CODE.format(1)), row("code-2", code=CODE.format(1), ms=201_000),
    row("code-3", code=CODE.format(1), title="Something Else Entirely"),
    row("code-4", code=CODE.format(1), ms=300_000),
    row("ids-1", code=CODE.format(2), mbid=2), row("ids-2", code=CODE.format(2), mbid=2),
    row("ids-3", code=CODE.format(2), mbid=3),
    row("several-1", code=CODE.format(3)), row("several-2", code=CODE.format(3)),
    row("several-3", code=f"{CODE.format(3)};{CODE.format(4)}"),
    row("several-4", code=CODE.format(4)),
    row("text-1"), row("text-2", ms=201_500), row("text-3", ms=300_000), row("text-4", ms=None),
    row("codes-1", code=CODE.format(5)), row("codes-2", code=CODE.format(6)),
    row("three-1", mbid=4), row("three-2", code=CODE.format(7)),
    row("three-3", code=CODE.format(8)),
    row("link-1", mbid=5), row("link-2", code=CODE.format(9)),
    row("release-1", album="Long Player", position=1),
    row("release-2", album="Long Player", position=5, ms=200_500),
    row("beaten-1", code=CODE.format(10)), row("beaten-2", code=CODE.format(10)),
    row("beaten-3", code=CODE.format(11)), row("beaten-4"),
    row("alone-1"),
]  # fmt: skip


def make_archive(root: Path) -> Tree:
    execute_init(plan_init(root, name="T", publisher="T", seat="DE"), None, NOW, Silent())
    return Tree(root)


def ingest_and_build(tree: Tree, rows: list[str]) -> None:
    path = tree.root.parent / "songs.csv"
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    plan = plan_ingest(tree, [path], source=None, kind="auto", now=NOW)
    execute_ingest(tree, plan, NOW, Silent())
    execute_build(tree, plan_build(tree, date(2026, 11, 22)), Silent())


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = make_archive(tmp_path_factory.mktemp("explained") / "archive")
    ingest_and_build(tree, ROWS)
    return tree


def number_of(tree: Tree, key: str) -> int:
    found = current_build(tree)
    assert found is not None
    cursor = open_build(found[1], found[0]).cursor()
    answer = cursor.execute("SELECT recording FROM tracks WHERE source_key = ?", [key]).fetchone()
    assert answer is not None
    return int(answer[0])


def explained(tree: Tree, key: str) -> Explanation:
    return explain(tree, str(number_of(tree, key)))


TOGETHER = {
    "id-1": ("mbid", f"shares with 1 other row the MusicBrainz id {MBID.format(1)}"),
    "code-1": (
        "isrc",
        "shares the code DEA012600001, title key “evnmrkt”, durations 1.0 s apart",
    ),
    "text-2": (
        "text",
        "shares artist key “players&text” and title key “wntrchrd”, durations 1.5 s apart",
    ),
    "link-2": (
        "link",
        "one side has the MusicBrainz id, the other the code, and title key “slvrcmp”, "
        "durations 0.0 s apart",
    ),
    "alone-1": (
        None,
        "nothing else has its code, its id, or its artist, title and duration",
    ),
}


@pytest.mark.parametrize("key", TOGETHER)
def test_what_made_a_row_meet_the_others_is_said_in_words(tree: Tree, key: str) -> None:
    found = {row.source_key: (row.met, row.why) for row in explained(tree, key).rows}
    assert found[key] == TOGETHER[key]


APART = {
    ("id-1", "id-3"): "the MusicBrainz id stands on both, but the durations differ: 300.0 s and "
    "200.5 s",
    ("code-1", "code-3"): "the code DEA012600001 stands on both, but the titles differ: "
    "“Something Else Entirely” and “Evening Market”",
    ("code-1", "code-4"): "the code DEA012600001 stands on both, but the durations differ: "
    "300.0 s and 201.0 s",
    ("ids-1", "ids-3"): "the code DEA012600002 stands on both, but they carry different "
    "MusicBrainz ids",
    ("several-1", "several-4"): "the code DEA012600004 stands on both, but a row with several "
    "codes goes by the one that most rows agree on",
    ("text-1", "text-3"): "artist and title agree, but the durations differ: 300.0 s and 201.5 s",
    ("text-1", "text-4"): "artist and title agree, but a duration is unknown, and then only a "
    "release of the same title counts",
    ("codes-1", "codes-2"): "artist and title agree, but they carry different codes: "
    "DEA012600006 and DEA012600005",
    ("three-1", "three-2"): "artist and title agree, but one carries a MusicBrainz id, the other "
    "a code, and other rows agree with both",
    ("release-1", "release-2"): "artist and title agree, but one release lists both, so they are "
    "two",
    ("beaten-3", "beaten-4"): "artist and title agree, but another recording has more rows that "
    "agree with it",
}


@pytest.mark.parametrize("pair", APART)
def test_what_kept_a_row_apart_is_said_in_words(tree: Tree, pair: tuple[str, str]) -> None:
    mine, other = pair
    found = {row.source_key: row.why for row in explained(tree, mine).apart}
    assert found.get(other) == APART[pair]


def test_all_rows_of_a_recording_and_all_that_are_apart_are_named_once(tree: Tree) -> None:
    found = explained(tree, "code-1")
    assert [row.source_key for row in found.rows] == ["code-1", "code-2"]
    assert [row.source_key for row in found.apart] == ["code-3", "code-4"]
    assert found.apart_in_all == 2 <= MOST_APART
    assert {row.recording for row in found.rows} == {found.number}
    assert found.number not in {row.recording for row in found.apart}
    assert (found.rows[0].origin_row, found.rows[0].isrcs) == (4, ["DEA012600001"])


def test_a_row_that_shares_nothing_has_nothing_beside_it(tree: Tree) -> None:
    found = explained(tree, "alone-1")
    assert (len(found.rows), found.apart, found.apart_in_all) == (1, [], 0)


def test_a_number_and_a_public_id_name_the_same_recording(tree: Tree) -> None:
    number = number_of(tree, "code-1")
    key = IdKey(bytes.fromhex(read_settings(tree).id_key))
    public_id = format_public_id(number, key, Kind.RECORDING)
    assert explain(tree, public_id) == explain(tree, str(number))


def test_what_names_no_recording_is_refused(tree: Tree) -> None:
    key = IdKey(bytes.fromhex(read_settings(tree).id_key))
    with pytest.raises(NotFoundError, match="recording 999"):
        explain(tree, "999")
    with pytest.raises(InputError, match="begin with r"):
        explain(tree, format_public_id(1, key, Kind.RELEASE))
    with pytest.raises(InputError, match="is not a public id"):
        explain(tree, "nonsense²")


def test_an_archive_without_a_build_says_what_to_do_first(tmp_path: Path) -> None:
    tree = make_archive(tmp_path / "archive")
    with pytest.raises(NotFoundError, match="run `phonotheque build` first"):
        explain(tree, "1")


@pytest.mark.full
def test_a_number_that_was_merged_away_leads_to_what_it_became(tmp_path: Path) -> None:
    tree = make_archive(tmp_path / "archive")
    ingest_and_build(tree, [row("code-1", code=CODE.format(1)), row("code-2", code=CODE.format(2))])
    before = {number_of(tree, "code-1"), number_of(tree, "code-2")}
    assert len(before) == 2
    ingest_and_build(tree, [row("code-1", code=CODE.format(1)), row("code-2", code=CODE.format(1))])
    (merged,) = before - {number_of(tree, "code-1")}
    found = explain(tree, str(merged))
    assert found.number == number_of(tree, "code-2") == number_of(tree, "code-1")
    assert [r.source_key for r in found.rows] == ["code-1", "code-2"]


def test_explaining_leaves_the_archive_as_it_is(tree: Tree) -> None:
    def content() -> dict[str, int]:
        return {str(p): p.stat().st_mtime_ns for p in tree.root.rglob("*")}

    before = content()
    explained(tree, "link-1")
    assert content() == before


def test_the_command_shows_rows_and_what_is_apart(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    number = str(number_of(tree, "code-1"))
    assert main(["explain", str(tree.root), number]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert f"Evening Market – The code Players (3:20), recording {number}" in shown
    assert "Kept apart (2 share a code, an id, artist and title, or a sound)" in shown


def test_the_command_gives_all_of_it_as_json(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    number = number_of(tree, "code-1")
    assert main(["explain", str(tree.root), str(number), "--json"]) == ExitCode.OK
    said = json.loads(capsys.readouterr().out)
    assert (said["number"], said["title"], said["apart_in_all"]) == (number, "Evening Market", 2)
    assert [(r["source"], r["met"]) for r in said["rows"]] == [("songs", "isrc")] * 2
    assert said["apart"][0]["recording"] == number_of(tree, "code-3")


def test_the_command_ends_with_not_found_where_there_is_no_such_recording(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(tree.root), "999"]) == ExitCode.NOT_FOUND
    assert "999" in capsys.readouterr().err
