"""The group `guard`: access logs judged, and what the guard of a server has seen and done."""

import typer

from phonotheque.cli import guard_deciding, guard_watching, log_analysing

guard = typer.Typer(
    name="guard", help="Who harvests: access logs, measures, appeals.", no_args_is_help=True
)


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    guard.command()(log_analysing.analyse)
    for command in (
        guard_watching.top, guard_watching.show, guard_watching.groups, guard_watching.report,
        guard_watching.audit,
    ):  # fmt: skip
        guard.command()(command)
    guard_deciding.add_commands(guard)
    app.add_typer(guard)
