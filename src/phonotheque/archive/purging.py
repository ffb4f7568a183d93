"""Withdrawn audio in the vault: kept in the dark, or purged, as `rights.withdrawn_audio` says.

Purging takes the bytes out of the vault and out of the origin's own volumes (which share them); the
ledger and the vault's history keep the digests. Nothing purged comes back but by a new ingest.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from phonotheque.archive.items import read_items
from phonotheque.archive.ledger import LedgerItem
from phonotheque.archive.vaults import open_vault
from phonotheque.archive.withdrawals import withdrawn_among
from phonotheque.storage.documents import read_settings
from phonotheque.storage.durable import fsync_directory
from phonotheque.storage.layout import Tree
from phonotheque.vault import copies_of, purge_aside, sources_of

PURGE = "purge"


def purge_withdrawn(
    tree: Tree, numbers: Sequence[int], now: datetime, case: str | None = None
) -> int:
    """Purge what is withdrawn of `numbers`, where the archive's policy says so; idempotent.

    Returns how many files went from the vault; 0 under the policy ``keep``. The caller has the
    archive's lock.
    """
    if read_settings(tree).rights.withdrawn_audio != PURGE:
        return 0
    held = withdrawn_among(tree, numbers, case)
    items = read_items(tree, [n for n in numbers if n in held], case)
    for place in published_places(tree, items):
        if place.exists():
            place.unlink()
            fsync_directory(place.parent)
    reason = f"withdrawn{f', case {case}' if case else ''}; rights.withdrawn_audio = purge"
    with open_vault(tree) as vault:
        state = vault.state
        digests = {file.sha256 for item in items for file in item.files}
        digests |= {copy for digest in digests for copy in copies_of(state, digest)}
        copies_first = sorted(digests, key=lambda digest: (not sources_of(state, digest), digest))
        purge_aside(vault, digests, now, reason)
        return sum(vault.purge(digest, now, reason) for digest in copies_first)


def published_places(tree: Tree, items: Iterable[LedgerItem]) -> list[Path]:
    """Where the files of `items` stand (or stood) in the origin's volumes."""
    return [
        tree.volume(file.volume) / file.path
        for item in items
        for file in item.files
        if file.volume is not None and file.path is not None
    ]
