"""Errors as answers: problem+json (RFC 9457) for programs, a page for people."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException

from phonotheque.model.answers import ProblemAnswer
from phonotheque.model.errors import FormatError, InputError, NotFoundError, UsageError

PROBLEM_TYPE = "application/problem+json"
HTML_TYPE = "text/html"
_LOG = logging.getLogger(__name__)
_LEFT = "client disconnected prematurely"  # the framework's words; it calls that a fault of ours


class Refused(HTTPException):  # it is an answer, not a fault
    """A request that gets no bytes, and why."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail=detail, status_code=int(status), headers=headers)


def not_found(detail: str) -> Refused:
    """404: there is no such thing here."""
    return Refused(HTTPStatus.NOT_FOUND, detail)


def gone(detail: str) -> Refused:
    """410: it was here, and is withdrawn for good."""
    return Refused(HTTPStatus.GONE, detail)


def forbidden(detail: str) -> Refused:
    """403: it is here, and may not be given out this way."""
    return Refused(HTTPStatus.FORBIDDEN, detail)


def bad_request(detail: str) -> Refused:
    """400: the request makes no sense."""
    return Refused(HTTPStatus.BAD_REQUEST, detail)


def describe(error: Exception) -> ProblemAnswer:
    """What may be said of an error to a stranger; faults of ours are not explained."""
    status = HTTPStatus(_status(error))
    if isinstance(error, HTTPException):
        detail = _validation_detail(error) or error.detail
    elif status < HTTPStatus.INTERNAL_SERVER_ERROR:
        detail = str(error)
    else:
        detail = "Something went wrong here; the operator finds it in the log."
    return ProblemAnswer(
        type="about:blank", title=status.phrase, status=int(status), detail=detail or status.phrase
    )


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """Whether a person is reading: a browser outside of the API."""
    path = request.scope["path"]
    if path.startswith(("/api/", "/volumes/", "/editions/", "/metadata/")):
        return False
    return "text/html" in request.headers.get("accept", "")


def make_handler(
    draw_page: Callable[[Request[Any, Any, Any], ProblemAnswer], str],
) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    """The exception handler of the app; `draw_page` gives the HTML of an error."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        problem = describe(error)
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, Refused):
            _LOG.error("%s failed", request.scope["path"], exc_info=error)
        headers = dict(getattr(error, "headers", None) or {}) | {"cache-control": "no-store"}
        if wants_page(request):
            content, media_type = draw_page(request, problem).encode(), HTML_TYPE
        else:
            content, media_type = msgspec.json.encode(problem), PROBLEM_TYPE
        return Response(content, status_code=problem.status, media_type=media_type, headers=headers)

    return handle


def _status(error: Exception) -> int:
    if isinstance(error, InternalServerException) and error.detail == _LEFT:
        return HTTPStatus.BAD_REQUEST
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, NotFoundError):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, (InputError, UsageError)) and not isinstance(error, FormatError):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.INTERNAL_SERVER_ERROR


def _validation_detail(error: HTTPException) -> str | None:
    if not isinstance(error, ValidationException) or not isinstance(error.extra, list):
        return None
    said = [f"{e.get('key', 'body')}: {e.get('message', '')}" for e in error.extra]
    return "; ".join(said)
