"""The command `derive`: access copies ahead of the next edition."""

from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.options import ArchivePath, DryRun, Json, archive_tree
from phonotheque.model.errors import ExitCode

if TYPE_CHECKING:
    from phonotheque.archive import DerivePlan, DeriveReport

Tiers = Annotated[
    list[int],
    typer.Option("--tier", metavar="N", min=1, help="Only of this tier; repeatable."),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Cores to use; all otherwise.", show_default=False)
]


def derive(
    archive: ArchivePath,
    tier: Tiers = [],
    workers: Workers = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make the copies that the next `publish` gives out, as access.tiers and publish.embed_tags
    ask for them."""
    from phonotheque.archive import execute_derive, plan_derive

    screen = Screen(json_mode=json)
    tree, at = archive_tree(archive), now()
    if dry_run:
        _show(screen, plan_derive(tree, at, tiers=tier), json=json)
        return
    with Reporter(screen) as progress:
        report = execute_derive(tree, at, progress, tiers=tier, workers=workers)
    screen.result(report, _lines(report))
    if report.failed:
        raise typer.Exit(ExitCode.FINDINGS)


def _show(screen: Screen, plan: "DerivePlan", *, json: bool) -> None:
    if json:
        screen.print_json(plan)
        return
    screen.table(
        ("tier", "copy", "files", "masters", "copies", "CPU time"),
        (
            (
                t.tier,
                t.form,
                t.files,
                format_bytes(t.bytes_in),
                f"about {format_bytes(t.bytes_out)}",
                f"about {_duration(t.cpu_seconds)}",
            )
            for t in plan.tiers
        ),
    )
    screen.say(f"would make {plan.files:,} copies")


def _duration(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds} s"


def _lines(report: "DeriveReport") -> list[str]:
    lines = [
        f"Made {report.files:,} copies: {format_bytes(report.bytes_out)} of "
        f"{format_bytes(report.bytes_in)}."
    ]
    lines += [f"none of {digest[:16]}…: {why}" for digest, why in sorted(report.failed.items())]
    if report.failed:
        lines.append("These go out as they are, with a finding in the edition.")
    return lines
