"""Which file goes into which volume, and how long the pieces of a volume are. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phonotheque.model.errors import UsageError

I64 = npt.NDArray[np.int64]
MIN_PIECE_LENGTH = 16_384
MAX_PIECE_LENGTH = 16 << 20
PIECE_METAINFO_BYTES = 52  # 20 of SHA-1 and 32 of SHA-256
PADDING_PER_METAINFO_BYTE = 1024


@dataclass(frozen=True, slots=True)
class PackedVolumes:
    """Volumes as ranges of the rows given: volume `i` is rows ``starts[i]:starts[i + 1]``.

    `starts` has one more entry than there are volumes; `tiers` has one for each volume.
    """

    starts: I64
    tiers: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.tiers)

    def volume_of_row(self) -> I64:
        """For each row, the index of its volume, counted from 0."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.starts))


def plan_volumes(
    tiers: npt.ArrayLike, sizes_bytes: npt.ArrayLike, *, max_bytes: int, max_files: int
) -> PackedVolumes:
    """Pack rows, given in rank order, into volumes; one pass, no work for each file in Python.

    `tiers` (int8, never falling) and `sizes_bytes` (int64) have one entry a file. A volume holds
    files of one tier, at most `max_files`, and at most `max_bytes` unless it is one single file.
    Files keep their order, so a volume is a range of rows.

    Raises:
        UsageError: a limit below 1, columns of different lengths, or tiers that fall.
    """
    tier = np.ascontiguousarray(tiers, dtype=np.int8)
    size = np.ascontiguousarray(sizes_bytes, dtype=np.int64)
    if max_bytes < 1 or max_files < 1:
        raise UsageError("max_bytes and max_files of a volume must be 1 or more")
    if tier.shape != size.shape or (tier.size and bool(np.any(tier[1:] < tier[:-1]))):
        raise UsageError("files are packed in the order of their tiers")
    filled = np.cumsum(size, dtype=np.int64)
    bounds = np.append(np.flatnonzero(np.diff(tier)) + 1, tier.size)
    starts: list[int] = []
    row = 0
    for bound in bounds.tolist():
        while row < bound:
            starts.append(row)
            before = int(filled[row - 1]) if row else 0
            last = int(np.searchsorted(filled, before + max_bytes, side="right"))
            row = min(max(last, row + 1), row + max_files, bound)
    begin = np.array(starts, dtype=np.int64)
    return PackedVolumes(np.append(begin, tier.size).astype(np.int64), tier[begin])


def padding_bytes(sizes_bytes: I64, piece_length: int) -> int:
    """Bytes of padding that files of these sizes get, the last one too (as libtorrent does it)."""
    return int((-sizes_bytes % piece_length).sum())


def choose_piece_length(sizes_bytes: npt.ArrayLike) -> int:
    """The power of two from 16 KiB to 16 MiB with the least cost; the smaller of equals.

    Cost = padding + 1024 × bytes of piece hashes (52 a piece). Padding costs disk only in clients
    that do not know pad files; metainfo travels to every client and stays in its memory. For
    tracks of 3.5 MB on average this gives 512 KiB.
    """
    size = np.asarray(sizes_bytes, dtype=np.int64)

    def cost(length: int) -> int:
        pieces = int((-(-size // length)).sum())
        hashes = PIECE_METAINFO_BYTES * pieces
        return padding_bytes(size, length) + PADDING_PER_METAINFO_BYTE * hashes

    shifts = range(MIN_PIECE_LENGTH.bit_length() - 1, MAX_PIECE_LENGTH.bit_length())
    return min((1 << shift for shift in shifts), key=lambda length: (cost(length), length))
