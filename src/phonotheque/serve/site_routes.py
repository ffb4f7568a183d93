"""The routes beside the pages: pictures, suggestions, and what search engines are told."""

from typing import Annotated, Any

from litestar import Request, Response, route
from litestar.params import PathParameter, QueryParameter

from phonotheque.model.archive_answers import SuggestionsAnswer
from phonotheque.serve import discovery
from phonotheque.serve.covers import cover_image
from phonotheque.serve.problems import not_found
from phonotheque.serve.publication import Publication
from phonotheque.serve.ranges import etag_matches
from phonotheque.serve.suggesting import suggestions_answer

READ: dict[str, Any] = {"http_method": ["GET", "HEAD"], "sync_to_thread": True}
_XML_TYPE = "application/xml; charset=utf-8"
_A_DAY = "public, max-age=86400"


def site_of(request: Request[Any, Any, Any], public_url: str | None) -> str:
    """The address of this server, as readers know it, without a slash at its end."""
    return (public_url or str(request.base_url)).rstrip("/")


def cover_handler(publication: Publication) -> Any:
    """The route of pictures."""

    @route("/cover/{public_id:str}", **READ)
    def cover(
        request: Request[Any, Any, Any],
        public_id: Annotated[str, PathParameter(max_length=64)],
        size: Annotated[int, QueryParameter(ge=16, le=1024)] = 300,
    ) -> Response[bytes]:
        image = cover_image(publication, public_id, size)
        headers = {"etag": image.etag, "cache-control": _A_DAY}
        asked = request.headers.get("if-none-match")
        if asked is not None and etag_matches(asked, image.etag):
            return Response(b"", status_code=304, headers=headers)
        return Response(image.content, media_type=image.media_type, headers=headers)

    return cover


def site_handlers(publication: Publication, public_url: str | None) -> list[Any]:
    """The routes whose answers depend on the edition and the address alone."""

    @route("/suggest", **READ)
    def suggest(
        q: Annotated[str, QueryParameter(max_length=512)] = "",
    ) -> SuggestionsAnswer:
        return suggestions_answer(publication, q)

    @route("/robots.txt", **READ)
    def robots(request: Request[Any, Any, Any]) -> Response[str]:
        text = discovery.format_robots(publication, site_of(request, public_url))
        return Response(text, media_type="text/plain")

    @route("/sitemap.xml", **READ)
    def sitemaps(request: Request[Any, Any, Any]) -> Response[str]:
        text = discovery.format_sitemap_index(publication, site_of(request, public_url))
        return Response(text, media_type=_XML_TYPE)

    @route("/sitemap/{name:str}", **READ)
    def sitemap(
        request: Request[Any, Any, Any], name: Annotated[str, PathParameter(max_length=64)]
    ) -> Response[str]:
        stem, dot, kind = name.partition(".")
        if not dot or kind != "xml":
            raise not_found(f"{name}: there is no such sitemap")
        text = discovery.format_sitemap(publication, site_of(request, public_url), stem)
        return Response(text, media_type=_XML_TYPE)

    return [suggest, robots, sitemaps, sitemap]
