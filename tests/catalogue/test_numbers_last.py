"""Numbers are for ever: whatever is imported later, nobody's number changes hands."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.edition import BuildManifest, RecordingFlag
from phonotheque.model.matching import digest64
from phonotheque.model.text import normalise
from tests.support.catalogues import Archive, Row, row
from tests.support.properties import costly

CODE, CODE_2 = "USABC2000001", "USABC2000002"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path, rows_per_shard=4)


def recordings(archive: Archive, made: BuildManifest) -> dict[str, int]:
    """The rows of each recording, one after another → its number."""
    return {" ".join(keys): number for number, keys in archive.members(made).items()}


def redirects(archive: Archive, made: BuildManifest, kind: str = "r") -> dict[int, int]:
    return {r["old"]: r["new"] for r in archive.table("redirects", made) if r["kind"] == kind}


def test_new_numbers_follow_artist_year_release_disc_and_position_within_a_bucket(
    archive: Archive,
) -> None:
    archive.add_rows("a", [
        row("p", "Undated", "B"),
        row("q", "Second disc", "B", release_title="R", release_year=2000, disc=2, position=1),
        row("r", "Track 10", "B", release_title="R", release_year=2000, disc=1, position=10),
        row("s", "Track 9", "B", release_title="R", release_year=2000, disc=1, position=9),
        row("t", "Older", "B", release_title="Z", release_year=1990),
        row("u", "First artist", "A"),
    ])  # fmt: skip
    made = archive.table("recordings", archive.build())
    first, last = sorted("AB", key=lambda name: digest64(normalise(name)) & 255)
    titles = {
        "A": ["First artist"],
        "B": ["Older", "Track 9", "Track 10", "Second disc", "Undated"],
    }
    assert [r["title"] for r in made] == titles[first] + titles[last]
    assert [r["number"] for r in made] == [1, 2, 3, 4, 5, 6]


@pytest.mark.full
def test_a_code_that_turns_up_later_does_not_change_the_number(archive: Archive) -> None:
    archive.add_rows("a", [row("1"), row("2", "Other")])
    before = recordings(archive, archive.build())
    archive.add_rows("a", [row("1", isrcs=[CODE])])
    made = archive.build()
    assert recordings(archive, made) == before
    codes = {r["number"]: r["isrcs"] for r in archive.table("recordings", made)}
    assert codes == {before["a:1"]: [CODE], before["a:2"]: []}


def test_two_recordings_that_prove_one_keep_the_smaller_number_and_redirect_the_other(
    archive: Archive,
) -> None:
    archive.add_rows("a", [row("1", artist="Z"), row("2", artist="A")])
    before = recordings(archive, archive.build())
    archive.add_rows("a", [row("1", artist="Z", isrcs=[CODE]), row("2", artist="A", isrcs=[CODE])])
    made = archive.build()
    assert sorted(before.values()) == [1, 2]
    assert recordings(archive, made) == {"a:1 a:2": 1}
    assert redirects(archive, made) == {2: 1}


@pytest.mark.full
def test_a_recording_that_falls_apart_keeps_one_number_and_gets_new_ones(archive: Archive) -> None:
    archive.add_rows("a", [row("1", isrcs=[CODE]), row("2", isrcs=[CODE])])
    archive.add_rows("b", [row("1", "Another one")])
    before = recordings(archive, archive.build())
    archive.add_rows("a", [row("2", "Not the same", isrcs=[CODE])])
    made = archive.build()
    now = recordings(archive, made)
    assert set(now) == {"a:1", "a:2", "b:1"}
    assert now["b:1"] == before["b:1"]
    assert {now["a:1"], now["a:2"]} == {before["a:1 a:2"], 3}
    assert redirects(archive, made) == {}


@pytest.mark.full
def test_redirects_never_form_chains(archive: Archive) -> None:
    archive.add_rows("a", [row(name, artist=name) for name in "ABC"])
    before = recordings(archive, archive.build())
    one, two, three = (key.removeprefix("a:") for key in sorted(before, key=before.__getitem__))
    archive.add_rows("a", [row(name, artist=name, isrcs=[CODE]) for name in (two, three)])
    assert redirects(archive, archive.build()) == {3: 2}
    archive.add_rows("a", [row(one, artist=one, isrcs=[CODE])])
    assert redirects(archive, archive.build()) == {2: 1, 3: 1}


@pytest.mark.full
def test_a_code_of_the_past_does_not_take_a_number_from_the_row_that_has_it(
    archive: Archive,
) -> None:
    archive.add_rows("a", [row("1", artist="A", isrcs=[CODE]), row("2", artist="B")])
    before = recordings(archive, archive.build())
    archive.add_rows("a", [row("1", artist="A")])
    archive.build()
    archive.add_rows("b", [row(str(i), artist=name, isrcs=[CODE]) for i, name in enumerate("CDEF")])
    after = recordings(archive, archive.build())
    assert before.items() <= after.items()
    assert len(after) == 3


@pytest.mark.full
def test_a_row_that_went_and_comes_back_has_its_number_again(archive: Archive) -> None:
    archive.add_rows("a", [row("1", "One"), row("2", "Two"), row("3", "Three")])
    before = recordings(archive, archive.build())
    archive.add_rows("a", [], gone=["2"])
    made = archive.build()
    assert redirects(archive, made) == {before["a:2"]: 0}
    archive.add_rows("a", [row("4", "Four")])
    assert recordings(archive, archive.build())["a:4"] == 4
    archive.add_rows("a", [row("2", "Two")])
    made = archive.build()
    assert recordings(archive, made) == {**before, "a:4": 4}
    assert redirects(archive, made) == {}


@pytest.mark.full
def test_a_release_that_nothing_names_any_more_is_gone_and_comes_back_as_it_was(
    archive: Archive,
) -> None:
    def releases(made: BuildManifest) -> dict[str, int]:
        return {r["title"]: r["number"] for r in archive.table("releases", made)}

    archive.add_rows("a", [row("1", release_title="Wrong"), row("2", release_title="Right")])
    first = releases(archive.build())
    archive.add_rows("a", [row("1", release_title="Right")])
    second = archive.build()
    assert releases(second) == {"Right": first["Right"]}
    assert redirects(archive, second, "d") == {first["Wrong"]: 0}
    archive.add_rows("a", [row("3", release_title="New")])
    assert releases(archive.build())["New"] == 3
    archive.add_rows("a", [row("1", release_title="Wrong")])
    last = archive.build()
    assert releases(last) == {**first, "New": 3}
    assert redirects(archive, last, "d") == {}


def test_withdrawn_recordings_keep_their_metadata_and_are_denied(archive: Archive) -> None:
    archive.add_rows("a", [row("1"), row("2", "Other")])
    archive.withdrawn = [1]
    first, second = archive.table("recordings", archive.build())
    assert (first["title"], first["stream"], first["distribute"]) == ("Song", "DENY", "DENY")
    assert first["flags"] == int(RecordingFlag.WITHDRAWN)
    assert second["flags"] == 0


@pytest.mark.full
def test_a_conflict_does_not_bring_withdrawn_music_back_under_a_new_number(
    archive: Archive,
) -> None:
    archive.add_rows("a", [row("1", isrcs=[CODE]), row("2", isrcs=[CODE])])
    archive.build()
    archive.withdrawn = [1]
    archive.add_rows("a", [row("2", "Renamed", isrcs=[CODE])])
    made = archive.table("recordings", archive.build())
    assert [r["number"] for r in made] == [1, 2]
    assert all(r["flags"] & RecordingFlag.WITHDRAWN for r in made)


SOURCE_KEYS = st.sampled_from(["1", "2", "3", "4", "5"])
ROWS = st.builds(
    lambda key, title, artist, codes, ms, release: row(
        key, title, artist, isrcs=codes, duration_ms=ms, release_title=release
    ),
    SOURCE_KEYS,
    st.sampled_from(["Song", "song", "Other"]),
    st.sampled_from(["A", "B"]),
    st.sampled_from([[], [CODE], [CODE], [CODE_2], [CODE, CODE_2]]),
    st.sampled_from([None, 1000, 2000, 100_000]),
    st.sampled_from([None, "R", "S"]),
)
IMPORTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.lists(ROWS, min_size=1, max_size=5, unique_by=lambda r: r["source_key"]),
    ),
    min_size=2,
    max_size=4,
)


@pytest.mark.full
@pytest.mark.timeout(2700)  # the full profile asks for 40 histories
@costly(25)
@given(IMPORTS)
def test_numbers_are_never_changed_reused_or_lost(imports: list[tuple[str, list[Row]]]) -> None:
    with TemporaryDirectory() as folder:
        _check_history(Archive(Path(folder), rows_per_shard=3), imports)


def _check_history(archive: Archive, imports: list[tuple[str, list[Row]]]) -> None:
    highest: dict[str, int] = {}
    tracks: dict[tuple[str, str], int] = {}
    ever: set[int] = set()
    for source, rows in imports:
        archive.add_rows(source, rows)
        made = archive.build()
        for kind, table in {"r": "recordings", "d": "releases", "a": "artists"}.items():
            found = archive.table(table, made)
            moved = redirects(archive, made, kind)
            live = [r["number"] for r in found]
            assert len(set(live)) == len(live)
            assert not set(live) & set(moved)
            assert all(new == 0 or new in live for new in moved.values())
            known = set(live) | set(moved)
            assert set(range(1, highest.get(kind, 0) + 1)) <= known, "a number was lost"
            highest[kind] = max(known, default=0)
            assert known == set(range(1, highest[kind] + 1)), "numbers have gaps"
        now = {(t["source"], t["source_key"]): t["number"] for t in archive.table("tracks", made)}
        assert tracks.items() <= now.items(), "a track changed its number"
        tracks = now
        recorded = {t["recording"] for t in archive.table("tracks", made)}
        assert recorded == {r["number"] for r in archive.table("recordings", made)}
        merged = set(redirects(archive, made))
        assert not (recorded & ever), "a number that was redirected came back"
        ever |= merged
