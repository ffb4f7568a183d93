"""Killed between any two writes, and run again: every step of a notice is whole or not there."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from phonotheque.archive import (
    Withdrawal,
    check_ledger,
    execute_counter,
    execute_receive,
    execute_restore,
    execute_step,
    execute_withdraw,
    plan_counter,
    plan_receive,
    plan_restore,
    plan_withdraw,
    read_withdrawals,
)
from phonotheque.archive.ledger import iter_ledger
from phonotheque.model.edition import Revocations
from phonotheque.model.notices import PublicNotice
from phonotheque.model.progress import Silent
from phonotheque.rights import CaseState
from phonotheque.storage import durable
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from tests.archive.test_notices import COUNTER, form
from tests.archive.test_publish import SONGS, made_up_vault, release
from tests.archive.workshop import Workshop
from tests.support.clock import NOW
from tests.support.crashing import killed_at_every_line

pytestmark = pytest.mark.usefixtures("tuf_clock", "made_up_vault")

__all__ = ["made_up_vault"]
CASE = f"{NOW.year}-00001"
STRIDE = 41  # lines of the module that writes durably: one write takes about twenty
Step = Callable[[Tree, Path], None]


def receive(tree: Tree, folder: Path) -> None:
    plan, letter = plan_receive(tree, form(folder), NOW)
    execute_receive(tree, plan, letter, NOW)


def withdraw(tree: Tree, _: Path) -> None:
    execute_withdraw(tree, plan_withdraw(tree, [], "take-down", case=CASE), NOW, Silent())


def counter(tree: Tree, folder: Path) -> None:
    (folder / "counter.toml").write_text(COUNTER)
    plan, letter = plan_counter(tree, CASE, folder / "counter.toml", NOW)
    execute_counter(tree, plan, letter, NOW)


def uphold(tree: Tree, _: Path) -> None:
    execute_step(tree, CASE, CaseState.UPHELD, NOW, document=b"decided")


def restore(tree: Tree, _: Path) -> None:
    plan = plan_restore(tree, [CASE], NOW, ground="retracted", document=b"sorry")
    execute_restore(tree, plan, NOW, Silent(), document=b"sorry")


def withdraw_plainly(tree: Tree, _: Path) -> None:
    execute_withdraw(tree, plan_withdraw(tree, ["1", "2"], "error"), NOW, Silent())


def restore_plainly(tree: Tree, _: Path) -> None:
    execute_restore(tree, plan_restore(tree, ["1", "2"], NOW), NOW, Silent())


class Told(NamedTuple):
    """All that a step says."""

    events: list[Any]
    withdrawn: list[Withdrawal]
    revoked: list[str]
    public: list[Any]


def told(tree: Tree) -> Told:
    notices = [read_document(p, PublicNotice) for p in sorted(tree.notices.glob("*.json"))]
    return Told(
        [(e.type, e.actor, e.documents, e.items) for e in iter_ledger(tree)],
        read_withdrawals(tree),
        [f.sha256 for f in read_document(tree.revocations_json, Revocations).files],
        [(n.case, n.state, n.recordings, n.steps, n.ledger_event) for n in notices],
    )


def archive_at(root: Path, *before: Step) -> Tree:
    made = Workshop(root)
    made.build(SONGS[:2])
    release(made.tree)
    for step in before:
        step(made.tree, root.parent)
    return made.tree


COURSES: dict[str, tuple[list[Step], Step]] = {
    "receive": ([], receive),
    "withdraw": ([receive], withdraw),
    "counter": ([receive, withdraw], counter),
    "uphold": ([receive, withdraw], uphold),
    "restore": ([receive, withdraw], restore),
    "withdraw plainly": ([], withdraw_plainly),
    "restore plainly": ([withdraw_plainly], restore_plainly),
}


@pytest.mark.full  # every day: a publish and an ingest killed at their steps
@pytest.mark.parametrize("name", COURSES)
def test_a_step_killed_anywhere_is_completed_by_the_same_step(name: str, tmp_path: Path) -> None:
    before, step = COURSES[name]
    base = archive_at(tmp_path / "base", *before).root
    whole, work = tmp_path / "whole", tmp_path / "work"
    shutil.copytree(base, whole)
    step(Tree(whole), tmp_path)
    expected, start = told(Tree(whole)), told(Tree(base))

    def prepare() -> None:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(base, work)

    tree, kills = Tree(work), 0
    for _ in killed_at_every_line([durable], prepare, lambda: step(tree, tmp_path), stride=STRIDE):
        kills += 1
        assert list(check_ledger(tree)) == []
        seen = told(tree)
        assert seen.withdrawn in (start.withdrawn, expected.withdrawn)
        assert seen.revoked in (start.revoked, expected.revoked)
        assert seen.events == expected.events[: len(seen.events)]
        if len(seen.events) == len(expected.events):
            assert seen.revoked == expected.revoked, "written down before it was true"
        step(tree, tmp_path)
        assert told(tree) == expected
        assert list(check_ledger(tree)) == []
    assert kills > 3
