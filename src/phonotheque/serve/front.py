"""In front of the application: a newer edition takes its place, and no request is lost over it.

An edition never changes, so the application over one never does either. `Front` holds the one that
is shown, and counts what it is answering; told that there is a newer one, it opens that beside it
and sends there what comes in from then on. The old one is closed when its last request has ended.
It also answers whether the server lives (`/health`) and can be sent requests (`/ready`), which no
edition has to be read for.
"""

import asyncio
import gc
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import msgspec
from litestar import Litestar
from litestar.types import Receive, Scope, Send

from phonotheque.model.errors import PhonothequeError
from phonotheque.serve.publication import Publication

HEALTH, READY = "/health", "/ready"
_LOG = logging.getLogger(__name__)
_SETTLING_SECONDS = 0.5
_THREADS = 16  # answers made at once: most wait for their turn to search, or for the disk
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
]


class Shown:
    """One edition, opened, behind its application; `app` closes it when its lifespan ends."""

    def __init__(self, publication: Publication, app: Litestar) -> None:
        self.publication, self.app = publication, app
        self.open_requests = 0
        self._retired = False
        self._entered, self._over = asyncio.Event(), asyncio.Event()
        self._held: asyncio.Task[None] | None = None

    async def enter(self) -> None:
        """Begin the application's lifespan.

        Raises:
            Exception: what the application raises.
        """
        self._held = asyncio.create_task(self._hold())
        entered = asyncio.create_task(self._entered.wait())
        await asyncio.wait((self._held, entered), return_when=asyncio.FIRST_COMPLETED)
        entered.cancel()
        if self._held.done():
            self._held.result()

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        self.open_requests += 1
        try:
            # a copy: an idle connection keeps the scope of its last request, and the application
            # leaves itself in it
            await self.app(cast("Scope", {**scope, "state": {}}), receive, send)
        finally:
            self.open_requests -= 1
            if self._retired and not self.open_requests:
                self._over.set()

    def retire(self) -> None:
        """No request comes here any more; with the last one it ends."""
        self._retired = True
        if not self.open_requests:
            self._over.set()

    async def closed(self) -> None:
        """Wait until all is closed."""
        if self._held is not None:
            await self._held

    async def end(self) -> None:
        """End now, whatever is under way."""
        self._over.set()
        await self.closed()

    async def _hold(self) -> None:
        # entered and left by one task, which the application may count on
        async with self.app.lifespan():
            self._entered.set()
            await self._over.wait()


class Front:
    """The application that a server runs: begins with `publication` behind `app`. `newer` opens the
    edition that has come since the one that is shown, or gives None; it is called in a thread.
    `at_end` is called at the end."""

    def __init__(
        self,
        publication: Publication,
        app: Litestar,
        newer: Callable[[Publication], tuple[Publication, Litestar] | None] | None = None,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._first, self._newer, self._at_end = [(publication, app)], newer, at_end
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wanted = asyncio.Event()
        self._shown: Shown | None = None
        self._leaving: dict[Shown, asyncio.Task[None]] = {}
        self._early = False  # told before there was a loop
        self.renewals = self.failures = 0

    @property
    def publication(self) -> Publication | None:
        """What is shown; None before the start and after the end."""
        return self._shown.publication if self._shown else None

    def renew(self) -> None:
        """Look for a newer edition. For any thread, and for handlers of signals."""
        if self._loop is None:
            self._early = True
        else:
            self._loop.call_soon_threadsafe(self._wanted.set)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == HEALTH:
            await _say(scope, send, 200, {"status": "ok"})
        elif self._shown is None or scope["path"] == READY:
            await _say(scope, send, *await self._readiness())
        else:
            await self._shown.answer(scope, receive, send)

    async def _readiness(self) -> tuple[int, dict[str, Any]]:
        shown = self._shown
        if shown is None:
            return 503, {"status": "starting"}
        wrong = await asyncio.to_thread(_find_fault, shown.publication)
        if wrong:
            return 503, {"status": "not ready", "detail": wrong}
        manifest = shown.publication.manifest
        return 200, {"status": "ready", "edition": manifest.name, "sequence": manifest.sequence}

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(_THREADS, "phonotheque-answer"))
        try:
            await self._show(*self._first.pop())
        except Exception as error:
            _LOG.error("the edition cannot be shown", exc_info=error)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        watching = asyncio.create_task(self._watch())
        if self._early:
            self._wanted.set()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watching.cancel()
        last, self._shown = self._shown, None
        for shown in [*self._leaving, *([last] if last else [])]:
            await shown.end()
        self._at_end()
        await send({"type": "lifespan.shutdown.complete"})

    async def _watch(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._look()

    async def _look(self) -> None:
        shown, newer = self._shown, self._newer
        if newer is None or shown is None:
            return
        try:
            found = await asyncio.to_thread(newer, shown.publication)
            if found is not None:
                await self._show(*found)
                self.renewals += 1
        except Exception as error:
            self.failures += 1
            name = shown.publication.manifest.name
            _LOG.error(
                "a newer edition cannot be shown; %s stays: %s", name, error,
                exc_info=None if isinstance(error, PhonothequeError) else error,
            )  # fmt: skip

    async def _show(self, publication: Publication, app: Litestar) -> None:
        new = Shown(publication, app)
        try:
            await new.enter()
        except BaseException:
            publication.close()
            raise
        old, self._shown = self._shown, new
        if old is not None:
            old.retire()
            self._leaving[old] = asyncio.create_task(self._see_off(old))

    async def _see_off(self, old: Shown) -> None:
        await old.closed()
        del self._leaving[old]
        name = old.publication.manifest.name
        del old
        await asyncio.sleep(_SETTLING_SECONDS)  # the task of the last request has to end as well
        await asyncio.to_thread(gc.collect)  # mapped files go with the last cycle of references
        _LOG.info("edition %s is closed", name)


def _find_fault(publication: Publication) -> str | None:
    """Why no request should be sent here; None where the edition and its index can be read."""
    try:
        (publication.directory / "edition.json").stat()
        publication.index.rows(publication.index.most_listened(0, 1))
    except Exception as error:
        _LOG.error("not ready", exc_info=error)
        return "the edition or its index cannot be read; the log says more"
    return None


async def _say(scope: Scope, send: Send, status: int, said: dict[str, Any]) -> None:
    content = msgspec.json.encode(said)
    headers = [*_HEADERS, (b"content-length", str(len(content)).encode())]
    if status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    body = b"" if scope.get("method") == "HEAD" else content
    await send({"type": "http.response.body", "body": body, "more_body": False})
