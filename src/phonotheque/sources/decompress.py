"""Decompressors for `streams`: what could be decompressed is given before the error is raised."""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Generator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa

from phonotheque.sources.ahead import iter_ahead

READ_BYTES = 1 << 16
BUFFER_BYTES = 1 << 18
FEED_BYTES = 1 << 19
PIECE_BYTES = 1 << 22
"""What a decompressor is given, and gives at most, at a time: large, as it works in a thread and
waits for Python's lock after each."""
XZ_MEMORY_BYTES = 512 << 20
"""An .xz file that asks for more memory than this is refused (``xz -9`` asks for 65 MiB)."""

_FOREIGN = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, pa.ArrowException)


class Decoder(Protocol):
    """A decompressor of one member (gzip), stream (bz2, xz) or frame, as the standard library's."""

    @property
    def eof(self) -> bool:
        """Whether the member is complete."""

    @property
    def unused_data(self) -> bytes:
        """What was fed behind the end of the member."""

    def decode(self, data: bytes) -> bytes:
        """At most `PIECE_BYTES` of what `data`, and what was fed before it, become."""

    def hungry(self) -> bool:
        """Whether it needs more data to go on."""


class FileDigest:
    """SHA-256 and size of a file's bytes as they lie on disk, taken while something reads them."""

    def __init__(self) -> None:
        self._hash = sha256()
        self.size_bytes = 0

    def update(self, data: bytes) -> None:
        """Take the next bytes of the file."""
        self._hash.update(data)
        self.size_bytes += len(data)

    def finish(self, path: Path) -> str:
        """64 hex digits for the whole file: what was not read yet is read now.

        Raises:
            OSError: the file cannot be read.
        """
        with path.open("rb") as file:
            file.seek(self.size_bytes)
            while data := file.read(READ_BYTES):
                self.update(data)
        return self._hash.hexdigest()


def open_stream(path: Path, digest: FileDigest | None = None) -> IO[bytes]:
    """The content of the file: plain, or decompressed if it is gzip, bzip2, xz or Zstandard.

    Members, streams and frames that follow one another are read as one. Not seekable. `digest`
    takes the bytes of the file as they are read. Zstandard windows above 128 MiB (``--long``
    above 27) are refused, as are .xz files above `XZ_MEMORY_BYTES`.

    Raises:
        OSError: it cannot be opened; reading raises one of `BROKEN`.
    """
    with path.open("rb") as file:
        magic = file.read(6)
    compressed = _Compressed(path, digest)
    if _is_zstd(magic):
        return io.BufferedReader(_Zstd(compressed), BUFFER_BYTES)
    for start, decoder in _DECODERS.items():
        if magic.startswith(start):
            return io.BufferedReader(_Inflated(compressed, decoder), BUFFER_BYTES)
    return io.BufferedReader(compressed, BUFFER_BYTES)


class _Compressed(io.RawIOBase):
    """The file's own bytes, given to the digest as they are read."""

    def __init__(self, path: Path, digest: FileDigest | None) -> None:
        self.path = path
        self._file = path.open("rb", buffering=0)
        self._digest = digest

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        size = self._file.readinto(target) or 0
        if self._digest is not None and size:
            self._digest.update(bytes(memoryview(target)[:size]))
        return size

    def for_arrow(self) -> pa.NativeFile:
        """The file for Arrow, which needs no Python to read it unless a digest is wanted."""
        return pa.OSFile(str(self.path)) if self._digest is None else pa.PythonFile(self, "r")

    def close(self) -> None:
        self._file.close()
        super().close()


class _Raw(io.RawIOBase):
    """A stream made of pieces; an error is raised only when all before it has been read."""

    def __init__(self, pieces: Generator[bytes, None, None], compressed: _Compressed) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")
        self._compressed = compressed

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._piece:
            try:
                piece = next(self._pieces, None)
            except _FOREIGN as error:
                text = str(error).splitlines() or [type(error).__name__]
                raise OSError(text[0]) from error
            if piece is None:
                return 0
            self._piece = memoryview(piece)
        size = min(len(target), len(self._piece))
        target[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size

    def close(self) -> None:
        self._pieces.close()
        self._compressed.close()
        super().close()


class _Inflated(_Raw):
    """gzip, bzip2 and xz: members that follow one another, zeros allowed behind the last."""

    def __init__(self, compressed: _Compressed, decoder: Callable[[], Decoder]) -> None:
        super().__init__(iter_ahead(_inflate(compressed, decoder)), compressed)


def _inflate(compressed: _Compressed, new: Callable[[], Decoder]) -> Generator[bytes, None, None]:
    data = compressed.read(FEED_BYTES)
    while data:
        decoder = new()
        while not decoder.eof:
            yield decoder.decode(data)
            data = b""
            if not decoder.eof and decoder.hungry():
                data = compressed.read(FEED_BYTES)
                if not data:
                    raise EOFError("it ends in the middle of the compressed data")
        data = decoder.unused_data.lstrip(b"\0")
        while not data and (more := compressed.read(FEED_BYTES)):
            data = more.lstrip(b"\0")


class _Zlib:
    """`Decoder` of one gzip member."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decode(self, data: bytes) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, PIECE_BYTES)

    def hungry(self) -> bool:
        return not self._inner.unconsumed_tail


class _Library:
    """`Decoder` of one stream of the standard library's bz2 or lzma."""

    def __init__(self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inner = inner

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decode(self, data: bytes) -> bytes:
        return self._inner.decompress(data, PIECE_BYTES)

    def hungry(self) -> bool:
        return self._inner.needs_input


_DECODERS: dict[bytes, Callable[[], Decoder]] = {
    b"\x1f\x8b": _Zlib,
    b"BZh": lambda: _Library(bz2.BZ2Decompressor()),
    b"\xfd7zXZ\0": lambda: _Library(
        lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)
    ),
}


def _is_zstd(magic: bytes) -> bool:
    """A Zstandard frame or a skippable one (RFC 8878, 3.1)."""
    skippable = magic[1:4] == b"\x2a\x4d\x18" and magic[0] & 0xF0 == 0x50
    return magic.startswith(b"\x28\xb5\x2f\xfd") or skippable


class _Zstd(_Raw):
    """Zstandard through Arrow, which reads frames that follow one another."""

    def __init__(self, compressed: _Compressed) -> None:
        super().__init__(iter_ahead(_iter_zstd(compressed)), compressed)


def _iter_zstd(compressed: _Compressed) -> Generator[bytes, None, None]:
    done = 0
    try:
        for data in _zstd_pieces(compressed.for_arrow(), PIECE_BYTES):
            yield data
            done += len(data)
    except _FOREIGN as error:
        for size in (READ_BYTES, 1):
            for data in _zstd_before_error(compressed.path, done, size):
                yield data
                done += len(data)
        raise OSError(str(error)) from error


def _zstd_pieces(source: pa.NativeFile, size: int) -> Iterator[bytes]:
    stream = pa.CompressedInputStream(source, "zstd")
    while data := stream.read(size):
        yield data


def _zstd_before_error(path: Path, done: int, size: int) -> Iterator[bytes]:
    """What follows the first `done` bytes, in pieces of `size`, until the error comes again.

    A read of Arrow's that fails keeps nothing of what it had, so the file is decompressed again
    and read in smaller and smaller pieces. Only damaged files cost this.
    """
    try:
        stream = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
        while done and (data := stream.read(min(done, READ_BYTES))):
            done -= len(data)
        while data := stream.read(size):
            yield data
    except _FOREIGN:
        pass
