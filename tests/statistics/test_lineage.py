"""Which edition brought or dropped what: three editions, with a withdrawal in the last."""

import shutil
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from phonotheque.cli.main import main
from phonotheque.model import tables
from phonotheque.model.edition import EditionManifest, ShardFile
from phonotheque.model.errors import ExitCode, NotFoundError
from phonotheque.model.numbers import IdKey, format_public_id
from phonotheque.statistics import History, read_history, read_lineage
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.tables import write_table
from tests.archive.test_publish import SONGS


def public_id(tree: Tree, number: int) -> str:
    manifest = read_document(tree.edition("one") / "edition.json", EditionManifest)
    return format_public_id(number, IdKey(bytes.fromhex(manifest.id_key)))


def told(history: History) -> list[tuple[str, str]]:
    return [(event.edition, event.change) for event in history.events]


def test_each_edition_tells_what_it_brought_and_dropped(tree: Tree) -> None:
    one, two, three = read_lineage(tree)
    assert (one.name, one.files_added, one.files_withdrawn, one.volumes_dropped) == (
        "one",
        7,
        0,
        [],
    )
    assert one.changes["recordings"] == {"added": 8} and len(one.volumes_added) == 4
    assert two.changes["recordings"] == {"added": 1} and two.changes["artists"] == {}
    assert (two.files_added, two.audio_bytes_added, two.files_withdrawn) == (1, 500, 0)
    assert two.volumes_added == ["work-tier3-00005"] and two.previous == "one"
    assert three.changes["recordings"] == {"withdrawn": 1}
    assert (three.files_added, three.files_withdrawn) == (0, 1)
    assert three.audio_bytes_withdrawn == SONGS[0].size and three.volumes_dropped == []
    assert three.own_bytes_new is not None and 0 < three.own_bytes_new < (one.own_bytes_new or 0)


def test_a_recording_has_a_history(tree: Tree) -> None:
    history = read_history(tree, public_id(tree, 1))
    assert told(history) == [("one", "added"), ("one", "published"), ("three", "withdrawn")]
    assert SONGS[0].digest in history.events[1].detail and history.events[2].detail == "donor"
    assert read_history(tree, "1") == history
    assert told(read_history(tree, "9")) == [("two", "added"), ("two", "published")]


def test_a_volume_has_a_history(tree: Tree) -> None:
    history = read_history(tree, "work-tier1-00001")
    assert told(history) == [("one", "published"), ("three", "files-withdrawn")]
    assert history.events[1].detail == "1 of 1 files are withdrawn"


def test_what_the_edition_before_would_tell_is_not_guessed(tree: Tree, tmp_path: Path) -> None:
    alone = Tree(tmp_path)
    alone.editions.mkdir()
    alone.edition("three").symlink_to(tree.edition("three"))
    (three,) = read_lineage(alone)
    assert (three.files_withdrawn, three.volumes_dropped, three.own_bytes_new) == (None, None, None)
    assert told(read_history(alone, "work-tier1-00001")) == [
        ("three", "published"),
        ("three", "files-withdrawn"),
    ]


def test_a_merged_number_brings_its_history_along(tree: Tree, tmp_path: Path) -> None:

    copy = Tree(tmp_path)
    shutil.copytree(tree.editions, copy.editions)
    rows = [{"kind": "r", "old": 9, "new": 1}]
    place = copy.edition("three")
    write_table(
        place / "r.parquet", tables.REDIRECTS, [pa.Table.from_pylist(rows, tables.REDIRECTS)]
    )
    changed = [{"kind": "r", "number": 9, "change": "merged"}]
    write_table(
        place / "changes" / "changes.parquet", tables.CHANGES,
        [pa.Table.from_pylist(changed, tables.CHANGES)],
    )  # fmt: skip
    manifest = read_document(place / "edition.json", EditionManifest)
    shard = ShardFile(
        table="redirects", shard=0, layer="base", path="r.parquet", rows=1, bytes=1, sha256=""
    )
    write_document(
        place / "edition.json", msgspec.structs.replace(manifest, shards=[*manifest.shards, shard])
    )
    nine = read_history(copy, "9").events[-1]
    assert (nine.change, nine.detail) == ("merged", f"into {public_id(tree, 1)}")
    events = read_history(copy, "1").events
    assert [(e.edition, e.change) for e in events] == [
        ("one", "added"), ("one", "published"), ("two", "added"), ("two", "published"),
        ("three", "merged"),
    ]  # fmt: skip
    assert events[-1].detail.startswith(public_id(tree, 9))


def test_what_nobody_speaks_of_is_not_found(tree: Tree, tmp_path: Path) -> None:
    for wanted in ("99", "rzzzzzzzzz", "no-volume"):
        with pytest.raises(NotFoundError):
            read_history(tree, wanted)
    with pytest.raises(NotFoundError, match="no edition here"):
        read_lineage(Tree(tmp_path))


def test_the_command_tells_it(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lineage", str(tree.root)]) == ExitCode.OK
    text = capsys.readouterr().out
    assert "three" in text and "1 withdrawn" in text and "8 added" in text
    assert main(["lineage", str(tree.root), "1"]) == ExitCode.OK
    assert "withdrawn  donor" in capsys.readouterr().out
    assert main(["lineage", str(tree.root), "--json"]) == ExitCode.OK
    found = msgspec.json.decode(capsys.readouterr().out)
    assert [each["name"] for each in found] == ["one", "two", "three"]
    assert main(["lineage", str(tree.root), "99"]) == ExitCode.NOT_FOUND
