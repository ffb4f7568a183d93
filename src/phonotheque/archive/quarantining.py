"""What is in quarantine: listed, set aside by hand, let out again."""

from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec

from phonotheque.archive.vaults import open_vault
from phonotheque.model.errors import InputError, NotFoundError, UsageError
from phonotheque.storage.documents import read_settings
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing
from phonotheque.storage.stores import is_name
from phonotheque.vault import Aside, find_aside, give_away, give_back, iter_aside, set_aside


def read_quarantine(tree: Tree) -> list[Aside]:
    """All that is in quarantine, by digest.

    Raises:
        NotFoundError: no archive there.
    """
    read_settings(tree)
    with closing(open_vault(tree)) as vault:
        return list(iter_aside(vault))


def find_quarantined(tree: Tree, sha256: str) -> Aside:
    """One file in quarantine.

    Raises:
        NotFoundError: no archive there, or no such file in quarantine.
        InputError: no digest.
    """
    read_settings(tree)
    with closing(open_vault(tree)) as vault:
        return find_aside(vault, _digest(sha256))


def quarantine_object(
    tree: Tree, sha256: str, reason: str, now: datetime, *, dry_run: bool = False
) -> Aside:
    """Take an object out of the vault, into quarantine.

    Raises:
        NotFoundError: no archive there, or no such object.
        InputError: no digest.
        ArchiveBusyError: another process writes.
    """
    read_settings(tree)
    digest = _digest(sha256)
    with writing(tree.root), open_vault(tree) as vault:
        if not dry_run:
            return set_aside(vault, digest, reason, now)
        item = vault.object(digest)
        if item is None:
            raise NotFoundError(f"{tree.vault}: has no object {digest}")
        return Aside(
            sha256=digest, bytes=item.bytes, at=now, why=reason, object=digest, returnable=True,
            path="", there=False,
        )  # fmt: skip


def release_quarantined(
    tree: Tree, sha256: str, now: datetime, *, target: Path | None, dry_run: bool = False
) -> Aside:
    """Let a file out of quarantine: to the new file `target`, or, of an object that was set aside,
    back into the vault.

    Raises:
        NotFoundError: no archive there, or no such file in quarantine.
        UsageError: it was no object and there is no `target`, or that is there already.
        TrustError: its bytes have changed.
        ArchiveBusyError: another process writes.
    """
    read_settings(tree)
    digest = _digest(sha256)
    with writing(tree.root), open_vault(tree) as vault:
        found = find_aside(vault, digest)
        if target is None and not found.returnable:
            raise UsageError(
                f"{digest}: never was an object; give it out with --to FILE, look at it, and "
                "ingest it"
            )
        if dry_run:
            return found
        if target is None:
            give_back(vault, digest, now)
        else:
            give_away(vault, digest, target.absolute(), now)
        return msgspec.structs.replace(found, there=False)


def _digest(text: str) -> str:
    if not is_name(text.lower()):
        raise InputError(f"{text!r} is no SHA-256; write 64 hex digits")
    return text.lower()
