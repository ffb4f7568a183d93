"""A web server that misbehaves on command, and peers that lie.

`RogueServer.misbehave` is asked before each answer: a manner gets the request, the path and the
true content (None: there is no such file) and answers by itself (True), or leaves it to the honest
server (False). `only` cuts a manner down to some paths.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote

from phonotheque.mirror import Seeder
from phonotheque.storage.layout import Tree
from tests.support.origin import WebServer

Manner = Callable[[BaseHTTPRequestHandler, str, bytes | None], bool]
NOISE = b"\xa5" * 65_536
ENOUGH = 96 << 20  # no endless answer is longer; whoever reads so much has failed


class RogueServer(WebServer):
    """Serves a tree honestly until `misbehave` is set. `sent` counts what endless answers gave."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.misbehave: Manner | None = None

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = unquote(request.path).lstrip("/")
        full = self.root / path
        content = full.read_bytes() if ".." not in path and full.is_file() else None
        try:
            if self.misbehave is not None and self.misbehave(request, path, content):
                request.close_connection = True
                return
            super()._answer(request)
        except OSError:  # the other side hung up; so it should
            request.close_connection = True


def only(prefix: str, manner: Manner, times: int | None = None) -> Manner:
    """`manner` for paths that begin with `prefix`, the first `times` of them (None: all)."""
    left = [times]

    def chosen(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
        if not path.startswith(prefix) or left[0] == 0:
            return False
        if left[0] is not None:
            left[0] -= 1
        return manner(request, path, content)

    return chosen


def _head(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()


def _rest(
    request: BaseHTTPRequestHandler, content: bytes | None
) -> tuple[bytes, int, dict[str, str]]:
    """What a range asks for, with status and headers."""
    body = content or b""
    asked = request.headers.get("Range")
    if not asked:
        return body, 200, {}
    start = int(asked.removeprefix("bytes=").partition("-")[0])
    said = f"bytes {start}-{len(body) - 1}/{len(body)}"
    return body[start:], 206, {"Content-Range": said}


def status(code: int, **headers: str) -> Manner:
    """Answers with a status; header names with `_` for `-`."""

    def manner(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        _head(request, code, {"Content-Length": "0"} | named)
        return True

    return manner


def body(make: Callable[[bytes], bytes], **headers: str) -> Manner:
    """Answers 200 with other bytes, whatever range was asked for."""

    def manner(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
        changed = make(content or b"")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        _head(request, 200, {"Content-Length": str(len(changed))} | named)
        request.wfile.write(changed)
        return True

    return manner


def cut(after: int) -> Manner:
    """Promises all, hangs up after `after` bytes; carries on by range when asked."""
    return wrong_length(0, after)


def wrong_length(more: int, after: int = 1 << 60) -> Manner:
    """Promises `more` bytes than there are (fewer when negative), and hangs up at the end."""

    def manner(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
        rest, code, headers = _rest(request, content)
        _head(request, code, headers | {"Content-Length": str(max(0, len(rest) + more))})
        request.wfile.write(rest[:after])
        return True

    return manner


def odd_length(said: str) -> Manner:
    """A Content-Length that is no length."""

    def manner(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
        _head(request, 200, {"Content-Length": said})
        request.wfile.write(content or b"")
        return True

    return manner


def other_range(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
    """Gives another part than the one asked for, and says so; the whole is cut off."""
    rest, code, headers = _rest(request, content)
    if code == 206:
        headers = {"Content-Range": f"bytes 0-{len(rest) - 1}/{len(content or b'')}"}
        _head(request, 206, headers | {"Content-Length": str(len(rest))})
        request.wfile.write((content or b"")[: len(rest)])
        return True
    return cut(40_000)(request, path, content)


def lying_range(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
    """Says it gives the part asked for, and gives another; the whole is cut off."""
    rest, code, headers = _rest(request, content)
    if code == 200:
        return cut(40_000)(request, path, content)
    _head(request, 206, headers | {"Content-Length": str(len(rest))})
    request.wfile.write((content or b"")[: len(rest)])
    return True


def endless(given: list[int]) -> Manner:
    """A body without a length and without an end; `given` gets how much of it was taken."""

    def manner(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
        rest, code, headers = _rest(request, content)
        _head(request, code, headers | {"Connection": "close"})
        given.append(0)
        request.connection.settimeout(5.0)
        request.wfile.write(rest)
        while given[-1] < ENOUGH:
            request.wfile.write(NOISE)
            given[-1] += len(NOISE)
        return True

    return manner


def endless_headers(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
    """Headers without an end."""
    line = b"X-More: " + b"y" * 60_000 + b"\r\n"
    request.wfile.write(b"HTTP/1.0 200 OK\r\n")
    for _ in range(2_000):
        request.wfile.write(line)
    return True


def drip_headers(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
    """Headers a byte at a time, for half a minute."""
    request.wfile.write(b"HTTP/1.0 200 OK\r\nX-More: ")
    for _ in range(600):
        request.wfile.write(b"y")
        request.wfile.flush()
        time.sleep(0.05)
    return True


def drip_body(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
    """A body without a length, a byte at a time, for half a minute."""
    _head(request, 200, {"Connection": "close"})
    for _ in range(600):
        request.wfile.write(b"d")
        request.wfile.flush()
        time.sleep(0.05)
    return True


def garbage(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
    """No HTTP at all."""
    request.wfile.write(b"\x16\x03\x01\x02\x00 go away\r\n\r\n" + NOISE)
    return True


def hang_up(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
    """Closes the connection without a word."""
    request.connection.shutdown(socket.SHUT_RDWR)
    return True


def silence(seconds: float) -> Manner:
    """Promises all, gives the first thousand bytes, and then says nothing more."""

    def manner(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
        rest, code, headers = _rest(request, content)
        _head(request, code, headers | {"Content-Length": str(len(rest))})
        request.wfile.write(rest[:1_000])
        request.wfile.flush()
        time.sleep(seconds)
        return True

    return manner


def drip(size: int, seconds: float) -> Manner:
    """All of it, `size` bytes at a time with a rest between."""

    def manner(request: BaseHTTPRequestHandler, path: str, content: bytes | None) -> bool:
        rest, code, headers = _rest(request, content)
        _head(request, code, headers | {"Content-Length": str(len(rest))})
        for start in range(0, len(rest), size):
            request.wfile.write(rest[start : start + size])
            request.wfile.flush()
            time.sleep(seconds)
        return True

    return manner


@contextmanager
def lying_peer(tree: Tree) -> Iterator[int]:
    """A peer that says it has all volumes of `tree` and gives wrong bytes for each piece; its port.

    The files of `tree` are spoilt for it, after libtorrent has taken them for sound.
    """
    with Seeder(tree, listen="127.0.0.1:0") as seeder:
        for path in tree.volumes.rglob("*"):
            if path.is_file() and path.stat().st_size:
                path.chmod(0o644)
                with path.open("r+b") as stream:
                    content = stream.read()
                    stream.seek(0)
                    stream.write(bytes(255 - byte for byte in content))
        yield seeder.port


@contextmanager
def odd_peer(says: bytes) -> Iterator[int]:
    """Something that takes connections, says `says` again and again, and is no peer; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        end = threading.Event()

        def talk() -> None:
            taken = []
            while not end.is_set():
                with suppress(OSError):
                    taken.append(listener.accept()[0])
                for one in taken:
                    try:
                        one.setblocking(False)
                        one.send(says)
                    except OSError:
                        continue
            for one in taken:
                one.close()

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            end.set()
            thread.join()
