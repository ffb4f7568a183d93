"""Which rows become one recording."""

from pathlib import Path

import pytest

from phonotheque.model.edition import BuildManifest, RecordingFlag
from phonotheque.model.matching import digest64
from tests.support.catalogues import Archive, row

CODE = "USABC2000001"
MBID_1, MBID_2 = (f"b1a9c0e9-d987-4042-ae91-78d6a3267d{i}" for i in (11, 22))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def groups(archive: Archive, made: BuildManifest) -> list[str]:
    return sorted(" ".join(keys) for keys in archive.members(made).values())


def test_rows_of_one_code_that_agree_are_one_recording_with_all_their_tracks(
    archive: Archive,
) -> None:
    archive.add_rows("a", [row("1", "Söng", isrcs=[CODE], duration_ms=200_000)])
    archive.add_rows("b", [
        row("1", "song", isrcs=[CODE], duration_ms=203_000), row("2", "Söng", isrcs=[CODE]),
    ])  # fmt: skip
    made = archive.build()
    (recording,) = archive.table("recordings", made)
    assert (recording["title"], recording["isrcs"]) == ("Söng", [CODE])
    assert recording["duration_ms"] == 200_000
    tracks = {f"{t['source']}:{t['source_key']}": t for t in archive.table("tracks", made)}
    assert [(t["title"], t["duration_ms"]) for _, t in sorted(tracks.items())] == [
        (None, None), ("song", 203_000), (None, None),
    ]  # fmt: skip
    assert {(t["recording"], t["met"]) for t in tracks.values()} == {(1, "isrc")}


def test_a_code_on_two_titles_is_in_conflict_and_what_agrees_still_meets(archive: Archive) -> None:
    archive.add_rows("a", [
        row("1", "One", isrcs=[CODE]), row("2", "Two", isrcs=[CODE]),
        row("3", "One", "Other band", isrcs=[CODE]), row("4", "Elsewhere"),
    ])  # fmt: skip
    made = archive.build()
    assert groups(archive, made) == ["a:1 a:3", "a:2", "a:4"]
    flags = {r["title"]: r["flags"] for r in archive.table("recordings", made)}
    conflict = int(RecordingFlag.CONFLICT)
    assert flags == {"One": conflict, "Two": conflict, "Elsewhere": 0}
    met = {t["source_key"]: t["met"] for t in archive.table("tracks", made)}
    assert met == {"1": "isrc", "2": None, "3": "isrc", "4": None}
    assert made.conflicts == 1
    (finding,) = archive.findings(made)
    assert (finding["code"], finding["where"]) == ("isrc.conflict", f"isrc:{CODE}")


def test_a_text_under_two_codes_is_ambiguous_and_named_by_the_smaller(archive: Archive) -> None:
    archive.add_rows("a", [
        row("1", "Red Moon", isrcs=[CODE], duration_ms=100_000),
        row("2", "Red Moon", isrcs=["USABC2000002"], duration_ms=100_000),
        row("3", "Red Moon", duration_ms=100_000),
    ])  # fmt: skip
    made = archive.build()
    assert groups(archive, made) == ["a:1 a:3", "a:2"]
    (finding,) = archive.findings(made)
    assert (finding["code"], finding["where"]) == ("identity.ambiguous", CODE)
    assert made.conflicts == 0


def test_ids_that_were_merged_away_are_those_they_became(archive: Archive) -> None:
    archive.add_rows("a", [
        row("1", "One", recording_mbid=MBID_1, release_mbid=MBID_1, release_title="R"),
        row("2", "Two", recording_mbid=MBID_2, release_mbid=MBID_2, release_title="R"),
    ])  # fmt: skip
    told = [("recording", MBID_1, MBID_2), ("release", MBID_1, MBID_2)]
    archive.add_redirects("mb", told)
    archive.add_redirects("other", told)  # said twice is said once
    made = archive.build()
    assert groups(archive, made) == ["a:1 a:2"]
    assert archive.table("recordings", made)[0]["recording_mbid"] == MBID_2
    assert [r["key"] for r in archive.table("releases", made)] == [f"mbid:{MBID_2}"]


def test_credits_name_their_artists_apart(archive: Archive) -> None:
    both = [
        {"key": "mbid:x", "name": "Ann", "join": " & "},
        {"key": None, "name": "BOB", "join": ""},
    ]
    archive.add_rows("a", [
        row("1", "Both", "Ann & Bob", artists=both), row("2", "One", "Bob"),
        row("3", "None named", "Cy", artists=[]),
    ])  # fmt: skip
    made = archive.build()
    artists = {r["number"]: r["key"] for r in archive.table("artists", made)}
    named = {
        r["title"]: sorted(artists[number] for number in r["artist_numbers"])
        for r in archive.table("recordings", made)
    }
    assert named == {
        "Both": ["mbid:x", "name:bob"], "One": ["name:bob"], "None named": ["name:cy"],
    }  # fmt: skip


def test_the_best_attested_title_wins_and_then_the_smallest(archive: Archive) -> None:
    titles = ["song", "Song", "SONG", "Song"]
    archive.add_rows("a", [row(str(i), t, isrcs=[CODE]) for i, t in enumerate(titles)])
    made = archive.build()
    assert archive.table("recordings", made)[0]["title"] == "Song"
    told = {t["source_key"]: t["title"] for t in archive.table("tracks", made)}
    assert told == {"0": "song", "1": None, "2": "SONG", "3": None}


def test_the_first_year_is_the_smallest_that_any_row_knows(archive: Archive) -> None:
    archive.add_rows("a", [
        row("1", isrcs=[CODE], year=1999, release_year=2004),
        row("2", isrcs=[CODE], release_year=1987), row("3", isrcs=[CODE]),
    ])  # fmt: skip
    assert archive.table("recordings", archive.build())[0]["first_release_year"] == 1987


def test_collections_are_distinct_and_sorted(archive: Archive) -> None:
    archive.add_rows("a", [
        row(str(i), isrcs=[CODE], collection=c) for i, c in enumerate(["b", None, "a", "b"])
    ])  # fmt: skip
    archive.add_rows("b", [row("1", "Other", collection="z"), row("2", "None")])
    found = {r["title"]: r["collections"] for r in archive.table("recordings", archive.build())}
    assert found == {"Song": ["a", "b"], "Other": ["z"], "None": []}


def test_a_release_is_known_by_mbid_then_by_the_sources_key_then_by_name(
    archive: Archive,
) -> None:
    archive.add_rows("a", [
        row("1", release_title="R", release_key="k", release_mbid="m", release_year=2001),
        row("2", release_title="R", release_key="k", release_year=2001),
        row("3", release_title="R", release_year=2001),
        row("4", release_title="R"),
        row("5", release_title="R", release_artist="Various Ärtists", artist="Other"),
        row("6"),
    ])  # fmt: skip
    made = archive.build()
    keys = [
        "name:band|r|2001", "name:band|r|", "name:various artists|r|",
    ]  # fmt: skip
    assert sorted(r["key"] for r in archive.table("releases", made)) == sorted(
        ["mbid:m", "source:a:k", *(f"name:{digest64(key)}" for key in keys)]
    )
    assert sum(t["release"] is None for t in archive.table("tracks", made)) == 1


def test_the_newest_import_of_a_key_counts_and_others_stay(archive: Archive) -> None:
    archive.add_rows("a", [row("1", "Old"), row("2", "Kept")])
    archive.add_rows("a", [row("1", "New")])
    archive.add_rows("b", [row("1", "Elsewhere")])
    titles = sorted(r["title"] for r in archive.table("recordings", archive.build()))
    assert titles == ["Elsewhere", "Kept", "New"]


def test_a_piece_of_many_concerts_is_not_told_by_durations_that_agree_by_chance(
    archive: Archive,
) -> None:
    archive.add_rows("a", [
        row(f"c{i}", "Dark Horse", "Nora Kest", duration_ms=600_000 + 10_000 * (i // 2),
            release_title=f"R{i}")
        for i in range(24)
    ])  # fmt: skip
    assert all(len(rows) == 1 for rows in archive.members(archive.build()).values())


def test_what_most_releases_agree_on_meets_though_some_concerts_differ(archive: Archive) -> None:
    studio = [
        row(
            f"s{i}",
            "Harbour Lights",
            "Nora Kest",
            duration_ms=125_000 + 400 * i,
            release_title=f"R{i}",
        )
        for i in range(6)
    ]
    live = [
        row(
            f"l{i}",
            "Harbour Lights",
            "Nora Kest",
            duration_ms=190_000 + 9_000 * i,
            release_title=f"L{i}",
        )
        for i in range(3)
    ]
    archive.add_rows("a", [*studio, *live])
    found = sorted(archive.members(archive.build()).values(), key=len)
    assert [len(rows) for rows in found] == [1, 1, 1, 6]


def test_a_release_lists_a_recording_twice_only_in_the_same_words_and_duration(
    archive: Archive,
) -> None:
    archive.add_rows("a", [
        row(key, title, "Nora Kest", duration_ms=ms, release_key=release, release_title=release,
            position=position)
        for key, title, ms, release, position in [
            ("1", "Harbour Lights", 200_000, "r", 5),
            ("2", "Harbour Lights", 200_000, "r", 6),
            ("3", "Harbour Lights", 200_500, "r", 7),
            ("4", "Harbour lights", 200_000, "r", 8),
            ("5", "Harbour lights", 200_500, "s", 7),
        ]
    ])  # fmt: skip
    found = archive.members(archive.build()).values()
    assert sorted(found) == [["a:1", "a:2", "a:5"], ["a:3"], ["a:4"]]


@pytest.mark.full
def test_an_id_that_was_merged_away_is_kept_and_its_listens_are_followed(archive: Archive) -> None:
    old, new = (f"b1a9c0e9-d987-4042-ae91-78d6a3267d{i}" for i in (10, 20))
    archive.add_redirects("ids", [("recording", old, new)])
    archive.add_rows("a", [row("1", recording_mbid=new)])
    archive.add_rows("b", [row("1", "Another title", recording_mbid=old)])
    archive.add_listens("l", [("mbid", old, 3), ("mbid", new, 4)])
    made = archive.build()
    assert archive.members(made) == {1: ["a:1", "b:1"]}
    assert archive.table("merged_ids", made) == [{"entity": "recording", "old": old, "new": new}]
    (standing,) = archive.table("standing", made)
    assert standing["listens"] == 7
