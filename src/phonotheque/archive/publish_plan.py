"""What `publish` would do, to be read before it does: volumes, tiers, and what waits."""

from datetime import datetime

import msgspec

from phonotheque.archive.packed import Packed
from phonotheque.archive.selection import Selection
from phonotheque.archive.superseding import Superseding
from phonotheque.archive.workspace import Basis, Intent
from phonotheque.model.edition import EditionManifest


class VolumePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One volume that would be made. `listens_percent` is of all listens of the catalogue;
    `fill_percent` of the nearest limit; `metainfo_bytes`, of the torrent, an estimate."""

    volume: str
    tier: int
    files: int
    bytes: int
    listens: int
    listens_percent: float
    fill_percent: float
    metainfo_bytes: int


class WaitingPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What of a tier would wait for the next edition; `new_files` did not wait before."""

    tier: int
    files: int
    new_files: int
    bytes: int
    listens: int
    listens_percent: float
    fill_percent: float


class TierPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a tier would get. `fill_percent`: of its volumes, on the average."""

    tier: int
    volumes: int
    files: int
    bytes: int
    listens: int
    listens_percent: float
    fill_percent: float
    metainfo_bytes: int
    waiting_files: int
    waiting_bytes: int


class HeirPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One volume that would take the place of others; nothing in it is new or read again."""

    volume: str
    tier: int
    files: int
    bytes: int
    supersedes: list[str]


class DuePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One volume that lost enough to be superseded, in a batch."""

    volume: str
    tier: int
    files: int
    bytes: int
    withdrawn_files: int
    withdrawn_bytes: int


class PublishPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `publish` would do. `nothing_new`: the edition `name` already says all of it, and only
    its signatures would be completed or renewed. `copies` access copies would be made first; their
    bytes are estimates, and so is how many volumes that gives. `listens`: of all recordings of the
    catalogue, with audio or without, what shares are of. `due` volumes are superseded by `heirs`
    once they lost `supersede_batch_bytes` together. `sqlite`: the catalogue is written as a SQLite
    file as well.
    """

    name: str
    sequence: int
    previous: str | None
    build: int
    published_at: datetime
    nothing_new: bool
    volumes: list[VolumePlan]
    files: int
    bytes: int
    refused: dict[str, int]
    withdrawn: int
    copies: int = 0
    tiers: list[TierPlan] = []
    waiting: list[WaitingPlan] = []
    listens: int = 0
    heirs: list[HeirPlan] = []
    due: list[DuePlan] = []
    supersede_batch_bytes: int = 0
    sqlite: bool = False


def foretell(
    basis: Basis, intent: Intent, selection: Selection, packed: Packed, superseding: Superseding
) -> PublishPlan:
    """The plan of the edition `intent` out of what was selected, packed and superseded."""
    volumes = [
        VolumePlan(
            volume=v.name,
            tier=v.tier,
            files=v.files,
            bytes=v.bytes,
            listens=v.listens,
            listens_percent=_percent(v.listens, selection.listens),
            fill_percent=round(100 * v.fill, 2),
            metainfo_bytes=v.metainfo_bytes,
        )
        for v in packed.volumes
    ]
    waiting = [
        WaitingPlan(
            tier=w.tier,
            files=w.files,
            new_files=w.new,
            bytes=w.bytes,
            listens=w.listens,
            listens_percent=_percent(w.listens, selection.listens),
            fill_percent=round(100 * w.fill, 2),
        )
        for w in packed.waiting
    ]
    tiers = sorted({v.tier for v in volumes} | {w.tier for w in waiting})
    return PublishPlan(
        name=intent.name,
        sequence=intent.sequence,
        previous=intent.previous,
        build=intent.build,
        published_at=intent.published_at,
        nothing_new=False,
        volumes=volumes,
        files=sum(v.files for v in volumes),
        bytes=sum(v.bytes for v in volumes),
        refused=selection.refused,
        withdrawn=len(basis.withdrawals),
        copies=selection.to_copy,
        tiers=[_tier(tier, volumes, waiting, selection.listens) for tier in tiers],
        waiting=waiting,
        listens=selection.listens,
        heirs=_heirs(superseding),
        due=_due(superseding),
        supersede_batch_bytes=basis.settings.volumes.supersede_batch_bytes,
    )


def _heirs(superseding: Superseding) -> list[HeirPlan]:
    return [
        HeirPlan(
            volume=h.name,
            tier=h.tier,
            files=h.files,
            bytes=h.bytes,
            supersedes=list(h.supersedes),
        )
        for h in superseding.heirs
    ]


def _due(superseding: Superseding) -> list[DuePlan]:
    return [
        DuePlan(
            volume=d.volume,
            tier=d.tier,
            files=d.files,
            bytes=d.bytes,
            withdrawn_files=d.withdrawn_files,
            withdrawn_bytes=d.withdrawn_bytes,
        )
        for d in superseding.due
    ]


def nothing_new(manifest: EditionManifest, build: int) -> PublishPlan:
    """The plan where the edition `manifest` says all of it already."""
    return PublishPlan(
        name=manifest.name,
        sequence=manifest.sequence,
        previous=manifest.previous,
        build=build,
        published_at=manifest.published_at,
        nothing_new=True,
        volumes=[],
        files=0,
        bytes=0,
        refused={},
        withdrawn=manifest.counts.withdrawn,
        listens=manifest.counts.listens,
    )


def _tier(
    tier: int, volumes: list[VolumePlan], waiting: list[WaitingPlan], listens: int
) -> TierPlan:
    ours = [v for v in volumes if v.tier == tier]
    later = [w for w in waiting if w.tier == tier]
    heard = sum(v.listens for v in ours)
    return TierPlan(
        tier=tier,
        volumes=len(ours),
        files=sum(v.files for v in ours),
        bytes=sum(v.bytes for v in ours),
        listens=heard,
        listens_percent=_percent(heard, listens),
        fill_percent=round(sum(v.fill_percent for v in ours) / len(ours), 2) if ours else 0.0,
        metainfo_bytes=sum(v.metainfo_bytes for v in ours),
        waiting_files=sum(w.files for w in later),
        waiting_bytes=sum(w.bytes for w in later),
    )


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 4) if whole else 0.0
