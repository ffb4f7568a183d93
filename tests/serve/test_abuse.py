"""Ten thousand connections that do nothing, and bytes that are no requests: the server stays up,
answers others, and has afterwards what it had before."""

import contextlib
import resource
import selectors
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from phonotheque.storage.layout import Tree
from tests.serve.conftest import VOLUME, recording_id
from tests.support.serving import ServedTree, open_handles, own_bytes

IDLE = 10_000
FUZZED = 6_000
OURS = 200  # files that the test itself may have open besides
GROWTH_BYTES = 16 << 20
FILE, STREAM = f"/volumes/{VOLUME}/data/b.ogg", f"/stream/{recording_id(1)}"
PATHS = ("/", "/?q=anna", "/about", "/api/v1/search?q=blue", f"/recording/{recording_id(1)}",
         FILE, "/rest/search3?query=&f=json", "/api/v1/openapi.json")  # fmt: skip
REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    f"GET {FILE} HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9,20-29,-5\r\n\r\n".encode(),
    b"HEAD /api/v1/search?q=anna&limit=3 HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"x\"\r\n\r\n",
    b"POST /api/v1/lookup HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Content-Length: 31\r\n\r\n{\"queries\": [\"FRX872100001\"]}  ",
    b"POST /api/v1/lookup HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n1f\r\n{\"queries\": [\"FRX872100001\"]}  \r\n0\r\n\r\n",
    b"POST /rest/search3 HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 14\r\n\r\nquery=&u=guest",
    b"POST /notices/new HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 11\r\n\r\nlaw=us-512&",
    f"GET {STREAM} HTTP/1.1\r\nHost: a\r\nIf-Range: \"x\"\r\nRange: bytes=5-\r\n\r\n".encode(),
    b"GET /api/v1/changes?since=0 HTTP/1.1\r\nHost: a\r\nAccept: application/x-ndjson\r\n"
    b"Accept-Encoding: zstd, gzip;q=0.5\r\nAuthorization: Bearer phk_0\r\n\r\n",
    b"OPTIONS /api/v1/lookup HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\n"
    b"Access-Control-Request-Method: POST\r\nExpect: 100-continue\r\n\r\n",
)  # fmt: skip


@pytest.fixture
def served(own_tree: Tree, tmp_path: Path) -> Iterator[ServedTree]:
    own_tree.archive_toml.unlink()
    for key in own_tree.online_keys.iterdir():
        key.unlink()
    own_tree.online_keys.rmdir()
    with ServedTree(own_tree, tmp_path, "--grace", "0") as served:
        yield served


def warm(served: ServedTree, times: int = 30) -> None:
    for _ in range(times):
        for path in PATHS:
            assert served.get(path)[0] == 200, path


def settled(served: ServedTree, handles: int, seconds: float) -> int:
    """How many files the server has open once that is no more than `handles`, or time is over."""
    (pid,) = served.workers
    deadline = time.monotonic() + seconds
    while (found := open_handles(pid)) > handles and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def at_rest(pid: int, seconds: float = 1.0) -> int:
    """The fewest files that a process has open within some time: what the requests of before had
    open is closed a moment after their answers."""
    deadline, fewest = time.monotonic() + seconds, open_handles(pid)
    while time.monotonic() < deadline:
        fewest = min(fewest, open_handles(pid))
        time.sleep(0.05)
    return fewest


def wait_for_handles(pid: int, least: int) -> int:
    """How many files a process has open, once they are `least`: connections are taken in turn."""
    deadline = time.monotonic() + 10  # silent ones are ended after 15 seconds
    while (found := open_handles(pid)) < least:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


@contextlib.contextmanager
def idle_peers(served: ServedTree, count: int) -> Iterator[list[socket.socket]]:
    """So many connections; over each tenth one a request was answered first."""
    request = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
    with contextlib.ExitStack() as stack:
        peers = []
        for at in range(count):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), 30))
            if at < count // 10:
                peer.sendall(request)
            peers.append(peer)
        for peer in peers[: count // 10]:
            assert peer.recv(4096).startswith(b"HTTP/1.1 200")
        yield peers


@pytest.mark.full
@pytest.mark.timeout(600)
def test_ten_thousand_idle_connections_are_borne_and_leave_nothing(served: ServedTree) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < IDLE * 3 // 2:
        pytest.skip(f"only {before[1]} files may be open here: {IDLE} connections were NOT tried")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], IDLE + OURS), before[1]))
    (pid,) = served.workers
    try:
        warm(served)
        handles, memory = open_handles(pid), []
        for _ in range(3):
            with idle_peers(served, IDLE):
                held = wait_for_handles(pid, IDLE)
                took = []
                for path in PATHS:
                    began = time.monotonic()
                    assert served.get(path)[0] == 200
                    took.append(time.monotonic() - began)
                full = own_bytes(pid)
            assert settled(served, handles + 2, 60) <= handles + 2
            warm(served, 3)
            memory.append(own_bytes(pid))
            print(f"{held} files open, {full / 1e6:.0f} MB, slowest answer {max(took):.2f} s; "
                  f"then {open_handles(pid)} files, {memory[-1] / 1e6:.0f} MB")  # fmt: skip
            assert max(took) < 10
        assert memory[2] - memory[1] < GROWTH_BYTES
        assert served.figure("crowding_connections_ended_total") == [0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.full
@pytest.mark.timeout(300)
def test_silent_connections_are_ended_though_their_peers_stay(served: ServedTree) -> None:
    (pid,) = served.workers
    warm(served, 1)
    handles = at_rest(pid)
    with idle_peers(served, 300):
        wait_for_handles(pid, handles + 300)
        assert settled(served, handles + 2, 60) <= handles + 2
        assert served.get("/about")[0] == 200


def garbled(request: bytes, random: Random) -> bytes:
    """The request with some bytes changed, taken out, put in or cut off."""
    out = bytearray(request)
    for _ in range(random.randrange(4)):
        at = random.randrange(len(out) + 1)
        match random.randrange(6):
            case 0:
                out[at : at + 1] = random.randbytes(1)
            case 1:
                out[at:at] = random.choice(
                    (b"\r\n", b"\0", b"%", b"\xff\xfe", b"99999999999", b":")
                )
            case 2:
                del out[at : at + random.randrange(1, 30)]
            case 3:
                out[at:at] = out[max(at - random.randrange(200), 0) : at] * random.randrange(1, 9)
            case 4:
                del out[at:]
            case _:
                out[at:at] = random.choice(REQUESTS)
    return bytes(out)


def throw(port: int, content: bytes, random: Random) -> bytes:
    """What comes back for `content`, sent in pieces or at once; the end is polite or not."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), 20) as peer:
        with contextlib.suppress(ConnectionError):
            cut = random.randrange(len(content) + 1)
            for piece in (content[:cut], content[cut:]):
                peer.sendall(piece)
            with selectors.DefaultSelector() as chooser:
                chooser.register(peer, selectors.EVENT_READ)
                while chooser.select(random.choice((0.0, 0.01, 0.05))):
                    piece = peer.recv(1 << 16)
                    if not piece:
                        break
                    got += piece
        if random.randrange(2):  # a reset instead of an end
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return got


@pytest.mark.full
@pytest.mark.timeout(900)
def test_garbled_requests_bring_no_error_of_ours_and_leave_nothing(served: ServedTree) -> None:
    (pid,) = served.workers
    random = Random(20261123)
    warm(served)
    handles, memory, statuses = open_handles(pid), [], dict[bytes, int]()
    for at in range(FUZZED):
        if at % 200 == 0:
            assert served.get(PATHS[at // 200 % len(PATHS)])[0] == 200
        if at % (FUZZED // 3) == 0:
            memory.append(own_bytes(pid))
        content = garbled(random.choice(REQUESTS), random)
        got = throw(served.port, content, random)
        status = got[9:12] if got.startswith(b"HTTP/1.1 ") else b"none" if not got else got[:12]
        statuses[status] = statuses.get(status, 0) + 1
        assert not status.startswith(b"5"), (content, got)
    memory.append(own_bytes(pid))
    print(statuses, [f"{size / 1e6:.0f} MB" for size in memory])
    assert set(statuses) <= {b"none", b"100", b"200", b"204", b"206", b"304", b"400", b"401",
                             b"403", b"404", b"405", b"406", b"408", b"411", b"413", b"414",
                             b"415", b"416", b"422", b"431"}, statuses  # fmt: skip
    assert b"Traceback" not in served.said.read_bytes()
    assert settled(served, handles + 2, 60) <= handles + 2
    assert memory[-1] - memory[1] < GROWTH_BYTES
    warm(served, 1)
