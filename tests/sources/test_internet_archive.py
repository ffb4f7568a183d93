"""Items of the Internet Archive: two XML files or one JSON document each."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.sources.internet_archive import INTERNET_ARCHIVE
from phonotheque.sources.streams import read_head
from tests.support.blocks import GOLDEN_DUMPS, codes, golden, read_all, said

GOLDEN = GOLDEN_DUMPS / "internet-archive"
ITEMS = GOLDEN / "items"
MEMBERS = sorted(path for path in ITEMS.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("items")


def packed(paths: list[Path], target: Path, mode: str = "w:gz") -> Path:
    with tarfile.open(target, mode) as tar:  # type: ignore[call-overload]
        for path in paths:
            tar.add(path, path.relative_to(ITEMS).as_posix())
    return target


def test_a_folder_of_items_is_read_to_the_rows_that_were_written_down() -> None:
    rows, findings = read_all(INTERNET_ARCHIVE, ITEMS)
    assert [said(row) for row in rows] == golden("internet-archive/rows.jsonl")
    assert codes(findings) == [
        ("row.unreadable", 1),  # alone_meta.xml
        ("row.no-key", 4),
        ("row.unreadable", 5),
        ("row.no-tracks", 8),
        ("row.unreadable", 9),  # widow_files.xml
    ]


@pytest.mark.parametrize("after", range(1, 10))
def test_reading_behind_some_items_gives_the_later_ones(after: int) -> None:
    rows, findings = read_all(INTERNET_ARCHIVE, ITEMS)
    some, found = read_all(INTERNET_ARCHIVE, ITEMS, after)
    assert some == [row for row in rows if row["row"] > after]
    assert found == [finding for finding in findings if (finding.row or 0) > after]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_tar_gives_the_same_rows_in_whatever_order_its_members_lie(
    tmp_path: Path, backwards: bool
) -> None:
    xml = [path for path in MEMBERS if path.suffix in (".xml", ".json")]
    tar = packed(xml[::-1] if backwards else xml, tmp_path / "items.tar.gz")
    rows, findings = read_all(INTERNET_ARCHIVE, tar)
    expected = [
        row for row in golden("internet-archive/rows.jsonl") if "line-" not in row["source_key"]
    ]
    keys = sorted(row["source_key"] for row in rows)
    assert keys == sorted(row["source_key"] for row in expected)
    assert sorted(f.code.value for f in findings) == ["row.no-tracks"] + ["row.unreadable"] * 2


def test_a_cut_tar_keeps_what_came_before(tmp_path: Path) -> None:
    paths = [p for p in MEMBERS if "nt01" in p.name] + [ITEMS / "api.json"]
    whole = packed(paths, tmp_path / "a.tar", "w").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: whole.index(b'"created"')])
    rows, findings = read_all(INTERNET_ARCHIVE, tmp_path / "cut.tar")
    assert {row["release_key"] for row in rows} == {"nt01"}
    assert codes(findings) == [("file.unreadable", None)]


@pytest.mark.parametrize("name", ["api.json", "more.jsonl"])
def test_files_of_json_are_read_by_themselves(name: str) -> None:
    rows, _ = read_all(INTERNET_ARCHIVE, ITEMS / name)
    assert len(rows) == 2


def test_one_document_a_line_is_read_whatever_the_ending(tmp_path: Path) -> None:
    shutil.copy(ITEMS / "more.jsonl", tmp_path / "more.json")
    assert (
        read_all(INTERNET_ARCHIVE, tmp_path / "more.json")[0]
        == (read_all(INTERNET_ARCHIVE, ITEMS / "more.jsonl")[0])
    )


def test_folder_tar_and_json_are_recognised(tmp_path: Path) -> None:
    tar = packed([p for p in MEMBERS if "nt01" in p.name], tmp_path / "a.tar.gz")
    for path in (ITEMS / "api.json", ITEMS / "more.jsonl", tar):
        assert INTERNET_ARCHIVE.recognises(path, read_head(path))
    assert INTERNET_ARCHIVE.recognises(ITEMS, b"")
    assert INTERNET_ARCHIVE.recognises(ITEMS / "nt01", b"")


def test_other_folders_and_files_are_not_recognised(tmp_path: Path) -> None:
    assert not INTERNET_ARCHIVE.recognises(tmp_path, b"")
    assert not INTERNET_ARCHIVE.recognises(GOLDEN_DUMPS / "netlabels", b"")
    assert not INTERNET_ARCHIVE.recognises(tmp_path / "a.jsonl", b'{"metadata": {}, "title": "x"}')


def test_a_folder_with_audio_in_it_is_left_to_those_who_read_audio(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ITEMS, tmp_path / "items"))
    (folder / "nt01" / "01 - Gare.flac").write_bytes(b"fLaC")
    assert not INTERNET_ARCHIVE.recognises(folder, b"")


def test_an_item_that_declares_a_document_type_is_left_out(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE m [<!ENTITY a "aaaa">]><metadata><identifier>&a;</identifier></metadata>'
    (tmp_path / "x_meta.xml").write_text(bomb)
    (tmp_path / "x_files.xml").write_text("<files/>")
    rows, findings = read_all(INTERNET_ARCHIVE, tmp_path)
    assert (rows, codes(findings)) == ([], [("row.unreadable", 1)])


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    metadata=st.dictionaries(st.sampled_from(["identifier", "creator", "date", "title"]), TREES),
    files=st.lists(
        st.dictionaries(st.sampled_from(["name", "source", "length", "track", "title"]), TREES)
        | TREES,
        max_size=3,
    ),
)
def test_documents_of_any_shape_are_accounted_for(
    scratch: Path, metadata: dict[str, object], files: list[object]
) -> None:
    (scratch / "d.jsonl").write_text(json.dumps({"metadata": metadata, "files": files}) + "\n")
    rows, findings = read_all(INTERNET_ARCHIVE, scratch / "d.jsonl")
    assert {row["row"] for row in rows} ^ {finding.row for finding in findings} == {1}


@given(st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=4)), max_size=6))
def test_a_mangled_tar_is_read_and_never_crashes(
    scratch: Path, edits: list[tuple[int, bytes]]
) -> None:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for path in MEMBERS:
            tar.add(path, path.relative_to(ITEMS).as_posix())
    data = whole.getvalue()
    for place, new in edits:
        data = data[:place] + new + data[place + len(new) :]
    (scratch / "d.tar").write_bytes(data)
    read_all(INTERNET_ARCHIVE, scratch / "d.tar")
