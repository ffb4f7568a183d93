"""Writing behind: what the keeper has learned, in order, so that what fails is tried again.

A batch is emptied as it is written; what is left in it when something fails goes back.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from phonotheque.guard import Action, Decision, GuardStore, Kept, Proceedings, Seen, Update
from phonotheque.serve.guarding.tracking import Counting, Tracked
from phonotheque.storage.database import from_us

_AT_ONCE: Final = 200
_REST_EVERY: Final = 16  # states formatted before the threads that answer get the interpreter
_MOST_EVENTS: Final = 50_000


@dataclass
class Batch:
    """What is to be written. Times are in seconds since 1970, or aware."""

    states: deque[tuple[Tracked, dict[int, Counting]]] = field(default_factory=deque)
    decisions: deque[tuple[Decision, datetime]] = field(default_factory=deque)
    proposals: deque[tuple[Action, datetime]] = field(default_factory=deque)
    extended: dict[str, float] = field(default_factory=dict)
    events: deque[Kept] = field(default_factory=lambda: deque(maxlen=_MOST_EVENTS))
    tokens: dict[int, tuple[float, str]] = field(default_factory=dict)

    def put_back(self, left: "Batch") -> None:
        """Take in what was `left` of an earlier batch; the states are their owners' to take."""
        self.decisions.extendleft(reversed(left.decisions))
        self.proposals.extendleft(reversed(left.proposals))
        self.extended = {**left.extended, **self.extended}
        self.events.extendleft(reversed(left.events))
        self.tokens = {**left.tokens, **self.tokens}


def write_batch(store: GuardStore, people: Proceedings, batch: Batch) -> None:
    """Write all of `batch`, but for tokens; what was written is not in it any more.

    Raises:
        sqlite3.Error, PhonothequeError, OSError: the store cannot be used.
    """
    while batch.states or batch.events:
        some = [batch.states[at] for at in range(min(_AT_ONCE, len(batch.states)))]
        events = list(batch.events)[: _AT_ONCE * 10]
        store.save(_updates(some), [s for t, days in some for s in seen_days(t, days)], events)
        for _ in some:
            batch.states.popleft()
        for _ in events:
            batch.events.popleft()
    while batch.decisions:
        store.decide(*batch.decisions[0])
        batch.decisions.popleft()
    while batch.proposals:
        action, at = batch.proposals[0]
        people.propose(action.account, action.reasons, {"odds": round(action.odds, 2)},
                       action.model_version, at)  # fmt: skip
        batch.proposals.popleft()
    while batch.extended:
        actor, until = next(iter(batch.extended.items()))
        store.extend(actor, from_us(int(until * 1e6)))
        del batch.extended[actor]


def _updates(some: list[tuple[Tracked, dict[int, Counting]]]) -> list[Update]:
    updates = []
    for place, (tracked, _) in enumerate(some):
        if place % _REST_EVERY == 0:
            time.sleep(0)
        updates.append(tracked.update())
    return updates


def seen_days(tracked: Tracked, days: dict[int, Counting]) -> list[Seen]:
    """What is counted in `days`, as it is written."""
    return [counting.seen(tracked.actor, day) for day, counting in days.items()]
