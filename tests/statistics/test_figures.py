"""The figures of an edition are those one would count by hand, and its SQL gives them as shown."""

import re
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from phonotheque import rights
from phonotheque.model.errors import NotFoundError
from phonotheque.statistics import QUERIES, Statistics, read_statistics
from tests.statistics.changed import VOLUME, write_changed_edition
from tests.support.editions import TinyRecording, write_tiny_edition

QUERY_OF = {
    "tiers": "by_tier", "ranks": "by_rank", "listens": "by_listens", "licences": "by_licence",
    "verdicts": "by_verdict", "rules": "by_rule", "decades": "by_decade", "years": "by_year",
    "seconds": "by_second",
}  # fmt: skip
COMPUTED = {"share", "share_held", "share_to_here", "share_held_to_here", "bytes_to_here"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("figures")
    write_tiny_edition(root, [], name="2026-10")
    write_tiny_edition(root, [
        TinyRecording("A", "X", listens=60, isrcs=["USABC2000001"], duration_ms=29_999,
                      file=("v-tier1-00001", "data/x/a.ogg", b"a" * 10)),
        TinyRecording("B", "X", listens=30, year=1987, licence="CC0-1.0", duration_ms=30_000,
                      file=("v-tier1-00001", "data/x/b.ogg", b"b" * 5)),
        TinyRecording("C", "Y", listens=10, tier=2, year=None, duration_ms=None,
                      isrcs=["USABC2000001"], file=("v-tier2-00002", "data/y/c.ogg", b"c" * 2)),
        TinyRecording("D", "Z", listens=0, tier=2, year=1980, licence=None, release=None,
                      duration_ms=5_000_000),
    ], sequence=2)  # fmt: skip
    write_tiny_edition(root, [], name="2026-12", sequence=3)
    return root


@pytest.fixture(scope="module")
def statistics(root: Path) -> Statistics:
    return read_statistics(root / "editions" / "2026-11")


def test_totals_count_every_table(statistics: Statistics) -> None:
    assert msgspec.to_builtins(statistics.totals) == {
        "recordings": 4, "tracks": 4, "releases": 2, "artists": 3, "with_isrc": 2, "volumes": 2,
        "files": 3, "audio_bytes": 17, "audio_ms": 59_999, "withdrawn": 0, "listens": 100,
    }  # fmt: skip


def test_tiers_say_what_they_hold_and_which_share_of_listens_that_is(
    statistics: Statistics,
) -> None:
    first, second = statistics.tiers
    assert (first.recordings, first.files, first.bytes, first.share) == (2, 2, 15, 0.9)
    assert (second.recordings, second.files, second.share_held) == (2, 1, 0.1)
    assert (first.least_listens, second.least_listens) == (30, 0)


def test_ranks_add_up_to_the_share_of_listens_and_the_disk_it_takes(
    statistics: Statistics,
) -> None:
    told = [(r.from_rank, r.share_to_here, r.bytes_to_here) for r in statistics.ranks]
    assert told == [(1, 0.6, 10), (2, 0.9, 15), (3, 1.0, 17), (4, 1.0, 17)]
    assert [r.recordings_held for r in statistics.ranks] == [1, 1, 1, 0]


def test_numbers_are_gathered_by_their_first_digit(statistics: Statistics) -> None:
    told = [(b.from_listens, b.recordings) for b in statistics.listens]
    assert told == [(0, 1), (10, 1), (30, 1), (60, 1)]


def test_licences_count_recordings_without_audio_too(statistics: Statistics) -> None:
    found = {f.licence: (f.recordings, f.files) for f in statistics.licences}
    assert found == {"CC-BY-4.0": (2, 2), "CC0-1.0": (1, 1), None: (1, 0)}


def test_verdicts_are_those_of_all_territories_together(statistics: Statistics) -> None:
    assert statistics.territories == ["ZZ"]
    found = {(v.licence, v.stream, v.distribute): v.recordings for v in statistics.verdicts}
    assert found[("CC-BY-4.0", "ALLOW_IF", "ALLOW_IF")] == 2
    assert [(r.territory, r.rule, r.files) for r in statistics.rules] == [(None, "test.rule", 3)]


def test_rules_of_a_country_are_those_whose_first_two_letters_are_its_own() -> None:
    """``cc.`` and ``ai.`` are none; a new beginning of two letters has to be looked at here."""
    folder = Path(rights.__file__).parent
    ids = [found for path in folder.glob("*.toml")
           for found in re.findall(r'^id = "([^"]+)"', path.read_text(), re.MULTILINE)]  # fmt: skip
    beginnings = {rule[:2] for rule in ids if rule[2:3] == "."}
    assert beginnings - {"ai", "cc"} == {
        "ar", "au", "br", "ca", "ch", "cn", "eu", "gb", "in", "jp", "kr", "mx", "nz", "us", "zz",
    }  # fmt: skip
    rules = ["cc.grant", "us.recording", "licence.world-wide", "ai.x"]
    rows = f"CREATE TABLE held AS SELECT {rules} AS rule_ids"
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute(rows)
        told = {row["rule"]: row["territory"] for row in _rows(connection, QUERIES["by_rule"])}
    assert told == dict.fromkeys(rules) | {"us.recording": "US"}


def test_decades_and_years_put_the_unknown_last(statistics: Statistics) -> None:
    assert [(d.decade, d.recordings) for d in statistics.decades] == [
        (1980, 2), (2020, 1), (None, 1),
    ]  # fmt: skip
    assert [y.year for y in statistics.years] == [1980, 1987, 2020, None]


def test_durations_fall_in_bins_of_thirty_seconds_and_of_one(statistics: Statistics) -> None:
    assert [(d.from_seconds, d.recordings) for d in statistics.durations] == [
        (0, 1), (30, 1), (1200, 1),
    ]  # fmt: skip
    assert [(s.second, s.recordings) for s in statistics.seconds] == [(29, 1), (30, 1)]


def test_a_code_counts_the_tracks_of_all_recordings_that_carry_it(statistics: Statistics) -> None:
    assert [(t.from_tracks, t.isrcs) for t in statistics.tracks_per_isrc] == [(2, 1)]
    assert [(t.from_tracks, t.recordings) for t in statistics.tracks_per_recording] == [(1, 4)]


def test_formats_say_bytes_and_time(statistics: Statistics) -> None:
    (vorbis,) = statistics.formats
    assert (vorbis.codec, vorbis.files, vorbis.bytes, vorbis.audio_ms) == ("vorbis", 3, 17, 59_999)
    assert [(b.from_kbits, b.files) for b in statistics.bitrates] == [(0, 2)]


def test_growth_ends_with_the_edition_itself(statistics: Statistics) -> None:
    assert [(e.edition, e.recordings) for e in statistics.growth] == [
        ("2026-10", 0),
        ("2026-11", 4),
    ]


def test_the_most_listened_come_in_order(statistics: Statistics) -> None:
    assert [(t.rank, t.title, t.held) for t in statistics.top_recordings] == [
        (1, "A", True), (2, "B", True), (3, "C", True), (4, "D", False),
    ]  # fmt: skip
    assert [(a.name, a.recordings, a.listens) for a in statistics.top_artists] == [
        ("X", 2, 90), ("Y", 1, 10), ("Z", 1, 0),
    ]  # fmt: skip
    assert [(r.artist_credit, r.listens) for r in statistics.top_releases] == [("X", 90), ("Y", 10)]


def test_every_volume_has_its_line(statistics: Statistics) -> None:
    assert [(v.volume, v.files, v.listens) for v in statistics.volumes] == [
        ("v-tier1-00001", 2, 90), ("v-tier2-00002", 1, 10),
    ]  # fmt: skip


def test_the_sql_as_shown_gives_each_figure(
    statistics: Statistics, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With DuckDB alone, in the edition's folder."""
    monkeypatch.chdir(root / "editions" / "2026-11")
    told = msgspec.to_builtins(statistics)
    shown = statistics.sql
    assert set(shown) == {"views", *QUERIES}
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute(shown["views"])
        for field, rows in told.items():
            query = QUERY_OF.get(field, field)
            if query not in shown:
                continue
            found = _rows(connection, shown[query])
            expected = [rows] if field == "totals" else rows
            for line in expected:
                for name in COMPUTED:
                    line.pop(name, None)
            assert found == expected, field
    assert str(root) not in shown["views"]


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_merged_withdrawn_and_superseded_files_count_as_readers_see_them(
    tmp_path: Path,
) -> None:
    """A file stands for ever under the number that its recording had; a redirect leads on."""
    edition = write_changed_edition(tmp_path)
    counted = read_statistics(edition)
    assert counted.totals.recordings == 4
    assert (counted.totals.files, counted.totals.withdrawn) == (2, 1)
    assert sum(tier.files for tier in counted.tiers) == 2
    assert [volume.volume for volume in counted.volumes] == [VOLUME]
    assert {top.title: top.held for top in counted.top_recordings} == {
        "A": True, "B again": True, "C": False, "D": False,
    }  # fmt: skip


def test_a_mirror_of_a_part_says_that_files_are_not_all_counted(tmp_path: Path) -> None:
    write_tiny_edition(tmp_path, [
        TinyRecording("A", file=("v-tier1-00001", "data/a.ogg", b"a")),
        TinyRecording("B", file=("v-tier1-00002", "data/b.ogg", b"b")),
    ])  # fmt: skip
    edition = tmp_path / "editions" / "2026-11"
    (edition / "files" / "v-tier1-00002.parquet").unlink()
    counted = read_statistics(edition)
    assert (counted.volumes_lacking, counted.totals.files) == (1, 1)


def test_an_edition_without_rows_has_figures_of_nought(root: Path) -> None:
    empty = read_statistics(root / "editions" / "2026-10")
    assert empty.totals.recordings == empty.totals.listens == 0
    assert empty.tiers == []


def test_no_edition_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"edition\.json"):
        read_statistics(tmp_path)
