"""One call: its parameters, who calls, and what it is answered from."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from phonotheque.accounts import Account, Accounts, Marks, Playlists
from phonotheque.serve.publication import Publication
from phonotheque.serve.subsonic.items import Items
from phonotheque.serve.subsonic.login import Players, own
from phonotheque.serve.subsonic.parameters import NO_ACCESS, CallError, Parameters
from phonotheque.serve.subsonic.shelf import Shelf, Shelves


@dataclass(frozen=True)
class Call:
    """What a handler is given."""

    parameters: Parameters
    publication: Publication
    shelves: Shelves
    players: Players
    account: Account | None
    accounts: Accounts | None
    now: datetime

    @cached_property
    def shelf(self) -> Shelf:
        """What there is to hear."""
        return self.shelves.current()

    @cached_property
    def items(self) -> Items:
        """How it is shown to this caller."""
        marks = Marks(self.accounts.database) if self.accounts and self.account else None
        return Items(self.publication, self.shelf, self.account, marks)

    @property
    def owner(self) -> int:
        """The number of the account.

        Raises:
            CallError: 50, nobody in particular calls.
        """
        return own(self.account).number

    @property
    def marks(self) -> Marks:
        """Stars, ratings and plays."""
        return Marks(self._accounts.database)

    @property
    def playlists(self) -> Playlists:
        """Playlists and queues."""
        return Playlists(self._accounts.database)

    @property
    def _accounts(self) -> Accounts:
        if self.accounts is None:
            raise CallError(NO_ACCESS, "this server has no accounts")
        return self.accounts

    def get(self, name: str) -> str | None:
        """A parameter."""
        return self.parameters.get(name)

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        return self.parameters.text(name)

    def number(self, name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
        """A parameter that is a whole number."""
        return self.parameters.number(name, default, least=least, most=most)
