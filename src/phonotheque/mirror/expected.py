"""What a volume must hold, put together from its torrent and its table of files.

The edition vouches for both. The torrent gives every file's place, size and pieces root (the bag's
tag files too), the table gives the SHA-256 and the recording of every audio file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from phonotheque.edition import TorrentFile, TorrentInfo, read_torrent
from phonotheque.mirror.formats import EntryReport, PlannedVolume
from phonotheque.model.edition import Revocations, RevokedFile
from phonotheque.model.errors import FormatError, NotFoundError
from phonotheque.model.findings import Finding, FindingCode, Severity
from phonotheque.storage.digests import Digests
from phonotheque.storage.documents import read_document
from phonotheque.storage.layout import Tree


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """One file of a volume. `sha256` (hex digits) is None for a tag file of the bag."""

    path: str
    size_bytes: int
    pieces_root: bytes  # 32 zero bytes for an empty file
    sha256: str | None
    recording: int | None
    torrent: TorrentFile

    def matches(self, digests: Digests) -> bool:
        """Whether these digests are this file's."""
        return (
            digests.size_bytes == self.size_bytes
            and digests.pieces_root == self.pieces_root
            and self.sha256 in (None, digests.sha256.hex())
        )


@dataclass(frozen=True, slots=True)
class ExpectedVolume:
    """A volume as the edition vouches for it. `files` by path, in the torrent's order."""

    name: str
    torrent: TorrentInfo
    torrent_path: Path
    files: dict[str, ExpectedFile]

    def select(self, selection: list[str] | None) -> "ExpectedVolume":
        """The volume cut down to the tag files and the selected paths (None: all)."""
        if selection is None:
            return self
        wanted = set(selection)
        files = {p: f for p, f in self.files.items() if f.sha256 is None or p in wanted}
        return ExpectedVolume(self.name, self.torrent, self.torrent_path, files)

    def without(self, paths: Iterable[str]) -> "ExpectedVolume":
        """The volume less the named paths."""
        gone = set(paths)
        files = {p: f for p, f in self.files.items() if p not in gone}
        return ExpectedVolume(self.name, self.torrent, self.torrent_path, files)


@dataclass(frozen=True, slots=True)
class Revoked:
    """The revocation list, by volume and path, and by SHA-256."""

    by_volume: dict[str, dict[str, RevokedFile]]
    sha256s: frozenset[str]

    def paths(self, volume: str) -> dict[str, RevokedFile]:
        """The revoked files of one volume."""
        return self.by_volume.get(volume, {})


def torrent_path(edition: Path, volume: str) -> Path:
    """Where an edition keeps a volume's torrent."""
    return edition / "torrents" / f"{volume}.torrent"


def read_expected(edition: Path, volume: str) -> ExpectedVolume:
    """The volume as the edition in `edition` describes it.

    Raises:
        NotFoundError: the edition has no such volume (or lost its table or torrent).
        FormatError: table and torrent do not fit each other.
    """
    table = edition / "files" / f"{volume}.parquet"
    where = torrent_path(edition, volume)
    try:
        torrent = read_torrent(where.read_bytes(), str(where))
        rows = pq.read_table(
            table, columns=["path", "sha256", "bytes", "pieces_root", "recording"]
        ).to_pylist()
    except FileNotFoundError as error:
        raise NotFoundError(f"{error.filename or table}: missing from the edition") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise FormatError(f"{table}: not a readable table of files ({error})") from error
    if torrent.name != volume:
        raise FormatError(f"{where}: is the torrent of {torrent.name}, not of {volume}")
    known = {row["path"]: row for row in rows}
    files = {f.path: _expected(f, known.pop(f.path, None), where) for f in torrent.files}
    if known:
        raise FormatError(f"{table}: lists {next(iter(known))}, which the torrent does not have")
    return ExpectedVolume(volume, torrent, where, files)


def _expected(file: TorrentFile, row: dict[str, object] | None, where: Path) -> ExpectedFile:
    root = file.pieces_root or bytes(32)
    if row is None:
        if file.path.startswith("data/"):
            raise FormatError(f"{where}: {file.path} stands in no table of files")
        return ExpectedFile(file.path, file.size_bytes, root, None, None, file)
    if row["bytes"] != file.size_bytes or row["pieces_root"] != root.hex():
        raise FormatError(f"{where}: {file.path} differs from the table of files")
    recording = row["recording"]
    assert isinstance(recording, int)
    return ExpectedFile(file.path, file.size_bytes, root, str(row["sha256"]), recording, file)


def read_revoked(tree: Tree) -> Revoked:
    """The revocation list that this tree last saw; empty when it has none."""
    if not tree.revocations_json.is_file():
        return index_revocations(Revocations(format=1, sequence=0, files=[]))
    return index_revocations(read_document(tree.revocations_json, Revocations))


def index_revocations(revocations: Revocations) -> Revoked:
    """The list by volume and path."""
    by_volume: dict[str, dict[str, RevokedFile]] = {}
    for file in revocations.files:
        by_volume.setdefault(file.volume, {})[file.path] = file
    return Revoked(by_volume, frozenset(f.sha256 for f in revocations.files))


def planned_by_name(volumes: Iterable[PlannedVolume]) -> dict[str, PlannedVolume]:
    """The volumes of a plan by name."""
    return {planned.volume: planned for planned in volumes}


def entry(
    code: FindingCode, where: str, message: str, severity: Severity = Severity.ERROR
) -> EntryReport:
    """A finding, ready for a report."""
    found = Finding(code, severity, where, message)
    return EntryReport(
        code=found.code.value, severity=found.severity.value, where=where, row=None, message=message
    )
