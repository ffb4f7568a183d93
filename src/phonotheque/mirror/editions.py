"""Bringing an edition's own files: linked from the edition before where equal, else fetched.

`edition.json` is written last: an edition directory with one is whole.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from phonotheque.mirror.checking import read_sha256
from phonotheque.mirror.state import Placing
from phonotheque.mirror.transfer import Fetcher, Wanted
from phonotheque.model.edition import EditionFile, EditionManifest
from phonotheque.model.errors import FormatError
from phonotheque.storage.documents import read_document
from phonotheque.storage.durable import link_or_copy
from phonotheque.storage.layout import Tree


@dataclass(frozen=True, slots=True)
class EditionCopy:
    """What it took: files and bytes fetched, files linked."""

    fetched: int
    linked: int
    bytes_fetched: int
    proved: tuple[tuple[Path, str], ...]  # path and SHA-256 of each file now in place


def missing_files(place: Placing, manifest: EditionManifest) -> list[EditionFile]:
    """Files of the edition that are not here, or not proved since they last changed."""
    folder = f"editions/{manifest.name}"
    proved = place.proved_below(folder)
    missing = []
    for entry in manifest.contents:
        path = place.tree.edition(manifest.name) / entry.path
        known = proved.get(f"{folder}/{entry.path}")
        if path.is_file() and known and known.is_of(path.stat(), entry.sha256):
            continue
        missing.append(entry)
    return missing


def held_by_digest(tree: Tree, but: str) -> dict[str, Path]:
    """Files of the other whole editions here, by SHA-256 (as their manifests say)."""
    held: dict[str, Path] = {}
    if not tree.editions.is_dir():
        return held
    for folder in sorted(tree.editions.iterdir()):
        if folder.name == but or not (folder / "edition.json").is_file():
            continue
        try:
            manifest = read_document(folder / "edition.json", EditionManifest)
        except FormatError:
            continue
        held.update((e.sha256, folder / e.path) for e in manifest.contents)
    return held


def bring_edition(
    tree: Tree, manifest: EditionManifest, missing: list[EditionFile], fetcher: Fetcher,
    connections: int,
) -> EditionCopy:  # fmt: skip
    """Put the missing files of the edition in place, each proved.

    Raises:
        TransferError: an origin did not deliver; run again to carry on.
    """
    held = held_by_digest(tree, manifest.name)
    folder = tree.edition(manifest.name)
    linked, proved, wanted = 0, [], []
    for entry in missing:
        target = folder / entry.path
        found = _sound_copy(target, entry, held)
        if found is None:
            wanted.append(entry)
            continue
        if found != target:
            link_or_copy(found, target)
            linked += 1
        proved.append((target, entry.sha256))
    received = 0
    for entry, count in _fetch_all(tree, manifest, wanted, fetcher, connections):
        received += count
        proved.append((folder / entry.path, entry.sha256))
    return EditionCopy(len(wanted), linked, received, tuple(proved))


def _sound_copy(target: Path, entry: EditionFile, held: dict[str, Path]) -> Path | None:
    for path in (target, held.get(entry.sha256)):
        if path is None or not path.is_file() or path.stat().st_size != entry.bytes:
            continue
        if read_sha256(path) == entry.sha256:
            return path
    return None


def _fetch_all(
    tree: Tree, manifest: EditionManifest, wanted: list[EditionFile], fetcher: Fetcher,
    connections: int,
) -> Iterator[tuple[EditionFile, int]]:  # fmt: skip
    folder = f"editions/{manifest.name}"

    def fetch(entry: EditionFile) -> tuple[EditionFile, int]:
        _, received = fetcher.fetch(
            Wanted(
                f"{folder}/{entry.path}",
                entry.bytes,
                lambda digests: digests.sha256.hex() == entry.sha256,
            ),
            tree.root / "incoming" / "http" / folder / entry.path,
            tree.root / folder / entry.path,
        )
        return entry, received

    with ThreadPoolExecutor(connections) as pool:
        try:
            yield from pool.map(fetch, wanted)
        except BaseException:
            fetcher.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
