"""Commands that prove what is held, and mend it: verify, repair."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.following import MaxRate
from phonotheque.cli.keeping import Everything, Rate, VaultOption, verify_vault
from phonotheque.cli.options import (
    DryRun,
    Json,
    MirrorPath,
    TreePath,
    parse_peer,
    parse_percent,
    parse_size,
)
from phonotheque.cli.resting import EditionOption, verify_one_edition, with_ledger
from phonotheque.cli.slicing import CatalogueOption, Tolerate, verify_catalogue
from phonotheque.model.errors import ExitCode

if TYPE_CHECKING:
    from phonotheque.mirror import (
        EntryReport,
        RepairPlan,
        RepairReport,
        SampleStatement,
        VerifyReport,
    )

Mode = Annotated[
    str,
    typer.Option(
        metavar="full|sample|changed|quick",
        help="Read everything; a random share; what is new, changed or long unread; or only look "
        "at lengths.",
    ),
]
Percent = Annotated[
    str, typer.Option(metavar="PERCENT", help="Share of files that a sample reads: 5 or 5%.")
]
Below = Annotated[
    str | None,
    typer.Option(
        metavar="PERCENT",
        help="A sample of as many files as can show that fewer are damaged: 0.1 or 0.1%.",
    ),
]
Confidence = Annotated[
    str, typer.Option(metavar="PERCENT", help="How sure what a sample says is to be.")
]
Afresh = Annotated[
    bool, typer.Option("--afresh", help="Begin anew where an earlier run was stopped.")
]
Volumes = Annotated[list[str], typer.Option(metavar="VOLUME", help="Only this one; repeatable.")]
FindingsFile = Annotated[
    Path | None,
    typer.Option(
        "--findings",
        metavar="FILE",
        help="Where all findings go, one JSON object a line; on a mirror, findings.jsonl.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1, max=256,
        help="Files read at once; 1 for a disk that turns. By itself it goes by what the system "
        "says of the disk.",
    ),
]  # fmt: skip
Days = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        help="With --mode changed: read too what was read last so many days ago. With --vault: "
        "read every object within so many days (archive.toml: 90).",
    ),
]
_SHOWN_FINDINGS = 50


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    for command in (verify, repair):
        app.command()(command)


def verify(
    path: TreePath,
    mode: Mode = "full",
    percent: Percent = "5",
    below: Below = None,
    confidence: Confidence = "95",
    volume: Volumes = [],
    afresh: Afresh = False,
    findings: FindingsFile = None,
    edition: EditionOption = None,
    catalogue: CatalogueOption = False,
    tolerate: Tolerate = [],
    vault: VaultOption = False,
    days: Days = None,
    everything: Everything = False,
    rate: Rate = None,
    jobs: Jobs = None,
    json: Json = False,
) -> None:
    """Check every file held against the edition, and list what is damaged, missing or extra."""
    if vault:
        verify_vault(path, days=days, everything=everything, rate=rate, jobs=jobs, json=json)
        return
    if catalogue:
        verify_catalogue(path, tolerate, json=json)
        return
    if edition is not None:
        verify_one_edition(path, edition, json=json)
        return
    from phonotheque.mirror import VerifyMode
    from phonotheque.mirror import verify as check
    from phonotheque.storage.layout import Tree

    if below is not None:
        mode = "sample"
    if mode not in (known := [m.value for m in VerifyMode]):
        raise typer.BadParameter(f"{mode!r} is none of {', '.join(known)}")
    screen = Screen(json_mode=json)
    with Reporter(screen) as progress:
        report = check(
            Tree(path.absolute()), progress, now=now(), mode=VerifyMode(mode),
            sample_percent=parse_percent(percent),
            below_percent=parse_percent(below) if below is not None else None,
            confidence_percent=parse_percent(confidence),
            volumes=volume or None, days=days, afresh=afresh, findings=findings, threads=jobs,
        )  # fmt: skip
    report = with_ledger(path, report)
    screen.result(report, _verify_lines(report))
    _end_with(screen, report.findings, report.findings_left_out, report.findings_file)


def _verify_lines(report: "VerifyReport") -> Iterable[str]:
    yield (
        f"{report.sound:,} sound, {report.damaged:,} damaged, {report.missing:,} missing, "
        f"{report.extra:,} extra, {report.withdrawn:,} withdrawn, {report.not_checked:,} not "
        f"checked; {format_bytes(report.bytes_read)} read."
    )
    if report.carried:
        yield (
            f"{report.carried:,} of the sound were read by earlier runs of this verification, "
            f"which began on {report.started_at:%Y-%m-%d}."
        )
    if report.proved:
        yield f"{report.proved:,} of those not checked were proved before, and untouched since."
    if report.not_held:
        yield (
            f"{report.not_held:,} tables of the edition are not held: they are of volumes that the "
            "plan leaves out."
        )
    if report.sample is not None:
        yield _sample_line(report.sample)
    if report.clean:
        yield "Everything looked at is sound." if not report.complete else "Everything is sound."


def _sample_line(sample: "SampleStatement") -> str:
    share = f"{100 * sample.fewer_than:.3g} %"
    return (
        f"{sample.read:,} of {sample.population:,} files were read, {sample.damaged:,} of them "
        f"damaged: with {100 * sample.confidence:g} % confidence fewer than {share} of "
        "the files that are there with the right length are damaged."
    )


def repair(
    mirror: MirrorPath,
    source: Annotated[
        list[str],
        typer.Option(
            "--from",
            metavar="URL|FOLDER",
            help="Ask this first: a mirror or archive, or a folder of files of any names; "
            "repeatable.",
        ),
    ] = [],
    peer: Annotated[
        list[str],
        typer.Option("--peer", metavar="HOST:PORT", help="A peer to ask without a tracker."),
    ] = [],
    public: Annotated[
        bool, typer.Option("--public", help="Look for peers by trackers and DHT as well.")
    ] = False,
    volume: Volumes = [],
    known: Annotated[
        bool,
        typer.Option("--known", help="Read only what a verify found, or what is not there."),
    ] = False,
    jobs: Jobs = None,
    max_rate: MaxRate = None,
    findings: FindingsFile = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Fetch what verify finds damaged or missing: only those pieces, proved before they count."""
    from phonotheque.mirror import RepairOptions, plan_repair
    from phonotheque.mirror import repair as execute
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    tree = Tree(mirror.absolute())
    options = RepairOptions(
        volumes=tuple(volume) or None,
        known=known,
        sources=tuple(s if "://" in s else str(Path(s).absolute()) for s in source),
        peers=tuple(parse_peer(text) for text in peer),
        public=public,
        jobs=jobs,
        findings=findings,
        max_rate=parse_size(max_rate) if max_rate else None,
    )
    with Reporter(screen) as progress:
        if dry_run:
            made = plan_repair(tree, progress, now=now(), options=options)
            progress.close()
            screen.result(made, _plan_lines(made))
            return
        report = execute(tree, progress, now=now(), options=options)
    screen.result(report, _repair_lines(report))
    _end_with(screen, report.findings, report.findings_left_out, report.findings_file)


def _plan_lines(made: "RepairPlan") -> Iterable[str]:
    yield from (f"{f.place}/{f.path}: {len(f.ranges):,} ranges" for f in made.files)
    if made.files_count > len(made.files):
        yield f"… and {made.files_count - len(made.files):,} more files"
    yield f"would fetch {format_bytes(made.bytes)} for {made.files_count:,} files"


def _repair_lines(report: "RepairReport") -> Iterable[str]:
    yield from (f"repaired {path}" for path in report.repaired)
    if report.files_repaired > len(report.repaired):
        yield f"… and {report.files_repaired - len(report.repaired):,} more"
    local = f", {format_bytes(report.bytes_local)} from here" if report.bytes_local else ""
    yield (
        f"{report.files_repaired:,} files repaired, {format_bytes(report.bytes_fetched)} fetched"
        f"{local}, {report.files_failed:,} could not be mended."
    )


def _end_with(
    screen: Screen, findings: Sequence["EntryReport"], left_out: int, written: str | None
) -> None:
    for finding in findings[:_SHOWN_FINDINGS]:
        screen.note(f"{finding.severity} {finding.code} {finding.where}: {finding.message}")
    more = max(len(findings) - _SHOWN_FINDINGS, 0) + left_out
    if more:
        where = f"{written} has all" if written else "--findings FILE keeps all"
        screen.note(f"… and {more:,} more ({where})")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(ExitCode.FINDINGS)
