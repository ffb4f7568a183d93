"""`rights claim`: what the operator records on a recording, from the document to the verdict."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phonotheque.archive import (
    claims,
    execute_build,
    execute_claim,
    execute_ingest,
    execute_init,
    explain_rights,
    plan_build,
    plan_claim,
    plan_ingest,
    plan_init,
    plan_take_back,
    read_claims,
)
from phonotheque.catalogue import current_build, open_build
from phonotheque.cli.main import main
from phonotheque.model.errors import ExitCode, InputError, NotFoundError, UsageError
from phonotheque.model.progress import Silent
from phonotheque.model.rights import Use
from phonotheque.sources import claims as imports_of_claims
from phonotheque.storage.layout import Tree
from tests.support.clock import NOW
from tests.support.crashing import killed_at_every_line

ON = date(2026, 11, 22)
MBID = "b1a9c0e9-d987-4042-ae91-78d6a3267d69"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """An archive of two recordings of which nothing is stated, built once."""
    tree = Tree(tmp_path / "archive")
    plan = plan_init(tree.root, name="Test", publisher="Test", seat="DE")
    execute_init(plan, None, NOW, Silent())
    ingest(tree, tmp_path, "1,A Singer,A Song,200000,\n2,A Singer,Another Song,210000,\n")
    build(tree)
    return tree


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_text("We give this recording to everybody under CC BY 4.0.")
    return path


def ingest(tree: Tree, folder: Path, lines: str, *, name: str = "rows") -> None:
    rows = folder / f"{name}.csv"
    rows.write_text(f"source_key,artist_credit,title,duration_ms,recording_mbid\n{lines}")
    plan = plan_ingest(tree, [rows], source=None, kind="auto", now=NOW)
    execute_ingest(tree, plan, NOW, Silent())


def build(tree: Tree) -> None:
    execute_build(tree, plan_build(tree, NOW.date()), Silent())


def claim(tree: Tree, recording: str, letter: Path, *said: str, **more: Any) -> str:
    told = {"witness": "the band", "kind": "rightsholder"} | more
    plan = plan_claim(tree, recording, said, document=letter, now=NOW, **told)
    made = execute_claim(tree, plan, NOW).id
    assert made is not None
    return made


def stream(tree: Tree) -> dict[int, str]:
    current = current_build(tree)
    assert current is not None
    reader = open_build(current[1], current[0])
    try:
        return dict(reader.cursor().execute("SELECT number, stream FROM recordings").fetchall())
    finally:
        reader.close()


@pytest.mark.full
def test_a_claim_counts_from_the_next_build_on_and_until_it_is_taken_back(
    tree: Tree, letter: Path
) -> None:
    assert stream(tree) == {1: "DENY", 2: "DENY"}
    made = claim(tree, "1", letter, "licence=CC-BY-4.0")
    assert stream(tree)[1] == "DENY"
    build(tree)
    assert stream(tree) == {1: "ALLOW_IF", 2: "DENY"}
    (verdict,) = explain_rights(tree, "1", on=ON, uses=[Use.STREAM]).verdicts
    assert verdict.level == "ALLOW_IF"
    assert [(e.claim, e.witness, e.source) for e in verdict.evidence] == [
        ("licence", "the band", "letter.txt")
    ]
    kept = tree.sources / "evidence" / str(verdict.evidence[0].sha256)
    assert kept.read_bytes() == letter.read_bytes()
    execute_claim(tree, plan_take_back(tree, made, now=NOW), NOW)
    build(tree)
    assert stream(tree) == {1: "DENY", 2: "DENY"}
    assert not explain_rights(tree, "1", on=ON, uses=[Use.STREAM]).verdicts[0].evidence
    assert [view.state for view in read_claims(tree)] == ["taken back", "takes back another"]
    with pytest.raises(UsageError, match="does not count"):
        plan_take_back(tree, made, now=NOW)


def test_a_claim_stands_beside_what_others_say(tree: Tree, letter: Path) -> None:
    claim(tree, "1", letter, "licence=CC-BY-4.0")
    claim(tree, "1", letter, "licence=CC-BY-SA-4.0", witness="another")
    claim(tree, "2", letter, "licence=CC-BY-4.0", "rebuttal=cover")
    build(tree)
    assert stream(tree) == {1: "REVIEW", 2: "REVIEW"}


@pytest.mark.full
def test_years_need_no_right_holder_but_two_witnesses(tree: Tree, letter: Path) -> None:
    said = ("fixed=1910", "published=1910", "author=work:1920", "authors=work", "absent=lyrics",
            "work-published=1909")  # fmt: skip
    claim(tree, "1", letter, *said, kind="registry", witness="loc")
    build(tree)
    assert stream(tree)[1] != "ALLOW"
    verdict = explain_rights(tree, "1", territories=["US"], on=ON, uses=[Use.STREAM]).verdicts[0]
    assert verdict.level == "REVIEW"
    claim(tree, "1", letter, *said, kind="label-scan", witness="label-scan:1")
    build(tree)
    verdict = explain_rights(tree, "1", territories=["US"], on=ON, uses=[Use.STREAM]).verdicts[0]
    assert verdict.level == "ALLOW"


@pytest.mark.full
def test_a_claim_follows_its_recording_when_that_is_merged(
    tree: Tree, letter: Path, tmp_path: Path
) -> None:
    claim(tree, "2", letter, "licence=CC-BY-4.0")
    # both rows now name one recording of MusicBrainz, which gets the smaller number
    row = f"A Singer,A Song,200000,{MBID}\n"
    ingest(tree, tmp_path, f"1,{row}2,{row}")
    build(tree)
    assert stream(tree) == {1: "ALLOW_IF"}
    assert explain_rights(tree, "2", on=ON, uses=[Use.STREAM]).verdicts[0].level == "ALLOW_IF"
    build(tree)
    claim(tree, "2", letter, "reservation=ai")
    assert read_claims(tree)[-1].recording == 1


@pytest.mark.full
def test_a_claim_on_a_recording_that_is_gone_is_a_finding_until_that_is_back(
    tree: Tree, letter: Path, tmp_path: Path
) -> None:
    def replaced(lines: str) -> dict[str, int]:
        rows = tmp_path / "rows.csv"
        rows.write_text(f"source_key,artist_credit,title,duration_ms\n{lines}")
        plan = plan_ingest(tree, [rows], source=None, kind="auto", now=NOW, replace=True)
        execute_ingest(tree, plan, NOW, Silent())
        return execute_build(tree, plan_build(tree, NOW.date()), Silent()).findings

    claim(tree, "2", letter, "licence=CC-BY-4.0")
    back = claim(tree, "2", letter, "licence=CC-BY-SA-4.0")
    execute_claim(tree, plan_take_back(tree, back, now=NOW), NOW)
    assert replaced("1,A Singer,A Song,200000\n") == {"rights.claim-lost": 1}
    current = current_build(tree)
    assert current is not None
    (found,) = pq.read_table(current[1] / "findings.parquet").to_pylist()
    assert found["where"] == "claims/0001"
    assert "A Singer – Another Song" in found["message"]
    assert "--take-back 0001" in found["message"]
    states = ["names a recording that is gone", "taken back", "takes back another"]
    assert [view.state for view in read_claims(tree)] == states
    both = "1,A Singer,A Song,200000\n2,A Singer,Another Song,210000\n"
    assert replaced(both) == {}
    assert read_claims(tree)[0].state == "standing"
    assert stream(tree) == {1: "DENY", 2: "ALLOW_IF"}


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (["publishd=1921"], "catalogue", "FIELD=VALUE"),
        (["published"], "catalogue", "FIELD=VALUE"),
        (["checked=tdmrep"], "catalogue", "FIELD=VALUE"),
        (["published=soon"], "catalogue", "no value of published"),
        (["licence=CC-BY-4.0"], "catalogue", "--kind rightsholder"),
        (["licence=free"], "rightsholder", "no value of licence"),
        (["layer-licence=nose=CC0-1.0"], "rightsholder", "no value of layer-licence"),
        (["deal={}"], "rightsholder", "no value of deal"),
        (["us-1401c=tomorrow"], "sidecar", "no value of us-1401c"),
        (["published=1921"], "tag", "no kind of evidence"),
        ([], "catalogue", "at least one thing"),
    ],
)
def test_what_cannot_be_claimed_is_said(
    tree: Tree, letter: Path, said: list[str], kind: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        plan_claim(tree, "1", said, document=letter, witness="loc", kind=kind, now=NOW)
    assert not (tree.sources / "claims").exists()


def test_document_witness_and_recording_have_to_be_there(
    tree: Tree, letter: Path, tmp_path: Path
) -> None:
    def plan(**more: Any) -> None:
        told: dict[str, Any] = {"document": letter, "witness": "loc"} | more
        plan_claim(tree, told.pop("recording", "1"), ["published=1921"], now=NOW, **told)

    with pytest.raises(InputError, match=r"none\.txt"):
        plan(document=tmp_path / "none.txt")
    with pytest.raises(UsageError, match="--witness"):
        plan(witness=" ")
    with pytest.raises(UsageError, match="--confidence"):
        plan(confidence=2.0)
    with pytest.raises(NotFoundError):
        plan(recording="99")
    with pytest.raises(NotFoundError, match="0007"):
        plan_take_back(tree, "0007", now=NOW)


def test_numbers_that_no_build_knows_are_not_guessed(tree: Tree, letter: Path) -> None:
    claim(tree, "1", letter, "licence=CC-BY-4.0")
    (tree.catalogue / "current.json").unlink()
    with pytest.raises(InputError, match=r"claims/0001.*restore"):
        build(tree)


@pytest.mark.full
def test_killed_at_any_line_a_claim_is_there_whole_or_not_at_all(tree: Tree, letter: Path) -> None:
    plan = plan_claim(
        tree, "1", ["published=1921", "fixed=1920"], document=letter, witness="loc", now=NOW
    )
    before = 0

    def prepare() -> None:
        nonlocal before
        before = len(read_claims(tree))

    def act() -> None:
        execute_claim(tree, plan, NOW)

    grown = 0
    for _ in killed_at_every_line([claims, imports_of_claims], prepare, act):
        found = read_claims(tree)
        assert all(len(view.said) == 2 for view in found)
        assert len(found) - before in (0, 1)
        grown += len(found) > before
    assert grown >= 1
    build(tree)
    assert len(explain_rights(tree, "1", on=ON, uses=[Use.HOLD]).verdicts[0].evidence) >= 2


def test_the_command_records_lists_and_takes_back(
    tree: Tree, letter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(tree.root)
    asked = ["rights", "claim", root, "1", "published=1921", "--document", str(letter)]
    assert main(asked) == ExitCode.USAGE
    asked += ["--witness", "loc"]
    assert main([*asked, "--dry-run"]) == 0
    assert "nothing was recorded" in capsys.readouterr().out
    assert main([*asked, "--json"]) == 0
    view = json.loads(capsys.readouterr().out)
    assert (view["id"], view["said"], view["state"]) == ("0001", ["published=1921"], "standing")
    assert main(["rights", "claim", root, "--take-back", "0001"]) == 0
    capsys.readouterr()
    assert main(["rights", "claim", root, "--list"]) == 0
    told = capsys.readouterr().out
    assert "0001 taken back" in told and "takes back 0001" in told and "says loc" in told
    assert main(["rights", "claim", root, "1", "--list"]) == ExitCode.USAGE
