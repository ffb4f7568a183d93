"""Planning a mirror: what to hold, from the edition's manifest and its table of volumes alone; and
where wishes are about single files, from what the edition says of each (docs/formats/mirror.md)."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict, Unpack

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.structs import replace

from phonotheque.mirror.choosing import Choice, choose_volumes
from phonotheque.mirror.curves import next_terabyte, share_curve
from phonotheque.mirror.edition_tables import EditionTables
from phonotheque.mirror.formats import (
    CurvePoint,
    LeftOut,
    MirrorPlan,
    MirrorSettings,
    PlannedVolume,
    PlanWishes,
    Preference,
    Tables,
    TrustKind,
    Via,
)
from phonotheque.mirror.holdings import missing_bytes
from phonotheque.mirror.offering import Offer, make_offer
from phonotheque.mirror.origin import Origin, open_origin, read_all
from phonotheque.mirror.picking import add_picked, fill_room
from phonotheque.mirror.rows import format_rows
from phonotheque.mirror.trust import (
    ANCHOR,
    copy_state,
    first_trust,
    keep_anchor,
    read_first_root,
)
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import (
    FormatError,
    NoSpaceError,
    NotFoundError,
    TrustError,
    UsageError,
)
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import format_document, read_document, write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from phonotheque.storage.part_tables import volume_of
from phonotheque.storage.volume_rows import Superseded, complete_volumes, heirs_of

INDEX_BYTES_PER_RECORDING = 150  # search index and row store (docs/mirroring.md)


def plan_path(tree: Tree) -> Path:
    """Where the plan stands."""
    return tree.root / "plan.json"


def read_mirror(tree: Tree) -> MirrorSettings:
    """The settings of the mirror at `tree`.

    Raises:
        NotFoundError: there is no mirror.
    """
    if not tree.mirror_toml.is_file():
        raise NotFoundError(
            f"{tree.root}: no mirror here (no mirror.toml); make one with `phonotheque plan`"
        )
    return read_document(tree.mirror_toml, MirrorSettings)


def read_plan(tree: Tree) -> MirrorPlan:
    """The saved plan of the mirror at `tree`.

    Raises:
        NotFoundError: there is none.
    """
    if not plan_path(tree).is_file():
        raise NotFoundError(f"{tree.root}: no plan here; make one with `phonotheque plan`")
    return read_document(plan_path(tree), MirrorPlan)


class Asked(TypedDict, total=False):
    """What may be asked of a plan: the fields of `PlanWishes`, with any sequences."""

    disk_bytes: int | None
    prefer: Preference
    tiers: Sequence[int]
    licences: Sequence[str]
    include: Sequence[str]
    exclude: Sequence[str]
    via: Via
    index: bool
    bytes_per_second: int | None
    single_files: bool
    territories: Sequence[str]
    artists: Sequence[str]
    genres: Sequence[str]


def plan_mirror(
    tree: Tree,
    progress: Progress,
    *,
    now: datetime,
    origin: str | Path | None = None,
    root: str | Path | None = None,
    **asked: Unpack[Asked],
) -> MirrorPlan:
    """What the mirror at `tree` should hold. Writes nothing; `save_plan` does.

    Only what is given counts; `wishes.kept_wishes` tells what the plan before was asked for.
    `bytes_per_second` is the speed of the line, for the estimate of time. With `single_files` the
    room that whole volumes leave is filled from the next ones. Volumes are cut down to the files
    that have a wanted licence, artist and genre and may be given out in the `territories`; where
    the edition does not say what its files are and the mirror has not its tables, only volumes
    with nothing but wanted licences are taken.

    `origin` and `root` (SHA-256 of a root.json, or such a file) are needed at first contact only;
    without a `root` the origin's own is taken and the plan says so (`trust`). `disk_bytes` is all
    the mirror may take: edition, index and volumes.

    Raises:
        UsageError: no origin given or known, or a wish that nothing can meet.
        NoSpaceError: `disk_bytes` does not even hold the edition.
        TransferError, TrustError: the origin is out of reach or does not prove itself.
    """
    source = open_origin(origin if origin is not None else _known_origin(tree))
    progress.start("reading the edition", None, "files")
    fingerprint, manifest = _read_manifest(tree, source, root)
    volumes = fetch_volumes(source, manifest, tree)
    wishes = _plan_wishes(asked)
    tables, gone = EditionTables(tree, source, manifest), _superseded(volumes)
    selected = _selected(tree) if wishes.single_files else {}
    held = _held_volumes(tree, volumes)
    offer = make_offer(tables, volumes, wishes, gone=gone, held=held, progress=progress)
    offer = _with_tables(_unheld(offer, selected), tree, manifest)
    about = {
        "origin": source.address,
        "root_sha256": fingerprint,
        "trust": _trust_kind(tree, root),
        "planned_at": now,
    }
    made = _answer(about, manifest, offer, wishes)
    if wishes.single_files and wishes.disk_bytes is not None:
        made = _with_single_files(made, offer, tables, selected, progress)
    made = _with_transfer(tree, made, tables, gone)
    return replace(made, **_changes(tree, made, volumes))


def _plan_wishes(asked: Asked) -> PlanWishes:
    lists = {name: tuple(value) for name, value in asked.items() if isinstance(value, list | tuple)}
    return replace(PlanWishes(), **{**asked, **lists})


def _unheld(offer: Offer, selected: Mapping[str, PlannedVolume]) -> Offer:
    """The offer, with volumes of which single files were picked as not held: they are not taken
    whole before denser ones. What the plan before had of all that is wanted stays held."""
    candidates = tuple(
        c.as_new() if c.volume in selected and selected[c.volume].files < c.files else c
        for c in offer.candidates
    )
    return dataclasses.replace(offer, candidates=candidates)


def _with_tables(offer: Offer, tree: Tree, manifest: EditionManifest) -> Offer:
    """The offer, with what the edition's tables of each volume take; nothing where the mirror keeps
    all of them."""
    if tree.mirror_toml.is_file() and read_mirror(tree).tables is Tables.ALL:
        return offer
    sizes = Counter[str | None]()
    for entry in manifest.contents:
        sizes[volume_of(entry.path)] += entry.bytes
    candidates, unwanted = (
        tuple(dataclasses.replace(c, tables=sizes[c.volume]) for c in some)
        for some in (offer.candidates, offer.unwanted)
    )
    return dataclasses.replace(offer, candidates=candidates, unwanted=unwanted)


def _with_single_files(
    made: MirrorPlan,
    offer: Offer,
    tables: EditionTables,
    selected: Mapping[str, PlannedVolume],
    progress: Progress,
) -> MirrorPlan:
    """The plan with the room it leaves filled from volumes that do not fit whole."""
    by_name = {c.volume: c for c in offer.candidates}
    left = [by_name[v.volume] for v in made.left_out if v.reason == "no-room"]
    room = (made.disk_bytes or 0) - made.bytes
    via = made.wishes.via if made.wishes else Via.AUTO
    picked = fill_room(tables, offer, left, room, selected, via=via, progress=progress)
    more = sum(by_name[volume.volume].tables for volume in picked)
    made = replace(made, edition_bytes=made.edition_bytes + more, bytes=made.bytes + more)
    return add_picked(made, picked, offer.listens)


def _answer(
    about: Mapping[str, Any], manifest: EditionManifest, offer: Offer, asked: PlanWishes
) -> MirrorPlan:
    """The plan, but for what it changes and what has to be fetched."""
    edition_bytes = len(format_document(manifest)) + sum(f.bytes for f in manifest.contents)
    come_along = sum(c.tables for c in [*offer.candidates, *offer.unwanted])  # with volumes
    edition_bytes -= come_along
    index_bytes = INDEX_BYTES_PER_RECORDING * manifest.counts.recordings if asked.index else 0
    fixed, disk = edition_bytes + index_bytes, asked.disk_bytes
    choice = choose_volumes(offer.candidates, _budget(disk, fixed), offer.wishes)

    def curve(here: bool) -> list[CurvePoint]:
        return share_curve(
            offer.candidates, offer.wishes, fixed, disk, listens=offer.listens, here=here
        )

    fresh = curve(here=False)
    held = curve(here=True) if any(c.held for c in offer.candidates) else []
    return MirrorPlan(
        **about,
        edition=manifest.name,
        sequence=manifest.sequence,
        prefer=asked.prefer,
        disk_bytes=disk,
        edition_bytes=edition_bytes + choice.tables,
        index_bytes=index_bytes,
        bytes=fixed + choice.tables + choice.bytes,
        files=sum(c.files for c in choice.taken),
        listens=choice.listens,
        listens_share=choice.listens / offer.listens if offer.listens else 0.0,
        volumes=_planned(choice, offer, asked.via),
        left_out=_left_out(choice, offer),
        wishes=asked,
        curve=fresh,
        next_terabyte_share=next_terabyte(fresh, disk),
        curve_here=held,
        next_terabyte_share_here=next_terabyte(held, disk),
    )


def _with_transfer(
    tree: Tree, made: MirrorPlan, tables: EditionTables, gone: Superseded
) -> MirrorPlan:
    """The plan with what has to be fetched for it, and how long that takes."""
    fetch_bytes = missing_bytes(tree, made.edition, made.volumes, gone)
    names = frozenset(volume.volume for volume in made.volumes)
    own = [e.path for e in tables.manifest.contents if volume_of(e.path) in names]
    fetch_bytes += tables.missing_bytes(own) if tables.is_here else made.edition_bytes
    speed = made.wishes.bytes_per_second if made.wishes else None
    return replace(made, fetch_bytes=fetch_bytes, seconds=fetch_bytes / speed if speed else None)


def save_plan(tree: Tree, plan: MirrorPlan) -> None:
    """Make `tree` the mirror of the plan: keep the root of trust, `mirror.toml`, `plan.json`.

    Raises:
        TrustError: the tree hangs on another root.
    """
    with writing(tree.root):
        if not (tree.metadata / ANCHOR).is_file():
            anchor = read_first_root(open_origin(plan.origin), plan.root_sha256)
            keep_anchor(tree.metadata, anchor)
        kept = sha256((tree.metadata / ANCHOR).read_bytes()).hexdigest()
        if kept != plan.root_sha256:
            raise TrustError(f"{tree.root}: hangs on the root {kept}, not on {plan.root_sha256}")
        known = read_mirror(tree) if tree.mirror_toml.is_file() else None
        settings = MirrorSettings(origin=plan.origin, root_sha256=kept)
        if known is not None:
            settings = msgspec.structs.replace(known, origin=plan.origin, root_sha256=kept)
        write_document(tree.mirror_toml, settings)
        write_document(plan_path(tree), plan)


def fetch_volumes(origin: Origin, manifest: EditionManifest, held: Tree | None = None) -> pa.Table:
    """The table of volumes of an edition (about 3,000 rows), proved against the manifest; not
    fetched where the mirror `held` has it.

    Raises:
        TrustError: it is not the one the manifest vouches for.
        FormatError: it is, and is no table of volumes.
    """
    entry = next((e for e in manifest.contents if e.path == "volumes.parquet"), None)
    if entry is None:
        raise TrustError(f"edition {manifest.name} vouches for no volumes.parquet")
    path = f"editions/{manifest.name}/volumes.parquet"
    here = held.edition(manifest.name) / "volumes.parquet" if held else None
    content = here.read_bytes() if here and here.is_file() else b""
    if sha256(content).hexdigest() != entry.sha256:
        content = read_all(origin, path, entry.bytes)
    if sha256(content).hexdigest() != entry.sha256:
        raise TrustError(f"{origin.address}: {path} is not the one the edition vouches for")
    try:
        return complete_volumes(pq.read_table(pa.BufferReader(content)))
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        raise FormatError(f"{path}: not a readable table of volumes ({error})") from error


def _changes(tree: Tree, made: MirrorPlan, table: pa.Table) -> dict[str, list[str]]:
    """What the plan adds to the one before, and what that or the disk has and it drops."""
    now = {v.volume for v in made.volumes}
    planned = [v.volume for v in read_plan(tree).volumes] if plan_path(tree).is_file() else []
    gone = _superseded(table)
    before = {heir for name in planned for heir in heirs_of(name, gone)}
    return {
        "added": sorted(now - before),
        "dropped": sorted((before | _held_volumes(tree, table)) - now),
    }


def _selected(tree: Tree) -> dict[str, PlannedVolume]:
    """Volumes of which the plan before names single files."""
    volumes = read_plan(tree).volumes if plan_path(tree).is_file() else []
    return {v.volume: v for v in volumes if v.selection is not None or v.rows is not None}


def _known_origin(tree: Tree) -> str:
    try:
        return read_mirror(tree).origin
    except NotFoundError as error:
        raise UsageError(
            f"{tree.root}: no mirror here yet; say with --origin where to copy from: the address "
            "of the archive or of any mirror of it, a folder, or a magnet link"
        ) from error


def _read_manifest(
    tree: Tree, source: Origin, root: str | Path | None
) -> tuple[str, EditionManifest]:
    """Fingerprint of the root of trust, and the newest edition; the mirror's state is only read."""
    with TemporaryDirectory() as scratch:
        metadata = Path(scratch) / "metadata"
        copy_state(tree.metadata, metadata)
        trust = first_trust(source, metadata, root, held=tree.root)
        trust.refresh()
        return trust.fingerprint, trust.edition(trust.latest().edition)


def _trust_kind(tree: Tree, root: str | Path | None) -> TrustKind:
    if (tree.metadata / ANCHOR).is_file():
        return TrustKind.KNOWN
    return TrustKind.FIRST_USE if root is None else TrustKind.PINNED


def _held_volumes(tree: Tree, table: pa.Table) -> frozenset[str]:
    """Volumes here, and those that hold today what they held."""
    if not tree.volumes.is_dir():
        return frozenset()
    names = {p.name for p in tree.volumes.iterdir() if p.is_dir()}
    gone = _superseded(table)
    return frozenset(heir for name in names for heir in heirs_of(name, gone))


def _superseded(table: pa.Table) -> dict[str, list[str]]:
    rows = table.select(["volume", "superseded_by"]).to_pylist()
    return {r["volume"]: r["superseded_by"] for r in rows if r["superseded_by"] is not None}


def _budget(disk_bytes: int | None, fixed_bytes: int) -> int | None:
    if disk_bytes is None:
        return None
    if fixed_bytes > disk_bytes:
        raise NoSpaceError(
            f"the edition with its index takes {fixed_bytes:,} bytes, more than the "
            f"{disk_bytes:,} given; give it more, or set no room aside for the index (--no-index)"
        )
    return disk_bytes - fixed_bytes


def _planned(choice: Choice, offer: Offer, via: Via) -> list[PlannedVolume]:
    planned = []
    for c in choice.taken:
        whole = PlannedVolume(
            volume=c.volume, tier=c.tier, files=c.files, bytes=c.bytes, listens=c.listens, via=via
        )
        if c.part:
            rows = format_rows(offer.parts[c.volume].wanted)
            whole = replace(whole, selection=[], rows=rows)
        planned.append(whole)
    return planned


def _left_out(choice: Choice, offer: Offer) -> list[LeftOut]:
    return [
        LeftOut(volume=c.volume, tier=c.tier, bytes=c.bytes, listens=c.listens, reason=reason)
        for c, reason in [*choice.left, *((c, "unwanted") for c in offer.unwanted)]
    ]
