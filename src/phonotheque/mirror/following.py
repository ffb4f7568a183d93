"""Following an archive for months: asks what is new, obeys withdrawals, fetches when it may, seeds.

Outside the hours, and while the mirror is paused, only what is signed is asked for, and withdrawals
are obeyed; a sync that runs into the end of the hours stops, and goes on in the next.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from phonotheque.mirror.formats import SyncReport, Via
from phonotheque.mirror.metrics import Counters, serve_metrics
from phonotheque.mirror.planning import read_mirror, read_plan
from phonotheque.mirror.schedule import halting, is_paused, may_fetch
from phonotheque.mirror.seeding import Seeder
from phonotheque.mirror.status import DAY_SECONDS
from phonotheque.mirror.swarm import Peer
from phonotheque.mirror.syncing import sync
from phonotheque.mirror.transfer import Limits, Stopped
from phonotheque.model.errors import (
    ArchiveBusyError,
    NoSpaceError,
    TransferError,
    TrustError,
    UsageError,
)
from phonotheque.model.hours import Hours, parse_hours
from phonotheque.model.progress import Progress
from phonotheque.storage.layout import Tree

_LOOK_SECONDS = 1.0
_FIRST_WAIT_SECONDS = 60.0
_PASSING = (TransferError, TrustError, NoSpaceError, ArchiveBusyError)


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """How to follow. `every_seconds`: how often to ask for what is new, at least once a day."""

    every_seconds: float = 3600.0
    hours: str | None = None  # instead of those in `mirror.toml`
    seeding: bool = False
    metrics: str | None = None  # "host:port" to tell Prometheus at
    via: Via | None = None
    peers: Sequence[Peer] = ()
    public: bool = False
    listen: str = "0.0.0.0:6881"  # of the seeder; a sync takes any free port
    prune: bool = False
    max_rate: int | None = None  # bytes a second
    limits: Limits | None = None
    look_seconds: float = _LOOK_SECONDS
    first_wait_seconds: float = (
        _FIRST_WAIT_SECONDS  # after a failure; doubles up to `every_seconds`
    )


@dataclass(slots=True)
class _Follower:
    tree: Tree
    progress: Progress
    stop: Event
    clock: Callable[[], datetime]
    options: FollowOptions
    hours: Hours | None
    hours_text: str | None = None
    counters: Counters = field(default_factory=Counters)
    seeder: Seeder | None = None

    def may_fetch(self) -> bool:
        return may_fetch(self.tree, self.hours, self.clock().astimezone())

    def turn(self) -> bool:
        """One sync; whether it ended well, or stopped because it was to."""
        options = self.options
        with halting(self.stop, self.may_fetch, options.look_seconds) as halt:
            try:
                report = sync(
                    self.tree, self.progress, now=self.clock(), via=options.via,
                    peers=options.peers, public=options.public, prune=options.prune,
                    limits=options.limits, max_rate=options.max_rate, halt=halt,
                    listen=f"{options.listen.rpartition(':')[0]}:0",
                )  # fmt: skip
            except Stopped:
                self.counters.stopped += 1
                self._tell_why_not()
                return True
            except _PASSING as error:
                self.counters.failed += 1
                self.progress.note(str(error))
                return False
        self.counters.done += 1
        self.counters.bytes_http += report.bytes_fetched_http + report.edition_bytes_fetched
        self.counters.bytes_swarm += report.bytes_fetched_swarm
        for finding in report.findings:
            self.progress.note(f"{finding.code} {finding.where}: {finding.message}")
        self._tell(report)
        return not report.findings

    def _tell(self, report: SyncReport) -> None:
        fetched = report.bytes_fetched_http + report.bytes_fetched_swarm
        self.progress.note(
            f"edition {report.edition}: {fetched + report.edition_bytes_fetched:,} bytes came, "
            f"{len(report.files_deleted):,} withdrawn files were deleted, "
            f"{len(report.volumes_complete):,} volumes are whole"
        )
        if (planned := read_plan(self.tree).edition) != report.edition:
            self.progress.note(
                f"the plan is of edition {planned}: `phonotheque plan {self.tree.root}` plans what "
                f"{report.edition} has besides"
            )

    def _tell_why_not(self) -> None:
        if self.stop.is_set():
            return
        why = f"outside the hours {self.hours_text}"
        if is_paused(self.tree):
            why = f"paused, until `phonotheque resume {self.tree.root}`"
        self.progress.note(f"{why}: withdrawals were obeyed, what came is kept, no file is fetched")

    def wait(self, seconds: float) -> None:
        """Seed meanwhile; less long when fetching becomes allowed."""
        could, left = self.may_fetch(), seconds
        while left > 0 and not self.stop.wait(min(self.options.look_seconds, left)):
            left -= self.options.look_seconds
            if self.seeder is not None:
                self.counters.bytes_given = self.seeder.uploaded_bytes()
            if not could and self.may_fetch():
                return

    def seed(self, stack: ExitStack) -> None:
        if self.options.seeding and self.seeder is None and self.tree.latest_json.is_file():
            options = self.options
            self.seeder = stack.enter_context(
                Seeder(
                    self.tree, self.progress, listen=options.listen, public=options.public,
                    clock=self.clock,
                )
            )  # fmt: skip
            self.progress.note(f"seeding on port {self.seeder.port}")


def follow(
    tree: Tree, progress: Progress, stop: Event, *, clock: Callable[[], datetime],
    options: FollowOptions,
) -> Counters:  # fmt: skip
    """Keep the mirror at `tree` up to date until `stop` is set; returns what was done.

    What passes by itself (no network, a late publisher, a full disk, another writer) is noted and
    tried again, at first after a minute, then less often.

    Raises:
        NotFoundError: no mirror or no plan here.
        UsageError: less often than daily, or the address of the metrics is none.
        TransferError: cannot listen there.
    """
    if not 0 < options.every_seconds <= DAY_SECONDS:
        raise UsageError("withdrawals are to be obeyed within a day: ask at least every 24 hours")
    settings = read_mirror(tree)
    text = options.hours or (settings.transfer.hours if settings.transfer else None)
    hours = parse_hours(text) if text else None
    follower = _Follower(tree, progress, stop, clock, options, hours, text)
    failures = 0
    with ExitStack() as stack:
        if options.metrics is not None:
            url = stack.enter_context(
                serve_metrics(options.metrics, tree, follower.counters, clock)
            )  # fmt: skip
            progress.note(f"metrics at {url}")
        follower.seed(stack)
        while not stop.is_set():
            failures = 0 if follower.turn() else failures + 1
            follower.seed(stack)
            follower.wait(_until_next(options, failures))
    return follower.counters


def _until_next(options: FollowOptions, failures: int) -> float:
    if not failures:
        return options.every_seconds
    return min(options.every_seconds, options.first_wait_seconds * 2.0 ** min(failures - 1, 16))
