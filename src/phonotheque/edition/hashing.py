"""All the hashes a hybrid torrent and a bag need of a file, from one read of it.

SHA-1 of v1 pieces (BEP 3, the last one filled up with the zeros of its pad file, BEP 47), SHA-256
of 16 KiB blocks for the v2 tree (BEP 52), SHA-256 of the whole file. Three passes of hashing over
each byte are the least there is: the aim is that nothing else costs.
"""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1, sha256
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

from phonotheque.storage.digests import BLOCK, merkle_layer, merkle_root

_READ_BYTES = 1 << 20
_WORTH_PROCESSES_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class HashedFile:
    """What one read gave. `piece_layer`: 32 bytes a piece, empty for a file of one piece or none;
    `v1_pieces`: 20 bytes a piece; `pieces_root` is 32 zero bytes for an empty file.
    """

    size_bytes: int
    sha256: bytes
    pieces_root: bytes
    piece_layer: bytes
    v1_pieces: bytes


def hash_file(path: Path, piece_length: int) -> HashedFile:
    """Hash the file at `path`. Memory: 1 MiB, and 32 bytes for each 16 KiB block of the file."""
    whole, leaves, pieces, size = sha256(), list[bytes](), list[bytes](), 0
    buffer = bytearray(max(_READ_BYTES, BLOCK))
    view = memoryview(buffer)
    piece, in_piece = sha1(usedforsecurity=False), 0
    with path.open("rb", buffering=0) as stream:
        while count := _fill(stream.fileno(), view):
            chunk = view[:count]
            whole.update(chunk)
            leaves.extend([sha256(chunk[i : i + BLOCK]).digest() for i in range(0, count, BLOCK)])
            for start in range(0, count, piece_length):
                part = chunk[start : start + piece_length]
                piece.update(part)
                in_piece += len(part)
                if in_piece == piece_length:
                    pieces.append(piece.digest())
                    piece, in_piece = sha1(usedforsecurity=False), 0
            size += count
    if in_piece:
        piece.update(bytes(piece_length - in_piece))
        pieces.append(piece.digest())
    root, layer = _tree(leaves, piece_length)
    return HashedFile(size, whole.digest(), root, layer, b"".join(pieces))


def _fill(handle: int, view: memoryview) -> int:
    """Read until `view` is full or the file ends: only the last read may be short."""
    count = 0
    while count < len(view) and (got := os.readv(handle, [view[count:]])):
        count += got
    return count


def _tree(leaves: list[bytes], piece_length: int) -> tuple[bytes, bytes]:
    if not leaves:
        return bytes(32), b""
    blocks = piece_length // BLOCK
    if len(leaves) <= blocks:
        return merkle_root(leaves), b""
    height = blocks.bit_length() - 1
    groups = [leaves[i : i + blocks] for i in range(0, len(leaves), blocks)]
    layer = [merkle_root(group, height) for group in groups]
    levels = (len(layer) - 1).bit_length()
    padding = [merkle_layer([bytes(32)], 0, height)[0]] * ((1 << levels) - len(layer))
    return merkle_root(layer + padding), b"".join(layer)


def hash_files(paths: list[Path], piece_length: int) -> list[HashedFile]:
    """`hash_file` for each path: one task of a worker."""
    return [hash_file(path, piece_length) for path in paths]


@contextmanager
def hashing_pool(total_bytes: int, workers: int | None = None) -> Iterator[Executor]:
    """Workers to hash `total_bytes` with: threads when that is little, else processes.

    hashlib lets go of the interpreter lock, so threads do for a while; processes cost half a
    second to start and then scale with the cores.
    """
    count = workers or os.cpu_count() or 1
    pool: Executor
    if total_bytes < _WORTH_PROCESSES_BYTES:
        pool = ThreadPoolExecutor(count)
    else:
        spawn = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(count, mp_context=spawn, initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """A killed parent must not leave workers behind: they wait for it in a thread, and go."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()
