"""A web server and a BitTorrent peer for benches, each in a process of its own: they send files
from one folder as fast as the system can, or at a rate."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from urllib.parse import unquote

import libtorrent as lt

_STEP_BYTES = 1 << 18
_LIMITS = {"max_buffer_size": 256 << 20, "max_pieces": 1 << 24, "max_decode_tokens": 1 << 26}


def _serve(told: Connection, root: str, rate: int) -> None:
    """Files with ranges by sendfile, over connections that are kept alive."""
    lock, free_at = Lock(), [time.monotonic()]

    def wait_for(amount: int) -> None:
        if not rate:
            return
        with lock:
            free_at[0] = max(free_at[0], time.monotonic() - 0.05) + amount / rate
            due = free_at[0] - time.monotonic()
        if due > 0:
            time.sleep(due)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            path = Path(root) / unquote(self.path.partition("?")[0]).lstrip("/")
            try:
                handle = os.open(path, os.O_RDONLY)
            except OSError:
                self._answer(404, b"")
                return
            with os.fdopen(handle, "rb"):
                self._send(handle, os.fstat(handle).st_size)

        def _answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _send(self, handle: int, size: int) -> None:
            asked = self.headers.get("Range", "")
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = (int(first), min(int(last) + 1, size) if last else size) if asked else (
                0, size)  # fmt: skip
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
            self.send_header("Content-Length", str(end - start))
            self.end_headers()
            self.wfile.flush()
            try:
                while start < end:
                    step = min(_STEP_BYTES if rate else 1 << 24, end - start)
                    wait_for(step)
                    start += os.sendfile(self.connection.fileno(), handle, start, step)
            except OSError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.send(server.server_port)
    server.serve_forever()


def _give(told: Connection, torrents: list[str], folder: str, rate: int) -> None:
    session = plain_session({"upload_rate_limit": rate})
    everybody = lt.ip_filter()  # by itself, libtorrent limits nobody in the local network
    mask = 1 << int(session.global_peer_class_id)
    everybody.add_rule("0.0.0.0", "255.255.255.255", mask)
    session.set_peer_class_filter(everybody)
    for torrent in torrents:
        params = load_plain(Path(torrent), Path(folder))
        params.flags |= lt.torrent_flags.seed_mode
        session.add_torrent(params)
    while not session.listen_port():
        time.sleep(0.01)
    told.send(session.listen_port())
    while True:
        session.wait_for_alert(1000)
        session.pop_alerts()


def plain_session(more: dict[str, int]) -> lt.session:
    """libtorrent as it is by itself, but on loopback alone."""
    return lt.session(
        {
            "listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False,
            "enable_upnp": False, "enable_natpmp": False,
            "allow_multiple_connections_per_ip": True, "ssrf_mitigation": False, **more,
        }
    )  # fmt: skip


def load_plain(torrent: Path, folder: Path) -> lt.add_torrent_params:
    """What to add, with files in ``folder/<name>/``; no web seeds, no trackers."""
    params = lt.load_torrent_file(str(torrent), _LIMITS)
    params.save_path = str(folder)
    params.url_seeds, params.trackers = [], []
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    return params


@contextmanager
def _process(target: Callable[..., None], *arguments: object) -> Iterator[int]:
    context = get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=target, args=(there, *arguments), daemon=True)
    child.start()
    try:
        yield int(here.recv())
    finally:
        child.kill()
        child.join()


@contextmanager
def web_server(root: Path, rate: int = 0) -> Iterator[str]:
    """The address of a web server of the files below `root`; `rate` bytes a second in all."""
    with _process(_serve, str(root), rate) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def peer(torrents: list[Path], folder: Path, rate: int = 0) -> Iterator[int]:
    """The port of a peer that has all of the torrents, whose files stand in `folder`."""
    with _process(_give, [str(t) for t in torrents], str(folder), rate) as port:
        yield port
