"""Accounts: who may do more than read, by which key or password, and what was done with them.

Reading is anonymous. An account is wanted only for what belongs to somebody: stars, playlists,
what was played; and for administration. All of it is one SQLite file, `accounts.sqlite`, beside
the tree and never in it (docs/formats/accounts.md).
"""

from phonotheque.accounts.credentials import NotAuthenticatedError
from phonotheque.accounts.database import FILE_NAME as ACCOUNTS_FILE
from phonotheque.accounts.door import Door
from phonotheque.accounts.keys import KEY_PREFIX, is_key, make_key
from phonotheque.accounts.marks import Item, Mark, Marks, Playing
from phonotheque.accounts.passwords import CHEAP, USUAL, Passwords
from phonotheque.accounts.playlists import MOST_ENTRIES, Playlist, Playlists, PlayQueue
from phonotheque.accounts.store import Accounts
from phonotheque.accounts.values import (
    RESERVED,
    Account,
    AuditEvent,
    KeyRow,
    NewKey,
    Role,
    parse_name,
)

__all__ = [
    "ACCOUNTS_FILE",
    "CHEAP",
    "KEY_PREFIX",
    "MOST_ENTRIES",
    "RESERVED",
    "USUAL",
    "Account",
    "Accounts",
    "AuditEvent",
    "Door",
    "Item",
    "KeyRow",
    "Mark",
    "Marks",
    "NewKey",
    "NotAuthenticatedError",
    "Passwords",
    "PlayQueue",
    "Playing",
    "Playlist",
    "Playlists",
    "Role",
    "is_key",
    "make_key",
    "parse_name",
]
