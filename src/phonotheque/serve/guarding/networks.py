"""Addresses as pseudonyms: the beginning of a keyed digest, with another key every thirty days.

Servers that count budgets in one place find the key of these thirty days there, so that a network
has one name, and one budget, at all of them.
"""

import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeAlias

from phonotheque.guard import KEY_DAYS, GuardStore, day_of
from phonotheque.serve.guarding.keeper import FAULTS
from phonotheque.serve.limits import key_of_address, wider_network

Share: TypeAlias = Callable[[str, bytes, int], bytes | None]
"""`Windows.share`."""

_MOST: Final = 1 << 16
_DAY_SECONDS: Final = 86_400


class Networks:
    """Pseudonyms by address. Where the key cannot be read, one by chance stands in, so that
    everything is told apart but nothing is recognised after a restart."""

    def __init__(self, store: GuardStore, share: Share = lambda *_: None) -> None:
        self._store, self._share = store, share
        self._lock = threading.Lock()
        self._day, self._key = -1, secrets.token_bytes(32)
        self._known: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def name(self, address: str, now: datetime) -> str:
        """``network:`` and 16 hexadecimal digits."""
        return self.names(address, now)[0]

    def names(self, address: str, now: datetime) -> tuple[str, str]:
        """That, and ``prefix:`` with as many for the wider network that it is in."""
        day = day_of(now)
        with self._lock:
            if day != self._day:
                self._turn(day, now)
            found = self._known.get(address)
            if found is None:
                found = self._known[address] = (
                    f"network:{self._digest(key_of_address(address))}",
                    f"prefix:{self._digest(wider_network(address))}",
                )
                if len(self._known) > _MOST:
                    self._known.popitem(last=False)
            return found

    def _digest(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), "sha256").hexdigest()[:16]

    def _turn(self, day: int, now: datetime) -> None:
        try:
            key = self._store.network_key(now)
            common = self._common_key(day)
            if common is not None and common != key:
                self._store.adopt_network_key(now, common)
                key = common
        except FAULTS:
            return
        self._day = day
        if key != self._key:
            self._key = key
            self._known.clear()

    def _common_key(self, day: int) -> bytes | None:
        """The key that the servers which share budgets have for this one of the periods that days
        are counted in; None where there are none, or they cannot be asked today."""
        name = f"networks/{day // KEY_DAYS}"
        return self._share(name, secrets.token_bytes(32), 2 * KEY_DAYS * _DAY_SECONDS)
