"""Which rows become one recording."""

from pathlib import Path

import pytest

from phonotheque.model.edition import RecordingFlag
from tests.support.catalogues import Archive, row

CODE = "USABC2000001"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def keys(archive: Archive) -> list[str]:
    return sorted(r["key"] for r in archive.table("recordings", archive.build()))


def test_rows_of_one_code_that_agree_are_one_recording_with_all_their_tracks(
    archive: Archive,
) -> None:
    archive.add_rows("a", [row("1", "Söng", isrcs=[CODE], duration_ms=200_000)])
    archive.add_rows("b", [row("1", "song", isrcs=[CODE], duration_ms=203_000)])
    made = archive.build()
    (recording,) = archive.table("recordings", made)
    assert recording["key"] == f"isrc:{CODE}"
    assert recording["isrcs"] == [CODE]
    assert recording["duration_ms"] == 201_500
    assert [t["recording"] for t in archive.table("tracks", made)] == [1, 1]


def test_a_code_on_two_titles_makes_no_recording_and_is_a_finding(archive: Archive) -> None:
    archive.add_rows("a", [row("1", "One", isrcs=[CODE]), row("2", "Two", isrcs=[CODE])])
    made = archive.build()
    recordings = archive.table("recordings", made)
    assert [r["key"] for r in recordings] == ["source:a:1", "source:a:2"]
    assert {r["flags"] for r in recordings} == {int(RecordingFlag.CONFLICT)}
    assert made.conflicts == 1
    (finding,) = archive.findings(made)
    assert finding["code"] == "isrc.conflict"
    assert finding["where"] == f"isrc:{CODE}"


@pytest.mark.parametrize(
    ("durations", "agree"),
    [
        ([100_000, 103_000, 106_000], True),  # 3 s either side of the median
        ([100_000, 103_000, 106_001], False),
        ([500_000, 510_000, 520_200], True),  # 2 % of 510 s
        ([500_000, 510_000, 520_201], False),
        ([None, 100_000, None], True),
        ([100_000, 106_001], False),
        ([1, 3_000_000], False),
    ],
)  # fmt: skip
def test_durations_agree_within_3_s_or_2_percent_of_the_median(
    archive: Archive, durations: list[int | None], agree: bool
) -> None:
    archive.add_rows(
        "a", [row(str(i), isrcs=[CODE], duration_ms=ms) for i, ms in enumerate(durations)]
    )
    assert (keys(archive) == [f"isrc:{CODE}"]) is agree


def test_a_row_with_two_codes_is_known_by_neither(archive: Archive) -> None:
    archive.add_rows("a", [row("1", isrcs=["USABC2000002", CODE]), row("2", isrcs=[CODE])])
    assert keys(archive) == [f"isrc:{CODE}", "source:a:1"]


def test_rows_without_a_code_never_merge(archive: Archive) -> None:
    archive.add_rows("a", [row("1"), row("2")])
    archive.add_rows("b", [row("1")])
    assert keys(archive) == ["source:a:1", "source:a:2", "source:b:1"]


def test_the_best_attested_title_wins_and_then_the_smallest(archive: Archive) -> None:
    titles = ["song", "Song", "SONG", "Song"]
    archive.add_rows("a", [row(str(i), t, isrcs=[CODE]) for i, t in enumerate(titles)])
    made = archive.build()
    assert archive.table("recordings", made)[0]["title"] == "Song"
    assert [t["title"] for t in archive.table("tracks", made)] == ["song", None, "SONG", None]


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
    assert sorted(r["key"] for r in archive.table("releases", made)) == [
        "mbid:m", "name:band|r|", "name:band|r|2001", "name:various artists|r|", "source:a:k",
    ]  # fmt: skip
    assert archive.table("tracks", made)[-1]["release"] is not None
    assert sum(t["release"] is None for t in archive.table("tracks", made)) == 1


def test_the_newest_import_of_a_key_counts_and_others_stay(archive: Archive) -> None:
    archive.add_rows("a", [row("1", "Old"), row("2", "Kept")])
    archive.add_rows("a", [row("1", "New")])
    archive.add_rows("b", [row("1", "Elsewhere")])
    titles = sorted(r["title"] for r in archive.table("recordings", archive.build()))
    assert titles == ["Elsewhere", "Kept", "New"]
