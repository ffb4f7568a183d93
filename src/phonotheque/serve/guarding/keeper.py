"""The one that scores, decides and keeps: one for all processes of a server.

What is told of a request is scored at once, in memory; a thread writes behind, every `FLUSH_S`
seconds, and looks for what people have decided meanwhile. While the store is away, all goes on from
memory: nobody is refused for want of it, and what is in force stays so.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from phonotheque.guard import (
    ALLOW,
    ORDER,
    Action,
    Decision,
    GuardStore,
    Kept,
    Measure,
    Proceedings,
    State,
    Tables,
    What,
    decide,
    pardon,
    parse_state,
    score,
    word_of,
)
from phonotheque.model.errors import PhonothequeError
from phonotheque.serve.guarding.groups import Cohort, Groups
from phonotheque.serve.guarding.policy import ENFORCE, GuardSite
from phonotheque.serve.guarding.told import Message, TokenUsed, Told
from phonotheque.serve.guarding.tracking import Counting, Tracked, Tracks
from phonotheque.serve.guarding.writing import Batch, write_batch
from phonotheque.storage.database import from_us

_LOG = logging.getLogger(__name__)
FLUSH_S: Final = 2.0
_DROP_EVERY_S: Final = 3600.0
_DAY_S: Final = 86_400.0
FAULTS: Final = (sqlite3.Error, PhonothequeError, OSError)
Put = Callable[[str, str, float | None, Sequence[str]], None]
CHANGES: Final = frozenset({
    What.MEASURE_LIFTED, What.MEASURE_ENDED, What.DISABLING_CONFIRMED, What.DISABLING_REJECTED,
    What.APPEAL_GRANTED,
})  # fmt: skip


class Keeper:
    """Scores what it is told. For any number of threads."""

    def __init__(
        self,
        store: GuardStore,
        site: GuardSite,
        tables: Tables,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._people = store, Proceedings(store)
        self._policy, self._enforcing = site.policy, site.mode == ENFORCE
        self._ladder = msgspec.structs.replace(site.policy.ladder, enforce=True)
        self._tables, self._clock = tables, clock
        self._put: Put = lambda *_: None
        self._then: Callable[[], None] = lambda: None
        self._lock, self._flushing = threading.Lock(), threading.Lock()
        self._tracks = Tracks(site.policy.actors_in_memory)
        self.groups = Groups(store)
        self._batch = Batch()
        self._noted: dict[int, float] = {}
        self._line = store.last_line()
        self._dropped_at = 0.0
        self._lost_since: datetime | None = None
        self.alarms = self.failures = self.told = self.canaries = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="phonotheque-guard", daemon=True)
        try:
            self.groups.load()
        except FAULTS as error:
            self._fail(error)

    @property
    def is_lost(self) -> bool:
        """Whether the store could not be used when that was tried last."""
        return self._lost_since is not None

    @property
    def actors(self) -> int:
        """How many are in memory."""
        return len(self._tracks)

    @property
    def lost_states(self) -> int:
        """How many left memory before they could be written."""
        return self._tracks.lost

    def on_measure(self, put: Put) -> None:
        """Have `put` told each measure as it is taken or ends: actor, measure, until, reasons."""
        self._put = put

    def on_flush(self, then: Callable[[], None]) -> None:
        """Have `then` called each time that all was written."""
        self._then = then

    def start(self) -> None:
        """Begin to write behind."""
        self._thread.start()

    def close(self) -> None:
        """Write what there is, and end."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self.flush()
        try:
            self.groups.save(self._clock(), at_once=True)
        except FAULTS as error:
            self._fail(error)

    # ------------------------------------------------------------------------ being told

    def tell(self, message: Message) -> None:
        """One request, or a use of a token."""
        with self._lock:
            if isinstance(message, TokenUsed):
                self._batch.tokens[message.token] = (message.t, message.actor)
                return
            self.told += 1
            self._tell(message)

    def _tell(self, told: Told) -> None:
        tracked = self._tracked(told.actor, told.t)
        if told.refused and not told.canary:  # it took nothing: counted, and no evidence
            tracked.count(told, new=None)
            return
        before = tracked.state.totals
        tracked.state, evidence = score(tracked.state, told.event(), self._tables)
        new = None if evidence.symbol is None else evidence.symbol != 0
        tracked.count(told, new=new)
        if self._policy.keep_events:
            self._batch.events.append(
                Kept(actor=told.actor, network=told.network, at=from_us(int(told.t * 1e6)),
                     kind=told.kind.value, item=told.item, bucket=told.bucket, status=told.status,
                     bytes=told.bytes)
            )  # fmt: skip
        self.canaries += told.canary
        group = Cohort()
        if new:
            group = self.groups.note(told, is_trusted=tracked.is_trusted(told.t))
        elif new is not None:
            group = self.groups.cohort(told)
        if new is not None or tracked.state.totals.canaries != before.canaries:
            action = decide(evidence, self._ladder, told.t, cohort=group.surprise,
                            held=group.held)  # fmt: skip
            self._weigh(tracked, action, told.t)

    def _tracked(self, actor: str, t: float) -> Tracked:
        found = self._tracks.get(actor)
        if found is None:
            found = self._read(actor)
            self._tracks.put(found)
        if found.until is not None and found.until <= t:
            if found.measure == "suspend":  # as the store does a moment later
                found.state = pardon(found.state)
            found.measure, found.until = ALLOW, None
        return found

    def _read(self, actor: str) -> Tracked:
        try:
            row = self._store.actor(actor)
            if row is not None:
                until = row.measure_until.timestamp() if row.measure_until else None
                return Tracked(actor, parse_state(row.state), row.measure, until)
        except FAULTS as error:
            self._fail(error)
        return Tracked(actor, State(), ALLOW, None)

    # ------------------------------------------------------------------------ deciding

    def _weigh(self, tracked: Tracked, action: Action, t: float) -> None:
        """Take the measure of `action`, where it is more than is in force."""
        if action.measure is Measure.ALLOW:
            return
        day = tracked.pending.setdefault(int(t // _DAY_S), Counting())
        day.score = max(day.score, action.odds)
        word = self._word(tracked, action)
        if word == "observe" or not self._enforcing:
            self._observe(tracked, action, word, t)
            return
        if action.measure is Measure.DISABLE_PROPOSED and tracked.kind == "account":
            self._batch.proposals.append((action, from_us(int(t * 1e6))))
        rung, now_at = ORDER[word], ORDER[tracked.in_force(t)]
        until = t + self._lasts(word)
        if rung > now_at:
            tracked.measure, tracked.until = word, until
            self._queue(action, tracked, word, until, t)
            self._put(tracked.actor, word, until, action.reasons)
        elif rung == now_at and tracked.until is not None and until > tracked.until + 60:
            tracked.until = self._batch.extended[tracked.actor] = until
            self._put(tracked.actor, word, until, action.reasons)

    def _word(self, tracked: Tracked, action: Action) -> str:
        word = word_of(action.measure)
        if tracked.kind == "network":
            return min(word, self._policy.most_for_networks, key=ORDER.__getitem__)
        return word

    def _lasts(self, word: str) -> float:
        lasts: float = getattr(self._ladder, f"{word}_s")
        return lasts

    def _observe(self, tracked: Tracked, action: Action, word: str, t: float) -> None:
        """Note once a day, and whenever it grows, what was seen and not acted on."""
        if t - tracked.observed_at >= _DAY_S:
            tracked.observed = 0
        if ORDER[word] > tracked.observed:
            tracked.observed, tracked.observed_at = ORDER[word], t
            self._queue(action, tracked, word, None, t)

    def _queue(
        self, action: Action, tracked: Tracked, word: str, until: float | None, t: float
    ) -> None:
        what = What.OBSERVED if until is None else What.MEASURE_TAKEN
        self.alarms += 1
        totals = tracked.state.totals
        decision = Decision(
            actor=tracked.actor, kind=tracked.kind, measure=word, reasons=action.reasons,
            until=None if until is None else from_us(int(until * 1e6)), what=what,
            tables=action.model_version,
            evidence={"odds": round(action.odds, 2), "ids": list(action.evidence_ids),
                      "media": totals.media, "canaries": totals.canaries},
        )  # fmt: skip
        self._batch.decisions.append((decision, from_us(int(t * 1e6))))

    # ------------------------------------------------------------------------ writing behind

    def _run(self) -> None:
        while not self._ended.wait(FLUSH_S):
            self.flush()
            self._then()

    def flush(self) -> None:
        """Write what was learned since the last time, and read what people decided."""
        with self._flushing:
            now = self._clock()
            with self._lock:
                batch, self._batch = self._batch, Batch()
                batch.states.extend(tracked.take() for tracked in self._tracks.dirty())
            try:
                write_batch(self._store, self._people, batch)
                self._use_tokens(batch, now)
                self._look_around(now)
                self.alarms += len(self.groups.look(now))
            except FAULTS as error:
                self._fail(error)
                with self._lock:
                    for tracked, days in batch.states:
                        tracked.take_back(days)
                    self._batch.put_back(batch)
            else:
                self._recover(now)

    def _use_tokens(self, batch: Batch, now: datetime) -> None:
        """Note the use of tokens, once a day; who shows one while suspended is let in again."""
        while batch.tokens:
            token, (t, actor) = next(iter(batch.tokens.items()))
            if t - self._noted.get(token, -_DAY_S) >= _DAY_S:
                self._people.use_token(token, now)
                self._noted[token] = t
            row = self._store.actor(actor) if actor else None
            if row is not None and row.in_force(now) == "suspend":
                self._store.lift(actor, "guard", "it takes the dumps, with a bulk token", now)
            del batch.tokens[token]

    def _look_around(self, now: datetime) -> None:
        """End what is over, drop what is old, and take over what people decided."""
        self._store.end_due(now)
        if now.timestamp() - self._dropped_at >= _DROP_EVERY_S:
            self._store.drop_old(now)
            self._store.network_key(now)
            self._dropped_at = now.timestamp()
        for entry in self._store.iter_audit(self._line):
            if entry.what in (What.GROUP_CLEARED, What.GROUP_HELD):
                change = self.groups.clear if entry.what is What.GROUP_CLEARED else self.groups.hold
                until = datetime.fromisoformat(entry.evidence["until"]).timestamp()
                change(str(entry.evidence["group"]), entry.at.timestamp(), until)
            elif entry.what in CHANGES and entry.actor:
                self._take_over(entry.actor, entry.what)
            self._line = entry.event

    def _take_over(self, actor: str, what: What) -> None:
        row = self._store.actor(actor)
        measure, until, reasons = ALLOW, None, tuple[str, ...]()
        if row is not None:
            measure, reasons = row.measure, row.reasons
            until = row.measure_until.timestamp() if row.measure_until else None
        with self._lock:
            tracked = self._tracks.get(actor)
            if tracked is not None:
                if measure == ALLOW and (
                    what is not What.MEASURE_ENDED or tracked.measure == "suspend"
                ):
                    tracked.state = pardon(tracked.state)
                    tracked.dirty = True
                    tracked.observed = 0
                tracked.measure, tracked.until = measure, until
        self._put(actor, measure, until, reasons)

    def _fail(self, error: Exception) -> None:
        self.failures += 1
        if self._lost_since is None:
            self._lost_since = self._clock()
        _LOG.error("the guard's records cannot be used; it goes on from memory: %s", error)

    def _recover(self, now: datetime) -> None:
        since, self._lost_since = self._lost_since, None
        if since is None:
            return
        try:
            self._store.note(
                What.STORE_LOST, "guard", now,
                evidence={"since": since.isoformat(), "failures": self.failures,
                          "states_lost": self.lost_states},
            )  # fmt: skip
        except FAULTS as error:
            self._lost_since = since
            _LOG.error("the guard's records cannot be used: %s", error)
