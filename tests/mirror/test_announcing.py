"""Torrents that are not in memory are told of: to trackers, the DHT, and neighbours."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest

from phonotheque.mirror.announcing import FORGOTTEN_SECONDS, Announcer, Hashes, local_messages
from phonotheque.mirror.trackers import Swarm, announce, new_peer_id
from phonotheque.model.errors import TransferError
from phonotheque.model.seeding import SeedSettings

HASH = bytes(range(20))
QUIET = SeedSettings(lsd=False, trackers=False)


class Session:
    """What an announcer needs of libtorrent; keeps what the DHT was told."""

    def __init__(self) -> None:
        self.told: list[bytes] = []

    def listen_port(self) -> int:
        return 6881

    def dht_announce(self, info_hash: object, port: int, flags: int) -> None:
        assert (port, flags) == (6881, 1)
        self.told.append(info_hash.to_bytes())  # type: ignore[attr-defined]


def hashes(count: int) -> list[Hashes]:
    return [
        Hashes(f"volumes/{n}", f"{n:040x}", f"{n + 500:040x}{0:024x}") for n in range(1, count + 1)
    ]


def announcer(session: Session, settings: SeedSettings = QUIET, *trackers: str) -> Announcer:
    def told(place: str, swarm: Swarm) -> None:
        heard.append((place, swarm))

    heard: list[tuple[str, Swarm]] = []
    made = Announcer(session, settings, trackers, told=told, note=notes.append)
    made.heard = heard  # type: ignore[attr-defined]
    return made


notes: list[str] = []


def test_both_halves_are_announced_at_a_pace_and_again_before_they_are_forgotten() -> None:
    session = Session()
    teller = announcer(session)
    resting = hashes(25)
    for second in range(8):
        teller.turn(resting, float(second))
        assert len(session.told) <= 20 * (second + 1)
    assert len(session.told) == 50 == len(set(session.told))
    teller.turn(resting, FORGOTTEN_SECONDS * 0.8)
    assert len(session.told) == 50
    for second in range(8):
        teller.turn(resting, FORGOTTEN_SECONDS + second)
    assert len(session.told) == 100


def test_what_was_loaded_meanwhile_is_left_to_libtorrent() -> None:
    session = Session()
    teller = announcer(session)
    teller.turn(hashes(2), 0.0)
    teller.turn(hashes(1), 5.0)
    assert session.told == [bytes.fromhex(h) for h in (f"{1:040x}", f"{501:040x}")]


def test_neighbours_are_told_of_many_in_short_packets() -> None:
    messages = list(local_messages(hashes(60), 6881))
    assert all(len(message) <= 1400 for message in messages)
    lines = b"".join(messages).split(b"\r\n")
    assert sum(line.startswith(b"Infohash: ") for line in lines) == 120
    assert messages[0].startswith(
        b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881"
    )
    assert messages[0].endswith(b"\r\n\r\n\r\n")


@contextmanager
def http_tracker(answer: bytes, asked: list[dict[str, list[str]]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            asked.append(parse_qs(self.path.partition("?")[2], encoding="latin-1"))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/announce"
        server.shutdown()


def test_a_tracker_over_http_is_told_that_we_have_all() -> None:
    asked: list[dict[str, list[str]]] = []
    with http_tracker(b"d8:completei4e10:incompletei2e8:intervali900e5:peers0:e", asked) as url:
        assert announce(url, HASH, 6881, new_peer_id()) == Swarm(4, 2, 900)
    assert asked[0]["info_hash"][0].encode("latin-1") == HASH
    assert (asked[0]["port"], asked[0]["left"]) == (["6881"], ["0"])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"d14:failure reason4:nopee", "refuses: b'nope'"),
        (b"<html>", "does not answer as a tracker"),
        (b"li1ee", "no dictionary"),
        (b"x" * 70_000, "more than 65536 bytes"),
    ],
)
def test_what_is_no_answer_of_a_tracker_is_said(answer: bytes, said: str) -> None:
    with http_tracker(answer, []) as url, pytest.raises(TransferError, match=said):
        announce(url, HASH, 6881, new_peer_id())


@contextmanager
def udp_tracker(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)

        def talk() -> None:
            for _ in range(2):
                try:
                    got, sender = listener.recvfrom(2048)
                except OSError:
                    return
                listener.sendto(answer(got), sender)

        thread = threading.Thread(target=talk)
        thread.start()
        yield f"udp://127.0.0.1:{listener.getsockname()[1]}/announce"
        listener.close()
        thread.join()


def test_a_tracker_over_udp_is_told_too() -> None:
    asked: list[bytes] = []

    def answer(got: bytes) -> bytes:
        asked.append(got)
        if len(got) == 16:
            assert got[:8] == struct.pack(">Q", 0x41727101980)
            return got[8:16] + b"CONNECTD"
        assert got[:8] == b"CONNECTD"
        return got[8:16] + struct.pack(">LLL", 1200, 3, 7)

    with udp_tracker(answer) as url:
        assert announce(url, HASH, 6881, new_peer_id()) == Swarm(7, 3, 1200)
    assert len(asked[1]) == 98
    assert asked[1][16:36] == HASH
    assert asked[1][-2:] == struct.pack(">H", 6881)


def test_a_udp_tracker_that_answers_something_else_is_refused() -> None:
    with udp_tracker(lambda got: b"\0\0\0\3" + got[12:16] + b"no"), pytest.raises(TransferError):
        announce("udp://127.0.0.1:1", HASH, 6881, new_peer_id(), 0.2)
    with pytest.raises(TransferError, match="not the address of a tracker"):
        announce("wss://tracker.example", HASH, 6881, new_peer_id())


def test_a_tracker_that_fails_rests_and_the_others_are_heard() -> None:
    notes.clear()
    settings = SeedSettings(lsd=False, dht=False)
    with http_tracker(b"d8:completei4e10:incompletei2e8:intervali900ee", []) as url:
        teller = announcer(Session(), settings, url, "nonsense://x")
        teller.turn(hashes(1), 0.0)
        teller.turn(hashes(1), 1.0)
        assert teller._pool is not None
        teller._pool.shutdown(wait=True)
    heard = teller.heard  # type: ignore[attr-defined]
    assert heard == [("volumes/1", Swarm(4, 2, 900))] * 2
    assert notes == ["nonsense://x: not the address of a tracker; udp, http or https is; "
                     "asked again in 5 minutes"]  # fmt: skip
