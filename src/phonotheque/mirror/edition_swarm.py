"""An edition's own files from the swarm, by the edition's torrent; what does not come so comes over
HTTP (docs/mirroring.md). The torrent itself is fetched, as its info hashes are signed for."""

import shutil
from collections.abc import Callable
from pathlib import Path

from phonotheque.edition import TorrentInfo, read_torrent
from phonotheque.mirror.checking import read_sha256
from phonotheque.mirror.editions import EditionNeeds, bring_edition
from phonotheque.mirror.state import Placing
from phonotheque.mirror.swarm import SwarmJob, SwarmOptions, download
from phonotheque.mirror.transfer import Fetcher
from phonotheque.model.edition import EditionFile, EditionManifest
from phonotheque.model.errors import FormatError, TransferError
from phonotheque.storage.durable import commit_file, ensure_directory
from phonotheque.storage.layout import Tree


def catalogue_torrent(tree: Tree, manifest: EditionManifest) -> tuple[Path, TorrentInfo] | None:
    """The torrent of the edition's own files, where it is here; None where the edition has none.

    Raises:
        FormatError: it is not the one that the edition names.
    """
    named = manifest.catalogue_torrent
    if named is None:
        return None
    path = tree.edition(manifest.name) / named.path
    if not path.is_file():
        return None
    torrent = read_torrent(path.read_bytes(), str(path))
    same = (torrent.info_hash_v1, torrent.info_hash_v2) == (named.info_hash_v1, named.info_hash_v2)
    if not same or torrent.name != manifest.name:
        raise FormatError(f"{path}: is not the torrent that edition {manifest.name} names")
    return path, torrent


def offered_files(
    tree: Tree, manifest: EditionManifest, torrent: TorrentInfo
) -> tuple[list[bool], frozenset[int]]:
    """What of an edition's own files can be given: for each piece whether it is here, and the
    indexes of the files that are not (a mirror of part of an archive keeps a part of them)."""
    length, pieces, hidden = torrent.piece_length, [True] * torrent.pieces, set[int]()
    for file in torrent.files:
        held = tree.edition(manifest.name) / file.path
        if held.is_file() and held.stat().st_size == file.size_bytes:
            continue
        hidden.add(file.index)
        first = file.first_piece
        last = first + -(-file.size_bytes // length)
        pieces[first:last] = [False] * (last - first)
    return pieces, frozenset(hidden)


def bring_from_swarm(
    place: Placing,
    manifest: EditionManifest,
    needs: EditionNeeds,
    fetcher: Fetcher,
    *,
    swarm: SwarmOptions,
    tick: Callable[[int], None],
    note: Callable[[str], None],
) -> tuple[EditionNeeds, int]:
    """Bring what the swarm has of `needs` in place, each file proved and noted. Returns what is
    still needed, and the bytes received; of an edition without a torrent nothing is brought. Why
    not all came is noted.

    Raises:
        FormatError: the torrent is not the one that is signed for.
        TransferError: the torrent did not come, or the run was told to stop; what came is kept.
    """
    named = manifest.catalogue_torrent
    if named is None or not needs.wanted:
        return needs, 0
    first = tuple(e for e in needs.wanted if e.path == named.path)
    held = tuple((e, found) for e, found in needs.held if e.path == named.path)
    copy = bring_edition(place, manifest, EditionNeeds(held, first), fetcher, connections=1)
    found = catalogue_torrent(place.tree, manifest)
    if found is None:
        raise FormatError(f"edition {manifest.name} does not list its torrent {named.path}")
    path, torrent = found
    indexes = {file.path: file.index for file in torrent.files}
    asked = [e for e in needs.wanted if e.path in indexes]
    staging = place.tree.root / "incoming" / "swarm"
    job = SwarmJob(
        torrent=path,
        indexes=frozenset(indexes[e.path] for e in asked),
        staging=staging,
        resume=staging / f"{manifest.name}.resume",
    )
    received = _download(job, swarm, tick, note) if asked else 0
    came = {e.path for e in asked if _placed(place, manifest, e, staging / manifest.name / e.path)}
    if received is None:
        received = sum(e.bytes for e in asked if e.path in came)
    else:
        shutil.rmtree(staging / manifest.name, ignore_errors=True)
    left = tuple(e for e in needs.wanted if e.path not in came | {named.path})
    rest = tuple(pair for pair in needs.held if pair not in held)
    return EditionNeeds(rest, left), copy.bytes_fetched + received


def _download(
    job: SwarmJob, swarm: SwarmOptions, tick: Callable[[int], None], note: Callable[[str], None]
) -> int | None:
    """The bytes received; None where the swarm gave up before the end. What came stands staged, for
    libtorrent to look at again: its own notes do not know what is placed now."""
    try:
        return download(job, swarm, tick)
    except TransferError as error:
        if swarm.stop.is_set():
            raise
        note(f"{error}. The rest is asked for over HTTP")
        if job.resume is not None:
            job.resume.unlink(missing_ok=True)
        return None


def _placed(place: Placing, manifest: EditionManifest, entry: EditionFile, staged: Path) -> bool:
    """Prove a staged file and put it in its place; whether it was good."""
    if not staged.is_file() or read_sha256(staged) != entry.sha256:
        return False
    target = place.tree.edition(manifest.name) / entry.path
    ensure_directory(target.parent)
    staged.chmod(0o444)
    commit_file(staged, target)
    place.note(target, entry.sha256)
    return True
