"""A server started for a bench, and what it takes.

It is begun as `phonotheque serve` begins it: looking whether the edition is ready is part of it.
"""

import http.client
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import msgspec

from phonotheque.cli.surroundings import importing
from phonotheque.model.edition import EditionManifest, Latest
from phonotheque.model.progress import Silent
from phonotheque.storage.documents import read_document, write_document
from phonotheque.storage.layout import Tree

_START = "from bench.served import main; main()"
_TICKS = os.sysconf("SC_CLK_TCK")


def make_tree(root: Path, edition: Path, index: Path) -> Tree:
    """A tree at `root` whose one edition and its index lie elsewhere."""
    manifest = read_document(edition / "edition.json", EditionManifest)
    tree = Tree(root)
    for link, target in ((tree.edition(manifest.name), edition),
                         (tree.edition_index(manifest.name), index)):  # fmt: skip
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target.resolve())
    latest = Latest(format=1, edition=manifest.name, sequence=1, edition_sha256="00" * 32)
    write_document(tree.latest_json, latest)
    return tree


def main() -> None:
    """Serve: arguments are the root, the number of workers, the way to hand over."""
    with importing():
        from phonotheque.serve import Running, Site, listen_at, make_ready, newest_name, run_site

    root, workers, hand_over = sys.argv[1:4]
    tree = Tree(Path(root))
    make_ready(tree, newest_name(tree), Silent())
    listening = listen_at("127.0.0.1", 0)
    port = listening.getsockname()[1]
    run_site(
        Site(root=root, hand_over=hand_over),
        Running(workers=int(workers)),
        lambda: datetime.now(UTC),
        listening,
        worker_command=(sys.executable, "-P", "-m", "phonotheque.cli.serving_worker"),
        on_ready=lambda: print(port, flush=True),
    )


class Served:
    """A server over `tree`; a context manager. `startup_s`: until it was ready."""

    def __init__(self, tree: Tree, workers: int = 1, hand_over: str = "") -> None:
        began = time.perf_counter()
        command = (sys.executable, "-c", _START, str(tree.root), str(workers), hand_over)
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        while True:
            with suppress(OSError, http.client.HTTPException):
                if self.get("/ready")[0] == 200:
                    break
            time.sleep(0.005)
        self.startup_s = time.perf_counter() - began

    def __enter__(self) -> "Served":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()

    def get(self, path: str) -> tuple[int, bytes]:
        """One answer, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @property
    def answering(self) -> list[int]:
        """The processes that answer."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children] or [pid]

    def cpu_seconds(self) -> float:
        """Processor time of those, so far."""
        total = 0
        for pid in self.answering:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def own_mb(self) -> float:
        """Memory of the largest of those, without mapped files, in megabytes."""
        return max(_own_bytes(pid) for pid in self.answering) / 1e6


def _own_bytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = {line.split(":")[0]: line.split()[1] for line in text.splitlines()[1:]}
    return int(found["Anonymous"]) * 1024


class Asked(msgspec.Struct):
    """What a process that asks found: milliseconds of each answer, and how many failed."""

    ms: list[float]
    failed: int = 0
    seconds: float = 0.0


def ask_for(port: int, paths: Sequence[str], seconds: float, connections: int) -> Asked:
    """Ask for `paths` in turn over so many connections at once, each as soon as it is answered."""
    chooser = selectors.DefaultSelector()
    asked, turn = Asked([]), 0
    requests = [f"GET {p} HTTP/1.1\r\nHost: bench\r\n\r\n".encode() for p in paths]
    sent_at: dict[int, float] = {}
    held: dict[int, bytes] = {}

    def send(peer: socket.socket) -> None:
        nonlocal turn
        peer.sendall(requests[turn % len(requests)])
        turn += 1
        sent_at[peer.fileno()], held[peer.fileno()] = time.perf_counter(), b""

    for _ in range(connections):
        peer = socket.create_connection(("127.0.0.1", port))
        chooser.register(peer, selectors.EVENT_READ, peer)
        send(peer)
    began = time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        for key, _ in chooser.select(1):
            peer = key.data
            at = peer.fileno()
            received = peer.recv(1 << 18)
            if not received:
                raise ConnectionError(f"a connection ended after {len(held[at])} bytes")
            held[at] += received
            if not _is_whole(held[at]):
                continue
            asked.ms.append((time.perf_counter() - sent_at[at]) * 1e3)
            asked.failed += not held[at].startswith(b"HTTP/1.1 200")
            send(peer)
    asked.seconds = now - began
    for key in list(chooser.get_map().values()):
        key.data.close()
    return asked


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    at = head.lower().find(b"content-length:")
    if at < 0:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(head[at + 15 :].split(b"\r\n", 1)[0])


def fetch_mb_per_s(port: int, path: str, span: int, size: int, seconds: float) -> float:
    """Megabytes a second of ranges of `span` bytes, one after the other over one connection."""
    peer = socket.create_connection(("127.0.0.1", port))
    buffer = bytearray(1 << 20)
    start = got = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        stop = min(start + span, size)
        asked = f"GET {path} HTTP/1.1\r\nHost: bench\r\nRange: bytes={start}-{stop - 1}\r\n\r\n"
        peer.sendall(asked.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += _received(peer, head)
        if b" 206 " not in head[:16]:
            raise RuntimeError(head.decode("latin-1"))
        left = stop - start - len(head.partition(b"\r\n\r\n")[2])
        while left:
            taken = peer.recv_into(buffer, min(left, len(buffer)))
            if not taken:
                raise ConnectionError(f"{path}: the connection ended {left} bytes early")
            left -= taken
        got += stop - start
        start = stop % size
    peer.close()
    return got / 1e6 / (time.perf_counter() - began)


def _received(peer: socket.socket, so_far: bytes) -> bytes:
    """What comes next, never nothing."""
    received = peer.recv(4096)
    if not received:
        raise ConnectionError(f"the connection ended after {len(so_far)} bytes of a head")
    return received
