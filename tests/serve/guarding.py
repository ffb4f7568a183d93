"""A server with a guard, a clock that is moved by hand, and clients of it."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from phonotheque.guard import GuardStore
from phonotheque.serve import GuardPolicy, GuardSite, Server, Site
from phonotheque.serve.guarding import Guard
from phonotheque.serve.site import open_site
from phonotheque.storage.layout import Tree

NOON = datetime(2027, 3, 4, 12, tzinfo=UTC)


@dataclass
class Clock:
    """The server's time, moved by hand."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        """Let so much time go by."""
        self.now += timedelta(seconds=seconds)

    def at(self, seconds: float) -> None:
        """Be so many seconds after noon."""
        self.now = NOON + timedelta(seconds=seconds)


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Guarded:
    """A server that runs, its guard, and its clock."""

    host: str
    port: int
    guard: Guard
    clock: Clock
    store: GuardStore
    connections: dict[str, http.client.HTTPConnection] = field(default_factory=dict)

    def get(self, path: str, key: str | None = None, address: str = "198.51.100.1",
            method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:  # fmt: skip
        """One request from `address` (as a proxy on this machine says), with an API key or not."""
        connection = self.connections.get(address)
        if connection is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
            self.connections[address] = connection
        told = {"x-forwarded-for": address, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if key is not None:
            told["authorization"] = f"Bearer {key}"
        try:
            connection.request(method, path, body, told)
            answer = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):  # idle for longer than it may be
            connection.close()
            connection.request(method, path, body, told)
            answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())

    def flush(self) -> None:
        """Have all written, and what people decided taken over, now."""
        assert self.guard.keeper is not None
        self.guard.keeper.flush()

    def measure(self, actor: str) -> str:
        """The measure in force, as the records have it."""
        self.flush()
        row = self.store.actor(actor)
        return "allow" if row is None else row.in_force(self.clock())


@contextmanager
def guarded(
    tree: Tree, state: Path, mode: str = "enforce", policy: GuardPolicy | None = None,
    clock: Clock | None = None, items: int | None = None, **site: Any,
) -> Iterator[Guarded]:  # fmt: skip
    """A server over `tree` with a guard, and its records in the folder `state`; shipped tables are
    those for `items`."""
    clock = clock or Clock()
    guard_site = GuardSite(mode=mode, store=str(state / "guard.sqlite"),
                           policy=policy or GuardPolicy(), items=items)  # fmt: skip
    front, guard = open_site(
        Site(root=str(tree.root), guard=guard_site, accounts=str(state / "accounts.sqlite"),
             **site),
        clock,
    )  # fmt: skip
    assert guard is not None
    try:
        with Server(guard.around(front)) as server, GuardStore(Path(guard_site.store)) as store:
            running = Guarded(server.host, server.port, guard, clock, store)
            yield running
            for connection in running.connections.values():
                connection.close()
    finally:
        guard.close()
