"""Fetching one file over HTTP: resumed, hashed while it streams, in place only when proved."""

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from phonotheque.mirror.origin import MissingError, Origin
from phonotheque.model.errors import NoSpaceError, PhonothequeError, TransferError
from phonotheque.storage.digests import Digests, FileHasher, read_chunks
from phonotheque.storage.durable import commit_file, ensure_directory

Proof = Callable[[Digests], bool]
Tick = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard to try. The waits double after each failure."""

    connections: int = 4
    attempts: int = 4
    backoff_seconds: float = 0.5
    timeout_seconds: float = 30.0
    stall_seconds: float = 60.0  # a swarm that brings nothing for so long has failed


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch: its path below the origin, how long it is, and what proves it."""

    remote: str
    size_bytes: int
    proof: Proof


class DamagedError(TransferError):
    """What the origins gave out is not the file that was signed for."""


class Stopped(Exception):  # noqa: N818 - not an error: the user pressed Ctrl-C elsewhere
    """The transfer was told to stop; the partial file stays for the next run."""


class Fetcher:
    """Fetches files from the first of `origins` that delivers. Threads may share one."""

    def __init__(self, origins: Sequence[Origin], limits: Limits, tick: Tick) -> None:
        self._origins = origins
        self._limits = limits
        self._tick = tick
        self.stop = Event()

    def fetch(self, wanted: Wanted, partial: Path, target: Path) -> tuple[Digests, int]:
        """Bring `wanted` to `target`, durably; returns its digests and the bytes received.

        What an earlier run left in `partial` is hashed and carried on with.

        Raises:
            MissingError: every origin says it has no such file.
            DamagedError: it arrived, and is not what was signed for.
            TransferError: no origin delivered.
            NoSpaceError: the disk is full; what came is kept.
        """
        ensure_directory(partial.parent)
        received, missing, failure = 0, 0, TransferError(f"{wanted.remote}: no origin to ask")
        for origin in self._origins:
            try:
                digests, more = self._from_one(origin, wanted, partial)
            except OSError as error:
                raise _explained(error, partial) from error
            except MissingError as error:
                missing, failure = missing + 1, error
                continue
            except TransferError as error:
                failure = error
                continue
            received += more
            ensure_directory(target.parent)
            partial.chmod(0o444)
            commit_file(partial, target)
            return digests, received
        if isinstance(failure, MissingError) and missing < len(self._origins):
            raise TransferError(str(failure)) from failure
        raise failure

    def _from_one(self, origin: Origin, wanted: Wanted, partial: Path) -> tuple[Digests, int]:
        received = 0
        for attempt in range(self._limits.attempts):
            try:
                digests, more = self._attempt(origin, wanted, partial)
                return digests, received + more
            except MissingError:
                raise
            except TransferError:
                if attempt + 1 == self._limits.attempts:
                    raise
                self.stop.wait(self._limits.backoff_seconds * 2**attempt)
        raise TransferError(f"{origin.address}: {wanted.remote}: no attempt was allowed")

    def _attempt(self, origin: Origin, wanted: Wanted, partial: Path) -> tuple[Digests, int]:
        hasher, start = _carry_on(partial, wanted.size_bytes)
        received = 0
        with partial.open("ab") as out:
            if start < wanted.size_bytes:
                for chunk in origin.read(wanted.remote, start):
                    if self.stop.is_set():
                        raise Stopped
                    received += len(chunk)
                    if start + received > wanted.size_bytes:
                        partial.unlink()
                        raise DamagedError(
                            f"{origin.address}: {wanted.remote} is longer than it should be"
                        )
                    out.write(chunk)
                    hasher.update(chunk)
                    self._tick(len(chunk))
        digests = hasher.finish()
        if digests.size_bytes < wanted.size_bytes:
            raise TransferError(
                f"{origin.address}: {wanted.remote} was cut off at byte {digests.size_bytes}"
            )
        if not wanted.proof(digests):
            partial.unlink()
            raise DamagedError(f"{origin.address}: {wanted.remote} is not what was signed for")
        return digests, received


def _carry_on(partial: Path, size_bytes: int) -> tuple[FileHasher, int]:
    """A hasher fed with what `partial` holds, and how much that is; too much counts as nothing."""
    hasher = FileHasher()
    if not partial.is_file():
        return hasher, 0
    partial.chmod(0o644)
    held = partial.stat().st_size
    if held > size_bytes:
        partial.unlink()
        return hasher, 0
    with partial.open("rb") as stream:
        for chunk in read_chunks(stream):
            hasher.update(chunk)
    return hasher, held


def _explained(error: OSError, path: Path) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpaceError(f"{path}: the disk is full; make room and run this again")
    return PhonothequeError(f"{path}: {error}")


def fetch_range(origins: Sequence[Origin], remote: str, start: int, length: int) -> bytes:
    """`length` bytes of `remote` from `start`, of the first origin that delivers.

    Raises:
        TransferError: none did.
    """
    failure = TransferError(f"{remote}: no origin to ask")
    for origin in origins:
        try:
            content = b"".join(origin.read(remote, start, length))
        except TransferError as error:
            failure = error
            continue
        if len(content) == length:
            return content
        failure = TransferError(f"{origin.address}: {remote} was cut off in a range")
    raise failure
