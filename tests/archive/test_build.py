"""`build` from what was ingested: rights summed up, nothing twice, nothing half."""

import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from phonotheque.archive import (
    execute_build,
    execute_ingest,
    execute_init,
    plan_build,
    plan_ingest,
    plan_init,
)
from phonotheque.archive.build import BuildReport
from phonotheque.catalogue import CatalogueReader, current_build, open_build
from phonotheque.model.errors import ArchiveBusyError, NotFoundError
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from tests.support.clock import NOW

TODAY = date(2026, 11, 22)
HEADER = "source_key,title,artist_credit,isrcs\n"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    root = tmp_path / "archive"
    plan = plan_init(root, name="Test archive", publisher="Tests", seat="DE")
    execute_init(plan, None, NOW, Silent())
    return Tree(root)


def ingest(tree: Tree, name: str, text: str) -> None:
    path = tree.root.parent / name
    path.write_text(text)
    plan = plan_ingest(tree, [path], source=None, kind="auto", now=NOW)
    execute_ingest(tree, plan, NOW, Silent())


def build(tree: Tree, today: date = TODAY) -> BuildReport:
    return execute_build(tree, plan_build(tree, today), Silent())


def read(tree: Tree) -> CatalogueReader:
    found = current_build(tree)
    assert found is not None
    return open_build(found[1], found[0])


def test_ingested_rows_and_listens_become_a_build(tree: Tree) -> None:
    ingest(tree, "songs.csv", HEADER + "1,One,A,\n2,Two,A,USABC2000001\n")
    ingest(tree, "plays.csv", "key,listens\nUSABC2000001,7\nsource:songs:1,3\nUSXYZ2000001,1\n")
    plan = plan_build(tree, TODAY)
    assert (plan.build, plan.rows, plan.listens_rows, plan.nothing_new) == (1, 2, 3, False)
    report = execute_build(tree, plan, Silent())
    assert (report.build, report.recordings, report.tracks) == (1, 2, 2)
    assert report.findings == {"listens.unmatched": 1}
    rows = (
        read(tree)
        .cursor()
        .execute(
            "SELECT title, listens, rank FROM recordings JOIN standing USING (number) ORDER BY rank"
        )
    )
    assert rows.fetchall() == [("Two", 7, 1), ("One", 3, 2)]


def test_building_twice_makes_nothing_new_and_says_so(tree: Tree) -> None:
    ingest(tree, "songs.csv", HEADER + "1,One,A,\n")
    first = build(tree)
    assert plan_build(tree, TODAY).nothing_new
    again = build(tree)
    assert (again.build, again.nothing_new, again.files_new) == (1, True, 0)
    assert (first.nothing_new, first.files_kept) == (False, 0)


def test_a_new_import_makes_the_next_build_and_shares_what_did_not_change(tree: Tree) -> None:
    ingest(tree, "songs.csv", HEADER + "1,One,A,\n")
    build(tree)
    ingest(tree, "more.csv", HEADER + "1,Other,A,\n")
    plan = plan_build(tree, TODAY)
    assert plan.new_inputs == ["more/0001"]
    report = execute_build(tree, plan, Silent())
    assert (report.build, report.recordings) == (2, 2)
    assert report.files_kept >= 1  # the artist's shard


def test_a_year_later_verdicts_are_asked_anew(tree: Tree) -> None:
    ingest(tree, "songs.csv", HEADER + "1,One,A,\n")
    build(tree)
    assert not plan_build(tree, date(2027, 1, 1)).nothing_new


def test_without_an_archive_there_is_nothing_to_build(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="phonotheque init"):
        plan_build(Tree(tmp_path), TODAY)


def test_two_builds_at_once_are_refused(tree: Tree) -> None:
    plan = plan_build(tree, TODAY)
    with writing(tree.root), pytest.raises(ArchiveBusyError):
        execute_build(tree, plan, Silent())


BUILD_AND_DIE = """
import sys
from datetime import date
from pathlib import Path
from phonotheque.archive import execute_build, plan_build
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree
tree = Tree(Path(sys.argv[1]))
print("ready", flush=True)
execute_build(tree, plan_build(tree, date(2026, 11, 22)), Silent())
"""


@pytest.mark.full  # every day: a publish killed at its steps
@pytest.mark.parametrize("seconds", [0.5])
def test_a_killed_build_leaves_the_one_before_and_the_next_run_ends_the_same(
    tree: Tree, seconds: float
) -> None:
    ingest(tree, "songs.csv", HEADER + "".join(f"{i},Title {i},A{i % 9},\n" for i in range(300)))
    build(tree)
    ingest(tree, "more.csv", HEADER + "1,Other,B,\n")
    run = [sys.executable, "-c", BUILD_AND_DIE, str(tree.root)]
    process = subprocess.Popen(run, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    current = current_build(tree)
    assert current is not None
    assert current[0].build in (1, 2)
    report = build(tree)
    assert (report.build, report.recordings) == (2, 301)
    names = sorted(p.name for p in (tree.catalogue / "builds").iterdir())
    assert names == ["0001", "0002"]
    assert not (tree.catalogue / "work").exists()
