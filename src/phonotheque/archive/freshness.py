"""Keeping the signatures of the online roles from running out (docs/formats/trust.md).

Timestamp, snapshot and revocations live for days, so that a follower notices when news is withheld
from it. Somebody has to sign them again meanwhile: the server of an archive does, or a timer.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from phonotheque.edition import has_online_keys, is_fresh, online_expiry, renew_online
from phonotheque.model.errors import ArchiveBusyError
from phonotheque.storage.layout import Tree
from phonotheque.storage.lock import writing


class Freshness(StrEnum):
    """What became of the online signatures."""

    RENEWED = "renewed"
    FRESH = "fresh"  # more than half of their time is left
    BUSY = "busy"  # somebody else writes; nothing was done
    NO_KEYS = "no-keys"  # a mirror, or an archive whose online keys are elsewhere


class FreshnessReport(msgspec.Struct, frozen=True, kw_only=True):
    """`expires`: when the first of the online roles runs out (UTC); None without keys."""

    state: Freshness
    expires: datetime | None


def keep_fresh(tree: Tree, now: datetime, *, dry_run: bool = False) -> FreshnessReport:
    """Sign the online roles again when half of their time has run. Needs no offline key.

    Cheap when there is nothing to do; a tree without online keys is left alone and unread.
    With `dry_run` it says what would be done, and does nothing.

    Raises:
        NotFoundError, FormatError: the metadata is not there or cannot be read.
        OSError: the tree cannot be written.
    """
    if not has_online_keys(tree.online_keys):
        return FreshnessReport(state=Freshness.NO_KEYS, expires=None)
    if dry_run:
        state = Freshness.FRESH if is_fresh(tree, now) else Freshness.RENEWED
    else:
        state = _renew(tree, now)
    return FreshnessReport(state=state, expires=online_expiry(tree))


def _renew(tree: Tree, now: datetime) -> Freshness:
    try:
        with writing(tree.root):
            return Freshness.RENEWED if renew_online(tree, now) else Freshness.FRESH
    except ArchiveBusyError:
        return Freshness.BUSY
