"""Identifiers in any writing lead to what they name."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from phonotheque.catalogue import open_edition
from phonotheque.model.numbers import IdKey, Kind, format_public_id, parse_public_ids
from phonotheque.model.progress import Silent
from phonotheque.search import SearchIndex
from phonotheque.search.build import build_index
from phonotheque.search.identifiers import write_identifiers
from phonotheque.search.keys import HashedKeys, text_hashes
from phonotheque.search.lists import write_documents
from phonotheque.search.lookup import barcode_keys, read_identifier
from phonotheque.search.reading import EditionTables
from tests.support.editions import ID_KEY, TinyRecording, write_tiny_edition

KEY = IdKey(bytes.fromhex(ID_KEY))
MBIDS = {
    Kind.RECORDING: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    Kind.RELEASE: "5b11f4ce-a62d-471e-81fc-a69a8278c7da",
    Kind.ARTIST: "b1a9c0e9-d987-4042-ae91-78d6a3267d69",
}
MERGED = "00000000-dead-4000-8000-000000000000"
RECORDINGS = [
    TinyRecording("One", "Ann", release="First", isrcs=["USRC17607839"]),
    TinyRecording("Two", "Ann", release="First", isrcs=["USRC17607839", "GBAYE0601498"]),
    TinyRecording("Three", "Bob", release="Second"),
]


def rewrite(root: Path, table: str, **columns: list[object]) -> None:
    (path,) = (root / "editions/2026-11/catalogue" / table).glob("*.parquet")
    held = pq.read_table(path)
    for name, values in columns.items():
        field = held.schema.field(name)
        held = held.set_column(
            held.schema.get_field_index(name), field, pa.array(values, field.type)
        )
    pq.write_table(held, path)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    root = tmp_path_factory.mktemp("archive")
    write_tiny_edition(root, RECORDINGS)
    rewrite(root, "recordings", recording_mbid=[MBIDS[Kind.RECORDING], None, None])
    rewrite(root, "releases", release_mbid=[None, MBIDS[Kind.RELEASE]],
            barcode=["0 12345 67890 5", "5 099902 988528"])  # fmt: skip
    rewrite(root, "artists", key=["mbid:" + MBIDS[Kind.ARTIST], "name:bob"])
    build_index(root / "editions/2026-11", root / "index", Silent())
    return SearchIndex.open(root / "index")


@pytest.mark.parametrize(
    ("text", "how", "kind", "numbers"),
    [
        ("USRC17607839", "isrc", Kind.RECORDING, (1, 2)),
        (" us-rc1-76-07839 ", "isrc", Kind.RECORDING, (1, 2)),
        ("ISRC: GBAYE0601498", "isrc", Kind.RECORDING, (2,)),
        ("GBAYE0601499", "isrc", Kind.RECORDING, ()),
        (MBIDS[Kind.RECORDING].upper(), "mbid", Kind.RECORDING, (1,)),
        (MBIDS[Kind.RELEASE], "mbid", Kind.RELEASE, (2,)),
        (f"https://musicbrainz.org/artist/{MBIDS[Kind.ARTIST]}?x", "mbid", Kind.ARTIST, (1,)),
        (MERGED, "mbid", Kind.RECORDING, ()),
        ("012345678905", "barcode", Kind.RELEASE, (1,)),  # a UPC
        ("0012345678905", "barcode", Kind.RELEASE, (1,)),  # as an EAN
        ("upc:12345678905", "barcode", Kind.RELEASE, (1,)),  # its zero lost
        ("upc:01234567890", "barcode", Kind.RELEASE, (1,)),  # without its check digit
        ("5-099902-988528", "barcode", Kind.RELEASE, (2,)),
        ("5099902988529", "barcode", Kind.RELEASE, ()),
        ("number:2", "number", Kind.RECORDING, (2,)),
        ("2", "number", Kind.RECORDING, (2,)),
        ("4", "number", Kind.RECORDING, ()),
        ("0", "number", Kind.RECORDING, ()),
        ("source:tiny:3", "source", Kind.RECORDING, (3,)),
        ("source:tiny:4", "source", Kind.RECORDING, ()),
        (format_public_id(3, KEY), "public-id", Kind.RECORDING, (3,)),
        (format_public_id(2, KEY, Kind.ARTIST).upper(), "public-id", Kind.ARTIST, (2,)),
        (format_public_id(9, KEY, Kind.RELEASE), "public-id", Kind.RELEASE, ()),
        ("upc:nothing", "none", None, ()),
        ("mbid:USRC17607839", "none", None, ()),
        ("", "none", None, ()),
        ("a love song", "none", None, ()),
        ("１２", "none", None, ()),  # digits, but not those of a number
    ],
)
def test_an_identifier_leads_to_what_it_names(
    index: SearchIndex, text: str, how: str, kind: Kind | None, numbers: tuple[int, ...]
) -> None:
    found = index.lookup(text)
    assert (found.query, found.recognised, found.kind, found.numbers) == (text, how, kind, numbers)


def test_many_are_answered_in_order_as_each_alone(index: SearchIndex) -> None:
    texts = ["2", "x", "USRC17607839", MBIDS[Kind.ARTIST], "", "source:tiny:1", "012345678905"] * 3
    assert index.lookup_many(texts) == [index.lookup(text) for text in texts]
    assert index.lookup_many([]) == []


def test_an_mbid_that_was_merged_away_leads_to_what_it_became(tmp_path: Path) -> None:
    write_tiny_edition(tmp_path, RECORDINGS)
    rewrite(tmp_path, "recordings", recording_mbid=[None, MBIDS[Kind.RECORDING], None])
    reader = open_edition(tmp_path / "editions/2026-11")
    reader.cursor().execute(
        f"CREATE OR REPLACE VIEW merged_ids AS SELECT 'recording' AS entity, '{MERGED}' AS old, "
        f"'{MBIDS[Kind.RECORDING]}' AS new"
    )
    tables = EditionTables(reader, 1 << 28, tmp_path)
    write_documents(tmp_path, tmp_path, tables, tables.licences(), tables.years())
    write_identifiers(tmp_path, tmp_path, tables)
    reader.close()
    file = HashedKeys(tmp_path, "mbid_r", np.load(tmp_path / "doc_number.npy"))
    hashes = text_hashes([MERGED, MBIDS[Kind.RECORDING], MBIDS[Kind.ARTIST]])
    assert file.find_many(hashes) == [(2,), (2,), ()]


def test_merged_numbers_lead_to_the_recording_in_use(tmp_path: Path) -> None:
    write_tiny_edition(tmp_path, RECORDINGS)
    target = tmp_path / "index"
    build_index(tmp_path / "editions/2026-11", target, Silent())
    for name, values in (("redirect_r_old", [50, 60]), ("redirect_r_new", [60, 3])):
        np.save(target / f"{name}.npy", np.array(values, np.uint64))
    index = SearchIndex.open(target)
    assert [found.numbers for found in index.lookup_many(["50", "60", "70"])] == [(3,), (3,), ()]


def test_recordings_without_a_standing_are_found_by_their_public_ids(tmp_path: Path) -> None:
    rows = [TinyRecording(str(n), "Ann", listens=n) for n in range(6)]
    write_tiny_edition(tmp_path, rows)
    (path,) = (tmp_path / "editions/2026-11/standing").glob("*.parquet")
    standing = pq.read_table(path)  # of all but 2 and 4; the others keep no gap
    held = standing.filter(pc.is_in(standing["number"], pa.array([1, 3, 5, 6])))
    place = held.schema.get_field_index("rank")
    ranks = pa.array([4, 3, 2, 1], held.schema.field(place).type)
    pq.write_table(held.set_column(place, held.schema.field(place), ranks), path)
    build_index(tmp_path / "editions/2026-11", tmp_path / "index", Silent())
    index = SearchIndex.open(tmp_path / "index")
    for number in range(1, 7):
        page = index.search(format_public_id(number, KEY, Kind.RECORDING))
        assert [hit.number for hit in page.hits] == [number]
    assert index.lookup("7").numbers == index.lookup("99999").numbers == ()


def test_a_track_of_no_recording_is_left_out_of_its_release(tmp_path: Path) -> None:
    write_tiny_edition(tmp_path, RECORDINGS)
    rewrite(tmp_path, "tracks", recording=[1, 2, 3], release=[1, 1, 1])
    rewrite(tmp_path, "recordings", number=[1, 3, 4])
    build_index(tmp_path / "editions/2026-11", tmp_path / "index", Silent())
    assert SearchIndex.open(tmp_path / "index").release_recordings(1) == [1, 3]


def test_a_barcode_without_its_check_digit_is_tried_with_it() -> None:
    assert barcode_keys("012345678905") == [12345678905]
    assert barcode_keys("01234567890") == [1234567890, 12345678905]
    assert barcode_keys("12") == [12]


def test_a_text_is_read_by_its_form_alone() -> None:
    assert read_identifier("ean: 4006381333931") == ("barcode", "4006381333931")
    assert read_identifier("source:a:b ") == ("source", "a:b")
    assert read_identifier("r7k2m9qx4d") == ("public-id", "r7k2m9qx4d")


def test_public_ids_are_read_many_at_once() -> None:
    ids = [format_public_id(n, KEY, kind) for n in (1, 77, 2**40 - 1) for kind in Kind]
    assert parse_public_ids([*ids, "r7k2m9qx4d", "x"], KEY)[:-2] == [
        (kind, n) for n in (1, 77, 2**40 - 1) for kind in Kind
    ]
    assert parse_public_ids(["", "x", "r"], KEY) == [None] * 3
