"""`/guard`, for admins: what went on, and one account or network in full. Reads only.

Who shows no credential, where there are accounts, is asked for one (401; browsers then ask for name
and password); whoever is no admin, and everybody where there are no accounts, finds nothing (404).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

import anyio.to_thread
import msgspec

from phonotheque.accounts import Door, NotAuthenticatedError, Role
from phonotheque.guard import (
    GuardStore,
    Tables,
    parse_actor,
    read_profile,
    read_report,
    read_shipped_tables,
)
from phonotheque.model.errors import NotFoundError, UsageError
from phonotheque.serve.guarding.answers import Headers, problem_body
from phonotheque.serve.guarding.keeper import FAULTS
from phonotheque.serve.guarding.watching_pages import (
    Pictures,
    format_profile_page,
    format_report_page,
)

PLACE: Final = "/guard"
_ACTOR: Final = "/guard/actor/"
_MOST_DAYS: Final = 90
_HTML: Final = "text/html; charset=utf-8"
_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_ALWAYS: Headers = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy",
     b"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
     b"frame-ancestors 'none'"),
]  # fmt: skip
_CHALLENGES: Headers = [
    (b"www-authenticate", b'Bearer realm="phonotheque"'),
    (b"www-authenticate", b'Basic realm="phonotheque", charset="UTF-8"'),
]
Application = Callable[[Any, Any, Any], Any]


class AdminPages:
    """`app`, and before it the pages of the guard whose records are `store`."""

    def __init__(
        self,
        app: Application,
        store: GuardStore,
        door: Door | None,
        clock: Callable[[], datetime],
        tables: Callable[[], Tables] = read_shipped_tables,
    ) -> None:
        self._app, self._store, self._door, self._clock = app, store, door, clock
        self._read_tables = tables
        self._pictures = Pictures()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        path = scope["path"] if scope["type"] == "http" else ""
        if path != PLACE and not path.startswith(_ACTOR):
            await self._app(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            body = problem_body(HTTPStatus.METHOD_NOT_ALLOWED, "use GET")
            await _send(send, 405, body, _PROBLEM, [(b"allow", b"GET, HEAD")])
            return
        header = next((v for name, v in scope["headers"] if name == b"authorization"), None)
        status, body, kind = await anyio.to_thread.run_sync(
            self._answer, None if header is None else header.decode("latin-1"), path,
            scope.get("query_string", b"").decode("latin-1"), _wants_json(scope),
        )  # fmt: skip
        body = b"" if scope["method"] == "HEAD" else body
        more = _CHALLENGES if status == HTTPStatus.UNAUTHORIZED else []
        await _send(send, status, body, kind, more)

    def _answer(
        self, header: str | None, path: str, query: str, wants_json: bool
    ) -> tuple[int, bytes, str]:
        refused = self._refusal(header)
        if refused is not None:
            return refused, problem_body(refused, "for admins"), _PROBLEM
        try:
            return self._page(path, query, wants_json)
        except (NotFoundError, UsageError) as error:
            return _problem(HTTPStatus.NOT_FOUND, str(error))
        except FAULTS:
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "the records cannot be read now")

    def _refusal(self, header: str | None) -> HTTPStatus | None:
        if self._door is None or self._door.accounts is None:
            return HTTPStatus.NOT_FOUND
        try:
            account = self._door.authenticate(header)
        except NotAuthenticatedError:
            return HTTPStatus.UNAUTHORIZED
        if account is None:
            return HTTPStatus.UNAUTHORIZED
        return None if account.role is Role.ADMIN else HTTPStatus.NOT_FOUND

    @cached_property
    def _tables(self) -> Tables:
        return self._read_tables()

    def _page(self, path: str, query: str, wants_json: bool) -> tuple[int, bytes, str]:
        now = self._clock()
        if path == PLACE:
            report = read_report(self._store, now, since=timedelta(days=_days(query)), limit=50)
            if wants_json:
                return 200, msgspec.json.encode(report), _JSON
            return 200, format_report_page(report, self._pictures).encode(), _HTML
        actor = parse_actor(path.removeprefix(_ACTOR))
        profile = read_profile(self._store, actor, self._tables, now)
        if wants_json:
            return 200, msgspec.json.encode(profile), _JSON
        return 200, format_profile_page(profile, now, self._pictures).encode(), _HTML


def _problem(status: HTTPStatus, detail: str) -> tuple[int, bytes, str]:
    return status, problem_body(status, detail), _PROBLEM


async def _send(send: Any, status: int, body: bytes, kind: str, more: Headers) -> None:
    told = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(status),
                "headers": [*told, *_ALWAYS, *more]})  # fmt: skip
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _wants_json(scope: Any) -> bool:
    accept = next((v for name, v in scope["headers"] if name == b"accept"), b"")
    return b"application/json" in accept and b"text/html" not in accept


def _days(query: str) -> int:
    given = parse_qs(query).get("days", ["7"])[0]
    return min(max(int(given), 1), _MOST_DAYS) if given.isdigit() and len(given) < 4 else 7
