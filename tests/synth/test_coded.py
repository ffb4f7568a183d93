"""The profile `coded` is what docs/formats/synth.md says."""

import json
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotheque.model.errors import UsageError
from phonotheque.model.identifiers import IsrcStatus, parse_isrc
from phonotheque.model.progress import Silent
from phonotheque.model.text import normalise
from phonotheque.synth import SynthReport, execute_synth, plan_synth

TRACKS = 40_000


def write(out: Path, **options: object) -> SynthReport:
    """A dump of the profile in `out`."""
    settings = {"profile": "coded", "tracks": TRACKS, "seed": 5} | options
    return execute_synth(plan_synth(out, **settings), Silent())  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One dump for all tests of this file that only read."""
    out = tmp_path_factory.mktemp("dump")
    write(out)
    return out


def rows(out: Path, kind: str = "synth") -> pa.Table:
    """All rows of a kind, piece after piece."""
    return pa.concat_tables(pq.read_table(p) for p in sorted(out.glob(f"{kind}-0*.parquet")))


@pytest.mark.full
@settings(max_examples=8)
@given(st.integers(1, 9), st.integers(0, 9))
def test_pieces_one_after_the_other_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, pieces: int, seed: int
) -> None:
    whole, cut = (tmp_path_factory.mktemp("cut") for _ in range(2))
    write(whole, tracks=1500, seed=seed)
    for piece in reversed(range(pieces)):
        write(cut, tracks=1500, seed=seed, pieces=pieces, piece=piece)
    for kind in ("synth", "synth-listens", "truth"):
        assert rows(cut, kind).equals(rows(whole, kind))


def test_a_larger_dump_begins_with_the_smaller(tmp_path: Path, dump: Path) -> None:
    write(tmp_path, tracks=9_000)
    assert rows(tmp_path).equals(rows(dump).slice(0, 9_000))


def test_another_seed_gives_another_dump(tmp_path: Path, dump: Path) -> None:
    write(tmp_path, seed=6)
    assert not rows(tmp_path)["title"].equals(rows(dump)["title"])


def test_as_many_tracks_share_a_recording_as_in_the_reference_archive(dump: Path) -> None:
    table = rows(dump)
    codes = table["isrcs"].to_pylist()
    recordings = rows(dump, "truth")["recording"].to_pylist()
    assert len(set(codes)) == len(set(recordings)) == len(set(zip(codes, recordings, strict=True)))
    assert len(set(codes)) / len(codes) == pytest.approx(186 / 256, abs=0.001)
    assert all(parse_isrc(code)[1] is IsrcStatus.VALID for code in codes)
    assert len(set(table["source_key"].to_pylist())) == TRACKS


def test_rows_of_one_recording_say_the_same_of_it(dump: Path) -> None:
    said: dict[str, tuple[str, str]] = {}
    lengths: dict[str, list[int]] = {}
    columns = ("isrcs", "title", "artist_credit", "duration_ms")
    for code, title, credit, duration in zip(
        *(rows(dump)[c].to_pylist() for c in columns), strict=True
    ):
        assert said.setdefault(code, (normalise(title), credit)) == (normalise(title), credit)
        lengths.setdefault(code, []).append(duration)
    assert max(max(values) - min(values) for values in lengths.values()) <= 1800


def test_a_release_is_one_thing_with_each_place_taken_once(dump: Path) -> None:
    tracks = rows(dump)
    found = duckdb.sql(
        "SELECT count(*), count(DISTINCT (release_title, release_artist, release_year, label)), "
        "count(DISTINCT (disc, position)) FROM tracks GROUP BY release_key"
    ).fetchall()
    assert {(what, size == places) for size, what, places in found} == {(1, True)}
    assert 8 < len(tracks) / len(found) < 12


def test_titles_come_in_many_scripts(dump: Path) -> None:
    titles = rows(dump)["title"].to_pylist()
    foreign = [t for t in titles if any(ord(c) > 0x36F for c in t)]
    assert 0.08 < len(foreign) / TRACKS < 0.16
    assert 16 < sum(len(t.encode()) for t in titles) / TRACKS < 24
    alphabets = ("АЯ", "αω", "اي", "את", "अह", "一龥", "ぁヿ", "가힣")
    for alphabet in alphabets:
        low, high = alphabet[0], alphabet[1]
        assert any(low <= c <= high for t in foreign for c in t)


def test_listens_are_as_skewed_as_measured(dump: Path) -> None:
    table = rows(dump, "synth-listens")
    heard = np.sort(table["listens"].to_numpy())[::-1]
    assert (heard <= 10).mean() == pytest.approx(0.47, abs=0.04)
    assert (heard < 1000).mean() == pytest.approx(0.88, abs=0.03)
    assert 0.25 < heard[: len(heard) * 541 // 253_000].sum() / heard.sum() < 0.75
    assert set(table["key"].to_pylist()) == set(rows(dump)["isrcs"].to_pylist())
    assert (table["listeners"].to_numpy() <= table["listens"].to_numpy()).all()


def test_durations_peak_at_whole_minutes(dump: Path) -> None:
    lengths = rows(dump)["duration_ms"].to_numpy()
    assert 0.015 < (lengths % 60_000 == 0).mean() < 0.05
    assert 190_000 < np.median(lengths) < 235_000


def test_random_ids_are_22_characters_and_unique(tmp_path: Path) -> None:
    write(tmp_path, random_ids=True)
    keys = rows(tmp_path)["source_key"].to_pylist()
    assert {len(key) for key in keys} == {22}
    assert len(set(keys)) == TRACKS


@pytest.mark.parametrize("format", ["jsonl", "jsonl.zst"])
def test_lines_say_what_the_columns_say(tmp_path: Path, dump: Path, format: str) -> None:
    write(tmp_path, format=format, tracks=3_000)
    with pa.input_stream(tmp_path / f"synth-00000.{format}", compression="detect") as stream:
        read = [json.loads(line) for line in stream.read().splitlines()]
    assert read == rows(dump).slice(0, 3_000).to_pylist()


def test_the_truth_may_be_left_out(tmp_path: Path) -> None:
    report = write(tmp_path, truth=False, tracks=300)
    assert {f.kind for f in report.files} == {"synth", "synth-listens"}
    assert report.rows == 300


@pytest.mark.parametrize(
    "wrong",
    [{"profile": "x"}, {"tracks": 0}, {"format": "csv"}, {"pieces": 2, "piece": 2}, {"seed": -1}],
)
def test_what_makes_no_sense_is_refused_beforehand(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        write(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()
