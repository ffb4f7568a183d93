"""Killed at any line while the files of a vault are listened to, the next run ends the same."""

import shutil
from pathlib import Path

import pytest

from phonotheque.archive import execute_init, plan_init, sounding
from phonotheque.archive.sounding import take_in_sounds
from phonotheque.model.progress import Silent
from phonotheque.sources import sounds as sounds_module
from phonotheque.storage import growing
from phonotheque.storage.layout import Tree
from phonotheque.vault import AcousticIndex
from phonotheque.vault.acoustic import index as index_module
from phonotheque.vault.acoustic import merging, segments, taking_in
from tests.archive.test_sounding import told
from tests.support.clock import NOW
from tests.support.crashing import killed_at_every_line
from tests.support.sounds import admit_sound
from tests.vault.acoustic.fingerprints import damaged, drifting, without_part

MODULES = [sounding, taking_in, index_module, segments, merging, growing, sounds_module]
PIECES = [drifting(300, seed=n) for n in range(4)]
SOUNDS = [
    *PIECES, damaged(PIECES[0], 0.05), damaged(PIECES[1][:200], 0.03),
    without_part(PIECES[2], 0.3), damaged(PIECES[3], 0.02),
]  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path / "made")
    plan = plan_init(tree.root, name="Test", publisher="Test", seat="DE")
    execute_init(plan, None, NOW, Silent())
    for number, items in enumerate(SOUNDS):
        admit_sound(tree, f"sound {number}", items)
    return tree


def answers(tree: Tree) -> list[list[str]]:
    index = AcousticIndex(tree.acoustic)
    assert len(list(tree.acoustic.glob("0*"))) <= 3
    return [[hit.sha256 for hit in index.look_up(items[50:150])] for items in SOUNDS]


def check_killed(made: Tree, monkeypatch: pytest.MonkeyPatch, stride: int) -> None:
    monkeypatch.setattr(index_module, "MERGE_AT", 2)
    monkeypatch.setattr(taking_in, "_AT_ONCE", 2)
    scratch = Tree(made.root.with_name("scratch"))

    def prepare() -> None:
        shutil.rmtree(scratch.root, ignore_errors=True)
        shutil.copytree(made.root, scratch.root)

    def listen() -> None:
        take_in_sounds(scratch, NOW, Silent())

    prepare()
    listen()
    wanted = answers(scratch), set(told(scratch))
    times = 0
    for _ in killed_at_every_line(MODULES, prepare, listen, stride=stride):
        AcousticIndex(scratch.acoustic)  # what is there can be read
        listen()
        assert (answers(scratch), set(told(scratch))) == wanted
        times += 1
    assert times > 3


def test_killed_here_and_there_it_ends_the_same(
    made: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_killed(made, monkeypatch, stride=1511)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_killed_at_every_seventh_line_it_ends_the_same(
    made: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_killed(made, monkeypatch, stride=7)
