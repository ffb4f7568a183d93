"""Actors as the keeper has them in memory, and what of them is yet to be written."""

from collections import OrderedDict

from phonotheque.guard import ALLOW, ORDER, Seen, State, Update, format_state
from phonotheque.serve.guarding.told import Told
from phonotheque.storage.database import from_us

_LAST_BUCKET = 7


class Tracked:
    """One actor. `until` is in seconds since 1970; `observed` the highest rung of the ladder that
    was noted without being enforced, and when."""

    __slots__ = ("actor", "day", "dirty", "kind", "last_t", "measure", "observed", "observed_at",
                 "pending", "state", "until")  # fmt: skip

    def __init__(self, actor: str, state: State, measure: str, until: float | None) -> None:
        self.actor, self.kind = actor, actor.partition(":")[0]
        self.state, self.measure, self.until = state, measure, until
        self.observed, self.observed_at = 0, 0.0
        self.last_t, self.day = 0.0, -1
        self.dirty = False
        self.pending: dict[int, Counting] = {}

    def in_force(self, now: float) -> str:
        """The measure at `now`."""
        return ALLOW if self.until is not None and self.until <= now else self.measure

    def is_trusted(self, now: float) -> bool:
        """Whether nothing is held against it, nor would be if measures were enforced."""
        return self.in_force(now) == ALLOW and self.observed < ORDER["redirect"]

    def count(self, told: Told, *, new: bool | None) -> None:
        """Count a request on its day; `new`: it was for something not heard before, None: it was
        no media request that says anything."""
        day = int(told.t // 86_400)
        counting = self.pending.get(day)
        if counting is None:
            counting = self.pending[day] = Counting()
        counting.add(told, new=new)
        self.dirty, self.last_t = True, max(self.last_t, told.t)

    def take(self) -> "tuple[Tracked, dict[int, Counting]]":
        """Itself and what is yet to be written of its days, which it forgets."""
        days, self.pending, self.dirty = self.pending, {}, False
        return self, days

    def take_back(self, days: "dict[int, Counting]") -> None:
        """Undo `take`."""
        self.dirty = True
        for day, counting in days.items():
            newer = self.pending.get(day)
            self.pending[day] = counting if newer is None else counting.joined(newer)

    def update(self) -> Update:
        """Its state, to be written."""
        at = from_us(int(self.last_t * 1e6))
        return Update(actor=self.actor, kind=self.kind, at=at, state=format_state(self.state))


class Counting:
    """Counts of one day."""

    __slots__ = ("buckets", "bytes", "media", "metadata", "new", "refused", "repeats", "requests",
                 "score")  # fmt: skip

    def __init__(self) -> None:
        self.requests = self.media = self.metadata = self.new = self.repeats = 0
        self.bytes = self.refused = 0
        self.buckets = [0] * 8
        self.score = 0.0

    def add(self, told: Told, *, new: bool | None) -> None:
        """One request."""
        self.requests += 1
        self.bytes += told.bytes
        self.refused += told.refused
        if told.kind == "metadata":
            self.metadata += 1
        if new is not None:
            self.media += 1
            self.new += new
            self.repeats += not new
            self.buckets[_LAST_BUCKET if told.bucket is None else told.bucket] += 1

    def joined(self, newer: "Counting") -> "Counting":
        """Itself, with what `newer` counted."""
        for name in ("requests", "media", "metadata", "new", "repeats", "bytes", "refused"):
            setattr(self, name, getattr(self, name) + getattr(newer, name))
        self.buckets = [a + b for a, b in zip(self.buckets, newer.buckets, strict=True)]
        self.score = max(self.score, newer.score)
        return self

    def seen(self, actor: str, day: int) -> Seen:
        """As it is written."""
        return Seen(
            actor=actor, day=day, requests=self.requests, media=self.media, metadata=self.metadata,
            distinct_items=self.new, repeats=self.repeats, bytes=self.bytes, refused=self.refused,
            buckets=tuple(self.buckets), score=self.score,
        )  # fmt: skip


class Tracks:
    """Actors in memory, those met last; one that has something to be written stays as long as
    there is room for it: `lost` counts those that did not."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[str, Tracked] = OrderedDict()
        self.lost = 0

    def __len__(self) -> int:
        return len(self._known)

    def get(self, actor: str) -> Tracked | None:
        """One that is known."""
        found = self._known.get(actor)
        if found is not None:
            self._known.move_to_end(actor)
        return found

    def put(self, tracked: Tracked) -> None:
        """Know one more."""
        self._known[tracked.actor] = tracked
        while len(self._known) > self._most:
            self._drop_one()

    def dirty(self) -> list[Tracked]:
        """Those with something to be written."""
        return [tracked for tracked in self._known.values() if tracked.dirty]

    def _drop_one(self) -> None:
        oldest = next(iter(self._known))
        for tried, actor in enumerate(self._known):
            if not self._known[actor].dirty:
                oldest = actor
                break
            if tried >= 64:
                break
        self.lost += self._known.pop(oldest).dirty
