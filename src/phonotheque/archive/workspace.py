"""What a publication rests on, kept on disk from its first step, so that a killed one carries on.

``editions/.work-<name>/intent.json`` is written before anything else. A rerun whose inputs are the
same takes the intent's name and date and keeps the volumes that are done; with other inputs the
begun work is thrown away, with the volumes that belong to no edition.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec
import pyarrow as pa

from phonotheque.archive.withdrawals import Withdrawal, read_withdrawals, withdrawals_jsonl
from phonotheque.catalogue import current_build
from phonotheque.model.archive import ArchiveSettings
from phonotheque.model.edition import BuildManifest, EditionManifest
from phonotheque.model.errors import UsageError
from phonotheque.storage.documents import read_document, read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.volume_rows import read_superseded, read_volumes

WORK = ".work-"
BUILDING = ".building-"
WAITING = "waiting.parquet"
VOLUMES = "volumes.parquet"
_FILES, _PARQUET = "files/", ".parquet"
_VOLUME = re.compile(r"(?P<slug>.+)-tier(?P<tier>[0-9]+)-(?P<sequence>[0-9]{5,})")


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is being published. `basis`: digest of all that the plan was made from."""

    format: int
    name: str
    sequence: int
    previous: str | None
    published_at: datetime
    build: int
    basis: str


@dataclass(frozen=True, slots=True)
class Basis:
    """All that a publication is made from, as it stands on disk."""

    tree: Tree
    settings: ArchiveSettings
    build: BuildManifest
    build_directory: Path
    previous: EditionManifest | None
    withdrawals: Sequence[Withdrawal]
    digest: str

    @property
    def volumes(self) -> pa.Table | None:
        """The table of volumes of the previous edition."""
        if self.previous is None:
            return None
        return read_volumes(self.tree.edition(self.previous.name) / VOLUMES)

    @property
    def published_volumes(self) -> list[str]:
        """Names of the volumes of the previous edition, sorted; superseded ones are none of it."""
        gone = self.superseded
        return [name for name in self._with_tables if name not in gone]

    @property
    def outgoing_volumes(self) -> list[str]:
        """Superseded volumes of which the previous edition still says what they hold, sorted."""
        gone = self.superseded
        return [name for name in self._with_tables if name in gone]

    @property
    def superseded(self) -> dict[str, list[str]]:
        """Every volume that was superseded by then, and by which."""
        if self.previous is None:
            return {}
        return read_superseded(self.tree.edition(self.previous.name))

    @property
    def _with_tables(self) -> list[str]:
        return edition_volumes(self.previous) if self.previous else []

    @property
    def published_files(self) -> list[Path]:
        """The files tables of the previous edition."""
        if self.previous is None:
            return []
        directory = self.tree.edition(self.previous.name)
        return [directory / _FILES / f"{name}{_PARQUET}" for name in self.published_volumes]

    @property
    def waiting(self) -> Path | None:
        """The table of the files that the previous edition kept back; None: none."""
        if self.previous is None or all(e.path != WAITING for e in self.previous.contents):
            return None
        return self.tree.edition(self.previous.name) / WAITING

    @property
    def next_sequence(self) -> int:
        """The number the next volume gets; numbers rise over all tiers."""
        volumes = self.volumes
        names = [] if volumes is None else volumes.column("volume").to_pylist()
        found = [_VOLUME.fullmatch(name) for name in names]
        return max((int(match["sequence"]) for match in found if match), default=0) + 1


def read_basis(tree: Tree) -> Basis:
    """Read what the next edition is made from.

    Raises:
        NotFoundError: no archive there.
        UsageError: there is no build yet.
    """
    settings = read_settings(tree)
    current = current_build(tree)
    if current is None:
        raise UsageError(f"{tree.root}: no catalogue yet; run `phonotheque build` first")
    build, directory = current
    previous = last_edition(tree)
    read = [tree.archive_toml, directory / "build.json", withdrawals_jsonl(tree)]
    if previous is not None:
        read.append(tree.edition(previous.name) / "edition.json")
    digests = [sha256(p.read_bytes()).hexdigest() if p.exists() else "" for p in read]
    return Basis(
        tree=tree,
        settings=settings,
        build=build,
        build_directory=directory,
        previous=previous,
        withdrawals=read_withdrawals(tree),
        digest=sha256(" ".join(digests).encode()).hexdigest(),
    )


def last_edition(tree: Tree) -> EditionManifest | None:
    """The complete edition with the highest sequence, signed or not yet; None before the first."""
    found = [
        read_document(path, EditionManifest)
        for path in tree.editions.glob("*/edition.json")
        if path.parent.name[:1] != "."
    ]
    return max(found, key=lambda manifest: manifest.sequence, default=None)


def edition_volumes(manifest: EditionManifest) -> list[str]:
    """Names of all volumes of which an edition says what they hold, sorted."""
    return sorted(
        entry.path[len(_FILES) : -len(_PARQUET)]
        for entry in manifest.contents
        if entry.path.startswith(_FILES)
    )


def work_directory(tree: Tree, name: str) -> Path:
    """Where the work on edition `name` is kept until it is complete."""
    return tree.editions / (WORK + name)


def pending_intent(basis: Basis) -> Intent | None:
    """The intent of a publication that was cut short and can be carried on, if there is one."""
    for path in sorted(basis.tree.editions.glob(WORK + "*/intent.json")):
        intent = read_document(path, Intent)
        if intent.basis == basis.digest:
            return intent
    return None


def clear_leftovers(basis: Basis, keep: Intent) -> None:
    """Remove what cut-short publications left, but for the work on `keep`.

    Raises:
        UsageError: a volume that no edition names, though no publication was cut short.
    """
    tree = basis.tree
    works = [p for p in tree.editions.glob(WORK + "*") if p != work_directory(tree, keep.name)]
    ours = work_directory(tree, keep.name)
    if ours.exists() and not _same_intent(ours, keep):
        works.append(ours)
    orphans = list(_orphans(basis, ours if ours not in works else None))
    if orphans and not works and not ours.exists():
        raise UsageError(
            f"{orphans[0]}: no edition names this volume; move it away, or restore editions/"
        )
    for path in [
        *orphans,
        *tree.volumes.glob(BUILDING + "*"),
        *tree.editions.glob(BUILDING + "*"),
        *tree.editions.glob(".metadata-*"),
        *works,
    ]:
        shutil.rmtree(path)


def _same_intent(work: Path, intent: Intent) -> bool:
    path = work / "intent.json"
    return path.exists() and read_document(path, Intent) == intent


def _orphans(basis: Basis, work: Path | None) -> Iterator[Path]:
    """Volumes of ours that neither the last edition nor the work going on knows."""
    volumes = basis.volumes
    known = set[str]() if volumes is None else set(volumes.column("volume").to_pylist())
    if work is not None:
        known |= {path.stem for path in (work / "volumes").glob("*.json")}
    for path in sorted(basis.tree.volumes.glob(f"{basis.settings.slug}-tier*")):
        if path.name not in known and _VOLUME.fullmatch(path.name):
            yield path
