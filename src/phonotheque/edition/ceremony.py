"""The ceremony: new roots and targets are proposed, signed by their holders, and put in force.

    draft (what is staged, else what is in force) ─► change ─► stage ─► signatures ─► commit

All that is staged goes out together, or nothing does. Killed anywhere, the same call again
carries on, and a follower sees the old state or the new one (docs/formats/trust.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from securesystemslib.exceptions import Error as SignatureProblem
from securesystemslib.signer import Key
from tuf.api.metadata import Metadata, Root, Targets, VerificationResult

from phonotheque.edition.keys import OFFLINE_ROLES, KeyRing, short
from phonotheque.edition.role_files import (
    OFFLINE_DAYS,
    ONLINE_DAYS,
    IncomingRoot,
    S,
    commit_state,
    current,
    current_path,
    end,
    holds,
    is_due,
    is_signed_enough,
    online_keyids,
    open_online,
    read_metadata,
    root_in_force,
    sweep,
    write_next,
)
from phonotheque.edition.staging import (
    Proposal,
    Staged,
    collect,
    describe,
    drop_staged,
    finished,
    read_carried,
    read_staged,
    stage_content,
    staged_contents,
    write_staged,
)
from phonotheque.model.errors import InputError, TrustError, UsageError
from phonotheque.storage.durable import write_bytes
from phonotheque.storage.layout import Tree


@dataclass(slots=True)
class Draft:
    """Root and targets as they shall be; `root` and `targets` are there to be changed."""

    tree: Tree
    in_force: Root
    in_force_targets: Metadata[Targets]
    staged_root: Staged[Root] | None
    staged_targets: Staged[Targets] | None
    root: Root
    targets: Targets


class RoleStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One role. `keys` are key ids; `state`: fresh, due (half of it has run), expired."""

    role: str
    version: int
    threshold: int
    keys: list[str]
    expires: str
    state: str


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """What went out: versions of root and targets, None where they stayed."""

    root: int | None
    targets: int | None


def open_draft(tree: Tree) -> Draft:
    """What is staged, else what is in force."""
    in_force = root_in_force(tree)
    targets = read_metadata(current_path(tree, "targets"), Targets)
    staged_root = read_staged(tree, "root", Root)
    staged_targets = read_staged(tree, "targets", Targets)
    if staged_root and staged_root.signed.version != in_force.version + 1:
        staged_root = None
    if staged_targets and staged_targets.signed.version <= targets.signed.version:
        staged_targets = None
    return Draft(
        tree=tree,
        in_force=in_force,
        in_force_targets=targets,
        staged_root=staged_root,
        staged_targets=staged_targets,
        root=deepcopy(staged_root.signed if staged_root else in_force),
        targets=deepcopy(staged_targets.signed if staged_targets else targets.signed),
    )


def stage(
    draft: Draft,
    ring: KeyRing,
    now: datetime,
    contents: Mapping[str, bytes] | None = None,
    *,
    renew: Iterable[str] = (),
    dry_run: bool = False,
) -> list[Proposal]:
    """Propose what `draft` changes, and what has to be signed anew because of it.

    Signed with the keys of `ring` that are asked for. `renew`: roles to propose though nothing in
    them changes. Nothing is written for a role that stays; `contents` are kept for the targets.
    """
    tree, proposals = draft.tree, []
    for content in () if dry_run else (contents or {}).values():
        stage_content(tree, content)
    root = draft.root
    if draft.staged_root or _says(root) != _says(draft.in_force) or "root" in renew:
        kept = draft.staged_root
        if kept and _says(kept.signed) == _says(root) and not is_due(root, now, OFFLINE_DAYS):
            root = kept.signed
        else:
            root.version, root.expires = draft.in_force.version + 1, end(now, OFFLINE_DAYS)
        keys = [*_keys_of(draft.in_force, "root"), *_keys_of(root, "root")]
        draft.staged_root = write_staged(tree, root, keys, ring, kept, dry_run=dry_run)
    elif not dry_run:
        drop_staged(tree, "root")
    if draft.staged_root:
        draft.root = draft.staged_root.signed
        proposals.append(_describe_root(draft.staged_root, draft.in_force))
    if _needs_targets(draft, renew):
        staged = _stage_targets(draft, ring, now, dry_run=dry_run)
        proposals.append(_describe_targets(staged, draft.root))
    elif not dry_run:
        drop_staged(tree, "targets")
    return proposals


def _needs_targets(draft: Draft, renew: Iterable[str]) -> bool:
    changed = _says(draft.targets) != _says(draft.in_force_targets.signed)
    unfit = not is_signed_enough(draft.root, "targets", draft.in_force_targets)
    return bool(draft.staged_targets) or changed or unfit or "targets" in renew


def _stage_targets(draft: Draft, ring: KeyRing, now: datetime, *, dry_run: bool) -> Staged[Targets]:
    targets, kept = draft.targets, draft.staged_targets
    if kept and _says(kept.signed) == _says(targets) and not is_due(targets, now, OFFLINE_DAYS):
        targets = kept.signed
    else:
        targets.expires = end(now, OFFLINE_DAYS)
        targets.version = draft.in_force_targets.signed.version + 1
        while (draft.tree.metadata / f"{targets.version}.targets.json").exists():
            targets.version += 1
    keys = [*_keys_of(draft.in_force, "targets"), *_keys_of(draft.root, "targets")]
    staged = write_staged(draft.tree, targets, keys, ring, kept, dry_run=dry_run)
    draft.staged_targets = staged
    return staged


def list_proposals(tree: Tree) -> list[Proposal]:
    """What waits for signatures, and how many are missing."""
    draft = open_draft(tree)
    found = []
    if draft.staged_root:
        found.append(_describe_root(draft.staged_root, draft.in_force))
    if draft.staged_targets:
        found.append(_describe_targets(draft.staged_targets, draft.root))
    return found


def list_roles(tree: Tree, now: datetime) -> list[RoleStatus]:
    """How each role stands, as it is in force."""
    root = root_in_force(tree)
    targets = current(tree, "targets", Targets)
    keyids = {"root": root.roles["root"].keyids, "targets": root.roles["targets"].keyids}
    keyids |= online_keyids(root, targets)
    found = []
    for role, ids in keyids.items():
        signed: Any = root
        if role != "root":
            signed = Metadata[Any].from_bytes(current_path(tree, role).read_bytes()).signed
        days = OFFLINE_DAYS if role in OFFLINE_ROLES else ONLINE_DAYS
        state = "due" if is_due(signed, now, days) else "fresh"
        found.append(
            RoleStatus(
                role=role,
                version=signed.version,
                threshold=root.roles[role].threshold if role in root.roles else 1,
                keys=sorted(ids),
                expires=f"{signed.expires:%Y-%m-%d %H:%M} UTC",
                state="expired" if signed.expires <= now else state,
            )
        )
    return found


def collect_files(tree: Tree, paths: Sequence[Path]) -> int:
    """Take over the signatures of copies that come back from holders; how many were new.

    Raises:
        NotFoundError, InputError: no such file, not a copy of what is staged, or a signature that
            does not hold; nothing of that file is taken over.
    """
    draft, new = open_draft(tree), 0
    known = {**draft.in_force.keys, **draft.root.keys}
    for path in paths:
        carried = read_carried(path)
        is_root = carried.signed.type == "root"
        staged: Staged[Any] | None = draft.staged_root if is_root else draft.staged_targets
        if staged is None:
            raise InputError(
                f"{path}: no proposal for {carried.signed.type} waits here; it is out already, or "
                "was dropped"
            )
        for keyid, signature in carried.signatures.items():
            if signature.signature and keyid in known:
                _check_signature(path, known[keyid], carried)
        added = collect(staged, carried, path)
        if added:
            write_bytes(staged.path, staged.metadata.to_bytes())
        new += added
    return new


def commit_proposals(tree: Tree, now: datetime) -> Committed:
    """Put everything in force that is staged, online roles signed anew with it.

    Raises:
        UsageError: nothing is staged.
        TrustError: signatures are missing, or a proposal was overtaken; nothing was written.
        NotFoundError: the online keys are not there.
    """
    sweep(tree)
    draft = open_draft(tree)
    proposals = list_proposals(tree)
    if not proposals:
        out = drop_staged(tree, "root") + drop_staged(tree, "targets")
        if not out:
            raise UsageError(f"{tree.root}: nothing waits for signatures")
        return Committed(root=None, targets=None)  # a killed run left only the clearing up
    _check_enough(proposals)
    staged = draft.staged_targets
    metadata = staged.metadata if staged else draft.in_force_targets
    content = finished(metadata)
    _check_successor(draft, metadata, content)
    ring, targets = open_online(tree), metadata.signed
    keyids = online_keyids(draft.root, targets)
    for role, wanted in keyids.items():
        ring.require(role, wanted)
    versions = {"targets": targets.version, "revocations": 0}
    path = tree.metadata / f"{targets.version}.targets.json"
    if not path.exists():
        write_bytes(path, content)
    revoked = current(tree, "revocations", Targets)
    revoked.expires = end(now, ONLINE_DAYS)
    signers = ring.select(keyids["revocations"])
    versions["revocations"] = write_next(tree, "revocations", revoked, signers)
    incoming = draft.staged_root
    commit_state(
        tree,
        versions,
        staged_contents(tree, targets),
        now,
        root=draft.in_force,
        incoming=IncomingRoot(incoming.signed, finished(incoming.metadata)) if incoming else None,
        targets_fit=is_signed_enough(draft.in_force, "targets", metadata),
    )
    sweep(tree)
    for role in ("root", "targets"):
        drop_staged(tree, role)
    return Committed(
        root=incoming.signed.version if incoming else None,
        targets=targets.version if staged else None,
    )


def is_complete(proposals: Iterable[Proposal]) -> bool:
    """Whether no signature is missing."""
    return not any(proposal.missing for proposal in proposals)


def _check_enough(proposals: Iterable[Proposal]) -> None:
    lacking = [
        f"{p.path} lacks {p.missing} of the keys {', '.join(short(k) for k in p.unsigned)}"
        for p in proposals
        if p.missing
    ]
    if lacking:
        raise TrustError(
            f"{'; '.join(lacking)}: carry it to their holders (`phonotheque keys sign FILE --keys "
            "DIR`) and commit again; nothing went out"
        )


def _check_successor(draft: Draft, metadata: Metadata[Targets], content: bytes) -> None:
    if not is_signed_enough(draft.root, "targets", metadata):
        raise TrustError(
            f"{current_path(draft.tree, 'targets')}: not signed with the keys of root "
            f"{draft.root.version}; stage it anew with `phonotheque keys renew`"
        )
    if draft.staged_targets is None:
        return
    lost = set(draft.in_force_targets.signed.targets) - set(metadata.signed.targets)
    path = draft.tree.metadata / f"{metadata.signed.version}.targets.json"
    if lost or (path.exists() and not holds(path, content)):
        raise TrustError(
            f"{draft.staged_targets.path}: was overtaken by what was published since; remove it "
            "with `phonotheque keys drop` and propose it again"
        )


def _check_signature(path: Path, key: Key, carried: Metadata[S]) -> None:
    try:
        key.verify_signature(carried.signatures[key.keyid], carried.signed_bytes)
    except SignatureProblem as error:
        raise InputError(
            f"{path}: the signature of key {short(key.keyid)} does not hold; have it signed again"
        ) from error


def _describe_root(staged: Staged[Root], in_force: Root) -> Proposal:
    payload, signatures = staged.metadata.signed_bytes, staged.metadata.signatures
    result = staged.signed.get_root_verification_result(in_force, payload, signatures)
    return describe(staged.path, staged.metadata, [result.first, result.second])


def _describe_targets(staged: Staged[Targets], root: Root) -> Proposal:
    payload, signatures = staged.metadata.signed_bytes, staged.metadata.signatures
    result: VerificationResult = root.get_verification_result("targets", payload, signatures)
    return describe(staged.path, staged.metadata, [result])


def _keys_of(root: Root, role: str) -> list[Key]:
    return [root.keys[keyid] for keyid in root.roles[role].keyids]


def _says(signed: Root | Targets) -> object:
    """What a role says, apart from its number and its date."""
    return {k: v for k, v in signed.to_dict().items() if k not in ("version", "expires")}
