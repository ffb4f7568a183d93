"""The role files of the TUF repository: which are in force, and how a new version is written.

`timestamp.json` says which snapshot is in force, and that which targets and revocations; of the
roots the newest counts that stands there as ``N.root.json``. A version number is never given to two
different contents.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from phonotheque.edition.keys import (
    ONLINE_ROLES,
    KeyRing,
    open_keys,
    promote_key,
    short,
    sweep_keys,
)
from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.storage.durable import TEMPORARY_SUFFIX, write_bytes
from phonotheque.storage.layout import Tree

OFFLINE_DAYS = 365
ONLINE_DAYS = 7
S = TypeVar("S", Root, Snapshot, Targets, Timestamp)


@dataclass(frozen=True, slots=True)
class IncomingRoot:
    """A root that is signed enough and goes out together with a new timestamp."""

    root: Root
    content: bytes


def root_in_force(tree: Tree) -> Root:
    """The newest root that followers can see.

    Raises:
        NotFoundError, FormatError: there is none, or it cannot be read.
    """
    root = read_role(tree.metadata / "root.json", Root)
    while (tree.metadata / f"{root.version + 1}.root.json").exists():
        root = read_role(tree.metadata / f"{root.version + 1}.root.json", Root)
    return root


def current_path(tree: Tree, role: str) -> Path:
    """The file of a role other than root as the timestamp in force has it."""
    path = tree.metadata / "timestamp.json"
    if role == "timestamp":
        return path
    version = read_role(path, Timestamp).snapshot_meta.version
    path = tree.metadata / f"{version}.snapshot.json"
    if role == "snapshot":
        return path
    version = read_role(path, Snapshot).meta[f"{role}.json"].version
    return tree.metadata / f"{version}.{role}.json"


def current(tree: Tree, role: str, kind: type[S]) -> S:
    """The role as the timestamp in force has it; what that does not reach does not count."""
    return read_role(current_path(tree, role), kind)


def read_role(path: Path, kind: type[S]) -> S:
    """What the role file at `path` says.

    Raises:
        NotFoundError, FormatError: it is not there, or is not a `kind`.
    """
    return read_metadata(path, kind).signed


def read_metadata(path: Path, kind: type[S]) -> Metadata[S]:
    """As `read_role`, with the signatures, which nobody checked yet."""
    try:
        metadata: Metadata[S] = Metadata.from_bytes(path.read_bytes())
    except FileNotFoundError:
        raise NotFoundError(
            f"{path}: missing from the archive's metadata; restore metadata/ from a copy, every "
            "edition holds one"
        ) from None
    except (DeserializationError, RepositoryError) as error:
        raise FormatError(f"{path}: {error}; restore it from a copy") from error
    if not isinstance(metadata.signed, kind):
        raise FormatError(f"{path}: holds the role {metadata.signed.type}; restore it from a copy")
    return metadata


def online_keyids(root: Root, targets: Targets) -> dict[str, list[str]]:
    """The ids of the keys that may sign each online role."""
    keyids = {role: root.roles[role].keyids for role in ("snapshot", "timestamp")}
    if targets.delegations is not None and targets.delegations.roles is not None:
        keyids["revocations"] = targets.delegations.roles["revocations"].keyids
    return keyids


def open_online(tree: Tree) -> KeyRing:
    """The online keys, with those that wait to replace them."""
    return open_keys(tree.online_keys)


def is_signed_enough(root: Root, role: str, metadata: Metadata[S]) -> bool:
    """Whether `metadata` has the signatures that `root` asks for."""
    payload = metadata.signed_bytes
    return root.get_verification_result(role, payload, metadata.signatures).verified


def sign(signed: S, signers: Iterable[CryptoSigner]) -> bytes:
    """`signed` as a role file with the signatures of `signers`."""
    metadata: Metadata[S] = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def write_next(tree: Tree, role: str, signed: S, signers: Sequence[CryptoSigner]) -> int:
    """Write the version after `signed.version`; returns its number."""
    signed.version += 1
    return write_version(tree, role, signed, signers)


def write_version(tree: Tree, role: str, signed: S, signers: Sequence[CryptoSigner]) -> int:
    """Write `signed` as it is, or under the next number that stands for nothing else."""
    while True:
        content = sign(signed, signers)
        path = tree.metadata / f"{signed.version}.{role}.json"
        if not path.exists():
            write_bytes(path, content)
        if path.read_bytes() == content:
            return signed.version
        signed.version += 1


def commit_state(
    tree: Tree,
    versions: Mapping[str, int],
    contents: Mapping[str, bytes],
    now: datetime,
    *,
    root: Root,
    incoming: IncomingRoot | None = None,
    targets_fit: bool = True,
) -> None:
    """Snapshot, target files, timestamp; with an incoming root, both are signed with the keys of
    both roots that are at hand, so that a follower who sees either is content.

    The timestamp is out before the incoming root where the root in force accepts it and the
    targets (`targets_fit`), else just after it.
    """
    snapshot = Snapshot(expires=end(now, ONLINE_DAYS))
    timestamp = Timestamp(expires=end(now, ONLINE_DAYS))
    if (tree.metadata / "timestamp.json").exists():
        snapshot.version = current(tree, "snapshot", Snapshot).version
        timestamp.version = current(tree, "timestamp", Timestamp).version + 1
    else:
        snapshot.version = 0
    snapshot.meta = {f"{role}.json": MetaFile(version) for role, version in versions.items()}
    ring = open_online(tree)
    final = incoming.root if incoming else root
    signers: dict[str, list[CryptoSigner]] = {}
    for role in ("snapshot", "timestamp"):
        ring.require(role, final.roles[role].keyids)
        signers[role] = ring.select([*root.roles[role].keyids, *final.roles[role].keyids])
    timestamp.snapshot_meta = MetaFile(write_next(tree, "snapshot", snapshot, signers["snapshot"]))
    for path, content in contents.items():
        if not holds(tree.root / path, content):
            write_bytes(tree.root / path, content)
    smooth = targets_fit and all(ring.select(root.roles[r].keyids) for r in signers)
    if incoming and not smooth:
        write_root(tree, incoming)
    write_bytes(tree.metadata / "timestamp.json", sign(timestamp, signers["timestamp"]))
    if incoming and smooth:
        write_root(tree, incoming)


def write_root(tree: Tree, incoming: IncomingRoot) -> None:
    """Put a root in force."""
    path = tree.metadata / f"{incoming.root.version}.root.json"
    if not path.exists():
        write_bytes(path, incoming.content)
    write_bytes(tree.metadata / "root.json", path.read_bytes())


def sweep(tree: Tree) -> None:
    """Complete and remove what killed writers left; the caller holds the archive's lock.

    Half-written files go; a copy of the root that is behind is renewed; online keys in force that
    still wait take their places.
    """
    for directory in (tree.root, tree.metadata, tree.ceremony):
        for path in directory.glob(f".*{TEMPORARY_SUFFIX}"):
            path.unlink(missing_ok=True)
    sweep_keys(tree.online_keys)
    root = root_in_force(tree)
    newest = tree.metadata / f"{root.version}.root.json"
    if newest.exists() and not holds(tree.metadata / "root.json", newest.read_bytes()):
        write_bytes(tree.metadata / "root.json", newest.read_bytes())
    if any(tree.online_keys.glob("*.next.pem")):
        in_force = online_keyids(root, current(tree, "targets", Targets))
        for role in ONLINE_ROLES:
            promote_key(tree.online_keys, role, in_force[role])


def holds(path: Path, content: bytes) -> bool:
    """Whether the file at `path` has this content."""
    return path.is_file() and path.read_bytes() == content


def end(now: datetime, days: int) -> datetime:
    """When what is signed `now` for `days` runs out."""
    return now.replace(microsecond=0) + timedelta(days=days)


def is_due(signed: Root | Targets, now: datetime, days: int) -> bool:
    """Whether half of the time it was signed for has run."""
    return signed.expires - now <= timedelta(days=days) / 2


def shown(keyids: Iterable[str]) -> str:
    """Key ids for a message."""
    return ", ".join(short(keyid) for keyid in sorted(keyids))
