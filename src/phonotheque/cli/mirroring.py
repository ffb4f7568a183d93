"""Commands of a follower: plan, sync, seed, get (verify and repair: `proving`)."""

import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.following import MaxRate
from phonotheque.cli.options import DryRun, Json, MirrorPath, TreePath, parse_peer, parse_size
from phonotheque.model.errors import ExitCode

if TYPE_CHECKING:
    from phonotheque.mirror import EntryReport, SyncReport, Via

Peers = Annotated[
    list[str],
    typer.Option("--peer", metavar="HOST:PORT", help="A peer to ask without a tracker."),
]
Transport = Annotated[
    str | None,
    typer.Option("--via", metavar="auto|http|swarm", help="How to fetch, instead of the plan's."),
]
Public = Annotated[
    bool, typer.Option("--public", help="Use DHT and ask the router for a port as well.")
]
_SHOWN_FINDINGS = 50


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    for command in (sync, seed, get):
        app.command()(command)


def sync(
    mirror: MirrorPath,
    via: Transport = None,
    peer: Peers = [],
    public: Public = False,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where BitTorrent listens; port 0: any.")
    ] = "0.0.0.0:0",
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete volumes that the plan no longer names.")
    ] = False,
    max_rate: MaxRate = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Fetch what the plan names, proved while it arrives; obey withdrawals; resume any time."""
    from phonotheque.mirror import plan_sync, read_plan
    from phonotheque.mirror import sync as execute
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    tree = Tree(mirror.absolute())
    if dry_run:
        due = plan_sync(tree)
        rows = [
            f"{v.volume} by {v.via}: {format_bytes(v.missing_bytes)} of {format_bytes(v.bytes)}"
            for v in due.volumes
        ]
        total = (
            f"would fetch {format_bytes(due.missing_bytes)}; {format_bytes(due.free_bytes)} free"
        )
        screen.result(due, [*rows, total])
        return
    with Reporter(screen) as progress:
        report = execute(
            tree,
            progress,
            now=now(),
            via=parse_via(via) if via else None,
            peers=[parse_peer(text) for text in peer],
            public=public,
            listen=listen,
            prune=prune,
            max_rate=parse_size(max_rate) if max_rate else None,
        )
    if (planned := read_plan(tree).edition) != report.edition:
        screen.note(
            f"The plan is of edition {planned}; `phonotheque plan {mirror}` plans the new one"
        )
    screen.result(report, _sync_lines(report))
    _end_with(screen, report.findings)


def _sync_lines(report: "SyncReport") -> Iterable[str]:
    fetched = report.bytes_fetched_http + report.bytes_fetched_swarm + report.edition_bytes_fetched
    yield (
        f"Edition {report.edition}: fetched {format_bytes(fetched)} "
        f"({report.files_fetched_http:,} files over HTTP, {report.files_fetched_swarm:,} from "
        f"the swarm), {report.files_held:,} files were held already."
    )
    yield f"Complete: {', '.join(report.volumes_complete) or 'no volume'}."
    yield from (f"Withdrawn and deleted: {path}" for path in report.files_deleted)
    if report.files_linked:
        yield f"Linked to files of superseded volumes: {report.files_linked:,}."
    yield from (f"Superseded and dropped: {name}" for name in report.volumes_superseded)
    yield from (f"Held but not planned: {name}" for name in report.volumes_unplanned)
    yield from (f"Pruned: {name}" for name in report.volumes_pruned)


def seed(
    path: TreePath,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen.")
    ] = "0.0.0.0:6881",
    public: Public = False,
    json: Json = False,
) -> None:
    """Give the volumes held to others by BitTorrent until Ctrl-C."""
    from phonotheque.mirror import seed as give
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Reporter(screen) as progress:
        given = give(Tree(path.absolute()), progress, stop, listen=listen, public=public)
    screen.result({"bytes_given": given}, [f"{format_bytes(given)} given."])


def get(
    source: Annotated[
        str, typer.Argument(metavar="PATH|URL", help="A mirror, an archive, or an origin's URL.")
    ],
    recording: Annotated[
        str, typer.Argument(metavar="ID", help="Public id; ISRC or number as well for a PATH.")
    ],
    target: Annotated[
        Path, typer.Option("--to", metavar="FILE|DIR", help="Where to put it.")
    ] = Path(),
    via: Transport = None,
    root: Annotated[
        str | None, typer.Option(metavar="SHA256|FILE", help="Fingerprint of the root, for a URL.")
    ] = None,
    peer: Peers = [],
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Fetch one recording alone, without its volume, by HTTP or from the swarm."""
    from phonotheque.mirror import Via
    from phonotheque.mirror import get as execute
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    local = None if "://" in source else Tree(Path(source).absolute())
    with Reporter(screen) as progress:
        report = execute(
            local or source,
            _public_id(local.root, recording, screen) if local else recording,
            target,
            progress,
            via=parse_via(via) if via else Via.AUTO,
            peers=[parse_peer(text) for text in peer],
            root=parse_root(root),
            dry_run=dry_run,
        )
    screen.result(
        report,
        [
            ("would write " if dry_run else "") + f"{report.target}: {format_bytes(report.bytes)}, "
            f"{format_bytes(report.bytes_fetched)} fetched, sha256 {report.sha256}",
            report.attribution,
        ],
    )


def _public_id(root: Path, recording: str, screen: Screen) -> str:
    """What `recording` is called in public; it may be given as an ISRC, MBID or number."""
    from phonotheque.cli.finding import open_index
    from phonotheque.model.errors import NotFoundError, UsageError

    index = open_index(root, None, screen)
    rows = index.rows(index.lookup(recording).numbers)
    if not rows:
        raise NotFoundError(f"{recording}: not known in {root}")
    if len(rows) > 1:
        several = ", ".join(row.public_id for row in rows)
        raise UsageError(f"{recording}: several recordings have it; name one of {several}")
    return rows[0].public_id


def parse_via(text: str) -> "Via":
    """A way to fetch, by its name."""
    from phonotheque.mirror import Via

    return Via(_one_of(text, [via.value for via in Via]))


def _one_of(text: str, allowed: Sequence[str]) -> str:
    if text not in allowed:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(allowed)}")
    return text


def parse_root(text: str | None) -> str | Path | None:
    """A root of trust: a file where there is one, else a fingerprint."""
    return Path(text) if text and Path(text).exists() else text


def _end_with(screen: Screen, findings: Sequence["EntryReport"]) -> None:
    for finding in findings[:_SHOWN_FINDINGS]:
        screen.note(f"{finding.severity} {finding.code} {finding.where}: {finding.message}")
    if len(findings) > _SHOWN_FINDINGS:
        screen.note(f"… and {len(findings) - _SHOWN_FINDINGS:,} more (--json lists all)")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(ExitCode.FINDINGS)
