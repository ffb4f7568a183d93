"""Verifying a mirror against hashing alone and against the Library of Congress' bagit.py.

A mirror of synthetic volumes (many files of a few MB) is read whole by each, from a warm cache, in
turns; the best of the turns counts. `verify_vs_sha256` compares with one SHA-256 over the same
bytes in as many threads, which is the limit; `verify_vs_bagit_py` with `Bag.validate` in one
process per core. CPU-seconds are those of the process and its children.
"""

import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import bagit
from tests.support.editions import TinyRecording
from tests.support.origin import TinyOrigin

from phonotheque.mirror import VerifyReport, verify
from phonotheque.model.progress import Silent
from phonotheque.storage.layout import Tree

SCALES = {"small": (2, 60, 3_500_000), "large": (4, 150, 3_500_000)}  # volumes, files, bytes
TURNS = 3


def run(scale: str) -> dict[str, Any]:
    """GB per second and per CPU-second of each."""
    volumes, files, size = SCALES[scale]
    with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as scratch:
        origin = TinyOrigin(Path(scratch) / "archive")
        origin.publish(recordings(volumes, files, size))
        figures = _measure(origin.tree, volumes)
    ours, limit, peer = figures["ours"], figures["sha256"], figures["bagit_py"]
    return {
        "ours": _flat("verify", ours),
        "peers": _flat("bagit_py", peer),
        "limits": _flat("sha256", limit),
        "ratios": {
            "verify_vs_sha256": _ratio(ours, limit, "gb_per_second"),
            "verify_vs_sha256_cpu": _ratio(ours, limit, "gb_per_cpu_second"),
            "verify_vs_bagit_py": _ratio(ours, peer, "gb_per_second"),
            "verify_vs_bagit_py_cpu": _ratio(ours, peer, "gb_per_cpu_second"),
        },
    }


def recordings(volumes: int, files: int, size: int) -> list[TinyRecording]:
    """Made-up files, dealt out to the volumes."""
    noise = os.urandom(size)
    return [
        TinyRecording(
            f"Song {n}", listens=n,
            file=(f"bench-tier1-{1 + n % volumes:05d}", f"data/{n % 97:02d}/{n:06d}.ogg",
                  n.to_bytes(8) + noise[8 + n % 1000 :]),
        )
        for n in range(volumes * files)
    ]  # fmt: skip


def _measure(tree: Tree, volumes: int) -> dict[str, dict[str, float]]:
    bags = sorted(tree.volumes.iterdir())
    paths = sorted(p for p in tree.volumes.rglob("*") if p.is_file())
    total = sum(p.stat().st_size for p in paths)
    workers = os.cpu_count() or 1

    def ours() -> None:
        report: VerifyReport = verify(tree, Silent(), now=datetime(2026, 11, 22, tzinfo=UTC))
        if not (report.clean and report.complete):
            raise RuntimeError("the mirror of the bench is not sound")

    def hashes() -> None:
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(_sha256, paths):
                pass

    def bagit_py() -> None:
        for bag in bags:
            bagit.Bag(str(bag)).validate(processes=workers)

    best: dict[str, dict[str, float]] = {}
    ways: dict[str, Callable[[], None]] = {"ours": ours, "sha256": hashes, "bagit_py": bagit_py}
    for _ in range(TURNS):
        for name, way in ways.items():
            found = _timed(way, total)
            if name not in best or found["gb_per_second"] > best[name]["gb_per_second"]:
                best[name] = found
    return best


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _timed(way: Callable[[], None], total_bytes: int) -> dict[str, float]:
    start, cpu = time.perf_counter(), _cpu_seconds()
    way()
    seconds, spent = time.perf_counter() - start, _cpu_seconds() - cpu
    return {
        "gb_per_second": total_bytes / seconds / 1e9,
        "gb_per_cpu_second": total_bytes / max(spent, 1e-9) / 1e9,
    }


def _cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def _ratio(ours: dict[str, float], other: dict[str, float], figure: str) -> float:
    return round(ours[figure] / other[figure], 3)


def _flat(name: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{name}_{figure}": round(value, 4) for figure, value in figures.items()}
