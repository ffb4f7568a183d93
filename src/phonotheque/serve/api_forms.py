"""What the handlers of the API have in common: parameters, refusals, and how they are hung up."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from litestar import route
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter, SkipValidation

from phonotheque.model import answers
from phonotheque.serve.problems import PROBLEM_TYPE
from phonotheque.serve.publication import Publication

Served = NamedDependency[SkipValidation[Publication]]
Limit = Annotated[
    int, QueryParameter(ge=1, le=100, description="How many at most; a page has exactly as many.")
]
LongLimit = Annotated[
    int,
    QueryParameter(
        ge=1, le=1000, description="How many at most on a page of JSON, which has exactly as many."
    ),
]
Cursor = Annotated[
    str | None,
    QueryParameter(
        max_length=512, description="`next_cursor` of the page before; none for the first."
    ),
]
PublicId = Annotated[
    str,
    PathParameter(max_length=64, description="Public id; merged ids answer for their successor."),
]


def read(
    path: str, *, operation_id: str | None = None, **options: Any
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """A decorator for a handler that reads: HEAD says what GET would, without the body."""

    def named(_handler: object, method: Any, _path: object) -> str:
        return f"{operation_id}{'' if method == 'GET' else method.value.title()}"

    if operation_id is not None:
        options["operation_id"] = named
    return route(path, http_method=["GET", "HEAD"], sync_to_thread=True, **options)


_TEXTS = {
    HTTPStatus.BAD_REQUEST: "The request makes no sense.",
    HTTPStatus.UNAUTHORIZED: "The API key opens nothing here.",
    HTTPStatus.NOT_FOUND: "This edition does not know it.",
    HTTPStatus.NOT_ACCEPTABLE: "It is not given in any form that the client takes.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body has more bytes than are taken.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is of a type that is not taken.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The body is JSON, and not what is asked for.",
    HTTPStatus.SERVICE_UNAVAILABLE: "It is being made; ask again later.",
}


def problems(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """How a handler may refuse, for the OpenAPI document: 401 and 429 by any."""
    found = {
        int(status): ResponseSpec(
            data_container=answers.ProblemAnswer,
            description=_TEXTS[status],
            media_type=PROBLEM_TYPE,
            generate_examples=False,
        )
        for status in sorted({*statuses, HTTPStatus.UNAUTHORIZED})
    }
    found[int(HTTPStatus.TOO_MANY_REQUESTS)] = ResponseSpec(
        data_container=answers.QuotaProblemAnswer,
        description="More was asked than the limit allows.",
        media_type=PROBLEM_TYPE,
        generate_examples=False,
    )
    return found


WRONG = problems(HTTPStatus.BAD_REQUEST)
UNKNOWN = problems(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
UNKNOWN_OR_FORM = problems(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.NOT_ACCEPTABLE)
