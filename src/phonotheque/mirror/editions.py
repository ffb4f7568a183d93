"""Bringing an edition's own files: linked from an edition before where equal, else fetched.

`edition.json` is written last: an edition directory with one is whole.
"""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from phonotheque.mirror.checking import read_sha256
from phonotheque.mirror.origin import MissingError
from phonotheque.mirror.part import VOLUMES, entries_of, kept_entries, kept_volumes
from phonotheque.mirror.state import Placing, Proved
from phonotheque.mirror.transfer import Fetcher, LackingError, Wanted
from phonotheque.model.edition import EditionFile, EditionManifest
from phonotheque.model.errors import FormatError
from phonotheque.storage.documents import read_document
from phonotheque.storage.durable import fsync_directory, link_or_copy
from phonotheque.storage.layout import Tree
from phonotheque.storage.part_tables import volume_of


@dataclass(frozen=True, slots=True)
class EditionNeeds:
    """What of an edition is not proved in its place: `held` here, with a sound copy (it may be in
    its place), and `wanted` from an origin."""

    held: tuple[tuple[EditionFile, Path], ...]
    wanted: tuple[EditionFile, ...]

    @property
    def bytes(self) -> int:
        """What is to be fetched."""
        return sum(entry.bytes for entry in self.wanted)


@dataclass(frozen=True, slots=True)
class EditionCopy:
    """What it took: files and bytes fetched, files linked. `lacking` are tables of single volumes
    that no origin has, as those of mirrors of a part may be."""

    fetched: int
    linked: int
    bytes_fetched: int
    lacking: tuple[EditionFile, ...] = ()


def find_needs(
    place: Placing, manifest: EditionManifest, entries: Sequence[EditionFile] | None = None
) -> EditionNeeds:
    """Those of `entries` (None: all files of the edition) that are not here, or not proved since
    they last changed.

    A file that is not known to be sound is read; one that an earlier run proved is not, wherever it
    stands: in an edition before, or in one that was never finished.
    """
    proved = place.proved_below("editions")
    known = [{p.sha256: place.tree.root / path for path, p in proved.items()}]
    known.append(_listed(place.tree, manifest.name))
    held, wanted = [], []
    for entry in manifest.contents if entries is None else entries:
        target = place.tree.edition(manifest.name) / entry.path
        if _is_proved(place, target, entry, proved):
            continue
        copies = [target, *(by[entry.sha256] for by in known if entry.sha256 in by)]
        found = next((path for path in copies if _is_sound(place, path, entry, proved)), None)
        if found is None:
            wanted.append(entry)
        else:
            held.append((entry, found))
    return EditionNeeds(tuple(held), tuple(wanted))


def _listed(tree: Tree, but: str) -> dict[str, Path]:
    """Files of the other whole editions here, by SHA-256 (as their manifests say)."""
    listed: dict[str, Path] = {}
    for folder in sorted(tree.editions.iterdir()) if tree.editions.is_dir() else []:
        if folder.name == but or not (folder / "edition.json").is_file():
            continue
        try:
            manifest = read_document(folder / "edition.json", EditionManifest)
        except FormatError:
            continue
        listed.update((e.sha256, folder / e.path) for e in manifest.contents)
    return listed


def _is_proved(place: Placing, path: Path, entry: EditionFile, proved: dict[str, Proved]) -> bool:
    known = proved.get(path.relative_to(place.tree.root).as_posix())
    return known is not None and path.is_file() and known.is_of(path.stat(), entry.sha256)


def _is_sound(place: Placing, path: Path, entry: EditionFile, proved: dict[str, Proved]) -> bool:
    if _is_proved(place, path, entry, proved):
        return True
    if not path.is_file() or path.stat().st_size != entry.bytes:
        return False
    return read_sha256(path) == entry.sha256


def choose_entries(
    place: Placing, manifest: EditionManifest, fetcher: Fetcher
) -> tuple[EditionFile, ...]:
    """The edition's files that are to be kept here. Which tables a mirror of a part needs, the
    edition's table of volumes says; it is brought first where there is one to ask.

    Raises:
        TransferError: it did not come.
    """
    if kept_volumes(place.tree, manifest) is None:
        return tuple(manifest.contents)
    first = find_needs(place, manifest, entries_of(manifest, VOLUMES))
    bring_edition(place, manifest, first, fetcher, connections=1)
    return kept_entries(manifest, kept_volumes(place.tree, manifest))


def bring_edition(
    place: Placing, manifest: EditionManifest, needs: EditionNeeds, fetcher: Fetcher,
    connections: int,
) -> EditionCopy:  # fmt: skip
    """Put what the edition needs in place, each file proved and noted as it comes. Tables of single
    volumes that no origin has are left.

    Raises:
        TransferError: an origin did not deliver; run again to carry on.
    """
    folder = place.tree.edition(manifest.name)
    linked, received, lacking = 0, 0, list[EditionFile]()
    for entry, found in needs.held:
        target = folder / entry.path
        if found != target:
            link_or_copy(found, target)
            linked += 1
        place.note(target, entry.sha256)
    for entry, count in _fetch_all(place.tree, manifest, needs.wanted, fetcher, connections):
        if count is None:
            lacking.append(entry)
            continue
        received += count
        place.note(folder / entry.path, entry.sha256)
    return EditionCopy(len(needs.wanted) - len(lacking), linked, received, tuple(lacking))


def clear_unfinished(place: Placing) -> None:
    """Remove what is left of editions that were never finished; a later one is whole now, and has
    linked what they share."""
    incoming = place.tree.root / "incoming"
    shutil.rmtree(incoming / "http" / "editions", ignore_errors=True)
    for manifest in place.tree.editions.glob("*/edition.json"):
        shutil.rmtree(incoming / "swarm" / manifest.parent.name, ignore_errors=True)
    for folder in sorted(place.tree.editions.iterdir()):
        if not folder.is_dir() or (folder / "edition.json").is_file():
            continue
        if place.state is not None:
            place.state.forget_below(f"editions/{folder.name}")
        shutil.rmtree(folder)
        fsync_directory(place.tree.editions)


def _fetch_all(
    tree: Tree, manifest: EditionManifest, wanted: tuple[EditionFile, ...], fetcher: Fetcher,
    connections: int,
) -> Iterator[tuple[EditionFile, int | None]]:  # fmt: skip
    """Each file and the bytes received; None: a table of one volume that nobody who answers has."""
    folder = f"editions/{manifest.name}"

    def fetch(entry: EditionFile) -> tuple[EditionFile, int | None]:
        wanted = Wanted(
            f"{folder}/{entry.path}",
            entry.bytes,
            lambda digests: digests.sha256.hex() == entry.sha256,
        )
        staged = tree.root / "incoming" / "http" / folder / entry.path
        try:
            return entry, fetcher.fetch(wanted, staged, tree.root / folder / entry.path)[1]
        except (MissingError, LackingError):
            if volume_of(entry.path) is None:
                raise
            return entry, None

    with ThreadPoolExecutor(connections) as pool:
        try:
            yield from pool.map(fetch, wanted)
        except BaseException:
            fetcher.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
