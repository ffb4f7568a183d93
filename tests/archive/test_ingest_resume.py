"""Ingests of tables that were killed go on where they were, and end as if nothing had been."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from phonotheque.archive import execute_ingest, plan_ingest
from phonotheque.model.progress import Silent
from phonotheque.sources import (
    READERS,
    ImportReport,
    comparing,
    findings_log,
    intake,
    iter_imports,
    parts,
    writer,
)
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from tests.archive.test_ingest import new_archive
from tests.support.clock import NOW
from tests.support.crashing import killed_at_every_line


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 40)
    monkeypatch.setattr(parts, "GROUP_ROWS", 16)


def rows(count: int, artists: int = 7, start: int = 0) -> str:
    """Rows of which every 17th has no title, and every 29th the key of the one before."""
    lines = ["source_key,title,artist_credit,licence,isrcs"]
    for n in range(start, start + count):
        title = "" if n % 17 == 5 else f"T{n}"
        key = n - 1 if n % 29 == 6 else n
        lines.append(f"{key},{title},A{n % artists},CC0,{'bad' if n % 11 == 0 else ''}")
    return "\n".join(lines) + "\n"


def ingest(tree: Tree, paths: list[Path], *, replace: bool | None = None, hours: int = 0):
    now = NOW + timedelta(hours=hours)
    plan = plan_ingest(tree, paths, source="s", kind="auto", now=now, replace=replace)
    return execute_ingest(tree, plan, now, Silent())


def contents(tree: Tree) -> dict[str, str]:
    paths = (path for path in tree.sources.rglob("*") if path.is_file())
    return {p.relative_to(tree.root).as_posix(): sha256(p.read_bytes()).hexdigest() for p in paths}


def two_inputs(folder: Path) -> list[Path]:
    one, two = folder / "one.csv", folder / "two.csv"
    one.write_text(rows(130))
    two.write_text(rows(90, start=100))
    return [one, two]


@pytest.mark.parametrize(
    ("second", "stride"),
    [
        (True, 801),
        pytest.param(False, 47, marks=pytest.mark.full),
        pytest.param(True, 47, marks=pytest.mark.full),
    ],
)
def test_killed_anywhere_and_run_again_it_ends_byte_for_byte_the_same(
    tmp_path: Path, second: bool, stride: int
) -> None:
    """`second`: an import that replaces a former one. `stride`: lines between the deaths."""
    before = [tmp_path / "before.csv"]
    before[0].write_text(rows(60, artists=5, start=80))
    paths = two_inputs(tmp_path)
    whole, killed = new_archive(tmp_path / "whole"), new_archive(tmp_path / "killed")
    if second:
        ingest(whole, before)
        ingest(killed, before)
    held = tmp_path / "held"
    shutil.copytree(killed.root, held)
    ingest(whole, paths, replace=second)
    wanted = contents(whole)

    def begin_anew() -> None:
        shutil.rmtree(killed.root)
        shutil.copytree(held, killed.root)

    modules = [intake, writer, findings_log, comparing]
    deaths = 0
    for _ in killed_at_every_line(
        modules, begin_anew, lambda: ingest(killed, paths, replace=second), stride=stride
    ):
        ingest(killed, paths, replace=second)
        assert contents(killed) == wanted
        deaths += 1
    assert deaths >= 4


class StoppedError(Exception):
    """Stands for a death while reading."""


def dying(monkeypatch: pytest.MonkeyPatch, blocks: int) -> list[int]:
    """From now on reading `rows` breaks off before so many blocks; returns what `after` was."""
    reader = next(reader for reader in READERS if reader.name == "rows")
    whole, seen = reader.iter_blocks, []

    def iter_blocks(path: Path, after: int) -> Iterator[object]:
        seen.append(after)
        for number, block in enumerate(whole(path, after)):
            if number == blocks:
                raise StoppedError
            yield block

    monkeypatch.setattr(type(reader), "iter_blocks", property(lambda _: iter_blocks))
    return seen


def test_what_is_durable_is_not_read_again_and_keeps_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonotheque.sources.records.BLOCK_ROWS", 30)
    tree, paths = new_archive(tmp_path / "archive"), two_inputs(tmp_path)[:1]
    with monkeypatch.context() as patched:
        dying(patched, 3)
        with pytest.raises(StoppedError):
            ingest(tree, paths)
    assert list(iter_imports(tree)) == []
    with monkeypatch.context() as patched:
        after = dying(patched, 99)
        report = ingest(tree, paths, hours=5)
    assert after[0] > 40
    assert report.rows_read == 130
    (made,) = report.imports
    assert read_document(tree.sources / "s/0001/report.json", ImportReport).read_at == NOW
    assert made.inputs[0].sha256 == sha256(paths[0].read_bytes()).hexdigest()


def test_an_input_that_changed_meanwhile_is_read_from_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phonotheque.sources.records.BLOCK_ROWS", 30)
    tree, paths = new_archive(tmp_path / "archive"), two_inputs(tmp_path)[:1]
    with monkeypatch.context() as patched:
        dying(patched, 3)
        with pytest.raises(StoppedError):
            ingest(tree, paths)
    paths[0].write_text(rows(60))
    report = ingest(tree, paths, hours=5)
    assert (report.rows_read, report.imports[0].read_at) == (60, NOW + timedelta(hours=5))
