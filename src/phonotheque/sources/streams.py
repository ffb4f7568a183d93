"""Files as streams of bytes: decompressed as they are read, archives member by member.

What a file is, its first bytes say, not its name. Nothing is unpacked to disk and memory is a few
blocks whatever the size. A file that is cut or damaged is read up to the last byte that could be
decompressed; only the read behind that raises one of `BROKEN`, and `until_broken` makes a finding
of it.
"""

import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.sources.decompress import BUFFER_BYTES, READ_BYTES, FileDigest, open_stream

__all__ = [
    "BROKEN",
    "HEAD_BYTES",
    "FileDigest",
    "is_tar",
    "iter_lines",
    "iter_members",
    "open_stream",
    "read_head",
    "until_broken",
]

T = TypeVar("T")
HEAD_BYTES = 1 << 16
BROKEN = (OSError, EOFError, tarfile.TarError)
"""What reading a stream of this module may raise."""

_TAR_BLOCK = 512


def read_head(path: Path, size: int = HEAD_BYTES) -> bytes:
    """The first `size` bytes of the content, fewer where it is shorter or broken.

    Raises:
        OSError: the file cannot be opened.
    """
    head = bytearray()
    with open_stream(path) as stream:
        try:
            while len(head) < size and (data := stream.read(min(size - len(head), READ_BYTES))):
                head += data
        except BROKEN:
            pass
    return bytes(head)


def iter_members(path: Path, digest: FileDigest | None = None) -> Iterator[tuple[str, IO[bytes]]]:
    """(name, content) of the regular files of a tar, compressed or not, in the archive's order.

    Each content must be read before the next is asked for; what is left of it is passed over. A
    file that is no tar is itself the only member. A tar must end in its end mark (a block of
    zeros); what follows that is read and not looked at.

    Raises:
        OSError: it cannot be opened; iterating and reading raise one of `BROKEN`.
    """
    tar = is_tar(read_head(path, _TAR_BLOCK))
    with open_stream(path, digest) as stream:
        if tar:
            yield from _tar_members(stream)
        else:
            yield path.name, stream


def is_tar(head: bytes) -> bool:
    """Whether content that begins so is a tar (512 bytes are enough)."""
    try:
        tarfile.TarInfo.frombuf(head[:_TAR_BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def until_broken(items: Iterable[T], where: str) -> Iterator[T | Finding]:
    """The items; where reading them breaks off, a finding in place of the rest."""
    try:
        yield from items
    except BROKEN as error:
        message = f"cannot be read to its end ({error}); what came before is kept; get a sound copy"
        yield Finding(FindingCode.FILE_UNREADABLE, Severity.ERROR, where, message)


def iter_lines(stream: IO[bytes], limit_bytes: int) -> Iterator[list[bytes | None]]:
    """The lines of a stream in batches, without their line feeds; the last one may lack its own.

    A line longer than `limit_bytes` is None. Memory: one such line and `BUFFER_BYTES`. Before a
    read error is raised, all complete lines have been given.
    """
    read = cast(io.BufferedReader, stream).read1
    rest: list[bytes] = []
    held = 0
    while data := read(BUFFER_BYTES):
        first, feed, others = data.partition(b"\n")
        held += len(first)
        if held <= limit_bytes:
            rest.append(first)
        else:
            rest = []
        if not feed:
            continue
        lines: list[bytes | None] = [b"".join(rest) if held <= limit_bytes else None]
        more = others.split(b"\n")
        last = more.pop()
        lines += [line if len(line) <= limit_bytes else None for line in more]
        rest, held = [last] * (len(last) <= limit_bytes), len(last)
        yield lines
    if held:
        yield [b"".join(rest) if held <= limit_bytes else None]


# ------------------------------------------------------------------------------------ archives


class _Quiet:
    """A stream for `tarfile`, to which an error is an end; it is raised by who notices the end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = cast(io.BufferedReader, stream)
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        """As `io.RawIOBase.read`."""
        try:
            return self._stream.read1(size)
        except BROKEN as error:
            self.error = error
            return b""

    def broken(self, otherwise: str) -> BaseException:
        """What to raise where the stream ended too early."""
        return self.error or EOFError(otherwise)


class _Header(tarfile.TarInfo):
    """Only a block of zeros ends an archive; tarfile by itself takes any odd header for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == _TAR_BLOCK and not any(buf):
                raise
            text = "the archive ends without its end mark" if not buf else f"bad header: {error}"
            raise tarfile.ReadError(text) from error


class _Member(io.RawIOBase):
    """The content of the member at which the archive stands."""

    def __init__(self, archive: IO[bytes], size: int, quiet: _Quiet) -> None:
        self._archive = archive
        self._left = size
        self._quiet = quiet

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        data = self._archive.read(min(len(target), self._left))
        if not data and self._left and len(target):
            raise self._quiet.broken("the archive ends in the middle of a member")
        target[: len(data)] = data
        self._left -= len(data)
        return len(data)


def _tar_members(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    quiet = _Quiet(stream)
    try:
        with tarfile.open(
            fileobj=cast(IO[bytes], quiet), mode="r|", bufsize=READ_BYTES, tarinfo=_Header
        ) as tar:
            while (member := tar.next()) is not None:
                cast(Any, tar).members = []  # tarfile would remember every one
                if member.isreg() and not member.issparse():
                    archive = cast(IO[bytes], tar.fileobj)
                    raw = _Member(archive, member.size, quiet)
                    yield member.name, io.BufferedReader(raw, BUFFER_BYTES)
    except tarfile.TarError as error:
        if quiet.error is not None:
            raise quiet.error from error
        raise
    while quiet.read(BUFFER_BYTES):  # to the end, where a compressed file has its checksum
        pass
    if quiet.error is not None:
        raise quiet.error
