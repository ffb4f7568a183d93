"""Figures of a server for Prometheus, added up over its processes.

Every process has a row of numbers in one mapped file, and whoever is asked reads all of them. What
is counted is fixed beforehand (areas of the site, statuses, bounds of times), so nobody outside can
make it grow, and nothing in it is about a person. A process that takes the place of another goes on
counting where that ended.
"""

import asyncio
import contextlib
import mmap
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import numpy as np

from phonotheque.model.edition import Latest
from phonotheque.model.errors import PhonothequeError, UsageError
from phonotheque.serve.guarding.figures import WIDTH as GUARD_WIDTH
from phonotheque.serve.guarding.figures import guard_lines
from phonotheque.storage.arrays import Array
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
AREAS = ("pages", "search", "lookup", "api", "rest", "stream", "volumes", "editions", "metadata",
         "torrents", "static", "health")  # fmt: skip
STATUSES = (0, 200, 204, 206, 301, 302, 304, 308, 400, 401, 403, 404, 405, 406, 410, 413, 415, 416,
            422, 429, 500, 501, 503)  # fmt: skip
"""0: the client went away before an answer began. What is none of these counts as its hundred."""
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_PLACES = {
    "stream": "stream", "volumes": "volumes", "editions": "editions", "metadata": "metadata",
    "torrents": "torrents", "static": "static", "rest": "rest", "health": "health",
    "ready": "health",
}  # fmt: skip
_API = {"search": "search", "suggest": "search", "lookup": "lookup"}
_SINGLE = (
    ("open_requests", "gauge", "Requests being answered."),
    ("open_connections", "gauge", "Connections, idle ones too."),
    ("slow_connections_ended_total", "counter", "Connections ended for keeping us waiting."),
    ("crowding_connections_ended_total", "counter", "Connections ended for want of room."),
    ("renewals_total", "counter", "Times that a newer edition was shown."),
    ("renewal_failures_total", "counter", "Times that a newer edition could not be shown."),
    ("resident_memory_bytes", "gauge", "Memory of the process, with mapped files."),
    ("own_memory_bytes", "gauge", "Memory of the process without mapped files."),
    ("edition_sequence", "gauge", "Number of the edition that is shown."),
)
_REQUESTS = 0
_SUMS = _REQUESTS + len(AREAS) * len(STATUSES)
_BYTES = _SUMS + len(AREAS)
_BUCKETS = _BYTES + len(AREAS)
_SINGLES = _BUCKETS + len(AREAS) * (len(BOUNDS) + 1)
_GUARD = _SINGLES + len(_SINGLE)
_WIDTH = _GUARD + GUARD_WIDTH
_AREA_AT = {name: at for at, name in enumerate(AREAS)}
_STATUS_AT = {status: at for at, status in enumerate(STATUSES)}
_SINGLE_AT = {name: _SINGLES + at for at, (name, _, _) in enumerate(_SINGLE)}


def area_of(path: str) -> str:
    """The area of the site that a path belongs to, one of `AREAS`. Pure."""
    first, _, rest = path.lstrip("/").partition("/")
    if first == "api":
        return _API.get(rest.partition("/")[2].partition("/")[0], "api")
    return _PLACES.get(first, "pages")


class Row:
    """What one process counts; called from its event loop only."""

    def __init__(self, numbers: Array) -> None:
        self._numbers = numbers
        self.set("open_requests", 0)

    def begin(self) -> None:
        """A request came."""
        self._numbers[_SINGLE_AT["open_requests"]] += 1

    def end(self, area: str, status: int, seconds: float, sent_bytes: int) -> None:
        """It was answered."""
        at = _AREA_AT[area]
        told = _STATUS_AT.get(status)
        if told is None:
            told = _STATUS_AT.get(status // 100 * 100, _STATUS_AT[500])
        numbers = self._numbers
        numbers[_SINGLE_AT["open_requests"]] -= 1
        numbers[_REQUESTS + at * len(STATUSES) + told] += 1
        numbers[_SUMS + at] += seconds
        numbers[_BYTES + at] += sent_bytes
        numbers[_BUCKETS + at * (len(BOUNDS) + 1) + bisect_left(BOUNDS, seconds)] += 1

    def set(self, name: str, value: float) -> None:
        """One of the single figures, as it is now."""
        self._numbers[_SINGLE_AT[name]] = value

    def set_guard(self, figures: Sequence[float]) -> None:
        """What the guard of the process counts, as it is now."""
        self._numbers[_GUARD:_WIDTH] = figures

    def set_memory(self) -> None:
        """What the process takes, as the kernel says."""
        with contextlib.suppress(OSError, IndexError, ValueError):
            resident, shared = map(int, Path("/proc/self/statm").read_text().split()[1:3])
            self.set("resident_memory_bytes", resident * mmap.PAGESIZE)
            self.set("own_memory_bytes", (resident - shared) * mmap.PAGESIZE)


class Figures:
    """The rows of all processes of a server, in the file at `path`; the last one is that of the
    process above them, which answers nothing."""

    def __init__(self, path: Path, processes: int) -> None:
        size = (processes + 1) * _WIDTH * 8
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(handle).st_size < size:
                os.ftruncate(handle, size)
            mapped = mmap.mmap(handle, size)
        finally:
            os.close(handle)
        self._rows: Array = np.frombuffer(mapped, np.float64).reshape(processes + 1, _WIDTH)

    def row(self, process: int) -> Row:
        """The row of one process."""
        return Row(self._rows[process])

    def row_above(self) -> Row:
        """The row of the process above those that answer."""
        return Row(self._rows[-1])

    def render(self) -> list[str]:
        """All figures as lines of Prometheus' text format."""
        rows = self._rows.copy()
        total = rows.sum(axis=0)
        lines = [*_requests(total), *_times(total), *_sent(total), *guard_lines(total[_GUARD:])]
        for name, kind, about in _SINGLE:
            lines += _head(name, kind, about)
            lines += [
                f'phonotheque_{name}{{worker="{at}"}} {_number(row[_SINGLE_AT[name]])}'
                for at, row in enumerate(rows[:-1])
            ]
        return lines


def _requests(total: Array) -> Iterator[str]:
    yield from _head("requests_total", "counter", "Requests answered.")
    for area, at in _AREA_AT.items():
        for status, told in _STATUS_AT.items():
            count = total[_REQUESTS + at * len(STATUSES) + told]
            if count:
                label = f'area="{area}",status="{status or "none"}"'
                yield f"phonotheque_requests_total{{{label}}} {_number(count)}"


def _times(total: Array) -> Iterator[str]:
    yield from _head("request_seconds", "histogram", "Seconds until the last byte was handed on.")
    for area, at in _AREA_AT.items():
        first = _BUCKETS + at * (len(BOUNDS) + 1)
        counts = np.cumsum(total[first : first + len(BOUNDS) + 1])
        if not counts[-1]:
            continue
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
            label = f'area="{area}",le="{bound}"'
            yield f"phonotheque_request_seconds_bucket{{{label}}} {_number(count)}"
        yield f'phonotheque_request_seconds_sum{{area="{area}"}} {_number(total[_SUMS + at])}'
        yield f'phonotheque_request_seconds_count{{area="{area}"}} {_number(counts[-1])}'


def _sent(total: Array) -> Iterator[str]:
    yield from _head("sent_bytes_total", "counter", "Bytes of answers, without their heads.")
    for area, at in _AREA_AT.items():
        yield f'phonotheque_sent_bytes_total{{area="{area}"}} {_number(total[_BYTES + at])}'


def _head(name: str, kind: str, about: str) -> Sequence[str]:
    return f"# HELP phonotheque_{name} {about}", f"# TYPE phonotheque_{name} {kind}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.6f}"


class _Expiring(msgspec.Struct, frozen=True):
    """What is read of `timestamp.json`."""

    signed: dict[str, msgspec.Raw]


def tree_lines(tree: Tree) -> list[str]:
    """What is known of the tree itself: its newest edition, and until when it is signed."""
    lines = []
    with contextlib.suppress(PhonothequeError):
        newest = read_document(tree.latest_json, Latest).sequence
        lines += [*_head("newest_edition_sequence", "gauge", "Number of the newest edition."),
                  f"phonotheque_newest_edition_sequence {newest}"]  # fmt: skip
    with contextlib.suppress(OSError, msgspec.MsgspecError, KeyError):
        content = (tree.metadata / "timestamp.json").read_bytes()
        raw = msgspec.json.decode(content, type=_Expiring).signed["expires"]
        expires = msgspec.json.decode(raw, type=datetime).timestamp()
        about = "When the online signatures run out."
        lines += [*_head("signatures_expire_timestamp_seconds", "gauge", about),
                  f"phonotheque_signatures_expire_timestamp_seconds {expires:.0f}"]  # fmt: skip
    return lines


@contextlib.contextmanager
def figures_served(listen: str, render: Callable[[], list[str]]) -> Iterator[str]:
    """Inside, ``GET /metrics`` at ``host:port`` answers, from a thread; the URL. Port 0: any free.

    Raises:
        UsageError: `listen` is no address, or cannot be listened on.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            found = self.path == "/metrics"
            body = "\n".join([*(render() if found else ["GET /metrics"]), ""]).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"{listen!r} is no address to listen on; write HOST:PORT")
    try:
        server = ThreadingHTTPServer((host.strip("[]"), int(port)), Handler)
    except (OSError, OverflowError) as error:
        raise UsageError(f"{listen}: cannot listen there ({error}); choose another") from error
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.2,), name="metrics", daemon=True).start()
    try:
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()


async def sample(take: Callable[[], None], seconds: float = 2.0) -> None:
    """Call `take` again and again, until cancelled."""
    while True:
        take()
        await asyncio.sleep(seconds)
