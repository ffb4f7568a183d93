"""What the commands of a guard say and do, with which exit codes; every change is in the audit."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from phonotheque.accounts import ACCOUNTS_FILE, CHEAP, Accounts, Passwords
from phonotheque.cli.main import main
from phonotheque.guard import (
    GUARD_FILE,
    Decision,
    GroupEvidence,
    GuardStore,
    KeptGroup,
    Proceedings,
    Seen,
    State,
    Update,
    Usual,
    format_state,
    note_told,
    save_usual,
)
from phonotheque.guard.store import day_of

NOW = datetime(2027, 3, 4, 12, tzinfo=UTC)
LEA, NET = "account:1", "network:0123456789abcdef"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place with records of a guard: an account suspended and proposed, and a network."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(NOW.timestamp())))
    state = tmp_path / "tree-STATE"
    state.mkdir()
    with Accounts(state / ACCOUNTS_FILE, create=True, passwords=Passwords(CHEAP)) as accounts:
        accounts.add("lea", NOW, "cli")
    with GuardStore(state / GUARD_FILE, create=True) as store:
        content = format_state(State())
        days = [
            Seen(actor=actor, day=day_of(NOW) - n, requests=12, media=10, metadata=2,
                 distinct_items=9, repeats=1, bytes=10, buckets=(0, 0, 0, 0, 0, 0, 4, 5),
                 score=score)
            for actor, score in ((LEA, 5.5), (NET, 0.0)) for n in range(3)
        ]  # fmt: skip
        store.save([Update(actor=LEA, kind="account", at=NOW, state=content),
                    Update(actor=NET, kind="network", at=NOW, state=content)], days)  # fmt: skip
        store.decide(
            Decision(actor=LEA, kind="account", measure="suspend", until=NOW + timedelta(days=1),
                     reasons=("it takes list after list",)), NOW,
        )  # fmt: skip
        Proceedings(store).propose(LEA, ("it takes list after list",), {"odds": 6.0}, "v1", NOW)
        Proceedings(store).appeal(LEA, "that was my sister", NOW)
    return tmp_path / "tree"


def run(capsys: Any, *words: str | Path, expect: int = 0) -> str:
    """What the command prints."""
    code = main(["guard", *(str(word) for word in words)])
    said = capsys.readouterr()
    assert code == expect, said.out + said.err
    return str(said.out) if "--json" in words else f"{said.out}{said.err}"


def told(tree: Path) -> list[tuple[str, str]]:
    """What the audit log tells, and by whom; its chain is sound."""
    with GuardStore(Path(f"{tree}-STATE") / GUARD_FILE) as store:
        assert store.check_audit() is None
        return [(entry.what.value, entry.by) for entry in store.iter_audit()]


def test_top_and_show_tell_who_stands_out_and_why(tree: Path, capsys: Any) -> None:
    rows = json.loads(run(capsys, "top", tree, "--json"))
    assert [row["actor"] for row in rows] == [LEA, NET]
    assert rows[0]["evidence"] == 5.5
    assert rows[0]["measure"] == "suspend"
    assert rows[0]["media"] == 30
    assert LEA in run(capsys, "top", tree)
    for name in ("lea", "1", LEA):
        said = run(capsys, "show", tree, name)
        assert "account:1: suspend until 2027-03-05 12:00" in said
        assert "because it takes list after list" in said
        assert "that was my sister" in said
        assert "measure.taken suspend account:1  by guard" in said
    assert json.loads(run(capsys, "show", tree, NET, "--json"))["measure"] == "allow"
    run(capsys, "show", tree, "nobody", expect=66)
    run(capsys, "show", tree, "account:9", expect=66)
    run(capsys, "show", tree, "artist:9", expect=2)


def test_the_report_checks_the_audit_log(tree: Path, capsys: Any) -> None:
    said = run(capsys, "report", tree)
    assert "72 requests of 2 accounts and networks, 60 for audio" in said
    assert "measure.taken 1" in said
    assert "Proposal 1: disable account:1" in said
    assert "all as they were written" in said
    with sqlite3.connect(Path(f"{tree}-STATE") / GUARD_FILE) as raw:
        raw.execute("DROP TRIGGER audit_is_not_changed")
        raw.execute("UPDATE audit SET by = 'somebody' WHERE event = 2")
    assert "Line 2 of the audit log is not as it was written" in run(
        capsys, "report", tree, expect=1
    )


@pytest.mark.full
def test_the_report_is_one_html_file_with_plots(tree: Path, tmp_path: Path, capsys: Any) -> None:
    target = tmp_path / "week.html"
    run(capsys, "report", tree, "--html", target)
    page = target.read_text()
    assert page.count("<svg") == 4
    assert "http://" not in page.replace("http://www.w3.org/", "")
    run(capsys, "show", tree, "lea", "--html", target)
    assert target.read_text().count("<svg") == 5


def test_two_named_people_disable_and_one_does_not(tree: Path, capsys: Any) -> None:
    assert "disable account:1" in run(capsys, "proposals", tree)
    assert "confirmed once" in run(capsys, "confirm", tree, "1", "--by", "Ana", "--dry-run")
    assert "waits for a second person" in run(capsys, "confirm", tree, "1", "--by", "Ana")
    run(capsys, "confirm", tree, "1", "--by", "ana", expect=2)
    assert "is disabled" in run(capsys, "confirm", tree, "1", "--by", "Bo")
    assert "account:1: disable" in run(capsys, "show", tree, "lea")
    run(capsys, "confirm", tree, "1", "--by", "Cy", expect=2)
    run(capsys, "confirm", tree, "7", "--by", "Cy", expect=66)
    assert told(tree)[-2:] == [("disabling.confirmed", "Ana"), ("disabling.confirmed", "Bo")]
    assert "disabling.confirmed account:1  by Bo" in run(capsys, "audit", tree, "lea")


def test_a_rejected_proposal_leaves_nothing_against_anybody(tree: Path, capsys: Any) -> None:
    run(capsys, "reject", tree, "1", "--by", "Ana", "--why", "a digger", "--dry-run")
    assert "nothing is held against" in run(
        capsys, "reject", tree, "1", "--by", "Ana", "--why", "a digger"
    )
    assert json.loads(run(capsys, "show", tree, "1", "--json"))["measure"] == "allow"
    assert run(capsys, "proposals", tree) == "None.\n"


def test_an_appeal_is_answered_by_a_person_and_lifts_the_measure(tree: Path, capsys: Any) -> None:
    assert "that was my sister" in run(capsys, "appeals", tree)
    words = ("appeal", tree, "1", "--by", "Bo", "--why", "so it was")
    run(capsys, *words, expect=2)  # neither granted nor refused
    assert "would be granted" in run(capsys, *words, "--grant", "--dry-run")
    assert "granted" in run(capsys, *words, "--grant")
    run(capsys, *words, "--grant", expect=2)
    run(capsys, "appeal", tree, "8", "--by", "Bo", "--why", "x", "--refuse", expect=66)
    assert json.loads(run(capsys, "show", tree, "1", "--json"))["measure"] == "allow"
    assert told(tree)[-2:] == [("appeal.granted", "Bo"), ("measure.lifted", "Bo")]
    assert "so it was" in run(capsys, "appeals", tree, "--all")


def test_a_measure_is_lifted_by_name_and_reason(tree: Path, capsys: Any) -> None:
    words = ("lift", tree, "lea", "--by", "Ana", "--why", "our radio bot")
    before = told(tree)
    assert "would be lifted" in run(capsys, *words, "--dry-run")
    assert told(tree) == before
    assert "suspend lifted" in run(capsys, *words)
    assert told(tree)[-1] == ("measure.lifted", "Ana")
    run(capsys, *words, expect=66)


def test_tokens_are_shown_once_listed_without_and_revoked(tree: Path, capsys: Any) -> None:
    words = ("token", "issue", tree, "University", "--contact", "u@example.org", "--by", "Ana")
    run(capsys, *words, "--dry-run")
    made = json.loads(run(capsys, *words, "--days", "30", "--json"))
    assert made["token"].startswith("phb_")
    listed = run(capsys, "token", "list", tree)
    assert "University" in listed
    assert made["token"] not in listed
    run(capsys, "token", "revoke", tree, "1", "--by", "Ana", "--dry-run")
    assert "is revoked" in run(capsys, "token", "revoke", tree, "1", "--by", "Ana")
    run(capsys, "token", "revoke", tree, "1", "--by", "Ana", expect=66)
    assert told(tree)[-2:] == [("token.issued", "Ana"), ("token.revoked", "Ana")]


def test_what_is_past_its_time_goes_also_where_no_server_runs_any_more(
    tree: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert json.loads(run(capsys, "prune", tree, "--json"))["days"] == 0
    later = NOW + timedelta(days=91)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(later.timestamp())))
    due = json.loads(run(capsys, "prune", tree, "--dry-run", "--json"))
    assert due == {"events": 0, "days": 6, "actors": 2, "groups": 0, "keys": 0}
    assert json.loads(run(capsys, "prune", tree, "--json")) == due
    assert json.loads(run(capsys, "prune", tree, "--json"))["actors"] == 0
    assert told(tree)[-1] == ("data.dropped", "guard")
    run(capsys, "show", tree, "lea", expect=66)


def test_where_no_guard_ever_ran_it_is_said_so(tmp_path: Path, capsys: Any) -> None:
    assert "no records of a guard here" in run(capsys, "top", tmp_path / "tree", expect=66)


def test_groups_are_listed_and_cleared_by_people(tree: Path, capsys: Any) -> None:
    assert "No group is told before 200 people" in run(capsys, "groups", tree)
    evidence = GroupEvidence(500, 40, 3, 80.0, -21.0, 10, 90.0, 0.0)
    group = KeptGroup(name="client:taker/1", secret=b"s", began_at=NOW, last_at=NOW, surprise=20.7,
                      told_until=NOW + timedelta(days=7), evidence=evidence)  # fmt: skip
    with GuardStore(Path(f"{tree}-STATE") / GUARD_FILE) as store:
        note_told(store, group, NOW)
        save_usual(store, Usual(rates=(0.1,) * 8, tail=0.7, level=10.0, people=312), NOW)
    said = run(capsys, "groups", tree)
    assert "Measured by 312 of the people here" in said
    assert "client:taker/1" in said
    found = json.loads(run(capsys, "groups", tree, "--told", "--json"))
    assert found["groups"][0]["told"]
    assert "hardly ever meet: 3 times on an item" in found["groups"][0]["reason"]
    assert "Group client:taker/1 shares out the catalogue" in run(capsys, "report", tree)
    held = ("hold", tree, "client:taker/1", "--by", "Ana Silva", "--why", "a campaign")
    assert "40 accounts would be redirected until 2027-03-11" in run(capsys, *held, "--dry-run")
    assert "40 accounts are redirected until 2027-03-11" in run(capsys, *held)
    assert "client:taker/1 (held)" in run(capsys, "report", tree)
    words = ("clear", tree, "client:taker/1", "--by", "Ana Silva", "--why", "our reading room")
    assert "would not be told for 30 days" in run(capsys, *words, "--dry-run")
    assert "is not told for 30 days" in run(capsys, *words)
    assert json.loads(run(capsys, "groups", tree, "--told", "--json"))["groups"] == []
    assert told(tree)[-1] == ("group.cleared", "Ana Silva")
    for extra in ((), ("--dry-run",)):
        run(capsys, "hold", tree, "prefix:none", "--by", "A", "--why", "B", *extra, expect=66)
        run(capsys, "clear", tree, "prefix:none", "--by", "A", "--why", "B", *extra, expect=66)
