"""Making an edition: torrents of large and of small files, bags, plans and signatures.

Each is measured against others that do it and against the least it can take, in one run, by CPU
seconds (torrents.py, bags.py, planning.py, signing.py). GB are 10⁹ bytes. Ratios above 1: ours is
faster.

`hybrid_sha256_vs_hash_limit`: the hybrid torrent and the SHA-256 of whole files, against the bare
hashes. `hybrid_vs_libtorrent`: as `publish` makes it, from files whose pieces roots are known,
which prove the SHA-256 as well; the same bytes come out. `hybrid_sha256_vs_libtorrent`: both from
files of which nothing is known. `hybrid_vs_torf`: torf, and the bare hashes of the half that it
does not make; `hybrid_vs_torf_v1_alone`: without these. `bag_vs_bagit_py`: from known digests, as
`publish` does; `bag_sha256_vs_bagit_py`: from the files alone.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import bags, planning, signing, torrents

LARGE_FILES = {"small": (60, 3_500_000), "large": (400, 3_500_000)}
SMALL_FILES = {"small": (3_000, 20_000), "large": (40_000, 20_000)}
VOLUMES = {"small": 3_000, "large": 3_000}
PLANNED = {"small": "2000000", "large": "20000000"}


def run(scale: str) -> dict[str, Any]:
    """All figures of the parts; those of small files begin with ``small_files_``."""
    result: dict[str, dict[str, Any]] = {"ours": {}, "peers": {}, "limits": {}, "ratios": {}}
    with TemporaryDirectory(
        prefix="phonotheque-bench-", dir=os.environ.get("PHONOTHEQUE_BENCH_DIR")
    ) as scratch:
        for prefix, sizes in (("", LARGE_FILES), ("small_files_", SMALL_FILES)):
            _add_torrents(result, prefix, *sizes[scale], Path(scratch) / f"{prefix}volumes")
        ours, others = signing.measure(VOLUMES[scale], Path(scratch) / "signing")
    result["ours"] |= {"signed_volumes": VOLUMES[scale], **ours}
    result["peers"] |= others
    planned = planning.run(scale, files=PLANNED[scale])["ours"]
    result["ours"] |= {
        "plan_seconds_per_million_files": planned["plan_seconds_per_million_files"],
        "planned_files": planned["files"],
        "planned_volumes": planned["volumes"],
    }
    return result


def _add_torrents(
    result: dict[str, dict[str, Any]], prefix: str, count: int, mean_bytes: int, scratch: Path
) -> None:
    folder = torrents.write_folder(scratch / "volume", count, mean_bytes)
    limits, ways, same = torrents.measure(folder)
    bagged = bags.measure(folder, scratch)
    own = ("hybrid_sha256", "hybrid")

    def speeds(seconds: dict[str, float]) -> dict[str, float]:
        return {
            f"{prefix}{name}_gb_per_cpu_second": folder.total / 1e9 / spent
            for name, spent in seconds.items()
        }

    result["ours"] |= {f"{prefix}files": count, f"{prefix}bytes": folder.total}
    result["ours"] |= speeds({name: ways[name] for name in own})
    result["ours"] |= speeds({name: bagged[name] for name in ("bag", "bag_sha256")})
    result["peers"] |= speeds({name: s for name, s in ways.items() if name not in own})
    result["peers"] |= speeds({"bagit_py": bagged["bagit_py"]})
    result["peers"][f"{prefix}same_info_hashes_as_libtorrent"] = same
    result["limits"] |= speeds(limits)
    result["ratios"] |= {
        prefix + name: ratio
        for name, ratio in {
            "hybrid_sha256_vs_hash_limit": limits["limit_hybrid_sha256"] / ways["hybrid_sha256"],
            "hybrid_vs_hash_limit": limits["limit_hybrid"] / ways["hybrid"],
            "hybrid_vs_libtorrent": ways["libtorrent_hybrid"] / ways["hybrid"],
            "hybrid_sha256_vs_libtorrent": ways["libtorrent_hybrid_sha256"] / ways["hybrid_sha256"],
            "hybrid_vs_torf": ways["torf_v1_and_bare_v2"] / ways["hybrid"],
            "hybrid_vs_torf_v1_alone": ways["torf_v1"] / ways["hybrid"],
            "bag_vs_bagit_py": bagged["bagit_py"] / bagged["bag"],
            "bag_sha256_vs_bagit_py": bagged["bagit_py"] / bagged["bag_sha256"],
        }.items()
    }
