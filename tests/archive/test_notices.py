"""A notice from its receipt to its end: what is recorded, what is out of reach, what comes back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from phonotheque.archive import (
    StepReport,
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
    read_case,
    read_cases,
    read_withdrawals,
)
from phonotheque.archive.ledger import event_path, iter_ledger
from phonotheque.archive.withdrawals import withdrawals_jsonl
from phonotheque.model.edition import Revocations
from phonotheque.model.errors import FormatError, NotFoundError, UsageError
from phonotheque.model.notices import PublicNotice
from phonotheque.model.progress import Silent
from phonotheque.rights import CaseState
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from tests.archive.test_publish import SONGS, made_up_vault, release, rows, snapshot
from tests.archive.workshop import Workshop, cut_off_at
from tests.support.clock import NOW

pytestmark = pytest.mark.usefixtures("tuf_clock", "made_up_vault")

__all__ = ["made_up_vault"]
FORM = """
law = "us-512"
signature = "/s/ Jane Roe"
works = ["A song by Jane Roe of 1 Main Street, jane@example.org, 1987"]
statements = { good_faith = true, accurate = true, authorised_under_perjury = true }

[contact]
name = "Jane Roe"
address = "1 Main Street"
phone = "+1 555 0100"
email = "jane@example.org"

[[material]]
url = "https://a.example/recording/RECORDING"
"""
COUNTER = """
signature = "/s/ Joe Doe"
material = [{ url = "https://a.example/recording/1" }]
contact = { name = "Joe Doe", address = "2 Side Road", phone = "+49 30 1234567" }
mistake_under_perjury = true
consents_to_jurisdiction = true
accepts_service = true
"""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "archive")
    made.build(SONGS)
    release(made.tree)
    return made


def form(tmp_path: Path, recording: str = "1", text: str = FORM) -> Path:
    path = tmp_path / f"notice-{recording}.toml"
    path.write_text(text.replace("RECORDING", recording))
    return path


def receive(tree: Tree, path: Path, now: datetime = NOW, case: str | None = None) -> str:
    plan, letter = plan_receive(tree, path, now, case=case)
    return execute_receive(tree, plan, letter, now).case


def disable(tree: Tree, tmp_path: Path, recording: str = "1") -> str:
    case = receive(tree, form(tmp_path, recording))
    execute_withdraw(tree, plan_withdraw(tree, [], "take-down", case=case), NOW, Silent())
    return case


def counter(tree: Tree, tmp_path: Path, case: str, now: datetime = NOW) -> None:
    path = tmp_path / "counter.toml"
    path.write_text(COUNTER)
    plan, letter = plan_counter(tree, case, path, now)
    execute_counter(tree, plan, letter, now)


def uphold(tree: Tree, case: str) -> StepReport:
    return execute_step(tree, case, CaseState.UPHELD, NOW)


def revoked(tree: Tree) -> list[str]:
    return [file.sha256 for file in read_document(tree.revocations_json, Revocations).files]


def test_a_valid_notice_disables_at_once_and_is_written_down(
    workshop: Workshop, tmp_path: Path
) -> None:
    tree = workshop.tree
    case = disable(tree, tmp_path)
    found = read_case(tree, case)
    assert (case, found.state) == (f"{NOW.year}-00001", CaseState.DISABLED)
    assert revoked(tree) == [SONGS[0].digest]
    [item] = found.items
    assert item.recording == 1
    [file] = item.files
    assert (file.sha256, file.volume) == (SONGS[0].digest, "work-tier1-00001")
    assert file.torrent is not None and len(file.torrent) == 64
    assert [e.type for e in iter_ledger(tree)] == [
        "takedown/received", "takedown/valid", "takedown/disabled",
    ]  # fmt: skip
    assert list(check_ledger(tree)) == []


def test_the_public_form_names_nobody(workshop: Workshop, tmp_path: Path) -> None:
    tree = workshop.tree
    case = disable(tree, tmp_path)
    path = tree.root / "notices" / f"{case}.json"
    public = read_document(path, PublicNotice)
    assert public.state == "disabled" and public.sender == "[redacted]"
    assert "1987" in public.works[0]
    for private in ("Jane", "Roe", "Main Street", "555", "jane@"):
        assert private not in path.read_text()


def test_an_incomplete_notice_disables_nothing_and_can_be_completed(
    workshop: Workshop, tmp_path: Path
) -> None:
    tree = workshop.tree
    path = form(tmp_path, text=FORM.replace("accurate = true", "accurate = false"))
    plan, letter = plan_receive(tree, path, NOW)
    assert (plan.answer, len(plan.missing)) == ("ask", 1) and "(vi)" in plan.missing[0]
    case = execute_receive(tree, plan, letter, NOW).case
    with pytest.raises(UsageError, match="incomplete"):
        plan_withdraw(tree, [], "take-down", case=case)
    assert revoked(tree) == []
    assert receive(tree, form(tmp_path), case=case) == case
    assert read_case(tree, case).state is CaseState.VALID
    assert read_document(tree.root / "notices" / f"{case}.json", PublicNotice).missing == []


def test_a_notice_about_nothing_here_is_void(workshop: Workshop, tmp_path: Path) -> None:
    plan, _ = plan_receive(workshop.tree, form(tmp_path, "999"), NOW)
    assert plan.answer == "void" and "999" in plan.missing[0]


def test_the_same_notice_again_is_the_same_case(workshop: Workshop, tmp_path: Path) -> None:
    tree = workshop.tree
    case = disable(tree, tmp_path)
    before = snapshot(tree.root)
    assert receive(tree, form(tmp_path)) == case
    execute_withdraw(tree, plan_withdraw(tree, [], "take-down", case=case), NOW, Silent())
    after = snapshot(tree.root)
    assert {p: entry[1] for p, entry in after.items()} == {p: e[1] for p, e in before.items()}
    assert receive(tree, form(tmp_path, "2")) == f"{NOW.year}-00002"
    assert [c.case for c in read_cases(tree)] == [case, f"{NOW.year}-00002"]


def test_bad_forms_are_said(workshop: Workshop, tmp_path: Path) -> None:
    tree = workshop.tree
    with pytest.raises(FormatError, match="offset"):
        plan_receive(tree, form(tmp_path, text=f"received_at = 2026-01-01T00:00:00{FORM}"), NOW)
    with pytest.raises(UsageError, match="later"):
        late = f"received_at = 2099-01-01T00:00:00Z{FORM}"
        plan_receive(tree, form(tmp_path, text=late), NOW)
    with pytest.raises(FormatError, match="law"):
        plan_receive(tree, form(tmp_path, text="law = 'roman'"), NOW)
    with pytest.raises(NotFoundError, match=r"letter\.eml"):
        plan_receive(tree, form(tmp_path, text=f"original = 'letter.eml'{FORM}"), NOW)
    with pytest.raises(NotFoundError, match="no such case"):
        plan_withdraw(tree, [], "take-down", case="2026-00009")


def test_a_counter_notice_puts_back_in_its_window(workshop: Workshop, tmp_path: Path) -> None:
    tree = workshop.tree
    case = disable(tree, tmp_path)
    counter(tree, tmp_path, case)
    execute_step(tree, case, CaseState.FORWARDED, NOW)
    window = read_case(tree, case).window
    assert window is not None
    early = window.opens - timedelta(minutes=1)
    with pytest.raises(UsageError, match="may be put back from"):
        plan_restore(tree, [case], early)
    plan = plan_restore(tree, [case], window.opens)
    report = execute_restore(tree, plan, window.opens, Silent())
    assert (len(report.restored), report.held, report.missing) == (1, {}, [])
    assert revoked(tree) == [] == read_withdrawals(tree)
    assert read_case(tree, case).state is CaseState.RESTORED
    assert list(check_ledger(tree)) == []
    with pytest.raises(UsageError, match="nothing"):
        execute_step(tree, case, CaseState.UPHELD, window.closes)


def test_a_court_keeps_it_out(workshop: Workshop, tmp_path: Path) -> None:
    tree = workshop.tree
    case = disable(tree, tmp_path)
    counter(tree, tmp_path, case)
    execute_step(tree, case, CaseState.FORWARDED, NOW)
    execute_step(tree, case, CaseState.COURT_HOLD, NOW, document=b"complaint")
    later = NOW + timedelta(days=60)
    with pytest.raises(UsageError, match="another ground"):
        plan_restore(tree, [case], later)
    with pytest.raises(UsageError, match="--document"):
        plan_restore(tree, [case], later, ground="court")
    plan = plan_restore(tree, [case], later, ground="court", document=b"judgment")
    execute_restore(tree, plan, later, Silent(), document=b"judgment")
    assert revoked(tree) == []


def test_what_another_case_holds_stays_out(workshop: Workshop, tmp_path: Path) -> None:
    tree = workshop.tree
    one = disable(tree, tmp_path)
    two = receive(tree, form(tmp_path, text=FORM.replace("A song", "Another song")))
    execute_withdraw(tree, plan_withdraw(tree, [], "take-down", case=two), NOW, Silent())
    plan = plan_restore(tree, [one], NOW, ground="retracted", document=b"sorry")
    report = execute_restore(tree, plan, NOW, Silent(), document=b"sorry")
    assert list(report.held.values()) == [[two]] and report.restored == []
    assert revoked(tree) == [SONGS[0].digest]
    plan = plan_restore(tree, [two], NOW, ground="retracted", document=b"sorry")
    execute_restore(tree, plan, NOW, Silent(), document=b"sorry")
    assert revoked(tree) == []


def test_an_upheld_case_gets_its_tombstone_with_the_next_edition(
    workshop: Workshop, tmp_path: Path
) -> None:
    tree = workshop.tree
    case = disable(tree, tmp_path)
    execute_step(tree, case, CaseState.UPHELD, NOW)
    workshop.build(SONGS)
    release(tree, "two", days=1)
    found = read_case(tree, case)
    assert found.state is CaseState.TOMBSTONED
    assert found.steps[-1].detail == {"edition": "two"}
    [stone] = rows(tree.edition("two"), "SELECT recording FROM tombstones")
    assert stone in ((1,), {"recording": 1})


@pytest.mark.full
def test_a_new_notice_is_heard_after_one_that_was_upheld_restored_or_dismissed(
    workshop: Workshop, tmp_path: Path
) -> None:
    tree = workshop.tree
    first = disable(tree, tmp_path)
    uphold(tree, first)
    workshop.build(SONGS)
    release(tree, "two", days=1)
    second = receive(tree, form(tmp_path, text=FORM.replace("A song", "Another song")))
    execute_withdraw(tree, plan_withdraw(tree, [], "take-down", case=second), NOW, Silent())
    assert read_case(tree, second).state is CaseState.DISABLED
    execute_restore(
        tree, plan_restore(tree, [second], NOW, ground="retracted", document=b"no"), NOW, Silent()
    )
    path = form(tmp_path, text=FORM.replace("A song", "Another song"))
    assert receive(tree, path) == second
    plan, letter = plan_receive(tree, path, NOW, again=True)
    third = execute_receive(tree, plan, letter, NOW)
    assert (third.case, third.state) == (f"{NOW.year}-00003", CaseState.VALID)
    assert plan_receive(tree, path, NOW, again=True)[0].case == third.case
    assert list(check_ledger(tree)) == []


def test_an_incomplete_answer_is_kept_and_leaves_the_case_where_it_stands(
    workshop: Workshop, tmp_path: Path
) -> None:
    tree = workshop.tree
    case = disable(tree, tmp_path)
    path = tmp_path / "counter.toml"
    path.write_text(COUNTER.replace("mistake_under_perjury = true", ""))
    for _ in range(2):  # the second time it is known
        plan, letter = plan_counter(tree, case, path, NOW)
        assert len(plan.missing) == 1 and "(C)" in plan.missing[0]
        assert execute_counter(tree, plan, letter, NOW).state is CaseState.DISABLED
    steps = read_case(tree, case).steps
    assert [s.state for s in steps].count(CaseState.COUNTER_INCOMPLETE) == 1
    assert "(C)" in steps[-1].detail["missing"] and steps[-1].actor == "respondent"
    assert read_case(tree, case).window is None
    counter(tree, tmp_path, case)
    assert read_case(tree, case).state is CaseState.COUNTER_RECEIVED


def test_an_upheld_case_can_still_be_answered_and_is_put_back_in_the_window(
    workshop: Workshop, tmp_path: Path
) -> None:
    tree = workshop.tree
    case = disable(tree, tmp_path)
    uphold(tree, case)
    counter(tree, tmp_path, case)
    execute_step(tree, case, CaseState.FORWARDED, NOW)
    window = read_case(tree, case).window
    assert window is not None and revoked(tree) == [SONGS[0].digest]
    execute_restore(tree, plan_restore(tree, [case], window.opens), window.opens, Silent())
    assert revoked(tree) == []


@pytest.mark.full
def test_a_plain_withdrawal_is_restored_and_published_again(workshop: Workshop) -> None:
    tree = workshop.tree
    execute_withdraw(tree, plan_withdraw(tree, ["1"], "error"), NOW, Silent())
    workshop.build(SONGS)
    release(tree, "two", days=1)
    volumes = snapshot(tree.volumes)
    report = execute_restore(tree, plan_restore(tree, ["1"], NOW), NOW, Silent())
    assert len(report.restored) == 1 and revoked(tree) == []
    workshop.build(SONGS)
    report2 = release(tree, "three", days=2)
    assert report2.withdrawn == 0 and report2.new_files == 0
    assert snapshot(tree.volumes) == volumes
    assert rows(tree.edition("three"), "SELECT recording FROM tombstones") == []
    assert len(withdrawals_jsonl(tree).read_bytes().splitlines()) == 2
    with pytest.raises(UsageError, match="not withdrawn"):
        plan_restore(tree, ["2"], NOW)


@pytest.mark.parametrize("step", ["renew_revocations", "_put_back"])
def test_a_killed_restoration_is_completed(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    from phonotheque.archive import restoring

    tree = workshop.tree
    execute_withdraw(tree, plan_withdraw(tree, ["1"], "error"), NOW, Silent())
    plan = plan_restore(tree, ["1"], NOW)
    with cut_off_at(monkeypatch, restoring, step):
        execute_restore(tree, plan, NOW, Silent())
    execute_restore(tree, plan_restore(tree, ["1"], NOW), NOW, Silent())
    assert revoked(tree) == []
    assert [e.type for e in iter_ledger(tree)] == ["withdrawal/withdrawn", "withdrawal/restored"]


def test_a_withdrawal_of_an_older_program_is_still_read(workshop: Workshop) -> None:
    line = b'{"recording":1,"public_id":"r1","reason":"rights","since":"2026-01-01T00:00:00Z"}\n'
    withdrawals_jsonl(workshop.tree).write_bytes(line)
    [found] = read_withdrawals(workshop.tree)
    assert (found.recording, found.case, found.since) == (1, None, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_changed_event_is_found(workshop: Workshop, tmp_path: Path) -> None:
    tree = workshop.tree
    disable(tree, tmp_path)
    path = event_path(tree, 2)
    event = msgspec.json.decode(path.read_bytes())
    path.unlink()
    path.write_bytes(msgspec.json.encode(event | {"actor": "somebody"}))
    assert [f.code for f in check_ledger(tree)] == ["ledger.damaged"]
