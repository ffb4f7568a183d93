"""What `search` shows on a terminal."""

from pathlib import Path

import pytest

from phonotheque.cli import main as program
from phonotheque.cli.console import Marked, Screen
from phonotheque.model.edition import Latest
from phonotheque.model.errors import ExitCode
from phonotheque.storage.documents import write_document
from phonotheque.storage.layout import Tree
from tests.support.editions import TinyRecording, write_tiny_edition


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path)
    manifest = write_tiny_edition(
        tmp_path,
        [TinyRecording(f"Night train {i}", "Anna Lind", tier=1 + i % 2) for i in range(30)],
    )
    latest = Latest(format=1, edition=manifest.name, sequence=1, edition_sha256="00" * 32)
    write_document(tree.latest_json, latest)
    return tree


def search(tree: Tree, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert program.main(["search", str(tree.root), *words]) == ExitCode.OK
    return " ".join(capsys.readouterr().out.split())


def test_hits_are_shown_with_their_count_and_the_way_on(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = search(tree, capsys, "night", "train")
    assert "30 found more: --cursor" in shown
    assert "tier:1" not in shown


def test_what_finds_nothing_shows_no_empty_tables(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search(tree, capsys, "xylophonquartz", "--facets").strip() == "0 found"


def test_facets_are_counted_when_asked_for(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    shown = search(tree, capsys, "train", "--facets", "--limit", "1")
    assert "decade 2020s 30 year:2020..2029" in shown
    assert "tier 1 15 tier:1 tier 2 15 tier:2" in shown


def test_another_spelling_is_offered_and_said_to_be_another(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = search(tree, capsys, "nihgt", "train")
    assert "Nothing has every word as typed. These have a close spelling:" in shown
    assert "Did you mean “night train”?" in shown


def test_found_words_stand_out_and_brackets_are_no_styles(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen = Screen()
    screen.table(("title",), [(Marked("[bold]Night[/bold] [x", ((6, 11),)),), ("[red]",)])
    shown = capsys.readouterr().out
    assert "[bold]Night[/bold] [x" in shown
    assert "[red]" in shown
