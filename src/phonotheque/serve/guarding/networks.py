"""Addresses as pseudonyms: the beginning of a keyed digest, with another key every thirty days."""

import hmac
import secrets
import threading
from collections import OrderedDict
from datetime import datetime
from typing import Final

from phonotheque.guard import GuardStore, day_of
from phonotheque.serve.guarding.keeper import FAULTS
from phonotheque.serve.limits import key_of_address

_MOST: Final = 1 << 16


class Networks:
    """Pseudonyms by address. Where the key cannot be read, one by chance stands in, so that
    everything is told apart but nothing is recognised after a restart."""

    def __init__(self, store: GuardStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._day, self._key = -1, secrets.token_bytes(32)
        self._known: OrderedDict[str, str] = OrderedDict()

    def name(self, address: str, now: datetime) -> str:
        """``network:`` and 16 hexadecimal digits."""
        day = day_of(now)
        with self._lock:
            if day != self._day:
                self._turn(day, now)
            found = self._known.get(address)
            if found is None:
                digest = hmac.new(self._key, key_of_address(address).encode(), "sha256")
                found = self._known[address] = f"network:{digest.hexdigest()[:16]}"
                if len(self._known) > _MOST:
                    self._known.popitem(last=False)
            return found

    def _turn(self, day: int, now: datetime) -> None:
        try:
            key = self._store.network_key(now)
        except FAULTS:
            return
        self._day = day
        if key != self._key:
            self._key = key
            self._known.clear()
