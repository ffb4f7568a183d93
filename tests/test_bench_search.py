"""The benches of search: what they plant and ask, and that all three engines can be asked."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
from bench import __main__ as form
from bench import search_quality
from bench.asking import Answer
from bench.editions import write_edition
from bench.engines import Engine, Workshop, evict, sizes, watch
from bench.fts5 import within_one
from bench.known_items import UNKNOWN, Item, read_items
from bench.loads import OURS_ALONE, make_loads
from bench.misses import _lines, write_misses
from bench.peer_texts import numbers_by_rank, split_query
from bench.planted_rows import Albums, ean13
from bench.planting import collect, ensure_planted
from bench.questions import CLASSES, Collection, Question, make_questions
from bench.romanising import romanise
from hypothesis import given
from hypothesis import strategies as st

WORDS = ["mora", "beltu", "sinda", "korfe", "quila", "zenth"]
ITEMS = [
    Item("Für Elise", "Ludwig van Beethoven", "Bagatellen", 1810, "test"),
    Item("Moonlight Sonata", "Ludwig van Beethoven", None, None, "test"),
    Item("透明なガールの夢", "東京事変", "東京", 2004, "test"),
    Item("カタチアルモノ", "シャノワール", None, 2022, "test"),
    Item("Осколки", "Електрики", None, 2022, "test"),
    Item("Distance", "Valliam Keys", None, 2009, "test"),
    Item("Distance", "Orange Horizon", None, 2010, "test"),
    Item("Backyard conversation", UNKNOWN, None, None, "test"),
]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """An edition of 1,000 recordings with the items in it, and the three engines."""
    made = Workshop.at(tmp_path_factory.mktemp("bench"))
    write_edition(made.edition, 1_000, ITEMS)
    return made


@pytest.fixture(scope="module")
def collection(workshop: Workshop) -> Collection:
    """What is known of the items."""
    first = len(numbers_by_rank(workshop.edition)) - len(ITEMS) + 1
    return collect(workshop.edition, {first + i: item for i, item in enumerate(ITEMS)})


def rows(workshop: Workshop, query: str, table: str) -> list[tuple[object, ...]]:
    """A query over one table of the edition."""
    where = workshop.edition / table / "*.parquet"
    return duckdb.sql(query.format(table=f"read_parquet('{where}')")).fetchall()


def test_every_recording_has_a_number_and_a_rank_of_its_own(workshop: Workshop) -> None:
    total = rows(workshop, "SELECT count(*), count(DISTINCT number), max(number) FROM {table}",
                 "recordings")[0]  # fmt: skip
    assert total[0] == total[1] == total[2]
    assert np.array_equal(np.sort(numbers_by_rank(workshop.edition)), np.arange(1, total[0] + 1))


def test_ranks_follow_listens(workshop: Workshop) -> None:
    found = rows(workshop, "SELECT listens FROM {table} ORDER BY rank", "standing")
    listens = [row[0] for row in found]
    assert listens == sorted(listens, reverse=True)  # type: ignore[type-var]


def test_tracks_stand_on_releases_that_are_there(workshop: Workshop) -> None:
    tracks = {row[0] for row in rows(workshop, "SELECT release FROM {table} "
                                     "WHERE release IS NOT NULL", "tracks")}  # fmt: skip
    releases = {row[0] for row in rows(workshop, "SELECT number FROM {table}", "releases")}
    assert tracks <= releases


@given(st.integers(1, 10**9))
def test_barcodes_have_a_right_check_digit(number: int) -> None:
    digits = [int(digit) for digit in ean13(number)]
    assert len(digits) == 13
    assert sum(digits[0::2] + [3 * d for d in digits[1::2]]) % 10 == 0


def test_items_of_one_release_stand_on_it_in_order() -> None:
    items = [Item("A", "X", "One", 2000, "test"), Item("B", "Y", "One", 2000, "test"),
             Item("C", "X", None, None, "test"), Item("D", "X", "Two", None, "test")]  # fmt: skip
    albums = Albums(items, 11)
    assert albums.places == [(11, 1), (11, 2), (None, None), (12, 1)]
    assert [row["title"] for row in albums.rows] == ["One", "Two"]


def test_the_same_call_writes_the_same_bytes(workshop: Workshop, tmp_path: Path) -> None:
    write_edition(tmp_path / "again", 1_000, ITEMS)
    for table in ("recordings", "tracks", "releases", "artists", "standing"):
        name = f"{table}/00000.parquet"
        assert (tmp_path / "again" / name).read_bytes() == (workshop.edition / name).read_bytes()


def test_without_data_rows_are_made_up_and_halved_by_artist() -> None:
    items = read_items(None)
    halves = {half: {i.key[0] for i in items if i.half == half} for half in ("tune", "held")}
    assert not halves["tune"] & halves["held"]
    assert min(len(artists) for artists in halves.values()) > 500


@pytest.mark.shared_data
def test_the_real_sets_are_read_and_halved_by_artist(shared_data: Path) -> None:
    folder = (shared_data / "freemusi").parent
    items = read_items(Path(folder))
    assert Counter(item.source for item in items) >= Counter(
        {"freemusi": 21_000, "release-names": 4_000, "loc": 2_000}
    )
    halves = {half: {i.key[0] for i in items if i.half == half} for half in ("tune", "held")}
    assert len(halves["tune"] & halves["held"]) <= 1  # the unknown artist


def test_questions_know_what_is_right(collection: Collection) -> None:
    for half in ("tune", "held"):
        for name, asked in make_questions(collection, half, 20).items():
            for question in asked:
                meant = [collection.items[n] for n in question.right if n in collection.items]
                assert name == "ties" or {item.half for item in meant} == {half}


def test_the_most_listened_of_equal_titles_is_right(collection: Collection) -> None:
    asked = [q for half in ("tune", "held") for q in make_questions(collection, half, 20)["ties"]]
    number = min(asked[0].right)
    alike = [n for n, item in collection.items.items() if item.title == "Distance"]
    assert number == max(alike, key=lambda n: (collection.listens[n], -n))


def test_classes_change_what_they_say() -> None:
    rng = np.random.default_rng(1)
    elise, moonlight, girl, kana, cyrillic, *_ = ITEMS
    assert CLASSES["accents"](elise, rng) == "Ludwig van Beethoven Fur Elise"
    assert CLASSES["accents"](moonlight, rng) is None
    assert sorted(str(CLASSES["transposed"](moonlight, rng)).split()) == sorted(
        ["Ludwig", "van", "Beethoven", "Moonlight", "Sonata"]
    )
    assert str(CLASSES["cjk_substring"](girl, rng)) in girl.title
    assert CLASSES["script"](kana, rng) == "shanowaru katachiarumono"
    assert CLASSES["script"](cyrillic, rng) == "elektriki oskolki"
    cut = str(CLASSES["truncated"](moonlight, rng))
    assert "Ludwig van Beethoven Moonlight Sonata".startswith(cut)
    assert "Elise" in str(CLASSES["noise"](elise, rng))


@pytest.mark.parametrize(("times", "name"), [(1, "typo_1"), (2, "typo_2")])
def test_slips_are_as_many_as_said(times: int, name: str) -> None:
    for seed in range(50):
        said = str(CLASSES[name](ITEMS[1], np.random.default_rng(seed))).split()
        whole = ["Ludwig", "van", "Beethoven", "Moonlight", "Sonata"]
        changed = [(a, b) for a, b in zip(said, whole, strict=True) if a != b]
        assert len(changed) == times
        assert all(within_one(a, b) for a, b in changed)


@pytest.mark.parametrize(
    ("text", "said"),
    [("Счастливое лето", "schastlivoe leto"), ("우주소녀", "ujusonyeo"), ("リップ", "rippu"),
     ("Σήκωσε Κύμα", "sikose kyma"), ("東京", None), ("Moonlight", None), ("きゃりー", "kyari")],
)  # fmt: skip
def test_romanised(text: str, said: str | None) -> None:
    assert romanise(text) == said


@given(st.text("abc", min_size=1, max_size=6), st.text("abc", min_size=1, max_size=6))
def test_one_slip_is_one_slip(a: str, b: str) -> None:
    ways = {a}
    for at in range(len(a) + 1):
        ways |= {a[:at] + c + a[at:] for c in "abc"} | {a[:at] + c + a[at + 1 :] for c in "abc"}
        ways |= {a[:at] + a[at + 1 :], a[:at] + a[at + 1 : at + 2] + a[at : at + 1] + a[at + 2 :]}
    assert within_one(a, b) == (b in ways)


def test_a_run_of_characters_is_a_phrase_for_the_peers() -> None:
    assert split_query("東京 AC/DC") == [["東", "京"], ["AC"], ["DC"]]


@pytest.fixture(scope="module", params=["ours", "fts5", "tantivy"])
def engine(request: pytest.FixtureRequest, workshop: Workshop) -> Iterator[Engine]:
    """Each of the engines, open."""
    workshop.ensure(request.param)
    opened = workshop.open(request.param)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("query", "meant"),
    [("fur elise beethoven", 0), ("sonata moonl", 1), ("ガール", 2), ("ludwig moonlihgt sonata", 1),
     ("valliam distance", 5)],
)  # fmt: skip
def test_every_engine_finds_what_is_planted(
    engine: Engine, collection: Collection, query: str, meant: int
) -> None:
    assert engine.search(query, 10)[0] == min(collection.items) + meant


def test_a_size_is_said_of_everything(workshop: Workshop) -> None:
    workshop.ensure("ours")
    found = sizes(workshop, 1_000, 1_300)
    parts = (found["bytes_per_recording"] + found["lookup_bytes_per_recording"]
             + found["rows_bytes_per_recording"]) / 1.3  # fmt: skip
    assert found["usable_bytes_per_track"] == pytest.approx(
        parts + found["parquet_bytes_per_track"]
    )


def test_loads_have_every_class_that_can_be_asked() -> None:
    items = dict(enumerate(read_items(None)[:2_000], 1))
    titled: dict[str, list[int]] = {}
    for number, item in items.items():
        titled.setdefault(item.key[1], []).append(number)
    loads = make_loads(Collection(items, dict.fromkeys(items, 1), titled), 10)
    assert set(loads) >= OURS_ALONE
    assert {"common_words", "no_hit", "prefix_1", "prefix_3", "artist_title"} <= set(loads)
    assert all(1 <= len(asked) <= 10 for asked in loads.values())


def test_a_task_that_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match="exit code"):
        watch(int, "no number")


def test_dropping_from_the_page_cache_leaves_the_files(workshop: Workshop) -> None:
    before = {p: p.read_bytes() for p in workshop.edition.rglob("*.parquet")}
    evict([workshop.edition, workshop.edition / "edition.json"])
    assert before == {p: p.read_bytes() for p in workshop.edition.rglob("*.parquet")}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Options for runs on a small set of rows, of which all make use."""
    data, keep = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("kept")
    (data / "freemusi").mkdir()
    rows = [{"id": f"r{n % 7}", "title": f"Oratorio of {word}", "trackartist": f"Choir {word}"}
            for n, word in enumerate(f"{a}{b}" for a in WORDS for b in WORDS)]  # fmt: skip
    releases = [{"id": f"r{n}", "album": f"Album {n}", "year": f"{1990 + n}"} for n in range(7)]
    for name, table in (("tracks", rows), ("releases", releases)):
        with (data / "freemusi" / f"{name}.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
    return {"documents": "500", "queries": "3", "keep": str(keep), "data": str(data)}


def test_quality_has_every_figure(kept: dict[str, str], tmp_path: Path) -> None:
    misses = tmp_path / "misses.md"
    options = {**kept, "peers": "fts5", "misses": str(misses)}
    found = form.measure("search_quality", "small", options)
    assert found["ours"]["half"] == "tune"
    assert found["ours"]["artist_title_success_at_10"] == 1
    assert not {"title_mrr", "typo_1_p99_ms", "usable_bytes_per_track"} - set(found["ours"])
    assert "fts5_title_success_at_10" in found["peers"]
    assert misses.read_text().startswith("\n## ")


@pytest.mark.full
def test_speed_has_every_figure(kept: dict[str, str]) -> None:
    found = form.measure("search", "small", {**kept, "seconds": "0.05", "peers": "none",
                                             "cold": "no"})["ours"]  # fmt: skip
    assert 0 <= found["no_hit_p50_ms"] <= found["no_hit_p99_ms"]
    assert found["queries_per_s_2_processes"] > 0


@pytest.mark.full
def test_every_code_is_found(kept: dict[str, str]) -> None:
    options = {name: value for name, value in kept.items() if name != "queries"}
    found = form.measure("lookup", "small", {**options, "cold": "no"})["ours"]
    assert found["isrc_found"] == 1
    assert found["documents"] >= 500


def test_nobody_is_shown_misses_of_the_half_that_is_held() -> None:
    with pytest.raises(ValueError, match="tune"):
        search_quality.run("small", half="held", misses="somewhere")
    with pytest.raises(ValueError, match="half"):
        search_quality.run("small", half="third")


def test_an_unknown_option_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        form.main(["search_quality", "--set", "colour=red"])
    assert "it has: documents, data, half" in capsys.readouterr().err


def test_planting_twice_plants_once(kept: dict[str, str], tmp_path: Path) -> None:
    made = Workshop.at(tmp_path)
    first = ensure_planted(made, 500, kept["data"])
    again = ensure_planted(made, 500, kept["data"])
    assert first.items == again.items
    assert first.titled == again.titled
    assert first.items[min(first.items)].year == 1990


def test_a_question_that_nobody_missed_makes_no_lines(tmp_path: Path) -> None:
    write_misses(tmp_path / "m.md", tmp_path, Collection({}, {}, {}), {"ours": {}})
    assert (tmp_path / "m.md").read_text() == "\n"


def test_what_a_slow_engine_was_not_asked_is_said(tmp_path: Path) -> None:
    missed = Answer(Question("elise", frozenset([1]), "uniform"), 1.0, 1.0, 0, (1,))
    lines = _lines([(0, missed)], {"fts5": []}, {1: "X / Für Elise"})
    assert lines[-1] == "| elise | X / Für Elise | – | fts5 not asked | X / Für Elise |"
