"""Single files for the room that whole volumes leave, most listens per byte first.

Files are taken from the volumes that came next and did not fit. What each is worth stands in the
edition's tables: they are read where the mirror has them, and of editions without ``planning/``
fetched only where they are small; else single files wait for a plan after the first sync.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from phonotheque.mirror.choosing import Candidate
from phonotheque.mirror.edition_tables import EditionTables
from phonotheque.mirror.facts import LISTENS, FewFacts, FileFacts, PlanningFacts
from phonotheque.mirror.formats import MirrorPlan, PlannedVolume, Via
from phonotheque.mirror.offering import Offer
from phonotheque.mirror.rows import Mask, format_rows, parse_rows, planned_paths
from phonotheque.model.progress import Progress

MAX_FETCHED_BYTES = 64 << 20  # of tables, for the sake of a few more files
MAX_VOLUMES = 3  # to take single files from: the next in order


@dataclass(frozen=True, slots=True)
class Pickable:
    """A file to take or leave. `held`: it was selected before."""

    volume: str
    row: int
    bytes: int
    listens: int
    held: bool = False


def pick_files(
    files: Iterable[Pickable], room: int, overheads: Mapping[str, int]
) -> list[Pickable]:
    """The files to take within `room` bytes: those selected before, then by listens per byte, then
    by place; one that does not fit is passed over. `overheads` are the bytes of tag files that the
    first file of each volume brings with it. Pure.
    """
    taken: list[Pickable] = []
    opened = set[str]()
    for file in sorted(files, key=_worth):
        needs = file.bytes + (0 if file.volume in opened else overheads[file.volume])
        if needs > room or (file.listens <= 0 and not file.held):
            continue
        taken.append(file)
        opened.add(file.volume)
        room -= needs
    return taken


def fill_room(
    tables: EditionTables,
    offer: Offer,
    left: Sequence[Candidate],
    room: int,
    selected: Mapping[str, PlannedVolume],
    *,
    via: Via,
    progress: Progress,
) -> list[PlannedVolume]:
    """Volumes cut down to single files for `room` bytes, from the densest of those `left` for want
    of room. `selected`: volumes of which the plan before names single files.
    """
    rows = [c for c in left if c.volume in selected]
    rows += [c for c in left if c.volume not in selected][: max(MAX_VOLUMES - len(rows), 0)]
    room -= sum(c.tables for c in rows)
    if not rows or room <= 0:
        return []
    names = [c.volume for c in rows]
    few = FewFacts(tables)
    if not tables.has(LISTENS) and tables.missing_bytes(few.paths(names)) > MAX_FETCHED_BYTES:
        progress.note(
            "single files are chosen once `sync` has brought the edition's tables; plan again then"
        )
        return []
    facts = PlanningFacts(tables) if tables.has(LISTENS) else few
    found = {files.volume: files for files in facts.iter_facts(names, [])}
    files = [
        file
        for name, told in found.items()
        for file in _pickable(told, offer, _rows_before(tables, selected.get(name), told))
    ]
    picked = pick_files(files, room, offer.overheads)
    return [
        _planned(c, chosen, len(found[c.volume].listens), offer.overheads[c.volume], via)
        for c in rows
        if (chosen := [f for f in picked if f.volume == c.volume])
    ]


def _pickable(told: FileFacts, offer: Offer, before: Mask) -> list[Pickable]:
    part = offer.parts.get(told.volume)
    worth = before | (told.listens > 0)
    if part is not None:
        worth &= part.wanted
    return [
        Pickable(told.volume, row, int(told.sizes_bytes[row]), int(told.listens[row]),
                 bool(before[row]))
        for row in np.flatnonzero(worth & (told.listens >= 0)).tolist()
    ]  # fmt: skip


def _rows_before(tables: EditionTables, planned: PlannedVolume | None, told: FileFacts) -> Mask:
    """Which rows the plan before named."""
    count = len(told.listens)
    if planned is None:
        return np.zeros(count, np.bool_)
    if planned.rows is not None:
        return parse_rows(planned.rows, count)
    if not planned.selection:
        return np.zeros(count, np.bool_)
    paths = tables.read(f"files/{planned.volume}.parquet", ["path"])["path"].to_pylist()
    chosen = planned_paths(planned, paths) or frozenset()
    return np.fromiter((path in chosen for path in paths), np.bool_, count)


def add_picked(plan: MirrorPlan, picked: Collection[PlannedVolume], listens: int) -> MirrorPlan:
    """The plan with volumes cut down to single files; `listens` are those of all volumes. What more
    disk would add is less by what they bring."""
    names = {volume.volume for volume in picked}
    gained = sum(volume.listens for volume in picked)
    total = plan.listens + gained
    share = gained / listens if listens else 0.0
    return replace(
        plan,
        volumes=[*plan.volumes, *picked],
        left_out=[left for left in plan.left_out if left.volume not in names],
        bytes=plan.bytes + sum(volume.bytes for volume in picked),
        files=plan.files + sum(volume.files for volume in picked),
        listens=total,
        listens_share=total / listens if listens else 0.0,
        next_terabyte_share=max(0.0, plan.next_terabyte_share - share),
        next_terabyte_share_here=max(0.0, plan.next_terabyte_share_here - share),
    )


def _planned(
    volume: Candidate, files: Sequence[Pickable], rows: int, overhead: int, via: Via
) -> PlannedVolume:
    wanted = np.zeros(rows, np.bool_)
    wanted[[f.row for f in files]] = True
    return PlannedVolume(
        volume=volume.volume,
        tier=volume.tier,
        files=len(files),
        bytes=overhead + sum(f.bytes for f in files),
        listens=sum(f.listens for f in files),
        via=via,
        selection=[],
        rows=format_rows(wanted),
    )


def _worth(file: Pickable) -> tuple[bool, float, str, int]:
    return not file.held, -file.listens / max(file.bytes, 1), file.volume, file.row
