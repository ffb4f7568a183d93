"""How actors stand with one process that answers: in memory, those who asked last.

An actor that is met for the first time is looked up in the records, once; from then on the process
is told. Where the records cannot be read, nobody is refused for want of them, and that is counted.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from phonotheque.guard import ALLOW, BulkToken, GuardStore, Proceedings
from phonotheque.serve.guarding.keeper import FAULTS
from phonotheque.serve.guarding.ladder import Standing

_LOG = logging.getLogger(__name__)
_MOST: Final = 1 << 16
_TOKEN_S: Final = 15.0
FOLLOW_S: Final = 0.5


class Standings:
    """For any number of threads. `failures`: how often the records could not be read."""

    def __init__(self, store: GuardStore, most: int = _MOST) -> None:
        self._store, self._people, self._most = store, Proceedings(store), most
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Standing] = OrderedDict()
        self._tokens: dict[str, tuple[float, BulkToken | None]] = {}
        self.failures = 0
        self.is_lost = False

    def get(self, actor: str, now: float) -> Standing:
        """How `actor` stands at `now`."""
        with self._lock:
            found = self._known.get(actor)
            if found is None:
                found = self._known[actor] = Standing()
                if len(self._known) > self._most:
                    self._drop()
            else:
                self._known.move_to_end(actor)
        if not found.fresh or (found.until is not None and found.until <= now):
            self._look_up(actor, found, now)
        return found

    def put(self, actor: str, measure: str, until: float | None, reasons: Sequence[str]) -> None:
        """Be told of a measure."""
        with self._lock:
            found = self._known.get(actor)
            if found is not None:
                found.measure, found.until, found.reasons = measure, until, reasons
                found.fresh = True

    def forget(self, actor: str) -> None:
        """Look an actor up again when it comes."""
        with self._lock:
            found = self._known.get(actor)
            if found is not None:
                found.fresh = False

    def token(self, text: str, now: datetime) -> BulkToken | None:
        """The bulk token `text`, where it is good; looked up every `_TOKEN_S` seconds."""
        seconds = now.timestamp()
        kept = self._tokens.get(text)
        if kept is None or not 0 <= seconds - kept[0] < _TOKEN_S:
            try:
                kept = (seconds, self._people.find_token(text))
            except FAULTS as error:
                self._fail(error)
                kept = (seconds, kept[1] if kept else None)
            if len(self._tokens) > 1000:
                self._tokens.clear()
            self._tokens[text] = kept
        return kept[1] if kept[1] is not None and kept[1].opens(now) else None

    def _look_up(self, actor: str, standing: Standing, now: float) -> None:
        try:
            row = self._store.actor(actor)
        except FAULTS as error:
            self._fail(error)
            return
        self.is_lost = False
        standing.fresh = True
        if row is None:
            standing.measure, standing.until, standing.reasons = ALLOW, None, ()
            return
        until = row.measure_until.timestamp() if row.measure_until else None
        over = until is not None and until <= now
        standing.measure = ALLOW if over else row.measure
        standing.until, standing.reasons = None if over else until, row.reasons

    def _drop(self) -> None:
        for actor, standing in self._known.items():
            if not standing.open:
                del self._known[actor]
                return

    def _fail(self, error: Exception) -> None:
        self.failures += 1
        self.is_lost = True
        _LOG.error("the guard's records cannot be read; nobody is refused for it: %s", error)


class Follower:
    """Has `standings` look up again whom the audit log tells of; for processes that are not told
    by a keeper of their own. A context manager."""

    def __init__(self, store: GuardStore, forget: Callable[[str], None]) -> None:
        self._store, self._forget = store, forget
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="phonotheque-follow", daemon=True)
        self._line = store.last_line()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def look(self) -> None:
        """Read what is new."""
        for entry in self._store.iter_audit(self._line):
            if entry.actor:
                self._forget(entry.actor)
            self._line = entry.event

    def _run(self) -> None:
        while not self._ended.wait(FOLLOW_S):
            try:
                self.look()
            except FAULTS as error:
                _LOG.error("the guard's records cannot be read: %s", error)
