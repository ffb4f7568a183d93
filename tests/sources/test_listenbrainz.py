"""The readers of ListenBrainz's dumps: what is counted, what is left out and by which rule."""

import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotheque.model.findings import Finding, FindingCode
from phonotheque.sources import listenbrainz_cleaning as cleaning
from phonotheque.sources.listenbrainz import LISTENBRAINZ_LISTENS, LISTENBRAINZ_POPULARITY
from phonotheque.sources.listenbrainz_listens import mbid_keys, uuid_halves
from phonotheque.sources.streams import read_head
from tests.sources.dumps import COMPRESSIONS, GOLDEN, as_golden, lines_of, read_all, tar_of

MADE = GOLDEN / "listenbrainz"
MBID = "00000000-0000-4000-8000-{:012d}"
NOON = 1_714_564_800  # 2024-05-01 12:00 UTC
DAY = 86_400


def a_listen(user: int, at: int, recording: int, **info: Any) -> dict[str, Any]:
    info = {"recording_mbid": MBID.format(recording)} | info
    return {"user_id": user, "timestamp": at, "track_metadata": {"additional_info": info}}


def counted(tmp_path: Path, listens: list[Any]) -> tuple[dict[int, tuple[int, int]], Counter[str]]:
    """({recording: (listens, listeners)}, {rule: listens left out})."""
    path = tmp_path / "1.listens"
    path.write_bytes(lines_of(listens))
    rows, findings = read_all(LISTENBRAINZ_LISTENS, path)
    counts = {int(row["key"][-12:]): (row["listens"], row["listeners"]) for row in rows}
    return counts, rules_of(findings)


def rules_of(findings: list[Finding]) -> Counter[str]:
    found: Counter[str] = Counter()
    for finding in findings:
        if finding.code is FindingCode.LISTENS_LEFT_OUT:
            number, _, rest = finding.message.partition(" listens left out (")
            found[rest.partition(")")[0]] += int(number.replace(",", ""))
    return +found


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "listenbrainz-listens-dump-1.tar"
    path.write_bytes(made_archive())
    return path


def made_archive() -> bytes:
    top = "listenbrainz-listens-dump-1"
    return tar_of(
        {
            f"{top}/TIMESTAMP": (MADE / "TIMESTAMP").read_bytes(),
            f"{top}/COPYING": b"CC0\n",
            f"{top}/listens/2024/5.listens": (MADE / "5.listens").read_bytes(),
        }
    )


def test_a_dump_gives_the_counts_and_findings_that_were_checked_by_hand(dump: Path) -> None:
    found = as_golden(*read_all(LISTENBRAINZ_LISTENS, dump))
    assert found == (MADE / "listens.expected").read_text()


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_the_compression_makes_no_difference(dump: Path, how: str) -> None:
    expected = read_all(LISTENBRAINZ_LISTENS, dump)
    dump.write_bytes(COMPRESSIONS[how](dump.read_bytes()))
    assert LISTENBRAINZ_LISTENS.recognises(dump, read_head(dump))
    assert read_all(LISTENBRAINZ_LISTENS, dump) == expected


def test_counting_goes_on_behind_any_row_of_the_result(dump: Path) -> None:
    rows, _ = read_all(LISTENBRAINZ_LISTENS, dump)
    for after in range(len(rows) + 2):
        assert read_all(LISTENBRAINZ_LISTENS, dump, after)[0] == rows[after:]


def test_a_dump_without_its_time_says_that_the_future_was_not_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "5.listens"
    path.write_bytes((MADE / "5.listens").read_bytes())
    assert LISTENBRAINZ_LISTENS.recognises(path, read_head(path))
    _, findings = read_all(LISTENBRAINZ_LISTENS, path)
    assert "no TIMESTAMP" in findings[-1].message


def test_what_came_before_a_cut_is_counted(tmp_path: Path) -> None:
    archive = tar_of({"TIMESTAMP": b"2026-01-01", "listens/2024/5.listens": lines_of(
        a_listen(1, NOON + n, n) for n in range(1, 40)
    )})  # fmt: skip
    path = tmp_path / "listenbrainz-listens.tar"
    for cut in range(1_600, 4_000, 400):
        path.write_bytes(archive[:cut])
        rows, findings = read_all(LISTENBRAINZ_LISTENS, path)
        assert [row["listens"] for row in rows] == [1] * archive[1_536:cut].count(b"\n")
        assert FindingCode.FILE_UNREADABLE in {finding.code for finding in findings}


def test_a_folder_is_a_full_dump_with_the_incremental_ones_behind_it(tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    folder.mkdir()
    assert not LISTENBRAINZ_LISTENS.recognises(folder, b"")
    full = lines_of([a_listen(1, NOON, 5), a_listen(1, NOON + 100, 6)])
    later = lines_of([a_listen(1, NOON + 100, 6), a_listen(2, NOON + 200, 5)])
    (folder / "listenbrainz-listens-dump-1-full.tar").write_bytes(tar_of({"a/1.listens": full}))
    (folder / "listenbrainz-listens-dump-2-incremental.tar.gz").write_bytes(b"\x1f\x8bdamaged")
    (folder / "listenbrainz-listens-dump-3-incremental.tar.zst").write_bytes(
        COMPRESSIONS["zst"](tar_of({"b/1.listens": later, "b/END_TIMESTAMP": b"2026-01-01"}))
    )
    (folder / "notes.txt").write_text("{not a dump}")
    assert LISTENBRAINZ_LISTENS.recognises(folder, b"")
    rows, findings = read_all(LISTENBRAINZ_LISTENS, folder)
    assert [(row["key"][-1], row["listens"], row["listeners"]) for row in rows] == [
        ("5", 2, 2),
        ("6", 1, 1),
    ]
    assert [(finding.code, finding.where) for finding in findings] == [
        (FindingCode.FILE_UNREADABLE, "listenbrainz-listens-dump-2-incremental.tar.gz"),
        (FindingCode.LISTENS_LEFT_OUT, "dumps"),
    ]


# ----------------------------------------------------------------------------------------- rules


def test_the_same_second_told_twice_counts_once(tmp_path: Path) -> None:
    counts, left_out = counted(tmp_path, [a_listen(1, NOON, 5)] * 3 + [a_listen(2, NOON, 5)])
    assert counts == {5: (2, 2)}
    assert left_out == {"twice": 2}


@pytest.mark.parametrize(
    ("info", "gap"),
    [
        ({}, 30),
        ({"duration_ms": 200_000}, 100),
        ({"duration": "200"}, 100),
        ({"duration_ms": 3_600_000}, 240),
        ({"duration_ms": 20_000}, 10),
        ({"duration_ms": "nonsense"}, 30),
        ({"duration_ms": -5, "duration": 200}, 30),
        ({"duration": 1e300}, 240),
    ],
)
def test_a_piece_cannot_be_heard_again_before_half_of_it_was_played(
    tmp_path: Path, info: dict[str, Any], gap: int
) -> None:
    again = [a_listen(1, NOON, 5), a_listen(1, NOON + gap, 5, **info)]
    assert counted(tmp_path, again) == ({5: (2, 1)}, Counter())
    soon = [a_listen(1, NOON, 5), a_listen(1, NOON + gap - 1, 5, **info)]
    assert counted(tmp_path, soon) == ({5: (1, 1)}, Counter({"too-soon": 1}))


def test_a_robot_that_repeats_a_piece_for_ever_is_counted_once(tmp_path: Path) -> None:
    counts, left_out = counted(tmp_path, [a_listen(1, NOON + 10 * n, 5) for n in range(1_000)])
    assert counts == {5: (1, 1)}
    assert left_out == {"too-soon": 999}


def test_a_day_with_more_than_can_be_heard_is_left_out_and_other_days_are_not(
    tmp_path: Path,
) -> None:
    most = [a_listen(1, NOON - NOON % DAY + 29 * n, n) for n in range(2_880)]
    counts, left_out = counted(tmp_path, most)
    assert (len(counts), left_out) == (2_880, Counter())
    more = [*most, a_listen(1, NOON, 9_999), a_listen(1, NOON + DAY, 5), a_listen(2, NOON, 5)]
    counts, left_out = counted(tmp_path, more)
    assert counts == {5: (2, 2)}
    assert left_out == {"full-day": 2_881}


def all_day(user: int, days: int, hours: int = 24) -> Iterator[dict[str, Any]]:
    start = NOON - NOON % DAY
    for day in range(days):
        for hour in range(hours):
            yield a_listen(user, start + day * DAY + hour * 3_600, hour + 1)


def test_who_never_sleeps_is_no_listener(tmp_path: Path) -> None:
    counts, left_out = counted(tmp_path, [*all_day(1, 14), *all_day(2, 13), *all_day(3, 40, 20)])
    assert left_out == {"tireless": 14 * 24}
    assert counts[1] == (13 + 40, 2)
    sleeps_mostly = [*all_day(1, 14), *(a_listen(1, NOON + d * DAY, 50) for d in range(14, 28))]
    assert counted(tmp_path, sleeps_mostly)[1] == {}


def test_listens_from_before_recording_began_are_left_out(tmp_path: Path) -> None:
    first = cleaning.EARLIEST
    listens = [a_listen(1, first - 1, 5), a_listen(1, first, 6), a_listen(1, -7, 6)]
    counts, left_out = counted(tmp_path, listens)
    assert counts == {6: (1, 1)}
    assert left_out == {"early": 2}


def test_clocks_may_be_a_day_ahead_of_the_dump_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "listenbrainz-listens.tar"
    listens = [a_listen(1, NOON + DAY, 5), a_listen(1, NOON + DAY + 1, 6)]
    made = datetime.fromtimestamp(NOON, UTC).isoformat(" ").encode()
    path.write_bytes(tar_of({"x/1.listens": lines_of(listens), "x/END_TIMESTAMP": made}))
    rows, findings = read_all(LISTENBRAINZ_LISTENS, path)
    assert [row["key"] for row in rows] == ["mbid:" + MBID.format(5)]
    assert rules_of(findings) == {"late": 1}


def test_every_listen_is_counted_or_left_out_by_one_rule(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    listens = [
        a_listen(int(user), NOON + int(at), int(recording))
        for user, at, recording in zip(
            random.integers(0, 5, 5_000),
            random.integers(-(10**9), 3 * DAY, 5_000),
            random.integers(1, 30, 5_000),
            strict=True,
        )
    ]
    counts, left_out = counted(tmp_path, listens)
    assert sum(n for n, _ in counts.values()) + left_out.total() == 5_000
    assert counted(tmp_path, listens[::-1]) == (counts, left_out)


def test_counts_do_not_depend_on_how_listens_are_laid_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens = [a_listen(n % 7, NOON + 31 * n, n % 17) for n in range(2_000)]
    expected = counted(tmp_path, listens)
    monkeypatch.setattr(cleaning, "SPILL_ROWS", 100)
    monkeypatch.setattr(cleaning, "BLOCK_ROWS", 5)
    monkeypatch.setattr("phonotheque.sources.listenbrainz_listens._CHUNK", 64)
    assert counted(tmp_path, listens) == expected


def test_counts_added_up_in_slices_come_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens = [a_listen(1, NOON + n, n) for n in range(40)]
    for n, listen in enumerate(listens):
        mbid = f"{n * 0x0666_6666:08x}-0000-4000-8000-000000000001"
        listen["track_metadata"]["additional_info"]["recording_mbid"] = mbid
    path = tmp_path / "1.listens"
    path.write_bytes(lines_of(listens))
    expected, _ = read_all(LISTENBRAINZ_LISTENS, path)
    assert [row["key"] for row in expected] == sorted(row["key"] for row in expected)
    monkeypatch.setattr(cleaning, "ONE_SLICE_BYTES", 0)
    assert read_all(LISTENBRAINZ_LISTENS, path)[0] == expected
    assert read_all(LISTENBRAINZ_LISTENS, path, 17)[0] == expected[17:]


def test_nothing_stays_in_the_temporary_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dump: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    items = LISTENBRAINZ_LISTENS.iter_blocks(dump, 0)
    next(items)
    assert list(temporary.iterdir())
    del items
    assert not list(temporary.iterdir())


# ----------------------------------------------------------------------------------- spark dumps


def spark_table(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def test_the_tables_of_the_spark_dump_are_counted_like_lines(tmp_path: Path) -> None:
    at = [datetime.fromtimestamp(NOON + n, UTC) for n in (0, 10, 40, 0)]
    first = spark_table(
        user_id=[1, 1, 1, None],
        listened_at=pa.array(at, pa.timestamp("ns", "UTC")),
        recording_mbid=[MBID.format(5), MBID.format(5), None, MBID.format(5)],
        recording_msid=[MBID.format(8)] * 4,
    )
    second = spark_table(
        user_id=[2],
        listened_at=pa.array(at[:1], pa.timestamp("ms")),
        recording_mbid=[MBID.format(5)],
    )
    path = tmp_path / "listenbrainz-spark-dump-7-full.tar"
    path.write_bytes(tar_of({"x/TIMESTAMP": b"2026-01-01 00:00:00", "x/0.parquet": first,
                             "x/1.parquet": second, "x/2.parquet": b"PAR1 broken",
                             "x/3.parquet": spark_table(a=[1])}))  # fmt: skip
    assert LISTENBRAINZ_LISTENS.recognises(path, read_head(path))
    rows, findings = read_all(LISTENBRAINZ_LISTENS, path)
    assert [(row["key"], row["listens"], row["listeners"]) for row in rows] == [
        ("mbid:" + MBID.format(5), 2, 2)
    ]
    assert rules_of(findings) == {"too-soon": 1, "no-recording": 1}
    codes = [finding.code for finding in findings]
    assert codes.count(FindingCode.FILE_UNREADABLE) == 2
    assert [f.row for f in findings if f.code is FindingCode.ROW_UNREADABLE] == [4]


# ------------------------------------------------------------------------------------ popularity


def popularity_files(tmp_path: Path) -> dict[str, Path]:
    parquet = tmp_path / "popularity.parquet"
    rows, _ = read_all(LISTENBRAINZ_POPULARITY, MADE / "popularity.jsonl")
    table = {
        "total_user_count": [row["listeners"] for row in rows],
        "recording_mbid": [row["key"][5:] for row in rows],
        "total_listen_count": [row["listens"] for row in rows],
    }
    pq.write_table(pa.table(table), parquet)
    return {"json": MADE / "popularity.jsonl", "csv": MADE / "popularity.csv", "parquet": parquet}


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_popularity_gives_what_was_checked_by_hand(form: str) -> None:
    path = MADE / f"popularity.{form}"
    assert LISTENBRAINZ_POPULARITY.recognises(path, read_head(path))
    found = as_golden(*read_all(LISTENBRAINZ_POPULARITY, path))
    assert found == (MADE / f"popularity.{form}.expected").read_text()


def test_popularity_is_the_same_in_every_form_and_from_every_row_on(tmp_path: Path) -> None:
    expected = [(1, 120), (2, 77), (3, None)]
    for path in popularity_files(tmp_path).values():
        assert LISTENBRAINZ_POPULARITY.recognises(path, read_head(path))
        for after in range(4):
            rows, _ = read_all(LISTENBRAINZ_POPULARITY, path, after)
            found = [(row["row"], row["listens"] and int(row["listens"])) for row in rows]
            assert [(n, listens or None) for n, listens in found] == expected[after:]


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_popularity_may_be_compressed(tmp_path: Path, how: str) -> None:
    path = tmp_path / "popularity"
    path.write_bytes(COMPRESSIONS[how]((MADE / "popularity.jsonl").read_bytes()))
    rows, _ = read_all(LISTENBRAINZ_POPULARITY, path)
    assert len(rows) == 3


def test_other_tables_are_no_popularity(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for content in (b"", b"key,listens\n", b"PAR1", b"{}\n"):
        path.write_bytes(content)
        assert not LISTENBRAINZ_POPULARITY.recognises(path, read_head(path))
        rows, [finding] = read_all(LISTENBRAINZ_POPULARITY, path)
        assert (rows, finding.code) == ([], FindingCode.FILE_UNKNOWN_FORMAT)


# ---------------------------------------------------------------------------------------- random

HEX = st.text("0123456789abcdef-", min_size=36, max_size=36)
TEXTS = st.uuids().map(str) | st.text(max_size=40) | st.none() | HEX
NIL = "mbid:00000000-0000-0000-0000-000000000000"


@given(st.lists(TEXTS, max_size=20))
def test_halves_of_ids_give_the_ids_again(texts: list[str | None]) -> None:
    high, low, known = uuid_halves(pa.array(texts, pa.string()))
    keys = mbid_keys(high, low).to_pylist()
    for text, key, good in zip(texts, keys, known, strict=True):
        assert key == (f"mbid:{text}" if good else NIL)


SAID = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=1)
LISTENS = st.fixed_dictionaries(
    {},
    optional={
        "user_id": st.integers(0, 3) | SAID,
        "user_name": st.text(max_size=2) | SAID,
        "timestamp": st.integers(NOON, NOON + 99) | SAID,
        "recording_msid": st.uuids().map(str) | SAID,
        "track_metadata": st.fixed_dictionaries(
            {},
            optional={
                "additional_info": st.fixed_dictionaries(
                    {"recording_mbid": st.uuids().map(str) | SAID},
                    optional={"duration_ms": st.floats() | SAID, "duration": SAID},
                ) | SAID,
                "mbid_mapping": st.fixed_dictionaries({"recording_mbid": SAID}) | SAID,
            },
        ) | SAID,
    },
) | SAID  # fmt: skip


@settings(max_examples=25)
@given(st.lists(LISTENS, max_size=9))
def test_every_random_document_is_counted_or_found(
    tmp_path_factory: pytest.TempPathFactory, listens: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("random") / "1.listens"
    path.write_bytes(lines_of(listens))
    rows, findings = read_all(LISTENBRAINZ_LISTENS, path)
    refused = [f.row for f in findings if f.code is FindingCode.ROW_UNREADABLE]
    assert len(set(refused)) == len(refused)
    known = sum(row["listens"] for row in rows) + rules_of(findings).total()
    assert known + len(refused) == len(listens)
