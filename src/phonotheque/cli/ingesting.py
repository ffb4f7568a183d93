"""The command that reads sources: ingest."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.options import ArchivePath, DryRun, Json, archive_tree
from phonotheque.model.errors import ExitCode, UsageError
from phonotheque.model.findings import FindingCode

if TYPE_CHECKING:
    from phonotheque.archive import IngestEstimate, IngestPlan, IngestReport
    from phonotheque.vault import Link


Inputs = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Folders of audio; dumps; CSV, JSONL, Parquet."),
]
Source = Annotated[
    str | None,
    typer.Option(help="Name of the source; otherwise made from the path, or that of the dump."),
]
AsReader = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="READER",
        help="What the inputs are: folder (of audio), rows, listens, or a dump by the name of its "
        "reader, as docs/formats/import.md lists them.",
    ),
]
Map = Annotated[
    Path | None,
    typer.Option("--map", metavar="FILE", help="Mapping file by which the inputs are read."),
]
Add = Annotated[
    bool, typer.Option("--add", help="What these inputs lack stays, even if they are a dump.")
]
Replace = Annotated[
    bool, typer.Option("--replace", help="What the source has and these inputs lack is gone.")
]
LinkAs = Annotated[
    str,
    typer.Option(
        "--link",
        metavar="HOW",
        help="How audio comes into the vault: copy; reflink (shares the blocks of the source); "
        "hard (the source itself, which becomes read-only). Copied where that cannot be done.",
    ),
]
Estimate = Annotated[
    bool,
    typer.Option("--estimate", help="Only say what it would take, by the inputs' beginning."),
]


def ingest(
    archive: ArchivePath,
    inputs: Inputs,
    source: Source = None,
    reader: AsReader = "auto",
    mapping: Map = None,
    add: Add = False,
    replace: Replace = False,
    link: LinkAs = "copy",
    estimate: Estimate = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Read a source: tags, rights evidence, audio into the vault; or dumps and tables."""
    from phonotheque.archive import estimate_ingest, execute_ingest, plan_ingest

    if add and replace:
        raise UsageError("--add and --replace exclude each other")
    screen = Screen(json_mode=json)
    tree = archive_tree(archive)
    at = now()
    plan = plan_ingest(
        tree,
        [path.absolute() for path in inputs],
        source=source,
        kind=reader,
        now=at,
        replace=replace if add or replace else None,
        mapping=mapping.absolute() if mapping else None,
        link=_link(link),
    )
    if estimate:
        found = estimate_ingest(plan, at)
        screen.result(found, _estimate_lines(found))
        return
    if dry_run:
        screen.result(plan, _plan_lines(plan))
        return
    with Reporter(screen) as progress:
        report = execute_ingest(tree, plan, at, progress)
    if json:
        screen.print_json(report)
    else:
        _show(screen, report)
    unread = FindingCode.FILE_UNREADABLE.value in report.findings_by_code
    kept_out = report.files_refused or report.files_quarantined
    if report.rows_refused or kept_out or unread:
        raise typer.Exit(ExitCode.FINDINGS)


def _link(text: str) -> "Link":
    from phonotheque.vault import Link

    if text not in list(Link):
        raise UsageError(f"--link {text}: write one of {', '.join(Link)}")
    return Link(text)


def _plan_lines(plan: "IngestPlan") -> list[str]:
    lines = [
        f"would read {plan.audio_files:,} audio files, {format_bytes(plan.bytes)}, into "
        f"{', '.join(plan.imports)}; needs at most {format_bytes(plan.needed_bytes)} of "
        f"{format_bytes(plan.free_bytes)} free"
    ]
    lines += [f"{item.path}: as {item.kind}" for item in plan.inputs]
    lines += [f"{name} replaces what its source has" for name in plan.replaces]
    return lines


def _estimate_lines(found: "IngestEstimate") -> list[str]:
    lines = []
    for item in found.inputs:
        rows = "rows unknown" if item.rows is None else f"{item.rows:,} rows"
        times = "" if item.seconds is None else f", {_duration(item.seconds)}"
        exact = "" if item.exact else "about "
        lines.append(f"{item.path} ({item.kind}, {format_bytes(item.bytes)}): {exact}{rows}{times}")
    need = found.disk_bytes + found.scratch_bytes
    lines.append(
        f"In all about {found.rows:,} rows, {_duration(found.seconds)}, "
        f"{format_bytes(found.memory_bytes)} of memory, {format_bytes(found.disk_bytes)} of disk "
        f"({format_bytes(need)} while it is made; {format_bytes(found.free_bytes)} are free)"
    )
    return lines


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _show(screen: Screen, report: "IngestReport") -> None:
    for made in report.imports:
        gone = f", {made.rows_gone:,} gone" if made.replaces else ""
        screen.say(f"Import {made.source}/{made.name}: {made.rows_kept:,} {made.kind}{gone}")
    for name in report.nothing_new:
        screen.say(f"Nothing new in {name}")
    aside = f"{report.files_quarantined:,} quarantined, " if report.files_quarantined else ""
    screen.say(
        f"Audio: {report.files_admitted:,} files admitted, {report.files_held_already:,} held "
        f"already, {aside}{report.files_refused:,} refused. Rows: {report.rows_read:,} read, "
        f"{report.rows_unchanged:,} unchanged, {report.rows_refused:,} refused."
    )
    if report.isrcs:
        classes = ", ".join(f"{count:,} {name}" for name, count in report.isrcs.items())
        screen.say(f"ISRCs, rows by class: {classes}.")
    for finding in report.findings:
        row = f" row {finding['row']}" if finding["row"] is not None else ""
        screen.note(f"{finding['code']} {finding['where']}{row}: {finding['message']}")
    shown, known = len(report.findings), sum(report.findings_by_code.values())
    for code, count in report.findings_by_code.items() if known > shown else ():
        screen.note(f"{count:,} × {code}")
    if known > shown:
        screen.note(f"… and {known - shown:,} more, in findings.parquet of each import")
