"""What a listener types, and what comes back."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from phonotheque.model.errors import ArchiveBusyError, InputError, UsageError
from phonotheque.model.numbers import Kind
from phonotheque.model.progress import Silent
from phonotheque.search import SearchIndex, SearchPage, ensure_index
from phonotheque.search.build import build_index
from phonotheque.storage.lock import writing
from tests.support.editions import TinyRecording, write_tiny_edition

RECORDINGS = [
    TinyRecording(
        "Für Elise", "Ludwig van Beethoven", isrcs=["USRC17607839"], listens=5, year=1924,
        file=("v-tier1-00001", "data/a/elise.ogg", b"elise"),
    ),
    TinyRecording("東京の夜", "椎名", release="銀河", listens=3),
    TinyRecording("Moonlight Sonata", "Beethoven", release="Sonatas", listens=9, tier=2),
    TinyRecording("Moonlight Serenade", "Glenn Miller", licence="CC-BY-SA-4.0", listens=100),
    TinyRecording("Moon", "Nobody", listens=1, year=None),
    TinyRecording("Don't Stop", "AC/DC", listens=7),
]  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    root = tmp_path_factory.mktemp("archive")
    write_tiny_edition(root, RECORDINGS)
    build_index(root / "editions/2026-11", root / "index/2026-11", Silent())
    return SearchIndex.open(root / "index/2026-11")


def titles(page: SearchPage) -> list[str]:
    return [hit.row.title for hit in page.hits]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("fur elise", ["Für Elise"]),
        ("ELISE FÜR ", ["Für Elise"]),
        ("moonlight sonata beethoven", ["Moonlight Sonata"]),
        ("dont stop", ["Don't Stop"]),
        ("ac/dc stop", ["Don't Stop"]),
        ("東京", ["東京の夜"]),
        ("京", ["東京の夜"]),
        ("夜", ["東京の夜"]),
        ("の夜 椎名", ["東京の夜"]),
        ("銀河", ["東京の夜"]),
        ("sonatas", ["Moonlight Sonata"]),
        ("elis", ["Für Elise"]),
        ('"moonlight sonata"', ["Moonlight Sonata"]),
        ('"sonata moonlight"', []),
        ("artist:beethoven sonata", ["Moonlight Sonata"]),
        ("title:beethoven", []),
        ("isrc:us-rc1-76-07839", ["Für Elise"]),
        ("US-RC1-76-07839", ["Für Elise"]),
        ("tier:2", ["Moonlight Sonata"]),
        ("licence:cc-by-sa moonlight", ["Moonlight Serenade"]),
        ("year:1920..1925", ["Für Elise"]),
        ("moonlight licence:cc-by", ["Moonlight Sonata"]),
    ],
)
def test_a_query_finds_what_was_meant(index: SearchIndex, query: str, expected: list[str]) -> None:
    page = index.search(query)
    assert titles(page) == expected
    assert (page.total, page.total_is_exact, page.relaxed) == (len(expected), True, False)


def test_a_title_that_is_the_query_comes_before_more_popular_ones(index: SearchIndex) -> None:
    assert titles(index.search("moon"))[0] == "Moon"
    assert set(titles(index.search("moon"))) == {"Moon", "Moonlight Sonata", "Moonlight Serenade"}


def test_artist_and_title_in_full_come_before_what_is_far_more_popular(tmp_path: Path) -> None:
    heard = [
        TinyRecording("Lease of life", "Serphonic", listens=2_000_000_000),
        TinyRecording("Life", "Serphonic", listens=0),
    ]
    write_tiny_edition(tmp_path, heard)
    build_index(tmp_path / "editions/2026-11", tmp_path / "index/2026-11", Silent())
    found = SearchIndex.open(tmp_path / "index/2026-11")
    assert titles(found.search("Serphonic Life")) == ["Life", "Lease of life"]
    found.close()


def test_a_typing_error_is_forgiven_but_said(index: SearchIndex) -> None:
    page = index.search("moonlihgt sonata")
    assert titles(page) == ["Moonlight Sonata"]
    assert page.relaxed
    assert (page.matched, page.did_you_mean) == ("other-spelling", "moonlight sonata")


def test_a_word_too_many_is_dropped_but_said(index: SearchIndex) -> None:
    page = index.search("glenn miller moonlight xylophone ")
    assert titles(page)[0] == "Moonlight Serenade"
    assert page.relaxed
    assert (page.matched, page.did_you_mean) == ("fewer-words", None)


def test_facets_count_all_hits_whatever_the_page(index: SearchIndex) -> None:
    facets = index.search("moon", limit=1, facets=True).facets
    assert facets is not None
    assert (facets.counted, facets.exact) == (3, True)
    assert [(v.value, v.count, v.filter) for v in facets.licences] == [
        ("CC-BY-4.0", 2, "licence:cc-by-4.0"), ("CC-BY-SA-4.0", 1, "licence:cc-by-sa-4.0"),
    ]  # fmt: skip
    assert [(v.value, v.count, v.filter) for v in facets.decades] == [
        ("2020s", 2, "year:2020..2029"), ("none", 1, None),
    ]  # fmt: skip
    assert [(v.value, v.count, v.filter) for v in facets.tiers] == [
        ("1", 2, "tier:1"), ("2", 1, "tier:2"),
    ]  # fmt: skip
    assert index.search("moon").facets is None


def test_the_filter_of_a_facet_leaves_as_many_as_it_counts(index: SearchIndex) -> None:
    facets = index.search("tier:1..", facets=True).facets
    assert facets is not None
    for value in (*facets.licences, *facets.decades, *facets.tiers):
        if value.filter is not None:
            assert index.search(value.filter).total == value.count, value


def test_facets_of_more_hits_than_are_counted_are_lower_bounds(
    index: SearchIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonotheque.search.pages.FACETS_MOST", 2)
    page = index.search("moon", facets=True)
    assert page.facets is not None
    assert (page.facets.counted, page.facets.exact) == (2, False)
    assert (page.total, page.total_is_exact) == (3, True)


def test_words_found_are_marked_in_what_is_shown(index: SearchIndex) -> None:
    hit = index.search("elise beet", highlights=True).hits[0]
    assert hit.highlights is not None
    assert hit.highlights.title == ((4, 9),)
    assert hit.highlights.artist == ((11, 15),)
    assert index.search("elise").hits[0].highlights is None
    corrected = index.search("moonlihgt sonata", highlights=True).hits[0]
    assert corrected.highlights is not None
    assert corrected.highlights.title == ((0, 9), (10, 16))


def test_a_public_id_of_a_release_or_an_artist_leads_to_its_recordings(
    index: SearchIndex,
) -> None:
    release, artist = index.release(1), index.artist(1)
    assert release is not None
    assert artist is not None
    assert titles(index.search(release.public_id)) == ["Für Elise"]
    assert titles(index.search(artist.public_id)) == ["Für Elise"]


def test_pages_follow_each_other_without_gap_or_repetition(index: SearchIndex) -> None:
    seen, cursor = [], None
    while True:
        page = index.search("tier:1..", limit=2, cursor=cursor)
        seen += titles(page)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(r.title for r in RECORDINGS)


def test_a_cursor_of_another_query_is_refused(index: SearchIndex) -> None:
    cursor = index.search("moonlight", limit=1).next_cursor
    assert cursor is not None
    with pytest.raises(InputError, match="another query"):
        index.search("elise", cursor=cursor)
    with pytest.raises(InputError, match="cannot be read"):
        index.search("elise", cursor="!!")


def test_limits_out_of_range_are_refused(index: SearchIndex) -> None:
    with pytest.raises(UsageError):
        index.search("moon", limit=0)


def test_every_identifier_leads_to_its_recording(index: SearchIndex) -> None:
    row = index.rows([1])[0]
    for text in ("ISRC US-RC1-76-07839", "usrc17607839", row.public_id.upper(), "1",
                 "source:tiny:1"):  # fmt: skip
        assert index.lookup(text).numbers == (1,), text
    assert index.lookup("USRC17607830").numbers == ()
    assert index.lookup("nonsense").recognised == "none"
    found = index.lookup_many(["usrc17607839", "99", "source:tiny:3"])
    assert [r.numbers for r in found] == [(1,), (), (3,)]


def test_a_row_has_everything_a_page_shows(index: SearchIndex) -> None:
    row = index.rows([1, 77])[0]
    assert (row.title, row.artist, row.year, row.rank, row.listens) == (
        "Für Elise", "Ludwig van Beethoven", 1924, 4, 5,
    )  # fmt: skip
    assert row.file is not None
    assert (row.file.volume, row.file.path) == ("v-tier1-00001", "data/a/elise.ogg")
    assert row.tracks[0].release_title == row.release_title == "Single"


def test_releases_and_artists_list_their_recordings(index: SearchIndex) -> None:
    release = index.rows([3])[0].tracks[0].release
    assert release is not None
    assert index.release(release).title == "Sonatas"  # type: ignore[union-attr]
    assert index.release_recordings(release) == [3]
    artist = index.rows([3])[0].artist_numbers[0]
    assert index.artist(artist).name == "Beethoven"  # type: ignore[union-attr]
    assert index.artist_recordings(artist) == [3]
    assert (index.release(99), index.artist(99), index.release_recordings(99)) == (None, None, [])


def test_the_most_listened_come_in_order(index: SearchIndex) -> None:
    assert index.most_listened(0, 3) == [4, 3, 6]


def test_an_index_is_made_again_only_for_another_edition(tmp_path: Path) -> None:
    edition, target = tmp_path / "editions/2026-11", tmp_path / "index/2026-11"
    write_tiny_edition(tmp_path, RECORDINGS[:2])
    assert ensure_index(edition, target, Silent()).rebuilt
    assert not ensure_index(edition, target, Silent()).rebuilt
    (edition / "edition.json").write_text((edition / "edition.json").read_text() + "\n")
    assert ensure_index(edition, target, Silent()).rebuilt
    assert sorted(p.name for p in target.parent.iterdir()) == ["2026-11"]


@pytest.mark.parametrize(
    "query",
    ["", " ", "\x00\u202e", "a" * 100_000, "the " * 5_000, '"' * 400, "* OR (", "🎵🎶", ":",
     "artist:", "isrc:", "licence:", "isrc:x tier:99", "m", "-", "\ud800", "year:0000..0000",
     "source:", "%s'; DROP", "9" * 400],
)  # fmt: skip
def test_a_hostile_query_is_answered_and_soon(index: SearchIndex, query: str) -> None:
    page = index.search(query, limit=200, deadline_ms=1_000)
    assert page.total >= len(page.hits)
    index.lookup(query)


def test_a_name_in_another_script_finds_the_latin_one_and_says_so(index: SearchIndex) -> None:
    page = index.search("\u0411\u0435\u0442\u0445\u043e\u0432\u0435\u043d moonlight")
    assert titles(page) == ["Moonlight Sonata"]
    assert (page.matched, page.did_you_mean) == ("other-spelling", "beethoven moonlight")


@pytest.mark.parametrize("facets", [False, True])
@pytest.mark.parametrize(
    "query",
    ["the " * 100, " ".join("abcdefghijklmnopqrstuvwxyz"), '"a b" ' * 60, "release:a " * 40,
     "release:a label:b artist:c title:d e", "title:" * 60, "\u202e" * 200 + "moon",
     "🎵" * 300, "label:\x00", "x" * 64 + " " + "y" * 64, "upc:" + "9" * 300],
)  # fmt: skip
def test_a_query_without_time_is_answered_at_once(
    index: SearchIndex, query: str, facets: bool
) -> None:
    begun = time.process_time()
    page = index.search(query, limit=200, deadline_ms=0, facets=facets, highlights=True)
    assert time.process_time() - begun < 0.5
    assert page.total >= len(page.hits)


def test_a_cut_query_says_that_its_answer_is_partial(index: SearchIndex) -> None:
    assert index.search("moonlight " + "sonata " * 100).partial


def test_a_deadline_that_is_over_makes_the_answer_partial(tmp_path: Path) -> None:
    many = [TinyRecording("The Same", f"Artist {i}") for i in range(3_000)]
    write_tiny_edition(tmp_path, many)
    build_index(tmp_path / "editions/2026-11", tmp_path / "index", Silent())
    index = SearchIndex.open(tmp_path / "index")
    assert index.search('same "artist same" ', deadline_ms=0).partial
    assert not index.search('same "artist same" ', deadline_ms=60_000).partial
    page = index.search("same ")
    assert (page.total, page.total_is_exact) == (3_000, True)


def test_an_edition_without_recordings_has_an_index_too(tmp_path: Path) -> None:
    write_tiny_edition(tmp_path, [])
    build_index(tmp_path / "editions/2026-11", tmp_path / "index", Silent())
    index = SearchIndex.open(tmp_path / "index")
    assert index.search("anything").hits == ()
    assert index.search("tier:1").hits == ()
    assert index.lookup("1").numbers == ()
    assert index.lookup("USRC17607839").numbers == ()
    assert index.rows([1]) == []


def test_threads_read_one_index_at_once(index: SearchIndex) -> None:
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(index.search, ["moonlight sonata"] * 40))
    assert {titles(page)[0] for page in pages} == {"Moonlight Sonata"}


def test_equal_editions_give_equal_files(tmp_path: Path) -> None:
    write_tiny_edition(tmp_path, RECORDINGS)
    for name in ("a", "b"):
        build_index(tmp_path / "editions/2026-11", tmp_path / name, Silent())
    names = {p.name for p in (tmp_path / "a").iterdir()} - {"rows"}
    assert len(names) > 30
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_what_a_killed_build_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    write_tiny_edition(tmp_path, RECORDINGS)
    left = tmp_path / ".index.partial"
    (left / "spill").mkdir(parents=True)
    (left / "spill" / "000000.sst").write_bytes(b"half a file")
    (left / "postings.npy").write_bytes(b"half a file")
    (tmp_path / ".index.old").mkdir()
    build_index(tmp_path / "editions/2026-11", tmp_path / "index", Silent())
    assert titles(SearchIndex.open(tmp_path / "index").search("elise")) == ["Für Elise"]
    assert sorted(p.name for p in tmp_path.glob(".index*")) == []
    assert not (tmp_path / "index" / "spill").exists()


def test_one_process_at_a_time_builds_an_index(tmp_path: Path) -> None:
    write_tiny_edition(tmp_path, RECORDINGS[:1])
    with writing(tmp_path / ".index.partial"), pytest.raises(ArchiveBusyError):
        build_index(tmp_path / "editions/2026-11", tmp_path / "index", Silent())


def test_an_open_index_goes_on_answering_while_it_is_replaced(tmp_path: Path) -> None:
    write_tiny_edition(tmp_path, RECORDINGS)
    build_index(tmp_path / "editions/2026-11", tmp_path / "index", Silent())
    index = SearchIndex.open(tmp_path / "index")
    build_index(tmp_path / "editions/2026-11", tmp_path / "index", Silent())
    assert titles(index.search("elise")) == ["Für Elise"]


def test_public_ids_of_releases_and_artists_are_told_apart(index: SearchIndex) -> None:
    release, artist = index.release(1), index.artist(2)
    assert release is not None
    assert artist is not None
    for row, kind in ((release, Kind.RELEASE), (artist, Kind.ARTIST)):
        found = index.lookup(row.public_id)
        assert (found.recognised, found.kind, found.numbers) == ("public-id", kind, (row.number,))


def test_an_index_that_may_not_be_written_is_searched_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_edition(tmp_path, RECORDINGS)
    folder = tmp_path / "index/2026-11"
    build_index(tmp_path / "editions/2026-11", folder, Silent())
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    opened = SearchIndex.open(folder)
    assert opened.search("moonlight").hits
    opened.close()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
