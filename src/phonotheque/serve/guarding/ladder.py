"""What a measure means for one request. Pure: values in, a refusal or none out."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from math import ceil
from typing import NamedTuple

from phonotheque.guard import ALLOW, DISABLE, ORDER
from phonotheque.serve.guarding.policy import GuardPolicy

_WHILE_OPEN_S = 5.0


class Refusal(NamedTuple):
    """Why a request is not answered. `measure`: the one in force, or "budget"; `wait_s`: when to
    ask again, 0: not at all."""

    measure: str
    status: HTTPStatus
    wait_s: int
    detail: str


class Standing:
    """How an actor stands with one process: the measure, and what was given out lately. Times are
    in seconds since 1970. `fresh`: the measure is as the records had it."""

    __slots__ = ("again_at", "duration_s", "fresh", "last_item", "last_t", "measure", "open",
                 "pause_until", "reasons", "until")  # fmt: skip

    def __init__(self) -> None:
        self.measure: str = ALLOW
        self.until: float | None = None
        self.reasons: Sequence[str] = ()
        self.fresh = False
        self.open: dict[int, int] = {}  # answers with media under way, by item
        self.last_item, self.last_t, self.duration_s = -1, 0.0, 0.0
        self.pause_until = self.again_at = 0.0

    def in_force(self, now: float) -> str:
        """The measure at `now`."""
        return ALLOW if self.until is not None and self.until <= now else self.measure


def refuse(
    standing: Standing,
    now: float,
    item: int | None,
    policy: GuardPolicy,
    is_open_to_all: Callable[[], bool],
) -> Refusal | None:
    """Whether somebody who stands so is refused `item` (media); None item: anything else.

    What was given out last may be asked for again at any time: for the rest of it, or to seek.
    """
    measure = standing.in_force(now)
    rung = ORDER.get(measure, 0)
    if measure == DISABLE:
        return Refusal(measure, HTTPStatus.FORBIDDEN, 0, "two people have disabled this account")
    if item is None or (item == standing.last_item and measure != "suspend"):
        return None
    return (
        None if rung < ORDER["redirect"] else _on_rung(standing, now, item, policy, is_open_to_all)
    )


def _on_rung(
    standing: Standing,
    now: float,
    item: int,
    policy: GuardPolicy,
    is_open_to_all: Callable[[], bool],
) -> Refusal | None:
    """What is refused between a pause and suspension."""
    measure = standing.in_force(now)
    rung = ORDER[measure]
    if measure == "suspend":
        return _wait(measure, (standing.until or now) - now, "audio is suspended")
    if rung < ORDER["slow"]:
        return _pause(standing, now, policy)
    if rung >= ORDER["degrade"] and not is_open_to_all():
        text = "for now only what may be copied by everybody is given out to you"
        return Refusal(measure, HTTPStatus.FORBIDDEN, 0, text)
    return _pace(standing, now, item, policy)


def _pause(standing: Standing, now: float, policy: GuardPolicy) -> Refusal | None:
    """Redirected: a pause that says where everything is, from time to time."""
    if now >= standing.again_at:
        standing.pause_until = now + policy.redirect_pause_s
        standing.again_at = now + policy.redirect_every_s
    if now < standing.pause_until:
        return _wait("redirect", standing.pause_until - now, "you are welcome to everything here")
    return None


def _pace(standing: Standing, now: float, item: int, policy: GuardPolicy) -> Refusal | None:
    """Slowed: one at a time, hardly faster than it plays."""
    text, measure = "audio comes one at a time, about as fast as it plays", standing.in_force(now)
    if any(count for other, count in standing.open.items() if other != item):
        return _wait(measure, _WHILE_OPEN_S, text)
    duration = standing.duration_s or policy.usual_duration_s
    wait = standing.last_t + duration / policy.pace - now
    if standing.last_item >= 0 and wait > 0:
        return _wait(measure, wait, text)
    return None


def _wait(measure: str, seconds: float, text: str) -> Refusal:
    return Refusal(measure, HTTPStatus.TOO_MANY_REQUESTS, max(1, ceil(seconds)), text)


def pass_by(standing: Standing, now: float, item: int) -> None:
    """Note that `item` is given out; `leave` takes it back at the end of the answer."""
    if item != standing.last_item:
        standing.last_item, standing.last_t, standing.duration_s = item, now, 0.0
    standing.open[item] = standing.open.get(item, 0) + 1


def leave(standing: Standing, item: int) -> None:
    """The answer with `item` has ended."""
    left = standing.open.get(item, 0) - 1
    if left > 0:
        standing.open[item] = left
    else:
        standing.open.pop(item, None)
