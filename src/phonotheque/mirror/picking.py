"""Single files for the room that whole volumes leave, most listens per byte first.

Files are taken from the volumes that came next and did not fit. What each is worth stands in the
edition's tables (`files/`, `standing/`): they are read where the mirror has them, and fetched only
where they are small; else single files wait for a plan after the first sync.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec.structs import replace

from phonotheque.mirror.choosing import Candidate
from phonotheque.mirror.formats import MirrorPlan, PlannedVolume, Via
from phonotheque.mirror.origin import Origin, read_all
from phonotheque.model.edition import EditionFile, EditionManifest
from phonotheque.model.errors import TrustError
from phonotheque.model.progress import Progress
from phonotheque.storage.layout import Tree

MAX_FETCHED_BYTES = 64 << 20  # of tables, for the sake of a few more files
MAX_VOLUMES = 3  # to take single files from: the next in order


@dataclass(frozen=True, slots=True)
class Pickable:
    """A file to take or leave. `held`: it was selected before."""

    volume: str
    path: str
    bytes: int
    listens: int
    held: bool = False


@dataclass(frozen=True, slots=True)
class Tables:
    """Where an edition's tables come from: `tree`, else `origin`."""

    tree: Tree
    origin: Origin
    manifest: EditionManifest

    def missing_bytes(self, paths: Iterable[str]) -> int:
        """How much of these would have to be fetched."""
        return sum(entry.bytes for entry in map(self.entry, paths) if not self._is_here(entry))

    def read(self, path: str, columns: list[str]) -> pa.Table:
        """Columns of a table, proved against the manifest where it is fetched.

        Raises:
            TrustError: it is not the one that the manifest vouches for.
        """
        entry = self.entry(path)
        name = self.manifest.name
        if self._is_here(entry):
            return pq.read_table(self.tree.edition(name) / path, columns=columns)
        content = read_all(self.origin, f"editions/{name}/{path}", entry.bytes)
        if sha256(content).hexdigest() != entry.sha256:
            raise TrustError(f"{self.origin.address}: {path} is not what the edition vouches for")
        return pq.read_table(pa.BufferReader(content), columns=columns)

    def entry(self, path: str) -> EditionFile:
        """What the manifest says of a file."""
        found = next((e for e in self.manifest.contents if e.path == path), None)
        if found is None:
            raise TrustError(f"edition {self.manifest.name} vouches for no {path}")
        return found

    def _is_here(self, entry: EditionFile) -> bool:
        here = self.tree.edition(self.manifest.name) / entry.path
        return here.is_file() and here.stat().st_size == entry.bytes


def pick_files(
    files: Iterable[Pickable], room: int, overheads: Mapping[str, int]
) -> list[Pickable]:
    """The files to take within `room` bytes: those selected before, then by listens per byte, then
    by name; one that does not fit is passed over. `overheads` are the bytes of tag files that the
    first file of each volume brings with it. Pure.
    """
    taken: list[Pickable] = []
    opened = set[str]()
    for file in sorted(files, key=_worth):
        needs = file.bytes + (0 if file.volume in opened else overheads[file.volume])
        if needs > room or (file.listens == 0 and not file.held):
            continue
        taken.append(file)
        opened.add(file.volume)
        room -= needs
    return taken


def fill_room(
    tables: Tables,
    left: Sequence[Candidate],
    room: int,
    selected: Mapping[str, Collection[str]],
    *,
    via: Via,
    progress: Progress,
) -> list[PlannedVolume]:
    """Volumes cut down to single files for `room` bytes, from the densest of those `left` for want
    of room. `selected`: paths by volume of the plan before.
    """
    rows = [c for c in left if c.volume in selected]
    rows += [c for c in left if c.volume not in selected][: max(MAX_VOLUMES - len(rows), 0)]
    if not rows or room <= 0:
        return []
    paths = {c.volume: f"files/{c.volume}.parquet" for c in rows}
    standing = [s.path for s in tables.manifest.shards if s.table == "standing"]
    if tables.missing_bytes([*paths.values(), *standing]) > MAX_FETCHED_BYTES:
        progress.note(
            "single files are chosen once `sync` has brought the edition's tables; plan again then"
        )
        return []
    found = {
        name: tables.read(path, ["path", "recording", "bytes"]) for name, path in paths.items()
    }
    listens = _listens(tables, standing, pa.concat_tables(found.values())["recording"])
    files = [
        Pickable(name, r["path"], r["bytes"], listens.get(r["recording"], 0),
                 r["path"] in selected.get(name, ()))
        for name, table in found.items()
        for r in table.to_pylist()
    ]  # fmt: skip
    overheads = {c.volume: c.bytes - pc.sum(found[c.volume]["bytes"]).as_py() for c in rows}
    picked = pick_files(files, room, overheads)
    return [
        _planned(c, [f for f in picked if f.volume == c.volume], overheads[c.volume], via)
        for c in rows
        if any(f.volume == c.volume for f in picked)
    ]


def add_picked(plan: MirrorPlan, picked: Sequence[PlannedVolume], listens: int) -> MirrorPlan:
    """The plan with volumes cut down to single files; `listens` are those of all volumes. What is
    held of the files is counted as to be fetched."""
    names = {volume.volume for volume in picked}
    more = sum(volume.bytes for volume in picked)
    total = plan.listens + sum(volume.listens for volume in picked)
    fetch_bytes = plan.fetch_bytes + more
    speed = plan.wishes.bytes_per_second if plan.wishes else None
    return replace(
        plan,
        volumes=[*plan.volumes, *picked],
        left_out=[left for left in plan.left_out if left.volume not in names],
        bytes=plan.bytes + more,
        files=plan.files + sum(volume.files for volume in picked),
        listens=total,
        listens_share=total / listens if listens else 0.0,
        fetch_bytes=fetch_bytes,
        seconds=fetch_bytes / speed if speed else None,
    )


def _listens(tables: Tables, shards: Iterable[str], wanted: pa.ChunkedArray) -> dict[int, int]:
    """Listens of the recordings `wanted`, one shard of the standing at a time."""
    found: dict[int, int] = {}
    for path in shards:
        rows = tables.read(path, ["number", "listens"])
        rows = rows.filter(pc.is_in(rows["number"], wanted.combine_chunks()))
        found.update(zip(rows["number"].to_pylist(), rows["listens"].to_pylist(), strict=True))
    return found


def _planned(
    volume: Candidate, files: Sequence[Pickable], overhead: int, via: Via
) -> PlannedVolume:
    return PlannedVolume(
        volume=volume.volume,
        tier=volume.tier,
        files=len(files),
        bytes=overhead + sum(f.bytes for f in files),
        listens=sum(f.listens for f in files),
        via=via,
        selection=sorted(f.path for f in files),
    )


def _worth(file: Pickable) -> tuple[bool, float, str, str]:
    return not file.held, -file.listens / max(file.bytes, 1), file.volume, file.path
