"""The door of a server: who is it that asks? Without a credential, nobody in particular."""

import threading
from collections.abc import Callable
from datetime import datetime
from hashlib import md5
from hmac import compare_digest
from pathlib import Path

from phonotheque.accounts.credentials import Bearer, NotAuthenticatedError, parse_authorization
from phonotheque.accounts.passwords import Passwords
from phonotheque.accounts.store import Accounts
from phonotheque.accounts.values import Account
from phonotheque.model.errors import NotFoundError

_NO = "this key or password opens nothing here; ask whoever runs the server for another"


class Door:
    """Opens for the accounts at `path`, also when that file is made only later.

    A server over a tree without accounts writes nothing, and knows nobody. For any number of
    threads.
    """

    def __init__(
        self, path: Path, clock: Callable[[], datetime], passwords: Passwords | None = None
    ) -> None:
        self._path, self._clock = path, clock
        self._passwords = passwords or Passwords()
        self._opening = threading.Lock()
        self._accounts: Accounts | None = None

    @property
    def accounts(self) -> Accounts | None:
        """The accounts; None where there are none yet."""
        with self._opening:
            if self._accounts is None:
                try:
                    self._accounts = Accounts(self._path, passwords=self._passwords)
                except NotFoundError:
                    return None
            return self._accounts

    def now(self) -> datetime:
        """The time."""
        return self._clock()

    def authenticate(self, header: str | None) -> Account | None:
        """Whose ``Authorization`` header this is; None for a request without one.

        Raises:
            NotAuthenticatedError: it opens nothing. That is 401, never a fall back to nobody.
        """
        if header is None or not header.strip():
            return None
        shown = parse_authorization(header)
        if isinstance(shown, Bearer):
            return self.by_key(shown.key)
        return self.by_password(shown.name, shown.password)

    def by_key(self, key: str) -> Account:
        """Whose key this is.

        Raises:
            NotAuthenticatedError: nobody's, or it is revoked, expired, or of a disabled account.
        """
        accounts = self.accounts
        found = None if accounts is None else accounts.by_key(key, self._clock())
        if found is None:
            raise NotAuthenticatedError(_NO)
        return found

    def by_password(self, name: str, password: str) -> Account:
        """The account of this name and password.

        Raises:
            NotAuthenticatedError: there is no such pair.
        """
        accounts = self.accounts
        found = None if accounts is None else accounts.by_password(name, password)
        if found is None:
            raise NotAuthenticatedError(_NO)
        return found

    def by_token(self, name: str, token: str, salt: str) -> Account:
        """The account whose password for tokens, with `salt` behind it, has MD5 `token` (hex).

        Raises:
            NotAuthenticatedError: there is none.
        """

        def is_right(password: str) -> bool:
            due = md5((password + salt).encode(), usedforsecurity=False).hexdigest()
            return compare_digest(due.encode(), token.lower().encode())

        return self._by_token_password(name, is_right)

    def by_token_password(self, name: str, password: str) -> Account:
        """The account with this password for tokens, sent as it is: some players do both.

        Raises:
            NotAuthenticatedError: there is none.
        """
        return self._by_token_password(
            name, lambda kept: compare_digest(kept.encode(), password.encode())
        )

    def _by_token_password(self, name: str, is_right: Callable[[str], bool]) -> Account:
        accounts = self.accounts
        found = None if accounts is None else accounts.by_token(name, is_right)
        if found is None:
            raise NotAuthenticatedError(_NO)
        return found

    def close(self) -> None:
        """Let go of the file."""
        with self._opening:
            if self._accounts is not None:
                self._accounts.close()
                self._accounts = None
