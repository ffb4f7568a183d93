"""One recording by itself: from a mirror's own disk, by HTTP, or from the swarm.

Where it is, `locating` finds out; what proves it is the volume's table of the signed edition; a
withdrawn one is refused. A mirror is only read: what is fetched to find the recording goes again.
"""

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from phonotheque.mirror.asking import ask_where
from phonotheque.mirror.checking import read_sha256, volume_tables
from phonotheque.mirror.expected import Revoked, index_revocations, read_expected, read_revoked
from phonotheque.mirror.formats import GetReport, MirrorSettings, Via
from phonotheque.mirror.locating import Found, Meter, MeteredOrigin, Shelf, locate
from phonotheque.mirror.naming import aliases, identify
from phonotheque.mirror.origin import Origin, open_origin
from phonotheque.mirror.pacing import Pace
from phonotheque.mirror.planning import read_mirror
from phonotheque.mirror.schedule import TransferSettings
from phonotheque.mirror.seeding import newest_edition
from phonotheque.mirror.swarm import Peer, SwarmJob, SwarmOptions, download, parse_peer
from phonotheque.mirror.transfer import Fetcher, Limits, Wanted
from phonotheque.mirror.trust import Trust, check_paths, first_trust
from phonotheque.mirror.ways import limits_of
from phonotheque.model.edition import EditionManifest, Revocations
from phonotheque.model.errors import NotFoundError, PhonothequeError, TransferError
from phonotheque.model.numbers import IdKey, format_public_id
from phonotheque.model.progress import Progress
from phonotheque.storage.documents import parse_document, read_document
from phonotheque.storage.durable import ensure_directory, partial_file
from phonotheque.storage.layout import Tree

_REPORTED = ("path", "bytes", "sha256", "attribution", "licence", "title", "artist_credit")


@dataclass(frozen=True, slots=True)
class _Desk:
    """What is known before the file is fetched: an edition, and whom to ask."""

    tree: Tree
    shelf: Shelf
    revoked: Revoked
    origins: tuple[Origin, ...]  # for audio
    peers: tuple[Peer, ...]
    limits: Limits
    pace: Pace
    meter: Meter

    @property
    def manifest(self) -> EditionManifest:
        return self.shelf.manifest


@dataclass(frozen=True, slots=True)
class GetOptions:
    """How to fetch, and the root to trust at first contact."""

    via: Via = Via.AUTO
    peers: tuple[Peer, ...] = ()
    root: str | Path | None = None
    listen: str = "0.0.0.0:0"
    limits: Limits | None = None
    max_rate: int | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for, of the server at which address, and where to look first."""

    text: str
    server: str | None
    volume: str | None
    first: bool


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
    max_rate: int | None = None,
    volume: str | None = None,
    first: bool = False,
    dry_run: bool = False,
) -> GetReport:
    """Bring the audio of one recording to `target`, a file or a folder.

    `recording` is a public id, an ISRC, or the number of a recording; of an address it may be
    anything that the server there can look up or search for. `source` is an archive or mirror on
    this machine, or an origin's address; of an address, only what is needed to find and prove the
    recording is fetched. `volume` is where to look first. The rate of `mirror.toml` holds, unless
    `max_rate` (bytes a second) is given. With `dry_run` it is only found: the report says what
    would come, and nothing is written.

    Raises:
        InputError: `recording` is no id of a recording. UsageError: several recordings have it.
        NotFoundError: the edition has no file of it, or it was withdrawn.
        TransferError: nobody delivered. TrustError: the origin does not prove itself.
    """
    began = time.monotonic()
    options = GetOptions(via, tuple(peers), root, listen, limits, max_rate)
    asked = _Asked(recording, source if isinstance(source, str) else None, volume, first)
    with _desk(source, options, progress) as desk:
        public_id, found = _find(desk, asked, progress)
        row = found.row
        place = target / Path(str(row["path"])).name if target.is_dir() else target
        used, received = via, 0
        if not dry_run:
            used, received = _bring(_Order(desk, found.volume, row, place, options, progress))
    same = {name: row[name] for name in _REPORTED}
    return GetReport(
        recording=public_id,
        volume=found.volume,
        target=str(place),
        bytes_fetched=received,
        via=used,
        bytes_of_tables=desk.meter.bytes,
        seconds=round(time.monotonic() - began, 3),
        **same,
    )


def _find(desk: _Desk, asked: _Asked, progress: Progress) -> tuple[str, Found]:
    """The public id of what was asked for, and its file, which is not withdrawn."""
    shelf, server = desk.shelf, asked.server
    number = identify(shelf, asked.text, server, desk.limits, first=asked.first, progress=progress)
    public_id = format_public_id(number, IdKey(bytes.fromhex(desk.manifest.id_key)))

    def hints() -> list[str]:
        told = [asked.volume] if asked.volume else []
        if server is not None:
            told += filter(None, [ask_where(server, public_id, desk.limits)])
        return told

    found = locate(shelf, aliases(shelf, number), hints, progress)
    if found is None:
        says = f", says {server}" if server else ""
        raise NotFoundError(f"edition {desk.manifest.name} has no audio of {public_id}{says}")
    _check_not_withdrawn(desk, public_id, found)
    return public_id, found


@contextmanager
def _desk(source: Tree | str, options: GetOptions, progress: Progress) -> Iterator[_Desk]:
    with TemporaryDirectory() as scratch:
        if isinstance(source, Tree):
            yield _local_desk(source, Path(scratch), options, progress)
        else:
            yield _far_desk(source, Path(scratch), options, progress)


def _far_desk(address: str, scratch: Path, options: GetOptions, progress: Progress) -> _Desk:
    limits = limits_of(TransferSettings(), options.limits, options.max_rate)
    pace, meter = Pace(limits.bytes_per_second), Meter()
    origin = open_origin(address, timeout_seconds=limits.timeout_seconds, least=limits.least)
    metered = MeteredOrigin(origin, pace, meter)
    tree = Tree(scratch / "tree")
    trust = first_trust(metered, tree.metadata, options.root)
    trust.refresh()
    name = trust.latest().edition
    _, manifest = trust.document(f"editions/{name}/edition.json", EditionManifest)
    check_paths(manifest, name)
    seeds = _open_all([a for a in _webseeds(manifest) if a != origin.address], limits, progress)
    shelf = Shelf(tree, manifest, (metered, *_metered(seeds, pace, meter)), scratch / "tables")
    revoked = _signed_revocations(trust)
    return _Desk(
        tree, shelf, revoked, (origin, *seeds), options.peers, limits, pace, meter
    )  # fmt: skip


def _local_desk(tree: Tree, scratch: Path, options: GetOptions, progress: Progress) -> _Desk:
    name = newest_edition(tree)
    manifest = read_document(tree.edition(name) / "edition.json", EditionManifest)
    settings = read_mirror(tree) if tree.mirror_toml.is_file() else None
    transfer = (settings.transfer if settings else None) or TransferSettings()
    limits = limits_of(transfer, options.limits, options.max_rate)
    pace, meter = Pace(limits.bytes_per_second), Meter()
    revoked, origins = read_revoked(tree), list[Origin]()
    if settings is not None:
        revoked, origins = _ask_origin(tree, settings, scratch, limits, progress)
        more = [a for a in (*settings.others, *_webseeds(manifest)) if a != settings.origin]
        origins += _open_all(dict.fromkeys(more), limits, progress)
    shelf = Shelf(tree, manifest, tuple(_metered(origins, pace, meter)), scratch / "tables")
    peers = tuple(parse_peer(peer) for peer in (settings.peers if settings else ()))
    return _Desk(
        tree, shelf, revoked, tuple(origins), (*options.peers, *peers), limits, pace, meter
    )  # fmt: skip


def _ask_origin(
    tree: Tree, settings: MirrorSettings, scratch: Path, limits: Limits, progress: Progress
) -> tuple[Revoked, list[Origin]]:
    """What is withdrawn today, by the origin; which may be gone."""
    try:
        origin = open_origin(
            settings.origin, timeout_seconds=limits.timeout_seconds, least=limits.least
        )
        shutil.copytree(tree.metadata, scratch / "metadata", symlinks=True)
        trust = first_trust(origin, scratch / "metadata", None, held=tree.root)
        trust.refresh()
        return _signed_revocations(trust), [origin]
    except (TransferError, NotFoundError) as error:
        progress.note(f"{error}; going by the revocation list this mirror saw last")
        return read_revoked(tree), []


def _webseeds(manifest: EditionManifest) -> list[str]:
    """Web addresses that the edition names; a file of this machine is none."""
    return [seed.rstrip("/") for seed in manifest.webseeds if seed.startswith(("http:", "https:"))]


def _open_all(addresses: Iterable[str], limits: Limits, progress: Progress) -> list[Origin]:
    found: list[Origin] = []
    for address in addresses:
        try:
            found.append(
                open_origin(address, timeout_seconds=limits.timeout_seconds, least=limits.least)
            )
        except PhonothequeError as error:
            progress.note(str(error))
    return found


def _metered(origins: Sequence[Origin], pace: Pace, meter: Meter) -> list[Origin]:
    return [MeteredOrigin(origin, pace, meter) for origin in origins]


def _signed_revocations(trust: Trust) -> Revoked:
    content = trust.target("revocations.json")
    if content is None:
        return index_revocations(Revocations(format=1, sequence=0, files=[]))
    return index_revocations(parse_document(content, Revocations, "revocations.json"))


def _check_not_withdrawn(desk: _Desk, recording: str, found: Found) -> None:
    revoked = desk.revoked.paths(found.volume).get(str(found.row["path"]))
    if revoked is not None or found.row["sha256"] in desk.revoked.sha256s:
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
    possible = [way for way, ok in ((Via.HTTP, desk.origins), (Via.SWARM, desk.peers)) if ok]
    return sorted(possible, key=lambda way: way is not options.via)


def _over_http(order: _Order) -> int:
    row, target = order.row, order.target
    remote = f"volumes/{order.volume}/{row['path']}"
    wanted = Wanted(remote, row["bytes"], lambda d: d.sha256.hex() == row["sha256"])
    desk = order.desk
    fetcher = Fetcher(desk.origins, desk.limits, order.progress.advance, pace=desk.pace)
    return fetcher.fetch(wanted, target.with_name(f".{target.name}.incoming"), target)[1]


def _from_swarm(order: _Order) -> int:
    desk, row, options = order.desk, order.row, order.options
    folder = desk.shelf.folder(volume_tables(order.volume))
    volume = read_expected(folder, order.volume)
    wanted = frozenset({volume.files[row["path"]].torrent.index})
    ensure_directory(order.target.parent)
    with TemporaryDirectory(dir=order.target.parent, prefix=".phonotheque-") as scratch:
        job = SwarmJob(volume.torrent_path, wanted, Path(scratch))
        swarm = SwarmOptions(
            options.listen, desk.peers, stall_seconds=desk.limits.stall_seconds,
            bytes_per_second=desk.limits.bytes_per_second,
        )  # fmt: skip
        received = download(job, swarm, order.progress.advance)
        staged = Path(scratch) / order.volume / row["path"]
        if not staged.is_file() or read_sha256(staged) != row["sha256"]:
            raise TransferError(f"{row['path']}: what the swarm brought is not what was signed for")
        _copy(staged, order.target)
    return received


def _copy(source: Path, target: Path) -> None:
    with partial_file(target) as copy:
        shutil.copyfile(source, copy)
