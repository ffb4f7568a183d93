"""Places that may hold objects of a vault: volumes of an archive or mirror on this machine or
behind a web address, other vaults, plain folders, and what was set aside."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import sha256 as new_sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from phonotheque.model.errors import NotFoundError
from phonotheque.storage.digests import read_chunks
from phonotheque.storage.layout import Tree
from phonotheque.storage.local_store import LocalStore
from phonotheque.storage.stores import Store
from phonotheque.vault import Donor, Offer, Vault, quarantine_path

_CHUNK = 1 << 20
ReadRemote = Callable[[str, int], Iterator[bytes]]  # path below the tree, bytes → content


class VolumesDonor:
    """The volumes of a tree: its own tables of files say what stands where. `read` brings a path
    below the tree; without it, the files of `tree` itself."""

    def __init__(self, tree: Tree, name: str, read: ReadRemote | None = None) -> None:
        self._tree = tree
        self.name = name
        self._read = read

    def offers(self, wanted: Mapping[str, int]) -> Iterator[Offer]:
        """See `Donor`. Every table of files is looked through once."""
        for volume, path, digest in iter_places(self._tree, wanted):
            if digest not in wanted:
                continue
            remote = f"volumes/{volume}/{path}"
            if self._read is not None:
                read = partial(self._read, remote, wanted[digest])
                yield Offer(digest, f"{self.name}/{remote}", read)
                continue
            held = self._tree.root / remote
            if held.is_file():
                yield Offer(digest, str(held), partial(_read_file, held))


class StoreDonor:
    """The objects of another vault."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.name = name

    def offers(self, wanted: Mapping[str, int]) -> Iterator[Offer]:
        """See `Donor`. One question for each object."""
        for digest in list(wanted):
            if self._store.size(digest) is not None:
                where = self._store.where(digest)
                yield Offer(digest, where, partial(self._store.iter_chunks, digest))


class FolderDonor:
    """Any folder: files of the right length are hashed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)

    def offers(self, wanted: Mapping[str, int]) -> Iterator[Offer]:
        """See `Donor`."""
        sizes = set(wanted.values())
        for path in sorted(self._folder.rglob("*")):
            if not path.is_file() or path.stat().st_size not in sizes:
                continue
            hasher = new_sha256()
            for chunk in _read_file(path):
                hasher.update(chunk)
            if hasher.hexdigest() in wanted:
                yield Offer(hasher.hexdigest(), str(path), partial(_read_file, path))


class AsideDonor:
    """What the vault itself has in quarantine, under the very name."""

    name = "quarantine"

    def __init__(self, vault: Vault) -> None:
        self._root = vault.root

    def offers(self, wanted: Mapping[str, int]) -> Iterator[Offer]:
        """See `Donor`."""
        for digest in list(wanted):
            path = quarantine_path(self._root, digest)
            if path.is_file():
                yield Offer(digest, str(path), partial(_read_file, path))


def folder_donors(path: Path) -> list[Donor]:
    """What a folder can give: its volumes and its vault where it is an archive or mirror, a vault,
    or else its files.

    Raises:
        NotFoundError: there is no such folder.
    """
    if not path.is_dir():
        raise NotFoundError(f"{path}: there is no such folder")
    tree, found = Tree(path), list[Donor]()
    if (path / "objects").is_dir():
        return [StoreDonor(LocalStore(path), str(path))]
    if (tree.vault / "objects").is_dir():
        found.append(StoreDonor(LocalStore(tree.vault), str(tree.vault)))
    if tree.editions.is_dir():
        found.append(VolumesDonor(tree, str(path)))
    return found or [FolderDonor(path)]


def iter_places(tree: Tree, wanted: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    """(volume, path, digest) of each place where a volume of `tree` has one of `wanted`, by the
    tables of all its editions. Memory: the rows of one volume."""
    digests = pa.array(list(wanted), pa.string())
    for volume, table in sorted(_tables(tree).items()):
        rows = pq.read_table(table, columns=["path", "sha256"])
        rows = rows.filter(pc.is_in(rows["sha256"], digests))
        for path, digest in zip(*(rows[c].to_pylist() for c in ("path", "sha256")), strict=True):
            yield volume, path, digest


def _tables(tree: Tree) -> dict[str, Path]:
    """The table of files of each volume; an edition names the volumes of those before it too."""
    return {path.stem: path for path in sorted(tree.editions.glob("[!.]*/files/*.parquet"))}


def _read_file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        yield from read_chunks(stream, _CHUNK)
