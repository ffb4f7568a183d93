"""Planning a mirror: what to hold, from the edition's manifest and its table of volumes alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.structs import replace

from phonotheque.mirror.choosing import Candidate, Choice, Wishes, choose_volumes, unknown_wishes
from phonotheque.mirror.curves import next_terabyte, share_curve
from phonotheque.mirror.formats import (
    LeftOut,
    MirrorPlan,
    MirrorSettings,
    PlannedVolume,
    PlanWishes,
    Preference,
    TrustKind,
    Via,
)
from phonotheque.mirror.origin import Origin, open_origin, read_all
from phonotheque.mirror.picking import Tables, add_picked, fill_room
from phonotheque.mirror.trust import (
    ANCHOR,
    copy_state,
    first_trust,
    keep_anchor,
    read_first_root,
)
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import NoSpaceError, NotFoundError, TrustError, UsageError
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import format_document, read_document, write_document
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from phonotheque.storage.volume_rows import Superseded, complete_volumes, heirs_of

INDEX_BYTES_PER_RECORDING = 150  # search index and row store (docs/mirroring.md)
PLAN_COLUMNS = ["volume", "tier", "files", "total_bytes", "listens", "licences"]


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


def plan_mirror(
    tree: Tree,
    progress: Progress,
    *,
    now: datetime,
    origin: str | Path | None = None,
    root: str | Path | None = None,
    disk_bytes: int | None = None,
    prefer: Preference = Preference.POPULAR,
    tiers: Sequence[int] = (),
    licences: Sequence[str] = (),
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    via: Via = Via.AUTO,
    index: bool = True,
    bytes_per_second: int | None = None,
    single_files: bool = False,
) -> MirrorPlan:
    """What the mirror at `tree` should hold. Writes nothing; `save_plan` does.

    Only what is given counts; `wishes.kept_wishes` tells what the plan before was asked for.
    `bytes_per_second` is the speed of the line, for the estimate of time. With `single_files` the
    room that whole volumes leave is filled from the next ones.

    `origin` and `root` (SHA-256 of a root.json, or such a file) are needed at first contact only;
    without a `root` the origin's own is taken and the plan says so (`trust`). `disk_bytes` is all
    the mirror may take: edition, index and volumes.

    Raises:
        UsageError: no origin given or known, or a name that is no volume.
        NoSpaceError: `disk_bytes` does not even hold the edition.
        TransferError, TrustError: the origin is out of reach or does not prove itself.
    """
    source = open_origin(origin if origin is not None else _known_origin(tree))
    progress.start("reading the edition", None, "files")
    fingerprint, manifest = _read_manifest(tree, source, root)
    table = fetch_volumes(source, manifest, tree)
    asked = PlanWishes(
        disk_bytes=disk_bytes, prefer=prefer, tiers=tuple(tiers), licences=tuple(licences),
        include=tuple(include), exclude=tuple(exclude), via=via, index=index,
        bytes_per_second=bytes_per_second, single_files=single_files,
    )  # fmt: skip
    wishes = _wishes(asked, _superseded(table))
    selected = _selected(tree) if single_files else {}
    candidates = candidates_of(table, _held_volumes(tree, table) - set(selected))
    if unknown := unknown_wishes(candidates, wishes):
        raise UsageError(f"edition {manifest.name} has no {', no '.join(unknown)}")
    about = {
        "origin": source.address,
        "root_sha256": fingerprint,
        "trust": _trust_kind(tree, root),
        "planned_at": now,
    }
    fetched = (tree.edition(manifest.name) / "edition.json").is_file()
    made = _answer(about, manifest, candidates, asked, wishes, fetched=fetched)
    if single_files and disk_bytes is not None:
        tables = Tables(tree, source, manifest)
        made = _with_single_files(made, candidates, tables, selected, progress)
    return replace(made, **_changes(tree, made, table))


def _with_single_files(
    made: MirrorPlan,
    candidates: Sequence[Candidate],
    tables: Tables,
    selected: Mapping[str, frozenset[str]],
    progress: Progress,
) -> MirrorPlan:
    """The plan with the room it leaves filled from volumes that do not fit whole."""
    by_name = {c.volume: c for c in candidates}
    left = [by_name[v.volume] for v in made.left_out if v.reason == "no-room"]
    room = (made.disk_bytes or 0) - made.bytes
    via = made.wishes.via if made.wishes else Via.AUTO
    picked = fill_room(tables, left, room, selected, via=via, progress=progress)
    return add_picked(made, picked, sum(c.listens for c in candidates))


def _answer(
    about: Mapping[str, Any],
    manifest: EditionManifest,
    candidates: Sequence[Candidate],
    asked: PlanWishes,
    wishes: Wishes,
    *,
    fetched: bool,
) -> MirrorPlan:
    """The plan, but for what it changes; `fetched`: the edition is here."""
    edition_bytes = len(format_document(manifest)) + sum(f.bytes for f in manifest.contents)
    index_bytes = INDEX_BYTES_PER_RECORDING * manifest.counts.recordings if asked.index else 0
    fixed = edition_bytes + index_bytes
    choice = choose_volumes(candidates, _budget(asked.disk_bytes, fixed), wishes)
    everything = sum(c.listens for c in candidates)
    curve = share_curve(candidates, wishes, fixed, asked.disk_bytes)
    fetch_bytes = sum(c.bytes for c in choice.taken if not c.held)
    fetch_bytes += 0 if fetched else edition_bytes
    return MirrorPlan(
        **about,
        edition=manifest.name,
        sequence=manifest.sequence,
        prefer=asked.prefer,
        disk_bytes=asked.disk_bytes,
        edition_bytes=edition_bytes,
        index_bytes=index_bytes,
        bytes=fixed + choice.bytes,
        files=sum(c.files for c in choice.taken),
        listens=choice.listens,
        listens_share=choice.listens / everything if everything else 0.0,
        volumes=_planned(choice, asked.via),
        left_out=_left_out(choice),
        wishes=asked,
        curve=curve,
        next_terabyte_share=next_terabyte(curve, asked.disk_bytes),
        fetch_bytes=fetch_bytes,
        seconds=fetch_bytes / asked.bytes_per_second if asked.bytes_per_second else None,
    )


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
    return complete_volumes(pq.read_table(pa.BufferReader(content)))


def candidates_of(table: pa.Table, held: frozenset[str]) -> list[Candidate]:
    """Rows of `volumes` as candidates, but for superseded ones."""
    return [
        Candidate(
            volume=row["volume"],
            tier=row["tier"],
            files=row["files"],
            bytes=row["total_bytes"],
            listens=row["listens"],
            licences=tuple(row["licences"]),
            held=row["volume"] in held,
        )
        for row in table.select([*PLAN_COLUMNS, "superseded_by"]).to_pylist()
        if row["superseded_by"] is None
    ]


def _wishes(asked: PlanWishes, gone: Superseded) -> Wishes:
    """The wishes, with the heirs of superseded volumes in their places."""
    include, exclude = (
        frozenset(heir for name in names for heir in heirs_of(name, gone))
        for names in (asked.include, asked.exclude)
    )
    return Wishes(
        frozenset(asked.tiers),
        frozenset(asked.licences),
        include,
        exclude,
        asked.prefer is Preference.COMPLETE_TIERS,
    )


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


def _selected(tree: Tree) -> dict[str, frozenset[str]]:
    """Paths by volume that the plan before names singly."""
    volumes = read_plan(tree).volumes if plan_path(tree).is_file() else []
    return {v.volume: frozenset(v.selection) for v in volumes if v.selection is not None}


def _known_origin(tree: Tree) -> str:
    try:
        return read_mirror(tree).origin
    except NotFoundError as error:
        raise UsageError(f"{tree.root}: no mirror yet; name the origin to copy from") from error


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
            f"{disk_bytes:,} given; give it more disk, or plan without the index"
        )
    return disk_bytes - fixed_bytes


def _planned(choice: Choice, via: Via) -> list[PlannedVolume]:
    return [
        PlannedVolume(
            volume=c.volume, tier=c.tier, files=c.files, bytes=c.bytes, listens=c.listens, via=via
        )
        for c in choice.taken
    ]


def _left_out(choice: Choice) -> list[LeftOut]:
    return [
        LeftOut(volume=c.volume, tier=c.tier, bytes=c.bytes, listens=c.listens, reason=reason)
        for c, reason in choice.left
    ]
