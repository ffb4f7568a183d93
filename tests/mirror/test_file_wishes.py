"""Wishes for single files: by licence, territory, artist and genre, and what is left out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from phonotheque.cli.main import main
from phonotheque.mirror import MirrorPlan, plan_mirror, read_plan
from phonotheque.mirror.rows import format_rows, parse_rows
from phonotheque.mirror.sieve import FileWishes, Sieve
from phonotheque.model.errors import FormatError, UsageError
from phonotheque.model.numbers import IdKey, Kind, format_public_ids
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.mirror.conftest import Follower
from tests.support.clock import NOW
from tests.support.editions import ID_KEY
from tests.support.origin import TinyOrigin, WebServer, three_volumes

ONE, TWO, THREE = "tiny-tier1-00001", "tiny-tier1-00002", "tiny-tier2-00003"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> TinyOrigin:
    """An origin whose edition says what its files are."""
    songs = three_volumes()
    for song, licence, genres in zip(
        songs,
        ["CC0-1.0", "CC-BY-4.0", "CC0-1.0", "CC-BY-4.0 AND CC0-1.0", "CC0-1.0", "CC0-1.0", "X"],
        [["Folk"], ["folk", "Jazz"], None, ["Jazz"], None, ["Metal"], None],
        strict=True,
    ):
        song.licence, song.genres = licence, genres
    songs[3].artist, songs[3].aliases = "Ödland", ["The Other Name"]
    songs[4].artist = "Ödland"
    origin = TinyOrigin(tmp_path_factory.mktemp("told") / "origin", barred={1: ["CN"]})
    origin.publish(songs)
    return origin


@pytest.fixture
def wishful(told: TinyOrigin, tmp_path: Path) -> Iterator[Follower]:
    with WebServer(told.root) as server:
        yield Follower(told, server, Tree(tmp_path / "mirror"))


def rows(plan: MirrorPlan) -> dict[str, str | None]:
    return {volume.volume: volume.rows for volume in plan.volumes}


def ask(follower: Follower, **wishes: object) -> dict[str, str | None]:
    return rows(follower.plan(**wishes))


def test_volumes_are_cut_down_to_the_files_that_are_wished_for(wishful: Follower) -> None:
    assert ask(wishful) == {ONE: None, TWO: None, THREE: None}
    wishful.server.served.clear()
    plan = wishful.plan(licences=["CC0-1.0"])
    assert rows(plan) == {ONE: "0", TWO: "0,2", THREE: "0"}
    assert plan.volumes[0].selection == [] and plan.volumes[0].listens == 900
    assert plan.listens_share == pytest.approx(1083 / 1673)
    assert {s.path.split("/")[2] for s in wishful.server.served if "planning" in s.path} == {
        "planning"
    }  # fmt: skip
    assert ask(wishful, licences=["CC-BY-4.0", "CC0-1.0"]) == {ONE: None, TWO: None, THREE: "0"}
    assert ask(wishful, territories=["CN", "US"]) == {ONE: "1", TWO: None, THREE: None}
    assert ask(wishful, genres=["FOLK"]) == {ONE: None}
    assert ask(wishful, genres=["folk"], exclude=["genre:jazz"]) == {ONE: "0"}
    assert ask(wishful, artists=["ödland"]) == ask(wishful, artists=["the other name"])
    [artist] = format_public_ids([4], IdKey(bytes.fromhex(ID_KEY)), Kind.ARTIST)
    assert ask(wishful, artists=[artist, "Artist 1"]) == {ONE: "0", TWO: "1-2"}
    no_more = ["artist:Ödland", "licence:X", ONE]
    assert ask(wishful, exclude=no_more) == {TWO: "0", THREE: "0"}
    assert ask(wishful, licences=["CC0-1.0"], include=[THREE])[THREE] is None
    plan = wishful.plan(artists=["Artist 3"])
    assert {(left.volume, left.reason) for left in plan.left_out} == {
        (ONE, "unwanted"), (THREE, "unwanted"),
    }  # fmt: skip
    edition = wishful.origin.tree.edition("2026-11")
    gone = [p for v in (ONE, THREE) for p in edition.glob(f"[!p]*/{v}.*")]
    everything = sum(p.stat().st_size for p in edition.rglob("*") if p.is_file())
    assert plan.edition_bytes == everything - sum(p.stat().st_size for p in gone)
    for wish, said in (
        ({"artists": ["Nobody at all"]}, "no artist 'Nobody at all'"),
        ({"genres": ["Polka"]}, "has such a genre; genres there are Folk, Jazz, Metal, folk$"),
        ({"licences": ["CC-BY-NC-4.0"]}, "no licence CC-BY-NC-4.0; licences there are .*CC0-1.0"),
        ({"genres": ["Jazz"], "tiers": [2]}, "such a genre"),
    ):
        with pytest.raises(UsageError, match=said):
            wishful.plan(**wish)


def test_a_mirror_holds_the_files_it_wished_for_and_planned_again_lacks_what_it_lacks(
    wishful: Follower,
) -> None:
    plan = wishful.plan(licences=["CC0-1.0"])
    wishful.sync()
    held = sorted(p.stem for p in wishful.tree.volumes.rglob("*.ogg"))
    assert held == ["song-1", "song-3", "song-5", "song-6"] and wishful.verify().clean
    again = wishful.plan(licences=["CC0-1.0"])
    assert (again.volumes, again.fetch_bytes, again.added) == (plan.volumes, 0, [])
    assert again.curve_here == again.curve
    everything = wishful.plan()
    assert everything.fetch_bytes == 70_001 + 32_768 + 5_000
    single = wishful.plan(
        licences=["CC0-1.0"], disk_bytes=plan.bytes - 1, single_files=True, index=True
    )
    assert rows(single) == {ONE: "0", TWO: "0,2"}, "the tag files of a third have no room"
    broken = replace(plan, volumes=[replace(plan.volumes[0], rows="0,7")])
    write_document(wishful.tree.root / "plan.json", broken)
    found = wishful.sync().findings
    assert "rows 7-7: the volume has rows 0 to 1; plan again" in found[0].message


def test_of_an_older_edition_the_mirrors_own_tables_are_asked(
    follower: Follower, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="run `phonotheque sync`"):
        follower.plan(artists=["Artist 4"])
    follower.plan()
    follower.sync()
    assert ask(follower, artists=["artist 4", "artist 7"]) == {TWO: "1", THREE: "1"}
    with pytest.raises(UsageError, match="where each file may be given out"):
        follower.plan(territories=["US"])
    mirror = str(follower.tree.root)
    assert main(["plan", mirror, "--artist", "Artist 5", "--genre", "none", "--dry-run"]) != 0
    assert main(["plan", mirror, "--territory", "DE"]) != 0
    assert main(["plan", mirror, "--forget", "--exclude", "artist:Artist 5"]) == 0
    assert rows(read_plan(follower.tree))[TWO] == "0-1"
    assert "held here first" in capsys.readouterr().out


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_rows_are_read_as_they_were_written(wanted: list[bool]) -> None:
    mask = np.array(wanted)
    assert parse_rows(format_rows(mask), len(mask)).tolist() == wanted


@pytest.mark.parametrize("text", ["a", "3-1", "-1", "1-", "0-9", "٣ x"])
def test_what_is_no_list_of_rows_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_rows(text, 5)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=3), max_size=20))
def test_the_sieve_asks_each_file_for_any_of_its_values(genres: list[list[str]]) -> None:
    table = pa.table({"genres": pa.array(genres, pa.list_(pa.string()))})
    wishes = FileWishes(genres=frozenset("a"), without_genres=frozenset("b"))
    found = Sieve(wishes).sift(table).tolist()
    assert found == ["a" in one and "b" not in one for one in genres]


def test_nothing_is_written_by_asking(wishful: Follower) -> None:
    plan_mirror(wishful.tree, wishful.notes, now=NOW, origin=wishful.server.url, genres=["folk"])
    assert not wishful.tree.root.exists()
