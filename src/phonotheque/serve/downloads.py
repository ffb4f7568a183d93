"""The routes that give out files: web seed, editions, metadata, torrents, streams."""

from typing import Any, cast

import anyio.to_thread
from litestar import Request, Response, get
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler, asgi
from litestar.types import AsyncAnyCallable, HTTPScope, Receive, Scope, Send

from phonotheque.model.errors import NotFoundError
from phonotheque.serve.blobs import send_blob
from phonotheque.serve.mining import POLICY, RULES, format_policy
from phonotheque.serve.places import locate
from phonotheque.serve.problems import not_found
from phonotheque.serve.publication import Publication

AREAS = ("/volumes", "/editions", "/metadata", "/torrents", "/stream")
DOCUMENTS = ("/latest.json", "/revocations.json")


def file_handlers(publication: Publication) -> list[ASGIRouteHandler]:
    """A handler for each area of the tree, and for the two documents above them."""
    areas = [
        asgi(area, is_mount=True, copy_scope=True)(_serve(publication, area)) for area in AREAS
    ]
    documents = [asgi(path, copy_scope=True)(_serve(publication, "")) for path in DOCUMENTS]
    return areas + documents


def _serve(publication: Publication, area: str) -> AsyncAnyCallable:
    async def serve_file(scope: Scope, receive: Receive, send: Send) -> None:
        http = cast("HTTPScope", scope)  # the server hands over nothing else: we have no websockets
        if http["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowedException(headers={"allow": "GET, HEAD"})
        # a mounted handler gets the path below its area, with a slash added at the end
        address = f"{area}{scope['path']}".rstrip("/")
        answer = await anyio.to_thread.run_sync(locate, publication, address)
        await send_blob(answer, http, receive, send)

    return serve_file


def feed_handler(publication: Publication, public_url: str | None) -> HTTPRouteHandler:
    """The feed of editions and torrents, with addresses of this server."""

    @get("/feed.atom", include_in_schema=False, sync_to_thread=True)
    def serve_feed(request: Request[Any, Any, Any]) -> Response[bytes]:
        site = public_url or str(request.base_url)
        headers = {"cache-control": "max-age=3600", "access-control-allow-origin": "*"}
        try:
            content = publication.feed(site.rstrip("/"))
        except NotFoundError as error:
            raise not_found(str(error)) from None
        return Response(content, media_type="application/atom+xml", headers=headers)

    return serve_feed


def mining_handlers(publication: Publication, public_url: str | None) -> list[HTTPRouteHandler]:
    """The archive's word on text and data mining (TDM Reservation Protocol), and its policy."""
    publisher = publication.manifest.archive.publisher

    @get("/.well-known/tdmrep.json", include_in_schema=False, sync_to_thread=False)
    def serve_rules() -> Response[bytes]:
        return Response(RULES, media_type="application/json")

    @get(POLICY, include_in_schema=False, sync_to_thread=False)
    def serve_policy(request: Request[Any, Any, Any]) -> Response[bytes]:
        site = (public_url or str(request.base_url)).rstrip("/")
        return Response(format_policy(site, publisher), media_type="application/ld+json")

    return [serve_rules, serve_policy]
