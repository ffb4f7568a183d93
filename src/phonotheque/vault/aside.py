"""What is set aside, by hand: an object taken out of circulation, and given back or away.

Files that did not pass the door and bytes that a repair found damaged are in quarantine as well;
they never were objects, so they can only be given away.
"""

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from hashlib import sha256 as new_sha256
from pathlib import Path
from typing import Any

import msgspec

from phonotheque.model.errors import NotFoundError, TrustError, UsageError
from phonotheque.storage.digests import read_chunks
from phonotheque.storage.durable import fsync_directory, write_chunks
from phonotheque.vault import pending
from phonotheque.vault.events import EventType
from phonotheque.vault.fixity_state import Outcome
from phonotheque.vault.objects import VaultObject
from phonotheque.vault.proving import Pace, check_one
from phonotheque.vault.quarantine import (
    Quarantined,
    add_quarantined,
    forget_quarantined,
    is_quarantined,
    iter_quarantined,
    quarantine_path,
)
from phonotheque.vault.store import Vault


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """One file in quarantine. `why` in words; `object`: that it was, or was to be (64 hex
    digits); `returnable`: it was an object that somebody set aside, and can be one again."""

    sha256: str
    bytes: int
    at: datetime
    why: str
    object: str | None
    returnable: bool
    path: str
    there: bool


class _Moved(msgspec.Struct, frozen=True, kw_only=True):
    moved: str
    item: VaultObject
    event: int


def iter_aside(vault: Vault) -> Iterator[Aside]:
    """All that is in quarantine, by digest."""
    for item in iter_quarantined(vault.state):
        yield _aside(vault, item)


def find_aside(vault: Vault, sha256: str) -> Aside:
    """One file in quarantine.

    Raises:
        NotFoundError: there is none of this digest.
    """
    return _aside(vault, _find(vault, sha256))


def set_aside(vault: Vault, sha256: str, reason: str, now: datetime) -> Aside:
    """Take an object out of the vault, into quarantine; a killed one is completed by the same
    call. The caller holds the archive's lock.

    Raises:
        NotFoundError: the vault has no such object.
    """
    item = vault.object(sha256)
    if item is not None:
        event = vault.state.event_of(sha256)
        told = msgspec.json.encode(_Moved(moved=reason, item=item, event=event)).decode()
        record = Quarantined(sha256=sha256, bytes=item.bytes, at=now, reason=told)
        with vault.state.transaction():
            forget_quarantined(vault.state, sha256)
            add_quarantined(vault.state, record)
            vault.record_event(EventType.QUARANTINE, now, detail=told, sha256_hex=sha256)
            words = f"moved to quarantine: {reason}"
            vault.record_event(EventType.DELETION, now, detail=words, sha256_hex=sha256)
            vault.state.remove_object(sha256)
    elif not is_quarantined(vault.state, sha256):
        raise NotFoundError(f"{vault.root}: has no object {sha256}")
    vault.store.set_aside(sha256, quarantine_path(vault.root, sha256))
    return find_aside(vault, sha256)


def give_back(vault: Vault, sha256: str, now: datetime) -> None:
    """Make an object again of what was one, proved. The caller holds the archive's lock.

    Raises:
        NotFoundError: it is not in quarantine.
        UsageError: it never was an object.
        TrustError: its bytes have changed.
    """
    moved = _moved(_find(vault, sha256))
    if moved is None:
        raise UsageError(
            f"{sha256}: never was an object, so it cannot become one here; give it out with --to, "
            "look at it, and ingest it"
        )
    path = quarantine_path(vault.root, sha256)
    if vault.store.size(sha256) is None:
        _prove(path, sha256)
        vault.store.put(sha256, path, move=True)
    elif check_one(vault.store, bytes.fromhex(sha256), 0, Pace(None)).outcome is not Outcome.SOUND:
        raise TrustError(f"{vault.store.where(sha256)}: is there, and not sound; look at it first")
    with vault.state.transaction():
        if vault.state.insert_object(moved.item, moved.event):
            said = vault.description(sha256)
            vault.state.remove_object(sha256)
            told = msgspec.json.encode(moved.item).decode()
            event = vault.record_event(EventType.INGESTION, now, detail=told, sha256_hex=sha256)
            vault.state.insert_object(moved.item, event)
            if said is not None:
                pending.add_description(vault.state, event, sha256, said)
        forget_quarantined(vault.state, sha256)
    _drop(path)


def give_away(vault: Vault, sha256: str, target: Path, now: datetime) -> None:
    """Write the bytes to the new file `target`, durably and proved, and forget them. The caller
    holds the archive's lock.

    Raises:
        NotFoundError: it is not in quarantine.
        UsageError: `target` exists.
        TrustError: its bytes have changed.
    """
    item = _find(vault, sha256)
    path = quarantine_path(vault.root, sha256)
    if target.exists():
        raise UsageError(f"{target}: is there already; name a new file")
    readable = not _was_unreadable(item)
    if readable:
        _prove(path, sha256)
    with path.open("rb") as stream:
        write_chunks(target, read_chunks(stream))
    if readable:
        _prove(target, sha256)
    _forget(vault, sha256, now, f"given out of quarantine to {target}")
    _drop(path)


def purge_aside(vault: Vault, digests: Collection[str], now: datetime, reason: str) -> int:
    """Delete what is in quarantine of objects that are purged, damaged bytes of them as well;
    returns how many files that were."""
    gone = 0
    for item in list(iter_quarantined(vault.state)):
        if item.sha256 in digests or _told(item).get("object") in digests:
            _forget(vault, item.sha256, now, reason)
            _drop(quarantine_path(vault.root, item.sha256))
            gone += 1
    return gone


def _forget(vault: Vault, sha256: str, now: datetime, words: str) -> None:
    with vault.state.transaction():
        forget_quarantined(vault.state, sha256)
        vault.record_event(EventType.DELETION, now, detail=words, sha256_hex=sha256)


def _find(vault: Vault, sha256: str) -> Quarantined:
    found = next((i for i in iter_quarantined(vault.state) if i.sha256 == sha256), None)
    if found is None:
        raise NotFoundError(f"{vault.root}: has nothing in quarantine under {sha256}")
    return found


def _aside(vault: Vault, item: Quarantined) -> Aside:
    told, path = _told(item), quarantine_path(vault.root, item.sha256)
    moved = _moved(item)
    return Aside(
        sha256=item.sha256,
        bytes=item.bytes,
        at=item.at,
        why=_words(told) or item.reason,
        object=item.sha256 if moved else told.get("object"),
        returnable=moved is not None,
        path=str(path),
        there=path.is_file(),
    )


def _words(told: dict[str, Any]) -> str:
    if "refused" in told:
        rules = "; ".join(f"{r.get('rule')}: {r.get('reason')}" for r in told["refused"])
        return f"{told.get('path', '')}: {rules}"
    return str(told.get("moved") or told.get("reason") or "")


def _was_unreadable(item: Quarantined) -> bool:
    """Whether it stands under an object's name because nobody could hash it."""
    return _told(item).get("object") == item.sha256


def _told(item: Quarantined) -> dict[str, Any]:
    try:
        told = json.loads(item.reason)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _moved(item: Quarantined) -> _Moved | None:
    try:
        return msgspec.json.decode(item.reason, type=_Moved)
    except msgspec.MsgspecError:
        return None


def _prove(path: Path, sha256: str) -> None:
    hasher = new_sha256()
    try:
        with path.open("rb") as stream:
            for chunk in read_chunks(stream):
                hasher.update(chunk)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: is in the list, but not there") from None
    if hasher.hexdigest() != sha256:
        raise TrustError(f"{path}: its bytes have changed; it is left as it is")


def _drop(path: Path) -> None:
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        fsync_directory(path.parent)
