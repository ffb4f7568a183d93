"""Answers made from the edition alone carry one ETag; who has it gets 304 and no work is done."""

from typing import Any

from litestar import Request, Response

from phonotheque.serve.publication import Publication
from phonotheque.serve.ranges import etag_matches
from phonotheque.serve.rendering import program_mark

_CACHE_CONTROL = "no-cache"  # keep it, but ask


def answer_etag(publication: Publication, variant: str = "") -> str:
    """Weak, because an answer may be compressed or not; another program is another tag."""
    dot = "." if variant else ""
    return f'W/"{publication.state}.{program_mark()}{dot}{variant}"'


def unchanged(
    request: Request[Any, Any, Any], publication: Publication, variant: str = ""
) -> Response[Any] | None:
    """304 for a request that brings the ETag of today's answers, else None. A `variant` of an
    answer has another tag than the answer."""
    if request.method not in ("GET", "HEAD"):
        return None
    asked = request.headers.get("if-none-match")
    if asked is None or asked.strip() == "*":  # names no answer that is known
        return None
    etag = answer_etag(publication, variant)
    if not etag_matches(asked, etag):
        return None
    headers = {"etag": etag, "cache-control": _CACHE_CONTROL}
    return Response(None, status_code=304, headers=headers)


def fresh_answers(publication: Publication) -> dict[str, Any]:
    """Hooks of a router whose answers depend on nothing but the address and the edition."""

    async def before(request: Request[Any, Any, Any]) -> Response[Any] | None:
        return unchanged(request, publication)

    async def after(response: Response[Any]) -> Response[Any]:
        if response.status_code in (None, 200):
            response.headers.setdefault("etag", answer_etag(publication))
            response.headers.setdefault("cache-control", _CACHE_CONTROL)
        return response

    return {"before_request": before, "after_request": after}
