"""How much one caller may ask in a while, and how that is told (RateLimit header fields).

The fields are those of draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` states the
quota, `RateLimit` what is left of it. Who counts is a `Limiter`; `Buckets` is one that counts in
memory, each server process for itself.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from math import ceil
from time import monotonic
from typing import Protocol

_MOST_CALLERS = 1 << 16  # about 200 bytes each; who has not asked for longest is forgotten first
_PREFIX_V6 = 64  # what one household or machine is given


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an account's name, or an address; the country whose rights hold, if it is known;
    the number of the account."""

    key: str
    has_account: bool = False
    territory: str | None = None
    account: int | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """So many requests in so many seconds."""

    name: str
    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a limiter says of one request. `whole_after_seconds`: then nothing is used up;
    `wait_seconds`: then the request would be allowed, 0 where it is."""

    quota: Quota
    remaining: int
    whole_after_seconds: int
    wait_seconds: int = 0

    @property
    def allowed(self) -> bool:
        """Whether the request is answered."""
        return self.wait_seconds == 0


class Limiter(Protocol):
    """Counts requests."""

    def take(self, caller: Caller, cost: int) -> Allowance | None:
        """Take `cost` from what `caller` has; None: there is no limit. Called from any thread."""


class Buckets:
    """A bucket for each caller that fills evenly: `requests` in `seconds`, all at once if wanted.

    Those with an account have `account_factor` times as much. What costs more than a whole bucket
    is allowed when it is full, and leaves it empty.
    """

    def __init__(
        self,
        requests: int,
        seconds: int = 60,
        *,
        account_factor: int = 10,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._anonymous = Quota("anonymous", requests, seconds)
        self._known = Quota("account", requests * account_factor, seconds)
        self._clock = clock
        self._lock = threading.Lock()
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()  # (used, when)

    def take(self, caller: Caller, cost: int) -> Allowance | None:
        """Take `cost` from the bucket of `caller`."""
        quota = self._known if caller.has_account else self._anonymous
        rate = quota.requests / quota.seconds
        wanted = float(min(cost, quota.requests))
        now = self._clock()
        with self._lock:
            used, when = self._used.pop(caller.key, (0.0, now))
            used = max(0.0, used - (now - when) * rate)
            lacking = used + wanted - quota.requests
            if lacking <= 1e-9:
                used += wanted
            self._used[caller.key] = (used, now)
            if len(self._used) > _MOST_CALLERS:
                self._used.popitem(last=False)
        return Allowance(
            quota,
            remaining=int(quota.requests - used + 1e-9),
            whole_after_seconds=ceil(used / rate),
            wait_seconds=max(1, ceil(lacking / rate)) if lacking > 1e-9 else 0,
        )


def key_of_address(address: str) -> str:
    """What an address is counted under: itself, or its network of 64 bits (IPv6). Pure."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network(f"{address.partition('%')[0]}/{_PREFIX_V6}", strict=False))


def wider_network(address: str) -> str:
    """The network that is given to one customer of a provider: /24 (IPv4) or /48 (IPv6). Pure."""
    narrow = key_of_address(address)
    try:
        length = 24 if ip_network(narrow).version == 4 else 48
    except ValueError:
        return narrow
    return str(ip_network(narrow).supernet(new_prefix=length))


def format_headers(allowance: Allowance) -> dict[str, str]:
    """The header fields of an answer."""
    quota = allowance.quota
    headers = {
        "ratelimit-policy": f'"{quota.name}";q={quota.requests};w={quota.seconds}',
        "ratelimit": f'"{quota.name}";r={allowance.remaining};t={allowance.whole_after_seconds}',
    }
    if not allowance.allowed:
        headers["retry-after"] = str(allowance.wait_seconds)
    return headers
