"""Keeping torrents discoverable that are not in memory: trackers, DHT and the local network are
told of them by their info hashes alone, in turns, so that each is told of before it is forgotten.

A torrent in memory is announced by libtorrent itself. Nothing here runs unless peers may be looked
for at all.
"""

import socket
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import libtorrent as lt

from phonotheque.mirror.trackers import Swarm, announce, new_peer_id
from phonotheque.model.errors import TransferError
from phonotheque.model.seeding import SeedSettings

FORGOTTEN_SECONDS = 1800.0  # so long a DHT node and most trackers keep a peer
_MOST_A_SECOND = 10.0  # so that thousands do not go out at once
_LOCAL_SECONDS, _LOCAL_GROUP = 300.0, ("239.192.152.143", 6771)  # BEP 14
_LOCAL_BYTES = 1400
_REST_SECONDS, _LONGEST_REST_SECONDS = 300.0, 3600.0
_ASKERS, _AHEAD = 4, 64
_DHT_SEED = 1  # libtorrent: announce as a seed


@dataclass(frozen=True, slots=True)
class Hashes:
    """What names one torrent: hex digits of SHA-1 (may be empty) and SHA-256."""

    place: str
    v1: str
    v2: str

    def truncated(self) -> Iterator[bytes]:
        """The 20 bytes by which trackers and the DHT know it, the second from BEP 52."""
        if self.v1:
            yield bytes.fromhex(self.v1)
        yield bytes.fromhex(self.v2)[:20]


Told = Callable[[str, Swarm], None]


class Announcer:
    """Announces what `turn` names, at a pace. `told` gets what trackers say, from any thread."""

    def __init__(
        self, session: Any, settings: SeedSettings, trackers: Sequence[str], *,
        told: Told, note: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._session, self._settings = session, settings
        self._port = int(session.listen_port())
        self._trackers = tuple(trackers) if settings.trackers else ()
        self._told, self._note = told, note
        self._peer_id = new_peer_id()
        self._queue: deque[str] = deque()
        self._due: dict[str, float] = {}
        self._resting: dict[str, tuple[float, float]] = {}  # tracker → until when, how long
        self._pool = ThreadPoolExecutor(_ASKERS, "announce") if self._trackers else None
        self._asked: set[Future[None]] = set()
        self._last: float | None = None
        self._allowance = 0.0
        self._local_at = 0.0
        self.announced = 0  # torrents told of, again and again

    def turn(self, unloaded: Collection[Hashes], now: float) -> None:
        """Announce what is due of `unloaded`; `now` in seconds of a steady clock."""
        by_place = {hashes.place: hashes for hashes in unloaded}
        for place in by_place.keys() - self._due.keys():
            self._due[place] = now
            self._queue.append(place)
        passed = 0.0 if self._last is None else now - self._last
        self._last = now
        self._allowance = min(self._allowance + passed * _MOST_A_SECOND, _MOST_A_SECOND)
        self._asked = {future for future in self._asked if not future.done()}
        while self._queue and self._allowance >= 1 and len(self._asked) < _AHEAD:
            if self._due[self._queue[0]] > now:
                break
            place = self._queue.popleft()
            if place not in by_place:  # loaded or gone meanwhile
                del self._due[place]
                continue
            self._allowance -= 1
            self._due[place] = now + FORGOTTEN_SECONDS * 0.9
            self._queue.append(place)
            self._announce(by_place[place], now)
        if self._settings.lsd and now >= self._local_at and by_place:
            self._local_at = now + _LOCAL_SECONDS
            _tell_neighbours(local_messages(by_place.values(), self._port))

    def close(self) -> None:
        """Wait for nothing more."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _announce(self, hashes: Hashes, now: float) -> None:
        self.announced += 1
        for info_hash in hashes.truncated():
            if self._settings.dht:
                self._session.dht_announce(lt.sha1_hash(info_hash), self._port, _DHT_SEED)
            for tracker in self._trackers:
                until, _ = self._resting.get(tracker, (0.0, 0.0))
                if self._pool is not None and now >= until:
                    self._asked.add(
                        self._pool.submit(self._ask, tracker, hashes.place, info_hash, now)
                    )

    def _ask(self, tracker: str, place: str, info_hash: bytes, now: float) -> None:
        try:
            swarm = announce(tracker, info_hash, self._port, self._peer_id)
        except TransferError as error:
            until, rest = self._resting.get(tracker, (0.0, 0.0))
            if now < until:  # another thread has noted it
                return
            rest = min(max(2 * rest, _REST_SECONDS), _LONGEST_REST_SECONDS)
            self._resting[tracker] = now + rest, rest
            self._note(f"{error}; asked again in {rest / 60:.0f} minutes")
            return
        self._resting.pop(tracker, None)
        self._told(place, swarm)


def local_messages(torrents: Iterable[Hashes], port: int) -> Iterator[bytes]:
    """Messages of BEP 14 that name the torrents, each short enough for one packet."""
    group, number = _LOCAL_GROUP
    head = f"BT-SEARCH * HTTP/1.1\r\nHost: {group}:{number}\r\nPort: {port}\r\n".encode()
    end = b"cookie: phonotheque\r\n\r\n\r\n"
    lines: list[bytes] = []
    for hashes in torrents:
        for info_hash in hashes.truncated():
            line = f"Infohash: {info_hash.hex()}\r\n".encode()
            if len(head) + len(end) + sum(map(len, lines)) + len(line) > _LOCAL_BYTES:
                yield head + b"".join(lines) + end
                lines = []
            lines.append(line)
    if lines:
        yield head + b"".join(lines) + end


def _tell_neighbours(messages: Iterable[bytes]) -> None:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            for message in messages:
                out.sendto(message, _LOCAL_GROUP)
    except OSError:  # no network, or none that knows groups: nobody near to be told
        return
