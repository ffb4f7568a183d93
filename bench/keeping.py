"""Reading a vault again (`verify --vault`) against hashing alone and against bagit.py.

A vault of made-up files of a few MB is read whole by each, from a warm cache, in turns; the best of
three turns counts. The limit is one SHA-256 over the same bytes in as many threads; the peer is
`Bag.validate` of the Library of Congress' bagit.py over the same files, with a process a core.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import bagit
from tests.support.clock import NOW
from tests.support.vaults import fill

from bench.costs import Cost, cost_apart
from phonotheque.model.progress import Silent
from phonotheque.vault import Vault, check_fixity

SCALES = {"small": (120, 3_500_000), "large": (600, 3_500_000)}  # files, bytes of each
TURNS = 3


def run(scale: str) -> dict[str, Any]:
    """GB a second and a CPU-second of each."""
    with TemporaryDirectory(dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")) as scratch:
        return measure(scale, Path(scratch))


def measure(scale: str, work: Path) -> dict[str, Any]:
    """The same, in the directory `work`."""
    files, size = SCALES[scale]
    root, bag = work / "vault", work / "bag"
    noise = os.urandom(size)
    with Vault.open(root) as vault:
        fill(vault, (n.to_bytes(8) + noise[8 + n :] for n in range(files)), NOW)
    objects = sorted((root / "objects").glob("*/*/*"))
    bag.mkdir()
    for path in objects:
        os.link(path, bag / path.name)
    bagit.make_bag(str(bag), checksums=["sha256"])
    ways = {
        "verify": partial(_verify, root),
        "sha256": partial(_hash_all, objects),
        "bagit_py": partial(_validate, bag),
    }
    best: dict[str, Cost] = {}
    for _ in range(TURNS):
        for name, way in ways.items():
            cost = cost_apart(way)
            if name not in best or cost.seconds < best[name].seconds:
                best[name] = cost
    total = sum(path.stat().st_size for path in objects) / 1e9
    ours, limit, peer = (best[name] for name in ways)
    return {
        "ours": {"verify_bytes": total * 1e9, **_speeds("verify", ours, total)},
        "peers": _speeds("bagit_py", peer, total),
        "limits": _speeds("verify_sha256", limit, total),
        "ratios": {
            "verify_vs_sha256": limit.seconds / ours.seconds,
            "verify_vs_sha256_cpu": limit.cpu_seconds / ours.cpu_seconds,
            "verify_vs_bagit_py": peer.seconds / ours.seconds,
            "verify_vs_bagit_py_cpu": peer.cpu_seconds / ours.cpu_seconds,
        },
    }


def _speeds(name: str, cost: Cost, gigabytes: float) -> dict[str, float]:
    return {
        f"{name}_gb_per_second": gigabytes / cost.seconds,
        f"{name}_gb_per_cpu_second": gigabytes / cost.cpu_seconds,
    }


def _verify(root: Path) -> None:
    with Vault.open(root) as vault:
        report = check_fixity(vault, NOW, Silent(), everything=True)
    if report.damaged or not report.sound:
        raise RuntimeError("the vault of the bench is not sound")


def _hash_all(paths: list[Path]) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(_hash, paths):
            pass


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _validate(bag: Path) -> None:
    bagit.Bag(str(bag)).validate(processes=os.cpu_count())
