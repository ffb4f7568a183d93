"""Watching requests go by: what is counted of each, and what is written to a log.

By default a line says which area of the site was asked, not what for, and nothing of who asked:
what people search for and hear is theirs.
"""

import asyncio
import logging
from time import perf_counter
from typing import Any

from phonotheque.serve.connections import Connections
from phonotheque.serve.figures import Row, area_of, sample
from phonotheque.serve.front import Front
from phonotheque.serve.guarding import Guard

ACCESS = logging.getLogger("phonotheque.access")


class Watched:
    """The application that a server runs, watched. `row`: where to count; `log` says of each
    request in the log: "none", "anonymous" or "full" (address and query too). `guard` stands
    between."""

    def __init__(
        self,
        front: Front,
        connections: Connections,
        row: Row | None,
        log: str = "none",
        guard: Guard | None = None,
    ) -> None:
        self._front, self._connections, self._guard = front, connections, guard
        self._app = front if guard is None else guard.around(front)
        self._row, self._log = row, log
        self._sampling: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._live(scope, receive, send)
            return
        began = perf_counter()
        status = sent_bytes = 0

        async def counting(message: Any) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent_bytes += len(message.get("body", b""))
            await send(message)

        if self._row is not None:
            self._row.begin()
        try:
            await self._app(scope, receive, counting)
        except Exception:
            status = status or 500
            raise
        finally:
            self._tell(scope, status, perf_counter() - began, sent_bytes)

    def _tell(self, scope: Any, status: int, seconds: float, sent_bytes: int) -> None:
        area = area_of(scope["path"])
        if self._row is not None:
            self._row.end(area, status, seconds, sent_bytes)
        if self._log == "none" or area == "health":  # which is asked every second
            return
        said: dict[str, Any] = {
            "method": scope["method"], "area": area, "status": status,
            "ms": round(seconds * 1e3, 1), "bytes": sent_bytes,
        }  # fmt: skip
        if self._log == "full":
            said["path"] = scope["path"]
            said["query"] = scope["query_string"].decode("latin-1")
            said["client"] = scope["client"][0] if scope.get("client") else None
        ACCESS.info("request", extra={"fields": said})

    async def _live(self, scope: Any, receive: Any, send: Any) -> None:
        if self._row is not None:
            self._sampling = asyncio.create_task(sample(self._sample))
        await self._front(scope, receive, send)
        if self._sampling is not None:
            self._sampling.cancel()

    def _sample(self) -> None:
        row, front = self._row, self._front
        if row is None:
            return
        row.set_memory()
        if self._guard is not None:
            row.set_guard(self._guard.figures())
        row.set("open_connections", self._connections.count)
        row.set("slow_connections_ended_total", self._connections.ended_slow)
        row.set("crowding_connections_ended_total", self._connections.ended_for_room)
        row.set("renewals_total", front.renewals)
        row.set("renewal_failures_total", front.failures)
        if front.publication is not None:
            row.set("edition_sequence", front.publication.manifest.sequence)
