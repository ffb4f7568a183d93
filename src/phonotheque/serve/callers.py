"""Before a request to the API is answered: who asks, is it within its limit, has it the answer.

Each is one step of `before`, a hook of the router. What comes of it is left in the request's
state: handlers find the caller there, and `add_headers` what is said of the limit.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import anyio.to_thread
import msgspec
from litestar import Request, Response
from litestar.types import Message, Scope

from phonotheque.accounts import Account, Door, NotAuthenticatedError
from phonotheque.model.answers import QuotaProblemAnswer
from phonotheque.serve.conditional import unchanged
from phonotheque.serve.guarding import VISIT, Visit
from phonotheque.serve.limits import Allowance, Caller, Limiter, format_headers, key_of_address
from phonotheque.serve.problems import PROBLEM_TYPE, Refused
from phonotheque.serve.publication import Publication
from phonotheque.serve.streaming import Form, chosen_form

AREA = "/api/"
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
NOBODY = Caller("nobody")
_BYTES_A_REQUEST = 64 << 10  # a body costs a request more for each so many bytes
_LONGEST_BODY = 16 << 20
_CALLER, _ALLOWANCE = "phonotheque_caller", "phonotheque_allowance"
_OPEN_TO_ALL = [
    (b"access-control-allow-origin", b"*"),
    (b"link", b'</api/v1/openapi.json>; rel="service-desc"'),
    (
        b"access-control-expose-headers",
        b"etag, link, ratelimit, ratelimit-policy, retry-after, www-authenticate",
    ),
]
_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, OPTIONS"),
    (b"access-control-allow-headers", b"accept, authorization, content-type, if-none-match"),
    (b"access-control-max-age", b"86400"),
]

Before = Callable[[Request[Any, Any, Any]], Awaitable[Response[Any] | None]]


def checking(publication: Publication, door: Door | None, limiter: Limiter | None) -> Before:
    """The hook `before` of a router over `publication`."""

    async def before(request: Request[Any, Any, Any]) -> Response[Any] | None:
        if request.method == "OPTIONS":
            return Response(None, status_code=204, headers={"allow": _methods(request)})
        caller = await _caller(request, door)
        request.scope["state"][_CALLER] = caller
        if limiter is not None:
            allowance = limiter.take(caller, 1 + _body_bytes(request) // _BYTES_A_REQUEST)
            request.scope["state"][_ALLOWANCE] = allowance
            if allowance is not None and not allowance.allowed:
                return _too_many(allowance)
        visit = request.scope.get(VISIT)
        if isinstance(visit, Visit) and _is_refused(visit, caller, request):
            return _refused(visit)
        # the other forms have ETags of their own, which their handlers know
        return unchanged(request, publication) if _takes_json(request) else None

    return before


def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """Who sent a request that the hook has seen."""
    found: Caller = request.scope["state"].get(_CALLER, NOBODY)
    return found


async def add_headers(message: Message, scope: Scope) -> None:
    """A hook for every answer of the application: what those of the API say besides."""
    if message["type"] != "http.response.start" or not scope["path"].startswith(AREA):
        return
    headers = [*message["headers"], *_OPEN_TO_ALL]
    if scope.get("method") == "OPTIONS":
        headers += _PREFLIGHT
    allowance = scope.get("state", {}).get(_ALLOWANCE)
    if isinstance(allowance, Allowance):
        told = format_headers(allowance)
        headers += [(name.encode(), value.encode()) for name, value in told.items()]
    message["headers"] = headers


async def _caller(request: Request[Any, Any, Any], door: Door | None) -> Caller:
    header = request.headers.get("authorization")
    if header is None:
        address = request.client.host if request.client else "unknown"
        return Caller(key_of_address(address))
    try:
        if door is None:
            raise NotAuthenticatedError("this server has no accounts; ask without a key")
        account = await anyio.to_thread.run_sync(door.authenticate, header)
    except NotAuthenticatedError as error:
        headers = {"www-authenticate": 'Bearer realm="phonotheque", error="invalid_token"'}
        raise Refused(HTTPStatus.UNAUTHORIZED, str(error), headers) from None
    return _known(account) if account else NOBODY


def _known(account: Account) -> Caller:
    return Caller(
        f"account {account.number}", has_account=True, territory=account.territory,
        account=account.number,
    )  # fmt: skip


def _is_refused(visit: Visit, caller: Caller, request: Request[Any, Any, Any]) -> bool:
    public_id = request.path_params.get("public_id")
    refusal = visit.admit(
        caller.account, media=False, public_id=public_id if isinstance(public_id, str) else None
    )
    return refusal is not None


def _refused(visit: Visit) -> Response[bytes]:
    """What the guard says; its header fields are added on the way out."""
    assert visit.refusal is not None
    return Response(
        visit.refusal_body(), status_code=int(visit.refusal.status), media_type=PROBLEM_TYPE,
        headers={"cache-control": "no-store"},
    )  # fmt: skip


def _methods(request: Request[Any, Any, Any]) -> str:
    """What may be asked of an address; two handlers may share it."""
    here = request.scope["path_template"]
    found = (route.methods for route in request.app.routes if route.path_format == here)
    return ", ".join(sorted({str(method) for methods in found for method in methods}))


def _takes_json(request: Request[Any, Any, Any]) -> bool:
    try:
        return chosen_form(request.headers.get("accept")) is Form.JSON
    except Refused:
        return True


def _body_bytes(request: Request[Any, Any, Any]) -> int:
    if "transfer-encoding" in request.headers:
        return _LONGEST_BODY  # it does not say how long it is
    stated = request.headers.get("content-length", "0")
    return int(stated) if stated.isascii() and stated.isdigit() else 0


def _too_many(allowance: Allowance) -> Response[bytes]:
    quota = allowance.quota
    problem = QuotaProblemAnswer(
        type=QUOTA_EXCEEDED,
        title="Request cannot be satisfied as assigned quota has been exceeded",
        status=int(HTTPStatus.TOO_MANY_REQUESTS),
        detail=(
            f"{quota.requests} requests in {quota.seconds} seconds are answered; ask again in "
            f"{allowance.wait_seconds} seconds. For all of a catalogue take the edition's files."
        ),
        violated_policies=[quota.name],
    )
    return Response(
        msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=PROBLEM_TYPE,
        headers={"cache-control": "no-store"},
    )
