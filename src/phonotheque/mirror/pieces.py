"""Which bytes of a damaged file are bad, found by the piece hashes of its torrent (BEP 52)."""

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from phonotheque.edition import TorrentFile, TorrentInfo
from phonotheque.storage.digests import BLOCK, merkle_root

Range = tuple[int, int]  # [start, end) in bytes


def bad_ranges(path: Path, file: TorrentFile, torrent: TorrentInfo) -> list[Range]:
    """The parts of the file at `path` that are not what the torrent says, whole pieces, in order.

    Memory: one piece. A piece that cannot be read is bad, and all of a file that cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return [(0, file.size_bytes)]

    def is_there(start: int, length: int, expected: bytes) -> bool:
        try:
            piece = os.pread(handle, length, start)
        except OSError:
            return False
        return len(piece) == length and piece_hash(piece, torrent, file) == expected

    try:
        return merge_ranges(
            (start, start + length)
            for start, length, expected in iter_pieces(file, torrent)
            if not is_there(start, length, expected)
        )
    finally:
        os.close(handle)


def iter_pieces(file: TorrentFile, torrent: TorrentInfo) -> Iterator[tuple[int, int, bytes]]:
    """Start, length and hash of each piece of the file, in order."""
    for index, expected in enumerate(torrent.piece_hashes(file)):
        start = index * torrent.piece_length
        yield start, min(torrent.piece_length, file.size_bytes - start), expected


def good_pieces(
    content: bytes, start: int, file: TorrentFile, torrent: TorrentInfo
) -> Iterator[tuple[int, bytes]]:
    """The whole pieces in `content`, which stands at `start` of the file, that are as they should
    be: where each begins in the file, and its bytes. `start` is the begin of a piece."""
    hashes = torrent.piece_hashes(file)
    for offset in range(0, len(content), torrent.piece_length):
        piece = content[offset : offset + torrent.piece_length]
        begin = start + offset
        due = min(torrent.piece_length, file.size_bytes - begin)
        expected = hashes[begin // torrent.piece_length]
        if len(piece) == due and piece_hash(piece, torrent, file) == expected:
            yield begin, piece


def piece_hash(piece: bytes, torrent: TorrentInfo, file: TorrentFile) -> bytes:
    """The v2 hash of one piece: of a file of one piece, its root, over just its own blocks."""
    leaves = [sha256(piece[i : i + BLOCK]).digest() for i in range(0, len(piece), BLOCK)]
    if file.size_bytes <= torrent.piece_length:
        return merkle_root(leaves)
    return merkle_root(leaves, (torrent.piece_length // BLOCK).bit_length() - 1)


def merge_ranges(ranges: Iterable[Range]) -> list[Range]:
    """Ranges in order, those that touch made one."""
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def without(ranges: list[Range], done: Iterable[Range]) -> list[Range]:
    """What is left of `ranges` without `done`."""
    cut = merge_ranges(done)
    left: list[Range] = []
    for start, end in merge_ranges(ranges):
        position = start
        for begin, stop in cut:
            if stop <= position or begin >= end:
                continue
            if begin > position:
                left.append((position, begin))
            position = min(stop, end)
        if position < end:
            left.append((position, end))
    return left


def length_of(ranges: list[Range]) -> int:
    """Bytes in the ranges."""
    return sum(end - start for start, end in ranges)
