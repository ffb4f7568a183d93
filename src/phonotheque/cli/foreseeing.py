"""Commands `rights next` and `rights review`: what becomes free, and where somebody must look."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Screen
from phonotheque.cli.options import ArchivePath, Json
from phonotheque.model.errors import NotFoundError, UsageError
from phonotheque.model.rights import Use


def next_(
    archive: ArchivePath,
    year: Annotated[
        int | None, typer.Option(metavar="YEAR", help="Whose 1 January; the next one.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="List the recordings there, as CSV.")
    ] = None,
    json: Json = False,
) -> None:
    """Tell what becomes free on the next 1 January, by territory and layer."""
    from phonotheque.archive import next_year
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    wanted = now().year + 1 if year is None else year
    if not 1901 <= wanted <= 2900:
        raise UsageError(f"--year {wanted}: write a year from 1901 to 2900")
    if to is not None and not to.absolute().parent.is_dir():
        raise NotFoundError(f"--to {to}: there is no folder {to.absolute().parent}; make it first")
    report = next_year(Tree(archive.absolute()), wanted, target=to)

    def lines() -> Iterator[str]:
        yield f"{report.on}: {report.recordings:,} recordings of which anything is stated"
        for one in report.layers:
            yield (
                f"  {one.territory} {one.layer}: {one.free:,} free, {one.perhaps:,} perhaps "
                f"({one.listens:,} listens)"
            )
        for risen in report.verdicts:
            yield (
                f"  {risen.territory} {risen.use}: {risen.allowed:,} become allowed, "
                f"{risen.to_review:,} to be reviewed ({risen.listens:,} listens)"
            )
        if not (report.layers or report.verdicts):
            yield "  no term ends that day, as far as years are stated"
        if to is not None:
            yield f"{to}: {report.listed:,} lines"

    screen.result(report, list(lines()))


def review(
    archive: ArchivePath,
    use: Annotated[str, typer.Option(metavar="USE", help="STREAM, DISTRIBUTE, HOLD …")] = "STREAM",
    territory: Annotated[
        list[str],
        typer.Option(
            metavar="CC",
            help="Country, ISO 3166; repeatable. Default: the archive's world set; "
            "for HOLD, PRESERVE and DERIVE_METADATA its seat.",
        ),
    ] = [],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most recordings to show.")] = 20,
    json: Json = False,
) -> None:
    """List recordings that somebody has to look at, most listened first, with what is missing."""
    from phonotheque.archive import work_list
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    if use.upper() not in set(Use):
        raise UsageError(f"{use!r} is no use; one of: {', '.join(Use)}")
    report = work_list(
        Tree(archive.absolute()),
        now().date(),
        use=Use(use.upper()),
        territories=territory,
        limit=limit,
    )
    lines = [
        f"{report.recordings:,} recordings to review for {report.use} in "
        f"{', '.join(report.territories)}; {report.listens:,} listens"
    ]
    for item in report.items:
        lines.append(
            f"{item.recording}  {item.artist_credit} – {item.title} ({item.listens:,} listens)"
        )
        lines += [f"  {reason}" for reason in item.reasons]
        lines += [f"  would change it: {change}" for change in item.changes]
    screen.result(report, lines)
