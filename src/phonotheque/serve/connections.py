"""Connections that cannot be held for nothing: slow, silent and too many ones are ended.

uvicorn ends a connection that is idle between two requests, and no other. Here also ends one whose
request does not come, or comes too slowly; one whose peer takes nothing of its answer; and, where
there are more than a server has room for, the one that has waited longest.
"""

import asyncio
import logging
import resource
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_LOG = logging.getLogger(__name__)
_KEPT_HANDLES = 512  # for the index, the tables and what else a server has open
_MOST_HANDLES = 65_536
_TOLD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a peer is waited for, in seconds. `head`: for a whole request head; `body`: before
    a body has to have come with `body_bytes_per_second` on average; `stalled`: for a peer that
    takes nothing of its answer."""

    head: float = 15.0
    body: float = 20.0
    body_bytes_per_second: int = 512
    stalled: float = 120.0
    look: float = 1.0


@dataclass(slots=True)
class Connections:
    """All connections of one server, and what became of those that were ended."""

    most: int
    patience: Patience = Patience()
    waiting: "OrderedDict[Connection, None]" = field(default_factory=OrderedDict)
    busy: "dict[Connection, None]" = field(default_factory=dict)
    ended_slow: int = 0
    ended_for_room: int = 0
    _looking: asyncio.TimerHandle | None = None
    _told_at: float = -_TOLD_SECONDS

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.waiting) + len(self.busy)

    def enter(self, connection: "Connection") -> None:
        """A new one; where there is no room for it, the one that has waited longest leaves."""
        self.waiting[connection] = None
        if self.count > self.most:
            oldest = next(iter(self.waiting))
            self.ended_for_room += 1
            self._tell("there are more connections than this server has room for")
            oldest.drop()
        if self._looking is None:
            loop = asyncio.get_running_loop()
            self._looking = loop.call_later(self.patience.look, self._look, loop)

    def begin(self, connection: "Connection") -> None:
        """A request has come on it."""
        if self.waiting.pop(connection, connection) is None:
            self.busy[connection] = None

    def rest(self, connection: "Connection") -> None:
        """Its request is answered."""
        if self.busy.pop(connection, connection) is None:
            self.waiting[connection] = None

    def leave(self, connection: "Connection") -> None:
        """It is over."""
        self.waiting.pop(connection, None)
        self.busy.pop(connection, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        late = [c for c in (*self.waiting, *self.busy) if c.is_late(now, self.patience)]
        for connection in late:
            self.ended_slow += 1
            connection.drop()
        if late:
            self._tell("connections were ended that kept this server waiting")
        again = loop.call_later(self.patience.look, self._look, loop) if self.count else None
        self._looking = again

    def _tell(self, what: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= _TOLD_SECONDS:
            self._told_at = now
            _LOG.warning(
                "%s (%d open; so far %d ended for being slow, %d for want of room)",
                what, self.count, self.ended_slow, self.ended_for_room,
            )  # fmt: skip


class Connection(H11Protocol):
    """One connection; `Connections` are those of its server (`protocol_of`)."""

    others: Connections

    def connection_made(self, transport: Any) -> None:
        """asyncio's."""
        super().connection_made(transport)
        self._head_since: float | None = self.loop.time()
        self._body_since, self._body_bytes = 0.0, 0
        self._left_bytes, self._left_since = 0, 0.0
        self.others.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self.others.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        if self._head_since is None and not self._is_busy():
            self._head_since = self.loop.time()  # of a further request on this connection
        self._body_bytes += len(data)
        super().data_received(data)

    def handle_events(self) -> None:
        """uvicorn's: after data came, or a further request can be taken from what came before."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._head_since, self._body_since, self._body_bytes = None, self.loop.time(), 0
            self.others.begin(self)

    def on_response_complete(self) -> None:
        """uvicorn's."""
        self.others.rest(self)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's: what came is no HTTP. Where it is in the body of a request, that gets no other
        answer; where its answer has begun, none at all."""
        if self._is_busy():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        super().send_400_response(msg)

    def is_late(self, now: float, patience: Patience) -> bool:
        """Whether this has kept the server waiting for too long."""
        if self._head_since is not None and now - self._head_since > patience.head:
            return True
        if not self._is_busy():
            return False  # between two requests: uvicorn has a timer for that
        if self.cycle.more_body and not self.flow.read_paused:
            seconds = now - self._body_since
            due = (seconds - patience.body) * patience.body_bytes_per_second
            if self._body_bytes < due:
                return True
        return self._is_stalled(now, patience.stalled)

    def drop(self) -> None:
        """End it at once, without a word: the peer would not take one."""
        self.others.leave(self)
        self.transport.abort()

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_stalled(self, now: float, patience: float) -> bool:
        left = self.transport.get_write_buffer_size()
        if not left or left != self._left_bytes:
            self._left_bytes, self._left_since = left, now
            return False
        return now - self._left_since > patience


def protocol_of(connections: Connections) -> type[Connection]:
    """The protocol of a server with these connections."""
    return type("ServerConnection", (Connection,), {"others": connections})


def room_for_connections() -> int:
    """Have this process open as many files as it may; how many connections it has room for, each
    of them with a file to be sent."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_HANDLES if hard == resource.RLIM_INFINITY else min(hard, _MOST_HANDLES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    handles = _MOST_HANDLES if soft == resource.RLIM_INFINITY else soft
    return max(64, (handles - _KEPT_HANDLES) * 3 // 4)
