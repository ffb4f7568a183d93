"""Figures of a mirror for Prometheus, as text over HTTP (docs/mirroring.md)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from phonotheque.mirror.status import MirrorStatus, read_status
from phonotheque.mirror.swarm import parse_peer
from phonotheque.model.errors import FormatError, PhonothequeError, TransferError, UsageError
from phonotheque.storage.layout import Tree

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class Counters:
    """What one `follow` has done since it began."""

    done: int = 0
    stopped: int = 0  # by the hours, a pause, or the user
    failed: int = 0
    bytes_http: int = 0
    bytes_swarm: int = 0
    bytes_given: int = 0


def render(status: MirrorStatus, counters: Counters) -> str:
    """The figures in Prometheus' text format."""
    log = status.sync
    gauges: list[tuple[str, str, float | None]] = [
        ("planned_bytes", "Bytes that the plan names.", status.planned_bytes),
        ("held_bytes", "Bytes of proved files of the plan.", status.held_bytes),
        ("held_files", "Proved files of the plan.", status.held_files),
        ("missing_bytes", "Bytes of the plan that are not held.", status.missing_bytes),
        ("volumes_planned", "Volumes that the plan names.", len(status.volumes)),
        ("volumes_whole", "Of these, volumes of which nothing is missing.", status.volumes_whole),
        ("suspect_files", "Files found not to be sound and not mended.", status.suspect_files),
        ("deleted_files", "Withdrawn files that were deleted, ever.", status.deleted_files),
        ("disk_free_bytes", "Free bytes of the disk.", status.free_bytes),
        ("edition_sequence", "Number of the newest edition held.", status.sequence),
        ("paused", "1 while the mirror is paused.", int(status.paused)),
        ("running", "1 while somebody writes.", int(status.running)),
        ("obeyed_timestamp_seconds", "When withdrawals were obeyed last.",
         _stamp(status.obeyed_at)),
        ("sync_done_timestamp_seconds", "When a sync last ended without a failure.",
         _stamp(log.done_at) if log else None),
        ("sync_step_done", "Done of the running step.", log.done if log else None),
        ("sync_step_total", "Total of the running step.", log.total if log else None),
        ("sync_findings", "Findings of the last sync.", log.findings if log else None),
    ]  # fmt: skip
    totals: list[tuple[str, str, str, int]] = [
        ("syncs_total", "Syncs since the start.", '{outcome="done"}', counters.done),
        ("syncs_total", "", '{outcome="stopped"}', counters.stopped),
        ("syncs_total", "", '{outcome="failed"}', counters.failed),
        ("received_bytes_total", "Bytes fetched since the start.", '{by="http"}',
         counters.bytes_http),
        ("received_bytes_total", "", '{by="swarm"}', counters.bytes_swarm),
        ("given_bytes_total", "Bytes given to others since the start.", "", counters.bytes_given),
    ]  # fmt: skip
    lines = []
    for name, about, value in gauges:
        if value is not None:
            lines += [*_head(name, about, "gauge"), f"phonotheque_mirror_{name} {value}"]
    for name, about, labels, count in totals:
        lines += [*_head(name, about, "counter"), f"phonotheque_mirror_{name}{labels} {count}"]
    return "\n".join(lines) + "\n"


def _head(name: str, about: str, kind: str) -> list[str]:
    full = f"phonotheque_mirror_{name}"
    return [f"# HELP {full} {about}", f"# TYPE {full} {kind}"] if about else []


def _stamp(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


@contextmanager
def serve_metrics(
    listen: str, tree: Tree, counters: Counters, clock: Callable[[], datetime]
) -> Iterator[str]:
    """Inside, ``GET /metrics`` at ``host:port`` answers; the URL. Port 0: any free one.

    Raises:
        UsageError: `listen` is no address.
        TransferError: cannot listen there.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            if self.path != "/metrics":
                self._answer(404, b"GET /metrics\n")
                return
            try:
                self._answer(200, render(read_status(tree, clock()), counters).encode())
            except PhonothequeError as error:
                self._answer(500, f"{error}\n".encode())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    try:
        server = ThreadingHTTPServer(_address(listen), Handler)
    except OSError as error:
        raise TransferError(f"{listen}: cannot listen there ({error})") from error
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.1,), name="metrics", daemon=True).start()
    try:
        yield f"http://{server.server_address[0]!s}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()


def _address(listen: str) -> tuple[str, int]:
    if listen.endswith(":0"):
        return listen.removesuffix(":0"), 0
    try:
        return parse_peer(listen)
    except FormatError as error:
        raise UsageError(f"{listen!r} is no address to listen on; write host:port") from error
