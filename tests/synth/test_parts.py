"""The parts that made-up dumps rest on: draws, layouts, words, and ways of writing."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phonotheque.cli.main import main
from phonotheque.synth import draws, wording
from phonotheque.synth.layouts import ALBUMS, BLOCK, FRESH, LONGEST, make_layouts
from phonotheque.synth.lines import format_lines
from phonotheque.synth.vocabulary import Vocabulary

SEEDS = st.integers(0, 2**32 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(SEEDS, st.integers(0, 2**40))
def test_what_is_drawn_for_a_number_does_not_depend_on_its_neighbours(seed: int, at: int) -> None:
    alone = draws.draw(seed, "x", np.array([at]))
    among = draws.draw(seed, "x", np.arange(at, at + 3))
    assert alone[0] == among[0]
    assert len(set(among.tolist())) == 3
    assert draws.draw(seed, "y", np.array([at]))[0] != alone[0]


def test_draws_are_even() -> None:
    drawn = draws.draw(1, "even", np.arange(200_000))
    counts = np.bincount(draws.below(drawn, 10))
    assert abs(counts - 20_000).max() < 700
    assert draws.happens(drawn, 0.27).mean() == pytest.approx(0.27, abs=0.005)
    assert np.corrcoef(draws.below(drawn, 1000), draws.below(draws.again(drawn), 1000))[0, 1] < 0.01


@given(SEEDS, st.lists(st.integers(0, 2**30 - 1), unique=True, min_size=2))
def test_scattered_numbers_stay_apart(seed: int, numbers: list[int]) -> None:
    scattered = draws.scatter30(np.array(numbers), seed)
    assert len(set(scattered.tolist())) == len(numbers)
    assert scattered.min() >= 0
    assert scattered.max() < 2**30


@given(st.integers(1, 2**40))
def test_the_logarithm_has_its_inverse(value: int) -> None:
    logs = draws.log2_fixed(np.array([value]))
    back = int(draws.exp2_fixed(logs)[0])
    assert back <= value <= back + max(value >> 15, 1)


def test_frequent_ranks_follow_zipf() -> None:
    drawn = draws.draw(2, "zipf", np.arange(300_000))
    ranks = draws.log_uniform(drawn, np.full(len(drawn), 17 << 16))
    counts = np.bincount(ranks)
    assert counts[0] > 1.5 * counts[1] > 1.5 * counts[3]
    assert (ranks < 2**8).mean() == pytest.approx(8 / 17, abs=0.02)


def test_every_layout_has_the_ratio_of_the_reference_archive() -> None:
    layouts = make_layouts()
    assert (layouts.size.sum(axis=1) == BLOCK).all()
    assert (layouts.size[:, :ALBUMS].sum(axis=1) == FRESH).all()
    assert layouts.size.min() >= 1
    assert layouts.size.max() <= LONGEST
    for row in range(len(layouts.size)):
        for tracks in range(LONGEST + 1):
            assert layouts.size[row, layouts.holder[row, tracks]] >= min(tracks, LONGEST)


def test_a_longer_vocabulary_begins_with_the_shorter() -> None:
    ranks = np.arange(5_000)
    zeros, ones = np.zeros(5_000, dtype=np.int64), np.ones(5_000, dtype=np.int64)
    short, long = (Vocabulary(n).phrases([ranks], zeros, ones) for n in (5_000, 9_000))
    assert short.equals(long)
    assert len(set(short.to_pylist())) > 4_900


@given(st.lists(TEXT, min_size=1, max_size=20), SEEDS)
def test_a_slip_changes_one_place_at_most(texts: list[str], seed: int) -> None:
    drawn = draws.draw(seed, "slip", np.arange(len(texts)))
    slipped = wording.mistype(pa.array(texts), drawn).to_pylist()
    for text, found in zip(texts, slipped, strict=True):
        assert abs(len(found) - len(text)) <= 1
        assert found[:1] == text[:1]
        assert len(text) >= 5 or found == text


@given(st.lists(TEXT, min_size=1, max_size=20))
def test_what_was_misread_can_be_read_again(texts: list[str]) -> None:
    damaged = wording.misread(pa.array(texts, pa.string())).to_pylist()
    assert [d.encode("latin-1").decode() for d in damaged] == texts


def test_accents_are_dropped_but_not_the_marks_of_kana_and_devanagari() -> None:
    texts = pa.array(["Çà été", "ガ", "की", "Ёлка"])
    assert wording.drop_accents(texts).to_pylist() == ["Ca ete", "ガ", "की", "Елка"]


def test_an_article_is_put_last() -> None:
    texts = pa.array(["The Night Cars", "Theory", "The"])
    assert wording.invert_article(texts).to_pylist() == ["Night Cars, The", "Theory", "The"]


@given(st.lists(st.tuples(TEXT, st.none() | TEXT, st.none() | st.integers(0, 9)), min_size=1))
def test_lines_are_json_whatever_the_text(rows: list[tuple[str, str | None, int | None]]) -> None:
    assume(all(text is not None for text, _, _ in rows))
    batch = pa.RecordBatch.from_pylist(
        [{"a": a, "b": b, "c": c} for a, b, c in rows],
        schema=pa.schema([("a", pa.string()), ("b", pa.string()), ("c", pa.int16())]),
    )
    found = [json.loads(line) for line in bytes(format_lines(batch)).decode().split("\n")[:-1]]
    wanted = [{k: v for k, v in row.items() if v is not None} for row in batch.to_pylist()]
    assert found == wanted


def test_the_command_writes_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["synth", str(tmp_path / "out"), "--profile", "coded", "--tracks", "1000", "--json"]
    assert main([*command, "--dry-run"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert not (tmp_path / "out").exists()
    assert main(command) == 0
    report = json.loads(capsys.readouterr().out)
    assert [Path(f["path"]).name for f in report["files"]] == planned["files"]
    assert report["rows"] == 1000
    for file in report["files"]:
        assert pq.read_metadata(file["path"]).num_rows == file["rows"]
