"""`rights next` and `rights review`: what becomes free on 1 January, and the work list."""

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from phonotheque.archive import (
    execute_build,
    execute_ingest,
    execute_init,
    explain_rights,
    next_year,
    plan_build,
    plan_ingest,
    plan_init,
    work_list,
)
from phonotheque.cli.main import main
from phonotheque.model.errors import ExitCode, NotFoundError
from phonotheque.model.progress import Silent
from phonotheque.model.rights import Use
from phonotheque.storage.layout import Tree
from tests.support.clock import NOW

DAY = date(2026, 11, 22)


def told(witness: str, **claims: str) -> list[dict[str, str]]:
    return [
        {"claim": name.replace("_", "-"), "value": value, "witness": witness}
        for name, value in claims.items()
    ]


def old(published: str, *witnesses: str) -> list[dict[str, Any]]:
    """A record of so many witnesses, of a song that is free in the US."""
    return [c for w in witnesses for c in told(w, published=published, work_published="1920")]


def doubted(claims: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same by a source that holds it for unlikely: it bears nobody out."""
    return [{**claim, "confidence": 0.3} for claim in claims]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Recordings: two of 1926, two borne out by one witness, one of 1925, one without."""
    folder = tmp_path_factory.mktemp("foreseeing")
    tree = Tree(folder / "archive")
    plan = plan_init(tree.root, name="Test", publisher="Test", seat="US")
    execute_init(plan, None, NOW, Silent())
    songs: list[tuple[str, list[dict[str, Any]]]] = [
        ("Free next year", old("1926", "loc", "bnf")),
        ("Free next year too", old("1926", "loc", "bnf")),
        ("One witness", old("1926", "loc")),
        ("Free already", old("1925", "loc", "bnf")),
        ("Nothing known", []),
        ("Doubted", [*old("1926", "loc"), *doubted(old("1926", "bnf"))]),
    ]
    rows: list[dict[str, Any]] = [
        {"source_key": str(n), "artist_credit": f"Singer {n}", "title": title, "claims": claims}
        for n, (title, claims) in enumerate(songs, 1)
    ]
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest = plan_ingest(tree, [path], source=None, kind="auto", now=NOW)
    execute_ingest(tree, ingest, NOW, Silent())
    execute_build(tree, plan_build(tree, NOW.date()), Silent())
    return tree


def test_what_becomes_free_is_counted_by_territory_and_layer(tree: Tree, tmp_path: Path) -> None:
    listed = tmp_path / "next.csv"
    report = next_year(tree, 2027, target=listed)
    assert report.on == date(2027, 1, 1) and report.recordings == 5
    found = {(one.territory, one.layer): (one.free, one.perhaps) for one in report.layers}
    assert found["US", "phonogram"] == (2, 2)
    assert found["US", "performers"] == (2, 2)
    assert ("US", "work") not in found and not any(where == "DE" for where, _ in found)
    risen = {(one.territory, one.use): (one.allowed, one.to_review) for one in report.verdicts}
    assert risen["US", "STREAM"] == (2, 2)
    assert risen["world", "DISTRIBUTE"] == (0, 4), "elsewhere nobody knows the authors"
    lines = list(csv.DictReader(listed.open()))
    assert len(lines) == report.listed
    us = {(line["title"], line["free"]) for line in lines if line["territory"] == "US"}
    assert us == {
        ("Free next year", "yes"), ("Free next year too", "yes"),
        ("One witness", "perhaps"), ("Doubted", "perhaps"),
    }  # fmt: skip
    assert all(line["recording"].startswith("r") for line in lines)


def test_each_year_has_its_own(tree: Tree) -> None:
    us = {one.layer: one.free for one in next_year(tree, 2026).layers if one.territory == "US"}
    assert us["phonogram"] == 1


def test_the_work_list_names_what_is_missing_and_agrees_with_explain(tree: Tree) -> None:
    report = work_list(tree, date(2027, 1, 1), territories=["US"], limit=10)
    found_items = {item.title: item for item in report.items}
    assert found_items.keys() == {"One witness", "Doubted"}
    item = found_items["One witness"]
    assert any("one witness" in reason for reason in item.reasons)
    assert item.changes and report.recordings == 2
    found = explain_rights(tree, item.recording, territories=["US"], on=date(2027, 1, 1))
    assert found.verdicts[1].level == "REVIEW"
    assert work_list(tree, DAY, territories=["US"]).recordings == 0


def test_the_commands_print_both(tree: Tree, tmp_path: Path, capsys: Any) -> None:
    archive = str(tree.root)
    target = tmp_path / "list.csv"
    assert main(["rights", "next", archive, "--year", "2027", "--to", str(target)]) == ExitCode.OK
    assert "US phonogram: 2 free, 2 perhaps" in capsys.readouterr().out
    assert main(["rights", "review", archive, "--territory", "US", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["use"] == Use.STREAM
    assert main(["rights", "review", archive, "--use", "SING"]) == ExitCode.USAGE
    assert main(["rights", "next", archive, "--year", "12"]) == ExitCode.USAGE


def test_without_a_build_there_is_nothing_to_foresee(tmp_path: Path) -> None:
    plan = plan_init(tmp_path / "a", name="Test", publisher="Test", seat="DE")
    execute_init(plan, None, NOW, Silent())
    with pytest.raises(NotFoundError, match="build"):
        next_year(Tree(tmp_path / "a"), 2027)
