"""The index of the ledger: says what reading every event would say, whatever became of it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotheque.archive.ledger import LedgerEvent, LedgerItem, add_events, event_path, iter_ledger
from phonotheque.archive.ledger_index import LedgerIndex, current_index, index_path, open_index
from phonotheque.model.errors import FormatError
from phonotheque.storage.layout import Tree
from tests.support.clock import NOW


def event(case: int | None, kind: str, *recordings: int) -> LedgerEvent:
    items = [LedgerItem(recording=n, public_id=f"r{n}", files=[]) for n in recordings]
    return LedgerEvent(type=kind, at=NOW, actor="operator", items=items,
                       case=None if case is None else f"2026-{case:05d}",
                       documents=[f"{case or 0:064x}"])  # fmt: skip


def told(index: LedgerIndex) -> tuple[object, ...]:
    cases = list(index.iter_cases())
    forms = [index.cases_of_form(f"{n:064x}") for n in range(5)]
    touched = [index.lifted(c, range(1, 5)) for c in [None, *cases]]
    return {c: index.events_of(c) for c in cases}, forms, touched, index.greatest()


events = st.builds(
    lambda case, kind, numbers: event(case, kind if case else kind.replace("takedown/dis",
                                      "withdrawal/dis"), *numbers),
    st.none() | st.integers(1, 4),
    st.sampled_from(["takedown/received", "takedown/disabled", "takedown/restored",
                     "takedown/upheld", "withdrawal/withdrawn", "withdrawal/restored"]),
    st.sets(st.integers(1, 4)),
)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(st.lists(events, max_size=8), st.integers(0, 8))
def test_a_stale_a_missing_and_a_current_index_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, drafts: list[LedgerEvent], known: int
) -> None:
    tree = Tree(tmp_path_factory.mktemp("ledger"))
    add_events(tree, drafts[:known])
    with open_index(tree) as index:
        told(index)
    with current_index(tree):
        pass
    add_events(tree, drafts[known:])
    with open_index(tree) as index:
        stale = told(index)
    with current_index(tree) as index:
        assert told(index) == stale
    index_path(tree).unlink(missing_ok=True)  # an empty ledger has none
    with open_index(tree) as index:
        assert told(index) == stale
    assert not index_path(tree).exists(), "reading writes nothing"
    by_case: dict[str, list[int]] = {}
    for e in iter_ledger(tree):
        if e.case and e.type.startswith("takedown/"):
            by_case.setdefault(e.case, []).append(e.event)
    assert stale[0] == dict(sorted(by_case.items()))


def test_an_index_of_another_ledger_or_a_damaged_one_is_made_again(tmp_path: Path) -> None:
    tree, other = Tree(tmp_path / "one"), Tree(tmp_path / "two")
    add_events(tree, [event(1, "takedown/received"), event(1, "takedown/valid")])
    add_events(other, [event(2, "takedown/received"), event(3, "takedown/received")])
    with current_index(other):
        pass
    for wrong in (index_path(other).read_bytes(), b"no database", b""):
        index_path(tree).write_bytes(wrong)
        with open_index(tree) as index:
            assert list(index.iter_cases()) == ["2026-00001"]
        with current_index(tree) as index:
            assert index.events_of("2026-00001") == [1, 2]


def test_a_case_that_nobody_could_have_named_has_no_events(tmp_path: Path) -> None:
    with open_index(Tree(tmp_path)) as index:
        for case in ("", "2026", "2026-x", "2026-" + "9" * 30, "2026-00001"):
            assert index.events_of(case) == []


def test_no_event_is_written_over_the_place_of_a_lost_one(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    add_events(tree, [event(1, "takedown/received"), event(1, "takedown/valid")])
    event_path(tree, 2).unlink()
    with pytest.raises(FormatError, match="missing"):
        add_events(tree, [event(1, "takedown/disabled")])
    assert not event_path(tree, 2).exists()
