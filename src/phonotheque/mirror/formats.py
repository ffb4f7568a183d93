"""The documents of a mirror, as frozen structs (docs/formats/mirror.md)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from phonotheque.mirror.sampling import SampleStatement
from phonotheque.mirror.schedule import TransferSettings
from phonotheque.model.seeding import SeedSettings
from phonotheque.model.tables import FORMAT_VERSION


class Via(StrEnum):
    """How a volume is to be fetched."""

    AUTO = "auto"  # the swarm when peers are named, else HTTP; the other when that fails
    HTTP = "http"
    SWARM = "swarm"


class Preference(StrEnum):
    """What a plan prefers when not everything fits."""

    POPULAR = "popular"  # most listens per byte first
    COMPLETE_TIERS = "complete-tiers"  # all of tier 1 before any of tier 2, and so on


class Tables(StrEnum):
    """Of which volumes a mirror keeps the edition's tables."""

    PLANNED = "planned"  # of those that it is to hold; of all where its plan leaves none out
    ALL = "all"


class TrustKind(StrEnum):
    """What the trust in an origin rests on."""

    PINNED = "pinned"  # the user named the root
    FIRST_USE = "first-use"  # the origin's own root, as met; compare the fingerprint elsewhere
    KNOWN = "known"  # this mirror hangs on it already


class MirrorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`mirror.toml`: where this mirror copies from, and the root its trust hangs on."""

    format: int = FORMAT_VERSION
    origin: str  # URL or absolute path
    root_sha256: str  # of metadata/trust-anchor.json
    others: tuple[str, ...] = ()  # asked beside the origin, and instead of it
    peers: tuple[str, ...] = ()  # "host:port" of peers to ask without a tracker
    transfer: TransferSettings | None = None  # None: as `TransferSettings` is by itself
    seed: SeedSettings | None = None  # None: as `SeedSettings` is by itself
    tables: Tables | None = None  # None: of planned volumes
    keep_editions: Annotated[int, msgspec.Meta(ge=1)] | None = None  # the newest; None: all


class PlannedVolume(msgspec.Struct, frozen=True, kw_only=True):
    """One volume of a plan. `selection` names paths in the volume (`data/…`); None means all.

    Where there are `rows` (of ``files/<volume>.parquet``, as ``0-99,105``), they count instead;
    `selection` is empty then, so that a program which does not know of them fetches too little
    rather than too much.
    """

    volume: str
    tier: int
    files: int
    bytes: int
    listens: int
    via: Via = Via.AUTO
    selection: list[str] | None = None
    rows: str | None = None


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A volume that the plan does without, and why."""

    volume: str
    tier: int
    bytes: int
    listens: int
    reason: str  # no-room | excluded | tier | licence | unwanted: no file of it is


class PlanWishes(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan was asked for; the next plan repeats it. Empty means no restriction."""

    disk_bytes: int | None = None
    prefer: Preference = Preference.POPULAR
    tiers: tuple[int, ...] = ()
    licences: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    via: Via = Via.AUTO
    index: bool = True  # room is set aside for the search index
    bytes_per_second: int | None = None  # of the line, for the estimate of time
    single_files: bool = False  # fill the room that whole volumes leave
    territories: tuple[str, ...] = ()  # codes of jurisdictions in which files may be given out
    artists: tuple[str, ...] = ()  # names or public ids
    genres: tuple[str, ...] = ()


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a mirror on a disk of this size would hold."""

    disk_bytes: int
    bytes: int  # of it that would be used
    volumes: int
    listens_share: float


class MirrorPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`plan.json`: what this mirror is to hold. May be edited by hand."""

    format: int = FORMAT_VERSION
    origin: str
    root_sha256: str
    trust: TrustKind
    edition: str
    sequence: int
    planned_at: datetime
    prefer: Preference = Preference.POPULAR
    disk_bytes: int | None  # None: no limit
    edition_bytes: int
    index_bytes: int
    bytes: int  # edition, index and volumes together
    files: int
    listens: int
    listens_share: float  # of all listens of recordings in volumes, 0 to 1
    volumes: list[PlannedVolume]
    left_out: list[LeftOut]
    wishes: PlanWishes | None = None  # None: made before they were kept
    curve: list[CurvePoint] = []  # share of listens by size of disk, rising
    next_terabyte_share: float = 0.0  # what one terabyte more would add
    fetch_bytes: int = 0  # of what is planned that is not held
    seconds: float | None = None  # to fetch it; None: the speed of the line is not known
    added: list[str] = []  # volumes that the plan before did not have; all of a first plan
    dropped: list[str] = []  # volumes that are held or were planned and are not any more
    curve_here: list[CurvePoint] = []  # as `curve`, where what is held stays; none: nothing is
    next_terabyte_share_here: float = 0.0


class EntryReport(msgspec.Struct, frozen=True, kw_only=True):
    """A finding in a report."""

    code: str
    severity: str
    where: str
    row: int | None
    message: str


class SyncReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync did."""

    edition: str
    sequence: int
    edition_files_fetched: int
    edition_files_linked: int
    edition_bytes_fetched: int
    files_fetched_http: int
    files_fetched_swarm: int
    bytes_fetched_http: int  # received, wasted bytes included
    bytes_fetched_swarm: int
    files_held: int  # were there already
    files_deleted: list[str]  # because they were withdrawn
    volumes_complete: list[str]
    volumes_unplanned: list[str]  # held, but no longer in the plan
    volumes_pruned: list[str]
    findings: list[EntryReport]
    files_linked: int = 0  # to files of volumes that were superseded
    volumes_superseded: list[str] = []  # held until now; their heirs are whole
    tables_left: int = 0  # volumes of which a mirror of a part does not keep the tables
    editions_pruned: list[str] = []  # deleted, as `keep_editions` says


class VolumeCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What verify saw of one volume (or of one edition's tables). Counts are files."""

    name: str
    sound: int
    damaged: int
    missing: int
    extra: int
    withdrawn: int
    not_checked: int
    bytes_read: int
    not_held: int = 0  # of an edition: tables of volumes that a mirror of a part does without


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What verify saw. `clean` means: everything looked at is sound and nothing is missing."""

    mode: str
    clean: bool
    complete: bool  # nothing was left unchecked
    sound: int
    damaged: int
    missing: int
    extra: int
    withdrawn: int
    not_checked: int
    bytes_read: int  # by this run
    places: list[VolumeCheck]
    findings: list[EntryReport]  # the first thousand
    findings_left_out: int = 0
    findings_file: str | None = None  # has all of them, one JSON object a line
    carried: int = 0  # of the sound ones, read by earlier runs of this verification
    proved: int = 0  # of those not checked, proved before and untouched since
    started_at: datetime | None = None  # of this verification, which may have been stopped
    sample: SampleStatement | None = None
    not_held: int = 0  # the edition's files that this mirror of a part does without


class FileRepair(msgspec.Struct, frozen=True, kw_only=True):
    """What one file needs: byte ranges [start, end) to fetch, all of it when it is missing."""

    place: str  # "volumes/<volume>" or "editions/<name>"
    path: str
    size_bytes: int
    ranges: list[tuple[int, int]]


class RepairPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a repair would fetch. Lists hold the first thousand."""

    files: list[FileRepair]
    bytes: int
    findings: list[EntryReport]  # what led to it
    files_count: int = 0
    findings_left_out: int = 0


class RepairReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a repair did. Files that could not be mended are as they were, and in `findings`.

    Lists hold the first thousand.
    """

    repaired: list[str]
    bytes_fetched: int
    failed: list[str]
    findings: list[EntryReport]
    files_repaired: int = 0
    files_failed: int = 0
    bytes_local: int = 0  # taken from folders of this machine instead of being fetched
    findings_left_out: int = 0
    findings_file: str | None = None


class GetReport(msgspec.Struct, frozen=True, kw_only=True):
    """One recording, fetched by itself."""

    recording: str
    volume: str
    path: str
    target: str
    bytes: int
    bytes_fetched: int
    sha256: str
    via: Via
    attribution: str
    licence: str
    title: str = ""
    artist_credit: str = ""
    bytes_of_tables: int = 0  # received to find out where it is, and what proves it
    seconds: float = 0.0  # it took, all together
