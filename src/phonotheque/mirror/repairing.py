"""Mending what verify finds, place by place: found, mended, reported, forgotten.

Files that belong to no list are reported and left alone. Memory: the damage of one volume.
"""

import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from phonotheque.mirror.checking import Tally
from phonotheque.mirror.disks import disk_below
from phonotheque.mirror.expected import entry, read_expected
from phonotheque.mirror.findings_log import KEPT, FindingsLog, log_path
from phonotheque.mirror.formats import EntryReport, FileRepair, RepairPlan, RepairReport
from phonotheque.mirror.heaps import Heap
from phonotheque.mirror.journal import Round, Wishes
from phonotheque.mirror.mending import Mender, Outcome, Sources, where
from phonotheque.mirror.origin import Origin, open_origin
from phonotheque.mirror.pacing import Pace
from phonotheque.mirror.partials import sweep_links
from phonotheque.mirror.pieces import Range, bad_ranges, length_of
from phonotheque.mirror.planning import read_mirror
from phonotheque.mirror.schedule import TransferSettings
from phonotheque.mirror.scopes import mirror_state
from phonotheque.mirror.seeding import newest_edition
from phonotheque.mirror.state import Placing, State
from phonotheque.mirror.swarm import Peer, SwarmOptions, parse_peer
from phonotheque.mirror.transfer import Limits
from phonotheque.mirror.verifying import check_manifest, find_damage
from phonotheque.mirror.ways import limits_of
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import NotFoundError, PhonothequeError, UsageError
from phonotheque.model.findings import FindingCode
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing

_OF_FILES = frozenset(
    code.value
    for code in (FindingCode.COPY_MISSING, FindingCode.COPY_DAMAGED, FindingCode.TABLE_MISSING,
                 FindingCode.TABLE_DAMAGED)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RepairOptions:
    """What to look at and where to fetch from. `sources` are asked before the mirror's own origins:
    web addresses of mirrors, trees, or folders of files of whatever names. `known`: nothing is read
    but what a verify found, or is not there. Peers are asked last; `public`: all that can be found.
    """

    volumes: tuple[str, ...] | None = None
    known: bool = False
    sources: tuple[str, ...] = ()
    peers: tuple[Peer, ...] = ()
    public: bool = False
    listen: str = "0.0.0.0:0"
    limits: Limits | None = None  # None: what `mirror.toml` says, which also keeps its rate
    max_rate: int | None = None  # bytes a second, instead of that in `mirror.toml`
    jobs: int | None = None
    findings: Path | None = None


def plan_repair(
    tree: Tree, progress: Progress, *, now: datetime, options: RepairOptions | None = None
) -> RepairPlan:
    """What a repair would fetch: a full verify, and each damaged file looked through by pieces.

    Raises:
        NotFoundError: no edition here.
        UsageError: the edition's manifest itself is damaged; a sync brings it again.
    """
    chosen = options or RepairOptions()
    manifest = _manifest(tree)
    files: list[FileRepair] = []
    count = total = 0
    with (
        mirror_state(tree) as state,
        FindingsLog(chosen.findings) as log,
        closing(_damage(tree, progress, state, now, chosen)) as tallies,
    ):
        for tally in tallies:
            log.add(tally.findings)
            for item in _iter_items(tree, manifest, tally):
                count, total = count + 1, total + length_of(item.ranges)
                if len(files) < KEPT:
                    files.append(item)
    return RepairPlan(
        files=files, bytes=total, findings=log.kept, files_count=count,
        findings_left_out=log.left_out,
    )  # fmt: skip


def repair(
    tree: Tree,
    progress: Progress,
    *,
    now: datetime,
    options: RepairOptions | None = None,
    peers: Sequence[Peer] = (),
    public: bool = False,
    listen: str = "0.0.0.0:0",
    limits: Limits | None = None,
) -> RepairReport:
    """Mend what is damaged or missing at `tree`, from folders, origins, web seeds, or the swarm.

    What cannot be mended stays as it is, and is in the report's `failed` and `findings`. Without
    `options`, the other arguments make them.

    Raises:
        NotFoundError: no edition here.
        UsageError: the edition's manifest itself is damaged; a sync brings it again.
        NoSpaceError: the disk is full; what was mended is.
    """
    chosen = options or RepairOptions(
        peers=tuple(peers), public=public, listen=listen, limits=limits
    )
    with writing(tree.root), mirror_state(tree) as state:
        manifest = _manifest(tree)
        for link in sweep_links(tree.root / "incoming"):
            progress.note(f"{link}: no file of this mirror, but a link or the like; removed")
        path = log_path(tree, may_write=state is not None, named=chosen.findings)
        sources = _sources(tree, manifest, chosen, progress)
        mender = Mender(Placing(tree, state, now), manifest, sources, progress)
        sums = _Sums()
        try:
            with (
                FindingsLog(path) as log,
                closing(_damage(tree, progress, state, now, chosen)) as tallies,
            ):
                for tally in tallies:
                    outcome = _mend(tree, manifest, tally, mender)
                    log.add(_left(tally, outcome))
                    sums.add(outcome)
        finally:
            for heap in sources.heaps:
                heap.close()
        shutil.rmtree(tree.root / "incoming" / "repair", ignore_errors=True)
    return RepairReport(
        repaired=sums.repaired,
        bytes_fetched=mender.bytes_fetched,
        failed=sums.failed,
        findings=log.kept,
        files_repaired=sums.files_repaired,
        files_failed=sums.files_failed,
        bytes_local=mender.bytes_local,
        findings_left_out=log.left_out,
        findings_file=log.written,
    )


class _Sums:
    """How many files were mended and not, and the names of the first."""

    def __init__(self) -> None:
        self.repaired: list[str] = []
        self.failed: list[str] = []
        self.files_repaired = self.files_failed = 0

    def add(self, outcome: Outcome) -> None:
        """Take in one place."""
        self.files_repaired += len(outcome.repaired)
        self.files_failed += len(outcome.failed)
        self.repaired += outcome.repaired[: KEPT - len(self.repaired)]
        self.failed += sorted(outcome.failed)[: KEPT - len(self.failed)]


def _manifest(tree: Tree) -> EditionManifest:
    name = newest_edition(tree)
    path = tree.edition(name) / "edition.json"
    if check_manifest(tree, name) is not None:
        raise UsageError(f"{path}: not the manifest that was signed; run sync, then repair")
    return read_document(path, EditionManifest)


def _damage(
    tree: Tree, progress: Progress, state: State | None, now: datetime, options: RepairOptions
) -> Generator[Tally]:
    if options.known and state is None:
        raise UsageError(f"{tree.root}: only a mirror knows what a verify found; leave out --known")
    agenda = Round(state, Wishes(suspects=options.known), now, journal=False)
    disk = disk_below(tree.root, options.jobs)
    return find_damage(tree, progress, agenda, state, disk, volumes=options.volumes)


def _mend(tree: Tree, manifest: EditionManifest, tally: Tally, mender: Mender) -> Outcome:
    items = list(_iter_items(tree, manifest, tally))
    if not items:
        return Outcome()
    total = sum(length_of(item.ranges) for item in items)
    mender.progress.start(f"repairing {tally.name}", total, "bytes")
    outcome = mender.mend(items)
    for item in items:
        if where(item) not in outcome.failed:
            del tally.bad[item.path]
    return outcome


def _iter_items(tree: Tree, manifest: EditionManifest, tally: Tally) -> Iterator[FileRepair]:
    if not tally.bad:
        return
    kind, _, name = tally.name.partition("/")
    if kind == "editions":
        sizes = {e.path: e.bytes for e in manifest.contents if e.path in tally.bad}
        for path, size in sizes.items():
            yield FileRepair(place=tally.name, path=path, size_bytes=size, ranges=[(0, size)])
        return
    volume = read_expected(tree.edition(manifest.name), name)
    for path, is_there in sorted(tally.bad.items()):
        file = volume.files[path]
        ranges: list[Range] = [(0, file.size_bytes)]
        if is_there:
            ranges = bad_ranges(tree.volume(name) / path, file.torrent, volume.torrent)
        yield FileRepair(place=tally.name, path=path, size_bytes=file.size_bytes, ranges=ranges)


def _sources(
    tree: Tree, manifest: EditionManifest, options: RepairOptions, progress: Progress
) -> Sources:
    settings = read_mirror(tree) if tree.mirror_toml.is_file() else None
    heaps = [Path(s) for s in options.sources if _is_heap(s)]
    named = [s for s in options.sources if not _is_heap(s)]
    own = [settings.origin, *settings.others] if settings else []
    transfer = (settings.transfer if settings else None) or TransferSettings()
    limits = limits_of(transfer, options.limits, options.max_rate)
    timeout, least = limits.timeout_seconds, limits.least
    origins: list[Origin] = [open_origin(a, timeout_seconds=timeout, least=least) for a in named]
    for address in dict.fromkeys(a.rstrip("/") for a in [*own, *manifest.webseeds]):
        try:
            origins.append(open_origin(address, timeout_seconds=timeout, least=least))
        except PhonothequeError as error:
            progress.note(str(error))
    known = tuple(parse_peer(peer) for peer in settings.peers) if settings else ()
    swarm = SwarmOptions(
        options.listen, (*options.peers, *known), options.public, limits.stall_seconds,
        bytes_per_second=limits.bytes_per_second,
    )  # fmt: skip
    work = tree.root / "incoming" / "repair"
    found = tuple(Heap(heap, work / f"heap-{n}.sqlite") for n, heap in enumerate(heaps))
    return Sources(tuple(origins), swarm, limits, found, Pace(limits.bytes_per_second))


def _is_heap(source: str) -> bool:
    """Whether `source` is a folder that is no tree of an archive or a mirror.

    Raises:
        NotFoundError: it is no address, and there is no such folder.
    """
    if "://" in source:
        return False
    folder = Path(source)
    if not folder.is_dir():
        raise NotFoundError(f"{folder}: there is no such folder to take files from")
    return not Tree(folder).editions.is_dir()


def _left(tally: Tally, outcome: Outcome) -> Iterator[EntryReport]:
    """Findings that stay of a place after its repair."""
    yield from (finding for finding in tally.findings if finding.code not in _OF_FILES)
    for path, why in sorted(outcome.failed.items()):
        text = f"not mended: {why}; run repair again later"
        yield entry(FindingCode.COPY_DAMAGED, path, text)
