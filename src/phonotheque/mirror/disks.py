"""How a disk is best read: one place at a time where it turns, many at once where it does not.

A turning disk is read by one thread at a time, in large pieces and in the order in which the files
lie on it, while other threads hash what has come; a solid-state disk is read by several at once.
Linux says which is which under `/sys`; where it does not (other systems, network file systems), the
disk counts as one that does not turn.
"""

import fcntl
import hashlib
import os
import stat
import struct
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from io import FileIO
from pathlib import Path
from threading import Lock, local

_TURN_BYTES = 8 << 20  # read while holding the head: a seek of 10 ms costs a fifth of it
_FREE_BYTES = 1 << 18
_FIEMAP = 0xC020660B  # linux/fs.h: FS_IOC_FIEMAP
_HEADER, _EXTENT = struct.Struct("=QQLLLL"), struct.Struct("=QQQQQLLLL")
_SYS = Path("/sys/dev/block")


class Disk:
    """The disk below a tree, and how it is read. `threads` hash; threads may share a Disk."""

    def __init__(self, *, turning: bool, threads: int) -> None:
        self.turning = turning
        self.threads = threads
        self._head: AbstractContextManager[object] = Lock() if turning else nullcontext()
        self._size = _TURN_BYTES if turning else _FREE_BYTES
        self._buffers = local()

    def read(self, stream: FileIO) -> Iterator[memoryview]:
        """The rest of an unbuffered `stream`; a view holds until the next is asked for.

        Memory: one buffer a thread, of 8 MiB where the disk turns, else 256 KiB.
        """
        buffer = self._buffer()
        while True:
            with self._head:
                count = stream.readinto(buffer)
            if not count:
                return
            yield buffer[:count]

    def sha256(self, path: Path) -> str:
        """SHA-256 of the file at `path`, hex digits."""
        hasher = hashlib.sha256()
        with path.open("rb", buffering=0) as stream:
            for view in self.read(stream):
                hasher.update(view)
        return hasher.hexdigest()

    def order(self, paths: Iterable[Path]) -> list[Path]:
        """The paths as they lie on a turning disk; as they came on any other."""
        listed = list(paths)
        if self.turning:
            listed.sort(key=_position)
        return listed

    def _buffer(self) -> memoryview:
        held: memoryview | None = getattr(self._buffers, "held", None)
        if held is None:
            held = self._buffers.held = memoryview(bytearray(self._size))
        return held


def disk_below(path: Path, jobs: int | None = None) -> Disk:
    """The disk that holds `path`. `jobs` overrides what the system says: 1 reads like a turning
    disk, more reads so many files at once."""
    cores = os.cpu_count() or 1
    if jobs is not None:
        return Disk(turning=jobs == 1, threads=cores if jobs == 1 else jobs)
    turning = is_turning(path)
    return Disk(turning=turning, threads=cores if turning else max(cores, 4))


def is_turning(path: Path, sys: Path = _SYS) -> bool:
    """Whether the disk below `path` says that it turns; False where nothing is said."""
    try:
        number = path.stat().st_dev
        device = (sys / f"{os.major(number)}:{os.minor(number)}").resolve(strict=True)
        for folder in (device, device.parent):  # of a partition, its disk says it
            said = folder / "queue" / "rotational"
            if said.is_file():
                return said.read_text().strip() == "1"
    except OSError:
        pass
    return False


def _position(path: Path) -> tuple[int, int]:
    """Where the file begins on its disk; its inode where the file system does not say."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return (0, 0)
    try:
        found = os.fstat(handle)
        return (_first_extent(handle) if stat.S_ISREG(found.st_mode) else 0, found.st_ino)
    finally:
        os.close(handle)


def _first_extent(handle: int) -> int:
    request = bytearray(_HEADER.pack(0, 2**64 - 1, 0, 0, 1, 0) + bytes(_EXTENT.size))
    try:
        fcntl.ioctl(handle, _FIEMAP, request)
    except OSError:
        return 0
    (mapped,) = struct.unpack_from("=L", request, 20)
    return int(_EXTENT.unpack_from(request, _HEADER.size)[1]) if mapped else 0
