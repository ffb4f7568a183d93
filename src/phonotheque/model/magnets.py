"""The magnet link of a volume's torrent. Pure."""

from collections.abc import Sequence
from urllib.parse import urlencode


def format_magnet(
    volume: str,
    info_hash_v1: str,
    info_hash_v2: str,
    *,
    trackers: Sequence[str] = (),
    webseeds: Sequence[str] = (),
) -> str:
    """The magnet link of a torrent, hybrid or, without `info_hash_v1`, of v2 alone (BEP 9;
    multihash prefix 1220 for SHA-256)."""
    topics = f"xt=urn:btmh:1220{info_hash_v2}"
    if info_hash_v1:
        topics = f"xt=urn:btih:{info_hash_v1}&{topics}"
    named = [("dn", volume)]
    named += [("tr", tracker) for tracker in trackers]
    named += [("ws", f"{base.rstrip('/')}/volumes/") for base in webseeds]
    return f"magnet:?{topics}&{urlencode(named)}"
