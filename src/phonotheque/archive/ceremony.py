"""The ceremony of keys at an archive, or at a mirror that takes over from an origin that is gone.

Every operation works under the tree's lock, and is carried on by the same call again when it was
cut short (docs/operations/keys.md).
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from phonotheque.archive.init import offline_keys
from phonotheque.archive.releasing import complete_release
from phonotheque.edition import (
    OFFLINE_ROLES,
    ONLINE_ROLES,
    OfflineKeys,
    Proposal,
    RoleStatus,
    change_keys,
    collect_files,
    commit_proposals,
    drop_staged,
    is_complete,
    list_proposals,
    list_roles,
    next_key_path,
    open_draft,
    open_keys,
    read_public_key,
    replace_key,
    stage,
    sweep,
)
from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing


class KeysStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the roles stand, and what waits. `root_sha256`: the first root's fingerprint, if here."""

    root_sha256: str | None
    roles: list[RoleStatus]
    proposals: list[Proposal]


class CeremonyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed or would be. `out`: it is in force; else `proposals` wait for signatures.

    `made`: files of new private keys. `edition`: what came out with the signatures.
    """

    changes: list[str]
    proposals: list[Proposal]
    out: bool
    made: list[str] = []
    edition: str | None = None


def key_status(tree: Tree, now: datetime) -> KeysStatus:
    """How the keys and signatures of the archive or mirror at `tree` stand. Reads only.

    Raises:
        NotFoundError, FormatError: there is no metadata, or it cannot be read.
    """
    first = tree.metadata / "1.root.json"
    return KeysStatus(
        root_sha256=sha256(first.read_bytes()).hexdigest() if first.is_file() else None,
        roles=list_roles(tree, now),
        proposals=list_proposals(tree),
    )


def rotate_keys(
    tree: Tree,
    roles: Sequence[str],
    now: datetime,
    *,
    add: Sequence[Path] = (),
    remove: Sequence[str] = (),
    threshold: int | None = None,
    keys_dir: Path | None = None,
    passphrase: bytes | None = None,
    dry_run: bool = False,
) -> CeremonyReport:
    """Replace the key of each of `roles` by a new one; or, with `add` (public key files), `remove`
    (beginnings of key ids) or `threshold`, change the keys of one. It is signed with the keys at
    hand, and goes out when they are enough.

    Raises:
        UsageError: roles or keys that cannot be changed so.
        NotFoundError, InputError: keys that are not there, or do not open.
    """
    keys = _offline_keys(tree, keys_dir, passphrase)
    if not roles:
        raise UsageError(f"name a role: one of {', '.join((*OFFLINE_ROLES, *ONLINE_ROLES))}")
    _check_open(keys)
    changing = bool(add or remove or threshold is not None)
    if changing and len(roles) != 1:
        raise UsageError("--add, --remove and --threshold are for one role at a time")
    public = [read_public_key(path) for path in add]
    with writing(tree.root):
        if not dry_run:
            sweep(tree)
        draft, changes, made = open_draft(tree), [], []
        if changing:
            changes += change_keys(draft, roles[0], add=public, remove=remove, threshold=threshold)
        else:
            for role in roles:
                path, change = replace_key(draft, role, keys, dry_run=dry_run)
                changes.append(change)
                made.append(str(path))
        ring = open_keys(keys.directory, keys.passphrase)
        proposals = stage(draft, ring, now, dry_run=dry_run)
        report = CeremonyReport(changes=changes, proposals=proposals, out=False, made=made)
        return report if dry_run else _settle(tree, report, now)


def renew_keys(
    tree: Tree,
    now: datetime,
    *,
    keys_dir: Path | None = None,
    passphrase: bytes | None = None,
    dry_run: bool = False,
) -> CeremonyReport:
    """Sign root and targets anew, whenever that was last; with the keys at hand, as `rotate_keys`.

    Raises:
        NotFoundError, InputError: no metadata, or keys that do not open.
    """
    keys = _offline_keys(tree, keys_dir, passphrase)
    _check_open(keys)
    with writing(tree.root):
        if not dry_run:
            sweep(tree)
        ring = open_keys(keys.directory, keys.passphrase)
        proposals = stage(open_draft(tree), ring, now, renew=OFFLINE_ROLES, dry_run=dry_run)
        changes = [f"{p.role}: version {p.version}, valid until {p.expires}" for p in proposals]
        report = CeremonyReport(changes=changes, proposals=proposals, out=False)
        return report if dry_run else _settle(tree, report, now)


def commit_keys(
    tree: Tree, files: Sequence[Path], now: datetime, *, dry_run: bool = False
) -> CeremonyReport:
    """Take over the signatures in `files`, and put what is staged in force.

    Raises:
        TrustError: signatures are missing still; those that came are kept.
        InputError: a file is not a copy of what is staged, or a signature does not hold.
        UsageError: nothing is staged.
        NotFoundError: the online keys are not there.
    """
    with writing(tree.root):
        proposals = list_proposals(tree)
        report = CeremonyReport(changes=[], proposals=proposals, out=False)
        if dry_run:
            return report
        finished = complete_release(tree, now)
        if finished and not proposals:
            return CeremonyReport(changes=[], proposals=[], out=True, edition=finished)
        added = collect_files(tree, files)
        changes = [f"{added} signatures were taken over"] if files else []
        report = CeremonyReport(changes=changes, proposals=list_proposals(tree), out=False)
        return _commit(tree, report, now)


def drop_proposals(tree: Tree, *, dry_run: bool = False) -> list[str]:
    """Throw away what is staged, and online keys that wait for it. Returns the files.

    Raises:
        UsageError: nothing is staged.
    """
    with writing(tree.root):
        found = [proposal.path for proposal in list_proposals(tree)]
        if not dry_run:
            sweep(tree)
            found = [str(p) for role in OFFLINE_ROLES for p in drop_staged(tree, role)] or found
            for role in ONLINE_ROLES:
                next_key_path(tree.online_keys, role).unlink(missing_ok=True)
    if not found:
        raise UsageError(f"{tree.root}: nothing waits for signatures")
    return found


def _settle(tree: Tree, report: CeremonyReport, now: datetime) -> CeremonyReport:
    if not report.proposals or not is_complete(report.proposals):
        return msgspec.structs.replace(report, out=not report.proposals)
    return _commit(tree, report, now)


def _commit(tree: Tree, report: CeremonyReport, now: datetime) -> CeremonyReport:
    done = commit_proposals(tree, now)
    edition = complete_release(tree, now)
    said = {"root": done.root, "targets": done.targets}
    changes = [*report.changes, *(f"{r} {v} is in force" for r, v in said.items() if v)]
    return msgspec.structs.replace(report, changes=changes, proposals=[], out=True, edition=edition)


def _offline_keys(tree: Tree, keys_dir: Path | None, passphrase: bytes | None) -> OfflineKeys:
    if not (tree.metadata / "timestamp.json").exists():
        raise NotFoundError(f"{tree.root}: neither an archive nor a mirror that was synced")
    if not tree.archive_toml.exists():  # a mirror
        return OfflineKeys(keys_dir or tree.offline_keys, passphrase)
    return offline_keys(tree, read_settings(tree), keys_dir, passphrase)


def _check_open(keys: OfflineKeys) -> None:
    ring = open_keys(keys.directory, keys.passphrase)
    if ring.closed and not ring.signers:
        raise InputError(
            f"{ring.closed[0]}: cannot be opened; give its passphrase (--passphrase-variable)"
        )
