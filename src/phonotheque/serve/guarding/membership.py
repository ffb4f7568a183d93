"""Groups that a request belongs to, by what accounts that share out work have in common.

Only what a request says anyway: its address, as a pseudonym, and the name of its program; and the
hour in which its account was made. No fingerprint.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Final

_REMEMBERED: Final = 1 << 15
_PROGRAM: Final = re.compile(r"([A-Za-z][\w.+-]{0,39})(?:/(\d{1,4}))?", re.ASCII)
_BROWSER: Final = "Mozilla"


def client_of(agent: str) -> str:
    """The program that a User-Agent names, with the first number of its version; browsers, and what
    says it is one, are one program. Pure."""
    found = _PROGRAM.match(agent.strip())
    if found is None:
        return "unnamed"
    name, version = found.groups()
    if name == _BROWSER:
        return "browser"
    return name if version is None else f"{name}/{version}"


class Signups:
    """The hour in which an account was made, remembered. For any number of threads. `made_at`
    looks it up; None: it cannot be told."""

    def __init__(self, made_at: Callable[[int], datetime | None]) -> None:
        self._made_at, self._lock = made_at, Lock()
        self._known: OrderedDict[int, str | None] = OrderedDict()

    def hour(self, account: int) -> str | None:
        """As ``2026-11-24T03``, UTC."""
        with self._lock:
            if account in self._known:
                return self._known[account]
        made = self._made_at(account)
        hour = None if made is None else f"{made:%Y-%m-%dT%H}"
        with self._lock:
            self._known[account] = hour
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return hour


def groups_of(
    network: str, prefix: str, agent: str, account: int | None, signups: Signups
) -> tuple[str, ...]:
    """The names of the groups of a request (`kept_groups`). `network` and `prefix` are pseudonyms
    of an address and of its wider network. An address without an account is one actor: it is in no
    group with itself."""
    client = client_of(agent)
    names = [prefix, f"client:{client}", f"both:{prefix.partition(':')[2]}+{client}"]
    if account is not None:
        names.append(network)
        hour = signups.hour(account)
        if hour is not None:
            names.append(f"signup:{hour}")
    return tuple(names)
