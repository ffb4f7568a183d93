"""What `verify` says of a whole edition (`--edition`), and of the ledger of rights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen
from phonotheque.model.errors import ExitCode
from phonotheque.model.findings import Severity

if TYPE_CHECKING:
    from phonotheque.mirror import VerifyReport

NEWEST = "latest"
EditionOption = Annotated[
    str | None,
    typer.Option(
        "--edition",
        metavar="NAME",
        help="All of one edition but the audio: signatures, tables, bags, torrents, references; "
        "“latest” is the newest.",
    ),
]


def verify_one_edition(path: Path, name: str, *, json: bool) -> None:
    """Check one edition and show it; exits with FINDINGS when something is wrong."""
    from phonotheque.mirror import newest_edition, verify_edition
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    tree = Tree(path.absolute())
    chosen = newest_edition(tree) if name == NEWEST else name
    with Reporter(screen) as progress:
        verdict = verify_edition(tree, chosen, progress, year=now().year)
    lines = [f"{c.name:<11} {c.outcome}{f': {c.why}' if c.why else ''}" for c in verdict.checks]
    told = [f for f in verdict.findings if f.severity != Severity.INFO]
    lines += [f"{f.severity} {f.code} {f.where}: {f.message}" for f in told]
    screen.result(verdict, [f"Edition {chosen}:", *lines])
    if not verdict.clean or not verdict.complete:
        raise typer.Exit(ExitCode.FINDINGS)


def with_ledger(path: Path, report: "VerifyReport") -> "VerifyReport":
    """The report of an archive with what is wrong with its ledger of rights."""
    from msgspec.structs import replace

    from phonotheque.archive import check_ledger
    from phonotheque.storage.layout import Tree

    found = list(check_ledger(Tree(path.absolute())))
    if not found:
        return report
    return replace(report, clean=False, findings=[*report.findings, *found])
