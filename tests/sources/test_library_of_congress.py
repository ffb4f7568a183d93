"""Collections of the Library of Congress, in the three forms they come in."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.rights import Claim
from phonotheque.sources.contributors import author_values, contributor, performers
from phonotheque.sources.library_of_congress import LOC_COLLECTION
from phonotheque.sources.stated import fact_value
from phonotheque.sources.streams import read_head
from tests.support.blocks import GOLDEN_DUMPS, codes, golden, made, read_all, said

GOLDEN = GOLDEN_DUMPS / "library-of-congress"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loc")


def test_all_three_forms_are_read_to_the_rows_that_were_written_down() -> None:
    rows, findings = read_all(LOC_COLLECTION, GOLDEN)
    assert [said(row) for row in rows] == golden("library-of-congress/rows.jsonl")
    assert codes(findings) == [
        ("row.no-key", 2),
        ("row.no-key", 3),
        ("row.duplicate-key", 7),
        ("file.unreadable", None),
    ]


@pytest.mark.parametrize("after", range(1, 10))
def test_reading_behind_some_items_gives_the_later_ones(after: int) -> None:
    rows, findings = read_all(LOC_COLLECTION, GOLDEN)
    some, found = read_all(LOC_COLLECTION, GOLDEN, after)
    assert some == [row for row in rows if row["row"] > after]
    assert found == [f for f in findings if f.row is None or f.row > after]


def test_folder_and_files_are_recognised_and_other_json_is_not(tmp_path: Path) -> None:
    assert LOC_COLLECTION.recognises(GOLDEN, b"")
    for path in GOLDEN.glob("loc-*.json"):
        assert LOC_COLLECTION.recognises(path, read_head(path))
    assert not LOC_COLLECTION.recognises(tmp_path, b"")
    assert not LOC_COLLECTION.recognises(tmp_path / "x.json", b'{"items": [{"id": 1}]}')
    assert not LOC_COLLECTION.recognises(tmp_path / "x.json", b'{"metadata": {}, "files": []}')


@pytest.mark.parametrize(
    ("written", "name", "role"),
    [
        ("Handy, W. C. -- Composer", "W. C. Handy", "composer"),
        ("Harris, Marion -- Vocalist -- Soprano Vocal", "Marion Harris", "vocalist"),
        ("Paul Whiteman Orchestra  -- Musical Group", "Paul Whiteman Orchestra", "musical group"),
        ("Case, Anna, 1888-1984. prf", "Anna Case", "prf"),
        ("Havrilla, Alois, 1891- . prf", "Alois Havrilla", "prf"),
        ("Hill, J. Leubrie (John Leubrie), -1916.", "J. Leubrie Hill", None),
        ("Cooper, Joseph (Composer)", "Joseph Cooper", "composer"),
        ("Arizonia, Joe.", "Joe Arizonia", None),
        ("Komiku", "Komiku", None),
    ],
)
def test_a_contributor_is_split_into_name_and_role(
    written: str, name: str, role: str | None
) -> None:
    assert contributor(written) == (name, role)


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("Puccini, Giacomo, 1858-1924 -- Composer", ["work:1924"]),
        ("Handy, W. C. -- Composer", ["work:?"]),
        ("Hoier, Thomas P., lyricist.", ["lyrics:?"]),
        ("Bach, J. S., 1685-1750. cmp", ["work:1750"]),
        ("Roe, Ann, 1888-. cmp", ["work:1903..1998"]),
        ("Roe, Ann, b. 1888 -- Lyricist", ["lyrics:1903..1998"]),
        ("Roe, 1860?-1920? -- Songwriter", ["work:1915..1925", "lyrics:1915..1925"]),
        ("Roe, ca. 1860-1920 -- Arranger", ["arrangement:1915..1925"]),
        ("Hill, J., -1916. cmp", ["work:1916"]),
        ("Roe, d. 1911 -- Composer", ["work:1911"]),
        ("Case, Anna, 1888-1984. prf", []),
        ("Havrilla, Alois, 1891- . prf", []),
        ("Arizonia, Joe.", []),
    ],
)
def test_who_wrote_is_an_author_of_a_layer_until_a_year(written: str, values: list[str]) -> None:
    assert author_values(written) == values


@given(st.text(max_size=60))
def test_no_contributor_breaks_the_reading_of_lives(written: str) -> None:
    for value in author_values(written):
        assert fact_value(Claim.AUTHOR, value) == value


def test_who_performs_is_credited_and_who_only_wrote_is_not() -> None:
    assert performers(["Handy, W. C. -- Composer", "Band A -- Musical Group"]) == ["Band A"]
    assert performers(["Poe, A. -- Lyricist", "Roe, B. -- Instrumentalist -- Piano"]) == ["B. Roe"]
    assert performers(["Komiku", "Ann"]) == ["Komiku", "Ann"]
    assert performers(["Handy, W. C. -- Composer"]) == []


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
ITEMS = st.dictionaries(st.sampled_from(["id", "title", "year", "contributors", "rights"]), TREES)


@given(
    st.dictionaries(st.sampled_from(["items", "itemHeadings", "groups", "lists", "rights"]), TREES),
    st.lists(ITEMS | TREES, max_size=4),
)
def test_collections_of_any_shape_are_accounted_for(
    scratch: Path, document: dict[str, object], items: list[object]
) -> None:
    (scratch / "loc.json").write_text(json.dumps(document | {"items": items}))
    rows, findings = read_all(LOC_COLLECTION, scratch / "loc.json")
    numbers = [row["row"] for row in rows] + [finding.row for finding in findings]
    assert sorted(numbers, key=int) == list(range(1, len(items) + 1))


@given(st.binary(max_size=60))
def test_what_is_no_json_is_a_finding(scratch: Path, data: bytes) -> None:
    (scratch / "loc.json").write_bytes(data)
    assert codes(read_all(LOC_COLLECTION, scratch / "loc.json")[1]) == [("file.unreadable", None)]


# ------------------------------------------------------------------------------------ real data


def test_every_real_item_is_kept_or_named(shared_data: Path) -> None:
    """17 collections, 2,368 items, 203 of them in a second one."""
    rows, findings = read_all(LOC_COLLECTION, shared_data / "loc")
    assert len(rows) == 2_165
    assert Counter(finding.code.value for finding in findings) == {"row.duplicate-key": 203}
    assert all(row["title"] for row in rows)
    assert len({row["source_key"] for row in rows}) == 2_165
    assert len({row["collection"] for row in rows}) == 17
    # these files name neither contributors nor rights
    assert {row["artist_credit"] for row in rows} == {"[unknown]"}


def test_every_real_collection_is_recognised(shared_data: Path) -> None:
    paths = [*Path(shared_data / "loc").glob("*.json"), shared_data / "loc"]
    heads = [b"" if path.is_dir() else read_head(path) for path in paths]
    assert all(map(LOC_COLLECTION.recognises, paths, heads))


def test_real_items_say_what_their_files_say(shared_data: Path) -> None:
    rows, _ = read_all(LOC_COLLECTION, shared_data / "loc")
    by_key = {row["source_key"]: (row["title"], row["collection"]) for row in rows}
    assert by_key["00694067"] == ("'Till the boys come home", "loc-edison")
    assert by_key["fma-164754"] == ("2670", "loc-fma")
    assert by_key["jukebox-19795"] == ("'Joe Turner blues' medley", "loc-jukebox-blues")
    assert by_key["afccal000391"][1] == "loc-american-english-dialect-recordings"


def test_the_real_import_has_all_items_once(shared_data: Path) -> None:
    assert made(LOC_COLLECTION, shared_data / "loc") == (2_165, {"row.duplicate-key": 203})
