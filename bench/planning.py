"""Planning the volumes of an edition: standing, order and packing of up to 86 million files.

Sizes are lognormal round tracks of 3.5 MB; listens fall by a power law. Files are planned with the
limits of a new archive, and once more without that of metainfo (`unbound_…`). `--set files=N` plans
another number. No peer plans volumes.
"""

import resource
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from phonotheque.catalogue.ranking import count_listens, iter_standing
from phonotheque.edition import FilesToPack, PackingLimits, VolumesPlan, order_files, plan_volumes
from phonotheque.model.archive import DEFAULT_CUTS_PERCENT, VolumeSettings

FILES = {"small": 2_000_000, "large": 86_000_000}
BATCH_ROWS = 1 << 20
MEAN_BYTES, SPREAD = 3_500_000, 0.55
NAME_BYTES = (70, 150)  # twice folder and name


def made_listens(count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Listens of `count` recordings in no order, skewed as those of a year: of 86 million, the
    first 541,000 have half of all, and 30 million more than 1,000 each."""
    head = 541_000 * count / 86e6
    most = 1000 * (30e6 * count / 86e6 + head) ** 2
    listens = (most / (np.arange(1, count + 1) + head) ** 2).astype(np.int64)
    rng.shuffle(listens)
    return listens


def made_files(
    tiers: npt.NDArray[np.int8], listens: npt.NDArray[np.int64], rng: np.random.Generator
) -> FilesToPack:
    """Columns of files in packing order."""
    count = len(tiers)
    sizes = np.empty(count, np.int64)
    names = np.empty(count, np.int16)
    centre = np.log(MEAN_BYTES) - SPREAD**2 / 2
    for begin in range(0, count, BATCH_ROWS):
        end = min(begin + BATCH_ROWS, count)
        sizes[begin:end] = rng.lognormal(centre, SPREAD, end - begin)
        names[begin:end] = rng.integers(*NAME_BYTES, end - begin)
    return FilesToPack(tiers, sizes, names, listens, np.zeros(count, np.int16))


def ranked(
    listens: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """(tiers, ranks) of recordings by number, as a build gives them: of all listens there are."""
    histogram = count_listens(_batches(listens))
    tiers, ranks = np.empty(len(listens), np.int8), np.empty(len(listens), np.int64)
    row = 0
    for batch in iter_standing(_batches(listens), histogram, DEFAULT_CUTS_PERCENT):
        end = row + batch.num_rows
        tiers[row:end] = batch.column("tier").to_numpy()
        ranks[row:end] = batch.column("rank").to_numpy()
        row = end
    return tiers, ranks


def _batches(listens: npt.NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
    for begin in range(0, len(listens), BATCH_ROWS):
        part = listens[begin : begin + BATCH_ROWS]
        yield pa.RecordBatch.from_pydict(
            {
                "number": np.arange(begin + 1, begin + len(part) + 1),
                "listens": part,
                "listeners": pa.nulls(len(part), pa.int64()),
            }
        )


def described(plan: VolumesPlan, prefix: str = "") -> dict[str, float]:
    """Figures of a plan."""
    heard = np.cumsum(plan.listens) / max(int(plan.listens.sum()), 1)
    last = np.append(plan.tiers[1:] != plan.tiers[:-1], True)
    figures = {
        "volumes": len(plan),
        "bytes_per_volume": float(plan.bytes.mean()),
        "files_per_volume": float(plan.files.mean()),
        "mean_fill": float(plan.fill.mean()),
        "part_filled_volumes": int(last.sum()),
        "metainfo_bytes": int(plan.metainfo_bytes.sum()),
        "largest_metainfo_bytes": int(plan.metainfo_bytes.max()),
    }
    for share in (0.5, 0.8, 0.95, 0.99):
        figures[f"volumes_for_{share:.0%}_of_listens"] = int(np.searchsorted(heard, share)) + 1
    return {prefix + name: value for name, value in figures.items()}


def run(scale: str, *, files: str = "") -> dict[str, Any]:
    """Seconds of wall time and CPU; planning alone is `plan_…`, sorted columns in, volumes out."""
    count = int(files) if files else FILES[scale]
    rng = np.random.default_rng(11)
    listens = made_listens(count, rng)
    begin = time.monotonic()
    tiers, ranks = ranked(listens)
    standing_seconds = time.monotonic() - begin
    begin = time.monotonic()
    order = order_files(tiers, ranks, np.arange(count, dtype=np.int32))
    order_seconds = time.monotonic() - begin
    del ranks
    columns = made_files(tiers[order], listens[order], rng)
    del order, tiers, listens
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = VolumeSettings()
    bound = PackingLimits(limits.max_bytes, limits.max_files, limits.max_metainfo_bytes)
    begin, cpu = time.monotonic(), time.process_time()
    plan = plan_volumes(columns, bound)
    seconds, cpu = time.monotonic() - begin, time.process_time() - cpu
    free = plan_volumes(columns, PackingLimits(limits.max_bytes, limits.max_files))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held = sum(
        column.nbytes
        for column in (
            columns.tiers, columns.sizes_bytes, columns.name_bytes, columns.listens,
            columns.kept_back,
        )
    )  # fmt: skip
    return {
        "ours": {
            "plan_seconds_per_million_files": seconds / count * 1e6,
            "plan_cpu_seconds": cpu,
            "standing_seconds": standing_seconds,
            "order_seconds": order_seconds,
            "files": count,
            "bytes": int(columns.sizes_bytes.sum()),
            "column_bytes_per_file": held / count,
            "peak_kib_before_planning": before,
            "peak_kib": after,
            **described(plan),
            **described(free, "unbound_"),
        },
        "limits": {"plan_seconds_per_million_files": 600 / 86},
        "ratios": {"plan_vs_ten_minutes_at_86_million": seconds / count * 86e6 / 600},
    }
