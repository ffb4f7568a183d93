"""Serving: searches and look-ups over HTTP, ranges beside nginx, start, memory.

On the catalogue of `bench search` (100,000 recordings small, 5 million large; ``keep=DIR`` to use
what is there, ``edition=DIR`` and ``index=DIR`` of an archive). One process asks over 16
connections at once, with 1 and with 2 workers answering (``_2_workers``); it shares the machine
with them, so requests a CPU-second of the workers are told as well; ``alone``: over one connection.
Ranges: 4 MiB of a file of 256 MiB, one after the other, and beside them nginx sending the same file
by itself, and what it sends when the server hands the file over. ``startup_s``: from the start of
the process to the first answer of ``/ready``, the least of three; of another edition by
``start_edition=DIR`` and ``start_index=DIR``.
"""

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from bench.engines import OURS, Workshop
from bench.loads import OURS_ALONE, make_loads
from bench.lookup import draw_codes
from bench.planting import DATA_VARIABLE, counts, ensure_planted, sample_items
from bench.served import Served, ask_for, fetch_mb_per_s, make_tree
from phonotheque.storage.layout import Tree

DOCUMENTS = {"small": 100_000, "large": 5_000_000}
LIMITS = {"search_p99_ms": 50.0, "startup_s": 1.0}
CONNECTIONS = 16
FILE_BYTES, SPAN_BYTES = 256 << 20, 4 << 20
_SAMPLED, _QUERIES = 5_000, 100
_NGINX = """daemon off; pid {folder}/pid; error_log {folder}/err; {user}
events {{ worker_connections 64; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
server {{ listen 127.0.0.1:{port};
location /volumes/ {{ alias {root}/volumes/; }}
location /through/ {{ proxy_pass http://127.0.0.1:{behind}/; proxy_http_version 1.1; }}
location /inside/ {{ internal; alias {root}/; }} }} }}
"""


def run(
    scale: str,
    *,
    documents: str = "",
    data: str = "",
    keep: str = "",
    edition: str = "",
    index: str = "",
    start_edition: str = "",
    start_index: str = "",
    seconds: str = "8",
) -> dict[str, Any]:
    """Serve, ask, fetch."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-serve-")))
        made = Path(keep or folder / "made")
        made.mkdir(parents=True, exist_ok=True)
        workshop = Workshop.at(made, edition, index)
        if edition:
            collection = sample_items(workshop, _SAMPLED)
        else:
            where = data or os.environ.get(DATA_VARIABLE, "")
            collection = ensure_planted(workshop, int(documents or DOCUMENTS[scale]), where)
        workshop.ensure(OURS)
        classes = make_loads(collection, _QUERIES)
        queries = [q.query for c, some in classes.items() if c not in OURS_ALONE for q in some]
        random.Random(5).shuffle(queries)
        paths = {
            "search": [f"/api/v1/search?q={quote(query)}" for query in queries],
            "lookup": [f"/api/v1/lookup?q={code}" for code in draw_codes(workshop)["isrc"]],
        }
        tree = make_tree(folder / "tree", workshop.edition, workshop.index)
        ours: dict[str, Any] = {"documents": counts(workshop)[0]}
        for workers in (1, 2):
            ours |= _loads(tree, workers, paths, float(seconds))
        started = tree
        if start_edition:
            started = make_tree(folder / "start", Path(start_edition), Path(start_index))
        ours["startup_s"] = min(_startup(started) for _ in range(3))
        peers, ratios = _ranges(tree, folder, float(seconds) / 2, ours)
    return {"ours": ours, "peers": peers, "limits": dict(LIMITS), "ratios": ratios}


def _loads(
    tree: Tree, workers: int, paths: dict[str, list[str]], seconds: float
) -> dict[str, float]:
    suffix = "" if workers == 1 else f"_{workers}_workers"
    figures: dict[str, float] = {}
    with Served(tree, workers) as served:
        for name, some in paths.items():
            ask_for(served.port, some, seconds / 2, CONNECTIONS)
            before = served.cpu_seconds()
            found = ask_for(served.port, some, seconds, CONNECTIONS)
            cpu = served.cpu_seconds() - before
            figures[f"{name}_rps{suffix}"] = len(found.ms) / found.seconds
            figures[f"{name}_per_cpu_second{suffix}"] = len(found.ms) / cpu
            for p in (50, 99):
                figures[f"{name}_p{p}_ms{suffix}"] = float(np.percentile(found.ms, p))
            figures[f"{name}_failed{suffix}"] = found.failed
            alone = ask_for(served.port, some, seconds / 2, 1)
            for p in (50, 99):
                figures[f"{name}_alone_p{p}_ms{suffix}"] = float(np.percentile(alone.ms, p))
        figures[f"worker_mb{suffix}"] = served.own_mb()
    return figures


def _startup(tree: Tree) -> float:
    with Served(tree) as served:
        return served.startup_s


def _ranges(
    tree: Tree, folder: Path, seconds: float, ours: dict[str, Any]
) -> tuple[dict[str, float], dict[str, float]]:
    path = tree.volume("bench") / "data" / "large.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(os.urandom(1 << 20) * (FILE_BYTES >> 20))
    address = "/volumes/bench/data/large.bin"

    def rate(port: int, place: str) -> float:
        return fetch_mb_per_s(port, place, SPAN_BYTES, FILE_BYTES, seconds)

    with Served(tree) as served:
        before = served.cpu_seconds()
        ours["range_mb_per_s"] = rate(served.port, address)
        cpu = served.cpu_seconds() - before
        ours["range_mb_per_cpu_second"] = ours["range_mb_per_s"] * seconds / cpu
    if shutil.which("nginx") is None:
        return {}, {}
    with (
        Served(tree, hand_over="x-accel-redirect:/inside") as served,
        _nginx(folder, tree, served.port) as port,
    ):
        peers = {"nginx_range_mb_per_s": rate(port, address)}
        ours["handed_range_mb_per_s"] = rate(port, f"/through{address}")
    alone = peers["nginx_range_mb_per_s"]
    return peers, {
        "range_vs_nginx": ours["range_mb_per_s"] / alone,
        "handed_range_vs_nginx": ours["handed_range_mb_per_s"] / alone,
    }


@contextmanager
def _nginx(folder: Path, tree: Tree, behind: int) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    user = "user root;" if os.getuid() == 0 else ""
    written = folder / "nginx.conf"
    written.write_text(_NGINX.format(
        folder=folder, port=port, root=tree.root.resolve(), behind=behind, user=user))  # fmt: skip
    command: Sequence[str] = ("nginx", "-c", str(written))
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait()
