"""Changes to a draft of root and targets: which keys a role has, and how many must sign."""

from collections.abc import Sequence
from pathlib import Path

from securesystemslib.signer import Key

from phonotheque.edition.ceremony import Draft
from phonotheque.edition.keys import (
    OFFLINE_ROLES,
    ONLINE_ROLES,
    OfflineKeys,
    ensure_key,
    next_key_path,
    short,
)
from phonotheque.model.errors import UsageError


def change_keys(
    draft: Draft,
    role: str,
    *,
    add: Sequence[Key] = (),
    remove: Sequence[str] = (),
    threshold: int | None = None,
) -> list[str]:
    """Give root or targets further keys, take some away (beginnings of key ids), set how many must
    sign. Returns what changes, in lines.

    Raises:
        UsageError: another role, no such key, or a threshold that its keys cannot reach.
    """
    if role not in OFFLINE_ROLES:
        raise UsageError(
            f"{role}: its key is online and the only one; `phonotheque keys rotate ARCHIVE {role}` "
            "replaces it"
        )
    said, entry = [], draft.root.roles[role]
    for key in add:
        if key.keyid not in entry.keyids:
            said.append(f"{role}: key {short(key.keyid)} is added")
        draft.root.add_key(key, role)
    for beginning in remove:
        found = [keyid for keyid in entry.keyids if keyid.startswith(beginning.lower())]
        if len(found) != 1:
            raise UsageError(
                f"{beginning}: names {len(found)} keys of the role {role}; it has "
                f"{', '.join(short(keyid) for keyid in entry.keyids)}"
            )
        draft.root.revoke_key(found[0], role)
        said.append(f"{role}: key {short(found[0])} is removed")
    if threshold is not None and threshold != entry.threshold:
        said.append(f"{role}: {threshold} of {len(entry.keyids)} keys must sign")
        entry.threshold = threshold
    if not 1 <= entry.threshold <= len(entry.keyids):
        raise UsageError(
            f"{role}: {entry.threshold} signatures of {len(entry.keyids)} keys cannot be; add keys "
            f"first (`phonotheque keys rotate ARCHIVE {role} --add FILE.pub`), or set --threshold"
        )
    return said


def replace_key(draft: Draft, role: str, keys: OfflineKeys, *, dry_run: bool) -> tuple[Path, str]:
    """Replace the one key that `role` has by a new one, which is made: in the archive for an online
    role, else in the directory of `keys`. Returns where it is and what changes.

    Raises:
        UsageError: no such role, or one that has several keys.
    """
    if role not in (*OFFLINE_ROLES, *ONLINE_ROLES):
        raise UsageError(f"{role}: no role; one of {', '.join((*OFFLINE_ROLES, *ONLINE_ROLES))}")
    if role in ONLINE_ROLES:
        path = next_key_path(draft.tree.online_keys, role)
        key = ensure_key(path, dry_run=dry_run)
        _set_online_key(draft, role, key)
        return path, f"{role}: key {short(key.keyid)} replaces the one in force"
    path = keys.directory / f"{role}-{draft.in_force.version + 1}.pem"
    before = draft.in_force.roles[role].keyids
    if len(before) != 1:
        raise UsageError(
            f"{role}: has {len(before)} keys; say which goes and which comes with --remove KEYID "
            "and --add FILE.pub (`phonotheque keys make` makes one)"
        )
    key = ensure_key(path, keys.passphrase, dry_run=dry_run)
    draft.root.add_key(key, role)
    for keyid in [k for k in draft.root.roles[role].keyids if k != key.keyid]:
        draft.root.revoke_key(keyid, role)
    return path, f"{role}: key {short(key.keyid)} replaces {short(before[0])}"


def _set_online_key(draft: Draft, role: str, key: Key) -> None:
    if role != "revocations":
        for keyid in list(draft.root.roles[role].keyids):
            draft.root.revoke_key(keyid, role)
        draft.root.add_key(key, role)
        return
    delegations = draft.targets.delegations
    assert delegations is not None and delegations.roles is not None
    entry = delegations.roles[role]
    for keyid in entry.keyids:
        delegations.keys.pop(keyid, None)
    entry.keyids = [key.keyid]
    delegations.keys[key.keyid] = key
