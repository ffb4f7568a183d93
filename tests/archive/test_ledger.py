"""The ledger: a chain in which every change shows."""

from collections.abc import Callable
from pathlib import Path

import pytest

from phonotheque.archive import ledger
from phonotheque.archive.ledger import (
    LedgerEvent,
    LedgerFile,
    LedgerItem,
    add_events,
    check_ledger,
    document_path,
    event_path,
    iter_ledger,
    keep_document,
    last_event,
)
from phonotheque.model.errors import FormatError
from phonotheque.storage.layout import Tree
from tests.support.clock import NOW


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path)
    letter = keep_document(tree, b"a letter")
    for state in ("received", "valid", "disabled"):
        event = LedgerEvent(type=f"takedown/{state}", at=NOW, actor="operator", case="2026-00001",
                            documents=[letter], items=[item(1)])  # fmt: skip
        add_events(tree, [event])
    return tree


def item(number: int) -> LedgerItem:
    return LedgerItem(recording=number, public_id=f"r{number}",
                      files=[LedgerFile(sha256="ab" * 32)])  # fmt: skip


def codes(tree: Tree) -> list[str]:
    return [finding.code for finding in check_ledger(tree)]


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    content = change(path.read_bytes())
    path.unlink()
    path.write_bytes(content)


def test_a_whole_chain_is_sound_and_tells_its_steps(tree: Tree) -> None:
    events = list(iter_ledger(tree))
    assert codes(tree) == []
    assert [e.event for e in events] == [1, 2, 3]
    assert [e.premis for e in events] == [None, None, "dea"]
    assert events[0].previous == "0" * 64 and events[1].previous != events[2].previous


def test_there_is_no_ledger_at_first(tmp_path: Path) -> None:
    assert codes(Tree(tmp_path)) == [] and last_event(Tree(tmp_path)) == 0


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_changed_event_shows(tree: Tree, number: int) -> None:
    rewrite(event_path(tree, number), lambda content: content.replace(b'"r1"', b'"r2"'))
    assert codes(tree) == ["ledger.damaged"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_missing_event_shows(tree: Tree, number: int) -> None:
    event_path(tree, number).unlink()
    assert codes(tree) == ["ledger.missing"]
    if number < 3:
        with pytest.raises(FormatError, match="missing"):
            list(iter_ledger(tree))


def test_a_missing_or_broken_head_shows(tree: Tree) -> None:
    head = event_path(tree, 1).with_name("head.json")
    rewrite(head, lambda _: b"{}")
    assert codes(tree) == ["ledger.damaged"]
    head.unlink()
    assert codes(tree) == ["ledger.missing"]


def test_a_changed_or_missing_letter_shows(tree: Tree) -> None:
    letter = document_path(tree, keep_document(tree, b"a letter"))
    rewrite(letter, lambda _: b"another")
    assert set(codes(tree)) == {"ledger.damaged"}
    letter.unlink()
    assert set(codes(tree)) == {"ledger.missing"}


def test_an_event_written_just_before_a_crash_counts(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    event = LedgerEvent(type="takedown/upheld", at=NOW, actor="operator")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(ledger, "write_document", interrupt)
        add_events(tree, [event])
    assert codes(tree) == [] and last_event(tree) == 4
    add_events(tree, [event])
    assert codes(tree) == [] and last_event(tree) == 5


def test_a_step_with_very_many_recordings_is_several_events(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "ITEMS_PER_EVENT", 2)
    event = LedgerEvent(type="takedown/disabled", at=NOW, actor="operator",
                        items=[item(n) for n in range(5)])  # fmt: skip
    written = add_events(tree, [event])
    assert [len(e.items) for e in written] == [2, 2, 1] and codes(tree) == []
