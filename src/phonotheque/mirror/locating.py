"""Which volume has a recording, and the row that proves its file: with as few bytes as that takes.

Where to look is found by a hint, or by the places of the edition, of which some kilobytes are read;
what was found counts only when the volume's table, whole and proved, says the same.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.mirror.checking import volume_tables
from phonotheque.mirror.origin import MissingError, Origin, read_all
from phonotheque.mirror.pacing import Pace
from phonotheque.model.edition import EditionFile, EditionManifest
from phonotheque.model.errors import FormatError, NotFoundError, TransferError, TrustError
from phonotheque.model.progress import Progress
from phonotheque.storage.durable import ensure_directory, write_bytes
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import volume_of
from phonotheque.storage.places import find_places, is_places, volume_number
from phonotheque.storage.volume_rows import read_volumes

FILE_COLUMNS = [
    "path", "recording", "sha256", "bytes", "attribution", "licence", "distribute", "title",
    "artist_credit",
]  # fmt: skip

_PERHAPS_A_PART = (
    "; a mirror of part of an archive has the tables of that part alone: ask the archive itself, "
    "or another mirror"
)


@dataclass(slots=True)
class Meter:
    """Bytes that came."""

    bytes: int = 0


@dataclass(frozen=True, slots=True)
class MeteredOrigin:
    """An origin that is read no faster than allowed, and of which it is known how much came."""

    inner: Origin
    pace: Pace
    meter: Meter
    stop: Event = field(default_factory=Event)

    @property
    def address(self) -> str:
        """See `Origin.address`."""
        return self.inner.address

    def read(self, path: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Origin.read`."""
        for chunk in self.inner.read(path, start, length):
            self.meter.bytes += len(chunk)
            yield chunk
            self.pace.take(len(chunk), self.stop)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The tables of one edition: those at `tree`, which is only read, else from `origins`, kept in
    `scratch` while it is open."""

    tree: Tree
    manifest: EditionManifest
    origins: tuple[Origin, ...]
    scratch: Path

    def table(self, path: str) -> Path:
        """The edition's file `path` on this disk; fetched and proved when it is not here.

        Raises:
            NotFoundError: the edition has none, or nobody is there to ask.
            TransferError, TrustError: no origin has it as the edition vouches for it.
        """
        here = next((p for p in (self._local(path), self._fetched(path)) if p.is_file()), None)
        if here is not None:
            return here
        wanted = self.entry(path)
        if wanted is None or not self.origins:
            raise NotFoundError(f"edition {self.manifest.name} has no {path}; run repair")
        write_bytes(self._fetched(path), self._fetch(wanted))
        return self._fetched(path)

    def entry(self, path: str) -> EditionFile | None:
        """What the manifest says of a file."""
        return next((e for e in self.manifest.contents if e.path == path), None)

    def is_here(self, path: str) -> bool:
        """Whether the edition's file `path` need not be fetched."""
        return self._local(path).is_file() or self._fetched(path).is_file()

    def folder(self, paths: Sequence[str]) -> Path:
        """A folder like the edition's that has all of `paths`, fetched and proved where needed."""
        if all(self._local(path).is_file() for path in paths):
            return self.tree.edition(self.manifest.name)
        for path in paths:
            found, target = self.table(path), self._fetched(path)
            if found != target:
                ensure_directory(target.parent)
                shutil.copyfile(found, target)
        return self.scratch

    def reader(self, path: str) -> Callable[[int, int], bytes]:
        """Reads ranges of the edition's file `path`, unproved.

        Raises (the function): TransferError.
        """
        local = self._local(path)
        remote = f"editions/{self.manifest.name}/{path}"

        def read(start: int, length: int) -> bytes:
            if local.is_file():
                with local.open("rb") as stream:
                    stream.seek(start)
                    return stream.read(length)
            failure = TransferError(f"{remote}: no origin to ask")
            for origin in self.origins:
                try:
                    return b"".join(origin.read(remote, start, length))
                except TransferError as error:
                    failure = error
            raise failure

        return read

    def _local(self, path: str) -> Path:
        return self.tree.edition(self.manifest.name) / path

    def _fetched(self, path: str) -> Path:
        return self.scratch / path

    def _fetch(self, wanted: EditionFile) -> bytes:
        remote = f"editions/{self.manifest.name}/{wanted.path}"
        failure: TransferError | TrustError = TransferError(f"{remote}: no origin to ask")
        for origin in self.origins:
            try:
                content = read_all(origin, remote, wanted.bytes)
            except MissingError as error:
                told = _PERHAPS_A_PART if volume_of(wanted.path) else ""
                failure = TransferError(f"{error}{told}")
                continue
            except TransferError as error:
                failure = error
                continue
            if sha256(content).hexdigest() == wanted.sha256:
                return content
            text = f"{origin.address}: {remote} is not what the edition vouches for"
            failure = TrustError(text)
        raise failure


@dataclass(frozen=True, slots=True)
class Found:
    """A recording's file: its volume, and its row in that volume's table."""

    volume: str
    row: dict[str, Any]


def locate(
    shelf: Shelf, numbers: Sequence[int], hints: Callable[[], Sequence[str]], progress: Progress
) -> Found | None:
    """The file of a recording that has (or had) one of `numbers`; None where there is none.

    `hints` names volumes to look at first. Of an edition without places, all tables may be read,
    those of the most listened volumes first.

    Raises:
        TransferError, TrustError: tables could not be had, or are not those that are signed for.
    """
    names = _standing_volumes(shelf)
    seen = set[str]()

    def look(some: Sequence[str]) -> Found | None:
        for name in some:
            if name in seen or name not in names:
                continue
            seen.add(name)
            if (row := _row_in(shelf, name, numbers)) is not None:
                return Found(name, row)
        return None

    told = _by_places(shelf, names, numbers, progress)
    found = look(told or ())
    if found is None and told != []:
        found = look(hints())
    if found is not None or told == []:
        return found
    progress.start("looking for the recording", len(names), "volumes")
    for name in names:
        if (found := look([name])) is not None:
            return found
        progress.advance()
    return None


def _standing_volumes(shelf: Shelf) -> list[str]:
    """Volumes that are not superseded, the most listened first."""
    table = read_volumes(shelf.table("volumes.parquet"))
    table = table.filter(pc.is_null(table.column("superseded_by")))
    ordered: pa.Table = table.sort_by([("listens", "descending"), ("volume", "ascending")])
    return [str(name) for name in ordered["volume"].to_pylist()]


def _row_in(shelf: Shelf, name: str, numbers: Sequence[int]) -> dict[str, Any] | None:
    path = shelf.table(volume_tables(name)[0])
    try:
        table = pq.read_table(
            path, columns=FILE_COLUMNS, filters=pc.field("recording").isin(list(numbers))
        )
        rows: list[dict[str, Any]] = table.sort_by("path").to_pylist()
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        where = f"edition {shelf.manifest.name}, files/{name}.parquet"
        raise FormatError(f"{where}: not a readable table; run repair") from error
    if rows and not _stays_inside(str(rows[0]["path"])):
        raise FormatError(f"the table of volume {name} names the path {rows[0]['path']!r}; refused")
    return rows[0] if rows else None


def _stays_inside(path: str) -> bool:
    parts = path.split("/")
    odd = {"", ".", ".."} & set(parts) or "\\" in path or "\0" in path
    return parts[0] == "data" and len(parts) > 1 and not odd


def _by_places(
    shelf: Shelf, names: Sequence[str], numbers: Sequence[int], progress: Progress
) -> list[str] | None:
    """The volumes that the edition's places name for `numbers`; empty where they name none. None
    where the edition has no places, or what was read of them was none."""
    by_number = {volume_number(name): name for name in names}
    files = [e for e in shelf.manifest.contents if is_places(e.path)]
    told = list[str]()
    for entry in sorted(files, key=lambda e: -e.bytes):
        try:
            for number in numbers:
                for volume in find_places(shelf.reader(entry.path), entry.bytes, number):
                    if volume in by_number:
                        told.append(by_number[volume])
        except (TransferError, EOFError) as error:
            progress.note(f"{error}; looking through the tables instead")
            return None
    return told if files else None
