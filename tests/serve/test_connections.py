"""Peers that hold connections for nothing, against a server that has little patience."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from phonotheque.serve import Server
from phonotheque.serve.connections import Connections, Patience, room_for_connections

MOST = 8
QUICK = Patience(head=0.3, body=0.3, body_bytes_per_second=1000, stalled=0.5, look=0.05)
CHUNK = bytes(1 << 16)


async def simple(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body; ``/large`` has 32 MiB, all else the size of the body."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(512 if scope["path"] == "/large" else 0):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": str(size).encode()})


@pytest.fixture
def connections() -> Connections:
    return Connections(MOST, QUICK)


@pytest.fixture
def server(connections: Connections) -> Iterator[Server]:
    with Server(simple, connections=connections) as server:
        yield server


def connect(server: Server) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout=10)


def ask(peer: socket.socket, path: str = "/", size: int = 0) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"
    peer.sendall(head.encode() + bytes(size))
    answer = b""
    while not answer.endswith(b"\r\n0\r\n\r\n"):
        piece = peer.recv(4096)
        assert piece, answer
        answer += piece
    return answer


def is_ended(peer: socket.socket) -> bool:
    try:
        return peer.recv(4096) == b""
    except ConnectionError:
        return True


def test_who_says_nothing_is_not_waited_for(server: Server, connections: Connections) -> None:
    with connect(server) as peer:
        assert is_ended(peer)
    assert connections.ended_slow == 1


def test_a_head_that_comes_in_drips_is_not_waited_for(server: Server) -> None:
    with connect(server) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n")
        try:
            for _ in range(100):
                peer.sendall(b"X: y\r\n")
                time.sleep(0.02)
        except ConnectionError:
            pass
        assert is_ended(peer)


def test_nor_is_one_on_a_connection_that_was_good_before(server: Server) -> None:
    with connect(server) as peer:
        assert ask(peer).startswith(b"HTTP/1.1 200")
        time.sleep(0.5)  # idle between two requests, which has its own patience
        assert ask(peer).startswith(b"HTTP/1.1 200")
        peer.sendall(b"GET / HT")
        assert is_ended(peer)


def test_a_body_that_comes_in_drips_is_not_waited_for(
    server: Server, connections: Connections
) -> None:
    with connect(server) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        with suppress(ConnectionError):  # where this is slower than the server's patience
            for _ in range(10):
                peer.sendall(b"drip")
                time.sleep(0.02)
        assert is_ended(peer)
    with connect(server) as peer:
        assert ask(peer, size=100_000).startswith(b"HTTP/1.1 200")
    assert connections.ended_slow == 1


def test_a_body_that_is_no_http_is_refused_once_and_no_error_of_ours(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(server) as peer:
        peer.sendall(head + b"4\r\nabcd\r\nthis is no chunk\r\n")
        answer = b""
        while piece := peer.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    with connect(server) as peer:
        assert ask(peer).startswith(b"HTTP/1.1 200")
    assert [r.getMessage() for r in caplog.records] == ["Invalid HTTP request received."]


def test_who_takes_nothing_of_an_answer_is_left(server: Server, connections: Connections) -> None:
    with connect(server) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        deadline = time.monotonic() + 30
        while not connections.ended_slow:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert connections.ended_slow == 1
    assert connections.count == 0


def test_who_takes_it_slowly_gets_all_of_it(server: Server, connections: Connections) -> None:
    with connect(server) as peer:
        peer.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        got = 0
        while piece := peer.recv(1 << 20):
            got += len(piece)
            time.sleep(0.005)
    assert got > 32 << 20
    assert connections.ended_slow == 0


def test_where_room_is_short_the_longest_idle_leaves_and_others_are_answered(
    server: Server, connections: Connections
) -> None:
    idle = [connect(server) for _ in range(MOST)]
    for peer in idle:
        assert ask(peer).startswith(b"HTTP/1.1 200")
    more = [connect(server) for _ in range(4)]
    for peer in more:
        assert ask(peer).startswith(b"HTTP/1.1 200")
    assert connections.ended_for_room == 4
    assert connections.count == MOST
    assert all(is_ended(peer) for peer in idle[:4])
    for peer in [*idle[4:], *more]:
        assert ask(peer).startswith(b"HTTP/1.1 200")
        peer.close()


def test_there_is_room_for_fewer_connections_than_files_may_be_open() -> None:
    assert 64 <= room_for_connections() <= 65_536 * 3 // 4
