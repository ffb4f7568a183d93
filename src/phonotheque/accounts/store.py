"""Accounts, their passwords and keys: what is kept, and every change of it with its audit event."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from phonotheque.accounts.audit import add_event, check_chain, iter_events
from phonotheque.accounts.database import from_us, maybe_from_us, open_database, to_us
from phonotheque.accounts.keys import digest_of, hint_of, is_key, make_key, make_token_password
from phonotheque.accounts.passwords import Passwords
from phonotheque.accounts.values import Account, AuditEvent, KeyRow, NewKey, Role, parse_name
from phonotheque.model.errors import NotFoundError, UsageError
from phonotheque.model.identifiers import is_country

MOST_KEYS = 100
_USED_EVERY = timedelta(hours=1)
_ACCOUNT = (
    "accounts.account, accounts.name, role, territory, accounts.created_us, disabled_us, "
    "accounts.password IS NOT NULL, "
    "EXISTS (SELECT 1 FROM token_passwords t WHERE t.account = accounts.account)"
)
_KEY = "key, name, hint, created_us, expires_us, used_us, revoked_us"


class Accounts:
    """The accounts kept at `path`, for any number of threads.

    Raises:
        NotFoundError: there is no such file, and `create` is not set.
        FormatError: a newer program wrote it, or it is damaged.
    """

    def __init__(
        self, path: Path, *, create: bool = False, passwords: Passwords | None = None
    ) -> None:
        self.database = open_database(path, create=create)
        self._passwords = passwords or Passwords()

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def __enter__(self) -> "Accounts":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---------------------------------------------------------------------- accounts

    def add(
        self,
        name: str,
        now: datetime,
        actor: str,
        *,
        role: Role = Role.READER,
        territory: str | None = None,
    ) -> Account:
        """A new account, without password or key.

        Raises:
            UsageError: the name is none or is taken, or the territory is no country.
        """
        parse_name(name)
        with self.database.transaction() as writer:
            try:
                writer.execute(
                    "INSERT INTO accounts (name, role, territory, created_us) VALUES (?,?,?,?)",
                    [name, role.value, _territory(territory), to_us(now)],
                )
            except sqlite3.IntegrityError:
                raise UsageError(f"{name}: there is an account of this name") from None
            add_event(writer, now, actor, "account.added", name, detail=role.value)
        return self.account(name)

    def account(self, name: str) -> Account:
        """The account of this name.

        Raises:
            NotFoundError: there is none.
        """
        row = self.database.row(f"SELECT {_ACCOUNT} FROM accounts WHERE name = ?", [name])
        if row is None:
            raise NotFoundError(f"{name}: there is no account of this name")
        return _account(row)

    def by_number(self, number: int) -> Account | None:
        """The account of this number."""
        row = self.database.row(f"SELECT {_ACCOUNT} FROM accounts WHERE account = ?", [number])
        return None if row is None else _account(row)

    def listed(self) -> list[Account]:
        """All accounts, by name."""
        rows = self.database.rows(f"SELECT {_ACCOUNT} FROM accounts ORDER BY name")
        return [_account(row) for row in rows]

    def change(
        self,
        name: str,
        now: datetime,
        actor: str,
        *,
        role: Role | None = None,
        territory: str | None = None,
    ) -> Account:
        """Give an account another role or territory ("" for none); what is None stays.

        Raises:
            NotFoundError: there is no such account.
            UsageError: the territory is no country.
        """
        found = self.account(name)
        new_role = found.role if role is None else role
        place = found.territory if territory is None else _territory(territory)
        with self.database.transaction() as writer:
            writer.execute(
                "UPDATE accounts SET role = ?, territory = ? WHERE account = ?",
                [new_role.value, place, found.number],
            )
            detail = f"role {new_role.value}, territory {place or 'none'}"
            add_event(writer, now, actor, "account.changed", name, detail=detail)
        return self.account(name)

    def disable(self, name: str, now: datetime, actor: str) -> Account:
        """Let an account open nothing any more; what it has is kept."""
        return self._switch(name, now, actor, disabled=True)

    def enable(self, name: str, now: datetime, actor: str) -> Account:
        """Take back `disable`."""
        return self._switch(name, now, actor, disabled=False)

    def set_password(self, name: str, password: str | None, now: datetime, actor: str) -> None:
        """Give an account a password, or none.

        Raises:
            NotFoundError: there is no such account.
            UsageError: the password is too short or too long.
        """
        found = self.account(name)
        kept = None if password is None else self._passwords.hash(password)
        with self.database.transaction() as writer:
            writer.execute(
                "UPDATE accounts SET password = ? WHERE account = ?", [kept, found.number]
            )
            action = "password.removed" if kept is None else "password.set"
            add_event(writer, now, actor, action, name)

    # ---------------------------------------------------------------------- keys

    def add_key(
        self,
        name: str,
        label: str,
        now: datetime,
        actor: str,
        *,
        expires_at: datetime | None = None,
    ) -> NewKey:
        """A new key of an account, which is told this once and kept as SHA-256 alone.

        Raises:
            NotFoundError: there is no such account.
            UsageError: it has 100 keys, or the label has no text or more than 80 characters.
        """
        found = self.account(name)
        if not 0 < len(label.strip()) <= 80:
            raise UsageError("give the key a label of 1 to 80 characters, such as what it is for")
        if sum(key.revoked_at is None for key in self.keys(name)) >= MOST_KEYS:
            raise UsageError(f"{name}: has {MOST_KEYS} keys; revoke some first")
        key = make_key()
        with self.database.transaction() as writer:
            number = writer.execute(
                "INSERT INTO api_keys (account, name, sha256, hint, created_us, expires_us) "
                "VALUES (?,?,?,?,?,?)",
                [found.number, label.strip(), digest_of(key), hint_of(key), to_us(now),
                 None if expires_at is None else to_us(expires_at)],
            ).lastrowid  # fmt: skip
            add_event(writer, now, actor, "key.added", name, detail=f"{number} {hint_of(key)}")
        return NewKey(key=key, row=next(k for k in self.keys(name) if k.number == number))

    def keys(self, name: str) -> list[KeyRow]:
        """The keys of an account, the oldest first, revoked ones among them.

        Raises:
            NotFoundError: there is no such account.
        """
        rows = self.database.rows(
            f"SELECT {_KEY} FROM api_keys WHERE account = ? ORDER BY key",
            [self.account(name).number],
        )
        return [_key(row) for row in rows]

    def revoke_key(self, name: str, number: int, now: datetime, actor: str) -> None:
        """Let a key open nothing any more; it cannot be taken back.

        Raises:
            NotFoundError: the account has no such key, or it is revoked already.
        """
        found = self.account(name)
        with self.database.transaction() as writer:
            changed = writer.execute(
                "UPDATE api_keys SET revoked_us = ? "
                "WHERE account = ? AND key = ? AND revoked_us IS NULL",
                [to_us(now), found.number, number],
            )
            if changed.rowcount != 1:
                raise NotFoundError(f"{name}: has no key {number} that is in force")
            add_event(writer, now, actor, "key.revoked", name, detail=str(number))

    # ---------------------------------------------------------------------- at the door

    def by_key(self, key: str, now: datetime) -> Account | None:
        """Whose key this is; None where it opens nothing. What is no key is not looked up."""
        if not is_key(key):
            return None
        row = self.database.row(
            f"SELECT {_ACCOUNT}, k.key, k.used_us FROM (SELECT key, account AS owner, used_us, "
            "expires_us, revoked_us FROM api_keys WHERE sha256 = ?) k "
            "JOIN accounts ON accounts.account = k.owner WHERE k.revoked_us IS NULL "
            "AND (k.expires_us IS NULL OR k.expires_us > ?) AND disabled_us IS NULL",
            [digest_of(key), to_us(now)],
        )
        if row is None:
            return None
        *account, number, used_us = row
        if used_us is None or to_us(now) - used_us >= _USED_EVERY / timedelta(microseconds=1):
            with self.database.transaction() as writer:
                writer.execute(
                    "UPDATE api_keys SET used_us = ? WHERE key = ?", [to_us(now), number]
                )
        return _account(account)

    def by_password(self, name: str, password: str) -> Account | None:
        """The account of this name, if the password is its own. Slow on purpose, also for names
        that nobody has."""
        row = self.database.row(
            f"SELECT {_ACCOUNT}, accounts.password FROM accounts "
            "WHERE name = ? AND disabled_us IS NULL",
            [name],
        )
        kept = None if row is None else row[-1]
        if not self._passwords.matches(kept, password) or row is None or kept is None:
            return None
        if self._passwords.is_outdated(kept):
            with self.database.transaction() as writer:
                writer.execute(
                    "UPDATE accounts SET password = ? WHERE account = ? AND password = ?",
                    [self._passwords.hash(password), row[0], kept],
                )
        return _account(row[:-1])

    # ---------------------------------------------------------------------- tokens

    def make_token_password(self, name: str, now: datetime, actor: str) -> str:
        """A new password for players that send MD5 of it with a salt (the old Subsonic way).

        To check that, it has to be kept as it is; so it is a made one, opens nothing but the
        players' door, and takes the place of the one before.

        Raises:
            NotFoundError: there is no such account.
        """
        found = self.account(name)
        made = make_token_password()
        with self.database.transaction() as writer:
            writer.execute(
                "INSERT OR REPLACE INTO token_passwords VALUES (?,?,?)",
                [found.number, made, to_us(now)],
            )
            add_event(writer, now, actor, "token-password.made", name)
        return made

    def remove_token_password(self, name: str, now: datetime, actor: str) -> None:
        """Take it away.

        Raises:
            NotFoundError: there is no such account, or it has none.
        """
        found = self.account(name)
        with self.database.transaction() as writer:
            changed = writer.execute(
                "DELETE FROM token_passwords WHERE account = ?", [found.number]
            )
            if changed.rowcount != 1:
                raise NotFoundError(f"{name}: has no password for tokens")
            add_event(writer, now, actor, "token-password.removed", name)

    def by_token(self, name: str, is_right: Callable[[str], bool]) -> Account | None:
        """The account of this name, where `is_right` says so of its password for tokens."""
        row = self.database.row(
            f"SELECT {_ACCOUNT}, token_passwords.password FROM accounts "
            "JOIN token_passwords USING (account) WHERE name = ? AND disabled_us IS NULL",
            [name],
        )
        return _account(row[:-1]) if row is not None and is_right(row[-1]) else None

    # ---------------------------------------------------------------------- audit

    def iter_audit(self, after: int = 0) -> Iterator[AuditEvent]:
        """The audit log behind event `after`, the oldest first."""
        return iter_events(self.database, after)

    def check_audit(self) -> int | None:
        """The first event of the log that is not as it was written; None: all are."""
        return check_chain(self.database)

    def _switch(self, name: str, now: datetime, actor: str, *, disabled: bool) -> Account:
        found = self.account(name)
        if (found.disabled_at is not None) == disabled:
            return found
        with self.database.transaction() as writer:
            writer.execute(
                "UPDATE accounts SET disabled_us = ? WHERE account = ?",
                [to_us(now) if disabled else None, found.number],
            )
            action = "account.disabled" if disabled else "account.enabled"
            add_event(writer, now, actor, action, name)
        return self.account(name)


def _territory(text: str | None) -> str | None:
    if not text:
        return None
    if not is_country(text.upper()):
        raise UsageError(f"{text!r} is no country; write its two letters (ISO 3166), such as DE")
    return text.upper()


def _account(row: Any) -> Account:
    return Account(
        number=row[0], name=row[1], role=Role(row[2]), territory=row[3], created_at=from_us(row[4]),
        disabled_at=maybe_from_us(row[5]), has_password=bool(row[6]),
        has_token_password=bool(row[7]),
    )  # fmt: skip


def _key(row: Any) -> KeyRow:
    return KeyRow(
        number=row[0], name=row[1], hint=row[2], created_at=from_us(row[3]),
        expires_at=maybe_from_us(row[4]), used_at=maybe_from_us(row[5]),
        revoked_at=maybe_from_us(row[6]),
    )  # fmt: skip
