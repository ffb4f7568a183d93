"""Walking folders, reading tags, rows and listens."""

import gzip
import os
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phonotheque.model.errors import InputError
from phonotheque.model.findings import Finding, FindingCode
from phonotheque.model.tables import LISTENS, ROWS
from phonotheque.sources import (
    AudioFile,
    OtherFile,
    check_listens_file,
    check_rows_file,
    is_listens_file,
    iter_folder,
    iter_made,
    known_readers,
    maker_of,
    plan_folder,
    reader_named,
)
from phonotheque.sources.listens import parse_listens_key
from phonotheque.sources.records import read_columns

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MBID = "b1a9c0e9-d987-4042-ae91-78d6a3267d69"


def understand(raw: str) -> str | None:
    return "CC0-1.0" if raw == "CC0" else None


def made(reader: str, path: Path, schema: pa.Schema) -> tuple[list[dict], list[Finding]]:
    maker = maker_of(reader, "s", path.name, understand, NOW)
    found = list(iter_made(reader_named(reader), path, 0, maker))
    batches = [batch for batch, _ in found if batch is not None]
    findings = [finding for _, some in found for finding in some]
    return pa.Table.from_batches(batches, schema).to_pylist(), findings


def rows_of(path: Path) -> tuple[list[dict], list[Finding]]:
    return made("rows", path, ROWS)


def listens_of(path: Path) -> tuple[list[dict], list[Finding]]:
    return made("listens", path, LISTENS)


def test_a_folder_is_walked_in_the_order_of_its_keys(tmp_path: Path) -> None:
    for name in ("b.ogg", "a/z.ogg", "a.ogg", "a-b/x.ogg", "a/readme.txt", "._a.ogg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    keys = [f.key for f in iter_folder(tmp_path) if isinstance(f, AudioFile)]
    assert keys == sorted(keys) == ["a-b/x.ogg", "a.ogg", "a/z.ogg", "b.ogg"]
    others = [f.key for f in iter_folder(tmp_path) if isinstance(f, OtherFile)]
    assert others == ["._a.ogg", "a/readme.txt"]
    size = plan_folder(tmp_path)
    assert (size.audio_files, size.audio_bytes, size.other_files) == (4, 4, 2)


def test_keys_are_composed_unicode_and_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / unicodedata.normalize("NFD", "é.ogg")).write_bytes(b"")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.ogg"))).write_bytes(b"")
    found = list(iter_folder(tmp_path))
    assert [f.key for f in found if isinstance(f, AudioFile)] == ["é.ogg"]
    (finding,) = [f for f in found if isinstance(f, Finding)]
    assert finding.code is FindingCode.FILE_UNPORTABLE_NAME
    assert finding.where == "\\xff.ogg"


def test_links_out_of_the_folder_are_refused_and_links_to_folders_not_followed(
    tmp_path: Path,
) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.ogg").write_bytes(b"x")
    (inside / "b.ogg").symlink_to(outside / "a.ogg")
    (inside / "c.ogg").symlink_to("a.ogg")
    (inside / "d.ogg").symlink_to("nothing")
    (inside / "loop").symlink_to(inside)
    found = list(iter_folder(inside))
    assert [f.key for f in found if isinstance(f, AudioFile)] == ["a.ogg", "c.ogg"]
    refused = [f.where for f in found if isinstance(f, Finding)]
    assert refused == ["b.ogg", "d.ogg"]
    assert {f.code for f in found if isinstance(f, Finding)} == {FindingCode.FILE_UNREADABLE}


CSV = (
    "Source_Key,title,artist_credit,release_title,year,duration_ms,isrcs,recording_mbid,licence,x\n"
    f"1,Café,Ärtist,Album,2001,180000,USRC17607839;bad,{MBID},CC0,?\n"
    "2,,Somebody,,,,,,,\n"
    ",T,A,,,,,,,\n"
    "3,T,A\n"
    "\n"
    "4,T,A,,soon,-1,ISRC US-RC1-76-07839,nonsense,,\n"
)


def test_rows_are_read_and_every_fault_names_its_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(CSV)
    assert check_rows_file(path) == ["x"]
    rows, findings = rows_of(path)
    first, last = rows
    assert (first["source_key"], first["artist_norm"], first["release_norm"]) == (
        "1",
        "artist",
        "album",
    )
    assert (first["isrcs"], first["isrcs_raw"]) == (["USRC17607839"], ["USRC17607839", "bad"])
    assert (first["year"], first["duration_ms"], first["recording_mbid"]) == (2001, 180000, MBID)
    assert [(e["claim"], e["value"], e["kind"]) for e in first["evidence"]] == [
        ("licence", "CC0-1.0", "catalogue")
    ]
    assert (first["origin"], first["origin_row"]) == ("rows.csv", 1)
    assert (last["source_key"], last["origin_row"], last["isrcs"]) == ("4", 5, ["USRC17607839"])
    assert (last["year"], last["duration_ms"], last["recording_mbid"]) == (None, None, None)
    assert sorted((f.code, f.row) for f in findings) == sorted(
        [
            (FindingCode.ISRC_MALFORMED, 1),
            (FindingCode.ROW_NO_TITLE, 2),
            (FindingCode.ROW_NO_KEY, 3),
            (FindingCode.ROW_UNREADABLE, 4),
            (FindingCode.ROW_BAD_NUMBER, 5),
            (FindingCode.ROW_BAD_NUMBER, 5),
            (FindingCode.ROW_BAD_NUMBER, 5),
        ]
    )


def test_codes_that_are_fillers_or_of_unknown_origin_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"source_key":"1","title":"T","artist_credit":"A","isrcs":["AAAAA0000000","OORC17607839"]}\n'
    )
    rows, findings = rows_of(path)
    assert rows[0]["isrcs"] == ["OORC17607839"]
    assert {f.code for f in findings} == {
        FindingCode.ISRC_PLACEHOLDER,
        FindingCode.ISRC_UNKNOWN_PREFIX,
    }


def test_json_lines_and_parquet_give_the_same_rows_as_csv(tmp_path: Path) -> None:
    values = {"source_key": "1", "title": "T", "artist_credit": "A", "year": 2001}
    (tmp_path / "a.csv").write_text("source_key,title,artist_credit,year\n1,T,A,2001\n")
    (tmp_path / "a.jsonl").write_text(
        '{"Source_Key": 1, "title": "T", "artist_credit": "A", "year": 2001}\n'
    )
    pq.write_table(pa.Table.from_pylist([values]), tmp_path / "a.parquet")
    read = [rows_of(tmp_path / f"a.{end}")[0] for end in ("csv", "jsonl", "parquet")]
    for rows in read:
        for row in rows:
            row.pop("origin")
    assert read[0] == read[1] == read[2]


def test_compressed_files_are_read_and_a_cut_one_up_to_the_cut(tmp_path: Path) -> None:
    text = "source_key,title,artist_credit\n" + "".join(f"{i},T{i},A\n" for i in range(3_000))
    whole, cut = tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"
    whole.write_bytes(gzip.compress(text.encode()))
    cut.write_bytes(whole.read_bytes()[:-500])
    zstd = tmp_path / "a.csv.zst"
    zstd.write_bytes(pa.Codec("zstd").compress(text.encode(), asbytes=True))
    assert len(rows_of(whole)[0]) == len(rows_of(zstd)[0]) == 3_000
    rows, findings = rows_of(cut)
    assert 0 < len(rows) < 3_000
    assert [f.code for f in findings] == [FindingCode.FILE_UNREADABLE]


def test_broken_json_and_bytes_that_are_no_text_are_refused_by_row(tmp_path: Path) -> None:
    lines = tmp_path / "a.jsonl"
    good = b'{"source_key":"1","title":"T","artist_credit":"A"}\n'
    lines.write_bytes(good + b"{broken\n" + b'"text"\n' + good.replace(b'"1"', b'"2"'))
    rows, findings = rows_of(lines)
    assert [r["origin_row"] for r in rows] == [1, 4]
    assert [(f.code, f.row) for f in findings] == [
        (FindingCode.ROW_UNREADABLE, 2),
        (FindingCode.ROW_UNREADABLE, 3),
    ]
    table = tmp_path / "a.csv"
    table.write_bytes(b"source_key,title,artist_credit\n1,\xff,A\n2,T,A\n")
    rows, findings = rows_of(table)
    assert [r["source_key"] for r in rows] == ["2"]
    assert [(f.code, f.row) for f in findings] == [(FindingCode.ROW_UNREADABLE, 1)]


def test_a_file_without_its_columns_or_of_no_known_form_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("title,artist\nT,A\n")
    with pytest.raises(InputError, match="source_key"):
        check_rows_file(path)
    with pytest.raises(InputError, match="key, listens"):
        check_listens_file(path)
    with pytest.raises(InputError, match="no reader knows it"):
        read_columns(tmp_path / "a.doc")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("USRC17607839", ("isrc", "USRC17607839")),
        ("isrc:us-rc1-76-07839", ("isrc", "USRC17607839")),
        (f"mbid:{MBID}", ("mbid", MBID)),
        ("source:debian-music:a/b:c.ogg", ("source", "debian-music:a/b:c.ogg")),
        ("r7k2m9qx4d", ("public_id", "r7k2m9qx4d")),
        ("", None),
        ("mbid:nonsense", None),
        ("source:x", None),
        ("nonsense", None),
    ],
)
def test_keys_of_listens_are_understood(text: str, key: tuple[str, str] | None) -> None:
    assert parse_listens_key(text) == key


def test_listens_are_read_and_faults_name_their_row(tmp_path: Path) -> None:
    path = tmp_path / "listens.csv"
    path.write_text(
        "key,listens,listeners\nUSRC17607839,10,3\nnonsense,1,\nsource:a:b,5,\nsource:a:c,-5,\n"
    )
    assert is_listens_file(path)
    rows, findings = listens_of(path)
    assert rows == [
        {"key_kind": "isrc", "key": "USRC17607839", "listens": 10, "listeners": 3},
        {"key_kind": "source", "key": "a:b", "listens": 5, "listeners": None},
    ]
    assert [(f.code, f.row) for f in findings] == [
        (FindingCode.ROW_NO_KEY, 2),
        (FindingCode.ROW_BAD_NUMBER, 4),
    ]


def test_a_real_catalogue_of_netlabel_music_is_read_whole(
    shared_data: Path, tmp_path: Path
) -> None:
    text = (shared_data / "freemusi" / "tracks.csv").read_text()
    header, body = text.split("\n", 1)
    names = header.split(",")
    names[names.index("trackartist")] = "artist_credit"
    names[names.index("trackurl")] = "source_key"
    path = tmp_path / "tracks.csv"
    path.write_text(",".join(names) + "\n" + body)
    rows, findings = rows_of(path)
    assert len(rows) + sum(f.severity == "error" for f in findings) >= 21_502
    assert len(rows) > 21_000


@pytest.mark.parametrize(
    "head", [b'PAR1\x15\r\x00\x15\xff, "a\r b', b"a\r,b\n", b'"\r"x\r\n', b"\x00,\x00\n"]
)
def test_no_reader_stumbles_over_the_beginning_of_a_file_it_does_not_know(
    tmp_path: Path, head: bytes
) -> None:
    for name in ("tracks.csv", "a.parquet", "a.tsv", "a.json", "a"):
        path = tmp_path / name
        path.write_bytes(head)
        for reader in known_readers.READERS:
            assert reader.recognises(path, head) in (True, False)
