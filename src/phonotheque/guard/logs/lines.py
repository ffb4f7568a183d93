"""Access logs as blocks of lines, packed or plain: every line has its number, memory is a block."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

import numpy as np
import pyarrow as pa

from phonotheque.model.errors import InputError, NotFoundError

BLOCK_BYTES: Final = 16 << 20
LONGEST_BYTES: Final = 64 << 10
"""A longer line is a bad row."""
_PACKED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException)


@dataclass(frozen=True)
class Block:
    """Lines with their ends, as they follow each other; `first` is the number of the first (from
    1). `too_long` says which were longer than `LONGEST_BYTES`; those are empty here."""

    first: int
    data: bytes
    ends: np.ndarray  # int32: where each line ends, its line end included
    too_long: tuple[int, ...] = ()

    def lines(self) -> pa.Array:
        """The lines as texts."""
        offsets = np.concatenate([np.zeros(1, np.int32), self.ends])
        return pa.StringArray.from_buffers(
            len(self.ends), pa.py_buffer(offsets), pa.py_buffer(self.data)
        )


class BrokenFileError(InputError):
    """A file that ends, or cannot be unpacked, before its end; what came before was given."""


def iter_blocks(path: Path, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """The lines of the file `path`, plain or packed by gzip, bzip2, xz or zstd. What is no UTF-8 is
    shown as escapes.

    Raises:
        NotFoundError: there is no such file.
        BrokenFileError: it cannot be read to its end.
    """
    number, rest, drop = 1, b"", False
    try:
        with _open(path) as stream:
            for got in _iter_pieces(stream, block_bytes):
                piece = got
                if drop:
                    _, found, piece = got.partition(b"\n")
                    if not found:
                        continue
                    yield Block(number, b"\n", np.ones(1, np.int32), (number,))
                    number, drop = number + 1, False
                whole, found, tail = piece.rpartition(b"\n")
                if not found:
                    rest += tail
                else:
                    block = _block(number, rest + whole + b"\n")
                    yield block
                    number, rest = number + len(block.ends), tail
                if len(rest) > LONGEST_BYTES:
                    rest, drop = b"", True
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such file") from None
    except _BROKEN as error:
        if rest:
            yield _block(number, rest + b"\n")
        raise BrokenFileError(f"{path}: cannot be read to its end ({error})") from error
    if drop:
        yield Block(number, b"\n", np.ones(1, np.int32), (number,))
    elif rest:
        yield _block(number, rest + b"\n")


def _iter_pieces(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """Pieces of at least `size` bytes but for the last; what could be read before an error is given
    before it is raised."""
    read = getattr(stream, "read1", stream.read)
    held, length = [], 0
    try:
        while some := read(size):
            held.append(some)
            length += len(some)
            if length >= size:
                yield b"".join(held)
                held, length = [], 0
    except _BROKEN:
        yield b"".join(held)
        raise
    if held:
        yield b"".join(held)


def _open(path: Path) -> IO[bytes]:
    stream = path.open("rb")
    try:
        start = stream.read(6) if stream.seekable() else b""
        if start:
            stream.seek(0)
    except BaseException:
        stream.close()
        raise
    packing = next((i for i, mark in enumerate(_PACKED) if start.startswith(mark)), None)
    if packing == 0:
        return cast(IO[bytes], gzip.GzipFile(fileobj=stream))
    if packing == 1:
        return cast(IO[bytes], bz2.BZ2File(stream))
    if packing == 2:
        return cast(IO[bytes], lzma.LZMAFile(stream))
    if packing == 3:
        return cast(IO[bytes], pa.CompressedInputStream(stream, "zstd"))
    return stream


def _block(first: int, data: bytes) -> Block:
    """`data` ends with a line end."""
    try:
        data.decode()
    except UnicodeDecodeError:
        data = data.decode("utf-8", "backslashreplace").encode()
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10).astype(np.int32) + np.int32(1)
    lengths = np.diff(ends, prepend=np.int32(0))
    long = np.flatnonzero(lengths > LONGEST_BYTES)
    if not len(long):
        return Block(first, data, ends)
    starts = ends - lengths
    kept, at = [], 0
    for place in long:  # rare, and at most a block's bytes over LONGEST_BYTES of them
        kept += [data[at : starts[place]], b"\n"]
        at = int(ends[place])
    lengths = np.where(lengths > LONGEST_BYTES, 1, lengths)
    numbers = tuple(int(first + place) for place in long)
    return Block(first, b"".join([*kept, data[at:]]), np.cumsum(lengths, dtype=np.int32), numbers)
