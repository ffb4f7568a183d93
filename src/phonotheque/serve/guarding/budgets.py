"""Layer 0: what one account, one network, one bulk token may have in a while."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from math import ceil
from typing import Protocol

from phonotheque.model.hours import parse_hours
from phonotheque.serve.guarding.ladder import Refusal
from phonotheque.serve.guarding.policy import Budget, GuardPolicy
from phonotheque.serve.guarding.windows import Windows
from phonotheque.serve.limits import Allowance, Quota

_MINUTE, _DAY = 60, 86_400
_KB = 1000


class Asking(Protocol):
    """Who asks: an actor from a network."""

    actor: str
    network: str


class Budgets:
    """Takes from the budgets of a policy. Bytes are counted in kilobytes. `clock` is the server's;
    hours of the day are those of the place it stands at."""

    def __init__(
        self, windows: Windows, policy: GuardPolicy, clock: Callable[[], datetime]
    ) -> None:
        self._windows, self._clock = windows, clock
        self._hours = parse_hours(policy.bulk_hours) if policy.bulk_hours else None
        self._requests: dict[str, Quota] = {}
        self._media: dict[str, list[Quota]] = {}
        self._bytes: dict[str, Quota] = {}
        for kind, budget in (("account", policy.account), ("network", policy.network),
                             ("bulk", policy.bulk)):  # fmt: skip
            self._lay_out(kind, budget)

    def _lay_out(self, kind: str, budget: Budget) -> None:
        if budget.requests_per_minute:
            self._requests[kind] = Quota(f"{kind}-requests", budget.requests_per_minute, _MINUTE)
        self._media[kind] = [
            Quota(f"{kind}-{name}", count, seconds)
            for name, count, seconds in (("media", budget.media_per_minute, _MINUTE),
                                         ("media-a-day", budget.media_per_day, _DAY))
            if count
        ]  # fmt: skip
        if budget.bytes_per_day:
            kilobytes = ceil(budget.bytes_per_day / _KB)
            self._bytes[kind] = Quota(f"{kind}-kilobytes-a-day", kilobytes, _DAY)

    def enter(self, who: str, kind: str) -> Refusal | None:
        """One request of `who`, which is an account, a network or bulk."""
        quota = self._requests.get(self._in_force(kind))
        told = None if quota is None else self._windows.take(quota, who)
        return None if told is None else _refusal(told)

    def take_media(self, asking: Asking) -> Refusal | None:
        """One request for audio: of the actor, and of its network."""
        for who in _payers(asking):
            kind = self._in_force(who.partition(":")[0])
            quota = self._bytes.get(kind)
            told = None if quota is None else self._windows.stock(quota, who)
            for further in self._media[kind]:
                told = told or self._windows.take(further, who)
            if told is not None:
                return _refusal(told)
        return None

    def gave(self, actor: str, network: str, size_bytes: int) -> None:
        """So much audio is given out."""
        for who in {actor, actor if actor.startswith("bulk:") else network}:
            quota = self._bytes.get(self._in_force(who.partition(":")[0]))
            if quota is not None:
                self._windows.draw(quota, who, ceil(size_bytes / _KB))

    def _in_force(self, kind: str) -> str:
        """Whose budgets are in force: outside its hours, a bulk token is one more account."""
        if kind == "bulk" and self._hours is not None:
            return kind if self._hours.holds(self._clock().astimezone()) else "account"
        return kind


def _payers(asking: Asking) -> tuple[str, ...]:
    if asking.actor == asking.network or asking.actor.startswith("bulk:"):
        return (asking.actor,)
    return asking.actor, asking.network


def _refusal(told: Allowance) -> Refusal:
    quota = told.quota
    count = f"{quota.requests} {quota.name.replace('-', ' ')}"
    return Refusal(
        "budget", HTTPStatus.TOO_MANY_REQUESTS, told.wait_seconds,
        f"a budget is used up: {count} in {quota.seconds} seconds",
    )  # fmt: skip
