"""`publish`: a new edition out of the current build, signed.

build + edition before + vault ─► selection ─► volumes (bags, torrents) ─► tables, edition.json
─► rename ─► TUF: latest.json, timestamp. Killed anywhere, the next `publish` carries on.
"""

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pyarrow as pa

from phonotheque.archive.access import AccessRules
from phonotheque.archive.assembly import EditionReport, assemble_edition, evidence_digest
from phonotheque.archive.build import plan_build
from phonotheque.archive.deriving import make_missing
from phonotheque.archive.heirs import write_heirs
from phonotheque.archive.init import offline_keys
from phonotheque.archive.naming import check_edition_name, free_edition_name
from phonotheque.archive.packed import Packed, pack_selection
from phonotheque.archive.publish_plan import PublishPlan, foretell, nothing_new
from phonotheque.archive.releasing import release_edition
from phonotheque.archive.selection import PACKED, SELECTED, Rules, Selection, select_files
from phonotheque.archive.superseding import Superseding, plan_superseding
from phonotheque.archive.tagged import tag_rules
from phonotheque.archive.vaults import open_vault
from phonotheque.archive.volumes import VolumeRecord, write_volumes
from phonotheque.archive.workspace import (
    Basis,
    Intent,
    clear_leftovers,
    last_edition,
    pending_intent,
    read_basis,
    work_directory,
)
from phonotheque.catalogue import open_build
from phonotheque.edition import check_publishing, hashing_pool
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import UsageError
from phonotheque.model.magnets import format_magnet
from phonotheque.model.progress import Progress
from phonotheque.model.tables import FORMAT_VERSION
from phonotheque.storage.documents import read_document, read_settings, write_document
from phonotheque.storage.durable import ensure_directory
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing


class PublishReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `publish` did; `findings` is where each refusal stands. `copies` were made for it.
    `magnets` are the links of the new volumes, in their order.

    `staged`: files that wait for further signatures; the edition is not out before they are there.
    """

    name: str
    sequence: int
    nothing_new: bool
    path: str
    edition_sha256: str
    new_volumes: list[VolumeRecord]
    new_files: int
    new_bytes: int
    volumes: int
    files: int
    withdrawn: int
    refused: dict[str, int]
    findings: str
    copies: int = 0
    staged: list[str] = []
    magnets: list[str] = []


def plan_publish(
    tree: Tree, now: datetime, *, name: str | None = None, sqlite: bool = False
) -> PublishPlan:
    """Plan the next edition; `name` is made from the date unless given. Reads only.

    `sqlite`: with the catalogue as one SQLite file, as the settings may say for every edition.

    Raises:
        NotFoundError: no archive there.
        UsageError: no build, one older than the newest import or withdrawal, a bad name, or that of
            an edition which says something else.
    """
    basis = read_basis(tree)
    if name is not None:
        check_edition_name(name)
    is_out = name is not None and (tree.edition(name) / "edition.json").exists()
    _check_build(tree, now)
    intent = _intent(basis, now, name)
    with TemporaryDirectory(prefix="phonotheque-") as scratch:
        selection, packed = _select(basis, intent, Path(scratch), PACKED)
    superseding = _supersede(basis, packed)
    last = basis.previous
    same = last is not None and not superseding.superseded and _says_all(basis, last, packed)
    if last is not None and same and name in (None, last.name):
        return nothing_new(last, basis.build.build)
    if is_out:
        raise UsageError(
            f"edition {name} is out, and no edition ever changes; give the new one another name, "
            "or none"
        )
    plan = foretell(basis, intent, selection, packed, superseding)
    return msgspec.structs.replace(plan, sqlite=sqlite or basis.settings.publish.sqlite)


def execute_publish(
    tree: Tree,
    plan: PublishPlan,
    now: datetime,
    progress: Progress,
    *,
    keys_dir: Path | None = None,
    passphrase: bytes | None = None,
    workers: int | None = None,
) -> PublishReport:
    """Publish as planned, and sign. With the same name again it completes what is missing.

    Raises:
        ArchiveBusyError: somebody else writes.
        UsageError: the archive changed since the plan, or the edition before waits for signatures.
        InputError: a file of the vault is damaged, or a wrong passphrase.
        NotFoundError: the keys are not at hand; nothing was made.
    """
    keys = offline_keys(tree, read_settings(tree), keys_dir, passphrase)
    with writing(tree.root):
        before = last_edition(tree)
        waiting = release_edition(tree, before, keys, now) if before is not None else []
        if plan.nothing_new:
            report = _report(tree, _named(tree, plan.name), [], plan)
            return msgspec.structs.replace(report, staged=waiting)
        check_publishing(tree, keys)
        made = _make_copies(tree, plan, progress, workers)
        manifest, records, refused = _publish(tree, plan, progress, workers)
        progress.start("signing", None, "")
        waiting = release_edition(tree, manifest, keys, now)
    report = _report(tree, manifest, records, plan)
    return msgspec.structs.replace(report, refused=refused, copies=made, staged=waiting)


def _make_copies(tree: Tree, plan: PublishPlan, progress: Progress, workers: int | None) -> int:
    """Make the copies that are missing; what cannot be made goes out as it is, with a
    finding. Returns how many were made."""
    if not plan.copies:
        return 0
    basis = read_basis(tree)
    return make_missing(basis, plan.published_at, progress, workers=workers).files


def _publish(
    tree: Tree, plan: PublishPlan, progress: Progress, workers: int | None
) -> tuple[EditionManifest, list[VolumeRecord], dict[str, int]]:
    """The edition, its new volumes, and what was refused, by code of finding."""
    basis = read_basis(tree)
    intent = _intent(basis, plan.published_at, plan.name)
    clear_leftovers(basis, intent)
    work = work_directory(tree, intent.name)
    for folder in ("volumes", "torrents", "files"):
        ensure_directory(work / folder)
    write_document(work / "intent.json", intent)
    progress.start("selecting", None, "")
    selection, packed = _select(basis, intent, work, SELECTED)
    planned, superseding = packed.volumes, _supersede(basis, packed)
    names = [*(v.name for v in planned), *(h.name for h in superseding.heirs)]
    foretold = [*(v.volume for v in plan.volumes), *(h.volume for h in plan.heirs)]
    if not plan.copies and names != foretold:
        raise UsageError(f"{tree.root}: the archive changed since the plan; run publish again")
    with open_vault(tree) as vault, hashing_pool(plan.bytes, workers) as pool:
        records = write_volumes(
            basis, intent, selection, planned, pool, vault=vault, progress=progress
        )
        records += write_heirs(basis, intent, superseding, pool, vault=vault, progress=progress)
    progress.start("tables", None, "")
    manifest = assemble_edition(
        basis,
        intent,
        selection,
        packed,
        records,
        superseded=superseding.superseded,
        sqlite=progress if plan.sqlite else None,
    )
    return manifest, records, selection.refused


def _supersede(basis: Basis, packed: Packed) -> Superseding:
    return plan_superseding(basis, basis.next_sequence + len(packed.volumes))


def _check_build(tree: Tree, now: datetime) -> None:
    if not plan_build(tree, now.date()).nothing_new:
        raise UsageError(
            f"{tree.root}: the catalogue is older than what was ingested or withdrawn; run "
            "`phonotheque build` first"
        )


def _intent(basis: Basis, now: datetime, name: str | None) -> Intent:
    """The begun publication when it can be carried on, else a new one."""
    pending = pending_intent(basis)
    if pending is not None and name in (None, pending.name):
        return pending
    return Intent(
        format=FORMAT_VERSION,
        name=name or free_edition_name(basis.tree, now.date()),
        sequence=basis.previous.sequence + 1 if basis.previous else 1,
        previous=basis.previous.name if basis.previous else None,
        published_at=now,
        build=basis.build.build,
        basis=basis.digest,
    )


def _select(
    basis: Basis, intent: Intent, scratch: Path, schema: pa.Schema
) -> tuple[Selection, Packed]:
    rules = Rules(basis.settings, intent.published_at.date(), len(basis.build.tier_cuts_percent))
    reader = open_build(basis.build_directory, basis.build)
    try:
        with open_vault(basis.tree) as vault:
            access = basis.settings.access
            selection = select_files(
                reader.cursor(),
                vault.object,
                basis.withdrawals,
                basis.published_files,
                rules,
                scratch=scratch,
                schema=schema,
                access=AccessRules(access, vault) if access.forms else None,
                tags=tag_rules(basis.settings, vault),
                waiting=basis.waiting,
            )
    finally:
        reader.close()
    settings, first = basis.settings, basis.next_sequence
    v1 = settings.torrents.form == "hybrid"
    packed = pack_selection(
        selection, settings.slug, first, settings.volumes, intent.sequence, v1=v1
    )
    return selection, packed


def _says_all(basis: Basis, edition: EditionManifest, packed: Packed) -> bool:
    """Whether `edition` already has this catalogue, this evidence, these files and withdrawals, and
    keeps back the same."""
    same = {s.path for s in edition.shards} == {s.path for s in basis.build.shards}
    told = read_document(basis.tree.edition(edition.name) / "report.json", EditionReport)
    same = same and told.evidence == evidence_digest(basis)
    if packed.volumes or any(lot.new for lot in packed.waiting):
        return False
    same = same and packed.waiting_files == edition.counts.waiting
    return same and edition.counts.withdrawn == len(basis.withdrawals)


def _named(tree: Tree, name: str) -> EditionManifest:
    return read_document(tree.edition(name) / "edition.json", EditionManifest)


def _report(
    tree: Tree, manifest: EditionManifest, records: list[VolumeRecord], plan: PublishPlan
) -> PublishReport:
    directory = tree.edition(manifest.name)
    return PublishReport(
        name=manifest.name,
        sequence=manifest.sequence,
        nothing_new=plan.nothing_new,
        path=str(directory),
        edition_sha256=sha256((directory / "edition.json").read_bytes()).hexdigest(),
        new_volumes=records,
        new_files=sum(r.files for r in records if not r.supersedes),
        new_bytes=sum(r.audio_bytes for r in records if not r.supersedes),
        volumes=manifest.counts.volumes,
        files=manifest.counts.files,
        withdrawn=manifest.counts.withdrawn,
        refused=plan.refused,
        findings=str(directory / "findings.parquet"),
        magnets=[
            format_magnet(
                record.volume,
                record.info_hash_v1,
                record.info_hash_v2,
                trackers=manifest.trackers,
                webseeds=manifest.webseeds,
            )
            for record in records
        ],
    )
