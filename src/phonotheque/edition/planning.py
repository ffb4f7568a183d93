"""Which files of an edition go into which volume, and which of them wait. Pure, over columns.

Memory: the columns given, and a few arrays of one volume's rows. Nothing is done for each file in
Python; a volume costs one pass over its own rows for each piece length there is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phonotheque.edition.packing import (
    MIN_FILE_METAINFO_BYTES,
    V2_MIN_FILE_METAINFO_BYTES,
    estimate_metainfo,
)
from phonotheque.model.errors import UsageError

I64 = npt.NDArray[np.int64]
I8 = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class PackingLimits:
    """What a volume may hold. `max_metainfo_bytes` is for its torrent, as estimated; 0: any size.
    Torrents are hybrid, or without `v1` of v2 alone, which are about half as long.

    What a tier has left over, less than `min_fill_percent` of a volume, waits for the next edition,
    until `hold_editions` editions went by without it.
    """

    max_bytes: int
    max_files: int
    max_metainfo_bytes: int = 0
    min_fill_percent: float = 0.0
    hold_editions: int = 3
    v1: bool = True


@dataclass(frozen=True, slots=True)
class FilesToPack:
    """Columns of the files to be packed, each (n,), in the order of tier, then rank.

    `tiers` int8, never falling; `sizes_bytes` int64; `name_bytes` any integers, what the paths take
    in a torrent (`estimate_metainfo`); `listens` int64; `kept_back` any integers: how many editions
    went by without the file, 0 for a new one. With int16 for the last and the names, 21 bytes a
    file.
    """

    tiers: I8
    sizes_bytes: I64
    name_bytes: npt.NDArray[np.integer]
    listens: I64
    kept_back: npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class VolumesPlan:
    """Files in lots, in order: lot `i` is the rows ``begins[i]:begins[i + 1]`` of those given.

    A lot is a volume, or waits where ``waits[i]``. `begins` has one more entry than there are lots,
    the other columns one for each: `tiers`, `bytes`, `listens`, `metainfo_bytes` (estimated, of the
    torrent), `fill` (1.0: as much as the nearest of the limits allows).
    """

    begins: I64
    tiers: I8
    bytes: I64
    listens: I64
    metainfo_bytes: I64
    fill: npt.NDArray[np.float64]
    waits: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tiers)

    @property
    def files(self) -> I64:
        """How many files each lot has, (lots,)."""
        return np.diff(self.begins)


def order_files(tiers: npt.ArrayLike, ranks: npt.ArrayLike, numbers: npt.ArrayLike) -> I64:
    """The order that files are packed in: by tier, rank and (unique) number of their recording.

    All (n,), in any order; the same files give the same sequence however they come.
    """
    return np.lexsort((np.asarray(numbers), np.asarray(ranks), np.asarray(tiers))).astype(np.int64)


def plan_volumes(files: FilesToPack, limits: PackingLimits) -> VolumesPlan:
    """Pack files into volumes in the order given, each into one lot.

    A volume has files of one tier, at most `max_files`, and no more than `max_bytes` and
    `max_metainfo_bytes` allow, unless it is one single file. It ends only where the next file would
    pass a limit, or with its tier.

    Raises:
        UsageError: a limit that is none, columns of different lengths, or tiers that fall.
    """
    _check(files, limits)
    tiers = files.tiers
    ends = np.append(np.flatnonzero(tiers[1:] != tiers[:-1]) + 1, len(tiers))
    begins, metainfo, last_of_tier = list[int](), list[int](), list[bool]()
    row = 0
    for end in ends.tolist():
        while row < end:
            begins.append(row)
            rows, bound, estimate = _first_volume(files, slice(row, end), limits)
            metainfo.append(estimate)
            last_of_tier.append(not bound)
            row += rows
    begin = np.array([*begins, len(tiers)], dtype=np.int64)
    estimates = np.array(metainfo, dtype=np.int64)
    sizes, listens = (_sums(c, begin) for c in (files.sizes_bytes, files.listens))
    fill = np.maximum(sizes / limits.max_bytes, np.diff(begin) / limits.max_files)
    if limits.max_metainfo_bytes:
        fill = np.maximum(fill, estimates / limits.max_metainfo_bytes)
    waits = np.array(last_of_tier, dtype=np.bool_) & (fill * 100 < limits.min_fill_percent)
    for lot in np.flatnonzero(waits).tolist():
        longest = int(files.kept_back[begin[lot] : begin[lot + 1]].max())
        waits[lot] = longest < limits.hold_editions
    return VolumesPlan(begin, tiers[begin[:-1]], sizes, listens, estimates, fill, waits)


def _first_volume(
    files: FilesToPack, within: slice, limits: PackingLimits
) -> tuple[int, bool, int]:
    """(rows of the volume that begins `within`, whether a limit ended it, bytes of its torrent)."""
    most = limits.max_files
    if limits.max_metainfo_bytes:
        least = MIN_FILE_METAINFO_BYTES if limits.v1 else V2_MIN_FILE_METAINFO_BYTES
        most = min(most, limits.max_metainfo_bytes // least + 1)
    window = slice(within.start, min(within.start + most, within.stop))
    sizes = files.sizes_bytes[window]
    fit = int(np.searchsorted(np.cumsum(sizes), limits.max_bytes, side="right"))
    rows = max(fit, 1)
    estimates = estimate_metainfo(sizes[:rows], files.name_bytes[window][:rows], v1=limits.v1)
    if limits.max_metainfo_bytes:
        over = np.flatnonzero(estimates > limits.max_metainfo_bytes)
        rows = max(int(over[0]), 1) if over.size else rows
    return rows, rows < within.stop - within.start, int(estimates[rows - 1])


def _sums(column: I64, begins: I64) -> I64:
    if len(begins) == 1:
        return np.empty(0, np.int64)
    return np.add.reduceat(column, begins[:-1], dtype=np.int64)


def _check(files: FilesToPack, limits: PackingLimits) -> None:
    if limits.max_bytes < 1 or limits.max_files < 1 or limits.max_metainfo_bytes < 0:
        raise UsageError("max_bytes and max_files of a volume must be 1 or more")
    columns = (files.sizes_bytes, files.name_bytes, files.listens, files.kept_back)
    if any(column.shape != files.tiers.shape for column in columns):
        raise UsageError("the columns of the files to pack have different lengths")
    if bool(np.any(files.tiers[1:] < files.tiers[:-1])):
        raise UsageError("files are packed in the order of their tiers")
