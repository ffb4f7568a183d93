"""How a sync fetches: by which ways, from whom, and how fast."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Event
from urllib.parse import urlsplit

from phonotheque.mirror.board import Board
from phonotheque.mirror.formats import Via
from phonotheque.mirror.origin import Origin, open_origin
from phonotheque.mirror.schedule import TransferSettings
from phonotheque.mirror.swarm import Peer, SwarmOptions
from phonotheque.mirror.transfer import Limits
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import PhonothequeError
from phonotheque.model.progress import Progress


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How to fetch. `via` overrides the plan; `peers` are asked directly, without a tracker."""

    via: Via | None = None
    peers: tuple[Peer, ...] = ()
    public: bool = False  # find peers by trackers, DHT and in the local network
    listen: str = "0.0.0.0:0"
    prune: bool = False  # delete volumes that the plan no longer names
    limits: Limits = field(default_factory=Limits)
    halt: Event = field(default_factory=Event)  # set: fetch nothing more, keep what came
    keep_free_bytes: int = 0  # of the disk, besides what is fetched
    board: Board = field(default_factory=Board)  # says what is waited for


def limits_of(settings: TransferSettings, limits: Limits | None, max_rate: int | None) -> Limits:
    """What to keep to: the rate that was given, else that of `limits`, else that of `settings`."""
    limits = limits or Limits(
        connections=settings.connections,
        least_bytes_per_second=settings.least_bytes_per_second,
    )
    rate = max_rate or limits.bytes_per_second or settings.max_bytes_per_second
    return replace(limits, bytes_per_second=rate)


def swarm_options(options: SyncOptions) -> SwarmOptions:
    """How to take part in a swarm, from how to fetch."""
    stall, rate = options.limits.stall_seconds, options.limits.bytes_per_second
    return SwarmOptions(
        options.listen, options.peers, options.public, stall, options.halt, rate, options.board
    )  # fmt: skip


def has_peers(options: SyncOptions) -> bool:
    """Whether there is a way to find peers."""
    return bool(options.peers) or options.public


def transports(via: Via, options: SyncOptions) -> list[Via]:
    """What to try, in order; a volume for which the plan says `auto` comes by both at once where
    there is a way to find peers (see `together`)."""
    peers = has_peers(options)
    match via:
        case Via.AUTO:
            return [Via.SWARM, Via.HTTP] if peers else [Via.HTTP]
        case Via.HTTP:
            return [Via.HTTP, Via.SWARM] if peers else [Via.HTTP]
        case Via.SWARM:
            return [Via.SWARM, Via.HTTP]


def open_others(
    others: Sequence[str], manifest: EditionManifest, origin: Origin, progress: Progress,
    limits: Limits,
) -> list[Origin]:  # fmt: skip
    """The origins besides `origin`: those of `mirror.toml`, then the edition's web seeds."""
    found: list[Origin] = []
    for address in dict.fromkeys([*others, *manifest.webseeds]):
        if address.rstrip("/") == origin.address:
            continue
        if address in manifest.webseeds and urlsplit(address).scheme not in ("http", "https"):
            progress.note(f"{address}: a webseed is an http(s) address; left out")
            continue
        try:
            found.append(
                open_origin(address, timeout_seconds=limits.timeout_seconds, least=limits.least)
            )
        except PhonothequeError as error:
            progress.note(str(error))
    return found
