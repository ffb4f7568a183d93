"""Telling a tracker of a torrent that is not loaded: over HTTP (BEP 3, 23) and UDP (BEP 15).

Only the info hash is needed, and that we seed. Who is there is not asked for, only how many.
"""

import secrets
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import libtorrent as lt
import urllib3

from phonotheque.mirror.dripping import timed_pools
from phonotheque.mirror.origin import USER_AGENT
from phonotheque.model.errors import TransferError

_PROTOCOL = 0x41727101980  # BEP 15: the number that begins a connect
_CONNECT, _ANNOUNCE, _STARTED = 0, 1, 2
_MOST_BYTES = 1 << 16
_SHORTEST_SECONDS, _LONGEST_SECONDS = 300, 7200


@dataclass(frozen=True, slots=True)
class Swarm:
    """What a tracker answered: how many have all, how many do not, and when to tell it again."""

    seeds: int
    leechers: int
    interval_seconds: int


def announce(
    tracker: str, info_hash: bytes, port: int, peer_id: bytes, timeout_seconds: float = 10.0
) -> Swarm:
    """Tell `tracker` that what has `info_hash` (20 bytes) is seeded at `port` here.

    Raises:
        TransferError: it cannot be reached, refuses, or answers nonsense.
    """
    scheme = urlsplit(tracker).scheme
    try:
        if scheme == "udp":
            return _over_udp(tracker, info_hash, port, peer_id, timeout_seconds)
        if scheme in ("http", "https"):
            return _over_http(tracker, info_hash, port, peer_id, timeout_seconds)
    except (OSError, ValueError, struct.error, urllib3.exceptions.HTTPError) as error:
        raise TransferError(f"{tracker}: does not answer as a tracker ({error})") from error
    raise TransferError(f"{tracker}: not the address of a tracker; udp, http or https is")


def new_peer_id() -> bytes:
    """20 bytes to be known by."""
    return b"-PT0001-" + secrets.token_hex(6).encode()


def _over_http(tracker: str, info_hash: bytes, port: int, peer_id: bytes, seconds: float) -> Swarm:
    asked = (
        f"info_hash={quote(info_hash, safe='')}&peer_id={quote(peer_id, safe='')}&port={port}"
        "&uploaded=0&downloaded=0&left=0&compact=1&numwant=0&event=started"
    )
    url = f"{tracker}{'&' if urlsplit(tracker).query else '?'}{asked}"
    content, until = bytearray(), time.monotonic() + seconds
    with timed_pools(timeout=seconds, retries=urllib3.Retry(0, redirect=3)) as pool:
        answer = pool.request("GET", url, headers={"User-Agent": USER_AGENT}, preload_content=False)
        while chunk := answer.read1(_MOST_BYTES, decode_content=False):
            content += chunk
            if len(content) > _MOST_BYTES:
                raise ValueError(f"more than {_MOST_BYTES} bytes")
            if time.monotonic() > until:  # a byte now and then is no answer
                raise ValueError("the answer does not end")
        answer.close()
    try:
        told: Any = lt.bdecode(bytes(content))
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    if not isinstance(told, dict):
        raise ValueError("no dictionary")
    if b"failure reason" in told:
        raise ValueError(f"refuses: {told[b'failure reason']!r:.200}")
    return _swarm(*(_number(told.get(key)) for key in (b"complete", b"incomplete", b"interval")))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _swarm(seeds: int, leechers: int, interval: int) -> Swarm:
    bounded = min(max(interval, _SHORTEST_SECONDS), _LONGEST_SECONDS)
    return Swarm(max(seeds, 0), max(leechers, 0), bounded)


def _over_udp(tracker: str, info_hash: bytes, port: int, peer_id: bytes, seconds: float) -> Swarm:
    parts = urlsplit(tracker)
    if not parts.hostname or not parts.port:
        raise ValueError("no host and port")
    family, kind, number, _, address = socket.getaddrinfo(
        parts.hostname, parts.port, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind, number) as talk:
        talk.settimeout(seconds)
        talk.connect(address)
        met = _ask(talk, struct.pack(">QL", _PROTOCOL, _CONNECT), _CONNECT)
        (connection,) = struct.unpack_from(">Q", met)
        body = struct.pack(
            ">20s20sQQQLLLlH", info_hash, peer_id, 0, 0, 0, _STARTED, 0,
            secrets.randbits(32), 0, port,
        )  # fmt: skip
        told = _ask(talk, struct.pack(">QL", connection, _ANNOUNCE), _ANNOUNCE, body)
    interval, leechers, seeds = struct.unpack_from(">LLL", told)
    return _swarm(seeds, leechers, interval)


def _ask(talk: socket.socket, head: bytes, action: int, body: bytes = b"") -> bytes:
    """What follows action and transaction in the answer."""
    transaction = secrets.token_bytes(4)
    talk.send(head + transaction + body)
    answer = talk.recv(_MOST_BYTES)
    (got,) = struct.unpack_from(">L", answer)
    if answer[4:8] != transaction or got != action:
        raise ValueError(f"refuses: {answer[8:200]!r}")
    return answer[8:]
