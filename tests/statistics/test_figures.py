"""The figures of an edition are those one would count by hand."""

from pathlib import Path

import msgspec
import pytest

from phonotheque.model.errors import NotFoundError
from phonotheque.statistics import QUERIES, Statistics, read_statistics
from tests.support.editions import TinyRecording, write_tiny_edition


@pytest.fixture
def statistics(tmp_path: Path) -> Statistics:
    write_tiny_edition(tmp_path, [
        TinyRecording("A", "X", listens=60, isrcs=["USABC2000001"], duration_ms=29_999,
                      file=("v-tier1-00001", "data/x/a.ogg", b"a" * 10)),
        TinyRecording("B", "X", listens=30, year=1987, licence="CC0-1.0", duration_ms=30_000,
                      file=("v-tier1-00001", "data/x/b.ogg", b"b" * 5)),
        TinyRecording("C", "Y", listens=10, tier=2, year=None, duration_ms=None,
                      file=("v-tier2-00002", "data/y/c.ogg", b"c" * 2)),
        TinyRecording("D", "Z", listens=0, tier=2, year=1980, licence=None, release=None,
                      duration_ms=5_000_000),
    ])  # fmt: skip
    return read_statistics(tmp_path / "editions" / "2026-11", top=2)


def test_totals_count_every_table(statistics: Statistics) -> None:
    assert msgspec.to_builtins(statistics.totals) == {
        "recordings": 4, "tracks": 4, "releases": 2, "artists": 3, "with_isrc": 1, "volumes": 2,
        "files": 3, "audio_bytes": 17, "audio_ms": 59_999, "withdrawn": 0, "listens": 100,
    }  # fmt: skip


def test_tiers_say_what_they_hold_and_which_share_of_listens_that_is(
    statistics: Statistics,
) -> None:
    first, second = statistics.tiers
    assert (first.recordings, first.files, first.bytes, first.share) == (2, 2, 15, 0.9)
    assert (second.recordings, second.files, second.share_held) == (2, 1, 0.1)
    assert (first.least_listens, second.least_listens) == (30, 0)


def test_licences_count_recordings_without_audio_too(statistics: Statistics) -> None:
    found = {f.licence: (f.recordings, f.files) for f in statistics.licences}
    assert found == {"CC-BY-4.0": (2, 2), "CC0-1.0": (1, 1), None: (1, 0)}


def test_decades_put_the_unknown_last(statistics: Statistics) -> None:
    assert [(d.decade, d.recordings) for d in statistics.decades] == [
        (1980, 2), (2020, 1), (None, 1),
    ]  # fmt: skip


def test_durations_fall_in_bins_of_thirty_seconds(statistics: Statistics) -> None:
    assert [(d.from_seconds, d.recordings) for d in statistics.durations] == [
        (0, 1), (30, 1), (1200, 1),
    ]  # fmt: skip


def test_the_most_listened_come_in_rank_order_and_no_more_than_asked(
    statistics: Statistics,
) -> None:
    assert [(t.rank, t.title, t.held) for t in statistics.top_recordings] == [
        (1, "A", True), (2, "B", True),
    ]  # fmt: skip


def test_every_volume_has_its_line(statistics: Statistics) -> None:
    assert [(v.volume, v.files, v.listens) for v in statistics.volumes] == [
        ("v-tier1-00001", 2, 90), ("v-tier2-00002", 1, 10),
    ]  # fmt: skip


def test_an_edition_without_rows_has_figures_of_nought(tmp_path: Path) -> None:
    write_tiny_edition(tmp_path, [])
    empty = read_statistics(tmp_path / "editions" / "2026-11")
    assert empty.totals.recordings == empty.totals.listens == 0
    assert empty.tiers == []


def test_no_edition_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"edition\.json"):
        read_statistics(tmp_path)


def test_every_query_is_kept_by_the_name_of_its_figure() -> None:
    assert set(QUERIES) == {
        "totals", "by_tier", "by_licence", "by_decade", "durations", "top_recordings", "volumes",
    }  # fmt: skip
