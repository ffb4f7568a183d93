"""Mending single files: bad pieces by HTTP ranges, else the whole file, else the swarm.

A damaged file is mended in a copy; the copy takes its place only when the whole of it is proved.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from phonotheque.mirror.expected import ExpectedVolume, read_expected
from phonotheque.mirror.formats import FileRepair
from phonotheque.mirror.origin import MissingError, Origin
from phonotheque.mirror.pieces import length_of
from phonotheque.mirror.state import Placing
from phonotheque.mirror.swarm import SwarmOptions
from phonotheque.mirror.transfer import DamagedError, Fetcher, Limits, Proof, Wanted, fetch_range
from phonotheque.mirror.volumes import bring_from_swarm
from phonotheque.model.edition import EditionManifest
from phonotheque.model.errors import TransferError
from phonotheque.model.progress import Progress
from phonotheque.storage.digests import digest_file
from phonotheque.storage.durable import commit_file, ensure_directory


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to fetch from, and how hard to try."""

    origins: tuple[Origin, ...]
    swarm: SwarmOptions
    limits: Limits


@dataclass(slots=True)
class Mender:
    """Mends the files of one tree; what became of each stands in `repaired` and `failed`."""

    place: Placing
    manifest: EditionManifest
    sources: Sources
    progress: Progress
    repaired: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # path in the tree -> why
    bytes_fetched: int = 0
    _unreachable: str | None = None

    def mend(self, items: Sequence[FileRepair]) -> None:
        """Mend the files of one place ("volumes/…" or "editions/…")."""
        for item in items:
            self._mend_over_http(item)
        left = [item for item in items if where(item) in self.failed]
        peers = self.sources.swarm.peers or self.sources.swarm.public
        if left and peers and left[0].place.startswith("volumes/"):
            self._mend_from_swarm(left)

    def _mend_over_http(self, item: FileRepair) -> None:
        if self._unreachable is not None or not self.sources.origins:
            self.failed[where(item)] = self._unreachable or "there is no origin to fetch it from"
            return
        try:
            sha256 = self._patch(item) or self._fetch(item)
        except (MissingError, DamagedError) as error:
            self.failed[where(item)] = str(error)
        except TransferError as error:
            self.failed[where(item)] = self._unreachable = str(error)
            self.progress.note(str(error))
        else:
            self._done(item, sha256)

    def _patch(self, item: FileRepair) -> str | None:
        """Mend by ranges; the SHA-256 of the file now in place, or None when that gave no proof."""
        if length_of(item.ranges) >= item.size_bytes:
            return None
        staged = self._staged(item)
        ensure_directory(staged.parent)
        staged.unlink(missing_ok=True)  # a killed run may have left it, read-only
        shutil.copyfile(self._target(item), staged)
        with staged.open("r+b") as out:
            out.truncate(item.size_bytes)
            for start, end in item.ranges:
                content = fetch_range(self.sources.origins, where(item), start, end - start)
                self.bytes_fetched += len(content)
                self.progress.advance(len(content))
                out.seek(start)
                out.write(content)
            out.flush()
            os.fsync(out.fileno())
        digests = digest_file(staged)
        if not self._proof(item)(digests):
            staged.unlink()
            return None
        staged.chmod(0o444)
        commit_file(staged, self._target(item))
        return digests.sha256.hex()

    def _fetch(self, item: FileRepair) -> str:
        wanted = Wanted(where(item), item.size_bytes, self._proof(item))
        fetcher = Fetcher(self.sources.origins, self.sources.limits, self.progress.advance)
        digests, received = fetcher.fetch(wanted, self._staged(item), self._target(item))
        self.bytes_fetched += received
        return digests.sha256.hex()

    def _mend_from_swarm(self, items: list[FileRepair]) -> None:
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
            self.failed.update((where(item), str(error)) for item in items)
            return
        self.bytes_fetched += received
        for item in items:
            if item.path in missing:
                self.failed[where(item)] = failures.get(item.path, "the swarm did not bring it")
            else:
                del self.failed[where(item)]
                self.repaired.append(where(item))

    def _stage_for_swarm(self, item: FileRepair) -> None:
        target = self._target(item)
        name = item.place.removeprefix("volumes/")
        staged = self.place.tree.root / "incoming" / "swarm" / name / item.path
        if target.is_file() and not staged.exists():
            ensure_directory(staged.parent)
            shutil.copyfile(target, staged)
            os.truncate(staged, item.size_bytes)

    def _done(self, item: FileRepair, sha256: str) -> None:
        self.failed.pop(where(item), None)
        self.repaired.append(where(item))
        self.place.note(self._target(item), sha256)

    def _proof(self, item: FileRepair) -> Proof:
        if item.place.startswith("volumes/"):
            return self._volume(item.place).files[item.path].matches
        sha256 = next(e.sha256 for e in self.manifest.contents if e.path == item.path)
        return lambda digests: digests.sha256.hex() == sha256

    def _volume(self, place: str) -> ExpectedVolume:
        edition = self.place.tree.edition(self.manifest.name)
        return _read_once(edition, place.removeprefix("volumes/"))

    def _staged(self, item: FileRepair) -> Path:
        return self.place.tree.root / "incoming" / "repair" / item.place / item.path

    def _target(self, item: FileRepair) -> Path:
        return self.place.tree.root / item.place / item.path


@lru_cache(maxsize=1)
def _read_once(edition: Path, volume: str) -> ExpectedVolume:
    return read_expected(edition, volume)


def where(item: FileRepair) -> str:
    """The file's path in the tree."""
    return f"{item.place}/{item.path}"
