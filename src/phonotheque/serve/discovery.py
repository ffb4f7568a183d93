"""What search engines and harvesters are told: robots.txt, sitemaps, recordings as schema.org."""

from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import msgspec

from phonotheque.model import answers
from phonotheque.model.numbers import Kind, format_public_ids
from phonotheque.serve.problems import not_found
from phonotheque.serve.publication import Publication

PER_SITEMAP = 10_000  # addresses; the protocol allows 50,000, and as many sitemaps in an index
PAGES = ("/", "/edition", "/mirror", "/statistics", "/about", "/notices")
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_MOST_SITEMAPS = 49_999


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


def count_sitemaps(publication: Publication) -> int:
    """How many sitemaps of recordings there are."""
    return min(-(-publication.index.manifest.documents // PER_SITEMAP), _MOST_SITEMAPS)


def format_sitemap_index(publication: Publication, site: str) -> str:
    """The index of all sitemaps: that of pages, and those of recordings by rank."""
    day = f"<lastmod>{publication.manifest.published_at:%Y-%m-%d}</lastmod>"
    names = ["pages", *range(1, count_sitemaps(publication) + 1)]
    lines = (
        f"<sitemap><loc>{escape(site)}/sitemap/{name}.xml</loc>{day}</sitemap>\n" for name in names
    )
    return f"{_XML}<sitemapindex {_NAMESPACE}>\n{''.join(lines)}</sitemapindex>\n"


def format_sitemap(publication: Publication, site: str, name: str) -> str:
    """One sitemap: ``pages``, or recordings by rank, counted from 1.

    Raises:
        Refused: 404, there is none of this name.
    """
    paths = list(PAGES) if name == "pages" else _recordings(publication, name)
    day = f"<lastmod>{publication.manifest.published_at:%Y-%m-%d}</lastmod>"
    lines = (f"<url><loc>{escape(site)}{path}</loc>{day}</url>\n" for path in paths)
    return f"{_XML}<urlset {_NAMESPACE}>\n{''.join(lines)}</urlset>\n"


def _recordings(publication: Publication, name: str) -> list[str]:
    known = name.isascii() and name.isdigit() and len(name) <= 6
    if not known or not 1 <= int(name) <= count_sitemaps(publication):
        raise not_found(f"{name}: there is no such sitemap")
    first = (int(name) - 1) * PER_SITEMAP
    numbers = publication.index.most_listened(first, PER_SITEMAP)
    ids = format_public_ids(numbers, publication.id_key, Kind.RECORDING) if numbers else []
    return [f"/recording/{public_id}" for public_id in ids]


def format_linked_data(answer: answers.RecordingAnswer, site: str) -> str:
    """A recording as MusicRecording of schema.org, as JSON-LD that may stand in a page."""
    recording, file = answer.recording, answer.file
    page = f"{site}/recording/{recording.id}"
    told: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "MusicRecording",
        "@id": page,
        "url": page,
        "name": recording.title,
        "byArtist": [
            {"@type": "MusicGroup", "name": artist.name, "url": f"{site}/artist/{artist.id}"}
            for artist in answer.artists
        ]
        or {"@type": "MusicGroup", "name": recording.artist},
        "duration": _iso_duration(recording.duration_ms),
        "isrcCode": recording.isrcs,
        "datePublished": str(recording.year) if recording.year else None,
        "inAlbum": [
            {
                "@type": "MusicAlbum",
                "name": appearance.release.title,
                "url": f"{site}/release/{appearance.release.id}",
            }
            for appearance in answer.appearances[:20]
            if appearance.release
        ],
        "identifier": recording.id,
        "sameAs": answer.recording_mbid
        and f"https://musicbrainz.org/recording/{answer.recording_mbid}",
        "interactionStatistic": {
            "@type": "InteractionCounter",
            "interactionType": {"@type": "ListenAction"},
            "userInteractionCount": recording.listens,
        },
    }
    if file is not None:
        told["license"] = file.rights.licence_url
        told["creditText"] = file.rights.attribution
        told["audio"] = _audio(file, recording.id, site) if recording.playable else None
    kept = {key: value for key, value in told.items() if value not in (None, [], "")}
    text = msgspec.json.encode(kept).decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _audio(file: answers.FileAnswer, public_id: str, site: str) -> dict[str, Any]:
    return {
        "@type": "AudioObject",
        "contentUrl": f"{site}/stream/{quote(public_id)}",
        "encodingFormat": file.media_type,
        "contentSize": str(file.bytes),
        "sha256": file.sha256,
    }


def _iso_duration(milliseconds: int | None) -> str | None:
    return (
        None
        if milliseconds is None
        else f"PT{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "S"
    )
