"""How long the pieces of a volume are, and how large that makes its torrent. Pure."""

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
MIN_PIECE_LENGTH = 16_384
MAX_PIECE_LENGTH = 16 << 20
PIECE_METAINFO_BYTES = 52  # 20 of SHA-1 and 32 of SHA-256
PADDING_PER_METAINFO_BYTE = 1024
MIN_FILE_METAINFO_BYTES = 224
"""What a file takes in a hybrid torrent besides its name and pieces: its entries in both halves,
that of its padding, the key of its piece layer; a little for its lines in the bag's own files."""
V2_PIECE_METAINFO_BYTES = 32
V2_MIN_FILE_METAINFO_BYTES = 124
"""The same of v2 alone: one entry, and no padding."""
_BASE_METAINFO_BYTES = 8192  # the bag's own files, addresses
_SHIFTS = range(MIN_PIECE_LENGTH.bit_length() - 1, MAX_PIECE_LENGTH.bit_length())


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

    return min((1 << shift for shift in _SHIFTS), key=lambda length: (cost(length), length))


def estimate_metainfo(
    sizes_bytes: I64, name_bytes: npt.NDArray[np.integer], *, v1: bool = True
) -> I64:
    """For each row, about how long the torrent of the files up to there is, rather more than less;
    hybrid, or without `v1` of v2 alone; (n,), int64.

    `name_bytes` is twice the length of a file's folder and name below ``data/``, in UTF-8. The
    piece length is the one that `choose_piece_length` gives those files; where two cost nearly the
    same, the shorter, since the bag's own files may tip the scales.
    """
    filled = np.cumsum(sizes_bytes, dtype=np.int64)
    best = pieces = np.empty(0, np.int64)
    for shift in _SHIFTS:
        length = 1 << shift
        counted = np.cumsum((sizes_bytes + (length - 1)) >> shift, dtype=np.int64)
        cost = counted * (length + PADDING_PER_METAINFO_BYTE * PIECE_METAINFO_BYTES) - filled
        if shift == _SHIFTS.start:
            best, pieces = cost, counted
            continue
        cheaper = cost < best - (best >> 6)
        best, pieces = np.where(cheaper, cost, best), np.where(cheaper, counted, pieces)
    if not v1:
        named = np.cumsum(
            (name_bytes + np.int64(1)) // 2 + V2_MIN_FILE_METAINFO_BYTES, dtype=np.int64
        )
        return _BASE_METAINFO_BYTES + named + V2_PIECE_METAINFO_BYTES * pieces
    named = np.cumsum(name_bytes + np.int64(MIN_FILE_METAINFO_BYTES), dtype=np.int64)
    return _BASE_METAINFO_BYTES + named + PIECE_METAINFO_BYTES * pieces
