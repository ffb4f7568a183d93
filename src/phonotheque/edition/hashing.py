"""All the hashes a torrent and a bag need of a file, from one read of it.

SHA-1 of v1 pieces (BEP 3, the last one filled up with the zeros of its pad file, BEP 47), SHA-256
of 16 KiB blocks for the v2 tree (BEP 52), SHA-256 of the whole file. Three passes of hashing over
each byte, two where the pieces root proves a digest that is known: the aim is that nothing else
costs.
"""

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1, sha256
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

from phonotheque.storage.digests import BLOCK, merkle_layer, merkle_root

_READ_BYTES = 256 << 10  # stays in the cache of a core for all passes
_WORTH_PROCESSES_BYTES = 256 << 20
_kept = threading.local()


@dataclass(frozen=True, slots=True)
class HashedFile:
    """What one read gave. `piece_layer`: 32 bytes a piece, empty for a file of one piece or none;
    `v1_pieces`: 20 bytes a piece; `pieces_root` is 32 zero bytes for an empty file. `sha256` and
    `v1_pieces` are empty where they were not asked for.
    """

    size_bytes: int
    sha256: bytes
    pieces_root: bytes
    piece_layer: bytes
    v1_pieces: bytes


def hash_file(path: Path, piece_length: int, *, whole: bool = True, v1: bool = True) -> HashedFile:
    """Hash the file at `path`: `whole` its SHA-256 too, `v1` its v1 pieces too.

    Memory: 256 KiB a thread, kept, and 32 bytes for each 16 KiB block of the file.
    """
    of_all, leaves, pieces, size = sha256(), list[bytes](), _V1Pieces(piece_length), 0
    view = _buffer()
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        count = len(view)
        while count == len(view) and (count := _fill(handle, view)):
            chunk = view[:count]
            leaves += [sha256(chunk[i : i + BLOCK]).digest() for i in range(0, count, BLOCK)]
            if v1:
                pieces.update(chunk)
            if whole and (size or count > BLOCK):
                of_all.update(chunk)
            size += count
    finally:
        os.close(handle)
    digest = leaves[0] if 0 < size <= BLOCK else of_all.digest()  # of one block, its leaf
    root, layer = _tree(leaves, piece_length)
    return HashedFile(size, digest if whole else b"", root, layer, pieces.finish())


class _V1Pieces:
    """SHA-1 of each piece of what it is fed."""

    def __init__(self, piece_length: int) -> None:
        self._length, self._filled = piece_length, 0
        self._piece, self._done = sha1(usedforsecurity=False), list[bytes]()

    def update(self, chunk: memoryview) -> None:
        for start in range(0, len(chunk), self._length):
            part = chunk[start : start + self._length]
            self._piece.update(part)
            self._filled += len(part)
            if self._filled == self._length:
                self._end()

    def finish(self) -> bytes:
        if self._filled:
            self._piece.update(bytes(self._length - self._filled))
            self._end()
        return b"".join(self._done)

    def _end(self) -> None:
        self._done.append(self._piece.digest())
        self._piece, self._filled = sha1(usedforsecurity=False), 0


def _buffer() -> memoryview:
    """The buffer of this thread: a new one for each file would be zeroed and mapped anew."""
    found: memoryview | None = getattr(_kept, "buffer", None)
    if found is None:
        found = _kept.buffer = memoryview(bytearray(_READ_BYTES))
    return found


def _fill(handle: int, view: memoryview) -> int:
    """Read until `view` is full or the file ends: only the last read may be short."""
    count = 0
    while count < len(view) and (got := os.readv(handle, [view[count:]])):
        count += got
    return count


def _tree(leaves: list[bytes], piece_length: int) -> tuple[bytes, bytes]:
    if not leaves:
        return bytes(32), b""
    height = (piece_length // BLOCK).bit_length() - 1
    levels = (len(leaves) - 1).bit_length()
    if levels <= height:
        return merkle_root(leaves), b""
    layer = merkle_layer(leaves, levels - height)
    covering = -(-len(leaves) // (1 << height))
    return merkle_root(layer), b"".join(layer[:covering])


def hash_files(
    paths: Sequence[Path], piece_length: int, whole: Sequence[bool], *, v1: bool = True
) -> list[HashedFile]:
    """`hash_file` for each path: one task of a worker."""
    return [
        hash_file(path, piece_length, whole=wanted, v1=v1)
        for path, wanted in zip(paths, whole, strict=True)
    ]


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
