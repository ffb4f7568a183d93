"""The command that tells which edition brought or dropped what."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.console import Screen, format_bytes
from phonotheque.cli.options import Json, TreePath

if TYPE_CHECKING:
    from phonotheque.statistics import EditionLineage


def add_commands(app: typer.Typer) -> None:
    """Hang this module's command into `app`."""
    app.command()(lineage)


def lineage(
    path: TreePath,
    wanted: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]", help="A public id, the number of a recording, or a volume's name."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Tell which edition brought or dropped what: of all editions here, or of one recording or
    volume."""
    from phonotheque.statistics import read_history, read_lineage
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    tree = Tree(path.absolute())
    if wanted is not None:
        history = read_history(tree, wanted)
        lines = [
            f"{e.published_at:%Y-%m-%d}  {e.edition}  {e.change}  {e.detail}".rstrip()
            for e in history.events
        ]
        screen.result(history, [history.id, *lines])
        return
    editions = read_lineage(tree)
    if json:
        screen.print_json(editions)
        return
    for edition in editions:
        for line in _lines(edition):
            screen.say(line)


def _lines(edition: "EditionLineage") -> Iterator[str]:
    yield (
        f"{edition.name}  {edition.published_at:%Y-%m-%d}  {edition.files:,} files, "
        f"{format_bytes(edition.audio_bytes)}, in {edition.volumes:,} volumes"
    )
    yield (
        f"    volumes     {len(edition.volumes_added):,} added, "
        f"{len(edition.volumes_superseded):,} superseded, "
        f"{_or_unknown(edition.volumes_dropped and len(edition.volumes_dropped))} dropped"
    )
    yield (
        f"    files       {edition.files_added:,} added "
        f"({format_bytes(edition.audio_bytes_added)}), "
        f"{_or_unknown(edition.files_withdrawn)} withdrawn"
    )
    for table, changes in edition.changes.items():
        if changes:
            yield f"    {table:<11} {', '.join(f'{n:,} {c}' for c, n in changes.items())}"
    if edition.own_bytes_new is not None:
        yield f"    to fetch    {format_bytes(edition.own_bytes_new)} of tables and torrents"


def _or_unknown(count: object) -> str:
    """A count; an empty list is 0, and None is what the edition before would tell."""
    if count is None:
        return "?"
    return f"{count:,}" if isinstance(count, int) else "0"
