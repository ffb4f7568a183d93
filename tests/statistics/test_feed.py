"""The Atom feed: what RFC 4287 asks for, with true lengths, for an archive and any address."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from phonotheque.model.errors import NotFoundError
from phonotheque.statistics import format_feed
from phonotheque.storage.layout import Tree

ATOM = "{http://www.w3.org/2005/Atom}"


def links(entry: ET.Element, rel: str) -> list[dict[str, str]]:
    return [link.attrib for link in entry.iter(f"{ATOM}link") if link.get("rel") == rel]


def test_the_feed_has_what_every_feed_must_have(tree: Tree) -> None:
    feed = ET.fromstring(format_feed(tree, "https://archive.example/"))
    entries = feed.findall(f"{ATOM}entry")
    ids = [entry.findtext(f"{ATOM}id") or "" for entry in entries]
    assert feed.tag == f"{ATOM}feed" and len(set(ids)) == len(ids) == 3 + 5
    for element in (feed, *entries):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1
        assert (element.findtext(f"{ATOM}id") or "").startswith("urn:uuid:")
        assert (element.findtext(f"{ATOM}updated") or "").endswith("Z")
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Tests"
    assert links(feed, "self") == [{"rel": "self", "href": "https://archive.example/feed.atom"}]
    titles = [entry.findtext(f"{ATOM}title") for entry in entries]
    assert titles[:4] == ["Edition three", "Edition two", "Edition one", "Volume work-tier3-00005"]


def test_enclosures_are_torrents_of_their_true_length(tree: Tree) -> None:
    feed = ET.fromstring(format_feed(tree))
    found = [link for entry in feed.iter(f"{ATOM}entry") for link in links(entry, "enclosure")]
    assert len(found) == 8
    for link in found:
        assert link["type"] == "application/x-bittorrent"
        assert (tree.root / link["href"]).stat().st_size == int(link["length"])


def test_the_archive_has_it_at_its_root_and_it_is_the_same_again(tree: Tree) -> None:
    assert tree.feed_atom.read_bytes() == format_feed(tree, "http://x/")
    assert (
        b'href="http://x/editions/three/torrents/catalogue.torrent"' in tree.feed_atom.read_bytes()
    )


def test_where_nothing_is_out_there_is_no_feed(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no edition is out"):
        format_feed(Tree(tmp_path))
