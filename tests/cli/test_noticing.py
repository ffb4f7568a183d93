"""A notice as the operator handles it: what the commands say, write and refuse."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from phonotheque.cli.main import main
from phonotheque.model.errors import ExitCode
from tests.archive.test_notices import COUNTER, FORM

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SIGNED = 'signature = "/s/ Jane Roe"\n'


class Desk:
    """An archive with two recordings, and a clock of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        self.folder, self.archive = folder, str(folder / "archive")
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.set_clock(NOW)
        rows = self.write("songs.csv", "source_key,title,artist_credit\n1,One,A\n2,Two,A\n")
        self.run("init", "--name", "A", "--publisher", "P", "--seat", "US")
        self.run("ingest", rows)
        self.run("build")

    def set_clock(self, at: datetime) -> None:
        self._monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(at.timestamp())))

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def run(self, *words: str, expect: int = 0) -> str:
        """Run ``phonotheque WORDS`` with the archive behind the command; what it said."""
        first, rest = (words[:2], words[2:]) if words[0] == "notice" else (words[:1], words[1:])
        code = main([*first, self.archive, *rest])
        said = self._capsys.readouterr()
        assert code == expect, said.out + said.err
        return str(said.out) if "--json" in words else f"{said.out}{said.err}"

    def json(self, *words: str, expect: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", expect=expect))

    def public(self, case: str) -> Any:
        return json.loads((self.folder / "archive" / "notices" / f"{case}.json").read_text())

    def files(self) -> set[str]:
        root = self.folder / "archive"
        return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.name != ".lock"}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Desk:
    return Desk(tmp_path, monkeypatch, capsys)


def test_a_notice_goes_from_receipt_to_restoration(desk: Desk) -> None:
    form = desk.write("notice.toml", FORM.replace("RECORDING", "1"))
    said = desk.run("notice", "receive", form)
    assert "2026-00001: act" in said and "`phonotheque withdraw --notice`" in said
    assert "Case 2026-00001: disabled." in desk.run("withdraw", "--notice", "2026-00001")
    assert desk.public("2026-00001")["state"] == "disabled"

    desk.set_clock(NOW + timedelta(hours=1))
    bad = desk.write("counter.toml", COUNTER.replace("accepts_service = true", ""))
    said = desk.run("notice", "counter", "2026-00001", bad, expect=ExitCode.FINDINGS)
    assert "jurisdiction" in said and "counter-notice incomplete" in said
    assert desk.public("2026-00001")["state"] == "disabled"
    assert "jurisdiction" not in json.dumps(desk.public("2026-00001"))
    good = desk.write("counter.toml", COUNTER)
    # Thanksgiving is a holiday: the tenth business day after 23 November is 8 December
    assert "on 2026-12-08" in desk.run("notice", "counter", "2026-00001", good)
    assert "2026-00001: forwarded" in desk.run("notice", "forward", "2026-00001")
    assert "2026-12-09" in desk.run("notice", "list")

    said = desk.run("restore", "2026-00001", expect=ExitCode.USAGE)
    assert "may be put back from 2026-12-09" in said
    desk.set_clock(NOW + timedelta(days=17))
    assert "Restored: r" in desk.run("restore", "2026-00001")
    shown = desk.json("notice", "show", "2026-00001")
    assert [step["state"] for step in shown["steps"]] == [
        "received", "valid", "disabled", "counter-incomplete", "counter-received", "forwarded",
        "restored",
    ]  # fmt: skip
    [listed] = desk.json("notice", "list")["cases"]
    assert (listed["case"], listed["state"]) == ("2026-00001", "restored")
    listed = desk.run("notice", "list")
    assert "restored" in listed and "2026-12-09" not in listed, "nothing waits for the window now"
    assert "put back from" not in desk.run("notice", "show", "2026-00001")
    assert "counter-received by respondent" in desk.run("notice", "show", "2026-00001")


def test_an_incomplete_notice_is_answered_clause_by_clause_and_completed(desk: Desk) -> None:
    text = FORM.replace("RECORDING", "1")
    form = desk.write("notice.toml", text.replace(SIGNED, ""))
    said = desk.run("notice", "receive", form, expect=ExitCode.FINDINGS)
    assert "2026-00001: ask" in said and "512(c)(3)(A)(i)" in said
    assert "incomplete, nothing is disabled: ask its sender for what is missing" in said
    assert desk.public("2026-00001")["missing"][0].startswith("17 U.S.C. 512(c)(3)(A)(i)")
    refused = desk.run("withdraw", "--notice", "2026-00001", expect=ExitCode.USAGE)
    assert "incomplete" in refused
    whole = desk.write("whole.toml", text)
    assert "2026-00001: act" in desk.run("notice", "receive", whole, "--case", "2026-00001")
    assert desk.public("2026-00001")["state"] == "valid"


def test_a_form_given_to_withdraw_is_received_and_disabled_in_one(desk: Desk) -> None:
    form = desk.write("notice.toml", FORM.replace("RECORDING", "2"))
    report = desk.json("withdraw", "--notice", form)
    assert (report["case"], len(report["withdrawn"])) == ("2026-00001", 1)
    assert desk.json("withdraw", "--notice", form)["withdrawn"] == []
    assert len(desk.json("notice", "list")["cases"]) == 1


def test_nobody_s_words_are_published_of_a_recording_that_is_not_here(desk: Desk) -> None:
    text = FORM.replace("https://a.example/recording/RECORDING", "").replace(
        'url = ""', 'id = "jane@example.org, 1 Main Street"'
    )
    form = desk.write("notice.toml", text)
    said = desk.run("notice", "receive", form, expect=ExitCode.FINDINGS)
    assert "void" in said and "jane@example.org" in said
    [lack] = desk.public("2026-00001")["missing"]
    assert lack.startswith("which recording")
    assert "jane" not in json.dumps(desk.public("2026-00001")).lower()


def test_an_upheld_notice_stays_out_until_a_document_shows_otherwise(desk: Desk) -> None:
    form = desk.write("notice.toml", FORM.replace("RECORDING", "1"))
    desk.run("withdraw", "--notice", form)
    assert "2026-00001: upheld" in desk.run("notice", "uphold", "2026-00001", "--note", "right")
    assert "another ground" in desk.run("restore", "2026-00001", expect=ExitCode.USAGE)
    letter = desk.write("letter.txt", "we were wrong")
    needs = desk.run("restore", "2026-00001", "--because", "retracted", expect=ExitCode.USAGE)
    assert "--document" in needs
    desk.run("restore", "2026-00001", "--because", "retracted", "--document", letter)
    assert desk.public("2026-00001")["state"] == "restored"


def test_a_court_and_a_dismissal_are_recorded(desk: Desk) -> None:
    one = desk.write("one.toml", FORM.replace("RECORDING", "1"))
    two = desk.write("two.toml", FORM.replace("RECORDING", "2"))
    desk.run("withdraw", "--notice", one)
    assert "2026-00001: court-hold" in desk.run("notice", "court", "2026-00001")
    desk.run("notice", "receive", two)
    assert "2026-00002: dismissed" in desk.run("notice", "dismiss", "2026-00002")
    said = desk.run("withdraw", "--notice", "2026-00002", expect=ExitCode.USAGE)
    assert "cannot follow" in said
    said = desk.run("notice", "receive", two)
    assert "dismissed" in said and "--again" in said
    assert "2026-00003: act" in desk.run("notice", "receive", two, "--again")
    assert "disabled" in desk.run("withdraw", "--notice", "2026-00003")


EUROPEAN = """
law = "eu-dsa-16"
reasons = "I wrote it, and nobody asked me."
statements = { good_faith = true }
contact = { name = "Jane Roe", email = "jane@example.org" }
material = [{ url = "https://a.example/recording/1" }]
"""
COMPLAINT = 'reasons = "Yes."\ncontact = { name = "Joe Doe", email = "joe@example.org" }\n'


def test_a_decision_is_complained_of_and_the_months_for_it_are_told(desk: Desk) -> None:
    form = desk.write("notice.toml", EUROPEAN)
    desk.run("notice", "receive", form)
    assert "dismissed" in desk.run("notice", "dismiss", "2026-00001")
    assert "heard until 2027-05-23" in desk.run("notice", "show", "2026-00001")
    complaint = desk.write("complaint.toml", COMPLAINT)
    said = desk.run("notice", "counter", "2026-00001", complaint)
    assert "complaint complete" in said and "heard until 2027-05-23" in said
    assert "appealed by complainant" in desk.run("notice", "show", "2026-00001")
    assert "disabled" in desk.run("withdraw", "--notice", "2026-00001")
    desk.run("notice", "uphold", "2026-00001")
    other = desk.write("other.toml", COMPLAINT.replace("Yes", "No"))
    desk.run("notice", "counter", "2026-00001", other)
    assert "Restored" in desk.run("restore", "2026-00001", "--because", "complaint")
    assert desk.public("2026-00001")["state"] == "restored"


def test_trying_dry_writes_nothing(desk: Desk) -> None:
    form = desk.write("notice.toml", FORM.replace("RECORDING", "1"))
    counter = desk.write("counter.toml", COUNTER)
    before = desk.files()
    desk.run("notice", "receive", form, "--dry-run")
    assert desk.files() == before
    desk.run("withdraw", "--notice", form)
    before = desk.files()
    desk.run("notice", "counter", "2026-00001", counter, "--dry-run")
    for step in ("court", "uphold"):
        assert "would make" in desk.run("notice", step, "2026-00001", "--dry-run")
    desk.run("restore", "2026-00001", "--because", "evidence", "--document", form, "--dry-run")
    assert desk.files() == before
    assert desk.public("2026-00001")["state"] == "disabled"


def test_what_is_not_there_and_what_may_not_follow_is_said(desk: Desk) -> None:
    assert "no such case" in desk.run("notice", "show", "2026-00009", expect=ExitCode.NOT_FOUND)
    missing = str(desk.folder / "nowhere.toml")
    desk.run("notice", "receive", missing, expect=ExitCode.NOT_FOUND)
    assert "TOML" in desk.run("notice", "receive", desk.archive, expect=ExitCode.USAGE)
    form = desk.write("notice.toml", FORM.replace("RECORDING", "1"))
    desk.run("notice", "receive", form)
    said = desk.run("notice", "forward", "2026-00001", expect=ExitCode.USAGE)
    assert "cannot follow" in said


def test_a_changed_ledger_is_found_by_verify(desk: Desk) -> None:
    form = desk.write("notice.toml", FORM.replace("RECORDING", "1"))
    desk.run("withdraw", "--notice", form)
    desk.run("build")
    desk.run("publish", "--edition", "one")
    assert desk.json("verify")["clean"]
    event = desk.folder / "archive" / "rights" / "ledger" / "00000002.json"
    event.chmod(0o644)
    event.write_text(event.read_text().replace("operator", "somebody"))
    report = desk.json("verify", expect=ExitCode.FINDINGS)
    assert "ledger.damaged" in json.dumps(report)
