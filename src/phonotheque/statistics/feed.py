"""The editions of an archive and their torrents as an Atom feed (RFC 4287; docs/serving.md).

Equal trees and addresses give equal bytes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid5
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq

from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.model.errors import NotFoundError
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree

MAX_EDITIONS = 50
MAX_VOLUMES = 1000
ATOM = "http://www.w3.org/2005/Atom"
TORRENT = "application/x-bittorrent"


def format_feed(tree: Tree, base: str = "") -> bytes:
    """The newest editions that are out, and the newest volumes, newest first.

    `base` is the address of the tree's root on the web; without one the feed's links are relative
    to where it stands, which is that root.

    Raises:
        NotFoundError: nothing is out here.
        FormatError: an edition cannot be read.
    """
    root = f"{base.rstrip('/')}/" if base else ""
    editions = _editions(tree)
    newest = editions[0]
    archive = UUID(newest.archive.id)
    feed = ET.Element("feed", {"xmlns": ATOM})
    _text(feed, "id", archive.urn)
    _text(feed, "title", newest.archive.name)
    _text(feed, "updated", _time(newest.published_at))
    _text(ET.SubElement(feed, "author"), "name", newest.archive.publisher)
    ET.SubElement(feed, "link", {"rel": "self", "href": f"{root}feed.atom"})
    for manifest in editions:
        _edition(feed, manifest, archive, root)
    times = {manifest.name: manifest.published_at for manifest in editions}
    for row in _volumes(tree, newest, times)[:MAX_VOLUMES]:
        entry = _entry(feed, f"Volume {row['volume']}", archive, f"volumes/{row['volume']}")
        _text(entry, "updated", _time(times[row["first_edition"]]))
        _volume(entry, row, f"{root}editions/{quote(newest.name)}")
    ET.indent(feed, " ")
    content: bytes = ET.tostring(feed, "utf-8", xml_declaration=True)
    return content + b"\n"


def _editions(tree: Tree) -> list[EditionManifest]:
    """Editions that are out, newest first; one that waits for signatures is not."""
    if not tree.latest_json.is_file():
        raise NotFoundError(f"{tree.root}: no edition is out here (no latest.json)")
    last = read_document(tree.latest_json, Latest)
    found = [read_document(path, EditionManifest) for path in _manifests(tree)]
    out = [manifest for manifest in found if manifest.sequence <= last.sequence]
    if not out:
        raise NotFoundError(f"{tree.editions}: edition {last.edition} is not here")
    return sorted(out, key=lambda manifest: -manifest.sequence)[:MAX_EDITIONS]


def _manifests(tree: Tree) -> Iterator[Path]:
    return (path for path in tree.editions.glob("*/edition.json") if path.parent.name[:1] != ".")


def _volumes(
    tree: Tree, newest: EditionManifest, times: dict[str, datetime]
) -> list[dict[str, Any]]:
    """Rows of the volumes that came with `times`' editions, those of newer editions first."""
    names = ["volume", "tier", "first_edition", "files", "total_bytes", "torrent_bytes"]
    table = pq.ParquetFile(tree.edition(newest.name) / "volumes.parquet")
    if "superseded_by" in table.schema_arrow.names:
        names.append("superseded_by")
    rows = [row for row in table.read(names).to_pylist() if not row.get("superseded_by")]
    known = [row for row in rows if row["first_edition"] in times]
    return sorted(known, key=lambda row: (times[row["first_edition"]], row["volume"]), reverse=True)


def _edition(feed: ET.Element, manifest: EditionManifest, archive: UUID, root: str) -> None:
    counts, place = manifest.counts, f"{root}editions/{quote(manifest.name)}"
    entry = _entry(feed, f"Edition {manifest.name}", archive, f"editions/{manifest.name}")
    _text(entry, "updated", _time(manifest.published_at))
    link = {"rel": "alternate", "type": "application/json", "href": f"{place}/edition.json"}
    ET.SubElement(entry, "link", link)
    torrent = manifest.catalogue_torrent
    if torrent is not None:
        _enclosure(entry, f"{place}/{quote(torrent.path)}", torrent.bytes)
    text = (
        f"{counts.recordings:,} recordings, {counts.files:,} files of audio in "
        f"{counts.volumes:,} volumes, {counts.audio_bytes:,} bytes; {counts.withdrawn:,} withdrawn."
    )
    _text(entry, "summary", text)


def _volume(entry: ET.Element, row: dict[str, Any], edition: str) -> None:
    place = f"{edition}/torrents/{quote(row['volume'])}.torrent"
    ET.SubElement(entry, "link", {"rel": "alternate", "type": TORRENT, "href": place})
    _enclosure(entry, place, row["torrent_bytes"])
    text = f"Tier {row['tier']}, {row['files']:,} files, {row['total_bytes']:,} bytes."
    _text(entry, "summary", text)


def _entry(feed: ET.Element, title: str, archive: UUID, what: str) -> ET.Element:
    entry = ET.SubElement(feed, "entry")
    _text(entry, "id", uuid5(archive, what).urn)
    _text(entry, "title", title)
    return entry


def _enclosure(entry: ET.Element, address: str, size_bytes: int) -> None:
    what = {"rel": "enclosure", "type": TORRENT, "length": str(size_bytes), "href": address}
    ET.SubElement(entry, "link", what)


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = "".join(c for c in text if c.isprintable())


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
