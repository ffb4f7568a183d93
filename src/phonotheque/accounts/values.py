"""What an account is. Values only."""

import re
from datetime import datetime
from enum import StrEnum

import msgspec

from phonotheque.model.errors import UsageError

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?")
RESERVED = frozenset({"anonymous", "guest"})
"""Names under which nobody has an account: players that insist on one read as nobody with these."""


class Role(StrEnum):
    """What an account may do; each may what the ones before it may."""

    READER = "reader"  # read; own stars, playlists, plays
    OPERATOR = "operator"  # see how the server does
    ADMIN = "admin"  # administer accounts

    @property
    def level(self) -> int:
        """Its place among the roles, from 0."""
        return list(Role).index(self)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account. `territory` is a country (ISO 3166) whose rights hold for it, or null: those of
    the edition. An account with `disabled_at` opens nothing."""

    number: int
    name: str
    role: Role
    territory: str | None
    created_at: datetime
    disabled_at: datetime | None
    has_password: bool
    has_token_password: bool = False

    def may(self, role: Role) -> bool:
        """Whether it may do what `role` may."""
        return self.disabled_at is None and self.role.level >= role.level


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an API key: everything but the key. `hint` is how it begins."""

    number: int
    name: str
    hint: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None  # to the hour
    revoked_at: datetime | None


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key at the only moment when it can be read."""

    key: str
    row: KeyRow


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit log: who (`actor`) did what (`action`) to which account.

    `sha256` covers the event and that of the event before it (docs/formats/accounts.md).
    """

    number: int
    at: datetime
    actor: str
    action: str
    account: str
    detail: str
    sha256: str


def parse_name(text: str) -> str:
    """The name of an account: 1 to 40 of a–z, 0–9, dot, dash, underscore.

    Raises:
        UsageError: it is no such name, or one that nobody may have.
    """
    if not _NAME.fullmatch(text):
        raise UsageError(
            f"{text!r} is no name for an account; take 1 to 40 of a-z, 0-9, '.', '-', '_', "
            "beginning and ending with a letter or digit"
        )
    if text in RESERVED:
        raise UsageError(f"{text!r} means nobody in particular; take another name")
    return text
