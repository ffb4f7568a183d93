"""Comparing one place (a volume, or an edition's own files) with what is vouched for."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import file_digest
from itertools import islice
from pathlib import Path

from phonotheque.mirror.expected import ExpectedFile, entry
from phonotheque.mirror.formats import EntryReport, VolumeCheck
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
Pick = Callable[[int], bool]  # whether to read a file of so many bytes
Prove = Callable[[Path, str], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read, with which threads; `prove(path, sha256)` is told of every sound file."""

    pick: Pick
    pool: ThreadPoolExecutor
    prove: Prove


@dataclass(slots=True)
class Tally:
    """Counts of one place, its findings, and the paths in it that want repair."""

    name: str
    sound: int = 0
    damaged: int = 0
    missing: int = 0
    extra: int = 0
    withdrawn: int = 0
    not_checked: int = 0
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
            bytes_read=self.bytes_read,
        )  # fmt: skip


def check_edition(
    tree: Tree,
    manifest: EditionManifest,
    pick: Pick,
    progress: Progress,
    volumes: Collection[str] | None,
) -> Tally:
    """The edition's own files against its manifest (of named `volumes`: their tables alone)."""
    tally = Tally(f"editions/{manifest.name}")
    files = manifest.contents
    if volumes is not None:
        wanted = {path for name in volumes for path in volume_tables(name)}
        files = [file for file in files if file.path in wanted]
    progress.start(f"edition {manifest.name}", sum(e.bytes for e in files), "bytes")
    for file in files:
        _check_table(tree.edition(manifest.name) / file.path, file, pick, tally)
        progress.advance(file.bytes)
    note_unchecked(tally)
    return tally


def volume_tables(name: str) -> tuple[str, str]:
    """The files of an edition that say what a volume holds."""
    return f"files/{name}.parquet", f"torrents/{name}.torrent"


def _check_table(path: Path, file: EditionFile, pick: Pick, tally: Tally) -> None:
    if not path.is_file():
        tally.missing += 1
        tally.bad[file.path] = False
        tally.find(FindingCode.TABLE_MISSING, file.path, f"is not there; {_REPAIR}")
    elif path.stat().st_size != file.bytes:
        _damaged_table(tally, file, "has another length")
    elif not pick(file.bytes):
        tally.not_checked += 1
    else:
        tally.bytes_read += file.bytes
        if read_sha256(path) == file.sha256:
            tally.sound += 1
        else:
            _damaged_table(tally, file, "its SHA-256 differs")


def _damaged_table(tally: Tally, file: EditionFile, why: str) -> None:
    tally.damaged += 1
    tally.bad[file.path] = True
    tally.find(FindingCode.TABLE_DAMAGED, file.path, f"{why}; {_REPAIR}")


def check_volume(tree: Tree, scope: Scope, reading: Reading, progress: Progress) -> Tally:
    """One volume against what the edition says of it."""
    tally = Tally(f"volumes/{scope.volume.name}")
    folder = tree.volume(scope.volume.name)
    kept = [f for f in scope.volume.files.values() if f.path not in scope.withdrawn]
    progress.start(scope.volume.name, sum(f.size_bytes for f in kept), "bytes")

    def look(file: ExpectedFile) -> tuple[ExpectedFile, str | None, bool]:
        return file, *_look(folder / file.path, file)

    readable = [
        file for file in kept if _is_readable(folder / file.path, file, reading.pick, tally)
    ]
    for file, digest, sound in _bounded_map(reading.pool, look, readable):
        progress.advance(file.size_bytes)
        tally.bytes_read += file.size_bytes
        if sound and digest is not None:
            tally.sound += 1
            reading.prove(folder / file.path, digest)
        else:
            why = "cannot be read" if digest is None else "its digest differs"
            _damaged(tally, file.path, why)
    _check_withdrawn(folder, scope, tally)
    _check_extra(folder, scope, tally)
    note_unchecked(tally)
    return tally


def _is_readable(path: Path, file: ExpectedFile, pick: Pick, tally: Tally) -> bool:
    """Whether the file is to be read; if not, its state is counted."""
    if not path.is_file():
        tally.missing += 1
        tally.bad[file.path] = False
        tally.find(FindingCode.COPY_MISSING, file.path, f"is not there; {_REPAIR}")
    elif path.is_symlink() or path.stat().st_size != file.size_bytes:
        _damaged(tally, file.path, "is a link" if path.is_symlink() else "has another length")
    elif not pick(file.size_bytes):
        tally.not_checked += 1
    else:
        return True
    return False


def _damaged(tally: Tally, path: str, why: str) -> None:
    tally.damaged += 1
    tally.bad[path] = True
    tally.find(FindingCode.COPY_DAMAGED, path, f"{why}; run repair to mend it")


def _look(path: Path, file: ExpectedFile) -> tuple[str | None, bool]:
    """The SHA-256 of a file (None: unreadable) and whether the file is what it should be.

    An audio file is proved by its SHA-256, a tag file of the bag by its pieces root.
    """
    try:
        if file.sha256 is not None:
            found = read_sha256(path)
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
        tally.find(
            FindingCode.COPY_NOT_CHECKED, "",
            f"{tally.not_checked} files were not read; a full verify reads them", Severity.INFO,
        )  # fmt: skip


def read_sha256(path: Path) -> str:
    """SHA-256 of the file at `path`, hex digits."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _bounded_map(
    pool: ThreadPoolExecutor,
    look: Callable[[ExpectedFile], tuple[ExpectedFile, str | None, bool]],
    files: Iterable[ExpectedFile],
) -> Iterator[tuple[ExpectedFile, str | None, bool]]:
    """`pool.map` in order with a bounded number ahead, so that Ctrl-C ends soon."""
    left = iter(files)
    ahead = [pool.submit(look, file) for file in islice(left, _AHEAD)]
    while ahead:
        yield ahead.pop(0).result()
        ahead.extend(pool.submit(look, file) for file in islice(left, 1))
