"""Foreign tables by a mapping file."""

import gzip
import io
import json
import shutil
import tarfile
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.errors import InputError
from phonotheque.sources.mapped_values import parse_path
from phonotheque.sources.mapping import mapped_reader, read_mapping
from phonotheque.sources.readers import Reader
from tests.support.blocks import GOLDEN_DUMPS, codes, golden, read_all, said

GOLDEN = GOLDEN_DUMPS / "mapping"
SONGS = GOLDEN / "songs.jsonl"
BASE = """
source = "s"
format = "{format}"
[columns]
source_key = "id"
title = "name"
artist_credit = "artist"
"""


def reader(folder: Path, text: str) -> Reader:
    (folder / "mapping.toml").write_text(text)
    return mapped_reader(read_mapping(folder / "mapping.toml"))


@pytest.fixture(scope="module")
def songs() -> Reader:
    return mapped_reader(read_mapping(GOLDEN / "songs.toml"))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mapping")


def test_json_is_read_to_the_rows_that_were_written_down(songs: Reader) -> None:
    rows, findings = read_all(songs, SONGS)
    assert [said(row) for row in rows] == golden("mapping/songs-rows.jsonl")
    assert codes(findings) == [("row.unreadable", 3)]
    assert (songs.name, songs.kind, songs.replaces) == ("quiet-shop", "rows", True)


def test_listens_without_a_header_line_are_read() -> None:
    counts = mapped_reader(read_mapping(GOLDEN / "listens.toml"))
    rows, findings = read_all(counts, GOLDEN / "listens.csv")
    assert rows == [
        {
            "row": 1,
            "key": "mbid:b1a9c0e9-d987-4042-ae91-78d6a3267d69",
            "listens": "12",
            "listeners": "3",
        },
        {
            "row": 2,
            "key": "mbid:b1a9c0e9-d987-4042-ae91-78d6a3267d70",
            "listens": "5",
            "listeners": None,
        },
    ]
    assert codes(findings) == [("row.unreadable", 3)]
    assert counts.kind == "listens"


@pytest.mark.parametrize("after", range(1, 5))
def test_reading_behind_some_records_gives_the_later_ones(songs: Reader, after: int) -> None:
    rows, findings = read_all(songs, SONGS)
    some, found = read_all(songs, SONGS, after)
    assert some == [row for row in rows if row["row"] > after]
    assert found == [finding for finding in findings if (finding.row or 0) > after]


def test_files_of_a_folder_and_members_of_a_tar_are_counted_through(
    songs: Reader, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        shutil.copy(SONGS, tmp_path / "folder" / name)
    (tmp_path / "folder" / "c.jsonl.gz").write_bytes(gzip.compress(SONGS.read_bytes()))
    with tarfile.open(tmp_path / "songs.tar.xz", "w:xz") as tar:
        for name in ("a", "b", "c"):
            tar.add(SONGS, f"{name}.jsonl")
    for path in (tmp_path / "folder", tmp_path / "songs.tar.xz"):
        rows, findings = read_all(songs, path)
        assert [row["row"] for row in rows] == [1, 2, 4, 5, 6, 8, 9, 10, 12]
        assert [finding.row for finding in findings] == [3, 7, 11]
        assert read_all(songs, path, 7)[0] == rows[5:]


def test_a_table_of_tabs_has_no_quotes(tmp_path: Path) -> None:
    tabs = reader(tmp_path, BASE.format(format="tsv"))
    (tmp_path / "t.tsv").write_text('\ufeffname\tid\tartist\n7" (live\tx1\t"Ann\n\nGare\tx2\n')
    rows, findings = read_all(tabs, tmp_path / "t.tsv")
    assert rows == [{"row": 1, "source_key": "x1", "title": '7" (live', "artist_credit": '"Ann'}]
    assert codes(findings) == [("row.unreadable", 2)]


def parquet_table() -> pa.Table:
    return pa.table(
        {
            "id": pa.array([1, 2, 3]),
            "name": ["a", "b", None],
            "artist": pa.array([{"name": "x"}, None, {"name": "z"}]),
            "when": pa.array([date(1999, 1, 2), None, date(2001, 2, 3)]),
            "tags": pa.array([["u", "v"], [], None]),
            "seconds": pa.array([1.5, None, 0.0]),
        }
    )


PARQUET = """
source = "p"
format = "parquet"
[columns]
source_key = "id"
title = "name"
artist_credit = "artist.name"
year = { from = "when", match = '^\\d{4}' }
genres = "tags"
duration_ms = { from = "seconds", unit = "s" }
"""


def test_parquet_is_read_by_columns_and_paths_into_them(tmp_path: Path) -> None:
    pq.write_table(parquet_table(), tmp_path / "t.parquet", row_group_size=1)
    table = reader(tmp_path, PARQUET)
    rows, findings = read_all(table, tmp_path / "t.parquet")
    assert not findings
    assert [tuple(row.values()) for row in rows] == [
        (1, "1", "a", "x", "1999", ["u", "v"], 1500),
        (2, "2", "b", None, None, None, None),
        (3, "3", None, "z", "2001", None, None),
    ]
    assert read_all(table, tmp_path / "t.parquet", 2)[0] == rows[2:]
    assert read_all(table, tmp_path / "t.parquet", 3) == ([], [])


def test_a_damaged_parquet_file_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    rows, findings = read_all(reader(tmp_path, PARQUET), tmp_path / "t.parquet")
    assert (rows, codes(findings)) == ([], [("file.unreadable", None)])


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_without_a_mapped_column_is_left_out_and_the_column_named(
    tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"t.{form}"
    if form == "csv":
        path.write_text("id,name\n1,a\n")
    else:
        pq.write_table(pa.table({"id": [1], "name": ["a"]}), path)
    rows, findings = read_all(reader(tmp_path, BASE.format(format=form)), path)
    assert (rows, codes(findings)) == ([], [("file.unreadable", None)])
    assert "artist" in findings[0].message
    assert "id, name" in findings[0].message


def test_a_cut_file_keeps_what_came_before(songs: Reader, tmp_path: Path) -> None:
    line = SONGS.read_bytes().splitlines()[0] + b"\n"
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(line * 5_000)[:-30])
    rows, findings = read_all(songs, tmp_path / "cut.jsonl.gz")
    assert len(rows) > 500
    assert codes(findings)[-1] == ("file.unreadable", None)


@pytest.mark.parametrize(
    ("unit", "written", "duration"),
    [
        ("s", "245.27", 245_270),
        ("ms", 12, 12),
        ("us", 2_000, 2),
        ("min", "1.5", 90_000),
        ("clock", "1:02:03", 3_723_000),
        ("clock", "4:05.5", 245_500),
        ("clock", "61", 61_000),
        ("s", "0", None),
        ("s", "long", "long"),
        ("clock", "x", "x"),
    ],
)
def test_units_become_milliseconds(
    tmp_path: Path, unit: str, written: Any, duration: int | str | None
) -> None:
    text = BASE.format(format="jsonl") + f'duration_ms = {{ from = "t", unit = "{unit}" }}\n'
    (tmp_path / "t.jsonl").write_text(json.dumps({"id": 1, "t": written}))
    assert read_all(reader(tmp_path, text), tmp_path / "t.jsonl")[0][0]["duration_ms"] == duration


def test_a_key_made_of_a_missing_part_is_missing(tmp_path: Path) -> None:
    text = BASE.format(format="jsonl").replace('"id"', '{ template = "{{x}}{album}-{id}" }')
    (tmp_path / "t.jsonl").write_text('{"id": 1}\n{"id": 2, "album": "b"}\n{"id": "", "album": 3}')
    rows, _ = read_all(reader(tmp_path, text), tmp_path / "t.jsonl")
    assert [row["source_key"] for row in rows] == [None, "{x}b-2", None]


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("a[0].b", ("a", 0, "b")),
        ("a[][1].b c", ("a", None, 1, "b c")),
    ],
)
def test_a_path_is_split_into_steps(path: str, steps: tuple[Any, ...]) -> None:
    assert parse_path(path) == steps


WRONG = [
    ('format = "csv"', "mapping.toml:1: source: is missing"),
    ('source = "S x"\nformat = "csv"', "mapping.toml:1: source: must be lower-case"),
    ('source = "s"\nformat = "xls"', "mapping.toml:2: format: must be one of"),
    ('source = "s"\nformat = "csv"\nkind = "x"', "mapping.toml:3: kind: must be one of"),
    ('source = "s"\nformat = "csv"\nsorce = "x"', "mapping.toml:3: sorce: is unknown"),
    ('source = "s"\nformat = "csv"\nreplaces = 1', "mapping.toml:3: replaces: must be true"),
    ('source = "s"\nformat = "jsonl"\ndelimiter = ";"', "mapping.toml:3: delimiter: means nothing"),
    ('source = "s"\nformat = "csv"\ndelimiter = ";;"', "mapping.toml:3: delimiter: must be one"),
    ('source = "s"\nformat = "csv"\nquote = ","', "mapping.toml:3: quote: must differ"),
    ('source = "s"\nformat = "csv"\nheader = "a"', "mapping.toml:3: header: must be a list"),
    ('source = "s"\nformat = "csv"', "mapping.toml:1: columns: is missing"),
    ('source = "s"\nformat = "csv"\n[columns]\ntitle = "a"', "columns: source_key is missing"),
    ("source = ", "is no mapping file"),
]
WRONG_COLUMNS = [
    ('titel = "x"', "columns.titel: is no column of rows"),
    ('year = { from = "a", value = 1 }', "columns.year: must have exactly one"),
    ('year = { form = "a" }', "columns.year: form is unknown"),
    ("year = 7", "columns.year: from must be"),
    ('year = { value = "7" }', "columns.year: value must be a number"),
    ("genres = { value = [7] }", "columns.genres: value must be a list of texts"),
    ('year = { from = "a", match = "(" }', "columns.year: match is no regular expression"),
    ('year = { from = "a", unit = "s" }', "columns.year: unit is for duration_ms only"),
    ('duration_ms = { from = "a", unit = "h" }', "columns.duration_ms: unit is for duration_ms"),
    ('label = { template = "x" }', "columns.label: template takes nothing"),
    ('label = { template = "{" }', "columns.label: template is none"),
    ('label = { template = "{a!r}" }', "columns.label: template is none"),
    ('label = { value = "x", split = ";" }', "columns.label: only what has a from"),
    ('isrcs = { from = "a", split = "" }', "columns.isrcs: split must be"),
    ('isrcs = { from = "a", empty = "x" }', "columns.isrcs: empty must be"),
    ('label = "a..b"', "columns.label: 'a..b' is no path"),
    ("label = [1]", "columns.label: from must begin with a name"),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_a_wrong_mapping_is_refused_with_line_and_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError) as error:
        reader(tmp_path, text)
    assert says in str(error.value)


@pytest.mark.parametrize(("line", "says"), WRONG_COLUMNS)
def test_a_wrong_column_is_refused_with_line_and_key(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(InputError) as error:
        reader(tmp_path, BASE.format(format="jsonl") + line)
    assert f"mapping.toml:8: {says}" in str(error.value)


def test_a_mapping_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.toml"):
        read_mapping(tmp_path / "no.toml")


def test_a_mapping_recognises_nothing_by_itself(songs: Reader) -> None:
    assert not songs.recognises(SONGS, SONGS.read_bytes())


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = ["name", "nr", "seconds", "artists", "album", "codes", "tags", "rights"]


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), TREES) | TREES, max_size=4))
def test_records_of_any_shape_are_accounted_for(
    songs: Reader, scratch: Path, records: list[Any]
) -> None:
    (scratch / "d.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    rows, findings = read_all(songs, scratch / "d.jsonl")
    numbers = [row["row"] for row in rows] + [finding.row or 0 for finding in findings]
    assert sorted(numbers) == list(range(1, len(records) + 1))
    for row in rows:
        assert all(isinstance(row[n], str | None) for n in ("source_key", "title", "licence"))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_a_table_without_a_crash(scratch: Path, data: bytes) -> None:
    table = reader(scratch, BASE.format(format="csv"))
    (scratch / "d.csv").write_bytes(b"id,name,artist\n" + data)
    rows, findings = read_all(table, scratch / "d.csv")
    numbers = [row["row"] for row in rows] + [f.row for f in findings if f.row]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


@given(st.integers(0, 300), st.binary(max_size=4))
def test_mangled_parquet_is_a_finding_or_rows(scratch: Path, place: int, new: bytes) -> None:
    whole = io.BytesIO()
    pq.write_table(parquet_table(), whole)
    data = whole.getvalue()
    place = len(data) - 300 + place
    (scratch / "d.parquet").write_bytes(data[:place] + new + data[place + len(new) :])
    read_all(reader(scratch, PARQUET), scratch / "d.parquet")


def test_netlabel_tracks_are_read_by_a_mapping_as_well(tmp_path: Path, shared_data: Path) -> None:
    tracks = reader(
        tmp_path,
        """
        source = "freemusi"
        format = "csv"
        [columns]
        source_key = { template = "{id}/{disc}-{track}" }
        title = "title"
        artist_credit = "trackartist"
        release_key = "id"
        disc = { from = "disc", empty = ["0"] }
        position = "track"
        duration_ms = { from = "duration", unit = "s" }
        """,
    )
    rows, findings = read_all(tracks, shared_data / "freemusi" / "tracks.csv")
    assert (len(rows), findings) == (21_502, [])
    assert sum(row["title"] is None for row in rows) == 20
    assert sum(row["duration_ms"] or 0 for row in rows) == 5_909_406_000
