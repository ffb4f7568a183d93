"""The command that makes up dumps, for benchmarks and for trying things out."""

from pathlib import Path
from typing import Annotated

import typer

from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.options import DryRun, Json


def add_commands(app: typer.Typer) -> None:
    """Hang this module's command into `app`."""
    app.command()(synth)


def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the files.")],
    profile: Annotated[
        str, typer.Option(metavar="coded|open", help="A code on every track, or as open dumps are.")
    ],
    tracks: Annotated[int, typer.Option(help="Tracks in the whole dump.")],
    seed: Annotated[int, typer.Option(help="The same seed, the same dump.")] = 1,
    pieces: Annotated[int, typer.Option(help="Cut the dump into so many pieces.")] = 1,
    piece: Annotated[
        int | None, typer.Option(help="Write this piece alone, counted from 0; all otherwise.")
    ] = None,
    format: Annotated[
        str, typer.Option(metavar="parquet|jsonl|jsonl.zst", help="Of rows and listens.")
    ] = "parquet",
    random_ids: Annotated[
        bool, typer.Option("--random-ids", help="22 random characters as ids of tracks.")
    ] = False,
    no_truth: Annotated[
        bool, typer.Option("--no-truth", help="Leave out the file that tells what is what.")
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make up a dump of any size: rows, listens, and the truth about them."""
    from phonotheque.synth import execute_synth, plan_synth

    screen = Screen(json_mode=json)
    plan = plan_synth(
        out.absolute(),
        profile=profile,
        tracks=tracks,
        seed=seed,
        pieces=pieces,
        piece=piece,
        format=format,
        random_ids=random_ids,
        truth=not no_truth,
    )
    if dry_run:
        screen.result(
            plan,
            [
                f"would write {plan.piece_tracks:,} tracks of {plan.tracks:,} into "
                f"{len(plan.files):,} files, about {format_bytes(plan.expected_bytes)} of "
                f"{format_bytes(plan.free_bytes)} free"
            ],
        )
        return
    with Reporter(screen) as progress:
        report = execute_synth(plan, progress)
    lines = [f"{f.path}: {f.rows:,} rows, {format_bytes(f.bytes)}" for f in report.files]
    screen.result(report, lines)
