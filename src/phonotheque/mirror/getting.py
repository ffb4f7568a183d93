"""One recording by itself: from a mirror's own disk, by HTTP, or from the swarm.

The edition says which volume and path it has and what its SHA-256 is; a withdrawn one is refused.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.mirror.checking import read_sha256, volume_tables
from phonotheque.mirror.expected import Revoked, index_revocations, read_expected, read_revoked
from phonotheque.mirror.formats import GetReport, Via
from phonotheque.mirror.origin import Origin, open_origin, read_all
from phonotheque.mirror.planning import fetch_volumes, read_mirror
from phonotheque.mirror.seeding import newest_edition
from phonotheque.mirror.swarm import Peer, SwarmJob, SwarmOptions, download
from phonotheque.mirror.transfer import Fetcher, Limits, Wanted
from phonotheque.mirror.trust import Trust, check_paths, first_trust
from phonotheque.model.edition import EditionManifest, Revocations
from phonotheque.model.errors import (
    InputError,
    NotFoundError,
    PhonothequeError,
    TransferError,
    TrustError,
)
from phonotheque.model.numbers import IdKey, Kind, parse_public_id
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import parse_document, read_document
from phonotheque.storage.durable import ensure_directory, partial_file, write_bytes
from phonotheque.storage.layout import Tree
from phonotheque.storage.volume_rows import read_volumes

FILE_COLUMNS = [
    "path", "recording", "sha256", "bytes", "attribution", "licence", "distribute",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Desk:
    """What is known before the file is fetched: an edition on disk, and whom to ask."""

    tree: Tree
    manifest: EditionManifest
    revoked: Revoked
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class GetOptions:
    """How to fetch, and the root to trust at first contact."""

    via: Via = Via.AUTO
    peers: tuple[Peer, ...] = ()
    root: str | Path | None = None
    listen: str = "0.0.0.0:0"
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class _Order:
    """One file of one volume, and where it is to go."""

    desk: _Desk
    volume: str
    row: dict[str, Any]
    target: Path
    options: GetOptions
    progress: Progress


def get(
    source: Tree | str,
    recording: str,
    target: Path,
    progress: Progress,
    *,
    via: Via = Via.AUTO,
    peers: Sequence[Peer] = (),
    root: str | Path | None = None,
    listen: str = "0.0.0.0:0",
    limits: Limits | None = None,
    dry_run: bool = False,
) -> GetReport:
    """Bring the audio of one recording (a public id) to `target`, a file or a folder.

    With `dry_run` it is only found: the report says what would come, and nothing is written.

    `source` is an archive or mirror on this machine, or an origin's address; of an address, only
    the tables up to the recording's volume are fetched (the most listened volumes first).

    Raises:
        InputError: `recording` is no public id of a recording.
        NotFoundError: the edition has no file of it, or it was withdrawn.
        TransferError: nobody delivered. TrustError: the origin does not prove itself.
    """
    options = GetOptions(via, tuple(peers), root, listen, limits or Limits())
    with _desk(source, options, progress) as desk:
        number = _number(recording, desk.manifest)
        volume, row = _find(desk, number, recording, progress)
        _check_not_withdrawn(desk, recording, volume, row)
        place = target / Path(str(row["path"])).name if target.is_dir() else target
        used, received = via, 0
        if not dry_run:
            used, received = _bring(_Order(desk, volume, row, place, options, progress))
    return GetReport(
        recording=recording,
        volume=volume,
        path=row["path"],
        target=str(place),
        bytes=row["bytes"],
        bytes_fetched=received,
        sha256=row["sha256"],
        via=used,
        attribution=row["attribution"],
        licence=row["licence"],
    )


@contextmanager
def _desk(source: Tree | str, options: GetOptions, progress: Progress) -> Iterator[_Desk]:
    if isinstance(source, Tree):
        yield _local_desk(source, options, progress)
        return
    origin = open_origin(source, timeout_seconds=options.limits.timeout_seconds)
    with TemporaryDirectory() as scratch:
        tree = Tree(Path(scratch))
        trust = first_trust(origin, tree.metadata, options.root)
        trust.refresh()
        name = trust.latest().edition
        content, manifest = trust.document(f"editions/{name}/edition.json", EditionManifest)
        check_paths(manifest, name)
        write_bytes(tree.edition(name) / "edition.json", content)
        yield _Desk(tree, manifest, _signed_revocations(trust), (origin,))


def _local_desk(tree: Tree, options: GetOptions, progress: Progress) -> _Desk:
    name = newest_edition(tree)
    manifest = read_document(tree.edition(name) / "edition.json", EditionManifest)
    revoked, origins = read_revoked(tree), []
    if tree.mirror_toml.is_file():
        settings = read_mirror(tree)
        try:
            origin = open_origin(settings.origin, timeout_seconds=options.limits.timeout_seconds)
            origins.append(origin)
            with TemporaryDirectory() as scratch:
                shutil.copytree(tree.metadata, f"{scratch}/metadata", symlinks=True)
                trust = first_trust(origin, Path(scratch) / "metadata", None, held=tree.root)
                trust.refresh()
                revoked = _signed_revocations(trust)
        except (TransferError, NotFoundError) as error:
            progress.note(f"{error}; going by the revocation list this mirror saw last")
    return _Desk(tree, manifest, revoked, tuple(origins))


def _signed_revocations(trust: Trust) -> Revoked:
    content = trust.target("revocations.json")
    if content is None:
        return index_revocations(Revocations(format=1, sequence=0, files=[]))
    return index_revocations(parse_document(content, Revocations, "revocations.json"))


def _number(recording: str, manifest: EditionManifest) -> int:
    kind, number = parse_public_id(recording, IdKey(bytes.fromhex(manifest.id_key)))
    if kind is not Kind.RECORDING:
        raise InputError(f"{recording} is not the id of a recording")
    return number


def _find(
    desk: _Desk, number: int, recording: str, progress: Progress
) -> tuple[str, dict[str, Any]]:
    names = _volume_order(desk)
    progress.start("looking for the recording", len(names), "volumes")
    for name in names:
        table = pq.read_table(
            _ensure_local(desk, volume_tables(name)[0]), columns=FILE_COLUMNS,
            filters=pc.field("recording") == number,
        )  # fmt: skip
        progress.advance()
        if table.num_rows:
            return name, table.to_pylist()[0]
    raise NotFoundError(f"edition {desk.manifest.name} has no audio of {recording}")


def _volume_order(desk: _Desk) -> list[str]:
    local = desk.tree.edition(desk.manifest.name) / "volumes.parquet"
    if local.is_file():
        table = read_volumes(local)
    else:
        table = fetch_volumes(desk.origins[0], desk.manifest)
    table = table.filter(pc.is_null(table.column("superseded_by")))
    ordered: pa.Table = table.sort_by([("listens", "descending"), ("volume", "ascending")])
    return [str(name) for name in ordered["volume"].to_pylist()]


def _ensure_local(desk: _Desk, path: str) -> Path:
    """The edition's file `path` on this disk; fetched and proved when it is not here."""
    local = desk.tree.edition(desk.manifest.name) / path
    if local.is_file():
        return local
    entry = next((e for e in desk.manifest.contents if e.path == path), None)
    if entry is None or not desk.origins:
        raise NotFoundError(f"edition {desk.manifest.name} has no {path}; run repair")
    remote = f"editions/{desk.manifest.name}/{path}"
    content = read_all(desk.origins[0], remote, entry.bytes)
    if sha256(content).hexdigest() != entry.sha256:
        raise TrustError(f"{desk.origins[0].address}: {remote} is not what the edition vouches for")
    write_bytes(local, content)
    return local


def _check_not_withdrawn(desk: _Desk, recording: str, volume: str, row: dict[str, Any]) -> None:
    revoked = desk.revoked.paths(volume).get(str(row["path"]))
    if revoked is not None or row["sha256"] in desk.revoked.sha256s:
        reason = revoked.reason if revoked else "the same file"
        raise NotFoundError(f"{recording} was withdrawn ({reason}); it is not given out any more")


def _bring(order: _Order) -> tuple[Via, int]:
    """The way it came, and the bytes received."""
    desk, row = order.desk, order.row
    held = desk.tree.volume(order.volume) / row["path"]
    if held.is_file() and read_sha256(held) == row["sha256"]:
        _copy(held, order.target)
        return Via.AUTO, 0
    failure: PhonothequeError = TransferError(f"{row['path']}: no origin and no peer to ask")
    order.progress.start(str(row["path"]), row["bytes"], "bytes")
    for way in _ways(desk, order.options):
        try:
            return way, _over_http(order) if way is Via.HTTP else _from_swarm(order)
        except TransferError as error:
            order.progress.note(str(error))
            failure = error
    raise failure


def _ways(desk: _Desk, options: GetOptions) -> list[Via]:
    possible = [way for way, ok in ((Via.HTTP, desk.origins), (Via.SWARM, options.peers)) if ok]
    return sorted(possible, key=lambda way: way is not options.via)


def _over_http(order: _Order) -> int:
    row, target = order.row, order.target
    remote = f"volumes/{order.volume}/{row['path']}"
    wanted = Wanted(remote, row["bytes"], lambda d: d.sha256.hex() == row["sha256"])
    fetcher = Fetcher(order.desk.origins, order.options.limits, order.progress.advance)
    return fetcher.fetch(wanted, target.with_name(f".{target.name}.incoming"), target)[1]


def _from_swarm(order: _Order) -> int:
    desk, row, options = order.desk, order.row, order.options
    _ensure_local(desk, volume_tables(order.volume)[1])
    volume = read_expected(desk.tree.edition(desk.manifest.name), order.volume)
    wanted = frozenset({volume.files[row["path"]].torrent.index})
    ensure_directory(order.target.parent)
    with TemporaryDirectory(dir=order.target.parent, prefix=".phonotheque-") as scratch:
        job = SwarmJob(volume.torrent_path, wanted, Path(scratch))
        swarm = SwarmOptions(
            options.listen, options.peers, stall_seconds=options.limits.stall_seconds
        )
        received = download(job, swarm, order.progress.advance)
        staged = Path(scratch) / order.volume / row["path"]
        if not staged.is_file() or read_sha256(staged) != row["sha256"]:
            raise TransferError(f"{row['path']}: what the swarm brought is not what was signed for")
        _copy(staged, order.target)
    return received


def _copy(source: Path, target: Path) -> None:
    with partial_file(target) as copy:
        shutil.copyfile(source, copy)
