"""Making an index goes on where it was killed, and makes the same of it in two processes."""

from pathlib import Path

import pytest

from phonotheque.model.progress import Silent
from phonotheque.search import build, ensure_index, text_worker
from phonotheque.search.build import build_index
from phonotheque.search.runs import Run, RunWriter
from tests.support.editions import TinyRecording, write_tiny_edition

RECORDINGS = [
    TinyRecording(f"Song {n} of the night", f"Singer {n % 7}", release=f"Album {n % 5}", listens=n)
    for n in range(300)
]


@pytest.fixture
def edition(tmp_path: Path) -> Path:
    write_tiny_edition(tmp_path / "archive", RECORDINGS)
    return tmp_path / "archive/editions/2026-11"


def files(index: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in index.iterdir() if p.is_file()}


def fail(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_a_killed_build_goes_on_and_makes_the_same(
    edition: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index(edition, tmp_path / "whole", Silent())
    monkeypatch.setattr(text_worker, "BYTES_PER_ROW", 1 << 23)  # 128 recordings a run
    with monkeypatch.context() as patch:
        patch.setattr(build, "write_titles", fail)
        with pytest.raises(KeyboardInterrupt):
            build_index(edition, tmp_path / "index", Silent())
    with monkeypatch.context() as patch:
        for part in ("write_forward", "write_postings", "write_list", "write_rows"):
            patch.setattr(build, part, fail)
        patch.setattr(RunWriter, "finish", fail)
        build_index(edition, tmp_path / "index", Silent())
    assert files(tmp_path / "index") == files(tmp_path / "whole")
    assert not (tmp_path / ".index.partial").exists()


def test_runs_that_are_whole_are_not_read_again(
    edition: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_worker, "BYTES_PER_ROW", 1 << 23)
    finish = RunWriter.finish
    made: list[RunWriter] = []
    most = 3

    def finish_some(run: RunWriter) -> Run:
        if len(made) == most:
            raise KeyboardInterrupt
        made.append(run)
        return finish(run)

    monkeypatch.setattr(RunWriter, "finish", finish_some)
    with pytest.raises(KeyboardInterrupt):
        build_index(edition, tmp_path / "index", Silent())
    made.clear()
    build_index(edition, tmp_path / "index", Silent())
    assert len(made) == 3 + 1 + 1 - 3  # runs of recordings, releases, artists


def test_what_was_left_of_another_build_is_of_no_use(edition: Path, tmp_path: Path) -> None:
    left = tmp_path / ".index.partial/spill/rows.done"
    left.parent.mkdir(parents=True)
    left.touch()
    assert ensure_index(edition, tmp_path / "index", Silent()).documents == len(RECORDINGS)
    assert (tmp_path / "index/rows").is_dir()


def test_two_processes_make_what_one_makes(
    edition: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index(edition, tmp_path / "one", Silent())
    monkeypatch.setattr(text_worker, "LARGE_ROWS", 1)
    monkeypatch.setattr(text_worker, "BYTES_PER_ROW", 1 << 22)
    build_index(edition, tmp_path / "two", Silent())
    assert files(tmp_path / "one") == files(tmp_path / "two")
