"""Following volumes that were superseded: the plan names their heirs, files held are linked.

A mirror that holds a superseded volume fetches of its heirs only what it does not hold: the tag
files of the bags. When they are whole, the old volume goes (docs/formats/mirror.md).
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.structs import replace

from phonotheque.mirror.expected import ExpectedFile, ExpectedVolume
from phonotheque.mirror.formats import MirrorPlan, PlannedVolume
from phonotheque.mirror.rows import planned_paths
from phonotheque.mirror.state import Placing, Proved, State
from phonotheque.model.edition import EditionManifest
from phonotheque.storage.digests import digest_file
from phonotheque.storage.durable import fsync_directory, link_or_copy
from phonotheque.storage.layout import Tree
from phonotheque.storage.volume_rows import Superseded, heirs_of, read_superseded, read_volumes


def renew_plan(tree: Tree, manifest: EditionManifest, plan: MirrorPlan) -> MirrorPlan:
    """The plan with heirs in the places of superseded volumes; itself where there are none.

    Of an heir that takes over other volumes too, only the files of the planned ones are selected,
    so that the mirror holds what it held and no more.
    """
    edition = tree.edition(manifest.name)
    superseded = read_superseded(edition)
    old = [planned for planned in plan.volumes if planned.volume in superseded]
    if not old:
        return plan
    rows = {r["volume"]: r for r in read_volumes(edition / "volumes.parquet").to_pylist()}
    stay = {p.volume: p for p in plan.volumes if p.volume not in superseded}
    wanted: dict[str, list[PlannedVolume]] = {}
    for planned in old:
        for heir in heirs_of(planned.volume, superseded):
            wanted.setdefault(heir, []).append(planned)
    for heir, before in wanted.items():
        also = [stay[heir]] if heir in stay else []
        chosen = _choose(tree, edition, rows[heir], [*also, *before])
        if chosen is not None:
            stay[heir] = chosen
    volumes = list(stay.values())
    return replace(
        plan,
        volumes=volumes,
        bytes=plan.bytes + sum(v.bytes for v in volumes) - sum(v.bytes for v in plan.volumes),
        files=sum(v.files for v in volumes),
        listens=sum(v.listens for v in volumes),
    )


def link_held(
    place: Placing, volume: ExpectedVolume, missing: dict[str, ExpectedFile], superseded: Superseded
) -> int:
    """Put in place what volumes that `volume` supersedes have here; `missing` loses it. Returns
    how many files that were. What is not known to be sound is read."""
    wanted = {file.sha256 for file in missing.values() if file.sha256 is not None}
    held = _held(place, volume.name, superseded, wanted) if wanted else {}
    linked = 0
    for path, file in list(missing.items()):
        known = held.get(file.sha256 or "")
        if known is None or not _is_sound(*known, file):
            continue
        target = place.tree.volume(volume.name) / path
        link_or_copy(known[0], target)
        place.note(target, file.sha256 or "")
        del missing[path]
        linked += 1
    return linked


def drop_superseded(
    tree: Tree,
    state: State,
    superseded: Superseded,
    planned: Iterable[str],
    complete: Iterable[str],
) -> list[str]:
    """Delete held volumes that nothing needs any more: all their heirs of the plan are whole.
    Returns their names; one that no plan asks for stays until `prune`."""
    plan, whole, dropped = set(planned), set(complete), []
    for name in sorted(superseded):
        heirs = set(heirs_of(name, superseded))
        if not tree.volume(name).is_dir() or name in plan:
            continue
        if heirs and (not heirs & plan or not heirs & plan <= whole):
            continue
        state.forget_below(f"volumes/{name}")
        shutil.rmtree(tree.volume(name))
        fsync_directory(tree.volumes)
        dropped.append(name)
    return dropped


def ancestors_of(volume: str, superseded: Superseded) -> list[str]:
    """Superseded volumes of which `volume` holds files today, sorted."""
    return sorted(name for name in superseded if volume in heirs_of(name, superseded))


def _choose(
    tree: Tree, edition: Path, row: Mapping[str, object], before: Sequence[PlannedVolume]
) -> PlannedVolume | None:
    """The heir in `row` with the files of the volumes `before`; None where it has none of them."""
    name = str(row["volume"])
    table = _read_files(edition / "files" / f"{name}.parquet")
    digests = set[str]()
    for planned in before:
        digests |= _planned_digests(tree, edition, planned)
    files = [r for r in table.to_pylist() if r["sha256"] in digests]
    if not files:
        return None
    whole = len(files) == table.num_rows
    total, listens, tier = (row[n] for n in ("total_bytes", "listens", "tier"))
    assert isinstance(total, int) and isinstance(listens, int) and isinstance(tier, int)
    return PlannedVolume(
        volume=name,
        tier=tier,
        files=len(files),
        bytes=total if whole else sum(r["bytes"] for r in files),
        listens=listens,
        via=before[0].via,
        selection=None if whole else sorted(r["path"] for r in files),
    )


def _planned_digests(tree: Tree, edition: Path, planned: PlannedVolume) -> set[str]:
    table = _find_table(tree, edition, planned.volume)
    if table is None:
        return set()
    rows = _read_files(table).to_pylist()
    chosen = planned_paths(planned, [r["path"] for r in rows])
    return {r["sha256"] for r in rows if chosen is None or r["path"] in chosen}


def _find_table(tree: Tree, edition: Path, volume: str) -> Path | None:
    """The files table of a volume: of the newest edition, else of any that is here."""
    inside = Path("files") / f"{volume}.parquet"
    others = sorted(tree.editions.glob(f"[!.]*/files/{volume}.parquet"))
    return next((p for p in (edition / inside, *others) if p.is_file()), None)


def _read_files(path: Path) -> pa.Table:
    return pq.read_table(path, columns=["path", "sha256", "bytes"])


def _held(
    place: Placing, volume: str, superseded: Superseded, wanted: set[str]
) -> dict[str, tuple[Path, Proved | None]]:
    """Where superseded volumes here have the files `wanted`, and what is proved of them."""
    found: dict[str, tuple[Path, Proved | None]] = {}
    for name in ancestors_of(volume, superseded):
        table = _find_table(place.tree, place.tree.editions, name)
        if table is None or not place.tree.volume(name).is_dir():
            continue
        proved = place.proved_below(f"volumes/{name}")
        for row in _read_files(table).to_pylist():
            path = place.tree.volume(name) / row["path"]
            if row["sha256"] in wanted and path.is_file():
                found[row["sha256"]] = path, proved.get(f"volumes/{name}/{row['path']}")
    return found


def _is_sound(path: Path, proved: Proved | None, file: ExpectedFile) -> bool:
    if proved is not None and proved.is_of(path.stat(), file.sha256):
        return True
    return file.matches(digest_file(path))
