"""S3-compatible object storage on loopback: moto's server in a process of its own, and a gate in
front of it that lets requests through, or disturbs them as a test says."""

import http.client
import socket
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from phonotheque.storage.s3_bucket import Patience, Place
from phonotheque.storage.stores import StoreKeys

KEYS = StoreKeys(access_key_id="tests", secret_access_key="nothing to hide")
QUICK = Patience(
    requests=3, attempts=3, first_pause_s=0.01, longest_pause_s=0.05, read_timeout_s=0.7
)
_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@dataclass
class ObjectStorage:
    """A server; buckets are made on demand."""

    endpoint: str
    made: int = 0

    def place(self, endpoint: str | None = None) -> Place:
        """A new, empty bucket; `endpoint`: to be reached there instead."""
        self.made += 1
        bucket = f"vault-{self.made}"
        self.request("PUT", f"/{bucket}")
        return Place(
            bucket=bucket,
            endpoint=endpoint or self.endpoint,
            region="us-east-1",
            allow_http=True,
            keys=KEYS,
            patience=QUICK,
        )

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """One request past the library (moto asks for no signature)."""
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=30)
        who = "AWS4-HMAC-SHA256 Credential=tests/20261101/us-east-1/s3/aws4_request"
        connection.request(method, path, body, {"Authorization": who})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 300:
            raise AssertionError(f"{method} {path}: {answer.status} {content!r}")
        return content


@contextmanager
def object_storage() -> Iterator[ObjectStorage]:
    """A running server; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        port = next(int(line) for line in lines if line.strip().isdigit())
        yield ObjectStorage(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


@dataclass
class Request:
    """A request on its way; what a disturbance may change."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Gate:
    """Passes requests on to `target`. `disturb` takes the next disturbances, each for one request
    for which `matches` says yes: ``503``, ``reset`` (no answer), ``lost`` (done, but the answer is
    lost), ``stall`` (no answer for longer than anybody waits), ``cut`` (half an answer), ``flip``
    (one bit of what is sent up changes on its way), ``rot`` (one bit of what comes down)."""

    target: str
    endpoint: str = ""
    disturb: deque[str] = field(default_factory=deque)
    matches: Callable[[Request], bool] = lambda request: True
    seen: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def methods(self) -> Counter[str]:
        """How many requests of each method came."""
        return Counter(request.method for request in self.seen)

    def next_disturbance(self, request: Request) -> str:
        with self.lock:
            self.seen.append(request)
            return self.disturb.popleft() if self.disturb and self.matches(request) else ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_GateServer"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _pass(self) -> None:
        gate = self.server.gate
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        kind = gate.next_disturbance(request)
        if kind == "503":
            self._answer(503, {}, b"<Error><Code>SlowDown</Code></Error>")
        elif kind == "reset":
            self._drop()
        elif kind == "stall":
            self.server.stopped.wait(20)
            self._drop()
        else:
            self._forward(request, kind)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass  # noqa: N815

    def _forward(self, request: Request, kind: str) -> None:
        body = _flipped(request.body) if kind == "flip" else request.body
        connection = http.client.HTTPConnection(urlsplit(self.server.gate.target).netloc)
        connection.request(request.method, request.path, body, request.headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if kind == "lost":
            self._drop()
            return
        headers = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() not in ("connection", "transfer-encoding", "date", "server")
        }
        self._answer(answer.status, headers, _flipped(content) if kind == "rot" else content, kind)

    def _answer(self, status: int, headers: dict[str, str], content: bytes, kind: str = "") -> None:
        self.send_response(status)
        headers = dict(headers)
        if self.command != "HEAD":
            headers["Content-Length"] = str(len(content))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind == "cut":
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self._drop()
            return
        self.wfile.write(content)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


class _GateServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, gate: Gate) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gate = gate
        self.stopped = threading.Event()

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is no error here."""


@contextmanager
def gate_to(target: str) -> Iterator[Gate]:
    """A gate in front of the server `target`, open while the block runs."""
    gate = Gate(target)
    server = _GateServer(gate)
    gate.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield gate
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _flipped(content: bytes) -> bytes:
    if not content:
        return content
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.fixture(scope="session")
def storage() -> Iterator[ObjectStorage]:
    """A server of object storage, one for the whole run."""
    with object_storage() as server:
        yield server


@pytest.fixture
def gate(storage: ObjectStorage) -> Iterator[Gate]:
    """A gate in front of it."""
    with gate_to(storage.endpoint) as opened:
        yield opened
