"""The signatures that an edition carries: whether its manifest hangs on the archive's root.

Dates are not judged: the metadata kept in an edition is of the day it was published.
"""

from collections.abc import Iterator
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from phonotheque.mirror.expected import entry
from phonotheque.mirror.formats import EntryReport
from phonotheque.model.errors import NotFoundError
from phonotheque.model.findings import FindingCode
from phonotheque.storage.layout import Tree


def check_signatures(tree: Tree, name: str) -> Iterator[EntryReport]:
    """What does not hold, of the metadata kept in the edition, or on a mirror of the mirror's.

    Raises:
        NotFoundError: there is no metadata at all.
    """
    kept = tree.edition(name) / "metadata"
    folder = kept if (kept / "timestamp.json").is_file() else tree.metadata
    if not (folder / "timestamp.json").is_file():
        raise NotFoundError(f"{folder}: there is no signed metadata here")
    try:
        targets = _verified(folder)
        path = f"editions/{name}/edition.json"
        if path not in targets.targets:
            yield _broken(folder, tree, f"{path} is not signed")
        else:
            targets.targets[path].verify_length_and_hashes((tree.root / path).read_bytes())
    except (RepositoryError, DeserializationError, KeyError, ValueError, OSError) as error:
        yield _broken(folder, tree, str(error))


def _verified(folder: Path) -> Targets:
    """The targets role, after root, timestamp, snapshot and every delegated role were checked."""
    root = _newest_root(folder)
    timestamp = Metadata[Timestamp].from_file(str(folder / "timestamp.json"))
    root.verify_delegate("timestamp", timestamp.signed_bytes, timestamp.signatures)
    version = timestamp.signed.snapshot_meta.version
    snapshot = Metadata[Snapshot].from_file(_file(folder, "snapshot", version))
    root.verify_delegate("snapshot", snapshot.signed_bytes, snapshot.signatures)
    meta = snapshot.signed.meta
    targets = Metadata[Targets].from_file(_file(folder, "targets", meta["targets.json"].version))
    root.verify_delegate("targets", targets.signed_bytes, targets.signatures)
    delegations = targets.signed.delegations
    for role in (delegations.roles or {}) if delegations else {}:
        given = Metadata[Targets].from_file(_file(folder, role, meta[f"{role}.json"].version))
        targets.signed.verify_delegate(role, given.signed_bytes, given.signatures)
    return targets.signed


def _newest_root(folder: Path) -> Root:
    """The newest root, each one signed by the one before it and by itself."""
    numbered = sorted(folder.glob("*.root.json"), key=lambda p: int(p.name.partition(".")[0]))
    before: Root | None = None
    for path in numbered or [folder / "root.json"]:
        root = Metadata[Root].from_file(str(path))
        if before is not None and before.version + 1 == root.signed.version:
            before.verify_delegate("root", root.signed_bytes, root.signatures)
        root.signed.verify_delegate("root", root.signed_bytes, root.signatures)
        before = root.signed
    assert before is not None
    return before


def _file(folder: Path, role: str, version: int) -> str:
    numbered = folder / f"{version}.{role}.json"
    return str(numbered if numbered.is_file() else folder / f"{role}.json")


def _broken(folder: Path, tree: Tree, why: str) -> EntryReport:
    where = folder.relative_to(tree.root).as_posix()
    text = f"{why}; get the edition again from where it is signed"
    return entry(FindingCode.EDITION_SIGNATURE, where, text)
