"""The application: one edition of one tree, behind routes."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Server as ApiServer
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.types import Message, Scope

from phonotheque import __version__
from phonotheque.accounts import Door
from phonotheque.model.errors import ArchiveBusyError
from phonotheque.model.progress import Silent
from phonotheque.search import SearchIndex, ensure_file_keys, ensure_index
from phonotheque.serve.api import api_router
from phonotheque.serve.callers import add_headers
from phonotheque.serve.compressing import compressing
from phonotheque.serve.downloads import feed_handler, file_handlers, mining_handlers
from phonotheque.serve.handing import Handing
from phonotheque.serve.limits import Limiter
from phonotheque.serve.mining import default_headers
from phonotheque.serve.pages import Pages
from phonotheque.serve.problems import make_handler
from phonotheque.serve.publication import Publication, read_edition
from phonotheque.serve.subsonic import Players, Shelves, rest_handler
from phonotheque.storage.layout import Tree

_LOG = logging.getLogger(__name__)
_SECURITY_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        b"media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
]


class _Application(Litestar):
    """Without what it would look for by default: for pydantic and attrs, which nothing here uses
    and which take a quarter of a second to import."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def make_app(
    publication: Publication,
    *,
    public_url: str | None = None,
    door: Door | None = None,
    limiter: Limiter | None = None,
    players: Players | None = None,
) -> Litestar:
    """The application over an opened publication; it is closed when the application ends.

    `door` knows who asks, `limiter` how much one may ask of the API, `players` how those of
    OpenSubsonic are let in; without it, as `Players` has it by default.
    """
    players = players or Players()
    pages = Pages(publication, public_url, players)
    shelves = Shelves(publication)

    async def provide_publication() -> Publication:
        return publication

    return _Application(
        route_handlers=[
            pages.router(),
            api_router(publication, door, limiter),
            *file_handlers(publication),
            *mining_handlers(publication, public_url),
            feed_handler(publication, public_url),
            rest_handler(publication, shelves, door, players, public_url),
        ],
        dependencies={"publication": Provide(provide_publication)},
        exception_handlers={Exception: make_handler(pages.draw_problem)},
        before_send=[_add_security_headers, _adding_mining_headers(public_url), add_headers],
        middleware=[compressing],
        openapi_config=_openapi(public_url),
        lifespan=[_closing(shelves, publication)],
        debug=False,
        logging_config=None,
    )


def create_app(
    tree: Tree,
    *,
    edition: str | None = None,
    public_url: str | None = None,
    door: Door | None = None,
    limiter: Limiter | None = None,
    players: Players | None = None,
) -> Litestar:
    """The application over an archive or a mirror: its latest edition, or the one named.

    `public_url` is the address readers use, where a proxy stands in front. The search index is
    built when it is not there yet.

    Raises:
        NotFoundError: nothing is published here, or not this edition.
        FormatError: the edition or its index cannot be read.
    """
    publication = open_publication(tree, edition)
    return make_app(publication, public_url=public_url, door=door, limiter=limiter, players=players)


def open_publication(
    tree: Tree, edition: str | None = None, handing: Handing | None = None
) -> Publication:
    """The latest edition of an archive or a mirror, or the one named, with its index. `handing`:
    how its files are handed over to a web server in front.

    Raises:
        NotFoundError, FormatError: as `create_app`.
    """
    manifest, digest = read_edition(tree, edition)
    return Publication(tree, manifest, digest, open_index(tree, manifest.name), handing)


def open_index(tree: Tree, name: str) -> SearchIndex:
    """The search index of edition `name`, built first when it is missing."""
    directory = tree.edition_index(name)
    ensure_index(tree.edition(name), directory, Silent())
    try:
        ensure_file_keys(tree.edition(name), directory)
    except (OSError, ArchiveBusyError) as error:  # files are not found by digest then
        _LOG.warning("%s: the list of files by digest is not made: %s", directory, error)
    return SearchIndex.open(directory)


def _openapi(public_url: str | None) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="phonotheque",
        version="1",
        description=f"Search and read one edition of a music archive (server {__version__}).",
        path="/api/v1/schema",  # the framework's own places; ours is /api/v1/openapi.json
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        servers=[ApiServer(url=public_url or "/")],
        use_handler_docstrings=True,
    )


def _closing(shelves: Shelves, publication: Publication) -> Any:
    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            shelves.close()
            publication.close()

    return lifespan


async def _add_security_headers(message: Message, _: Scope) -> None:
    if message["type"] != "http.response.start":
        return
    headers = list(message.get("headers", []))
    present = {name.lower() for name, _ in headers}
    headers += [(name, value) for name, value in _SECURITY_HEADERS if name not in present]
    message["headers"] = headers


def _adding_mining_headers(public_url: str | None) -> Any:
    """A hook that has every answer say whether it may be mined, and where the policy is."""

    async def add(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = list(message.get("headers", []))
        labelled = any(name.lower() == b"tdm-reservation" for name, _ in headers)
        if not labelled and message["status"] != 304:  # then what was said before holds
            whole = scope.get("raw_path") or b""  # "path" loses what a mount takes off
            said = default_headers(unquote(whole.decode("latin-1")))
            headers += [(name.encode(), value.encode()) for name, value in said.items()]
        site = (public_url or _site_of(scope)).rstrip("/").encode("latin-1", "replace")
        message["headers"] = [
            (name, site + value if name.lower() == b"tdm-policy" else value)
            for name, value in headers
        ]

    return add


def _site_of(scope: Scope) -> str:
    """The address that the request was sent to, as its client states it."""
    host = next((v for name, v in scope["headers"] if name == b"host"), b"localhost")
    return f"{scope['scheme']}://{host.decode('latin-1')}"
