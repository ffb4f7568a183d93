"""The command that brings one recording: get."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.following import MaxRate
from phonotheque.cli.options import DryRun, Json, parse_peer, parse_root, parse_size, parse_via

if TYPE_CHECKING:
    from phonotheque.mirror import GetReport
    from phonotheque.search import DisplayRow
    from phonotheque.storage.layout import Tree

_SHOWN = 5


def get(
    source: Annotated[
        str, typer.Argument(metavar="PATH|URL", help="A mirror, an archive, or an origin's URL.")
    ],
    recording: Annotated[
        list[str],
        typer.Argument(metavar="ID|WORDS...", help="Public id, ISRC, number; or words to search."),
    ],
    target: Annotated[
        Path, typer.Option("--to", metavar="FILE|DIR", help="Where to put it.")
    ] = Path(),
    first: Annotated[
        bool, typer.Option("--first", help="Take the best of several that are found.")
    ] = False,
    via: Annotated[
        str | None, typer.Option("--via", metavar="auto|http|swarm", help="How to fetch it.")
    ] = None,
    root: Annotated[
        str | None, typer.Option(metavar="SHA256|FILE", help="Fingerprint of the root, for a URL.")
    ] = None,
    peer: Annotated[
        list[str],
        typer.Option("--peer", metavar="HOST:PORT", help="A peer to ask without a tracker."),
    ] = [],
    max_rate: MaxRate = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Fetch one recording alone, without its volume, by HTTP or from the swarm."""
    from phonotheque.mirror import Via
    from phonotheque.mirror import get as execute
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    local = None if "://" in source else Tree(Path(source).absolute())
    text, volume = " ".join(recording), None
    if local is not None:
        text, volume = _find_here(local, text, screen, first=first)
    with Reporter(screen) as progress:
        report = execute(
            local or source,
            text,
            target,
            progress,
            via=parse_via(via) if via else Via.AUTO,
            peers=[parse_peer(each) for each in peer],
            root=parse_root(root),
            max_rate=parse_size(max_rate) if max_rate else None,
            volume=volume,
            first=first,
            dry_run=dry_run,
        )
    screen.result(report, _lines(report, dry_run=dry_run))


def _lines(report: "GetReport", *, dry_run: bool) -> Iterable[str]:
    would = "would write " if dry_run else ""
    yield f"{would}{report.target}: {format_bytes(report.bytes)}, sha256 {report.sha256}"
    yield (
        f"{format_bytes(report.bytes_fetched)} of audio and {format_bytes(report.bytes_of_tables)} "
        f"to find and prove it came in {report.seconds:.1f} s."
    )
    yield report.attribution


def _find_here(tree: "Tree", text: str, screen: Screen, *, first: bool) -> tuple[str, str | None]:
    """What the recording is called in public, and where its file is, by the index of the tree; what
    needs none is left as it is where there is none yet."""
    from phonotheque.cli.finding import open_index
    from phonotheque.mirror import newest_edition
    from phonotheque.model.errors import NotFoundError

    has_index = (tree.edition_index(newest_edition(tree)) / "index.json").is_file()
    if not has_index and _needs_no_index(text):
        return text, None
    index = open_index(tree.root, None, screen)
    rows = index.rows(index.lookup(text).numbers)
    if not rows:
        rows = [hit.row for hit in index.search(text, limit=_SHOWN + 1).hits]
    if not rows:
        raise NotFoundError(f"{text}: not known in {tree.root}")
    row = _one_of(text, rows, first=first)
    screen.note(f"{row.public_id}: {row.artist} – {row.title}")
    return row.public_id, row.file.volume if row.file else None


def _one_of(text: str, rows: "list[DisplayRow]", *, first: bool) -> "DisplayRow":
    from phonotheque.model.errors import UsageError

    if len(rows) > 1 and not first:
        named = [f"{row.public_id} ({row.artist} – {row.title})" for row in rows[:_SHOWN]]
        more = " …" if len(rows) > _SHOWN else ""
        raise UsageError(
            f"{text}: several recordings have it; name one of {', '.join(named)}{more}, or take "
            "the best with --first"
        )
    return rows[0]


def _needs_no_index(text: str) -> bool:
    """Whether it is a public id, a number or an ISRC."""
    from phonotheque.model.errors import InputError
    from phonotheque.model.identifiers import IsrcStatus, parse_isrc
    from phonotheque.model.numbers import IdKey, parse_public_id

    if text.isascii() and text.isdigit():
        return True
    try:
        parse_public_id(text, IdKey(bytes(16)))
    except InputError:
        return parse_isrc(text)[1] is not IsrcStatus.MALFORMED
    return True
