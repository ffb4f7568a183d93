"""The dumps of Discogs: releases by track, artists, masters."""

import gzip
import random
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.sources.discogs import DISCOGS_ARTISTS, DISCOGS_MASTERS, DISCOGS_RELEASES
from phonotheque.sources.discogs_credits import plain_name
from phonotheque.sources.discogs_positions import Places, parse_duration
from phonotheque.sources.discogs_releases import release_rows
from phonotheque.sources.readers import Reader
from phonotheque.sources.streams import read_head
from tests.support.blocks import GOLDEN_DUMPS, codes, golden, made, read_all, said

GOLDEN = GOLDEN_DUMPS / "discogs"
READERS = {"releases": DISCOGS_RELEASES, "artists": DISCOGS_ARTISTS, "masters": DISCOGS_MASTERS}
DUMP = (GOLDEN / "releases.xml").read_bytes()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("discogs")


@pytest.mark.parametrize("name", READERS)
def test_a_dump_is_read_to_the_rows_that_were_written_down(name: str) -> None:
    rows, _ = read_all(READERS[name], GOLDEN / f"{name}.xml")
    assert [said(row) for row in rows] == golden(f"discogs/{name}.jsonl")


def test_every_release_that_gives_no_row_is_found_with_its_number() -> None:
    _, findings = read_all(DISCOGS_RELEASES, GOLDEN / "releases.xml")
    assert codes(findings) == [
        ("isrc.no-track", 1),
        ("row.no-tracks", 3),
        ("row.no-key", 4),
        ("row.unreadable", 5),
    ]


def test_links_to_other_services_are_not_kept() -> None:
    rows, findings = read_all(DISCOGS_RELEASES, GOLDEN / "releases.xml")
    assert "example" not in repr(rows) + repr(findings)


@pytest.mark.parametrize("after", range(7))
def test_reading_behind_some_releases_gives_what_reading_all_gives_of_the_later(after: int) -> None:
    rows, findings = read_all(DISCOGS_RELEASES, GOLDEN / "releases.xml")
    some, found = read_all(DISCOGS_RELEASES, GOLDEN / "releases.xml", after)
    assert some == [row for row in rows if row["row"] > after]
    assert found == [finding for finding in findings if (finding.row or 0) > after]


@pytest.mark.parametrize("name", READERS)
def test_each_dump_is_recognised_by_its_own_reader_only(name: str) -> None:
    path = GOLDEN / f"{name}.xml"
    head = read_head(path)
    assert [n for n, reader in READERS.items() if reader.recognises(path, head)] == [name]


def test_other_xml_is_not_recognised() -> None:
    assert not any(r.recognises(Path("x.xml"), b"<metadata><a/>") for r in READERS.values())


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("4", (None, 4, None)),
        ("07", (None, 7, None)),
        ("1-05", (1, 5, None)),
        ("CD2-3", (2, 3, "CD2-3")),
        ("1-9a", (1, 9, "1-9a")),
        ("DVD-4", (None, 4, "DVD-4")),
        ("A", (1, 1, "A")),
        ("B2", (1, 1, "B2")),
        ("D1", (2, 1, "D1")),
        ("LP-A1", (1, 1, "LP-A1")),
        ("A1.2", (1, 1, "A1.2")),
        ("B4 (a)", (1, 1, "B4 (a)")),
        ("3.2", (None, 3, "3.2")),
        ("Video", (None, None, "Video")),
        ("CD1-Video", (None, None, "CD1-Video")),
        ("", (None, None, None)),
        ("0", (None, None, None)),
    ],
)
def test_a_position_is_split_into_disc_and_track(
    written: str, place: tuple[int | None, int | None, str | None]
) -> None:
    assert Places(several=False).place(written) == place


@pytest.mark.parametrize(
    ("year", "description", "claims"),
    [
        ("1925-03-00", "10&quot;", [("published", "..1925")]),
        ("1925", "Acetate", [("fixed", "..1925")]),
        ("1969", "Unofficial Release", [("fixed", "..1969")]),
        ("1999", "LP", []),
        ("", "LP", []),
    ],
)
def test_a_release_says_by_when_it_was_published_and_a_bootleg_does_not(
    year: str, description: str, claims: list[tuple[str, str]]
) -> None:
    element = ET.fromstring(
        "<release><title>T</title><formats><format name='Vinyl'><descriptions><description>"
        f"{description}</description></descriptions></format></formats><released>{year}</released>"
        "<tracklist><track><position>A</position><title>T</title></track></tracklist></release>"
    )
    (row,) = release_rows(element, "1")
    assert [(c["claim"], c["value"]) for c in row["claims"] or ()] == claims


def test_the_tracks_of_both_sides_of_a_record_are_counted_through() -> None:
    places = Places(several=True)
    written = ["A1", "A2", "B1", "B2a", "B2b", "C", "D", "2.5"]
    assert [places.place(w)[:2] for w in written] == [
        (1, 1), (1, 2), (1, 3), (1, 4), (1, 4), (2, 1), (2, 2), (2, 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "duration"),
    [("4:45", 285_000), ("1:02:03", 3_723_000), ("75:10", 4_510_000), ("", None), ("0:00", None)],
)
def test_a_duration_becomes_milliseconds(written: str, duration: int | None) -> None:
    assert parse_duration(written) == duration


def test_a_duration_that_is_none_goes_on_as_written_to_be_reported() -> None:
    assert parse_duration("4'33") == "4'33"


@pytest.mark.parametrize(
    ("name", "plain"),
    [("Accent (3)", "Accent"), ("Sunn O)))", "Sunn O)))"), ("Live (1999)", "Live"), ("(2)", "(2)")],
)
def test_the_number_that_tells_names_apart_is_no_part_of_the_name(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_a_cut_dump_keeps_what_came_before(tmp_path: Path) -> None:
    noise = b"<!--" + random.Random(1).randbytes(200_000).hex().encode() + b"-->"
    (tmp_path / "cut.xml.gz").write_bytes(gzip.compress(DUMP[:-12] + noise)[:-50_000])
    rows, findings = read_all(DISCOGS_RELEASES, tmp_path / "cut.xml.gz")
    assert rows[0]["source_key"] == "11-1"
    assert findings[-1].code == "file.unreadable"


def test_a_plain_dump_that_ends_within_a_release_is_found(tmp_path: Path) -> None:
    (tmp_path / "cut.xml").write_bytes(DUMP[: DUMP.index(b"<title>Two Discs")])
    rows, findings = read_all(DISCOGS_RELEASES, tmp_path / "cut.xml")
    assert {row["release_key"] for row in rows} == {"11"}
    assert codes(findings)[-1] == ("file.unreadable", None)


def test_a_release_without_end_takes_no_other_with_it(tmp_path: Path) -> None:
    (tmp_path / "d.xml").write_bytes(
        DUMP.replace(b'</release>\n<release id="12"', b'<release id="12"', 1)
    )
    rows, findings = read_all(DISCOGS_RELEASES, tmp_path / "d.xml")
    assert {row["release_key"] for row in rows} == {"12", "16"}
    assert codes(findings)[0] == ("row.unreadable", 1)


def test_characters_that_xml_forbids_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "d.xml").write_bytes(DUMP.replace(b"Gare", b"Ga\x01r&#11;e&#10;", 1))
    rows, _ = read_all(DISCOGS_RELEASES, tmp_path / "d.xml")
    assert rows[0]["title"] == "Gare"


def test_an_entity_that_a_dump_declares_is_not_expanded(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    (tmp_path / "d.xml").write_bytes(bomb + DUMP.replace(b"<title>Gare", b"<title>&b;", 1))
    rows, findings = read_all(DISCOGS_RELEASES, tmp_path / "d.xml")
    assert {row["release_key"] for row in rows} == {"12", "16"}
    assert codes(findings)[0] == ("row.unreadable", 1)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(DUMP)),
            st.integers(0, 40),
            st.sampled_from([b"", b"<", b"</release>", b"<release ", b"\xff", b"&x;", b"\x00"]),
        ),
        max_size=8,
    )
)
def test_a_mangled_dump_is_read_and_never_crashes(
    scratch: Path, edits: list[tuple[int, int, bytes]]
) -> None:
    data = DUMP
    for place, length, new in edits:
        data = data[:place] + new + data[place + length :]
    (scratch / "d.xml").write_bytes(data)
    rows, findings = read_all(DISCOGS_RELEASES, scratch / "d.xml")
    numbers = {row["row"] for row in rows} | {f.row for f in findings if f.row}
    assert numbers <= set(range(1, data.count(b"<release") + data.count(b"</release>") + 1))


# ------------------------------------------------------------------------------------ real data


def real(shared_data: Path, name: str) -> Path:
    return shared_data / "discogs" / f"discogs_20200806_{name}.xml.gz"


def test_all_releases_of_a_real_dump_are_accounted_for(shared_data: Path) -> None:
    """9,178 tracks and 252 sub-tracks: all are rows but 53 index tracks and 186 headings."""
    path = real(shared_data, "releases")
    rows, findings = read_all(DISCOGS_RELEASES, path)
    root = ET.fromstring(gzip.decompress(path.read_bytes()))
    index = [t for t in root.iterfind("release/tracklist/track") if t.find("sub_tracks")]
    headings = [
        track
        for release in root
        if any(track.findtext("position") for track in release.iter("track"))
        for track in release.iterfind("tracklist/track")
        if not track.find("sub_tracks")
        and not track.findtext("position")
        and not track.findtext("duration")
    ]
    everything = len(list(root.iter("track")))
    silent = len(index) - sum("sounding" in kind for kind in map(kind_of_index, index))
    assert (everything, len(index), len(headings), silent) == (9_430, 57, 186, 53)
    assert len(rows) == everything - len(headings) - silent
    assert findings == []
    assert len({row["source_key"] for row in rows}) == len(rows)
    assert {row["release_key"] for row in rows} == {release.get("id") for release in root}
    assert all(row["title"] and row["artist_credit"] for row in rows)
    assert sum(len(row["isrcs"] or ()) for row in rows) == 7
    assert not [row for row in rows if isinstance(row["duration_ms"], str)]


def kind_of_index(track: ET.Element) -> str:
    parts = [part.findtext("duration") for part in track.iterfind("sub_tracks/track")]
    return "sounding" if track.findtext("duration") and not any(parts) else "silent"


SPOT_CHECKS = [  # by hand against the XML
    ("1586402-2", "Things To Come (Clubmix)", "Tropicana Feat. DJ Bart", 1, 2, 493_000, 2001),
    ("3019999-3", "East Side, West Side", "Mahavishnu Orchestra", 1, 3, None, 2007),
    ("12645403-1", "Hello (Sans Souci Pacify Remix)", "Coustan", None, 1, 150_000, 2018),
    ("14220543-9", "Kai's Medley", "Helloween", None, None, 832_000, 2019),
    ("12645395-1", "DosCuatro", "Cristián Alvear, Yuma Takeshita, Yuji Ishihara", None, 1,
     1_274_000, 2018),
    ("14220503-5", "Whim Within", "Joanne Brackeen & Ryo Kawasaki", 1, 5, 396_000, 1978),
    ("9343054-13", "Discorecord (In-Out Edit)", "Frontliner", None, 13, 148_000, 2011),
    ("3019948-2", "(Pass) The Bug", "Gene The Hat", 1, 2, 150_000, 1991),
    ("3019947-20", "I Like The Way (Radio Edit)", "Bodyrockers", None, 20, 201_000, 2005),
    ("14220598-7", "عندي صاحب", "حنان", None, 7, None, 1991),
    ("7698018-8", "The Haven Of Rest", "Burl Ives", 1, 8, 210_000, 1967),
    ("6084150-11", "Criminal", "Unruly Child", 1, 11, 239_000, 1992),
    ("9343002-6", "ロックもどき", "Panta", 1, 6, None, 1976),
    ("9342984-5", "Wish You Were Here", "Pink Floyd", None, 5, 325_000, None),
    ("21-3", "Descent", "EBE", 1, 3, None, 2000),
]  # fmt: skip


def test_fifteen_tracks_of_a_real_dump_say_what_its_xml_says(shared_data: Path) -> None:
    rows, _ = read_all(DISCOGS_RELEASES, real(shared_data, "releases"))
    by_key = {row["source_key"]: row for row in rows}
    names = ["title", "artist_credit", "disc", "position", "duration_ms", "release_year"]
    found = [(key, *(by_key[key][name] for name in names)) for key, *_ in SPOT_CHECKS]
    assert found == SPOT_CHECKS


@pytest.mark.parametrize(
    ("reader", "name", "empty"),
    [(DISCOGS_ARTISTS, "artists", "name"), (DISCOGS_MASTERS, "masters", "artist_credit")],
)
def test_all_artists_and_masters_of_a_real_dump_are_read(
    shared_data: Path, reader: Reader, name: str, empty: str
) -> None:
    rows, findings = read_all(reader, real(shared_data, name))
    assert findings == []
    assert Counter(row["row"] for row in rows) == Counter(range(1, 1_001))
    assert len({row["source_key"] for row in rows}) == 1_000
    assert all(row[empty] for row in rows)


@pytest.mark.parametrize(
    ("name", "kept"), [("releases", 9_191), ("artists", 1_000), ("masters", 1_000)]
)
def test_a_real_import_has_all_rows_and_no_finding(shared_data: Path, name: str, kept: int) -> None:
    assert made(READERS[name], real(shared_data, name)) == (kept, {})
