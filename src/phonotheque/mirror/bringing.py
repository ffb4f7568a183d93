"""The volumes of a plan, one after the other: what is here, what is missing, and who brings it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

from phonotheque.mirror.editions import EditionCopy
from phonotheque.mirror.expected import ExpectedVolume, Revoked, entry, read_expected
from phonotheque.mirror.failover import Origins
from phonotheque.mirror.formats import EntryReport, MirrorPlan, PlannedVolume, Via
from phonotheque.mirror.pacing import Pace
from phonotheque.mirror.placing import Names
from phonotheque.mirror.room import Reservation, reserving, staged_bytes
from phonotheque.mirror.rows import cut_down
from phonotheque.mirror.runlog import LoggedProgress
from phonotheque.mirror.state import Placing
from phonotheque.mirror.superseding import link_held
from phonotheque.mirror.together import Job, bring_together
from phonotheque.mirror.transfer import Fetcher, Stopped
from phonotheque.mirror.volumes import (
    Failures,
    Missing,
    bring_from_swarm,
    bring_over_http,
    bytes_of,
    clear_staging,
    find_missing,
)
from phonotheque.mirror.ways import SyncOptions, has_peers, swarm_options, transports
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import FormatError, NotFoundError, TransferError
from phonotheque.model.findings import FindingCode
from phonotheque.model.progress import Progress
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import volume_of
from phonotheque.storage.volume_rows import Superseded, read_superseded

_NOBODY_HAS_TABLES = (
    "the edition's tables of this volume did not come: nobody who was asked has them, as a mirror "
    "of part of an archive has not. Name the archive or another mirror in `others` of mirror.toml "
    "and sync again, or plan without the volume"
)


@dataclass(slots=True)
class Counts:
    """What came, and what did not."""

    files_http: int = 0
    files_swarm: int = 0
    bytes_http: int = 0
    bytes_swarm: int = 0
    held: int = 0
    linked: int = 0
    complete: list[str] = field(default_factory=list)
    findings: list[EntryReport] = field(default_factory=list)


class LockedTick:
    """`progress.advance` for several threads; what came needs no reserved room any more."""

    def __init__(self, progress: Progress, held: Reservation | None = None) -> None:
        self._progress = progress
        self._held = held
        self._lock = Lock()

    def __call__(self, amount: int) -> None:
        with self._lock:
            self._progress.advance(amount)
        if self._held is not None:
            self._held.come(amount)


@dataclass(frozen=True)
class Run:
    """One sync, once its edition is here. `check` raises where there is no room for so many bytes
    of what it is told."""

    tree: Tree
    place: Placing
    manifest: EditionManifest
    revoked: Revoked
    origins: Origins
    pace: Pace
    options: SyncOptions
    progress: LoggedProgress
    check: Callable[[Tree, int, str, int], None]
    counts: Counts = field(default_factory=Counts)
    names: Names = field(default_factory=Names)

    @cached_property
    def superseded(self) -> Superseded:
        return read_superseded(self.tree.edition(self.manifest.name))


def bring_volumes(run: Run, plan: MirrorPlan) -> Counts:
    """All planned volumes, one after the other; the room for all of them is checked first, and
    held.

    Memory: the files of one volume. What is not whole is looked at a second time when its turn
    comes, by what the state has proved meanwhile.

    Raises:
        Stopped: the run was told to; what came is kept.
        NoSpaceError: the disk has not the room; nothing was fetched.
    """
    unfinished: list[PlannedVolume] = []
    needed = 0
    run.progress.start("looking at what is here", len(plan.volumes), "volumes")
    for planned in plan.volumes:
        run.progress.advance()
        try:
            volume, missing = _look_at(run, planned)
        except (NotFoundError, FormatError) as error:
            why = _NOBODY_HAS_TABLES if _is_of_edition(run, planned.volume, error) else str(error)
            run.counts.findings.append(
                entry(FindingCode.COPY_MISSING, f"volumes/{planned.volume}", why)
            )
            continue
        run.counts.held += len(volume.files) - len(missing)
        needed += bytes_of(missing)
        if missing:
            unfinished.append(planned)
        else:
            _bring_volume(run, planned, volume, missing, None)
    if needed:
        needed = max(needed - staged_bytes(run.tree), 0)
    run.check(run.tree, needed, "the plan", run.options.keep_free_bytes)
    with reserving(run.tree, needed) as held:
        for planned in unfinished:
            if run.options.halt.is_set():
                raise Stopped
            _bring_volume(run, planned, *_look_at(run, planned), held)
    return run.counts


def _is_of_edition(run: Run, volume: str, error: Exception) -> bool:
    """Whether it is for want of its tables that a volume of the edition could not be looked at."""
    table = f"files/{volume}.parquet"
    return isinstance(error, NotFoundError) and any(e.path == table for e in run.manifest.contents)


def tables_not_had(run: Run, copy: EditionCopy, plan: MirrorPlan) -> list[EntryReport]:
    """A finding for each volume of which tables are lacking, but for planned ones that cannot be
    proved without: of these `bring_volumes` tells."""
    proving = {volume_of(e.path) for e in copy.lacking if not e.path.startswith("ai-training/")}
    told = proving & {planned.volume for planned in plan.volumes}
    first = {volume_of(e.path): e.path for e in reversed(copy.lacking)}
    folder = f"editions/{run.manifest.name}"
    return [
        entry(FindingCode.TABLE_MISSING, f"{folder}/{path}", _NOBODY_HAS_TABLES)
        for volume, path in sorted(first.items(), key=lambda pair: pair[1])
        if volume not in told
    ]


def _look_at(run: Run, planned: PlannedVolume) -> tuple[ExpectedVolume, Missing]:
    """What is planned of a volume and not withdrawn, and what of that is not here."""
    volume = cut_down(read_expected(run.tree.edition(run.manifest.name), planned.volume), planned)
    gone = volume.files.keys() & run.revoked.paths(planned.volume).keys()
    if run.place.state is not None:
        folder = f"volumes/{planned.volume}"
        sizes = {f"{folder}/{path}": volume.files[path].size_bytes for path in gone}
        run.place.state.note_withdrawn(folder, sizes)
    volume = volume.without(gone)
    missing = find_missing(volume, run.place)
    run.counts.linked += link_held(run.place, volume, missing, run.superseded)
    return volume, missing


def _bring_volume(
    run: Run,
    planned: PlannedVolume,
    volume: ExpectedVolume,
    missing: Missing,
    held: Reservation | None,
) -> None:
    failures: Failures = {}
    via = run.options.via or planned.via
    tick = LockedTick(run.progress, held)
    try:
        if missing and via is Via.AUTO and has_peers(run.options):
            failures = _bring_by_both(run, volume, missing, tick)
        else:
            for transport in transports(via, run.options):
                if missing:
                    failures = _bring_by(run, transport, volume, missing, tick)
    finally:
        run.names.settle()
    for path in missing:
        why = failures.get(path, "nobody delivered it")
        where = f"volumes/{volume.name}/{path}"
        run.counts.findings.append(
            entry(FindingCode.COPY_MISSING, where, f"{why}; run sync again later")
        )
    if not missing:
        run.counts.complete.append(volume.name)
        clear_staging(run.tree, volume.name)


def _bring_by(
    run: Run, transport: Via, volume: ExpectedVolume, missing: Missing, tick: LockedTick
) -> Failures:
    """By one way alone; why what is still missing did not come."""
    run.progress.start(f"{volume.name} by {transport.value}", bytes_of(missing), "bytes")
    before = len(missing)
    try:
        if transport is Via.HTTP:
            received, failures = bring_over_http(
                volume.name, missing, run.place, _fetcher(run, tick), run.options.limits.connections
            )
            run.counts.bytes_http += received
        else:
            received, failures = bring_from_swarm(
                volume, missing, run.place, swarm_options(run.options), tick
            )
            run.counts.bytes_swarm += received
    except TransferError as error:
        if run.options.halt.is_set():
            raise Stopped from error
        failures = dict.fromkeys(missing, str(error))
        run.progress.note(str(error))
    if transport is Via.HTTP:
        run.counts.files_http += before - len(missing)
    else:
        run.counts.files_swarm += before - len(missing)
    return failures


def _bring_by_both(
    run: Run, volume: ExpectedVolume, missing: Missing, tick: LockedTick
) -> Failures:
    """Over HTTP and from the swarm at once."""
    run.progress.start(f"{volume.name} by http and swarm", bytes_of(missing), "bytes")
    job = Job(
        volume, missing, run.place, _fetcher(run, tick), swarm_options(run.options), run.pace,
        run.options.limits.connections, tick, run.names,
    )  # fmt: skip
    brought = bring_together(job)
    for note in brought.notes:
        run.progress.note(note)
    run.counts.files_http += brought.files_http
    run.counts.files_swarm += brought.files_swarm
    run.counts.bytes_http += brought.bytes_http
    run.counts.bytes_swarm += brought.bytes_swarm
    return brought.failures


def _fetcher(run: Run, tick: LockedTick) -> Fetcher:
    return Fetcher(run.origins, run.options.limits, tick, pace=run.pace, halt=run.options.halt)
