"""A group of accounts, and a person of the sample that groups are measured by, in memory."""

import secrets
from array import array
from datetime import datetime
from hashlib import blake2b
from typing import Final

import numpy as np

from phonotheque.guard import GroupEvidence, KeptGroup, Openings
from phonotheque.storage.database import from_us

_ITEM_BYTES: Final = 5
_ACCOUNT_BYTES: Final = 4


class Group:
    """One group in memory."""

    __slots__ = ("accounts", "began", "buckets", "cleared_until", "dirty", "evidence",
                 "held_until", "items", "last", "looked", "name", "secret", "surprise",
                 "told_until")  # fmt: skip

    def __init__(self, name: str, t: float) -> None:
        self.name, self.last = name, t
        self.told_until = self.cleared_until = self.held_until = 0.0
        self.surprise = 0.0
        self.evidence: GroupEvidence | None = None
        self.dirty = False
        self.begin(t)

    def begin(self, t: float) -> None:
        """Forget what was opened; what is thought of the group stays."""
        self.secret = secrets.token_bytes(16)
        self.began, self.looked = t, 0
        self.accounts, self.items, self.buckets = array("I"), array("Q"), array("B")

    def add(self, actor: str, item: int, bucket: int, t: float) -> None:
        """One opening."""
        self.accounts.append(digest(actor.encode(), self.secret, _ACCOUNT_BYTES))
        self.items.append(digest(item.to_bytes(8, "little"), self.secret, _ITEM_BYTES))
        self.buckets.append(bucket)
        self.last, self.dirty = t, True

    def openings(self) -> Openings:
        """What was opened, in order."""
        who = np.unique(np.array(self.accounts, np.int64), return_inverse=True)[1]
        return Openings(who, np.array(self.items, np.int64), np.array(self.buckets, np.int64))

    def is_noted(self) -> bool:
        """Whether it was told, or people have decided something of it."""
        return max(self.told_until, self.held_until, self.cleared_until) > self.last

    def kept(self) -> KeptGroup:
        """As it is written."""
        return KeptGroup(
            name=self.name, secret=self.secret, began_at=_at(self.began), last_at=_at(self.last),
            accounts=self.accounts.tobytes(), items=self.items.tobytes(),
            buckets=self.buckets.tobytes(), looked=self.looked, surprise=self.surprise,
            told_until=_at(self.told_until) if self.told_until else None,
            cleared_until=_at(self.cleared_until) if self.cleared_until else None,
            held_until=_at(self.held_until) if self.held_until else None,
            evidence=self.evidence,
        )  # fmt: skip


class Person:
    """One actor of the sample."""

    __slots__ = ("buckets", "items", "since", "times")

    def __init__(self, t: float) -> None:
        self.since = t
        self.items, self.times, self.buckets = array("Q"), array("d"), array("B")


def taken_up(kept: KeptGroup) -> Group:
    """A group as it was written."""
    group = Group(kept.name, kept.last_at.timestamp())
    group.secret, group.began, group.looked = kept.secret, kept.began_at.timestamp(), kept.looked
    group.accounts.frombytes(kept.accounts)
    group.items.frombytes(kept.items)
    group.buckets.frombytes(kept.buckets)
    group.surprise, group.evidence = kept.surprise, kept.evidence
    group.told_until = kept.told_until.timestamp() if kept.told_until else 0.0
    group.cleared_until = kept.cleared_until.timestamp() if kept.cleared_until else 0.0
    group.held_until = kept.held_until.timestamp() if kept.held_until else 0.0
    return group


def digest(content: bytes, key: bytes, size: int) -> int:
    """The start of a keyed digest, as a number."""
    return int.from_bytes(blake2b(content, digest_size=size, key=key).digest(), "little")


def _at(t: float) -> datetime:
    return from_us(int(t * 1e6))
