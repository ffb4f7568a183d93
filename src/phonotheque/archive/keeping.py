"""Keeping the vault of an archive: checked by schedule, mended from elsewhere, looked at."""

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from hashlib import file_digest
from pathlib import Path

import msgspec

from phonotheque.archive.donors import (
    AsideDonor,
    ReadRemote,
    StoreDonor,
    VolumesDonor,
    folder_donors,
    iter_places,
)
from phonotheque.archive.vaults import open_store, open_vault
from phonotheque.model.findings import Finding
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from phonotheque.vault import (
    Donor,
    FixityReport,
    FixityStatus,
    MendReport,
    Vault,
    check_fixity,
    fixity_status,
    iter_aside,
    mend_objects,
)

OpenWeb = Callable[[str], ReadRemote]
_AT_ONCE = 20_000


class VaultVerification(msgspec.Struct, frozen=True, kw_only=True):
    """What one `verify --vault` saw. `clean`: no error among `findings`, and none left out."""

    clean: bool
    fixity: FixityReport
    findings: list[Finding]


class VaultStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The vault at a glance. `formats`: objects and bytes by PRONOM id; `batches`: how many batches
    of events there are, `last_batch` the SHA-256 of the newest: whoever keeps it elsewhere can
    prove all history before it."""

    store: str
    objects: int
    bytes: int
    formats: dict[str, tuple[int, int]]
    fixity: FixityStatus
    quarantined: int
    quarantined_bytes: int
    batches: int
    last_batch: str | None
    findings: list[Finding]


def verify_vault(
    tree: Tree,
    now: datetime,
    progress: Progress,
    *,
    days: float | None = None,
    everything: bool = False,
    bytes_per_s: float | None = None,
    jobs: int | None = None,
) -> VaultVerification:
    """Check what is due of the vault, or `everything`, and the chain of its events. `days`: every
    object is read within so many (None: as archive.toml says).

    Raises:
        NotFoundError: no archive there.
        ArchiveBusyError: another one is running.
        InputError, TransferError: nothing of the store can be read; nothing is concluded.
    """
    settings = read_settings(tree).vault
    with open_vault(tree) as vault:
        progress.start("history", None, "batches")
        findings = list(vault.check_events())
        report = check_fixity(
            vault,
            now,
            progress,
            days=days or settings.check_days,
            everything=everything,
            bytes_per_s=bytes_per_s,
            jobs=jobs,
        )
    findings = [*report.findings, *findings]
    bad = report.damaged + report.missing + report.not_checked
    errors = bad or any(f.severity == "error" for f in findings)
    return VaultVerification(clean=not errors, fixity=report, findings=findings)


def repair_vault(
    tree: Tree,
    now: datetime,
    progress: Progress,
    places: Sequence[str],
    open_web: OpenWeb,
    *,
    look_for_missing: bool = False,
    dry_run: bool = False,
) -> MendReport:
    """Put back objects that checks found bad (with `look_for_missing`, all without a file) from
    quarantine, the archive's own volumes, and `places` in their order: folders (archives, mirrors,
    vaults, or any), web addresses of mirrors or of the archive itself, ``s3://`` stores.

    Damaged files of the archive's own volumes are replaced along with their objects.

    Raises:
        NotFoundError: no archive there, or no such folder.
        ArchiveBusyError: another process writes.
        NoSpaceError: no room; what was mended stays so.
    """
    read_settings(tree)
    with writing(tree.root), open_vault(tree) as vault:
        donors: list[Donor] = [AsideDonor(vault), VolumesDonor(tree, "the archive's volumes")]
        for place in places:
            donors += _donors(tree, place, open_web)
        volumes = _OwnVolumes(tree, vault)
        report = mend_objects(
            vault,
            now,
            progress,
            donors,
            look_for_missing=look_for_missing,
            dry_run=dry_run,
            on_mended=volumes.note,
        )
        volumes.mend()
    return report


def vault_status(tree: Tree, now: datetime) -> VaultStatus:
    """How the vault stands at `now`; reads its state alone.

    Raises:
        NotFoundError: no archive there.
    """
    settings = read_settings(tree).vault
    with closing(open_vault(tree)) as vault:
        fixity = fixity_status(vault, now, settings.check_days)
        rows = vault.state.execute(
            "SELECT puid, count(*), sum(bytes) FROM objects GROUP BY puid ORDER BY puid"
        ).fetchall()
        aside = [item.bytes for item in iter_aside(vault)]
        last = vault.state.last_batch()
        return VaultStatus(
            store=settings.store or str(tree.vault / "objects"),
            objects=fixity.objects,
            bytes=fixity.bytes,
            formats={puid: (count, size) for puid, count, size in rows},
            fixity=fixity,
            quarantined=len(aside),
            quarantined_bytes=sum(aside),
            batches=last.sequence if last else 0,
            last_batch=last.sha256 if last else None,
            findings=fixity.findings(str(tree.vault)),
        )


class _OwnVolumes:
    """Files of the archive's own volumes that share the fate of an object: those that are bad are
    replaced when it is sound again."""

    def __init__(self, tree: Tree, vault: Vault) -> None:
        self._tree, self._vault = tree, vault
        self._mended: dict[str, int] = {}

    def note(self, sha256: str) -> None:
        """This object is sound again."""
        self._mended[sha256] = 0
        if len(self._mended) >= _AT_ONCE:
            self.mend()

    def mend(self) -> None:
        """Replace what is bad of those noted."""
        mended, self._mended = self._mended, {}
        if not mended:
            return
        for volume, path, digest in iter_places(self._tree, mended):
            place = self._tree.volume(volume) / path
            if place.is_file() and not _is_sound(place, digest):
                self._vault.store.fetch(digest, place)


def _is_sound(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _donors(tree: Tree, place: str, open_web: OpenWeb) -> list[Donor]:
    if place.startswith("s3://"):
        return [StoreDonor(open_store(tree, place), place)]
    if place.startswith(("http://", "https://")):
        return [VolumesDonor(tree, place.rstrip("/"), open_web(place))]
    return folder_donors(Path(place))
