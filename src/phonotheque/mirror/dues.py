"""What a sync would still have to fetch, told from names and sizes alone: nothing is written."""

import os
from pathlib import Path

import msgspec

from phonotheque.mirror.formats import PlannedVolume, Via
from phonotheque.mirror.planning import read_mirror, read_plan
from phonotheque.mirror.state import withdrawn_bytes
from phonotheque.storage.durable import free_bytes
from phonotheque.storage.layout import Tree


class VolumeDue(msgspec.Struct, frozen=True, kw_only=True):
    """One planned volume. `missing_bytes` counts withdrawn files that no sync saw as missing."""

    volume: str
    via: Via
    bytes: int
    held_bytes: int
    missing_bytes: int


class SyncPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is due of the edition that was planned; a newer one is seen when the sync runs."""

    origin: str
    edition: str
    volumes: list[VolumeDue]
    missing_bytes: int
    free_bytes: int


def plan_sync(tree: Tree) -> SyncPlan:
    """What `sync` would fetch for the saved plan. Asks nobody, reads no file, writes nothing.

    Raises:
        NotFoundError: no mirror or no plan here.
    """
    settings, plan = read_mirror(tree), read_plan(tree)
    dues = [_due(tree, volume) for volume in plan.volumes]
    return SyncPlan(
        origin=settings.origin,
        edition=plan.edition,
        volumes=dues,
        missing_bytes=sum(due.missing_bytes for due in dues),
        free_bytes=free_bytes(tree.root),
    )


def _due(tree: Tree, planned: PlannedVolume) -> VolumeDue:
    held = sum(
        (Path(folder) / name).stat().st_size
        for folder, _, names in os.walk(tree.volume(planned.volume))
        for name in names
    )
    return VolumeDue(
        volume=planned.volume,
        via=planned.via,
        bytes=planned.bytes,
        held_bytes=held,
        missing_bytes=max(planned.bytes - held - withdrawn_bytes(tree, planned.volume), 0),
    )
