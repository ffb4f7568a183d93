"""The command that shows everything at once."""

from pathlib import Path
from typing import Annotated

import typer

from phonotheque.cli.console import Screen
from phonotheque.cli.options import DryRun, Json


def add_commands(app: typer.Typer) -> None:
    """Hang this module's command into `app`."""
    app.command()(demo)


def demo(
    music: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Your own music, with rights.toml, instead."),
    ] = None,
    folder: Annotated[
        Path,
        typer.Option("--dir", metavar="DIR", help="Where the demo works; made anew each time."),
    ] = Path("phonotheque-demo"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the mirror's pages; 0: any free one.")
    ] = 8000,
    headless: Annotated[
        bool, typer.Option("--headless", help="Do not stay and serve; end after the last step.")
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Show the whole way on real music: ingest, build, publish, mirror, damage, repair, serve."""
    from phonotheque.cli.demo import STEPS, Demo

    screen = Screen(json_mode=json)
    if dry_run:
        would = {"folder": str(folder.absolute()), "steps": STEPS}
        screen.result(would, [f"would do in {folder.absolute()}: {', '.join(STEPS)}"])
        return
    shown = Demo(screen, folder.absolute(), music)
    result = shown.run()
    screen.result(result, shown.summary(result))
    if not headless:
        shown.serve(port)
