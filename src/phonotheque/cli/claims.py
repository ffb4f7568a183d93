"""The command that records what the operator knows: `rights claim`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Screen
from phonotheque.cli.options import ArchivePath, DryRun, Json, archive_tree
from phonotheque.cli.rights import rights
from phonotheque.model.errors import UsageError

if TYPE_CHECKING:
    from phonotheque.archive import ClaimView

Said = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FIELD=VALUE...",
        help="What is claimed, such as published=1921, author=work:1924, licence=CC-BY-4.0. "
        "docs/formats/import.md lists the fields.",
    ),
]
Recording = Annotated[
    str | None,
    typer.Argument(metavar="RECORDING", help="Its public id, its number, or an ISRC."),
]


def add_commands(app: typer.Typer) -> None:
    """Hang this module's command into the group `rights`, which is in `app` already."""
    rights.command()(claim)


def claim(
    archive: ArchivePath,
    recording: Recording = None,
    said: Said = None,
    document: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What shows it; needed, kept, at most 16 MiB."),
    ] = None,
    witness: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who says so; needed: loc, label-scan:18722.")
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="rightsholder, sidecar (you state it yourself), label-scan, registry, catalogue. "
            "Only the first two can give a licence.",
        ),
    ] = "catalogue",
    confidence: Annotated[
        float | None, typer.Option(metavar="P", help="How sure the witness is, 0 to 1.")
    ] = None,
    take_back: Annotated[
        str | None, typer.Option(metavar="ID", help="Let a claim count no more.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List all claims.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Record evidence on the rights in a recording; it counts from the next build on."""
    from phonotheque.archive import execute_claim, plan_claim, plan_take_back, read_claims

    screen, tree, at = Screen(json_mode=json), archive_tree(archive), now()
    if listed:
        _check_alone("--list", recording, take_back)
        views = read_claims(tree)
        screen.result(views, [line for view in views for line in _lines(view)] or ["no claims"])
        return
    if take_back is not None:
        _check_alone("--take-back", recording, None)
        plan = plan_take_back(tree, take_back, now=at)
    else:
        if recording is None or document is None or witness is None:
            raise UsageError(f"name also {_lacking(recording, said, document, witness)}")
        plan = plan_claim(
            tree,
            recording,
            said or [],
            document=document,
            witness=witness,
            kind=kind,
            confidence=confidence,
            now=at,
        )
    view = plan.view if dry_run else execute_claim(tree, plan, at)
    last = ["nothing was recorded"] if dry_run else _COUNTS
    screen.result(view, [*_lines(view), *last])


_COUNTS = (
    "it counts from the next `phonotheque build` on;",
    "audio that was kept out for want of it is taken in when its folder is ingested again",
)


def _lacking(
    recording: str | None, said: list[str] | None, document: Path | None, witness: str | None
) -> str:
    parts = (
        ("the RECORDING", recording),
        ("what is claimed, as in published=1921", said),
        ("what shows it: --document FILE", document),
        ("who says so: --witness NAME", witness),
    )
    return "; ".join(what for what, given in parts if not given)


def _check_alone(option: str, *others: str | None) -> None:
    if any(other is not None for other in others):
        raise UsageError(f"{option} stands alone")


def _lines(view: "ClaimView") -> list[str]:
    name = f"{view.public_id}  {view.artist_credit} – {view.title}"
    lines = [f"{view.id or 'claim'} {view.state}, {view.recorded_at:%Y-%m-%d}: {name}"]
    if view.takes_back:
        return [*lines, f"  takes back {view.takes_back}"]
    said = ", ".join(view.said)
    return [*lines, f"  {said}", f"  {view.kind} {view.document}, says {view.witness}"]
