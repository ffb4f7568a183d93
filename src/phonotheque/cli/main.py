"""The program `phonotheque` (and `phono`): commands in, exit codes out.

Commands parse, call one function of a room, and render what it returns. Exit codes come from
`phonotheque.model.errors.ExitCode` and from nowhere else.
"""

import os
import signal
import sys
from collections.abc import Sequence

import typer

from phonotheque import __version__
from phonotheque.cli import (
    admitting,
    claims,
    demonstrating,
    finding,
    following,
    guarding,
    identifying,
    keeping,
    keys,
    lineage,
    looking_up,
    mirroring,
    noticing,
    operating,
    planning,
    proving,
    rights,
    serving,
    slicing,
    synthesising,
)
from phonotheque.cli.console import Screen
from phonotheque.cli.failures import report_failure
from phonotheque.cli.surroundings import check_encoding
from phonotheque.model.errors import ExitCode

_EPILOG = (
    "Exit codes: 0 done · 1 done, and findings were made · 2 wrong usage · 65 input not usable · "
    "66 not found · 69 peer or origin unavailable · 74 disk full · 75 busy · 76 not trusted · "
    "130 interrupted. Every command that was interrupted can simply be run again."
)

# typer carries its own copy of click, whose UsageError has no public name of its own
_USAGE_ERROR: type[typer.BadParameter] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="phonotheque",
    help="Build, search, release and mirror an open music-preservation archive.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"phonotheque {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", callback=_print_version, is_eager=True
    ),
) -> None:
    """Build, search, release and mirror an open music-preservation archive."""


for room in (
    operating, rights, claims, noticing, planning, mirroring, following, proving, finding,
    identifying, looking_up, slicing, lineage, serving, admitting, guarding, keeping, keys,
    demonstrating, synthesising,
):  # fmt: skip
    room.add_commands(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; no exception of ours leaves it."""
    screen = Screen()
    try:
        check_encoding()
        result = typer.main.get_command(app).main(
            args=list(arguments) if arguments is not None else None,
            prog_name="phonotheque",
            standalone_mode=False,
        )
    except typer.Exit as stop:
        return stop.exit_code
    except _USAGE_ERROR as error:
        error.show()
        return ExitCode.USAGE
    except (typer.Abort, KeyboardInterrupt):
        result = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # the reader of our output has gone (| head): nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:
        return report_failure(error, screen)
    if result == ExitCode.INTERRUPTED:  # typer itself makes this of most Ctrl-C
        screen.note("interrupted; run the same command again to carry on")
    return result if isinstance(result, int) else ExitCode.OK


def run() -> None:
    """Entry point of the two commands."""
    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said; let the interpreter end in peace
    sys.exit(code)


if __name__ == "__main__":
    run()
