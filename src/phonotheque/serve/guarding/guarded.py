"""The guard as ASGI middleware: thin; what it asks is decided by the gate."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import anyio.to_thread
import msgspec

from phonotheque.accounts import Door, NotAuthenticatedError, is_key
from phonotheque.guard import BULK_PREFIX, LONGEST_APPEAL, BulkToken, Proceedings
from phonotheque.model.errors import UsageError
from phonotheque.model.numbers import Kind, format_public_ids
from phonotheque.serve.guarding.answers import (
    decoy_page,
    link_to_dumps,
    problem_body,
    refusal_headers,
    send_answer,
    standing_body,
)
from phonotheque.serve.guarding.gate import VISIT, Gate, Visit
from phonotheque.serve.guarding.items import DECOY, OWN, Way, id_in, way_of
from phonotheque.serve.guarding.keeper import FAULTS

_HEADER = b"phonotheque-bulk-token"
_KEY_S = 10.0
_DECOYS = 16
_LONGEST_AGENT = 200
_LONGEST_BODY = 8 * LONGEST_APPEAL
Application = Callable[[Any, Any, Any], Any]


class Guarded:
    """`app` behind a gate. `door` knows whose key it is."""

    def __init__(self, app: Application, gate: Gate, door: Door | None) -> None:
        self._app, self.gate, self._door = app, gate, door
        self._keys: dict[str, tuple[float, int | None]] = {}
        self._lock = threading.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        way = way_of(scope["path"]) if scope["type"] == "http" else Way.FREE
        if way is Way.FREE or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        text, scope = _bulk_token(scope)
        token = None
        if text is not None:
            token = self.gate.standings.token(text, self.gate.means.clock())
            if token is None:
                self.gate.counts.refused["token"] += 1
                await _refuse_token(send)
                return
        await self._visit(way, token, scope, receive, send)

    async def _visit(
        self, way: Way, token: BulkToken | None, scope: Any, receive: Any, send: Any
    ) -> None:
        address = scope["client"][0] if scope.get("client") else "unknown"
        agent = next((v for name, v in scope["headers"] if name == b"user-agent"), b"")
        visit = await self._decide(
            self.gate.visit, address, token, way, agent[:_LONGEST_AGENT].decode("latin-1")
        )
        path = scope["path"]
        is_api = path.startswith("/api/")
        try:
            if visit.refusal is None and way is not Way.PLAYER and not is_api:
                account = await self._account(scope)
                if way is Way.OURS:
                    await self._answer_ourselves(visit, account, scope, receive, send)
                    return
                media = way is Way.MEDIA and scope["method"] == "GET"
                await self._decide(visit.admit_here, account, media, id_in(path))
            if visit.refusal is not None:
                await self._send_refusal(visit, send)
            elif path.rstrip("/") == DECOY:
                await self._send_decoy(visit, send)
            else:
                scope = {**scope, VISIT: visit}
                await self._app(scope, receive, _telling(visit, send))
        finally:
            visit.leave()

    async def _decide(self, function: Callable[..., Any], *values: Any) -> Any:
        """In this thread, but for budgets that are counted elsewhere."""
        if self.gate.means.windows.is_remote:
            return await anyio.to_thread.run_sync(function, *values)
        return function(*values)

    async def _account(self, scope: Any) -> int | None:
        """The account whose key a request shows; keys are looked up every few seconds."""
        header = next((v for name, v in scope["headers"] if name == b"authorization"), b"")
        shown = header.decode("latin-1").partition(" ")[2].strip()
        if self._door is None or not is_key(shown):
            return None
        now = self.gate.means.clock().timestamp()
        kept = self._keys.get(shown)
        if kept is None or not 0 <= now - kept[0] < _KEY_S:
            number = await anyio.to_thread.run_sync(self._look_up, shown)
            with self._lock:
                if len(self._keys) > 10_000:
                    self._keys.clear()
                kept = self._keys[shown] = (now, number)
        return kept[1]

    def _look_up(self, key: str) -> int | None:
        assert self._door is not None
        try:
            return self._door.by_key(key).number
        except NotAuthenticatedError:
            return None

    async def _send_refusal(self, visit: Visit, send: Any) -> None:
        refusal = visit.refusal
        assert refusal is not None
        headers = refusal_headers(refusal, self.gate.policy.dumps)
        await send_answer(send, refusal.status, visit.refusal_body(), headers)

    async def _send_decoy(self, visit: Visit, send: Any) -> None:
        publication = self.gate.publication()
        numbers = sorted(self.gate.canaries)[:_DECOYS]
        ids = []
        if publication is not None and numbers:
            ids = format_public_ids(numbers, publication.id_key, Kind.RECORDING)
        visit.answered(200, 0)
        await send_answer(send, 200, decoy_page(ids), [], media_type="text/html; charset=utf-8")

    async def _answer_ourselves(
        self, visit: Visit, account: int | None, scope: Any, receive: Any, send: Any
    ) -> None:
        actor = visit.network if account is None else f"account:{account}"
        asks, appeals = scope["path"] == OWN[0], scope["path"] == OWN[1]
        if asks and scope["method"] in ("GET", "HEAD"):
            status, body = await anyio.to_thread.run_sync(self._standing, actor)
        elif appeals and scope["method"] == "POST":
            content = await _read(receive)
            status, body = await anyio.to_thread.run_sync(self._appeal, actor, content)
        else:
            allowed = b"GET, HEAD" if asks else b"POST"
            body = problem_body(HTTPStatus.METHOD_NOT_ALLOWED, f"use {allowed.decode()}")
            await send_answer(send, 405, body, [(b"allow", allowed)])
            return
        kind = "application/json" if status < 400 else "application/problem+json"
        body = b"" if scope["method"] == "HEAD" else body
        await send_answer(send, status, body, [], media_type=kind)

    def _standing(self, actor: str) -> tuple[int, bytes]:
        means, policy = self.gate.means, self.gate.policy
        try:
            row = means.store.actor(actor)
            appeals = Proceedings(means.store).appeals(actor)
        except FAULTS:
            return 503, problem_body(HTTPStatus.SERVICE_UNAVAILABLE, "ask again in a while")
        return 200, standing_body(actor, row, appeals, means.clock(), policy.dumps)

    def _appeal(self, actor: str, content: bytes) -> tuple[int, bytes]:
        means = self.gate.means
        try:
            text = msgspec.json.decode(content, type=dict[str, str])["text"]
            number = Proceedings(means.store).appeal(actor, text, means.clock())
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
            detail = 'send JSON: {"text": "why this is wrong"}'
            return 400, problem_body(HTTPStatus.BAD_REQUEST, detail)
        except UsageError as error:
            return 409, problem_body(HTTPStatus.CONFLICT, str(error))
        except FAULTS:
            return 503, problem_body(HTTPStatus.SERVICE_UNAVAILABLE, "ask again in a while")
        return 202, msgspec.json.encode({"appeal": number, "outcome": "open"})


def _telling(visit: Visit, send: Any) -> Any:
    """`send`, which tells the visit when its answer begins and says where the dumps are."""

    async def telling(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            if visit.refusal is not None:  # refused further inside, where it was known who asks
                headers += refusal_headers(visit.refusal, visit.gate.policy.dumps)
                message = {**message, "headers": headers}
            else:
                size = next((v for name, v in headers if name.lower() == b"content-length"), b"")
                visit.answered(message["status"], int(size) if size.isdigit() else 0)
                if visit.is_led_to_dumps():
                    headers.append((b"link", link_to_dumps(visit.gate.policy.dumps)))
                    message = {**message, "headers": headers}
        await send(message)

    return telling


def _bulk_token(scope: Any) -> tuple[str | None, Any]:
    """The bulk token that a request shows, and its scope without it, so that nobody takes it for
    an account's key."""
    text, kept = None, []
    for name, value in scope["headers"]:
        if name == _HEADER:
            text = value.decode("latin-1").strip()
        elif name == b"authorization":
            scheme, _, rest = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and rest.strip().startswith(BULK_PREFIX):
                text = rest.strip()
                continue
        kept.append((name, value))
    return text, scope if text is None else {**scope, "headers": kept}


async def _refuse_token(send: Any) -> None:
    detail = "this bulk token opens nothing here any more; ask whoever runs the server for another"
    challenge = (b"www-authenticate", b'Bearer realm="phonotheque", error="invalid_token"')
    await send_answer(send, 401, problem_body(HTTPStatus.UNAUTHORIZED, detail), [challenge])


async def _read(receive: Any) -> bytes:
    content, more = bytearray(), True
    while more and len(content) <= _LONGEST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        content += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(content[:_LONGEST_BODY])
