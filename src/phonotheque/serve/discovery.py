"""What search engines and harvesters are told: robots.txt and sitemaps. What a page tells them of
its thing is in `linked_data`."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from phonotheque.model.numbers import Kind, format_public_ids
from phonotheque.serve.problems import not_found
from phonotheque.serve.publication import Publication

PER_SITEMAP = 10_000  # addresses; the protocol allows 50,000, and as many sitemaps in an index
PAGES = ("/", "/edition", "/mirror", "/statistics", "/about", "/notices")
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_MOST = {Kind.RECORDING: 29_999, Kind.RELEASE: 10_000, Kind.ARTIST: 10_000}  # with pages, 50,000
_PLACES = {Kind.RECORDING: "", Kind.RELEASE: "releases-", Kind.ARTIST: "artists-"}
_FOLDERS = {Kind.RECORDING: "recording", Kind.RELEASE: "release", Kind.ARTIST: "artist"}


def format_robots(publication: Publication, site: str) -> str:
    """robots.txt: pages may be crawled, but whoever wants everything is led to the dumps."""
    return f"""\
# You need not crawl this site to have all of it. The catalogue is there as signed tables:
#   every file with its digest    {site}/editions/{publication.manifest.name}/edition.json
#   search, look-ups, changes     {site}/api/v1/openapi.json
#   new editions and torrents     {site}/feed.atom
#   the audio, as a mirror        {site}/mirror
# May machines train on it:       {site}/.well-known/tdmrep.json

User-agent: *
Allow: /api/v1/openapi.json
Disallow: /api/
Disallow: /rest/
Disallow: /stream/
Disallow: /suggest
Disallow: /*?q=
Disallow: /*cursor=
Disallow: /*/rights?

Sitemap: {site}/sitemap.xml
"""


def count_sitemaps(publication: Publication, kind: Kind) -> int:
    """How many sitemaps there are of recordings, of releases, or of artists."""
    index = publication.index
    last = index.manifest.documents if kind is Kind.RECORDING else index.greatest(kind)
    return min(-(-last // PER_SITEMAP), _MOST[kind])


def format_sitemap_index(publication: Publication, site: str) -> str:
    """The index of all sitemaps: pages, recordings by rank, releases and artists by number."""
    day = f"<lastmod>{publication.manifest.published_at:%Y-%m-%d}</lastmod>"
    names = ["pages"] + [
        f"{place}{part}"
        for kind, place in _PLACES.items()
        for part in range(1, count_sitemaps(publication, kind) + 1)
    ]
    lines = (
        f"<sitemap><loc>{escape(site)}/sitemap/{name}.xml</loc>{day}</sitemap>\n" for name in names
    )
    return f"{_XML}<sitemapindex {_NAMESPACE}>\n{''.join(lines)}</sitemapindex>\n"


def format_sitemap(publication: Publication, site: str, name: str) -> str:
    """One sitemap: ``pages``, ``N`` (recordings by rank), ``releases-N`` or ``artists-N`` (those of
    a span of numbers). N is counted from 1.

    Raises:
        Refused: 404, there is none of this name.
    """
    paths = PAGES if name == "pages" else _paths(publication, name)
    day = f"<lastmod>{publication.manifest.published_at:%Y-%m-%d}</lastmod>"
    lines = (f"<url><loc>{escape(site)}{path}</loc>{day}</url>\n" for path in paths)
    return f"{_XML}<urlset {_NAMESPACE}>\n{''.join(lines)}</urlset>\n"


def _paths(publication: Publication, name: str) -> Sequence[str]:
    kind = next(kind for kind in reversed(_PLACES) if name.startswith(_PLACES[kind]))
    digits = name.removeprefix(_PLACES[kind])
    known = digits.isascii() and digits.isdigit() and len(digits) <= 6
    if not known or not 1 <= int(digits) <= count_sitemaps(publication, kind):
        raise not_found(f"{name}: there is no such sitemap")
    first = (int(digits) - 1) * PER_SITEMAP
    index = publication.index
    numbers = (
        index.most_listened(first, PER_SITEMAP)
        if kind is Kind.RECORDING
        else index.numbers_between(kind, first + 1, first + PER_SITEMAP)
    )
    ids = format_public_ids(numbers, publication.id_key, kind) if numbers else []
    return [f"/{_FOLDERS[kind]}/{public_id}" for public_id in ids]
