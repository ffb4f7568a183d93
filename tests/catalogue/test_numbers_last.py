"""Numbers are for ever: whatever is imported later, nobody's number changes hands."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotheque.model.edition import BuildManifest, RecordingFlag
from tests.support.catalogues import Archive, Row, numbers, row
from tests.support.properties import costly

CODE, CODE_2 = "USABC2000001", "USABC2000002"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path, rows_per_shard=4)


def recordings(archive: Archive, made: BuildManifest) -> dict[str, int]:
    return numbers(archive.table("recordings", made))


def redirects(archive: Archive, made: BuildManifest, kind: str = "r") -> dict[int, int]:
    return {r["old"]: r["new"] for r in archive.table("redirects", made) if r["kind"] == kind}


def test_new_numbers_follow_artist_year_release_disc_and_position(archive: Archive) -> None:
    archive.add_rows("a", [
        row("p", "Undated", "B"),
        row("q", "Second disc", "B", release_title="R", release_year=2000, disc=2, position=1),
        row("r", "Track 10", "B", release_title="R", release_year=2000, disc=1, position=10),
        row("s", "Track 9", "B", release_title="R", release_year=2000, disc=1, position=9),
        row("t", "Older", "B", release_title="Z", release_year=1990),
        row("u", "First artist", "A"),
    ])  # fmt: skip
    made = archive.table("recordings", archive.build())
    assert [r["title"] for r in made] == [
        "First artist", "Older", "Track 9", "Track 10", "Second disc", "Undated",
    ]  # fmt: skip
    assert [r["number"] for r in made] == [1, 2, 3, 4, 5, 6]


def test_a_code_that_turns_up_later_changes_the_key_but_not_the_number(archive: Archive) -> None:
    archive.add_rows("a", [row("1"), row("2", "Other")])
    before = recordings(archive, archive.build())
    archive.add_rows("a", [row("1", isrcs=[CODE])])
    after = recordings(archive, archive.build())
    assert after == {f"isrc:{CODE}": before["source:a:1"], "source:a:2": before["source:a:2"]}


def test_two_recordings_that_prove_one_keep_the_smaller_number_and_redirect_the_other(
    archive: Archive,
) -> None:
    archive.add_rows("a", [row("1", artist="Z"), row("2", artist="A")])
    before = recordings(archive, archive.build())
    archive.add_rows("a", [row("1", artist="Z", isrcs=[CODE]), row("2", artist="A", isrcs=[CODE])])
    made = archive.build()
    assert before == {"source:a:2": 1, "source:a:1": 2}
    assert recordings(archive, made) == {f"isrc:{CODE}": 1}
    assert redirects(archive, made) == {2: 1}


def test_a_recording_that_falls_apart_keeps_one_number_and_gets_new_ones(archive: Archive) -> None:
    archive.add_rows("a", [row("1", isrcs=[CODE]), row("2", isrcs=[CODE])])
    archive.add_rows("b", [row("1", "Another one")])
    archive.build()
    archive.add_rows("a", [row("2", "Not the same", isrcs=[CODE])])
    made = archive.build()
    assert recordings(archive, made) == {"source:a:1": 1, "source:b:1": 2, "source:a:2": 3}
    assert redirects(archive, made) == {}


def test_redirects_never_form_chains(archive: Archive) -> None:
    archive.add_rows("a", [row("1", artist="A"), row("2", artist="B"), row("3", artist="C")])
    archive.build()
    archive.add_rows("a", [row("2", artist="B", isrcs=[CODE]), row("3", artist="C", isrcs=[CODE])])
    assert redirects(archive, archive.build()) == {3: 2}
    archive.add_rows("a", [row("1", artist="A", isrcs=[CODE])])
    assert redirects(archive, archive.build()) == {2: 1, 3: 1}


def test_a_release_that_nothing_names_any_more_is_gone_and_comes_back_as_it_was(
    archive: Archive,
) -> None:
    archive.add_rows("a", [row("1", release_title="Wrong"), row("2", release_title="Right")])
    first = numbers(archive.table("releases", archive.build()))
    archive.add_rows("a", [row("1", release_title="Right")])
    second = archive.build()
    assert numbers(archive.table("releases", second)) == {"name:band|right|": 1}
    assert redirects(archive, second, "d") == {2: 0}
    archive.add_rows("a", [row("3", release_title="New")])
    assert numbers(archive.table("releases", archive.build()))["name:band|new|"] == 3
    archive.add_rows("a", [row("1", release_title="Wrong")])
    last = archive.build()
    assert numbers(archive.table("releases", last)) == {**first, "name:band|new|": 3}
    assert redirects(archive, last, "d") == {}


def test_withdrawn_recordings_keep_their_metadata_and_are_denied(archive: Archive) -> None:
    archive.add_rows("a", [row("1"), row("2", "Other")])
    archive.withdrawn = [1]
    first, second = archive.table("recordings", archive.build())
    assert (first["title"], first["stream"], first["distribute"]) == ("Song", "DENY", "DENY")
    assert first["flags"] == int(RecordingFlag.WITHDRAWN)
    assert second["flags"] == 0


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


@pytest.mark.timeout(900)  # the full profile asks for 40 histories
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
