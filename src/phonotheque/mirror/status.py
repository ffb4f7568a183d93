"""How a mirror fares, told from its documents and its state: no file is read, nobody is asked."""

import fcntl
import os
from datetime import datetime

import msgspec

from phonotheque.mirror.formats import MirrorPlan, PlannedVolume
from phonotheque.mirror.part import tables_left_out
from phonotheque.mirror.planning import read_mirror, read_plan
from phonotheque.mirror.runlog import SyncLog, read_log
from phonotheque.mirror.schedule import is_paused
from phonotheque.mirror.seedlog import SeedLog, read_seed_log
from phonotheque.mirror.state import read_sums, withdrawn_bytes
from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.storage.documents import read_document
from phonotheque.storage.durable import free_bytes
from phonotheque.storage.layout import Tree


class VolumeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One planned volume; `held_bytes` are of proved files, `missing_bytes` a bound from above, in
    which withdrawn files that a sync saw do not count."""

    volume: str
    bytes: int
    held_bytes: int
    held_files: int
    missing_bytes: int


class MirrorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a mirror holds of its plan, and what it is doing. Times are aware, in UTC."""

    at: datetime
    origin: str
    root_sha256: str
    edition: str | None  # newest held
    sequence: int | None
    planned_edition: str
    planned_bytes: int
    held_bytes: int
    held_files: int
    missing_bytes: int
    volumes: list[VolumeStatus]
    disk_bytes: int | None
    free_bytes: int
    deleted_files: int  # withdrawn ones, ever
    suspect_files: int  # found not to be sound, and not mended since
    paused: bool
    hours: str | None
    running: bool  # somebody writes here now
    obeyed_at: datetime | None  # when withdrawals were obeyed last
    overdue: bool  # that is more than a day ago, or never was
    sync: SyncLog | None  # the running or the last one
    tables_left: int = 0  # volumes of the edition whose tables this mirror of a part is without
    editions: list[str] = []  # held, sorted
    seeding: SeedLog | None = None  # the running seeder or the last one

    @property
    def volumes_whole(self) -> int:
        """Volumes of which nothing is missing."""
        return sum(not volume.missing_bytes for volume in self.volumes)

    @property
    def cut_off(self) -> bool:
        """Whether the last sync was killed."""
        return self.sync is not None and self.sync.outcome == "running" and not self.running


DAY_SECONDS = 86_400


def read_status(tree: Tree, now: datetime) -> MirrorStatus:
    """The status of the mirror at `tree`; also while a sync runs.

    Raises:
        NotFoundError: no mirror or no plan here.
    """
    settings, plan = read_mirror(tree), read_plan(tree)
    log = read_log(tree)
    latest = read_document(tree.latest_json, Latest) if tree.latest_json.is_file() else None
    obeyed = log.obeyed_at if log else None
    volumes = [_volume(tree, planned) for planned in plan.volumes]
    return MirrorStatus(
        at=now,
        origin=settings.origin,
        root_sha256=settings.root_sha256,
        edition=latest.edition if latest else None,
        sequence=latest.sequence if latest else None,
        planned_edition=plan.edition,
        planned_bytes=sum(volume.bytes for volume in volumes),
        held_bytes=sum(volume.held_bytes for volume in volumes),
        held_files=sum(volume.held_files for volume in volumes),
        missing_bytes=sum(volume.missing_bytes for volume in volumes),
        volumes=volumes,
        disk_bytes=plan.disk_bytes,
        free_bytes=free_bytes(tree.root),
        deleted_files=_count(tree, "deletions"),
        suspect_files=_count(tree, "suspects"),
        paused=is_paused(tree),
        hours=settings.transfer.hours if settings.transfer else None,
        running=_is_locked(tree),
        obeyed_at=obeyed,
        overdue=obeyed is None or (now - obeyed).total_seconds() > DAY_SECONDS,
        sync=log,
        seeding=read_seed_log(tree),
        tables_left=_tables_left(tree, latest, plan),
        editions=sorted(p.parent.name for p in tree.editions.glob("*/edition.json")),
    )


def _tables_left(tree: Tree, latest: Latest | None, plan: MirrorPlan) -> int:
    path = tree.edition(latest.edition) / "edition.json" if latest else None
    if path is None or not path.is_file():
        return 0
    return len(tables_left_out(tree, read_document(path, EditionManifest), plan))


def _count(tree: Tree, table: str) -> int:
    return read_sums(tree, f"SELECT count(*), 0 FROM {table}")[0]


def _volume(tree: Tree, planned: PlannedVolume) -> VolumeStatus:
    folder = f"volumes/{planned.volume}"
    files, held = read_sums(
        tree,
        "SELECT count(*), coalesce(sum(bytes), 0) FROM files WHERE path >= ? AND path < ?",
        (f"{folder}/", f"{folder}0"),
    )
    gone = withdrawn_bytes(tree, planned.volume)
    return VolumeStatus(
        volume=planned.volume,
        bytes=planned.bytes,
        held_bytes=held,
        held_files=files,
        missing_bytes=max(0, planned.bytes - held - gone),
    )


def _is_locked(tree: Tree) -> bool:
    """Whether another process writes here; nothing is made, and the lock is not kept."""
    try:
        handle = os.open(tree.root / ".lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
