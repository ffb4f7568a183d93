"""One volume over HTTP and from the swarm at once: each file by one of them (see `sharing`).

libtorrent could ask web seeds itself; it then knows nothing of origins that rest, drip or lie, and
asks each by one connection. So the files are dealt out between our own client and a swarm without
web seeds (measured in docs/benchmarks.md).
"""

import random
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from phonotheque.mirror.expected import ExpectedFile, ExpectedVolume
from phonotheque.mirror.feeding import Feed
from phonotheque.mirror.formats import Via
from phonotheque.mirror.origin import MissingError
from phonotheque.mirror.pacing import Pace
from phonotheque.mirror.placing import Names, link_into
from phonotheque.mirror.sharing import Shares
from phonotheque.mirror.state import Placing
from phonotheque.mirror.swarm import SwarmOptions
from phonotheque.mirror.transfer import DamagedError, Fetcher, Stopped
from phonotheque.mirror.volumes import Failures, Missing, place_fetched, prove_staged, wanted_of
from phonotheque.model.errors import FormatError, TransferError
from phonotheque.storage.digests import Digests
from phonotheque.storage.durable import ensure_directory

_POLL_SECONDS = 0.1
_WINDOW_FILES = 1_024
# libtorrent says that a file is whole, and that it was flushed, a little too early now and then
_WRITTEN_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0)


@dataclass(slots=True)
class Brought:
    """What came by each way: files, and bytes received (wasted ones included)."""

    files_http: int = 0
    files_swarm: int = 0
    bytes_http: int = 0
    bytes_swarm: int = 0
    failures: Failures = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # why a way was given up


@dataclass(frozen=True, slots=True)
class Job:
    """What is to come, and by what means. `missing` loses what came."""

    volume: ExpectedVolume
    missing: Missing
    place: Placing
    fetcher: Fetcher
    swarm: SwarmOptions
    pace: Pace
    connections: int
    tick: Callable[[int], None]
    names: Names


Came = tuple[ExpectedFile, Digests, int] | BaseException


def bring_together(job: Job) -> Brought:
    """Fetch the missing files of a volume by both ways; each is proved, placed and noted.

    Raises:
        Stopped: `job.swarm.stop` is set; what came is kept.
        NoSpaceError: the disk is full; what came is kept.
    """
    files = list(job.missing.values())
    # mirrors are not to want the same files first, so that they have something to give each other
    random.Random(str(job.place.tree.root)).shuffle(files)  # noqa: S311
    return _Together(job, Shares(files)).run()


class _Together:
    def __init__(self, job: Job, shares: Shares) -> None:
        self.job = job
        self.shares = shares
        self.queue: SimpleQueue[Came] = SimpleQueue()
        self.brought = Brought()
        self.staged: list[Path] = []
        self.asked_again: set[str] = set()

    def run(self) -> Brought:
        job = self.job
        with ThreadPoolExecutor(job.connections) as pool:
            workers = [pool.submit(self._fetch_all) for _ in range(job.connections)]
            try:
                self._swarm()
                while not self.shares.done:
                    self._drain(_POLL_SECONDS)
                    self._look_at(workers)
                self._drain(0)
            except BaseException:
                job.fetcher.stop.set()
                raise
        self._drain(0)
        self.brought.failures = {
            path: self.shares.failures.get(path, "nobody delivered it") for path in job.missing
        }
        return self.brought

    def _fetch_all(self) -> None:
        """One connection: files over HTTP, one after the other. What is not expected is told to the
        main thread, which raises it."""
        try:
            while (file := self.shares.next_for_http(self._halted)) is not None:
                if not self._fetch(file):
                    return
        except Stopped:
            return
        except BaseException as error:
            self.queue.put(error)

    def _fetch(self, file: ExpectedFile) -> bool:
        job = self.job
        staging = job.place.tree.root / "incoming" / "http" / job.volume.name
        wanted = wanted_of(job.volume.name, file)
        try:
            digests, received = job.fetcher.stage(wanted, staging / file.path)
        except (MissingError, DamagedError) as error:
            self.shares.failed(Via.HTTP, file, str(error))
        except TransferError as error:
            self._give_up(Via.HTTP, error)
            self.shares.failed(Via.HTTP, file, str(error))
            return False
        else:
            self.queue.put((file, digests, received))
        return True

    def _swarm(self) -> None:
        """Follow the swarm until all has come, or it fails; note meanwhile what HTTP brings."""
        try:
            while not self.shares.done:
                self._follow()
        except (TransferError, FormatError) as error:
            self._give_up(Via.SWARM, error)
        finally:
            self.job.swarm.board.put("swarm", "")
            for path in self.staged:
                path.unlink(missing_ok=True)

    def _follow(self) -> None:
        """Until all has come, or something is to be asked for again: by a new session, which looks
        at what is really on the disk. Raises where the swarm fails."""
        job = self.job
        staging = job.place.tree.root / "incoming" / "swarm"
        feed = Feed(job.volume, job.missing.values(), staging, job.swarm)
        try:
            with feed:
                job.swarm.board.put("swarm", lambda: feed.waits)
                feed.want(self.shares.at_swarm())
                while not self.shares.done and self._turn(feed):
                    pass
        finally:
            self.brought.bytes_swarm += feed.received

    def _turn(self, feed: Feed) -> bool:
        """Whether to go on with `feed`."""
        job, shares = self.job, self.shares
        if job.swarm.stop.is_set():
            raise Stopped
        feed.drop(shares.taken_over())
        feed.want(shares.next_for_swarm(feed.room_bytes, _WINDOW_FILES))
        came = feed.poll()
        if came:
            job.tick(came)
            job.pace.charge(came)
        self._share_rate(feed)
        whole, idle = feed.finished()
        if idle is not None:
            shares.set_idle(idle)  # from here on, nothing of `whole` is taken over
        again = self._place([file for file in whole if shares.has(Via.SWARM, file)])
        self._drain(0)
        return not again

    def _share_rate(self, feed: Feed) -> None:
        """The swarm gets half of the rate, HTTP what the swarm leaves; alone the swarm gets all."""
        rate = self.job.pace.bytes_per_second
        if rate:
            feed.limit(rate // 2 if self.shares.is_open(Via.HTTP) else rate)

    def _place(self, files: list[ExpectedFile]) -> list[ExpectedFile]:
        """Prove what the swarm staged and give it its names. The staged names go later: libtorrent
        may still give the files to others. What is not sound libtorrent takes for written, and is
        not: to be asked for once more."""
        job = self.job
        staging = job.place.tree.root / "incoming" / "swarm" / job.volume.name
        sound, bad = prove_staged(staging, files, _WRITTEN_SECONDS)
        again = [f for f in files if f.path in bad and f.path not in self.asked_again]
        self.asked_again.update(file.path for file in again)
        for file in files:
            if file.path in bad and file not in again:
                why = "what the swarm brought is not what was signed for"
                self.shares.failed(Via.SWARM, file, why)
        for file, digests in sound:
            target = job.place.tree.volume(job.volume.name) / file.path
            ensure_directory(target.parent)
            link_into(staging / file.path, target, job.names)
            self.staged.append(staging / file.path)
            self.brought.files_swarm += 1
            job.place.note(target, digests.sha256.hex())
            self._done(file)
        return again

    def _drain(self, seconds: float) -> None:
        """Place and note what came over HTTP; wait for it so long."""
        job = self.job
        came: list[tuple[ExpectedFile, Digests]] = []
        with suppress(Empty):
            while len(came) < _WINDOW_FILES:
                wait = seconds > 0 and not came
                item = self.queue.get(timeout=seconds) if wait else self.queue.get_nowait()
                if isinstance(item, BaseException):
                    raise item
                file, digests, received = item
                self.brought.files_http += 1
                self.brought.bytes_http += received
                came.append((file, digests))
        place_fetched(job.volume.name, came, job.place, job.names)
        for file, _ in came:
            self._done(file)

    def _done(self, file: ExpectedFile) -> None:
        del self.job.missing[file.path]
        self.shares.came(file)

    def _look_at(self, workers: list[Future[None]]) -> None:
        """Without the swarm: end when no connection works any more."""
        if self._halted():
            raise Stopped
        if all(worker.done() for worker in workers) and self.queue.empty():
            self._give_up(Via.HTTP, TransferError("nobody delivered it"))

    def _give_up(self, via: Via, error: Exception) -> None:
        if self.shares.is_open(via):
            self.shares.close(via, str(error))
            self.brought.notes.append(str(error))

    def _halted(self) -> bool:
        return self.job.swarm.stop.is_set() or self.job.fetcher.stopped
