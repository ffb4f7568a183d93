"""A real server on a real port: connections, clients of the world, peers that go away."""

import http.client
import logging
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import libtorrent as lt
import pytest

from phonotheque.model.errors import UsageError
from phonotheque.serve import Server, create_app
from phonotheque.storage.layout import Tree
from tests.serve.conftest import VOLUME, noise

FILE = f"/volumes/{VOLUME}/data/b.ogg"
LARGE_BYTES = 24 << 20


@pytest.fixture(scope="module")
def large(published: Tree) -> Iterator[Path]:
    path = published.volume(VOLUME) / "data" / "large.bin"
    path.write_bytes(noise(1 << 16, 7) * (LARGE_BYTES >> 16))
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def server(published: Tree) -> Iterator[Server]:
    with Server(create_app(published)) as server:
        yield server


def connect(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(server.host, server.port, timeout=20)


def test_one_connection_serves_many_requests(server: Server) -> None:
    connection = connect(server)
    connection.connect()
    local = connection.sock.getsockname()
    for start in range(0, 400, 20):
        connection.request("GET", FILE, headers={"range": f"bytes={start}-{start + 19}"})
        answer = connection.getresponse()
        assert answer.status == 206
        assert answer.read() == noise(5002, 2)[start : start + 20]
        assert connection.sock.getsockname() == local
    connection.close()


def test_many_ranges_of_one_file_are_read_at_once(server: Server, large: Path) -> None:
    content = large.read_bytes()
    step = LARGE_BYTES // 16

    def fetch(i: int) -> bytes:
        connection = connect(server)
        asked = {"range": f"bytes={i * step}-{(i + 1) * step - 1}"}
        connection.request("GET", f"/volumes/{VOLUME}/data/large.bin", headers=asked)
        body = connection.getresponse().read()
        connection.close()
        return body

    with ThreadPoolExecutor(16) as pool:
        assert b"".join(pool.map(fetch, range(16))) == content


def test_pages_are_answered_while_slow_readers_hold_large_files(
    server: Server, large: Path
) -> None:
    slow = []
    for _ in range(60):
        peer = socket.create_connection((server.host, server.port))
        peer.sendall(f"GET /volumes/{VOLUME}/data/large.bin HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        slow.append(peer)
    begun = time.monotonic()
    connection = connect(server)
    connection.request("GET", "/?q=anna")
    assert connection.getresponse().status == 200
    assert time.monotonic() - begun < 5
    for peer in slow:
        peer.close()


def test_a_file_is_not_read_on_after_its_reader_has_gone(server: Server, large: Path) -> None:
    peer = socket.create_connection((server.host, server.port))
    peer.sendall(f"GET /volumes/{VOLUME}/data/large.bin HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    peer.recv(1000)
    peer.close()
    opened = Path("/proc/self/fd")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        held = [link for fd in opened.iterdir() if (link := _target(fd)) == str(large)]
        if not held:
            return
        time.sleep(0.05)
    pytest.fail("the file is still open")


def _target(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:
        return ""


@pytest.mark.parametrize(
    "sent",
    [b"\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"/" * 70_000 + b" HTTP/1.1\r\n",
     b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
     b"GET /volumes/%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n",
     b"GET /?q=%ff%00&cursor=%f0%9f HTTP/1.1\r\nHost: a\r\n\r\n",
     b"POST /api/v1/lookup HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n{"],
)  # fmt: skip
def test_nonsense_is_refused_and_others_are_served(server: Server, sent: bytes) -> None:
    with socket.create_connection((server.host, server.port), timeout=10) as peer:
        peer.sendall(sent)
        status = peer.recv(100).partition(b"\r\n")[0]
        assert not status or b" 200 " in status or b" 4" in status
    connection = connect(server)
    connection.request("GET", "/about")
    assert connection.getresponse().status == 200


def test_who_leaves_in_the_middle_of_a_body_is_no_error_of_ours(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection((server.host, server.port), timeout=10) as peer:
        peer.sendall(
            b"POST /api/v1/lookup HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
    connection = connect(server)
    connection.request("GET", "/about")
    assert connection.getresponse().status == 200
    time.sleep(0.2)
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_a_port_that_is_taken_is_refused_with_a_way_out(server: Server, published: Tree) -> None:
    with pytest.raises(UsageError, match="choose another port"):
        Server(create_app(published), port=server.port)


def test_a_server_can_be_stopped_and_its_port_is_free_again(published: Tree) -> None:
    with Server(create_app(published)) as first:
        port = first.port
    with Server(create_app(published), port=port) as second:
        connection = connect(second)
        connection.request("GET", "/latest.json")
        assert connection.getresponse().status == 200
    assert threading.active_count() < 60


@pytest.mark.skipif(shutil.which("aria2c") is None, reason="aria2c is not installed")
def test_aria2_fetches_a_file_in_pieces_over_several_connections(
    server: Server, large: Path, tmp_path: Path
) -> None:
    subprocess.run(
        ["aria2c", "-q", "--no-conf", "-x8", "-s8", "-k1M", "-d", str(tmp_path),
         f"{server.url}/volumes/{VOLUME}/data/large.bin"],
        check=True, timeout=60,
    )  # fmt: skip
    fetched = (tmp_path / "large.bin").read_bytes()
    assert sha256(fetched).digest() == sha256(large.read_bytes()).digest()


def hybrid_torrent(volume: Path, webseed: str) -> bytes:
    """A hybrid torrent of everything in `volume`, by libtorrent, with pad files."""
    files = [
        lt.create_file_entry(f"{volume.name}/{p.relative_to(volume)}", p.stat().st_size)
        for p in sorted(volume.rglob("*"))
        if p.is_file() and not p.name.startswith(".")
    ]
    torrent = lt.create_torrent(files, 16384)
    torrent.add_url_seed(webseed)
    lt.set_piece_hashes(torrent, str(volume.parent))
    return bytes(lt.bencode(torrent.generate()))


def test_libtorrent_completes_a_volume_from_this_web_seed(
    server: Server, published: Tree, tmp_path: Path
) -> None:
    volume = published.volume(VOLUME)
    content = hybrid_torrent(volume, f"{server.url}/volumes/")
    session = lt.session({
        "listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False,
        "enable_upnp": False, "enable_natpmp": False, "ssrf_mitigation": False,
        "allow_multiple_connections_per_ip": True,
    })  # fmt: skip
    params = lt.load_torrent_buffer(content)
    params.save_path = str(tmp_path)
    handle = session.add_torrent(params)
    deadline = time.monotonic() + 30
    while not handle.status().is_seeding and time.monotonic() < deadline:
        time.sleep(0.05)
    handle.pause()
    handle.save_resume_data(lt.save_resume_flags_t.flush_disk_cache)
    session.wait_for_alert(2000)
    assert handle.status().is_seeding
    time.sleep(0.5)
    session.remove_torrent(handle)
    for source in volume.rglob("data/*"):
        assert (tmp_path / VOLUME / source.relative_to(volume)).read_bytes() == source.read_bytes()


def test_small_answers_do_not_wait_to_be_acknowledged(server: Server) -> None:
    # asyncio turns Nagle's algorithm off for sockets that are said to be TCP, and for no others
    assert server.protocol == socket.IPPROTO_TCP
