"""What a new mirror of any size would hold, from an edition that is at hand; equal to what `plan`
says of the same disk. Asks nobody."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import msgspec

from phonotheque.mirror.choosing import Candidate, Wishes, in_order, take_volumes
from phonotheque.mirror.curves import fine_sizes
from phonotheque.mirror.offering import candidates_of
from phonotheque.mirror.planning import INDEX_BYTES_PER_RECORDING
from phonotheque.model.edition import EditionManifest
from phonotheque.storage.documents import format_document
from phonotheque.storage.part_tables import volume_of
from phonotheque.storage.volume_rows import read_volumes


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """What a mirror on a disk of `disk_bytes` would hold: `bytes` of it are used, with the edition
    and its search index; `listens_share` is of the listens of all volumes, 0 to 1."""

    disk_bytes: int
    bytes: int
    volumes: int
    files: int
    listens_share: float


@dataclass(frozen=True, slots=True)
class _Order:
    candidates: tuple[Candidate, ...]
    wishes: Wishes


class Prospect:
    """The volumes of one edition, in the orders in which mirrors take them.

    Memory and time are in proportion to the number of volumes (3,000 for 300 TB).
    """

    def __init__(self, edition_dir: Path, manifest: EditionManifest) -> None:
        """Raises FormatError where the table of volumes cannot be read."""
        sizes = Counter[str | None]()
        for entry in manifest.contents:
            sizes[volume_of(entry.path)] += entry.bytes
        table = read_volumes(edition_dir / "volumes.parquet")
        found = [replace(c, tables=sizes[c.volume]) for c in candidates_of(table, ())]
        self._listens = sum(c.listens for c in found)
        self.least_bytes = (
            len(format_document(manifest))
            + sum(entry.bytes for entry in manifest.contents)
            - sum(c.tables for c in found)
            + INDEX_BYTES_PER_RECORDING * manifest.counts.recordings
        )
        """What the edition and its index take without any volume."""
        self.most_bytes = self.least_bytes + sum(c.bytes + c.tables for c in found)
        self._orders = {
            whole_tiers: _Order(tuple(in_order(found, wishes)), wishes)
            for whole_tiers in (False, True)
            for wishes in (Wishes(complete_tiers=whole_tiers),)
        }
        self.sizes = [*fine_sizes(self.least_bytes, self.most_bytes), self.most_bytes]
        """Sizes of disks worth choosing between, rising; the last has room for everything."""
        self._foreseen = cache(self._foresee)

    def foresee(self, disk_bytes: int, *, complete_tiers: bool = False) -> Foreseen | None:
        """What would be held; None where the disk does not even hold the edition."""
        return self._foresee(disk_bytes, complete_tiers)

    def curve(self, *, complete_tiers: bool = False) -> list[Foreseen]:
        """What would be held, for each of `sizes` with room for a volume; reckoned once."""
        points = (self._foreseen(size, complete_tiers) for size in self.sizes)
        found = [point for point in points if point is not None]
        return [point for point in found if point.volumes] or found[-1:]

    def _foresee(self, disk_bytes: int, complete_tiers: bool) -> Foreseen | None:
        if disk_bytes < self.least_bytes:
            return None
        order = self._orders[complete_tiers]
        choice = take_volumes(order.candidates, disk_bytes - self.least_bytes, order.wishes)
        return Foreseen(
            disk_bytes=disk_bytes,
            bytes=self.least_bytes + choice.bytes + choice.tables,
            volumes=len(choice.taken),
            files=sum(c.files for c in choice.taken),
            listens_share=choice.listens / self._listens if self._listens else 0.0,
        )
