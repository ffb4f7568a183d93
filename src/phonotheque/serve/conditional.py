"""Answers made from the edition alone carry one ETag; who has it gets 304 and no work is done."""

from typing import Any

from litestar import Request, Response

from phonotheque.serve.publication import Publication
from phonotheque.serve.ranges import etag_matches
from phonotheque.serve.rendering import program_mark

_CACHE_CONTROL = "no-cache"  # keep it, but ask


def answer_etag(publication: Publication) -> str:
    """Weak, because an answer may be compressed or not; another program is another tag."""
    return f'W/"{publication.state}.{program_mark()}"'


def fresh_answers(publication: Publication) -> dict[str, Any]:
    """Hooks of a router whose answers depend on nothing but the address and the edition."""

    def before(request: Request[Any, Any, Any]) -> Response[None] | None:
        if request.method not in ("GET", "HEAD"):
            return None
        etag = answer_etag(publication)
        if not etag_matches(request.headers.get("if-none-match"), etag):
            return None
        headers = {"etag": etag, "cache-control": _CACHE_CONTROL}
        return Response(None, status_code=304, headers=headers)

    async def after(response: Response[Any]) -> Response[Any]:
        if response.status_code in (None, 200):
            response.headers.setdefault("etag", answer_etag(publication))
            response.headers.setdefault("cache-control", _CACHE_CONTROL)
        return response

    return {"before_request": before, "after_request": after}
