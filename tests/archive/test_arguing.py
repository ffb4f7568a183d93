"""`rights explain` and `rights rules`: a verdict argued from what the imports state."""

import json
from datetime import date
from pathlib import Path

import pytest

from phonotheque.archive import (
    execute_build,
    execute_ingest,
    execute_init,
    explain_rights,
    plan_build,
    plan_ingest,
    plan_init,
)
from phonotheque.cli.main import main
from phonotheque.model.errors import ExitCode, FormatError, InputError, NotFoundError
from phonotheque.model.progress import Silent
from phonotheque.model.rights import Use
from phonotheque.storage.layout import Tree
from tests.support.clock import NOW

ON = date(2026, 11, 22)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """An archive of two rows, of which one states a licence that is only hearsay."""
    folder = tmp_path_factory.mktemp("arguing")
    tree = Tree(folder / "archive")
    plan = plan_init(tree.root, name="Test", publisher="Test", seat="DE")
    execute_init(plan, None, NOW, Silent())
    rows = folder / "rows.csv"
    rows.write_text(
        "source_key,artist_credit,title,duration_ms,licence\n"
        "1,A Singer,A Song,200000,https://creativecommons.org/licenses/by/4.0/\n"
        "2,A Singer,Another Song,210000,\n"
    )
    ingest = plan_ingest(tree, [rows], source=None, kind="auto", now=NOW)
    execute_ingest(tree, ingest, NOW, Silent())
    execute_build(tree, plan_build(tree, NOW.date()), Silent())
    return tree


def test_the_chain_names_evidence_rules_and_what_is_missing(tree: Tree) -> None:
    found = explain_rights(tree, "1", territories=["DE"], on=ON, uses=[Use.STREAM])
    (verdict,) = found.verdicts
    assert (verdict.use, verdict.territories, verdict.on) == ("STREAM", ["DE"], "2026-11-22")
    assert verdict.level in ("REVIEW", "DENY")
    assert verdict.rules and all(rule.source and rule.mark in "VDKR" for rule in verdict.rules)
    assert verdict.changes and verdict.layers[0].why
    assert {rule.id for rule in verdict.rules} >= {i for one in verdict.layers for i in one.rules}


def test_without_a_use_the_four_that_matter_are_argued(tree: Tree) -> None:
    found = explain_rights(tree, "2", on=ON)
    assert [v.use for v in found.verdicts] == ["HOLD", "STREAM", "DISTRIBUTE", "AI_TRAIN"]
    assert [v.level for v in found.verdicts] == ["REVIEW", "DENY", "DENY", "DENY"]
    assert found.verdicts[0].territories == ["DE"]
    assert len(found.verdicts[2].territories) > 5


def test_what_names_nothing_is_said_so(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        explain_rights(tree, "999", on=ON)
    with pytest.raises(InputError, match="Germany"):
        explain_rights(tree, "1", territories=["Germany"], on=ON)
    with pytest.raises(NotFoundError):
        explain_rights(Tree(tmp_path), "1", on=ON)


def test_the_commands_print_text_and_json(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rights", "explain", str(tree.root), "1", "--date", "2027-01-01"]) == 0
    text = capsys.readouterr().out
    assert "STREAM in" in text and "what would change it" in text
    asked = ["rights", "explain", str(tree.root), "1", "--use", "stream", "--territory", "US"]
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdicts"][0]["territories"] == ["US"]
    assert main([*asked[:4], "--use", "SELL"]) == ExitCode.USAGE
    assert main(["rights", "rules", "eu.recording.kept-free"]) == 0
    assert "2011/77/EU" in capsys.readouterr().out
    assert main(["rights", "rules"]) == 0
    assert "test vectors" in capsys.readouterr().out
    assert main(["rights", "rules", "no.such"]) == ExitCode.NOT_FOUND


def test_an_accepted_rule_that_does_not_exist_is_named(tree: Tree) -> None:
    settings = tree.root / "archive.toml"
    before = settings.read_text()
    settings.write_text(before.replace("accepted_rules = []", 'accepted_rules = ["br.recrding"]'))
    try:
        with pytest.raises(FormatError, match=r"br\.recrding"):
            explain_rights(tree, "1", on=ON)
    finally:
        settings.write_text(before)
