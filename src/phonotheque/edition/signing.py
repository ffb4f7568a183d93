"""The TUF repository of an archive (TUF 1.0.34, through python-tuf; docs/formats/trust.md).

Metadata is written in the order targets or revocations, snapshot, target files, and
`timestamp.json` last: a reader sees the old state or the new one. After a kill the same call with
the same `now` gives the same bytes. A version number is never given to two different contents:
what a cut-short run left behind is either exactly what is wanted, or its number is passed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from phonotheque.edition.keys import (
    OFFLINE_ROLES,
    ONLINE_ROLES,
    ensure_keys,
    key_path,
    load_signer,
)
from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.storage.durable import TEMPORARY_SUFFIX, ensure_directory, write_bytes
from phonotheque.storage.layout import Tree

REVOCATIONS = "revocations.json"
OFFLINE_DAYS = 365
ONLINE_DAYS = 7
S = TypeVar("S", Root, Snapshot, Targets, Timestamp)


@dataclass(frozen=True, slots=True)
class OfflineKeys:
    """Where the offline keys are, and what opens them."""

    directory: Path
    passphrase: bytes | None = None


def init_repository(tree: Tree, keys: OfflineKeys, revocations: bytes, now: datetime) -> None:
    """Make keys that are missing, and version 1 of every role; nothing when it was done before.

    `revocations` is the first content of ``revocations.json``.
    """
    if (tree.metadata / "timestamp.json").exists():
        return
    ensure_keys(keys.directory, OFFLINE_ROLES, keys.passphrase)
    ensure_keys(tree.online_keys, ONLINE_ROLES)
    root_signer = load_signer(keys.directory, "root", keys.passphrase)
    targets_signer = load_signer(keys.directory, "targets", keys.passphrase)
    online = {role: load_signer(tree.online_keys, role) for role in ONLINE_ROLES}
    root = _first_root({"root": root_signer, "targets": targets_signer, **online}, now)
    content = _sign(root, root_signer)
    ensure_directory(tree.metadata)
    write_bytes(tree.metadata / "1.root.json", content)
    write_bytes(tree.metadata / "root.json", content)
    targets = Targets(expires=_end(now, OFFLINE_DAYS), delegations=_delegations(online))
    first = _write_version(tree, "targets", targets, targets_signer)
    revoked = Targets(expires=_end(now, ONLINE_DAYS))
    revoked.targets[REVOCATIONS] = TargetFile.from_data(REVOCATIONS, revocations, ["sha256"])
    none = _write_version(tree, "revocations", revoked, online["revocations"])
    _commit(tree, {"targets": first, "revocations": none}, {REVOCATIONS: revocations}, now)


def publish_targets(
    tree: Tree,
    contents: Mapping[str, bytes],
    keys: OfflineKeys,
    now: datetime,
    *,
    valid_days: int = OFFLINE_DAYS,
) -> bool:
    """Sign `contents` (path below the archive's root → bytes) as targets beside earlier ones.

    Files that do not hold these bytes yet are written, just before the new timestamp. Returns
    whether anything was to do; the online roles are renewed by the way. Targets that are listed
    already are signed anew when half of their time has run and the key is at hand.

    Raises:
        NotFoundError: the offline keys are not at hand, or there is no repository.
        InputError: the passphrase does not open them.
    """
    _sweep(tree)
    targets = _current(tree, "targets", Targets)
    wanted = {p: TargetFile.from_data(p, c, ["sha256"]) for p, c in contents.items()}
    listed = all(targets.targets.get(path) == target for path, target in wanted.items())
    due = _is_due(targets, now, valid_days) and key_path(keys.directory, "targets").is_file()
    if listed and not due and all(_holds(tree.root / path, c) for path, c in contents.items()):
        return False
    version = targets.version
    if due or not listed:
        targets.targets.update(wanted)
        targets.expires = _end(now, valid_days)
        signer = load_signer(keys.directory, "targets", keys.passphrase)
        version = _write_next(tree, "targets", targets, signer)
    revoked = _write_next_revocations(tree, None, now)
    _commit(tree, {"targets": version, "revocations": revoked}, contents, now)
    return True


def renew_root(tree: Tree, keys: OfflineKeys, now: datetime) -> bool:
    """Sign the root anew, with the same keys, when half of its time has run; returns whether.

    Nothing is done without the root key, or where that key alone is not enough (a threshold).

    Raises:
        InputError: the passphrase does not open the key.
    """
    newest = tree.metadata / "root.json"
    root = _read(newest, Root)
    if not _is_due(root, now, OFFLINE_DAYS) or not key_path(keys.directory, "root").is_file():
        return False
    path = tree.metadata / f"{root.version + 1}.root.json"
    if not path.exists():
        root.version += 1
        root.expires = _end(now, OFFLINE_DAYS)
        content = _sign(root, load_signer(keys.directory, "root", keys.passphrase))
        if not _is_signed_enough(root, content):
            return False
        write_bytes(path, content)
    write_bytes(newest, path.read_bytes())
    return True


def publish_revocations(tree: Tree, content: bytes, now: datetime) -> bool:
    """Put `content` in ``revocations.json`` and sign it with online keys alone.

    Returns whether anything was to do: equal content with more than half of its time to run is
    left as it is.
    """
    _sweep(tree)
    revoked = _current(tree, "revocations", Targets)
    listed = revoked.targets.get(REVOCATIONS)
    same = listed == TargetFile.from_data(REVOCATIONS, content, ["sha256"])
    if same and is_fresh(tree, now) and _holds(tree.root / REVOCATIONS, content):
        return False
    version = _write_next_revocations(tree, content, now)
    targets = _current(tree, "targets", Targets)
    versions = {"targets": targets.version, "revocations": version}
    _commit(tree, versions, {REVOCATIONS: content}, now)
    return True


def renew_online(tree: Tree, now: datetime) -> bool:
    """Sign the online roles again when half of their time has run; returns whether it had."""
    return publish_revocations(tree, (tree.root / REVOCATIONS).read_bytes(), now)


def online_expiry(tree: Tree) -> datetime:
    """When the online roles run out, which are signed together.

    Raises:
        NotFoundError, FormatError: there is no timestamp, or it cannot be read.
    """
    return _current(tree, "timestamp", Timestamp).expires


def is_fresh(tree: Tree, now: datetime) -> bool:
    """Whether more than half of the time of the online roles is left."""
    return online_expiry(tree) - now > timedelta(days=ONLINE_DAYS) / 2


def _is_due(signed: Root | Targets, now: datetime, days: int) -> bool:
    return signed.expires - now <= timedelta(days=days) / 2


def _is_signed_enough(root: Root, content: bytes) -> bool:
    metadata = Metadata.from_bytes(content)
    try:
        root.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
    except RepositoryError:
        return False
    return True


def _first_root(signers: Mapping[str, CryptoSigner], now: datetime) -> Root:
    root = Root(expires=_end(now, OFFLINE_DAYS), consistent_snapshot=True)
    for role in ("root", "targets", "snapshot", "timestamp"):
        root.roles[role] = Role([], 1)
        root.add_key(signers[role].public_key, role)
    return root


def _delegations(online: Mapping[str, CryptoSigner]) -> Delegations:
    key = online["revocations"].public_key
    role = DelegatedRole("revocations", [key.keyid], 1, terminating=True, paths=[REVOCATIONS])
    return Delegations({key.keyid: key}, {"revocations": role})


def _write_next_revocations(tree: Tree, content: bytes | None, now: datetime) -> int:
    revoked = _current(tree, "revocations", Targets)
    if content is not None:
        target = TargetFile.from_data(REVOCATIONS, content, ["sha256"])
        revoked.targets[REVOCATIONS] = target
    revoked.expires = _end(now, ONLINE_DAYS)
    return _write_next(tree, "revocations", revoked, load_signer(tree.online_keys, "revocations"))


def _commit(
    tree: Tree, versions: Mapping[str, int], contents: Mapping[str, bytes], now: datetime
) -> None:
    """Snapshot, target files, timestamp."""
    snapshot = Snapshot(expires=_end(now, ONLINE_DAYS))
    timestamp = Timestamp(expires=_end(now, ONLINE_DAYS))
    if (tree.metadata / "timestamp.json").exists():
        snapshot.version = _current(tree, "snapshot", Snapshot).version
        timestamp.version = _current(tree, "timestamp", Timestamp).version + 1
    else:
        snapshot.version = 0
    snapshot.meta = {f"{role}.json": MetaFile(version) for role, version in versions.items()}
    signer = load_signer(tree.online_keys, "snapshot")
    timestamp.snapshot_meta = MetaFile(_write_next(tree, "snapshot", snapshot, signer))
    for path, content in contents.items():
        if not _holds(tree.root / path, content):
            write_bytes(tree.root / path, content)
    signed = _sign(timestamp, load_signer(tree.online_keys, "timestamp"))
    write_bytes(tree.metadata / "timestamp.json", signed)


def _current(tree: Tree, role: str, kind: type[S]) -> S:
    """The role as the timestamp now in force has it; what it does not reach does not count."""
    if role == "timestamp":
        return _read(tree.metadata / "timestamp.json", kind)
    timestamp = _read(tree.metadata / "timestamp.json", Timestamp)
    path = tree.metadata / f"{timestamp.snapshot_meta.version}.snapshot.json"
    if role != "snapshot":
        version = _read(path, Snapshot).meta[f"{role}.json"].version
        path = tree.metadata / f"{version}.{role}.json"
    return _read(path, kind)


def _read(path: Path, kind: type[S]) -> S:
    try:
        signed = Metadata.from_bytes(path.read_bytes()).signed
    except FileNotFoundError:
        raise NotFoundError(
            f"{path}: missing from the archive's metadata; restore metadata/ from a copy, every "
            "edition holds one"
        ) from None
    except (DeserializationError, RepositoryError) as error:
        raise FormatError(f"{path}: {error}; restore it from a copy") from error
    if not isinstance(signed, kind):
        raise FormatError(f"{path}: holds the role {signed.type}; restore it from a copy")
    return signed


def _write_next(tree: Tree, role: str, signed: S, signer: CryptoSigner) -> int:
    signed.version += 1
    return _write_version(tree, role, signed, signer)


def _write_version(tree: Tree, role: str, signed: S, signer: CryptoSigner) -> int:
    while True:
        content = _sign(signed, signer)
        path = tree.metadata / f"{signed.version}.{role}.json"
        if not path.exists():
            write_bytes(path, content)
        if path.read_bytes() == content:
            return signed.version
        signed.version += 1


def _sign(signed: S, signer: CryptoSigner) -> bytes:
    metadata: Metadata[S] = Metadata(signed)
    metadata.sign(signer)
    return metadata.to_bytes()


def _sweep(tree: Tree) -> None:
    """Remove what killed writers left half-written; the caller holds the archive's lock."""
    for directory in (tree.root, tree.metadata):
        for path in directory.glob(f".*{TEMPORARY_SUFFIX}"):
            path.unlink(missing_ok=True)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _end(now: datetime, days: int) -> datetime:
    return now.replace(microsecond=0) + timedelta(days=days)
