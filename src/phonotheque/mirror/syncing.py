"""Making a mirror hold what its plan says: trust, then the edition, then the files.

Every step may be killed. What is in its place is proved; what is on its way lies in `incoming/`,
and the next run carries on with it.
"""

import shutil
from collections.abc import Sequence
from datetime import datetime
from threading import Event

from phonotheque.mirror.answering import ask_what_is_signed
from phonotheque.mirror.bringing import LockedTick, Run, bring_volumes, tables_not_had
from phonotheque.mirror.edition_swarm import bring_from_swarm as bring_edition_from_swarm
from phonotheque.mirror.editions import (
    EditionCopy,
    bring_edition,
    choose_entries,
    clear_unfinished,
    find_needs,
)
from phonotheque.mirror.expected import Revoked, index_revocations
from phonotheque.mirror.formats import MirrorPlan, MirrorSettings, SyncReport, Via
from phonotheque.mirror.pacing import Pace
from phonotheque.mirror.part import tables_left_out
from phonotheque.mirror.partials import sweep_links
from phonotheque.mirror.planning import plan_path, read_mirror, read_plan
from phonotheque.mirror.pruning import prune_editions
from phonotheque.mirror.revoking import delete_revoked
from phonotheque.mirror.room import give_free
from phonotheque.mirror.runlog import LoggedProgress, logging
from phonotheque.mirror.schedule import TransferSettings
from phonotheque.mirror.state import Placing, State, open_state
from phonotheque.mirror.superseding import drop_superseded, renew_plan
from phonotheque.mirror.swarm import Peer, parse_peer
from phonotheque.mirror.transfer import Fetcher, Limits, Stopped, origins_within
from phonotheque.mirror.trust import Trust, check_paths
from phonotheque.mirror.ways import SyncOptions, limits_of, open_others, swarm_options, transports
from phonotheque.model.edition import EditionManifest, Latest, Revocations
from phonotheque.model.errors import NoSpaceError, TransferError
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import parse_document, write_document
from phonotheque.storage.durable import free_bytes, fsync_directory, write_bytes
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing

SPARE_BYTES = 16 << 20  # room left for metadata and state


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
    transfer = settings.transfer or TransferSettings()
    options = SyncOptions(
        via, (*peers, *named), public, listen, prune, limits_of(transfer, limits, max_rate),
        halt or Event(), transfer.keep_free_bytes,
    )  # fmt: skip
    with (
        writing(tree.root),
        logging(tree, progress, now, options.board.read) as log,
        open_state(tree) as state,
    ):
        give_free(tree)
        for path in sweep_links(tree.root / "incoming"):
            log.note(f"{path}: no file of this mirror, but a link or the like; removed")
        report = _sync(Placing(tree, state, now), state, settings, options, log)
        log.end("findings" if report.findings else "done", findings=len(report.findings))
        return report


def _sync(
    place: Placing, state: State, settings: MirrorSettings, options: SyncOptions,
    progress: LoggedProgress,
) -> SyncReport:  # fmt: skip
    tree, limits = place.tree, options.limits
    plan = read_plan(tree)
    progress.start("asking the origin what is new", None, "files")
    origin, trust = ask_what_is_signed(tree, settings, options, progress)
    revoked, deleted = _obey(place, trust, progress)
    progress.obeyed()
    if options.halt.is_set():
        raise Stopped
    latest_bytes, latest = trust.document("latest.json", Latest)
    where = f"editions/{latest.edition}/edition.json"
    manifest_bytes, manifest = trust.document(where, EditionManifest)
    check_paths(manifest, latest.edition)
    others = open_others(settings.others, manifest, origin, progress, limits)
    pool, pace = origins_within([origin, *others], limits), Pace(limits.bytes_per_second)
    options.board.put("http", pool.waits)
    run = Run(tree, place, manifest, revoked, pool, pace, options, progress, _check_space)
    copy = _bring_edition(run)
    write_bytes(tree.root / where, manifest_bytes)
    write_bytes(tree.latest_json, latest_bytes)
    clear_unfinished(place)
    plan = _renew(tree, manifest, plan)
    counts = bring_volumes(run, plan)
    counts.findings += tables_not_had(run, copy, plan)
    left = _drop(run, plan, state)
    unplanned, pruned = _unplanned(tree, plan, state, options.prune)
    editions = prune_editions(tree, state, settings.keep_editions)
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
        tables_left=len(tables_left_out(tree, manifest, plan)),
        editions_pruned=editions,
        findings=counts.findings,
    )


def _renew(tree: Tree, manifest: EditionManifest, plan: MirrorPlan) -> MirrorPlan:
    """The plan with heirs for what the edition supersedes, saved where it changed."""
    renewed = renew_plan(tree, manifest, plan)
    if renewed is not plan:
        write_document(plan_path(tree), renewed)
    return renewed


def _drop(run: Run, plan: MirrorPlan, state: State) -> list[str]:
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


def _bring_edition(run: Run) -> EditionCopy:
    """The edition's own files, but for `edition.json`."""
    place, manifest, options = run.place, run.manifest, run.options
    tick = LockedTick(run.progress)
    fetcher = Fetcher(run.origins, options.limits, tick, pace=run.pace, halt=options.halt)
    needs = find_needs(place, manifest, choose_entries(place, manifest, fetcher))
    _check_space(run.tree, needs.bytes, f"edition {manifest.name}", options.keep_free_bytes)
    run.progress.start(f"edition {manifest.name}", needs.bytes, "bytes")
    left, received = needs, 0
    if transports(options.via or Via.AUTO, options)[0] is Via.SWARM:
        try:
            left, received = bring_edition_from_swarm(
                place, manifest, needs, fetcher, swarm=swarm_options(options), tick=tick,
                note=run.progress.note,
            )  # fmt: skip
        except TransferError as error:
            run.progress.note(str(error))
    copy = bring_edition(place, manifest, left, fetcher, options.limits.connections)
    return EditionCopy(
        len(needs.wanted) - len(copy.lacking), len(needs.held), received + copy.bytes_fetched,
        copy.lacking,
    )  # fmt: skip


def _check_space(tree: Tree, needed_bytes: int, what: str, keep_free: int = 0) -> None:
    free = free_bytes(tree.root)
    if needed_bytes and needed_bytes + SPARE_BYTES + keep_free > free:
        kept = f", of which {keep_free:,} are to stay free" if keep_free else ""
        raise NoSpaceError(
            f"{tree.root}: {what} still needs {needed_bytes:,} bytes and the disk has {free:,} "
            f"free{kept}; make room, or plan with less disk"
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
