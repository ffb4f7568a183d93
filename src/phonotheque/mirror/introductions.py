"""Meeting an archive by a magnet link: what it says of addresses and peers is where to ask first.

A magnet names a torrent, and what a torrent holds proves itself by its hash; it proves nothing of
who made it. So nothing of it is believed: signed documents are fetched from the web addresses that
the link names, hang on the root that the user pins, and say what the torrents are.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from phonotheque.mirror.swarm import parse_peer
from phonotheque.model.errors import FormatError, UsageError

_BELOW = ("/volumes", "/editions")  # web seeds are folders of the tree


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a magnet says: web addresses of trees, peers as ``host:port``, the torrent's name."""

    origins: tuple[str, ...]
    peers: tuple[str, ...]
    name: str


def is_magnet(text: str) -> bool:
    """Whether `text` is a magnet link."""
    return text.strip().lower().startswith("magnet:?")


def read_magnet(text: str) -> Introduction:
    """What the magnet link `text` says of whom to ask.

    Raises:
        UsageError: it is no magnet of a torrent, or names no web address.
    """
    if not is_magnet(text):
        raise UsageError(f"{text}: no magnet link")
    pairs = parse_qsl(text.strip()[len("magnet:?") :])
    if not any(k == "xt" and v.startswith(("urn:btih:", "urn:btmh:")) for k, v in pairs):
        raise UsageError("this magnet link names no torrent (xt=urn:btih:… or urn:btmh:…)")
    origins = tuple(
        dict.fromkeys(
            tree for key, value in pairs if key in ("ws", "as", "xs") and (tree := _tree(value))
        )
    )
    if not origins:
        raise UsageError(
            "this magnet link names no web address (ws=…), and what an archive signs comes over "
            "the web, not from the swarm: add that of the archive or of any mirror of it to the "
            "link, as &ws=https://archive.example/volumes/ , or give it as --origin by itself"
        )
    peers = tuple(dict.fromkeys(v for k, v in pairs if k == "x.pe" and _is_peer(v)))
    return Introduction(origins, peers, next((v for k, v in pairs if k == "dn"), ""))


def _tree(address: str) -> str | None:
    """The tree of which `address` is a web seed; None where it is no web address."""
    try:
        parts = urlsplit(address)
    except ValueError:  # half of an IPv6 address, and the like
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    path = parts.path.rstrip("/")
    for below in _BELOW:
        head, found, _ = f"{path}/".rpartition(f"{below}/")
        if found:
            path = head
            break
    return f"{parts.scheme}://{parts.netloc}{path}"


def _is_peer(text: str) -> bool:
    try:
        parse_peer(text)
    except FormatError:
        return False
    return True
