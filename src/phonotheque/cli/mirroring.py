"""Commands of a follower: plan, sync, seed, get (verify and repair: `proving`)."""

import signal
from collections.abc import Iterable, Sequence
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.following import HoursOption, MaxRate
from phonotheque.cli.getting import get
from phonotheque.cli.options import (
    DryRun,
    Json,
    MirrorPath,
    TreePath,
    parse_peer,
    parse_size,
    parse_via,
)
from phonotheque.model.errors import ExitCode

if TYPE_CHECKING:
    from phonotheque.mirror import EntryReport, SyncPlan, SyncReport

Peers = Annotated[
    list[str],
    typer.Option("--peer", metavar="HOST:PORT", help="A peer to ask without a tracker."),
]
Transport = Annotated[
    str | None,
    typer.Option("--via", metavar="auto|http|swarm", help="How to fetch, instead of the plan's."),
]
Public = Annotated[
    bool, typer.Option("--public", help="Use trackers, DHT and the local network to meet peers.")
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
    hours: HoursOption = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Fetch what the plan names, proved while it arrives; obey withdrawals; resume any time."""
    from phonotheque.mirror import Stopped, halting, plan_sync, read_plan
    from phonotheque.mirror import sync as execute
    from phonotheque.model.hours import parse_hours
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    tree = Tree(mirror.absolute())
    if dry_run:
        _show_due(screen, plan_sync(tree))
        return
    allowed = parse_hours(hours) if hours else None
    inside = (lambda: allowed.holds(now().astimezone())) if allowed else lambda: True
    with Reporter(screen) as progress, halting(Event(), inside) as halt:
        try:
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
                halt=halt if allowed else None,
            )
        except Stopped:
            screen.result({"stopped": True, "hours": hours}, [_stopped_line(hours)])
            return
    if (planned := read_plan(tree).edition) != report.edition:
        screen.note(
            f"The plan is of edition {planned}; `phonotheque plan {mirror}` plans the new one"
        )
    screen.result(report, _sync_lines(report))
    _end_with(screen, report.findings)


def _show_due(screen: Screen, due: "SyncPlan") -> None:
    rows = [
        f"{v.volume} by {v.via}: {format_bytes(v.missing_bytes)} of {format_bytes(v.bytes)}"
        for v in due.volumes
    ]
    total = f"would fetch {format_bytes(due.missing_bytes)}; {format_bytes(due.free_bytes)} free"
    screen.result(due, [*rows, total])


def _stopped_line(hours: str | None) -> str:
    return (
        f"Outside the hours {hours}: withdrawals were obeyed, what came is kept, and the next sync "
        "within them goes on."
    )


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
    yield from (f"Old edition deleted: {name}" for name in report.editions_pruned)
    if report.tables_left:
        yield f"Not held, nor their tables: {report.tables_left:,} volumes outside of the plan."


def seed(
    path: TreePath,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen.")
    ] = "0.0.0.0:6881",
    public: Public = False,
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Memory for torrents, instead of [seed] memory_bytes."),
    ] = None,
    max_rate: Annotated[
        str | None,
        typer.Option("--max-rate", metavar="SIZE", help="Bytes a second given at most, e.g. 2MB."),
    ] = None,
    json: Json = False,
) -> None:
    """Give the volumes held to others by BitTorrent until Ctrl-C."""
    from msgspec.structs import replace

    from phonotheque.mirror import seed as give
    from phonotheque.mirror import seed_settings
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    tree = Tree(path.absolute())
    settings = seed_settings(tree)
    if memory:
        settings = replace(settings, memory_bytes=parse_size(memory))
    if max_rate:
        settings = replace(settings, upload_bytes_per_second=parse_size(max_rate))
    with Reporter(screen) as progress:
        given = give(
            tree, progress, stop, listen=listen, public=public, settings=settings, clock=now
        )
    screen.result({"bytes_given": given}, [f"{format_bytes(given)} given."])


def _end_with(screen: Screen, findings: Sequence["EntryReport"]) -> None:
    for finding in findings[:_SHOWN_FINDINGS]:
        screen.note(f"{finding.severity} {finding.code} {finding.where}: {finding.message}")
    if len(findings) > _SHOWN_FINDINGS:
        screen.note(f"… and {len(findings) - _SHOWN_FINDINGS:,} more (--json lists all)")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(ExitCode.FINDINGS)
