"""Groups of accounts that share out the catalogue, followed as requests come in.

Each group is looked at after so many new openings (`GROUP_SIZES`), by what is usual among groups of
this site's own people, which is learned every day from a sample of them. All in memory, within
`MOST_OPENINGS`; groups are written every few minutes, the sample of people never.
"""

import logging
import secrets
import threading
from array import array
from collections import OrderedDict, deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

import numpy as np

from phonotheque.guard import (
    FEWEST_ACCOUNTS,
    GROUP_DAYS,
    GROUP_SIZES,
    GuardStore,
    KeptGroup,
    Openings,
    Usual,
    forget_groups,
    learn_usual,
    note_told,
    read_groups,
    read_usual,
    save_groups,
    save_usual,
    silent_usual,
)
from phonotheque.serve.guarding.group_memory import Group, Person, digest, taken_up
from phonotheque.serve.guarding.told import Told

_LOG = logging.getLogger(__name__)
MOST_GROUPS: Final = 5000
MOST_OPENINGS: Final = 4_000_000
"""In all groups together: 13 bytes each."""
MOST_PEOPLE: Final = 2000
EACH: Final = 300
"""Of a person in the sample so many openings are known: 13 bytes each."""
TOLD_DAYS: Final = 7
SAVE_S: Final = 300.0
LEARN_S: Final = 86_400.0
RETRY_S: Final = 3600.0
DRAWS: Final = 100
_MEASURED: Final = timedelta(days=GROUP_DAYS)
_TRIED: Final = 64


class Cohort(NamedTuple):
    """What an account's groups say: the highest surprise (-log10) of those that are told, and
    whether people have decided that one of them be held."""

    surprise: float = 0.0
    held: bool = False


class Groups:
    """Follows groups. `note` is called for each request, `look` beside them. For any number of
    threads. `told` counts those that are told now; `usual` is what groups are measured by."""

    def __init__(self, store: GuardStore, seed: int = 0) -> None:
        self._store, self._seed = store, seed
        self._lock = threading.Lock()
        self._groups: OrderedDict[str, Group] = OrderedDict()
        self._openings = 0
        self._due: set[str] = set()
        self._gone: set[str] = set()
        self._people: dict[str, Person] = {}
        self._pick, self._most_hash = secrets.token_bytes(16), 1 << 64
        self._saved_at = 0.0
        self.usual, self._learned_at, self._tried_at = silent_usual(), 0.0, 0.0
        self._learning: threading.Thread | None = None
        self.learned: Usual | None = None
        self.told = 0
        self._untold: deque[KeptGroup] = deque()

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def people(self) -> int:
        """How many are in the sample that is learned from."""
        return len(self._people)

    def load(self) -> None:
        """Take up what the records have.

        Raises:
            sqlite3.Error, PhonothequeError: they cannot be read.
        """
        kept = read_usual(self._store)
        found = list(read_groups(self._store, MOST_GROUPS, MOST_OPENINGS))
        with self._lock:
            if kept is not None:
                self._learned_at, self.usual = kept[0].timestamp(), kept[1]
            for one in reversed(found):
                self._groups[one.name] = taken_up(one)
                self._openings += len(one.buckets)

    # ------------------------------------------------------------------------ being told

    def note(self, told: Told, *, is_trusted: bool) -> Cohort:
        """An opening, new to its actor; what its groups say. `is_trusted`: no measure is in force
        against the actor, which may be learned from."""
        if told.item is None:
            return Cohort()
        bucket, t = 7 if told.bucket is None else told.bucket, told.t
        with self._lock:
            if is_trusted:
                self._sample(told.actor, told.item, bucket, t)
            else:
                self._people.pop(told.actor, None)
            groups = [self._group(name, t) for name in told.groups]
            for group in groups:
                if len(group.items) < GROUP_SIZES[-1]:
                    group.add(told.actor, told.item, bucket, t)
                    self._openings += 1
                    if len(group.items) in GROUP_SIZES:
                        self._due.add(group.name)
            self._make_room()
        return _cohort(groups, t)

    def cohort(self, told: Told) -> Cohort:
        """As `note` answers, of a request that opens nothing new."""
        with self._lock:
            known = [g for name in told.groups if (g := self._groups.get(name)) is not None]
        return _cohort(known, told.t)

    def clear(self, name: str, t: float, until: float) -> None:
        """A person has said at `t` that this group is one of people."""
        with self._lock:
            group = self._group(name, t)
            group.told_until, group.held_until, group.cleared_until = 0.0, 0.0, until
            self._begin(group, t)

    def hold(self, name: str, t: float, until: float) -> None:
        """A person has said at `t` that this group is a campaign."""
        with self._lock:
            group = self._group(name, t)
            group.held_until, group.cleared_until = until, 0.0

    def _group(self, name: str, t: float) -> Group:
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = Group(name, t)
            self._gone.discard(name)
        else:
            self._groups.move_to_end(name)
            if t - group.began > _MEASURED.total_seconds():
                self._begin(group, t)
        return group

    def _begin(self, group: Group, t: float) -> None:
        self._openings -= len(group.items)
        self._due.discard(group.name)
        group.begin(t)
        group.dirty = True

    def _make_room(self) -> None:
        """Forget groups that were not met for longest, while there are too many; last those of
        which there is something to say."""
        while len(self._groups) > MOST_GROUPS or self._openings > MOST_OPENINGS:
            oldest = list(islice(self._groups.values(), _TRIED))
            gone = next((g for g in oldest if not g.is_noted()), oldest[0])
            del self._groups[gone.name]
            self._openings -= len(gone.items)
            self._due.discard(gone.name)
            self._gone.add(gone.name)

    def _sample(self, actor: str, item: int, bucket: int, t: float) -> None:
        person = self._people.get(actor)
        if person is None:
            if digest(actor.encode(), self._pick, 8) >= self._most_hash:
                return
            person = self._people[actor] = Person(t)
            while len(self._people) > MOST_PEOPLE:
                self._thin()
        elif t - person.since > _MEASURED.total_seconds():
            person = self._people[actor] = Person(t)
        if len(person.items) < EACH:
            person.items.append(item)
            person.times.append(t)
            person.buckets.append(bucket)

    def _thin(self) -> None:
        """Keep the half with the lower digests: whoever comes later is taken by the same rule."""
        self._most_hash //= 2
        for actor in [
            a for a in self._people if digest(a.encode(), self._pick, 8) >= self._most_hash
        ]:
            del self._people[actor]

    # ------------------------------------------------------------------------ looking

    def look(self, now: datetime) -> list[KeptGroup]:
        """Look at the groups that have grown, and write down those that are told anew, which are
        returned; learn what is usual, now and then, in a thread.

        Raises:
            sqlite3.Error, PhonothequeError, OSError: the records cannot be written; what was found
                stands, and is written the next time.
        """
        self._take_learned(now)
        self._learn_if_due(now.timestamp())
        with self._lock:
            self.told = sum(
                1 for group in self._groups.values() if _surprise_of(group, now.timestamp())
            )
            due = [self._groups[name] for name in sorted(self._due) if name in self._groups]
            copies = [(group, group.openings(), group.looked) for group in due]
            self._due.clear()
        found = [self._judge(*one, now.timestamp()) for one in copies]
        told = [group for group in found if group is not None]
        self._untold.extend(told)
        while self._untold:
            note_told(self._store, self._untold[0], now)
            self._untold.popleft()
        self.save(now)
        return told

    def _judge(self, group: Group, openings: Openings, looked: int, t: float) -> KeptGroup | None:
        """The group, if it is told anew."""
        usual = self.usual
        sizes = [size for size in GROUP_SIZES if looked < size <= len(openings)]
        paths = [usual.weigh(openings.first(size)) for size in sizes]
        with self._lock:
            if not paths or group.looked != looked:
                return None  # begun anew meanwhile
            group.looked, group.dirty = sizes[-1], True
            highest = max(paths, key=lambda e: e.surprise)
            was_told = group.told_until > t
            is_told = (
                highest.surprise > usual.level
                and highest.accounts >= FEWEST_ACCOUNTS
                and group.cleared_until <= t
            )
            if is_told or not was_told:
                group.surprise, group.evidence = highest.surprise, highest
            if is_told:
                group.told_until = t + TOLD_DAYS * 86_400
            if group.looked >= GROUP_SIZES[-1]:
                self._begin(group, t)
            return group.kept() if is_told and not was_told else None

    def save(self, now: datetime, *, at_once: bool = False) -> None:
        """Write the groups that have changed, where that is due."""
        if not at_once and now.timestamp() - self._saved_at < SAVE_S:
            return
        with self._lock:
            dirty = [group for group in self._groups.values() if group.dirty]
            kept = [group.kept() for group in dirty]
            gone, self._gone = self._gone, set()
            for group in dirty:
                group.dirty = False
        try:
            forget_groups(self._store, sorted(gone))
            save_groups(self._store, kept)
        except BaseException:
            with self._lock:
                self._gone |= gone - self._groups.keys()
                for group in dirty:
                    group.dirty = True
            raise
        self._saved_at = now.timestamp()

    # ------------------------------------------------------------------------ learning

    def _learn_if_due(self, t: float) -> None:
        if t - self._learned_at < LEARN_S or t - self._tried_at < RETRY_S:
            return
        if self._learning is not None and self._learning.is_alive():
            return
        self._tried_at = t
        self._learning = threading.Thread(target=self.learn, name="phonotheque-usual", daemon=True)
        self._learning.start()

    def learn(self) -> None:
        """Learn what is usual from the sample; `look` takes it over."""
        try:
            self.learned = learn_usual(self._sampled(), np.random.default_rng(self._seed), DRAWS)
        except Exception as error:
            _LOG.error("groups of accounts could not be learned from", exc_info=error)

    def _take_learned(self, now: datetime) -> None:
        learned, self.learned = self.learned, None
        if learned is not None:
            self.usual, self._learned_at = learned, now.timestamp()
            save_usual(self._store, learned, now)

    def _sampled(self) -> Openings:
        with self._lock:
            people = list(self._people.values())
            who = np.repeat(np.arange(len(people)), [len(p.items) for p in people])
            items, times, buckets = array("Q"), array("d"), array("B")
            for person in people:
                items.extend(person.items)
                times.extend(person.times)
                buckets.extend(person.buckets)
        order = np.argsort(np.array(times), kind="stable")
        numbers = np.unique(np.array(items, np.int64)[order], return_inverse=True)[1]
        return Openings(who[order], numbers, np.array(buckets, np.int64)[order])


def _cohort(groups: Iterable[Group], t: float) -> Cohort:
    found = Cohort()
    for group in groups:
        held = found.held or group.held_until > t
        found = Cohort(max(found.surprise, _surprise_of(group, t)), held)
    return found


def _surprise_of(group: Group, t: float) -> float:
    is_told = group.told_until > t and group.cleared_until <= t
    return group.surprise if is_told else 0.0
