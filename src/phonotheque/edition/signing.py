"""The TUF repository of an archive (TUF 1.0.34, through python-tuf; docs/formats/trust.md).

Metadata is written in the order targets or revocations, snapshot, target files, and
`timestamp.json` last: a reader sees the old state or the new one. After a kill the same call with
the same `now` gives the same bytes. A version number is never given to two different contents:
what a cut-short run left behind is either exactly what is wanted, or its number is passed over.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Role,
    Root,
    TargetFile,
    Targets,
    Timestamp,
)

from phonotheque.edition.ceremony import commit_proposals, is_complete, open_draft, stage
from phonotheque.edition.keys import (
    OFFLINE_ROLES,
    ONLINE_ROLES,
    KeyRing,
    OfflineKeys,
    ensure_keys,
    load_signer,
    open_keys,
)
from phonotheque.edition.role_files import (
    OFFLINE_DAYS,
    ONLINE_DAYS,
    IncomingRoot,
    commit_state,
    current,
    end,
    holds,
    is_due,
    is_signed_enough,
    online_keyids,
    open_online,
    root_in_force,
    sign,
    sweep,
    write_next,
    write_root,
    write_version,
)
from phonotheque.edition.staging import staged_paths
from phonotheque.model.errors import UsageError
from phonotheque.storage.durable import ensure_directory, write_bytes
from phonotheque.storage.layout import Tree

REVOCATIONS = "revocations.json"


class Outcome(StrEnum):
    """What became of targets that were to be signed."""

    NOTHING = "nothing"  # all of it is signed already
    OUT = "out"
    STAGED = "staged"  # in ceremony/, until enough holders have signed

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return self is not Outcome.NOTHING


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
    content = sign(root, [root_signer])
    ensure_directory(tree.metadata)
    write_bytes(tree.metadata / "1.root.json", content)
    write_bytes(tree.metadata / "root.json", content)
    targets = Targets(expires=end(now, OFFLINE_DAYS), delegations=_delegations(online))
    first = write_version(tree, "targets", targets, [targets_signer])
    revoked = Targets(expires=end(now, ONLINE_DAYS))
    revoked.targets[REVOCATIONS] = TargetFile.from_data(REVOCATIONS, revocations, ["sha256"])
    none = write_version(tree, "revocations", revoked, [online["revocations"]])
    versions = {"targets": first, "revocations": none}
    commit_state(tree, versions, {REVOCATIONS: revocations}, now, root=root)


def check_publishing(tree: Tree, keys: OfflineKeys) -> None:
    """Raise unless targets could be signed, or staged, now: to be asked before anything is written.

    Raises:
        NotFoundError: no key of targets is at hand where one is enough, or the online keys are not
            there.
        InputError: the passphrase does not open the keys.
        UsageError: a proposal for targets waits for signatures.
    """
    root, targets = root_in_force(tree), current(tree, "targets", Targets)
    online = open_online(tree)
    for role, keyids in online_keyids(root, targets).items():
        online.require(role, keyids)
    waiting = [path for path in staged_paths(tree) if path.name.endswith(".targets.json")]
    if waiting:
        raise UsageError(
            f"{waiting[0]}: waits for signatures; have it signed (`phonotheque keys sign`) and "
            "commit it, or drop it, and then publish"
        )
    signing = root.roles["targets"]
    if signing.threshold == 1:
        open_keys(keys.directory, keys.passphrase).require("targets", signing.keyids)


def publish_targets(
    tree: Tree,
    contents: Mapping[str, bytes],
    keys: OfflineKeys,
    now: datetime,
    *,
    valid_days: int = OFFLINE_DAYS,
) -> Outcome:
    """Sign `contents` (path below the archive's root → bytes) as targets beside earlier ones.

    Files that do not hold these bytes yet are written, just before the new timestamp; the online
    roles are renewed by the way. Where more keys must sign than are at hand, all is staged.
    Targets that are listed already are signed anew when half of their time has run and enough keys
    are at hand.

    Raises:
        NotFoundError: the offline keys are not at hand, or there is no repository.
        InputError: the passphrase does not open them.
    """
    sweep(tree)
    root, targets = root_in_force(tree), current(tree, "targets", Targets)
    wanted = {p: TargetFile.from_data(p, c, ["sha256"]) for p, c in contents.items()}
    listed = all(targets.targets.get(path) == target for path, target in wanted.items())
    role = root.roles["targets"]
    if listed:
        due = is_due(targets, now, valid_days) and not staged_paths(tree)
        ring = open_keys(keys.directory, keys.passphrase) if due else None
        due = ring is not None and len(ring.select(role.keyids)) >= role.threshold
        if not due and all(holds(tree.root / path, c) for path, c in contents.items()):
            return Outcome.NOTHING
    else:
        due, ring = True, open_keys(keys.directory, keys.passphrase)
    version = targets.version
    if due and ring is not None:
        if not listed and (role.threshold > 1 or staged_paths(tree)):
            return _stage_targets(tree, wanted, contents, ring, now)
        targets.targets.update(wanted)
        targets.expires = end(now, valid_days)
        signers = ring.require("targets", role.keyids)
        version = write_next(tree, "targets", targets, signers)
    revoked = _write_next_revocations(tree, root, None, now)
    commit_state(tree, {"targets": version, "revocations": revoked}, contents, now, root=root)
    return Outcome.OUT


def _stage_targets(
    tree: Tree,
    wanted: Mapping[str, TargetFile],
    contents: Mapping[str, bytes],
    ring: KeyRing,
    now: datetime,
) -> Outcome:
    draft = open_draft(tree)
    draft.targets.targets.update(wanted)
    if not is_complete(stage(draft, ring, now, contents)):
        return Outcome.STAGED
    commit_proposals(tree, now)
    return Outcome.OUT


def renew_root(tree: Tree, keys: OfflineKeys, now: datetime) -> bool:
    """Sign the root anew, with the same keys, when half of its time has run; returns whether.

    Nothing is done without enough root keys, or while a proposal waits for signatures.
    """
    sweep(tree)
    root = root_in_force(tree)
    if not is_due(root, now, OFFLINE_DAYS) or staged_paths(tree):
        return False
    signers = open_keys(keys.directory, keys.passphrase).select(root.roles["root"].keyids)
    root.version += 1
    root.expires = end(now, OFFLINE_DAYS)
    content = sign(root, signers)
    if not is_signed_enough(root, "root", Metadata[Root].from_bytes(content)):
        return False
    write_root(tree, IncomingRoot(root, content))
    return True


def publish_revocations(tree: Tree, content: bytes, now: datetime) -> bool:
    """Put `content` in ``revocations.json`` and sign it with online keys alone.

    Returns whether anything was to do: equal content with more than half of its time to run is
    left as it is.
    """
    sweep(tree)
    revoked = current(tree, "revocations", Targets)
    listed = revoked.targets.get(REVOCATIONS)
    same = listed == TargetFile.from_data(REVOCATIONS, content, ["sha256"])
    if same and is_fresh(tree, now) and holds(tree.root / REVOCATIONS, content):
        return False
    root = root_in_force(tree)
    version = _write_next_revocations(tree, root, content, now)
    targets = current(tree, "targets", Targets)
    versions = {"targets": targets.version, "revocations": version}
    commit_state(tree, versions, {REVOCATIONS: content}, now, root=root)
    return True


def renew_online(tree: Tree, now: datetime) -> bool:
    """Sign the online roles again when half of their time has run; returns whether it had."""
    return publish_revocations(tree, (tree.root / REVOCATIONS).read_bytes(), now)


def online_expiry(tree: Tree) -> datetime:
    """When the online roles run out, which are signed together.

    Raises:
        NotFoundError, FormatError: there is no timestamp, or it cannot be read.
    """
    return current(tree, "timestamp", Timestamp).expires


def is_fresh(tree: Tree, now: datetime) -> bool:
    """Whether more than half of the time of the online roles is left."""
    return online_expiry(tree) - now > timedelta(days=ONLINE_DAYS) / 2


def _first_root(signers: Mapping[str, CryptoSigner], now: datetime) -> Root:
    root = Root(expires=end(now, OFFLINE_DAYS), consistent_snapshot=True)
    for role in ("root", "targets", "snapshot", "timestamp"):
        root.roles[role] = Role([], 1)
        root.add_key(signers[role].public_key, role)
    return root


def _delegations(online: Mapping[str, CryptoSigner]) -> Delegations:
    key = online["revocations"].public_key
    role = DelegatedRole("revocations", [key.keyid], 1, terminating=True, paths=[REVOCATIONS])
    return Delegations({key.keyid: key}, {"revocations": role})


def _write_next_revocations(tree: Tree, root: Root, content: bytes | None, now: datetime) -> int:
    revoked, targets = current(tree, "revocations", Targets), current(tree, "targets", Targets)
    if content is not None:
        target = TargetFile.from_data(REVOCATIONS, content, ["sha256"])
        revoked.targets[REVOCATIONS] = target
    revoked.expires = end(now, ONLINE_DAYS)
    keyids = online_keyids(root, targets)["revocations"]
    signers = open_online(tree).require("revocations", keyids)
    return write_next(tree, "revocations", revoked, signers)
