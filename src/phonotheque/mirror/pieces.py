"""Which bytes of a damaged file are bad, found by the piece hashes of its torrent (BEP 52)."""

from hashlib import sha256
from pathlib import Path

from phonotheque.edition import TorrentFile, TorrentInfo
from phonotheque.storage.digests import BLOCK, merkle_root

Range = tuple[int, int]  # [start, end) in bytes


def bad_ranges(path: Path, file: TorrentFile, torrent: TorrentInfo) -> list[Range]:
    """The parts of the file at `path` that are not what the torrent says, whole pieces, in order.

    Memory: one piece. A file that cannot be read is bad from end to end.
    """
    bad: list[Range] = []
    hashes = torrent.piece_hashes(file)
    try:
        with path.open("rb") as stream:
            for index, expected in enumerate(hashes):
                start = index * torrent.piece_length
                end = min(start + torrent.piece_length, file.size_bytes)
                piece = stream.read(end - start)
                if len(piece) != end - start or piece_hash(piece, torrent, file) != expected:
                    bad.append((start, end))
    except OSError:
        return [(0, file.size_bytes)]
    return merge_ranges(bad)


def piece_hash(piece: bytes, torrent: TorrentInfo, file: TorrentFile) -> bytes:
    """The v2 hash of one piece: of a file of one piece, its root, over just its own blocks."""
    leaves = [sha256(piece[i : i + BLOCK]).digest() for i in range(0, len(piece), BLOCK)]
    if file.size_bytes <= torrent.piece_length:
        return merkle_root(leaves)
    return merkle_root(leaves, (torrent.piece_length // BLOCK).bit_length() - 1)


def merge_ranges(ranges: list[Range]) -> list[Range]:
    """Ranges in order, those that touch made one."""
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def length_of(ranges: list[Range]) -> int:
    """Bytes in the ranges."""
    return sum(end - start for start, end in ranges)
