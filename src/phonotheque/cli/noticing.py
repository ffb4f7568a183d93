"""Commands of notices: the group `notice`, and `restore`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen
from phonotheque.cli.options import ArchivePath, DryRun, Json, archive_tree
from phonotheque.model.errors import ExitCode

if TYPE_CHECKING:
    from datetime import date

    from phonotheque.archive import StepReport
    from phonotheque.rights import Window

CaseId = Annotated[str, typer.Argument(metavar="CASE", help="Such as 2026-00001.")]
Form = Annotated[Path, typer.Argument(metavar="FORM", help="The notice as a TOML form.")]
Document = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The letter that shows it; kept for ever.")
]
Note = Annotated[str | None, typer.Option(metavar="TEXT", help="For the archive's own files.")]

_TODO = {
    "act": "complete: disable what it names with `phonotheque withdraw --notice`",
    "ask": "incomplete, nothing is disabled: ask its sender for what is missing, promptly",
    "void": "gives no knowledge of anything, nothing is disabled: tell its sender what is missing",
}
"""What to do with a notice, by `rights.Answer`."""

notices = typer.Typer(
    name="notice", help="Notices of take-down and what follows them.", no_args_is_help=True
)


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    for command in (receive, show, counter, forward, court, uphold, dismiss):
        notices.command()(command)
    notices.command("list")(list_cases)
    app.add_typer(notices)
    app.command()(restore)


def receive(
    archive: ArchivePath,
    form: Form,
    case: Annotated[
        str | None, typer.Option(metavar="CASE", help="The incomplete notice that it completes.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="The same letter came once more after its case ended.")
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Record a notice, and say what it lacks. Nothing is disabled yet: `withdraw --notice CASE`."""
    from phonotheque.archive import execute_receive, plan_receive

    screen, tree, at = Screen(json_mode=json), archive_tree(archive), now()
    plan, letter = plan_receive(tree, form, at, case=case, again=again)
    if not dry_run:
        execute_receive(tree, plan, letter, at)
    named = ", ".join(plan.recordings) or "nothing here"
    lines = [f"{plan.case}: {plan.answer}; names {named}", f"  {_TODO[plan.answer]}"]
    lines += [f"  missing – {lack}" for lack in plan.missing]
    if plan.already:
        lines.append(f"  This form is known, its case {plan.state}; if that ended and the letter"
                     " came once more: --again.")  # fmt: skip
    screen.result(plan, lines)
    if plan.missing:
        raise typer.Exit(ExitCode.FINDINGS)


def show(archive: ArchivePath, case: CaseId, json: Json = False) -> None:
    """One case: its steps, its window, what it touches."""
    from phonotheque.archive import read_case

    found = read_case(archive_tree(archive), case)
    lines = [f"{found.case}: {found.state} ({found.law})", *_window_lines(found.waits_for)]
    lines += _hearing_lines(found.heard_until)
    lines += [f"  {step.at:%Y-%m-%d %H:%M} {step.state} by {step.actor}" for step in found.steps]
    lines += [f"  {item.public_id}: {len(item.files):,} files" for item in found.items]
    Screen(json_mode=json).result(found, lines)


def list_cases(archive: ArchivePath, json: Json = False) -> None:
    """Every case, and what waits for its window."""
    from phonotheque.archive import read_cases

    screen = Screen(json_mode=json)
    found = read_cases(archive_tree(archive))
    if json:
        screen.print_json({"cases": found})
        return
    screen.table(
        ("case", "law", "state", "since", "put back from"),
        (
            (c.case, c.law, c.state, f"{c.steps[-1].at:%Y-%m-%d}",
             f"{c.waits_for.opens:%Y-%m-%d %H:%M} UTC" if c.waits_for else None)
            for c in found
        ),
    )  # fmt: skip


def counter(
    archive: ArchivePath, case: CaseId, form: Form, dry_run: DryRun = False, json: Json = False
) -> None:
    """Record a counter-notice or complaint; say what it lacks, and its window."""
    from phonotheque.archive import execute_counter, plan_counter

    screen, tree, at = Screen(json_mode=json), archive_tree(archive), now()
    plan, letter = plan_counter(tree, case, form, at)
    if not dry_run:
        execute_counter(tree, plan, letter, at)
    kind = "counter-notice" if plan.window else "complaint"
    if plan.missing:
        lines = [f"{case}: {kind} incomplete; ask its sender for:"]
        lines += [f"  missing – {lack}" for lack in plan.missing]
    else:
        lines = [f"{case}: {kind} complete", *_window_lines(plan.window)]
    if plan.window and not plan.calendar_known:
        lines.append("  Only weekends are known of the seat; list its holidays in "
                     "rights/holidays.toml.")  # fmt: skip
    lines += _hearing_lines(plan.heard_until)
    screen.result(plan, lines)
    if plan.missing:
        raise typer.Exit(ExitCode.FINDINGS)


def forward(
    archive: ArchivePath, case: CaseId, note: Note = None, dry_run: DryRun = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Record that the counter-notice was sent to whoever sent the notice."""
    _step(archive, case, "forwarded", None, note=note, dry_run=dry_run, json=json)


def court(
    archive: ArchivePath, case: CaseId, document: Document = None, note: Note = None,
    dry_run: DryRun = False, json: Json = False,
) -> None:  # fmt: skip
    """Record that the complainant went to court: nothing is put back until it is decided."""
    _step(archive, case, "court-hold", document, note=note, dry_run=dry_run, json=json)


def uphold(
    archive: ArchivePath, case: CaseId, document: Document = None, note: Note = None,
    dry_run: DryRun = False, json: Json = False,
) -> None:  # fmt: skip
    """Decide for the sender; the vault keeps or purges as rights.withdrawn_audio says."""
    _step(archive, case, "upheld", document, note=note, dry_run=dry_run, json=json)


def dismiss(
    archive: ArchivePath, case: CaseId, document: Document = None, note: Note = None,
    dry_run: DryRun = False, json: Json = False,
) -> None:  # fmt: skip
    """Decide against a notice (or its sender's complaint) before anything was disabled."""
    _step(archive, case, "dismissed", document, note=note, dry_run=dry_run, json=json)


def restore(
    archive: ArchivePath,
    targets: Annotated[
        list[str], typer.Argument(metavar="CASE|ID...", help="One case, or plain withdrawals.")
    ],
    because: Annotated[
        str | None,
        typer.Option(metavar="retracted|court|complaint|evidence", help="Other than the window."),
    ] = None,
    document: Document = None,
    note: Note = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Take a withdrawal back: revoked no longer, and in the next edition again."""
    from phonotheque.archive import execute_restore, plan_restore, read_letter

    screen, tree, at = Screen(json_mode=json), archive_tree(archive), now()
    letter = read_letter(document) if document else None
    plan = plan_restore(tree, targets, at, ground=because, document=letter, note=note)
    if dry_run:
        screen.result(plan, [f"would restore {', '.join(plan.public_ids)}"])
        return
    with Reporter(screen) as progress:
        report = execute_restore(tree, plan, at, progress, document=letter)
    lines = [f"Restored: {', '.join(report.restored) or 'none'}."]
    lines += [f"Still out, {', '.join(c or 'withdrawn' for c in cases)}: {public_id}"
              for public_id, cases in report.held.items()]  # fmt: skip
    lines += [f"Nowhere any more, ingest it and run this again: {d}" for d in report.missing]
    if report.late:
        lines.append("The window of the law had closed already.")
    screen.result(report, [*lines, "Next: phonotheque build, then publish."])


def _step(
    archive: Path, case: str, to: str, document: Path | None, *, note: str | None, dry_run: bool,
    json: bool,
) -> None:  # fmt: skip
    from phonotheque.archive import execute_step, plan_step, read_letter
    from phonotheque.rights import CaseState

    screen, tree, at, state = Screen(json_mode=json), archive_tree(archive), now(), CaseState(to)
    letter = read_letter(document) if document else None
    if dry_run:
        found = plan_step(tree, case, state, at)
        screen.result(found, [f"would make {case} {to}; it is {found.state}"])
        return
    report: StepReport = execute_step(tree, case, state, at, document=letter, note=note)
    purged = [f"{report.purged_files:,} files purged"] if report.purged_files else []
    lines = [f"{case}: {report.state}", *_window_lines(report.window), *purged]
    screen.result(report, lines)


def _hearing_lines(until: "date | None") -> list[str]:
    if until is None:
        return []
    return [f"  complaints of the decision must be heard until {until} (DSA art. 20)"]


def _window_lines(window: "Window | None") -> list[str]:
    if window is None:
        return []
    return [
        f"  put back from {window.opens:%Y-%m-%d %H:%M} UTC (10 business days are over on "
        f"{window.tenth}) and before {window.closes:%Y-%m-%d %H:%M} UTC"
    ]
