"""Fetching one file over HTTP: resumed, hashed while it streams, in place only when proved."""

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from phonotheque.mirror.dripping import Least
from phonotheque.mirror.failover import Origins
from phonotheque.mirror.origin import MissingError, Origin
from phonotheque.mirror.pacing import Pace
from phonotheque.mirror.partials import Partial
from phonotheque.model.errors import NoSpaceError, PhonothequeError, TransferError
from phonotheque.storage.digests import Digests
from phonotheque.storage.durable import commit_file, ensure_directory

SETTLE_BYTES = 4 << 20  # smaller files are settled many at a time
Proof = Callable[[Digests], bool]
Tick = Callable[[int], None]
_LOOK_SECONDS = 0.5  # how often a wait looks whether it is to end


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard to try. The waits double after each failure."""

    connections: int = 4
    attempts: int = 4
    backoff_seconds: float = 0.5
    timeout_seconds: float = 30.0
    stall_seconds: float = 60.0  # a swarm that brings nothing for so long has failed
    longest_wait_seconds: float = 60.0  # an origin that asks for more is not waited for longer
    bytes_per_second: int | None = None  # of all that is fetched; None: as fast as it comes
    least_bytes_per_second: int = 1000  # an origin that gives less is left
    least_seconds: float = 30.0  # over so much time of waiting for it

    @property
    def least(self) -> Least:
        """What an origin has to give."""
        return Least(self.least_bytes_per_second, self.least_seconds)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch: its path below the origin, how long it is, and what proves it.

    `known`: its digests as signed for, where the pieces root is among them; a large file is then
    carried on with after a kill without being read again.
    """

    remote: str
    size_bytes: int
    proof: Proof
    known: Digests | None = None


class DamagedError(TransferError):
    """What the origins gave out is not the file that was signed for."""


class LackingError(TransferError):
    """Who answered does not have the file; others did not answer."""


class Stopped(Exception):  # noqa: N818 - not an error: the user pressed Ctrl-C elsewhere
    """The transfer was told to stop; the partial file stays for the next run."""


class _Mixed(DamagedError):  # noqa: N818 - never leaves this module
    """A partial file, begun by another origin or run, does not fit what this origin gave."""


class Fetcher:
    """Fetches files from those of `origins` that deliver, several at once. Threads may share one.

    `halt`, where given, stops all transfers from outside: `Stopped` is raised.
    """

    def __init__(
        self,
        origins: Sequence[Origin] | Origins,
        limits: Limits,
        tick: Tick,
        *,
        pace: Pace | None = None,
        halt: Event | None = None,
    ) -> None:
        self._origins = origins if isinstance(origins, Origins) else origins_within(origins, limits)
        self._limits = limits
        self._tick = tick
        self._pace = pace or Pace(limits.bytes_per_second)
        self._halt = halt
        self.stop = Event()

    @property
    def stopped(self) -> bool:
        """Whether the transfers are to end."""
        return self.stop.is_set() or (self._halt is not None and self._halt.is_set())

    def fetch(self, wanted: Wanted, partial: Path, target: Path) -> tuple[Digests, int]:
        """Bring `wanted` to `target`, durably; returns its digests and the bytes received.

        What an earlier run left in `partial` is carried on with; see `Partial`.

        Raises:
            MissingError: every origin says it has no such file.
            LackingError: some say so, and the others did not answer.
            DamagedError: it arrived, and is not what was signed for.
            TransferError: no origin delivered.
            Stopped: `stop` or `halt` is set; what came is kept.
            NoSpaceError: the disk is full; what came is kept.
        """
        ensure_directory(partial.parent)
        digests, received = self._from_any(wanted, partial)
        ensure_directory(target.parent)
        commit_file(partial, target)
        return digests, received

    def stage(self, wanted: Wanted, partial: Path) -> tuple[Digests, int]:
        """`fetch` without the last step: the proved file stands at `partial`, read-only. If it is
        smaller than `SETTLE_BYTES`, it is not settled on the disk yet."""
        ensure_directory(partial.parent)
        return self._from_any(wanted, partial)

    def _from_any(self, wanted: Wanted, partial: Path) -> tuple[Digests, int]:
        received: int = 0
        tries = [0] * len(self._origins)
        missing: set[int] = set()
        failures: dict[int, TransferError] = {}
        while True:
            spent = {n for n, count in enumerate(tries) if count >= self._limits.attempts}
            choice = self._origins.choose(missing | spent)
            if choice is None:
                break
            number, rest = choice
            silence = self._origins.silence(number, self._limits.attempts)
            if rest > 0 and missing and silence is not None:
                tries[number] = self._limits.attempts
                failures.setdefault(number, silence)
                continue
            if rest > 0:
                self.stop.wait(min(rest, _LOOK_SECONDS))
                if self.stopped:
                    raise Stopped
                if rest > _LOOK_SECONDS:
                    continue
            try:
                with self._origins.asking(number) as origin:
                    digests, more = self._begun_anew(origin, wanted, partial)
                    return digests, received + more
            except OSError as error:
                raise _explained(error, partial) from error
            except MissingError as error:
                missing.add(number)
                failures.setdefault(number, error)
            except TransferError as error:
                tries[number] += 1
                failures[number] = error
        raise _told(failures, wanted, len(missing) == len(self._origins))

    def _begun_anew(self, origin: Origin, wanted: Wanted, partial: Path) -> tuple[Digests, int]:
        """`_attempt`; where what was here before may be to blame, once more without it."""
        try:
            return self._attempt(origin, wanted, partial)
        except _Mixed:
            return self._attempt(origin, wanted, partial)

    def _attempt(self, origin: Origin, wanted: Wanted, partial: Path) -> tuple[Digests, int]:
        received = 0
        with Partial(partial, wanted.size_bytes, wanted.known) as out:
            if out.position < wanted.size_bytes:
                for chunk in origin.read(wanted.remote, out.position):
                    if self.stopped:
                        raise Stopped
                    received += len(chunk)
                    if out.position + len(chunk) > wanted.size_bytes:
                        out.discard()
                        raise DamagedError(
                            f"{origin.address}: {wanted.remote} is longer than it should be"
                        )
                    out.write(chunk)
                    self._tick(len(chunk))
                    self._pace.take(len(chunk), self.stop)
            if out.position < wanted.size_bytes:
                raise TransferError(
                    f"{origin.address}: {wanted.remote} was cut off at byte {out.position}"
                )
            digests = out.finish()
            if not wanted.proof(digests):
                out.discard()
                kind = _Mixed if out.begun_at else DamagedError
                raise kind(f"{origin.address}: {wanted.remote} is not what was signed for")
            out.seal(settle=wanted.size_bytes >= SETTLE_BYTES)
        return digests, received


def origins_within(origins: Sequence[Origin], limits: Limits) -> Origins:
    """The origins of one run, resting after failures as `limits` says."""
    return Origins(
        origins,
        first_rest_seconds=limits.backoff_seconds,
        longest_rest_seconds=limits.longest_wait_seconds,
    )


def _told(failures: dict[int, TransferError], wanted: Wanted, all_miss: bool) -> TransferError:
    """What to say of the origins that failed, by number: of the first that has the file, whichever
    was asked first; that it is missing, only where all say so."""
    if all_miss:
        return failures[min(failures)]
    having = [n for n, error in failures.items() if not isinstance(error, MissingError)]
    if having:
        first = failures[min(having)]
        some_miss = len(having) < len(failures) and not isinstance(first, DamagedError)
        return LackingError(str(first)) if some_miss else first
    if failures:
        return TransferError(str(failures[min(failures)]))
    return TransferError(f"{wanted.remote}: no origin to ask")


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
