"""Mending single files: bad pieces from wherever they can be had, else all of it, else the swarm.

A damaged file is mended in a copy. Each piece is proved by its hash when it comes, so that a source
that lies about one costs no more than that piece; the copy takes its place only when the whole of
it is proved. A file that failed stays as it was.
"""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from phonotheque.mirror.expected import ExpectedFile, ExpectedVolume, read_expected
from phonotheque.mirror.formats import FileRepair
from phonotheque.mirror.heaps import Heap
from phonotheque.mirror.origin import MissingError, Origin
from phonotheque.mirror.pacing import Pace
from phonotheque.mirror.pieces import Range, good_pieces, length_of, without
from phonotheque.mirror.state import Placing
from phonotheque.mirror.swarm import SwarmOptions
from phonotheque.mirror.transfer import DamagedError, Fetcher, Limits, Proof, Wanted
from phonotheque.mirror.volumes import bring_from_swarm
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import NoSpaceError, TransferError
from phonotheque.model.progress import Progress
from phonotheque.storage.digests import digest_file
from phonotheque.storage.durable import commit_file, ensure_directory

_AT_ONCE = 16 << 20  # bytes of pieces asked for and held at once, if one piece is not longer


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to fetch from, in this order, and how hard to try."""

    origins: tuple[Origin, ...]
    swarm: SwarmOptions
    limits: Limits
    heaps: tuple[Heap, ...] = ()
    pace: Pace = field(default_factory=Pace)  # over HTTP


@dataclass(slots=True)
class Outcome:
    """What became of the files of one place: paths in the tree, of failed ones with the reason."""

    repaired: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Mender:
    """Mends the files of one tree, place by place."""

    place: Placing
    manifest: EditionManifest
    sources: Sources
    progress: Progress
    bytes_fetched: int = 0
    bytes_local: int = 0
    _unreachable: str | None = None

    def mend(self, items: Sequence[FileRepair]) -> Outcome:
        """Mend the files of one place ("volumes/…" or "editions/…").

        Raises:
            NoSpaceError: the disk is full.
        """
        outcome = Outcome()
        for item in items:
            try:
                self._mend_one(item, outcome)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise NoSpaceError(
                        f"{self._staged(item)}: the disk is full; make room and run repair again"
                    ) from error
                outcome.failed[where(item)] = str(error)
        left = [item for item in items if where(item) in outcome.failed]
        peers = self.sources.swarm.peers or self.sources.swarm.public
        if left and peers and left[0].place.startswith("volumes/"):
            self._mend_from_swarm(left, outcome)
        return outcome

    def _mend_one(self, item: FileRepair, outcome: Outcome) -> None:
        try:
            sha256 = self._patch(item) or self._fetch(item)
        except (MissingError, DamagedError) as error:
            outcome.failed[where(item)] = str(error)
        except TransferError as error:
            outcome.failed[where(item)] = self._unreachable = str(error)
            self.progress.note(str(error))
        else:
            outcome.repaired.append(where(item))
            self.place.note(self._target(item), sha256)

    def _patch(self, item: FileRepair) -> str | None:
        """Mend by pieces; the SHA-256 of the file now in place, or None where all of it is to come.

        Raises:
            DamagedError: no source has all pieces.
        """
        whole = length_of(item.ranges) >= item.size_bytes
        if not item.place.startswith("volumes/") or (whole and not self.sources.heaps):
            return None
        staged = self._staged(item)
        ensure_directory(staged.parent)
        staged.unlink(missing_ok=True)  # a killed run may have left it, read-only
        with staged.open("xb") as out:  # "x" follows no link
            out.truncate(item.size_bytes)
            if not whole:
                _copy_sound(self._target(item), out.fileno(), item)
            gaps = Gaps(out.fileno(), self._file(item), self._volume(item.place), item.ranges)
            self._from_heaps(item, gaps)
            nothing = gaps.size_bytes == item.size_bytes
            if gaps.ranges and not nothing:
                self._from_origins(item, gaps)
            out.flush()
            os.fsync(out.fileno())
        if nothing:
            staged.unlink()
            return None
        digests = digest_file(staged)
        if gaps.ranges or not self._proof(item)(digests):
            staged.unlink()
            lacking = f"{gaps.size_bytes:,} bytes" if gaps.ranges else "the whole of it"
            raise DamagedError(f"no source gave {lacking} as signed for")
        staged.chmod(0o444)
        commit_file(staged, self._target(item))
        return digests.sha256.hex()

    def _from_heaps(self, item: FileRepair, gaps: "Gaps") -> None:
        """Take pieces from folders of files."""
        for heap in self.sources.heaps:
            for candidate in heap.candidates(item.size_bytes, item.path):
                if not gaps.ranges:
                    return
                try:
                    self._from_file(candidate, gaps)
                except OSError as error:
                    self.progress.note(f"{candidate}: {error.strerror}; not read on")

    def _from_file(self, candidate: Path, gaps: "Gaps") -> None:
        with candidate.open("rb") as stream:
            for start, end in gaps.parts():
                stream.seek(start)
                taken = gaps.fill(stream.read(end - start), start)
                self.bytes_local += taken
                self.progress.advance(taken)
                if not taken:
                    return  # another file of that length, or not worth reading on

    def _from_origins(self, item: FileRepair, gaps: "Gaps") -> None:
        """Fetch pieces; `gaps` keeps what no origin has as it should be.

        Raises:
            TransferError: nobody answered.
        """
        if self._unreachable is not None or not self.sources.origins:
            raise TransferError(self._unreachable or "there is no origin to fetch it from")
        failure, answered = TransferError("no origin"), False
        for origin in self.sources.origins:
            for start, end in gaps.parts():
                try:
                    content = self._read(origin, where(item), start, end)
                except TransferError as error:
                    failure = error
                    break
                answered = True
                self.bytes_fetched += len(content)
                self.progress.advance(gaps.fill(content, start))
            if not gaps.ranges:
                return
        if not answered:
            raise failure

    def _read(self, origin: Origin, remote: str, start: int, end: int) -> bytes:
        """A range of one origin, asked for again while it breaks off.

        Raises:
            TransferError: it did not come.
        """
        limits, content = self.sources.limits, bytearray()
        failure = TransferError(f"{origin.address}: {remote} was cut off in a range")
        for attempt in range(limits.attempts):
            try:
                for chunk in origin.read(remote, start + len(content), end - start - len(content)):
                    content += chunk
                    self.sources.pace.take(len(chunk), self.sources.swarm.stop)
                if len(content) == end - start:
                    return bytes(content)
            except MissingError:
                raise
            except TransferError as error:
                failure = error
            if attempt + 1 < limits.attempts:
                self.sources.swarm.stop.wait(limits.backoff_seconds * 2**attempt)
        raise failure

    def _fetch(self, item: FileRepair) -> str:
        if self._unreachable is not None or not self.sources.origins:
            raise TransferError(self._unreachable or "there is no origin to fetch it from")
        wanted = Wanted(where(item), item.size_bytes, self._proof(item))
        sources = self.sources
        fetcher = Fetcher(sources.origins, sources.limits, self.progress.advance, pace=sources.pace)
        digests, received = fetcher.fetch(wanted, self._staged(item), self._target(item))
        self.bytes_fetched += received
        return digests.sha256.hex()

    def _mend_from_swarm(self, items: list[FileRepair], outcome: Outcome) -> None:
        """Damaged files are staged where the swarm looks, so that only bad pieces come."""
        volume = self._volume(items[0].place)
        missing = {item.path: volume.files[item.path] for item in items}
        for item in items:
            self._stage_for_swarm(item)
        try:
            received, failures = bring_from_swarm(
                volume, missing, self.place, self.sources.swarm, self.progress.advance
            )
        except TransferError as error:
            outcome.failed.update((where(item), str(error)) for item in items)
            return
        self.bytes_fetched += received
        for item in items:
            if item.path in missing:
                why = failures.get(item.path, "the swarm did not bring it")
                outcome.failed[where(item)] = why
            else:
                del outcome.failed[where(item)]
                outcome.repaired.append(where(item))

    def _stage_for_swarm(self, item: FileRepair) -> None:
        target = self._target(item)
        name = item.place.removeprefix("volumes/")
        staged = self.place.tree.root / "incoming" / "swarm" / name / item.path
        if not target.is_file() or target.is_symlink() or staged.exists():
            return
        ensure_directory(staged.parent)
        with staged.open("xb") as out:
            out.truncate(item.size_bytes)
            _copy_sound(target, out.fileno(), item)

    def _proof(self, item: FileRepair) -> Proof:
        if item.place.startswith("volumes/"):
            return self._file(item).matches
        sha256 = next(e.sha256 for e in self.manifest.contents if e.path == item.path)
        return lambda digests: digests.sha256.hex() == sha256

    def _file(self, item: FileRepair) -> ExpectedFile:
        return self._volume(item.place).files[item.path]

    def _volume(self, place: str) -> ExpectedVolume:
        edition = self.place.tree.edition(self.manifest.name)
        return _read_once(edition, place.removeprefix("volumes/"))

    def _staged(self, item: FileRepair) -> Path:
        return self.place.tree.root / "incoming" / "repair" / item.place / item.path

    def _target(self, item: FileRepair) -> Path:
        return self.place.tree.root / item.place / item.path


class Gaps:
    """What is still to be got of one file, which is being mended in the open file `out`."""

    def __init__(
        self, out: int, file: ExpectedFile, volume: ExpectedVolume, ranges: list[Range]
    ) -> None:
        self.ranges = list(ranges)
        self._out, self._file, self._torrent = out, file.torrent, volume.torrent

    @property
    def size_bytes(self) -> int:
        """How many bytes that is."""
        return length_of(self.ranges)

    def parts(self) -> list[Range]:
        """The ranges cut at ends of pieces, so that none is much longer than what may be held."""
        step = max(_AT_ONCE // self._torrent.piece_length, 1) * self._torrent.piece_length
        return [
            (begin, min(begin + step, end))
            for start, end in self.ranges
            for begin in range(start, end, step)
        ]

    def fill(self, content: bytes, start: int) -> int:
        """Write the sound pieces of `content`, which stands at `start`; how many bytes they are."""
        done: list[Range] = []
        for begin, piece in good_pieces(content, start, self._file, self._torrent):
            os.pwrite(self._out, piece, begin)
            done.append((begin, begin + len(piece)))
        self.ranges = without(self.ranges, done)
        return length_of(done)


def _copy_sound(source: Path, out: int, item: FileRepair) -> None:
    """Copy what is not damaged of the file at `source` to the same places of `out`."""
    with source.open("rb") as stream:
        for start, end in without([(0, item.size_bytes)], item.ranges):
            position = start
            while position < end:
                content = os.pread(stream.fileno(), min(1 << 20, end - position), position)
                if not content:
                    break
                os.pwrite(out, content, position)
                position += len(content)


@lru_cache(maxsize=1)
def _read_once(edition: Path, volume: str) -> ExpectedVolume:
    return read_expected(edition, volume)


def where(item: FileRepair) -> str:
    """The file's path in the tree."""
    return f"{item.place}/{item.path}"
