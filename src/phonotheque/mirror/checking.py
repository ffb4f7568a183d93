"""Comparing one place (a volume, or an edition's own files) with what is vouched for."""

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from typing import Protocol

from phonotheque.mirror.disks import Disk
from phonotheque.mirror.expected import ExpectedFile, entry
from phonotheque.mirror.formats import EntryReport, VolumeCheck
from phonotheque.mirror.journal import Due
from phonotheque.mirror.part import iter_due
from phonotheque.mirror.scopes import Scope
from phonotheque.model.edition import EditionFile, EditionManifest
from phonotheque.model.findings import FindingCode, Severity
from phonotheque.model.progress import Progress
from phonotheque.storage.digests import digest_file
from phonotheque.storage.durable import TEMPORARY_SUFFIX
from phonotheque.storage.layout import Tree

MAX_NAMED = 1000  # extra files named per place; more are counted only
_AHEAD = 64
_REPAIR = "run repair to fetch it again"


class Agenda(Protocol):
    """What to read, and who is told of what was read; a `journal.Round` is one."""

    def enter(self, place: str) -> None:
        """The files of `place` are next."""

    def due(self, where: str, stat: os.stat_result, sha256: str | None) -> Due:
        """What to do with the file at `where` in the tree."""

    def prove(self, where: str, sha256: str, stat: os.stat_result) -> None:
        """The file at `where` was read and is sound."""


class Always:
    """An agenda that says the same of every file, and writes nothing down."""

    def __init__(self, due: Due) -> None:
        self._due = due

    def enter(self, place: str) -> None:
        """Nothing to prepare."""

    def due(self, where: str, stat: os.stat_result, sha256: str | None) -> Due:
        """The same of every file."""
        return self._due

    def prove(self, where: str, sha256: str, stat: os.stat_result) -> None:
        """Nothing is written down."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read, from which disk, with which threads."""

    agenda: Agenda
    pool: ThreadPoolExecutor
    disk: Disk


@dataclass(slots=True)
class Tally:
    """Counts of one place, its findings, and the paths in it that want repair. `carried` of the
    sound ones were read earlier in this round; `proved` of those not checked were proved before;
    `unlike` of the damaged ones had the right length."""

    name: str
    sound: int = 0
    damaged: int = 0
    missing: int = 0
    extra: int = 0
    withdrawn: int = 0
    not_checked: int = 0
    not_held: int = 0  # see `formats.VolumeCheck`
    carried: int = 0
    proved: int = 0
    unlike: int = 0
    bytes_read: int = 0
    findings: list[EntryReport] = field(default_factory=list)
    bad: dict[str, bool] = field(default_factory=dict)  # path -> there is something there

    def find(
        self, code: FindingCode, path: str, message: str, severity: Severity = Severity.ERROR
    ) -> None:
        """Add a finding about ``<place>/<path>``."""
        where = f"{self.name}/{path}" if path else self.name
        self.findings.append(entry(code, where, message, severity))

    def check(self) -> VolumeCheck:
        """The counts as an entry of a report."""
        return VolumeCheck(
            name=self.name, sound=self.sound, damaged=self.damaged, missing=self.missing,
            extra=self.extra, withdrawn=self.withdrawn, not_checked=self.not_checked,
            bytes_read=self.bytes_read, not_held=self.not_held,
        )  # fmt: skip


def check_edition(
    tree: Tree,
    manifest: EditionManifest,
    agenda: Agenda,
    progress: Progress,
    volumes: Collection[str] | None,
) -> Tally:
    """The edition's own files against its manifest (of named `volumes`: their tables alone).

    Of tables that a mirror of a part does without, those that are here are looked at.
    """
    tally = Tally(f"editions/{manifest.name}")
    agenda.enter(tally.name)
    files = manifest.contents
    if volumes is not None:
        wanted = {path for name in volumes for path in volume_tables(name)}
        files = [file for file in files if file.path in wanted]
    else:
        files = [*iter_due(tree, manifest)]
        tally.not_held = len(manifest.contents) - len(files)
    progress.start(f"edition {manifest.name}", sum(e.bytes for e in files), "bytes")
    for file in files:
        _check_table(tree.edition(manifest.name) / file.path, file, agenda, tally)
        progress.advance(file.bytes)
    note_unchecked(tally)
    return tally


def volume_tables(name: str) -> tuple[str, str]:
    """The files of an edition that say what a volume holds."""
    return f"files/{name}.parquet", f"torrents/{name}.torrent"


def _check_table(path: Path, file: EditionFile, agenda: Agenda, tally: Tally) -> None:
    if not path.is_file():
        tally.missing += 1
        tally.bad[file.path] = False
        tally.find(FindingCode.TABLE_MISSING, file.path, f"is not there; {_REPAIR}")
        return
    stat = path.stat()
    if stat.st_size != file.bytes:
        _damaged_table(tally, file, "has another length")
    elif _is_due(agenda, f"{tally.name}/{file.path}", stat, file.sha256, tally):
        tally.bytes_read += file.bytes
        digest = _sha256_or_none(path)
        if digest == file.sha256:
            tally.sound += 1
            agenda.prove(f"{tally.name}/{file.path}", digest, stat)
        else:
            tally.unlike += 1
            _damaged_table(
                tally, file, "cannot be read" if digest is None else "its SHA-256 differs"
            )


def _sha256_or_none(path: Path) -> str | None:
    try:
        return read_sha256(path)
    except OSError:
        return None


def _damaged_table(tally: Tally, file: EditionFile, why: str) -> None:
    tally.damaged += 1
    tally.bad[file.path] = True
    tally.find(FindingCode.TABLE_DAMAGED, file.path, f"{why}; {_REPAIR}")


def _is_due(
    agenda: Agenda, where: str, stat: os.stat_result, sha256: str | None, tally: Tally
) -> bool:
    """Whether to read a file of the right length; if not, it is counted as what it is."""
    match agenda.due(where, stat, sha256):
        case Due.READ:
            return True
        case Due.CARRIED:
            tally.sound += 1
            tally.carried += 1
        case Due.PROVED:
            tally.not_checked += 1
            tally.proved += 1
        case Due.LEFT:
            tally.not_checked += 1
    return False


def check_volume(tree: Tree, scope: Scope, reading: Reading, progress: Progress) -> Tally:
    """One volume against what the edition says of it."""
    tally = Tally(f"volumes/{scope.volume.name}")
    folder = tree.volume(scope.volume.name)
    reading.agenda.enter(tally.name)
    kept = [f for f in scope.volume.files.values() if f.path not in scope.withdrawn]
    if kept and not folder.is_dir():
        progress.start(scope.volume.name, 0, "bytes")
        _all_missing(kept, tally)
    else:
        _read_files(folder, kept, reading, tally, progress)
    _check_withdrawn(folder, scope, tally)
    _check_extra(folder, scope, tally)
    note_unchecked(tally)
    return tally


def _all_missing(kept: list[ExpectedFile], tally: Tally) -> None:
    tally.missing = len(kept)
    tally.bad = dict.fromkeys((file.path for file in kept), False)
    text = f"the volume is not there, with its {len(kept):,} files; {_REPAIR}"
    tally.find(FindingCode.COPY_MISSING, "", text)


def _read_files(
    folder: Path, kept: list[ExpectedFile], reading: Reading, tally: Tally, progress: Progress
) -> None:
    """Count every file; those due are read as they lie on the disk."""
    due: dict[Path, tuple[ExpectedFile, os.stat_result]] = {}
    for file in kept:
        stat = _stat(folder / file.path)
        if stat is not None and _is_readable(stat, file, reading, tally):
            due[folder / file.path] = file, stat
        elif stat is None:
            tally.missing += 1
            tally.bad[file.path] = False
            tally.find(FindingCode.COPY_MISSING, file.path, f"is not there; {_REPAIR}")
    progress.start(tally.name.partition("/")[2], sum(f.size_bytes for f, _ in due.values()),
                   "bytes")  # fmt: skip

    def look(path: Path) -> tuple[Path, str | None, bool]:
        return path, *_look(path, due[path][0], reading.disk)

    for path, digest, sound in _bounded_map(reading.pool, look, reading.disk.order(due)):
        file, stat = due[path]
        progress.advance(file.size_bytes)
        tally.bytes_read += file.size_bytes
        if sound and digest is not None:
            tally.sound += 1
            reading.agenda.prove(f"{tally.name}/{file.path}", digest, stat)
        else:
            tally.unlike += 1
            why = "cannot be read" if digest is None else "its digest differs"
            _damaged(tally, file.path, why)


def _stat(path: Path) -> os.stat_result | None:
    """What stands at `path` itself, links not followed; None where nothing does."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_readable(stat: os.stat_result, file: ExpectedFile, reading: Reading, tally: Tally) -> bool:
    """Whether what stands there is to be read; if not, its state is counted."""
    if not S_ISREG(stat.st_mode):
        _damaged(tally, file.path, "is a link, or no file")
    elif stat.st_size != file.size_bytes:
        _damaged(tally, file.path, "has another length")
    else:
        return _is_due(reading.agenda, f"{tally.name}/{file.path}", stat, file.sha256, tally)
    return False


def _damaged(tally: Tally, path: str, why: str) -> None:
    tally.damaged += 1
    tally.bad[path] = True
    tally.find(FindingCode.COPY_DAMAGED, path, f"{why}; run repair to mend it")


def _look(path: Path, file: ExpectedFile, disk: Disk) -> tuple[str | None, bool]:
    """The SHA-256 of a file (None: unreadable) and whether the file is what it should be.

    An audio file is proved by its SHA-256, a tag file of the bag by its pieces root.
    """
    try:
        if file.sha256 is not None:
            found = disk.sha256(path)
            return found, found == file.sha256
        digests = digest_file(path)
        return digests.sha256.hex(), file.matches(digests)
    except OSError:
        return None, False


def _check_withdrawn(folder: Path, scope: Scope, tally: Tally) -> None:
    for path in sorted(scope.withdrawn & scope.volume.files.keys()):
        tally.withdrawn += 1
        if scope.keeps_withdrawn or not (folder / path).exists():
            tally.find(FindingCode.COPY_WITHDRAWN, path, "was withdrawn", Severity.INFO)
        else:
            tally.find(
                FindingCode.COPY_WITHDRAWN, path, "was withdrawn and is still here; run sync"
            )


def _check_extra(folder: Path, scope: Scope, tally: Tally) -> None:
    for path in _iter_files(folder):
        if path in scope.volume.files or path in scope.withdrawn:
            continue
        tally.extra += 1
        if tally.extra <= MAX_NAMED:
            tally.find(
                FindingCode.COPY_EXTRA, path,
                "belongs to no file list; look at it, and move it elsewhere", Severity.WARNING,
            )  # fmt: skip


def _iter_files(folder: Path) -> Iterator[str]:
    for where, _, names in os.walk(folder):
        base = Path(where).relative_to(folder)
        for name in sorted(names):
            if not (name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)):
                yield (base / name).as_posix()


def note_unchecked(tally: Tally) -> None:
    """Say so when files were not read."""
    if tally.not_checked:
        known = f" ({tally.proved} of them proved before, untouched since)" if tally.proved else ""
        tally.find(
            FindingCode.COPY_NOT_CHECKED, "",
            f"{tally.not_checked} files were not read{known}; a full verify reads them",
            Severity.INFO,
        )  # fmt: skip


def read_sha256(path: Path) -> str:
    """SHA-256 of the file at `path`, hex digits."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _bounded_map(
    pool: ThreadPoolExecutor,
    look: Callable[[Path], tuple[Path, str | None, bool]],
    paths: Iterable[Path],
) -> Iterator[tuple[Path, str | None, bool]]:
    """`pool.map` in order with a bounded number ahead, so that Ctrl-C ends soon."""
    left = iter(paths)
    ahead = deque(pool.submit(look, path) for path in islice(left, _AHEAD))
    try:
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(look, path) for path in islice(left, 1))
    finally:
        for future in ahead:
            future.cancel()
