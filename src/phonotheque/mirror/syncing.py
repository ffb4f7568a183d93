"""Making a mirror hold what its plan says: trust, then the edition, then the files.

Every step may be killed. What is in its place is proved; what is on its way lies in `incoming/`,
and the next run carries on with it.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from threading import Event, Lock

from phonotheque.mirror.edition_swarm import bring_from_swarm as bring_edition_from_swarm
from phonotheque.mirror.editions import EditionCopy, bring_edition, clear_unfinished, find_needs
from phonotheque.mirror.expected import (
    ExpectedVolume,
    Revoked,
    entry,
    index_revocations,
    read_expected,
)
from phonotheque.mirror.failover import Origins
from phonotheque.mirror.formats import (
    EntryReport,
    MirrorPlan,
    MirrorSettings,
    PlannedVolume,
    SyncReport,
    Via,
)
from phonotheque.mirror.origin import Origin, open_origin
from phonotheque.mirror.pacing import Pace
from phonotheque.mirror.planning import plan_path, read_mirror, read_plan
from phonotheque.mirror.revoking import delete_revoked
from phonotheque.mirror.runlog import LoggedProgress, logging
from phonotheque.mirror.schedule import TransferSettings
from phonotheque.mirror.state import Placing, State, open_state
from phonotheque.mirror.superseding import drop_superseded, link_held, renew_plan
from phonotheque.mirror.swarm import Peer, parse_peer
from phonotheque.mirror.transfer import Fetcher, Limits, Stopped, origins_within
from phonotheque.mirror.trust import Trust, check_paths, check_pin, first_trust
from phonotheque.mirror.volumes import (
    Failures,
    Missing,
    bring_from_swarm,
    bring_over_http,
    bytes_of,
    clear_staging,
    find_missing,
)
from phonotheque.mirror.ways import SyncOptions, limits_of, open_others, swarm_options, transports
from phonotheque.model.edition import EditionManifest, Latest, Revocations
from phonotheque.model.errors import (
    FormatError,
    NoSpaceError,
    NotFoundError,
    TransferError,
)
from phonotheque.model.findings import FindingCode
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import parse_document, write_document
from phonotheque.storage.durable import free_bytes, fsync_directory, write_bytes
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from phonotheque.storage.volume_rows import Superseded, read_superseded

SPARE_BYTES = 16 << 20  # room left for metadata and state


@dataclass(slots=True)
class _Counts:
    files_http: int = 0
    files_swarm: int = 0
    bytes_http: int = 0
    bytes_swarm: int = 0
    held: int = 0
    linked: int = 0
    complete: list[str] = field(default_factory=list)
    findings: list[EntryReport] = field(default_factory=list)


class _LockedTick:
    """`progress.advance` for several threads."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = Lock()

    def __call__(self, amount: int) -> None:
        with self._lock:
            self._progress.advance(amount)


def sync(
    tree: Tree,
    progress: Progress,
    *,
    now: datetime,
    via: Via | None = None,
    peers: Sequence[Peer] = (),
    public: bool = False,
    listen: str = "0.0.0.0:0",
    prune: bool = False,
    limits: Limits | None = None,
    max_rate: int | None = None,
    halt: Event | None = None,
) -> SyncReport:
    """Bring the mirror at `tree` to the newest edition and to its plan. See the module.

    Files that no one delivers are findings in the report, and the rest goes on. `max_rate` are
    bytes a second, of all that is fetched; it and `limits` count more than what `mirror.toml` says.

    Raises:
        Stopped: `halt` was set; what came is kept, and withdrawals were obeyed.
        NotFoundError: no mirror or no plan here.
        TransferError: the origin is out of reach; the mirror stays as it is.
        TrustError: the origin does not prove itself; nothing of it was taken.
        NoSpaceError: the disk has not the room; nothing of the files was fetched.
    """
    settings = read_mirror(tree)
    named = tuple(parse_peer(peer) for peer in settings.peers)
    limits = limits_of(settings.transfer or TransferSettings(), limits, max_rate)
    options = SyncOptions(
        via, (*peers, *named), public, listen, prune, limits, halt or Event()
    )  # fmt: skip
    with (
        writing(tree.root),
        logging(tree, progress, now) as log,
        open_state(tree) as state,
    ):
        report = _sync(Placing(tree, state, now), state, settings, options, log)
        log.end("findings" if report.findings else "done", findings=len(report.findings))
        return report


def _sync(
    place: Placing, state: State, settings: MirrorSettings, options: SyncOptions,
    progress: LoggedProgress,
) -> SyncReport:  # fmt: skip
    tree, limits = place.tree, options.limits
    plan = read_plan(tree)
    origin = open_origin(settings.origin, timeout_seconds=limits.timeout_seconds)
    trust = first_trust(origin, tree.metadata, None, held=tree.root)
    check_pin(trust.anchor, settings.root_sha256)
    progress.start("asking the origin what is new", None, "files")
    trust.refresh()
    revoked, deleted = _obey(place, trust, progress)
    progress.obeyed()
    if options.halt.is_set():
        raise Stopped
    latest, manifest, copy = _bring_edition(place, trust, origin, options, progress)
    others = open_others(settings.others, manifest, origin, progress)
    plan = _renew(tree, manifest, plan)
    pool, pace = origins_within([origin, *others], limits), Pace(limits.bytes_per_second)
    run = _Run(tree, place, manifest, revoked, pool, pace, options, progress)
    counts = _bring_volumes(run, plan)
    left = _drop(run, plan, state)
    unplanned, pruned = _unplanned(tree, plan, state, options.prune)
    return SyncReport(
        edition=latest.edition,
        sequence=latest.sequence,
        edition_files_fetched=copy.fetched,
        edition_files_linked=copy.linked,
        edition_bytes_fetched=copy.bytes_fetched,
        files_fetched_http=counts.files_http,
        files_fetched_swarm=counts.files_swarm,
        bytes_fetched_http=counts.bytes_http,
        bytes_fetched_swarm=counts.bytes_swarm,
        files_held=counts.held,
        files_deleted=deleted,
        volumes_complete=counts.complete,
        volumes_unplanned=unplanned,
        volumes_pruned=pruned,
        files_linked=counts.linked,
        volumes_superseded=left,
        findings=counts.findings,
    )


def _renew(tree: Tree, manifest: EditionManifest, plan: MirrorPlan) -> MirrorPlan:
    """The plan with heirs for what the edition supersedes, saved where it changed."""
    renewed = renew_plan(tree, manifest, plan)
    if renewed is not plan:
        write_document(plan_path(tree), renewed)
    return renewed


def _drop(run: "_Run", plan: MirrorPlan, state: State) -> list[str]:
    names = [planned.volume for planned in plan.volumes]
    return drop_superseded(run.tree, state, run.superseded, names, run.counts.complete)


def _obey(place: Placing, trust: Trust, progress: Progress) -> tuple[Revoked, list[str]]:
    content = trust.target("revocations.json")
    if content is None:
        revoked = index_revocations(Revocations(format=1, sequence=0, files=[]))
        return revoked, []
    revoked = index_revocations(parse_document(content, Revocations, "revocations.json"))
    write_bytes(place.tree.revocations_json, content)
    return revoked, delete_revoked(place, revoked, progress)


def _bring_edition(
    place: Placing, trust: Trust, origin: Origin, options: SyncOptions, progress: Progress
) -> tuple[Latest, EditionManifest, EditionCopy]:
    tree = place.tree
    latest_bytes, latest = trust.document("latest.json", Latest)
    where = f"editions/{latest.edition}/edition.json"
    manifest_bytes, manifest = trust.document(where, EditionManifest)
    check_paths(manifest, latest.edition)
    needs = find_needs(place, manifest)
    _check_space(tree, needs.bytes, f"edition {manifest.name}")
    progress.start(f"edition {manifest.name}", needs.bytes, "bytes")
    tick = _LockedTick(progress)
    fetcher = Fetcher([origin], options.limits, tick, halt=options.halt)
    left, received = needs, 0
    if transports(options.via or Via.AUTO, options)[0] is Via.SWARM:
        try:
            left, received = bring_edition_from_swarm(
                place, manifest, needs, fetcher, swarm=swarm_options(options), tick=tick
            )
        except TransferError as error:
            progress.note(str(error))
    copy = bring_edition(place, manifest, left, fetcher, options.limits.connections)
    copy = EditionCopy(len(needs.wanted), len(needs.held), received + copy.bytes_fetched)
    write_bytes(tree.edition(manifest.name) / "edition.json", manifest_bytes)
    write_bytes(tree.latest_json, latest_bytes)
    clear_unfinished(place)
    return latest, manifest, copy


@dataclass(frozen=True)
class _Run:
    tree: Tree
    place: Placing
    manifest: EditionManifest
    revoked: Revoked
    origins: Origins
    pace: Pace
    options: SyncOptions
    progress: Progress
    counts: _Counts = field(default_factory=_Counts)

    @cached_property
    def superseded(self) -> Superseded:
        return read_superseded(self.tree.edition(self.manifest.name))


def _bring_volumes(run: _Run, plan: MirrorPlan) -> _Counts:
    """All planned volumes, one after the other; the room for all of them is checked first.

    Memory: the files of one volume. What is not whole is looked at a second time when its turn
    comes, by what the state has proved meanwhile.
    """
    unfinished: list[PlannedVolume] = []
    needed = 0
    run.progress.start("looking at what is here", len(plan.volumes), "volumes")
    for planned in plan.volumes:
        run.progress.advance()
        try:
            volume, missing = _look_at(run, planned)
        except (NotFoundError, FormatError) as error:
            run.counts.findings.append(
                entry(FindingCode.COPY_MISSING, f"volumes/{planned.volume}", str(error))
            )
            continue
        run.counts.held += len(volume.files) - len(missing)
        needed += bytes_of(missing)
        if missing:
            unfinished.append(planned)
        else:
            _bring_volume(run, planned, volume, missing)
    _check_space(run.tree, needed, "the plan")
    for planned in unfinished:
        if run.options.halt.is_set():
            raise Stopped
        _bring_volume(run, planned, *_look_at(run, planned))
    return run.counts


def _look_at(run: _Run, planned: PlannedVolume) -> tuple[ExpectedVolume, Missing]:
    """What is planned of a volume and not withdrawn, and what of that is not here."""
    volume = read_expected(run.tree.edition(run.manifest.name), planned.volume)
    volume = volume.select(planned.selection).without(run.revoked.paths(planned.volume))
    missing = find_missing(volume, run.place)
    run.counts.linked += link_held(run.place, volume, missing, run.superseded)
    return volume, missing


def _bring_volume(
    run: _Run, planned: PlannedVolume, volume: ExpectedVolume, missing: Missing
) -> None:
    failures: Failures = {}
    for transport in transports(run.options.via or planned.via, run.options):
        if not missing:
            break
        run.progress.start(f"{volume.name} by {transport.value}", bytes_of(missing), "bytes")
        before = len(missing)
        try:
            failures = _bring(run, transport, volume, missing)
        except TransferError as error:
            if run.options.halt.is_set():
                raise Stopped from error
            failures = dict.fromkeys(missing, str(error))
            run.progress.note(str(error))
        if transport is Via.HTTP:
            run.counts.files_http += before - len(missing)
        else:
            run.counts.files_swarm += before - len(missing)
    for path in missing:
        why = failures.get(path, "nobody delivered it")
        where = f"volumes/{volume.name}/{path}"
        run.counts.findings.append(
            entry(FindingCode.COPY_MISSING, where, f"{why}; run sync again later")
        )
    if not missing:
        run.counts.complete.append(volume.name)
        clear_staging(run.tree, volume.name)


def _bring(run: _Run, transport: Via, volume: ExpectedVolume, missing: Missing) -> Failures:
    tick = _LockedTick(run.progress)
    limits = run.options.limits
    if transport is Via.HTTP:
        fetcher = Fetcher(run.origins, limits, tick, pace=run.pace, halt=run.options.halt)
        received, failures = bring_over_http(
            volume.name, missing, run.place, fetcher, limits.connections
        )
        run.counts.bytes_http += received
        return failures
    swarm = swarm_options(run.options)
    received, failures = bring_from_swarm(volume, missing, run.place, swarm, tick)
    run.counts.bytes_swarm += received
    return failures


def _check_space(tree: Tree, needed_bytes: int, what: str) -> None:
    free = free_bytes(tree.root)
    if needed_bytes and needed_bytes + SPARE_BYTES > free:
        raise NoSpaceError(
            f"{tree.root}: {what} still needs {needed_bytes:,} bytes and the disk has {free:,} "
            "free; make room, or plan with less disk"
        )


def _unplanned(
    tree: Tree, plan: MirrorPlan, state: State, prune: bool
) -> tuple[list[str], list[str]]:
    """Volumes here that the plan does not name, and those of them that were deleted."""
    if not tree.volumes.is_dir():
        return [], []
    planned = {volume.volume for volume in plan.volumes}
    found = sorted(p.name for p in tree.volumes.iterdir() if p.is_dir() and p.name not in planned)
    if not prune:
        return found, []
    for name in found:
        state.forget_below(f"volumes/{name}")
        shutil.rmtree(tree.volume(name))
        fsync_directory(tree.volumes)
    return [], found
