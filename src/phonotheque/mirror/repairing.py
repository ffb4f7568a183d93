"""Mending what verify finds. Files that belong to no list are reported and left alone."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from phonotheque.mirror.checking import Tally
from phonotheque.mirror.expected import entry, read_expected
from phonotheque.mirror.formats import EntryReport, FileRepair, RepairPlan, RepairReport
from phonotheque.mirror.mending import Mender, Sources
from phonotheque.mirror.origin import Origin, open_origin
from phonotheque.mirror.pieces import Range, bad_ranges, length_of
from phonotheque.mirror.planning import read_mirror
from phonotheque.mirror.scopes import mirror_state
from phonotheque.mirror.seeding import newest_edition
from phonotheque.mirror.state import Placing
from phonotheque.mirror.swarm import Peer, SwarmOptions, parse_peer
from phonotheque.mirror.transfer import Limits
from phonotheque.mirror.verifying import find_damage
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import PhonothequeError, UsageError
from phonotheque.model.findings import FindingCode
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing

_UNREADABLE = FindingCode.COPY_NOT_CHECKED.value


@dataclass(frozen=True, slots=True)
class RepairOptions:
    """Where else to look: peers asked directly, or (`public`) all that can be found."""

    peers: tuple[Peer, ...] = ()
    public: bool = False
    listen: str = "0.0.0.0:0"
    limits: Limits = field(default_factory=Limits)


def plan_repair(tree: Tree, progress: Progress, *, now: datetime) -> RepairPlan:
    """What a repair would fetch: a full verify, and each damaged file looked through by pieces.

    Raises:
        NotFoundError: no edition here.
    """
    return _plan(tree, find_damage(tree, progress, lambda _bytes: True, now))


def repair(
    tree: Tree,
    progress: Progress,
    *,
    now: datetime,
    peers: Sequence[Peer] = (),
    public: bool = False,
    listen: str = "0.0.0.0:0",
    limits: Limits | None = None,
) -> RepairReport:
    """Mend what is damaged or missing at `tree`, from the origin, its web seeds, or the swarm.

    What cannot be mended stays as it is, and is in the report's `failed` and `findings`.

    Raises:
        NotFoundError: no edition here.
        UsageError: the edition's manifest itself is damaged; a sync brings it again.
    """
    options = RepairOptions(tuple(peers), public, listen, limits or Limits())
    with writing(tree.root):
        plan = plan_repair(tree, progress, now=now)
        first = execute_repair(tree, plan, progress, now=now, options=options)
        again = _unreadable_volumes(plan)
        if not again:
            return first
        tallies = find_damage(tree, progress, lambda _bytes: True, now, volumes=again)
        rest = _plan(tree, tallies)
        second = execute_repair(tree, rest, progress, now=now, options=options)
    return _joined(first, second)


def execute_repair(
    tree: Tree, plan: RepairPlan, progress: Progress, *, now: datetime, options: RepairOptions
) -> RepairReport:
    """Do what `plan` says. The caller holds the writer's lock."""
    path = tree.edition(newest_edition(tree)) / "edition.json"
    manifest = read_document(path, EditionManifest)
    sources = _sources(tree, manifest, options, progress)
    progress.start("repairing", plan.bytes, "bytes")
    with mirror_state(tree) as state:
        mender = Mender(Placing(tree, state, now), manifest, sources, progress)
        for _, items in groupby(plan.files, key=lambda item: item.place):
            mender.mend(list(items))
    shutil.rmtree(tree.root / "incoming" / "repair", ignore_errors=True)
    return RepairReport(
        repaired=mender.repaired,
        bytes_fetched=mender.bytes_fetched,
        failed=sorted(mender.failed),
        findings=_left(plan, mender),
    )


def _plan(tree: Tree, tallies: list[Tally]) -> RepairPlan:
    path = tree.edition(newest_edition(tree)) / "edition.json"
    if any(f.where.endswith("/edition.json") for tally in tallies for f in tally.findings):
        raise UsageError(f"{path}: not the manifest that was signed; run sync, then repair")
    manifest = read_document(path, EditionManifest)
    files = [item for tally in tallies for item in _iter_items(tree, manifest, tally)]
    return RepairPlan(
        files=files,
        bytes=sum(length_of(item.ranges) for item in files),
        findings=[finding for tally in tallies for finding in tally.findings],
    )


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


def _unreadable_volumes(plan: RepairPlan) -> list[str]:
    """Volumes that could not be looked at because their table or torrent was damaged."""
    return [f.where.removeprefix("volumes/") for f in plan.findings if f.code == _UNREADABLE]


def _sources(
    tree: Tree, manifest: EditionManifest, options: RepairOptions, progress: Progress
) -> Sources:
    settings = read_mirror(tree) if tree.mirror_toml.is_file() else None
    addresses = [settings.origin, *settings.others] if settings else []
    origins: list[Origin] = []
    for address in dict.fromkeys(a.rstrip("/") for a in [*addresses, *manifest.webseeds]):
        try:
            origins.append(open_origin(address, timeout_seconds=options.limits.timeout_seconds))
        except PhonothequeError as error:
            progress.note(str(error))
    named = tuple(parse_peer(peer) for peer in settings.peers) if settings else ()
    swarm = SwarmOptions(
        options.listen, (*options.peers, *named), options.public, options.limits.stall_seconds
    )
    return Sources(tuple(origins), swarm, options.limits)


def _left(plan: RepairPlan, mender: Mender) -> list[EntryReport]:
    """Findings that stay after the repair."""
    settled = {*mender.repaired, *mender.failed}
    kept = [finding for finding in plan.findings if finding.where not in settled]
    return kept + [
        entry(FindingCode.COPY_DAMAGED, path, f"not mended: {why}; run repair again later")
        for path, why in sorted(mender.failed.items())
    ]


def _joined(first: RepairReport, second: RepairReport) -> RepairReport:
    kept = [finding for finding in first.findings if finding.code != _UNREADABLE]
    return RepairReport(
        repaired=first.repaired + second.repaired,
        bytes_fetched=first.bytes_fetched + second.bytes_fetched,
        failed=first.failed + second.failed,
        findings=kept + second.findings,
    )
