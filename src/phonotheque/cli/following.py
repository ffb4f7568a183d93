"""Commands of a follower that look and wait: status, follow, pause, resume."""

import signal
from collections.abc import Iterable
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from phonotheque.cli.clock import now
from phonotheque.cli.console import Reporter, Screen, format_bytes
from phonotheque.cli.options import Json, MirrorPath, parse_peer, parse_size

if TYPE_CHECKING:
    from phonotheque.mirror import MirrorStatus

MaxRate = Annotated[
    str | None,
    typer.Option("--max-rate", metavar="SIZE", help="Bytes a second at most, e.g. 2MB."),
]
HoursOption = Annotated[
    str | None,
    typer.Option(
        "--hours", metavar="HH:MM-HH:MM", help="Fetch files only then, local time: 23:00-07:00."
    ),
]
_SHOWN_VOLUMES = 30
_OUTCOMES = {"stopped": "stopped before its end (by its hours, a pause or Ctrl-C)"}


def add_commands(app: typer.Typer) -> None:
    """Hang this module's commands into `app`."""
    for command in (status, follow, pause, resume):
        app.command()(command)


def status(mirror: MirrorPath, json: Json = False) -> None:
    """Say what the mirror holds of its plan and what it is doing; asks nobody, reads no file."""
    from phonotheque.mirror import read_status
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    found = read_status(Tree(mirror.absolute()), now())
    screen.result(found, _status_lines(found))
    unfinished = [volume for volume in found.volumes if volume.missing_bytes]
    if unfinished:
        screen.table(
            ("volume", "held", "size"),
            [
                (v.volume, format_bytes(v.held_bytes), format_bytes(v.bytes))
                for v in unfinished[:_SHOWN_VOLUMES]
            ],
        )
    if len(unfinished) > _SHOWN_VOLUMES:
        screen.say(f"… and {len(unfinished) - _SHOWN_VOLUMES:,} more (--json lists all)")


def _status_lines(found: "MirrorStatus") -> Iterable[str]:
    yield f"Mirror of {found.origin}, edition {found.edition or 'none yet'}."
    yield (
        f"{found.volumes_whole:,} of {len(found.volumes):,} volumes are whole; "
        f"{format_bytes(found.held_bytes)} of {format_bytes(found.planned_bytes)} held in "
        f"{found.held_files:,} proved files; {format_bytes(found.free_bytes)} free on the disk."
    )
    if found.tables_left:
        yield f"Not held, nor their tables: {found.tables_left:,} volumes that the plan leaves out."
    if found.suspect_files:
        yield f"{found.suspect_files:,} files are not sound: run `phonotheque repair`."
    if found.deleted_files:
        yield f"{found.deleted_files:,} withdrawn files were deleted here."
    yield (
        "Withdrawals were never asked for."
        if found.obeyed_at is None
        else f"Withdrawals obeyed {found.obeyed_at:%Y-%m-%d %H:%M} UTC"
        + ("; that is more than a day ago." if found.overdue else ".")
    )
    if found.paused:
        yield "Paused: nothing is fetched until `phonotheque resume`."
    if found.hours:
        yield f"Files are fetched {found.hours}."
    yield from _sync_lines(found)
    yield from _seeding_lines(found)


def _seeding_lines(found: "MirrorStatus") -> Iterable[str]:
    log = found.seeding
    if log is None:
        return
    if not log.is_fresh(found.at):
        yield f"Seeded last {log.updated_at:%Y-%m-%d %H:%M} UTC: {format_bytes(log.given_bytes)}."
        return
    yield (
        f"Seeding on port {log.port}: {log.loaded:,} of {log.torrents:,} torrents in memory "
        f"({format_bytes(log.loaded_bytes)} of {format_bytes(log.memory_bytes)}), "
        f"{log.unloaded:,} others can be found and are loaded when asked for; {log.asked:,} were, "
        f"{log.waiting:,} wait. {log.peers:,} peers, {format_bytes(log.given_bytes)} given."
    )
    if log.withheld_files:
        yield f"{log.withheld_files:,} files of those in memory are not given; see its log."
    if log.too_large:
        yield f"{log.too_large:,} torrents need more memory than [seed] memory_bytes allows."


def _sync_lines(found: "MirrorStatus") -> Iterable[str]:
    log = found.sync
    if log is None:
        return
    shape = format_bytes if log.unit == "bytes" else "{:,}".format
    at = f"{shape(log.done)}" + (f" of {shape(log.total)}" if log.total else "")
    where = f"{log.step}: {at}" + ("" if log.unit == "bytes" else f" {log.unit}")
    if found.running and log.outcome == "running":
        seconds = max((log.updated_at - log.started_at).total_seconds(), 1.0)
        rate = format_bytes(int(log.bytes_come / seconds))
        yield f"Syncing since {log.started_at:%Y-%m-%d %H:%M} UTC, {rate}/s; {where}."
        if log.waiting:
            yield f"Nothing has come for a while; waiting for {log.waiting}."
        return
    if found.running:
        yield "Another command is writing here."
    ended = "was killed" if found.cut_off else _OUTCOMES.get(log.outcome, log.outcome)
    yield (
        f"Last sync {log.updated_at:%Y-%m-%d %H:%M} UTC: {ended}, "
        f"{format_bytes(log.bytes_come)} came, {log.findings:,} findings."
        + (f" {log.message}" if log.message else "")
    )


def follow(
    mirror: MirrorPath,
    every: Annotated[
        int, typer.Option("--every", metavar="MINUTES", min=1, max=1440,
                          help="How often to ask for what is new.")
    ] = 60,
    hours: HoursOption = None,
    max_rate: MaxRate = None,
    seed: Annotated[bool, typer.Option("--seed", help="Give what is held to others.")] = False,
    metrics: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Tell Prometheus there, at /metrics.")
    ] = None,
    peer: Annotated[
        list[str],
        typer.Option("--peer", metavar="HOST:PORT", help="A peer to ask without a tracker."),
    ] = [],
    public: Annotated[
        bool, typer.Option("--public", help="Find peers by trackers, DHT, in the local network.")
    ] = False,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where the seeder listens.")
    ] = "0.0.0.0:6881",
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete volumes that the plan no longer names.")
    ] = False,
    json: Json = False,
) -> None:  # fmt: skip
    """Keep the mirror up to date until Ctrl-C: withdrawals at any time, files within the hours."""
    from phonotheque.mirror import FollowOptions
    from phonotheque.mirror import follow as execute
    from phonotheque.storage.layout import Tree

    screen = Screen(json_mode=json)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    options = FollowOptions(
        every_seconds=every * 60, hours=hours, seeding=seed, metrics=metrics, public=public,
        peers=[parse_peer(text) for text in peer], listen=listen, prune=prune,
        max_rate=parse_size(max_rate) if max_rate else None,
    )  # fmt: skip
    with Reporter(screen) as progress:
        done = execute(Tree(mirror.absolute()), progress, stop, clock=now, options=options)
    screen.result(
        {"done": done.done, "stopped": done.stopped, "failed": done.failed,
         "bytes_http": done.bytes_http, "bytes_swarm": done.bytes_swarm,
         "bytes_given": done.bytes_given},
        [f"{done.done:,} syncs done, {done.stopped:,} stopped, {done.failed:,} failed; "
         f"{format_bytes(done.bytes_http + done.bytes_swarm)} fetched, "
         f"{format_bytes(done.bytes_given)} given."],
    )  # fmt: skip


def pause(mirror: MirrorPath) -> None:
    """Let the mirror fetch nothing until `resume`; withdrawals are still obeyed."""
    from phonotheque.mirror import pause as execute
    from phonotheque.mirror import read_mirror
    from phonotheque.storage.layout import Tree

    tree = Tree(mirror.absolute())
    read_mirror(tree)
    execute(tree, now())
    Screen().say(f"Paused. Next: phonotheque resume {mirror}")


def resume(mirror: MirrorPath) -> None:
    """Let a paused mirror fetch again."""
    from phonotheque.mirror import read_mirror
    from phonotheque.mirror import resume as execute
    from phonotheque.storage.layout import Tree

    tree = Tree(mirror.absolute())
    read_mirror(tree)
    was = execute(tree)
    Screen().say("Fetches again." if was else "It was not paused.")
