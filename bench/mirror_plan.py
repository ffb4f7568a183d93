"""Planning a mirror: choosing among the volumes of an archive, skewed as in the bench `planning`.

Only the table of volumes is chosen from, as by `phonotheque plan`. There are as many volumes as of
86 million files: with fewer files they are smaller by as much, and figures of disks are told for 86
million. The choice and the curve are timed. `single_file_loss_8_tb` is what whole volumes lose of
the listens that the best single files would give on the same disk. No peer plans mirrors.
`--set part=files` plans by what single files are instead (`mirror_plan_files`).
"""

import importlib
import resource
import time
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from bench.planning import FILES, made_files, made_listens, ranked
from phonotheque.edition import PackingLimits, VolumesPlan, order_files, plan_volumes
from phonotheque.mirror import Candidate, Wishes, choose_volumes
from phonotheque.mirror.curves import share_curve
from phonotheque.model.archive import VolumeSettings

WHOLE = FILES["large"]
DISKS_TB = (1, 4, 8, 16, 64)


def run(scale: str, *, files: str = "", part: str = "") -> dict[str, Any]:
    """Seconds to choose for 8 TB and to draw the curve, and shares of listens by disk."""
    if part:
        return cast(dict[str, Any], importlib.import_module(f"bench.mirror_plan_{part}").measure(
            scale, files
        ))  # fmt: skip
    count = int(files) if files else FILES[scale]
    shrink = WHOLE / count
    rng = np.random.default_rng(11)
    listens = made_listens(count, rng)
    tiers, ranks = ranked(listens)
    order = order_files(tiers, ranks, np.arange(count, dtype=np.int32))
    columns = made_files(tiers[order], listens[order], rng)
    del ranks, order, tiers, listens
    usual = VolumeSettings()
    limits = PackingLimits(int(usual.max_bytes / shrink), usual.max_files)
    candidates = _candidates(plan_volumes(columns, limits))
    disk = int(8e12 / shrink)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    choose_volumes(candidates, disk)
    chosen = time.process_time()
    curve = share_curve(candidates, Wishes(), 0, disk)
    drawn = time.process_time()
    heard = sum(c.listens for c in candidates)
    shares = {tb: choose_volumes(candidates, int(tb * 1e12 / shrink)).listens for tb in DISKS_TB}
    best = _best(columns.sizes_bytes, columns.listens, disk)
    return {
        "ours": {
            "files": count,
            "volumes": len(candidates),
            "choose_cpu_seconds": chosen - begin,
            "curve_cpu_seconds": drawn - chosen,
            "curve_points": len(curve),
            "more_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before,
            **{f"share_of_listens_{tb}_tb": listens / heard for tb, listens in shares.items()},
            "single_file_loss_8_tb": 1 - shares[8] / best,
        },
        "limits": {"choose_cpu_seconds": 1.0},
    }


def _candidates(plan: VolumesPlan) -> list[Candidate]:
    rows = zip(plan.tiers, plan.files, plan.bytes, plan.listens, strict=True)
    return [
        Candidate(f"made-tier{tier}-{n:05d}", int(tier), int(files), int(size), int(listens))
        for n, (tier, files, size, listens) in enumerate(rows, 1)
    ]


def _best(sizes: npt.NDArray[np.int64], listens: npt.NDArray[np.int64], disk: int) -> int:
    """Listens of the single files that are worth most for their size, up to the disk."""
    order = np.argsort(-(listens / sizes), kind="stable")
    taken = int(np.searchsorted(np.cumsum(sizes[order]), disk, side="right"))
    return int(listens[order[:taken]].sum())
