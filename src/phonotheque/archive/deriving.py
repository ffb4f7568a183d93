"""`derive`: make the access copies and tagged copies that the next `publish` would give out, ahead
of it.

`publish` does the same for those that are missing when it begins. Killed anywhere, what is made is
kept, and the next run makes the rest.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pyarrow.parquet as pq

from phonotheque.archive.access import AccessRules
from phonotheque.archive.selection import TO_COPY, Rules, select_files
from phonotheque.archive.tagged import tag_rules
from phonotheque.archive.vaults import open_vault
from phonotheque.archive.workspace import Basis, read_basis
from phonotheque.catalogue import open_build
from phonotheque.model.errors import InputError, UsageError
from phonotheque.model.progress import Progress
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from phonotheque.vault import (
    CopyMade,
    CopyOrder,
    Vault,
    copy_comments,
    make_copies,
    tag_form,
    tagged_bytes,
)

SECONDS_PER_CPU_SECOND = 110
"""Audio encoded in a second of one core, about (docs/access-copies.md)."""
TAGGED_PER_CPU_SECOND = 300
"""Audio of tagged copies that is proved in a second of one core (docs/tags-in-files.md)."""
TAGGED = "tags"
MAX_FAILED = 1_000
_BATCH_ROWS = 10_000


class TierCopies(msgspec.Struct, frozen=True, kw_only=True):
    """Copies to be made for one tier, all of one form: ``opus 96k``, or ``tags`` for the master's
    own audio. `bytes_out` and `cpu_seconds` are estimates."""

    tier: int
    form: str
    files: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    audio_seconds: int = 0

    @property
    def cpu_seconds(self) -> int:
        """Of one core."""
        rate = TAGGED_PER_CPU_SECOND if self.form == TAGGED else SECONDS_PER_CPU_SECOND
        return -(-self.audio_seconds // rate)


class DerivePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `derive` would make, for the tiers that give out copies."""

    tiers: list[TierCopies]
    files: int
    bytes_in: int
    bytes_out: int
    cpu_seconds: int


class DeriveReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `derive` made. `failed`: digest of the master → why there is no copy of it."""

    files: int
    bytes_in: int
    bytes_out: int
    failed: dict[str, str]


def plan_derive(tree: Tree, now: datetime, *, tiers: Sequence[int] = ()) -> DerivePlan:
    """Which copies are missing, of all tiers that give out copies, or of `tiers`. Reads only.

    Raises:
        NotFoundError: no archive there.
        UsageError: no build, or a tier that gives out its originals.
    """
    basis = read_basis(tree)
    asked = _asked(basis, tiers)
    counted: dict[tuple[int, str], TierCopies] = {}
    with TemporaryDirectory(prefix="phonotheque-") as scratch, open_vault(basis.tree) as vault:
        rules = AccessRules(basis.settings.access, vault)
        listed = list_missing(basis, vault, rules, now, Path(scratch))
        for order, tier in _iter_orders(listed, vault, rules, asked, describe=False):
            key = (tier, _form(order))
            counted[key] = _counted(counted.get(key), order, tier)
    return _plan(list(counted.values()))


def execute_derive(
    tree: Tree,
    now: datetime,
    progress: Progress,
    *,
    tiers: Sequence[int] = (),
    workers: int | None = None,
) -> DeriveReport:
    """Make the missing copies, on all cores or `workers` of them.

    Raises:
        ArchiveBusyError: somebody else writes.
        InputError: so many masters cannot be encoded that something else must be wrong.
        NoSpaceError: the disk is full; what is made is kept.
    """
    with writing(tree.root):
        basis = read_basis(tree)
        asked = _asked(basis, tiers)
        return make_missing(basis, now, progress, tiers=asked, workers=workers)


def make_missing(
    basis: Basis,
    now: datetime,
    progress: Progress,
    *,
    tiers: Sequence[int] | None = None,
    workers: int | None = None,
) -> DeriveReport:
    """As `execute_derive`, by who holds the archive's lock; None: of all tiers."""
    files = bytes_in = bytes_out = 0
    failed: dict[str, str] = {}
    with TemporaryDirectory(prefix="phonotheque-") as scratch, open_vault(basis.tree) as vault:
        rules = AccessRules(basis.settings.access, vault)
        listed = list_missing(basis, vault, rules, now, Path(scratch))
        progress.start("access copies", pq.ParquetFile(listed).metadata.num_rows, "files")
        orders = (o for o, _ in _iter_orders(listed, vault, rules, tiers, describe=True))
        for made in make_copies(vault, orders, now, workers=workers):
            progress.advance(1)
            if made.error:
                failed[made.order.master.sha256] = made.error
                _check_failed(failed, made, files)
                continue
            files += 1
            bytes_in += made.order.master.bytes
            bytes_out += made.bytes
    return DeriveReport(files=files, bytes_in=bytes_in, bytes_out=bytes_out, failed=failed)


def list_missing(
    basis: Basis, vault: Vault, access: AccessRules, now: datetime, scratch: Path
) -> Path:
    """Masters of which copies are missing, as a table of `TO_COPY` in `scratch`."""
    rules = Rules(basis.settings, now.date(), len(basis.build.tier_cuts_percent))
    reader = open_build(basis.build_directory, basis.build)
    try:
        selection = select_files(
            reader.cursor(),
            vault.object,
            basis.withdrawals,
            basis.published_files,
            rules,
            scratch=scratch,
            schema=TO_COPY,
            access=access,
            tags=tag_rules(basis.settings, vault),
        )
    finally:
        reader.close()
    return selection.path


def _iter_orders(
    listed: Path, vault: Vault, rules: AccessRules, tiers: Sequence[int] | None, *, describe: bool
) -> Iterator[tuple[CopyOrder, int]]:
    """Orders with their tiers; with `describe` they have the comments of the copies."""
    with pq.ParquetFile(listed) as table:
        for batch in table.iter_batches(_BATCH_ROWS):
            for row in batch.to_pylist():
                if tiers is not None and row["tier"] not in tiers:
                    continue
                make = _access_order if row["tags"] is None else _tag_order
                order = make(row, vault, rules, describe=describe)
                if order is not None:
                    yield order, row["tier"]


def _access_order(
    row: dict[str, Any], vault: Vault, rules: AccessRules, *, describe: bool
) -> CopyOrder | None:
    wanted = rules.copy_of(row["master"], row["tier"])
    if wanted is None or wanted.held is not None:
        return None
    known = {
        "title": row["title"],
        "artist": row["artist_credit"],
        "album": row["release_title"],
    }
    said = vault.description(row["master"]) if describe else None
    comments = copy_comments(wanted.master, said, known) if describe else ()
    return CopyOrder(
        master=wanted.master, form=wanted.form, settings=wanted.settings, comments=comments
    )


def _tag_order(
    row: dict[str, Any], vault: Vault, _: AccessRules, *, describe: bool
) -> CopyOrder | None:
    master = vault.object(row["master"])
    tags = [(tag["name"], tag["value"]) for tag in row["tags"]]
    return None if master is None else CopyOrder(master=master, form=tag_form(tags), comments=tags)


def _form(order: CopyOrder) -> str:
    return TAGGED if order.settings is None else order.form.text


def _asked(basis: Basis, tiers: Sequence[int]) -> list[int] | None:
    forms = basis.settings.access.forms
    if basis.settings.publish.embed_tags:
        return list(tiers) or None
    strange = sorted(set(tiers) - set(forms))
    if strange:
        raise UsageError(
            f"{basis.tree.archive_toml}: tier {strange[0]} gives out its originals; name a form "
            'for it first, as access.tiers."4-5" = "opus 96k"'
        )
    return list(tiers) or sorted(forms)


def _check_failed(failed: dict[str, str], last: CopyMade, made: int) -> None:
    """Tags that cannot be set are no wonder in files from everywhere: they end a run only where
    there are more of them than of others."""
    usual = last.order.settings is None and len(failed) <= made
    if len(failed) >= MAX_FAILED and not usual:
        raise InputError(
            f"no copy could be made of {len(failed):,} masters, so something else must be wrong; "
            f"the last one, {last.order.master.sha256}: {last.error}"
        )


def _counted(so_far: TierCopies | None, order: CopyOrder, tier: int) -> TierCopies:
    before = so_far or TierCopies(tier=tier, form=_form(order))
    if order.settings is None:
        out = tagged_bytes(order.master.bytes)
    else:
        out = order.settings.bits_per_second * order.master.duration_ms // 8_000
    return msgspec.structs.replace(
        before,
        files=before.files + 1,
        bytes_in=before.bytes_in + order.master.bytes,
        bytes_out=before.bytes_out + out,
        audio_seconds=before.audio_seconds + -(-order.master.duration_ms // 1000),
    )


def _plan(tiers: list[TierCopies]) -> DerivePlan:
    return DerivePlan(
        tiers=tiers,
        files=sum(t.files for t in tiers),
        bytes_in=sum(t.bytes_in for t in tiers),
        bytes_out=sum(t.bytes_out for t in tiers),
        cpu_seconds=sum(t.cpu_seconds for t in tiers),
    )
