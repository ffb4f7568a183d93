"""The readers of MusicBrainz's dumps, on dumps made by hand and at random."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.model.tables import ROWS
from phonotheque.sources import musicbrainz_documents, musicbrainz_releases
from phonotheque.sources.musicbrainz import (
    MUSICBRAINZ_ARTIST,
    MUSICBRAINZ_RECORDING,
    MUSICBRAINZ_REDIRECTS,
    MUSICBRAINZ_RELEASE,
)
from phonotheque.sources.musicbrainz_documents import year_of
from phonotheque.sources.readers import Reader
from phonotheque.sources.records import Block
from phonotheque.sources.streams import read_head
from tests.sources.dumps import COMPRESSIONS, GOLDEN, as_golden, lines_of, read_all, tar_of

MADE = GOLDEN / "musicbrainz"
READERS = {
    "release": MUSICBRAINZ_RELEASE,
    "recording": MUSICBRAINZ_RECORDING,
    "artist": MUSICBRAINZ_ARTIST,
    "recording_redirect.csv": MUSICBRAINZ_REDIRECTS,
}
BY_ENTITY = {name: reader for name, reader in READERS.items() if "." not in name}
OTHERS = {"TIMESTAMP": b"2026-11-01", "COPYING": b"CC0\n" * 900, "SCHEMA_SEQUENCE": b"30\n"}
ID = "00000000-0000-4000-8000-{:012d}"


def a_release(number: int, tracks: int) -> dict[str, Any]:
    credit = [{"name": "Somebody", "joinphrase": "", "artist": {"id": ID.format(7), "name": "S"}}]
    return {
        "id": ID.format(number),
        "title": f"Release {number}",
        "artist-credit": credit,
        "media": [
            {
                "position": 1,
                "tracks": [
                    {"id": ID.format(number * 1_000 + t), "position": t, "title": f"Track {t}"}
                    for t in range(1, tracks + 1)
                ],
            }
        ],
    }


@pytest.mark.parametrize("name", READERS)
def test_dumps_give_the_rows_and_findings_that_were_checked_by_hand(name: str) -> None:
    expected = (MADE / f"{name}.expected").read_text()
    assert as_golden(*read_all(READERS[name], MADE / name)) == expected


@pytest.mark.parametrize(
    ("status", "date", "claim"),
    [
        ("Official", "1925-05", [("published", "..1925")]),
        ("Bootleg", "1969", [("fixed", "..1969")]),
        (None, "1925", [("fixed", "..1925")]),
        ("Official", "1999-01-01", []),
        ("Official", None, []),
    ],
)
def test_only_an_official_release_says_by_when_it_was_published(
    tmp_path: Path, status: str | None, date: str | None, claim: list[tuple[str, str]]
) -> None:
    path = tmp_path / "release"
    path.write_bytes(json.dumps(a_release(1, 1) | {"status": status, "date": date}).encode())
    ((row,), _) = read_all(MUSICBRAINZ_RELEASE, path)
    assert [(c["claim"], c["value"]) for c in row["claims"] or ()] == claim


@pytest.mark.parametrize("how", COMPRESSIONS)
@pytest.mark.parametrize("name", BY_ENTITY)
def test_an_archive_of_any_compression_gives_what_its_member_gives(
    tmp_path: Path, how: str, name: str
) -> None:
    archive = tmp_path / "dump"
    content = (MADE / name).read_bytes()
    archive.write_bytes(COMPRESSIONS[how](tar_of({**OTHERS, f"mbdump/{name}": content})))
    assert READERS[name].recognises(archive, read_head(archive))
    rows, findings = read_all(READERS[name], archive)
    expected_rows, expected = read_all(READERS[name], MADE / name)
    assert rows == expected_rows
    assert [(f.code, f.row) for f in findings] == [(f.code, f.row) for f in expected]


@pytest.mark.parametrize("name", READERS)
def test_each_dump_is_recognised_by_its_own_reader_alone(name: str) -> None:
    head = read_head(MADE / name)
    found = [known for known, reader in READERS.items() if reader.recognises(MADE / name, head)]
    assert found == [name]


@pytest.mark.parametrize("head", [b"", b"{}", b"\0" * 600, b"id,title\n", b'{"media":[]}'])
def test_other_files_are_not_recognised(tmp_path: Path, head: bytes) -> None:
    assert not any(r.recognises(tmp_path / "song.jsonl", head) for r in READERS.values())


@pytest.mark.parametrize("name", READERS)
def test_reading_goes_on_behind_any_record_as_if_it_had_not_stopped(name: str) -> None:
    reader, path = READERS[name], MADE / name
    rows, findings = read_all(reader, path)
    for after in range(8):
        later_rows, later = read_all(reader, path, after)
        assert later_rows == [row for row in rows if row["row"] > after]
        assert later == [f for f in findings if f.row is None or f.row > after]


@pytest.mark.parametrize("how", ["plain", "gz", "xz", pytest.param("zst", marks=pytest.mark.full)])
def test_what_came_before_a_cut_is_kept_and_the_cut_is_found(tmp_path: Path, how: str) -> None:
    whole = lines_of(
        a_release(number, 2) | {"barcode": sha256(b"%d" % number).hexdigest()}
        for number in range(1, 60)
    )
    tar = tar_of({"mbdump/release": whole})
    parts = [tar] if how == "plain" else [tar[at : at + 4_000] for at in range(0, len(tar), 4_000)]
    archive = b"".join(COMPRESSIONS[how](part) for part in parts)
    expected, _ = read_all(MUSICBRAINZ_RELEASE, _written(tmp_path / "whole", archive))
    path = tmp_path / "cut"
    most = 0
    for cut in range(600, len(archive) - 9_000 * (how == "plain"), 100):
        path.write_bytes(archive[:cut])
        rows, findings = read_all(MUSICBRAINZ_RELEASE, path)
        assert rows == expected[: len(rows)]
        assert findings[-1].code is FindingCode.FILE_UNREADABLE
        assert len(rows) >= most
        most = len(rows)
        if how == "plain":
            assert len(rows) == 2 * whole[: cut - 512].count(b"\n")
    assert most > 0


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_an_archive_without_the_member_says_what_is_missing(tmp_path: Path) -> None:
    path = _written(tmp_path / "dump.tar", tar_of({"mbdump/label": b"{}\n"}))
    rows, [finding] = read_all(MUSICBRAINZ_RELEASE, path)
    assert not rows
    assert finding.code is FindingCode.FILE_UNKNOWN_FORMAT
    assert "mbdump/release" in finding.message


def test_a_document_that_is_too_long_is_refused_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(musicbrainz_documents, "MAX_LINE_BYTES", 4_000)
    whole = lines_of([a_release(1, 2), a_release(2, 200), a_release(3, 2)])
    rows, [finding] = read_all(MUSICBRAINZ_RELEASE, _written(tmp_path / "release", whole))
    assert [row["row"] for row in rows] == [1, 1, 3, 3]
    assert (finding.code, finding.row) == (FindingCode.ROW_UNREADABLE, 2)


def test_a_release_stands_in_one_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musicbrainz_releases, "BLOCK_ROWS", 10)
    sizes = [3, 4, 5, 12, 1, 9, 1]
    whole = lines_of(a_release(number, tracks) for number, tracks in enumerate(sizes, 1))
    path = _written(tmp_path / "release", whole)
    blocks = [b for b in MUSICBRAINZ_RELEASE.iter_blocks(path, 0) if isinstance(b, Block)]
    assert [len(block.rows) for block in blocks] == [7, 5, 12, 10, 1]


def test_the_credits_are_a_column_of_the_table_of_rows() -> None:
    [block] = [
        b for b in MUSICBRAINZ_RELEASE.iter_blocks(MADE / "release", 0) if isinstance(b, Block)
    ]
    artists: Any = block.columns["artists"]
    assert artists.type == ROWS.field("artists").type
    artists.validate(full=True)


def test_a_deeply_nested_document_is_refused_and_nothing_breaks(tmp_path: Path) -> None:
    deep = b'{"id":"x","relations":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    path = _written(tmp_path / "release", deep + lines_of([a_release(1, 1)]))
    rows, [finding] = read_all(MUSICBRAINZ_RELEASE, path)
    assert finding.row == 1
    assert [row["row"] for row in rows] == [2]


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("1999", 1999),
        ("1999-05-31", 1999),
        ("????-12", None),
        ("", None),
        (None, None),
        ("19", None),
    ],
)
def test_the_year_of_a_date_is_its_first_part(date: str | None, year: int | None) -> None:
    assert year_of(date) == year


# ------------------------------------------------------------------------------------ redirects


def test_folders_and_binary_files_are_no_tables_of_merged_ids(tmp_path: Path) -> None:
    for head in (b"", b"PAR1\0\0", tar_of({"mbdump/recording_gid_redirect": b"x"})):
        assert not MUSICBRAINZ_REDIRECTS.recognises(tmp_path / "redirects", head)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("release_redirect.tsv", "{0}\t{1}\n", [("release", 0, 1)]),
        ("redirects.csv", "new,old,entity\n{0},{1},artist\n", [("artist", 1, 0)]),
        ("recording-gid-redirect", '"gid","merged_into"\r\n"{0}","{1}"\r\n', [("recording", 0, 1)]),
    ],
)
def test_merged_ids_are_read_with_and_without_a_header(
    tmp_path: Path, name: str, content: str, expected: list[tuple[str, int, int]]
) -> None:
    ids = [ID.format(1), ID.format(2)]
    path = _written(tmp_path / name, content.format(*ids).encode())
    rows, findings = read_all(MUSICBRAINZ_REDIRECTS, path)
    assert not findings
    assert [(row["entity"], row["old"], row["new"]) for row in rows] == [
        (entity, ids[old], ids[new]) for entity, old, new in expected
    ]


@pytest.mark.parametrize(
    "name", ["canonical_recording_redirect.csv", "redirects.csv", "release_group_redirect.csv"]
)
def test_a_table_that_is_no_table_of_merged_recordings_is_refused(
    tmp_path: Path, name: str
) -> None:
    path = _written(tmp_path / name, f"{ID.format(1)},{ID.format(2)}\n".encode())
    rows, [finding] = read_all(MUSICBRAINZ_REDIRECTS, path)
    assert not rows
    assert finding.code is FindingCode.FILE_UNKNOWN_FORMAT


# -------------------------------------------------------------------------------------- random

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
RARELY = st.integers(0, 30)


def or_anything(likely: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return RARELY.flatmap(lambda n: ANYTHING if n == 0 else likely)


def documents(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = {name.replace("_", "-"): or_anything(value) for name, value in fields.items()}
    return or_anything(st.fixed_dictionaries({}, optional=named))


TEXT = st.none() | st.text(max_size=8)
NUMBER = st.none() | st.integers(0, 9) | st.floats(0, 1e6)
MBID = st.integers(0, 99).map(ID.format)
CREDITS = st.lists(
    documents(name=TEXT, joinphrase=TEXT, artist=documents(id=MBID, name=TEXT)), max_size=3
)
GENRES = st.lists(documents(name=TEXT, count=NUMBER), max_size=2)
RECORDINGS = documents(
    id=MBID, title=TEXT, length=NUMBER, isrcs=st.lists(TEXT, max_size=2), artist_credit=CREDITS,
    video=st.booleans(), first_release_date=st.sampled_from(["", "1999", "????-01", None]),
)  # fmt: skip
TRACKS = documents(
    id=MBID, number=TEXT, position=st.integers(0, 9), title=TEXT, length=NUMBER,
    recording=RECORDINGS, artist_credit=CREDITS,
)  # fmt: skip
MEDIA = documents(
    position=st.integers(0, 9), tracks=st.lists(TRACKS, max_size=3), pregap=TRACKS,
    data_tracks=st.lists(TRACKS, max_size=1),
)  # fmt: skip
RELEASES = documents(
    id=MBID, title=TEXT, barcode=TEXT, date=TEXT, country=TEXT, artist_credit=CREDITS,
    release_group=documents(id=MBID, genres=GENRES), genres=GENRES,
    label_info=st.lists(documents(label=documents(name=TEXT)), max_size=2),
    media=st.lists(MEDIA, max_size=2),
)  # fmt: skip
ARTISTS = documents(
    id=MBID, name=TEXT, sort_name=TEXT, aliases=st.lists(documents(name=TEXT), max_size=3)
)
STRATEGIES = {"release": RELEASES, "recording": RECORDINGS, "artist": ARTISTS}


@pytest.mark.parametrize("name", BY_ENTITY)
@given(data=st.data())
def test_every_random_document_becomes_rows_or_a_finding(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    written = data.draw(st.lists(STRATEGIES[name], min_size=1, max_size=5))
    path = _written(tmp_path_factory.mktemp("random") / name, lines_of(written))
    check_all_accounted(BY_ENTITY[name], path, len(written))


@given(lines=st.lists(st.binary(max_size=80), max_size=6), name=st.sampled_from(list(READERS)))
def test_random_bytes_never_break_a_reader(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], name: str
) -> None:
    path = _written(tmp_path_factory.mktemp("bytes") / name, b"\n".join(lines))
    rows, findings = read_all(READERS[name], path)
    assert all(f.severity in Severity for f in findings)
    for row in rows:
        assert row["row"] >= 1


def check_all_accounted(reader: Reader, path: Path, count: int) -> None:
    rows, findings = read_all(reader, path)
    told = {row["row"] for row in rows} | {finding.row for finding in findings}
    assert told == set(range(1, count + 1))
    for column in (r.get("artists") for r in rows):
        assert column is None or pa.array([column]) is not None


def test_finding_codes_of_this_reader_are_informative_where_nothing_is_wrong() -> None:
    _, findings = read_all(MUSICBRAINZ_RELEASE, MADE / "release")
    severities = {finding.code: finding.severity for finding in findings}
    assert severities == {
        FindingCode.ROW_VIDEO: Severity.INFO,
        FindingCode.ROW_NO_TRACKS: Severity.INFO,
        FindingCode.ROW_UNREADABLE: Severity.ERROR,
    }
    assert all(isinstance(finding, Finding) for finding in findings)
