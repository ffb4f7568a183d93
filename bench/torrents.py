"""Making a hybrid torrent with whole-file SHA-256: against libtorrent, torf and the bare hashes.

CPU seconds of this process count, so a busy machine disturbs little. The limit is what hashlib
takes for the same three passes (SHA-1, SHA-256 of blocks, SHA-256 of the whole) over memory.
libtorrent makes the hybrid without whole-file digests; torf makes v1 alone.
"""

import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha1, sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import libtorrent as lt
import numpy as np
import torf

from phonotheque.edition import VolumeFile, choose_piece_length, create_torrent

SIZES = {"small": (40, 3_500_000), "large": (600, 3_500_000)}
BLOCK = 16_384


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of all threads of this process for one call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def write_files(root: Path, count: int, mean_bytes: int) -> list[VolumeFile]:
    """Files of random bytes, sizes spread round the mean (lognormal)."""
    rng = np.random.default_rng(7)
    sizes = rng.lognormal(np.log(mean_bytes * 0.86), 0.55, count).astype(int)
    files = []
    for number, size in enumerate(sizes.tolist()):
        path = root / "data" / f"artist {number % 20:02d}" / f"{number:05d}.ogg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.bytes(size))
        files.append(VolumeFile(path.relative_to(root).as_posix(), path, size))
    return files


def bare_hashes(total_bytes: int) -> None:
    """The three passes over as many bytes of memory, in reads of 1 MiB."""
    chunk = bytes(1 << 20)
    view = memoryview(chunk)
    whole, piece = sha256(), sha1(usedforsecurity=False)
    for _ in range(total_bytes >> 20):
        whole.update(chunk)
        piece.update(chunk)
        for start in range(0, len(chunk), BLOCK):
            sha256(view[start : start + BLOCK]).digest()


def ours(files: list[VolumeFile], piece_length: int) -> tuple[str, str]:
    """Info hashes by our own creator, on one thread."""
    with ThreadPoolExecutor(1) as pool:
        created = create_torrent("volume", files, piece_length, pool)
    return created.info_hash_v1, created.info_hash_v2


def by_libtorrent(root: Path, piece_length: int) -> tuple[str, str]:
    """Info hashes by libtorrent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = lt.file_storage()
        lt.add_files(storage, str(root))
        creator = lt.create_torrent(storage, piece_length)
        lt.set_piece_hashes(creator, str(root.parent))
        info = lt.torrent_info(lt.bencode(creator.generate()), {"max_buffer_size": 1 << 28})
    return str(info.info_hashes().v1), str(info.info_hashes().v2)


def by_torf(root: Path, piece_length: int) -> None:
    """A v1 torrent by torf, on one thread."""
    torf.Torrent(path=root, piece_size=piece_length).generate(threads=1)


def run(scale: str) -> dict[str, Any]:
    """Figures in GB (10⁹ bytes) per CPU second, and their ratios."""
    with TemporaryDirectory(prefix="phonotheque-bench-") as folder:
        root = Path(folder) / "volume"
        files = write_files(root, *SIZES[scale])
        total = sum(f.size_bytes for f in files)
        length = choose_piece_length([f.size_bytes for f in files])
        found: list[tuple[str, str]] = []
        speed = {
            name: total / 1e9 / cpu_seconds(work)
            for name, work in {
                "limit": lambda: bare_hashes(total),
                "ours": lambda: found.append(ours(files, length)),
                "libtorrent": lambda: found.append(by_libtorrent(root, length)),
                "torf": lambda: by_torf(root, length),
            }.items()
        }
    return {
        "ours": {
            "hybrid_sha256_gb_per_cpu_second": speed["ours"],
            "bytes": total,
            "files": len(files),
            "piece_length": length,
        },
        "peers": {
            "libtorrent_hybrid_gb_per_cpu_second": speed["libtorrent"],
            "torf_v1_gb_per_cpu_second": speed["torf"],
            "same_info_hashes_as_libtorrent": found[0] == found[1],
        },
        "limits": {"hashlib_gb_per_cpu_second": speed["limit"]},
        "ratios": {
            "hybrid_sha256_vs_hash_limit": speed["ours"] / speed["limit"],
            "hybrid_vs_libtorrent": speed["ours"] / speed["libtorrent"],
            "hybrid_vs_torf": speed["ours"] / speed["torf"],
        },
    }
